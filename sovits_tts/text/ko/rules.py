"""Standard pronunciation (표준 발음법): what syllables do to each other.

Numbers in brackets are articles of the standard. The rules meet at the seam between a coda and the next onset; they
work across one space too, except where a sound moves over to the next syllable.
"""

from __future__ import annotations

from collections.abc import Sequence

from sovits_tts.text.ko.hangul import Syllable

Item = Syllable | str  # a syllable, or any other character

_PARTS = {
    "ㄳ": ("ㄱ", "ㅅ"), "ㄵ": ("ㄴ", "ㅈ"), "ㄶ": ("ㄴ", "ㅎ"), "ㄺ": ("ㄹ", "ㄱ"), "ㄻ": ("ㄹ", "ㅁ"),
    "ㄼ": ("ㄹ", "ㅂ"), "ㄽ": ("ㄹ", "ㅅ"), "ㄾ": ("ㄹ", "ㅌ"), "ㄿ": ("ㄹ", "ㅍ"), "ㅀ": ("ㄹ", "ㅎ"),
    "ㅄ": ("ㅂ", "ㅅ"),
}  # fmt: skip
_SPOKEN_CODA = {
    **dict.fromkeys(("ㄱ", "ㄲ", "ㅋ", "ㄳ", "ㄺ"), "ㄱ"),
    **dict.fromkeys(("ㄷ", "ㅅ", "ㅆ", "ㅈ", "ㅊ", "ㅌ", "ㅎ"), "ㄷ"),
    **dict.fromkeys(("ㅂ", "ㅍ", "ㅄ", "ㄿ"), "ㅂ"),
    **dict.fromkeys(("ㄴ", "ㄵ", "ㄶ"), "ㄴ"),
    **dict.fromkeys(("ㄹ", "ㄼ", "ㄽ", "ㄾ", "ㅀ"), "ㄹ"),
    **dict.fromkeys(("ㅁ", "ㄻ"), "ㅁ"),
    "ㅇ": "ㅇ",
    "": "",
}
TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}
_ASPIRATED = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ", "ㅈ": "ㅊ"}
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}


def apply(items: Sequence[Item]) -> None:
    """Changes the syllables to how they sound, from left to right."""
    for item in items:
        if isinstance(item, Syllable):
            _alone(item)
    for index, item in enumerate(items):
        if isinstance(item, Syllable):
            following, near = _following(items, index)
            if following:
                _meet(item, following, near)
            item.coda = _SPOKEN_CODA[item.coda]


def _following(items: Sequence[Item], index: int) -> tuple[Syllable | None, bool]:
    """The next syllable and whether it touches; None behind anything but one space."""
    after = items[index + 1] if index + 1 < len(items) else ""
    if isinstance(after, Syllable):
        return after, True
    beyond = items[index + 2] if after == " " and index + 2 < len(items) else ""
    return (beyond, False) if isinstance(beyond, Syllable) else (None, False)


def _alone(item: Syllable) -> None:
    if item.onset in "ㅈㅉㅊ" and item.vowel == "ㅕ":  # [5.1] 가져 is 가저
        item.vowel = "ㅓ"
    if item.onset != "ㅇ" and item.vowel == "ㅢ":  # [5.3] 희망 is 히망
        item.vowel = "ㅣ"


def _meet(item: Syllable, after: Syllable, near: bool) -> None:
    if not item.coda:
        return
    if near and after.onset == "ㅇ":
        _move_over(item, after)
    elif after.onset == "ㅎ" and item.coda not in "ㄶㅀㅎ":
        _aspirate(item, after, near)
    elif item.coda in ("ㅎ", "ㄶ", "ㅀ") and near:
        _drop_h(item, after)
    if item.coda and after.onset != "ㅇ":
        _tense(item, after)
        _assimilate(item, after, near)


