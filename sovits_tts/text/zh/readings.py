"""Pinyin of each character in its context, before the tone rules.

Dictionary words settle most characters. What is left open (single characters, and words no dictionary reads) is asked
of a chooser first, when there is one, then of the context patterns, then of grammar for 得 地 过 了 着, and last of the
character's usual reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sovits_tts.text.zh.lexicon import LONGEST_WORD, Lexicon, lexicon
from sovits_tts.text.zh.words import Word

# A stronger judge of characters with several readings, such as a neural one: the stretch and the open positions ->
# pinyin of those it is sure of.
Chooser = Callable[[str, Sequence[int]], Mapping[int, str]]

_ADVERBIAL = ("a", "d", "z", "i", "l", "o", "v")  # parts of speech before an adverbial 地
_CROSSED = (*"年节河桥冬夏江海境户关街", "马路", "生日", "日子", "大年", "周末")
# Characters that are read differently as surnames.
_SURNAMES = {
    "曾": "zeng1", "任": "ren2", "单": "shan4", "解": "xie4", "仇": "qiu2", "朴": "piao2", "查": "zha1", "华": "hua4",
    "盖": "ge3", "区": "ou1", "曲": "qu1", "乐": "yue4", "葛": "ge3", "缪": "miao4", "召": "shao4", "纪": "ji3",
    "燕": "yan1", "应": "ying1", "员": "yun4", "过": "guo1", "折": "she2", "牟": "mu4", "隗": "wei3", "尉": "wei4",
}  # fmt: skip
_TITLES = frozenset(("先生", "女士", "老师", "小姐", "教授", "医生", "经理", "总", "某", "氏", "太太", "同学", "师傅"))
_PLACES = frozenset("方区带址点图球位理面下主板铁道名势狱产震质形域毯段上壳")


def read(words: Sequence[Word], chooser: Chooser | None = None) -> list[str]:
    """One syllable ("hang2", neutral as 5) per character of the words together; "" where none is known."""
    table = lexicon()
    text = "".join(word.text for word in words)
    syllables: list[str] = []
    open_at: dict[int, int] = {}  # position -> index of its word
    for index, word in enumerate(words):
        for offset, syllable in enumerate(_word(word.text, table)):
            if syllable is None:
                open_at[word.start + offset] = index
            syllables.append(syllable or "")
    asked = [at for at in open_at if table.is_ambiguous(text[at])] if chooser else []
    chosen = chooser(text, asked) if chooser and asked else {}
    for at, index in open_at.items():
        syllables[at] = (
            chosen.get(at) or table.in_context(text, at) or _grammar(text, at, words, index) or table.usual(text[at])
        )
    return syllables


def _word(word: str, table: Lexicon) -> list[str | None]:
    """The syllables of a word; a word that no dictionary reads is covered by the longest known words inside."""
    entry = table.entry(word)
    if entry and entry.reading:
        return list(entry.reading)
    syllables: list[str | None] = []
    while len(syllables) < len(word):
        at = len(syllables)
        for end in range(min(len(word), at + LONGEST_WORD), at + 1, -1):
            part = table.entry(word[at:end]) if end - at < len(word) else None
            if part and part.reading:
                syllables += part.reading
                break
        else:
            syllables.append(None)
    return syllables


def _grammar(text: str, at: int, words: Sequence[Word], index: int) -> str | None:
    """Particles after verbs and adverbials, told apart from the full words they look like; surnames."""
    word = words[index]
    before = words[index - 1] if index else None
    char = text[at]
    last = word.end == at + 1
    if char == "地":
        if len(word.text) > 1:
            return "de5" if last and word.tag[0] in "dzv" else None
        follows = text[at + 1 : at + 2]
        after_adverbial = before is not None and len(before.text) > 1 and before.tag[0] in _ADVERBIAL
        return "de5" if after_adverbial and follows and follows not in _PLACES else None
    if len(word.text) > 1:
        return {"得": "de5", "过": "guo5"}.get(char) if last and word.tag[0] == "v" else None
    if char in _SURNAMES and _is_surname(words, index):
        return _SURNAMES[char]
    if before is None:
        return None
    if char == "得":
        return "de5" if before.tag[0] in "vab" or (len(before.text) > 1 and before.tag[0] in "ilz") else None
    if char == "过":
        return "guo5" if _experienced(before, text[at + 1 :]) else None
    return None


def _experienced(before: Word, after: str) -> bool:
    """去过, 客串过几部: has done. Not 过马路, 过年."""
    if after.startswith(_CROSSED):
        return False
    return before.tag[0] in "vpt" or (before.tag[0] == "n" and after[:1] in ("", *"的几两一三多这那此"))


def _is_surname(words: Sequence[Word], index: int) -> bool:
    """姓任, 老任, 任先生, and a stretch that is nothing but a name."""
    before = words[index - 1].text if index else ""
    rest = words[index + 1 : index + 4]
    if before in ("姓", "小", "老") or (not before and rest and rest[0].text in _TITLES):
        return True
    # A given name is one or two characters that make no ordinary word; these surnames are verbs as well.
    size = sum(len(word.text) for word in rest)
    if words[index].text in "解折查盖过应召" and len(rest) == 2:
        return False
    return not before and size in (1, 2) and all(len(word.text) == 1 or word.tag == "nr" for word in rest)
