"""Rules that name differences in Mandarin and Cantonese lines, character by character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from sovits_tts.text.zh.hanzi import is_hanzi, simplified
from sovits_tts.text.zh.words import words
from tests.golden_text.align import blocks, per_unit
from tests.golden_text.findings import MARKS, Finding
from tests.golden_text.rows import Spoken

Unit = tuple[str, ...]
Block = tuple[bool, slice, slice]
_CURRENCY = {"$": "美元港", "€": "欧", "£": "镑", "¥": "元", "￥": "元", "₩": "韩"}
_COUNTED = "元块个人次天万亿年月日米斤岁户名辆件份倍种条点家张台部分多美欧"
_ORDINAL = ("单元", "号", "楼", "月", "日", "年级", "班", "季", "层", "期", "栋", "组")


def chinese(text: str, theirs: Spoken, ours: Spoken, stand_ins: frozenset[str]) -> Iterator[Finding]:
    """The findings for one run whose phonemes differ."""
    assert theirs.per_char and ours.per_char
    their_chars, our_chars = theirs.norm, "".join(map(simplified, ours.norm))
    their_units, our_units = per_unit(theirs.phonemes, theirs.per_char), per_unit(ours.phonemes, ours.per_char)
    word_of = _words(ours.norm)
    raw = "".join(map(simplified, text))
    for same, part, mine in _joined(blocks(their_chars, our_chars), raw, our_chars):
        if not same:
            start, end = _written(raw, our_chars, mine)
            yield _spoken(raw[start:end], their_chars[part], our_chars[mine], our_chars[mine.stop : mine.stop + 2])
            continue
        for i, j in zip(range(part.start, part.stop), range(mine.start, mine.stop), strict=True):
            if their_units[i] == our_units[j]:
                continue
            if ours.norm[j] != their_chars[i]:
                detail = f"{ours.norm[j]} is read as written: {_pair(their_units[i], our_units[j])}"
                yield Finding("better", "traditional", detail)
            else:
                yield _syllable(ours.norm, j, their_units, i, our_units, word_of[j], stand_ins)


def _joined(found: list[Block], raw: str, chars: str) -> Iterator[Block]:
    """Differences inside one written thing (the groups of a telephone number) as one."""
    places = [None if same else _written(raw, chars, mine) for same, _, mine in found]
    at = 0
    while at < len(found):
        last = at if places[at] is None else max(i for i, place in enumerate(places) if place == places[at])
        (same, part, mine), (_, end, mine_end) = found[at], found[last]
        yield same, slice(part.start, end.stop), slice(mine.start, mine_end.stop)
        at = last + 1


def _words(norm: str) -> list[str]:
    """For each character its word."""
    found: list[str] = []
    for stretch in re.split(r"([!?…,.\-])", norm):
        if stretch in MARKS:
            found.append(stretch)
        else:
            found += (word.text for word in words(stretch) for _ in word.text)
    return found


def _pair(theirs: Unit, ours: Unit) -> str:
    return f"upstream {' '.join(theirs)}, ours {' '.join(ours)}"


def _tone(unit: Unit | None) -> str:
    return unit[-1][-1] if unit and unit[-1][-1].isdigit() else ""


def _syllable(
    norm: str, j: int, their_units: list[Unit], i: int, our_units: list[Unit], word: str, stand_ins: frozenset[str]
) -> Finding:
    char, theirs, ours = norm[j], their_units[i], our_units[j]
    detail = f"{char} in {norm[max(0, j - 3) : j + 4]}: {_pair(theirs, ours)}"
    after_theirs = their_units[i + 1] if i + 1 < len(their_units) else None
    after_ours = our_units[j + 1] if j + 1 < len(our_units) else None
    if theirs[0] == ours[0] and theirs[-1][:-1] == ours[-1][:-1]:
        named = _tone_rule(char, norm, j, theirs, ours, after_theirs, after_ours)
        if named:
            return Finding(named[0], named[1], detail)
    grammar = _GRAMMAR.get((char, "".join(ours)))
    if grammar and re.search(grammar[0] + "$", norm[:j]) and re.match(grammar[1], norm[j + 1 :]):
        return Finding("better", "grammar", detail)
    known = _dictionary(word)
    at = _offset(norm, j, word)
    if known and known[at] == (ours[0], ours[-1]) != (theirs[0], theirs[-1]):
        return Finding("better", "dictionary", f"{word}: {detail}")
    if char in stand_ins:
        return Finding("equal", "stand_in", f"upstream's model was not there to choose: {detail}")
    return Finding("worse", "reading", detail)


def _tone_rule(
    char: str, norm: str, j: int, theirs: Unit, ours: Unit, after_theirs: Unit | None, after_ours: Unit | None
) -> tuple[str, str] | None:
    pair = _tone(theirs) + _tone(ours)
    following = norm[j + 1 : j + 2]
    if char == "一":
        return _yi(norm, j, pair, after_ours)
    if char == "不":
        around = j > 0 and norm[j - 1] == following
        if around and pair[1:] == "5":
            return "equal", "a_not_a"
        return ("better", "bu") if pair in ("52", "42") and _tone(after_ours) == "4" and not around else None
    if pair == "32" and _tone(after_theirs) == "3":
        return "better", "third_tone"  # upstream leaves two third tones beside each other
    if pair in ("32", "23") and (_tone(after_theirs), _tone(after_ours)) in (("2", "3"), ("3", "2")):
        return "equal", "third_tone_grouping"
    if pair == "23" and _tone(after_ours) not in ("3", "2") and _tone(after_theirs) == "3":
        return "better", "third_tone_follows"  # the next character is no third tone, so this one need not rise
    if theirs[-1][-1] == "5" and j and norm[j - 1] == char:
        return "better", "neutral_seam"
    return ("better", "particle") if char in "地得" and pair[1:] == "5" else None


def _yi(norm: str, j: int, pair: str, after_ours: Unit | None) -> tuple[str, str] | None:
    """一 alone keeps its tone at the end of a number and in ordinals, and changes before what it counts."""
    following, before = norm[j + 1 : j + 2], norm[j - 1 : j] if j else ""
    if j and before == following:
        return ("equal", "v_yi_v") if pair[1:] == "5" else None
    if before in "十零二三四五六七八九" and before and pair[1:] == "1" and following not in "百千万亿个":
        return "better", "yi_ends_number"
    if following in ("百", "千", "万", "亿") and pair[0] == "1":
        right = "2" if following in "万亿" else "4"
        return ("better", "yi_counts") if pair[1:] == right else None
    if following in ("号", "楼", "月", "班", "级") and pair[1:] == "1":
        return "better", "yi_orders"
    return None


def _offset(norm: str, j: int, word: str) -> int:
    """Where in its word the character at j stands."""
    start = next(s for s in range(max(0, j - len(word) + 1), j + 1) if norm[s : s + len(word)] == word)
    return j - start


@cache
def _phrases() -> dict[str, list[list[str]]]:
    from pypinyin.phrases_dict import phrases_dict

    return phrases_dict


def _dictionary(word: str) -> list[Unit] | None:
    """What pypinyin's dictionary says about a word of two characters or more."""
    from sovits_tts.text.zh.phonemes import initial_final, plain_pinyin

    entry = _phrases().get(word) if len(word) > 1 else None
    return [initial_final(plain_pinyin(syllables[0])) for syllables in entry] if entry else None