def _move_over(item: Syllable, after: Syllable) -> None:
    """[12.4, 13, 14, 17] The coda becomes the onset of a syllable that has none."""
    if item.coda == "ㅇ":
        return
    kept, moved = _PARTS.get(item.coda, ("", item.coda))
    if moved in "ㄷㅌ" and after.vowel in "ㅣㅕ":
        moved = "ㅈ" if moved == "ㄷ" else "ㅊ"  # 굳이 is 구지, 같이 is 가치, 붙여 is 부처
        after.vowel = "ㅣ" if after.vowel == "ㅣ" else "ㅓ"
    elif moved == "ㅅ" and kept:
        moved = "ㅆ"  # 값이 is 갑씨
    if moved == "ㅎ":
        moved = kept or "ㅇ"  # 좋아 is 조아, 많아 is 마나
        kept = ""
    item.coda, after.onset = kept, moved


def _aspirate(item: Syllable, after: Syllable, near: bool) -> None:
    """[12.1] 각하 is 가카, 앉히다 is 안치다, 못하다 is 모타다."""
    kept, moved = _PARTS.get(item.coda, ("", item.coda))
    if item.coda in ("ㄳ", "ㄽ", "ㅄ"):
        kept, moved = "", _SPOKEN_CODA[item.coda]
    stop = "ㅈ" if moved == "ㅈ" and near else _SPOKEN_CODA[moved]
    if stop not in _ASPIRATED:
        return
    if stop == "ㄷ" and after.vowel in "ㅣㅕ" and near:
        stop = "ㅈ"  # [17] 닫히다 is 다치다, 닫혀 다처
        after.vowel = "ㅣ" if after.vowel == "ㅣ" else "ㅓ"
    item.coda, after.onset = kept, _ASPIRATED[stop]


def _drop_h(item: Syllable, after: Syllable) -> None:
    """[12.1-12.3] 좋고 is 조코, 닿소 is 다쏘, 놓는 is 논는."""
    kept = {"ㅎ": "", "ㄶ": "ㄴ", "ㅀ": "ㄹ"}[item.coda]
    if after.onset in _ASPIRATED:
        item.coda, after.onset = kept, _ASPIRATED[after.onset]
    elif after.onset == "ㅅ":
        item.coda, after.onset = kept, "ㅆ"
    elif kept:
        item.coda = kept


def _tense(item: Syllable, after: Syllable) -> None:
    if after.onset not in TENSE:
        return
    if item.stem and item.coda == "ㄺ" and after.onset == "ㄱ":  # [11] 읽고 is 일꼬
        item.coda, after.onset = "ㄹ", "ㄲ"
    elif (
        _SPOKEN_CODA[item.coda] in _NASAL  # [23] 국밥 is 국빱
        or (item.stem and item.coda in ("ㄴ", "ㄵ", "ㅁ", "ㄻ", "ㄼ", "ㄾ") and after.onset != "ㅂ")  # [24, 25] 신고
        or item.future  # [27] 갈 것 is 갈 껏
        or item.coda == "ㄵ"
    ):
        after.onset = TENSE[after.onset]
    if (item.onset, item.vowel, item.coda) == ("ㅂ", "ㅏ", "ㄼ"):  # [10] 밟다 is 밥따
        item.coda, after.onset = "ㅂ", TENSE.get(after.onset, after.onset)


def _assimilate(item: Syllable, after: Syllable, near: bool) -> None:
    coda = _SPOKEN_CODA[item.coda]
    if after.onset == "ㄹ":
        if coda in _NASAL or coda in ("ㅁ", "ㅇ"):  # [19] 협력 is 혐녁, 종로 is 종노
            after.onset = "ㄴ"
        elif coda == "ㄴ" and near:  # [20] 신라 is 실라
            coda = "ㄹ"
    if after.onset in ("ㄴ", "ㅁ"):  # [18] 국물 is 궁물
        coda = _NASAL.get(coda, coda)
    if after.onset == "ㄴ" and coda == "ㄹ" and not item.object_:  # [20] 칼날 is 칼랄
        after.onset = "ㄹ"
    item.coda = coda