def _written(raw: str, chars: str, mine: slice) -> tuple[int, int]:
    """Where the raw text has what a stretch of our normal form says."""
    start, end = 0, len(raw)
    for same, in_raw, in_ours in blocks(raw, chars):
        if not same:
            continue
        before = min(in_ours.stop, mine.start) - in_ours.start
        if before > 0:
            start = in_raw.start + before
        if in_ours.stop > mine.stop:
            end = in_raw.start + max(mine.stop - in_ours.start, 0)
            break
    return start, end


def _spoken(raw: str, theirs: str, ours: str, following: str) -> Finding:
    """Names the difference between two ways of saying `raw`."""
    detail = f"{raw!r}: upstream {theirs or 'nothing'}, ours {ours or 'nothing'}"
    named = next((code for code, wrong in _SIGNATURES if wrong(raw, theirs, ours, following)), None)
    if named:
        return Finding("better", named, detail)
    if not theirs.strip("".join(MARKS)) and not ours.strip("".join(MARKS)):
        return Finding("better" if ours and not theirs else "equal", "marks", detail)
    return Finding("worse", "spoken_form", detail)


_NUMBER = "[零一二两三四五六七八九十百千万亿几多]"
# Readings that the characters around settle beyond doubt: before, after.
_GRAMMAR = {
    ("只", "zhir1"): (_NUMBER, "(?!是|要|有|能)"),  # counts animals
    ("长", "chang2"): (".", _NUMBER),
    ("为", "wei2"): ("[一-龥]", _NUMBER),
    ("曾", "zeng1"): ("姓", ""),
    ("地", "de5"): ("[一-龥]{2}", "[一-龥]"),
    ("得", "de5"): ("[一-龥]", "[一-龥]"),
    ("还", "huan2"): ("", "[了给]?(?:书|钱|款|债|车|清)"),
}


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _by_digit(spoken: str) -> bool:
    return len(spoken) > 1 and set(spoken) <= set("幺零一二三四五六七八九")


# (name, does upstream's way of saying `raw` show this known error, and ours not?): text-contract.md, section 10.
_SIGNATURES = (
    ("hyphen_as_minus", lambda raw, t, o, f: bool(re.search(r"\d\s?[-–]\s?\d", raw)) and "减" in t and "减" not in o),
    ("thousands", lambda raw, t, o, f: bool(re.search(r"\d,\d{3}", raw)) and ("," in t or "幺" in t) and "," not in o),
    (
        "ratio",
        lambda raw, t, o, f: bool(re.search(r"\d\s?[:：]\s?\d", raw)) and "比" in o and not re.search("[比点分]", t),
    ),
    (
        "currency",
        lambda raw, t, o, f: any(s in raw and set(n) & set(o) and not set(n) & set(t) for s, n in _CURRENCY.items()),
    ),
    (
        "unit",
        lambda raw, t, o, f: bool(re.search("[A-Za-z²³㎡]", raw)) and (t.endswith("每") or "米米" in t) and o != t,
    ),
    ("decimal", lambda raw, t, o, f: bool(re.search(r"\.\d", raw)) and ("." in t or "幺" in t) and "点" in o),
    (
        "amount_as_code",
        lambda raw, t, o, f: (
            _digits(raw) > 2
            and _by_digit(t)
            and not _by_digit(o)
            and (f[:1] in _COUNTED or bool(re.search(r"\D", raw.strip())))
        ),
    ),
    ("birth_decade", lambda raw, t, o, f: bool(re.fullmatch(r"\W?\d[05]", raw)) and f[:1] == "后" and "十" not in o),
    ("two_in_order", lambda raw, t, o, f: (t, o) == ("两", "二") and f.startswith(_ORDINAL)),
    (
        "letters_as_units",
        lambda raw, t, o, f: (
            bool(re.search("[A-Za-z]{2}", raw)) and bool(re.search("[米秒每]", t)) and not re.search("[米秒每]", o)
        ),
    ),
    (
        "rare_character",
        lambda raw, t, o, f: any(is_hanzi(c) and not "\u4e00" <= c <= "\u9fa5" for c in raw + o) and not t,
    ),
    (
        "sign_named",
        lambda raw, t, o, f: t in ("", "每") and bool(o) and all(not c.isalnum() for c in raw) and o[0] not in MARKS,
    ),
)
