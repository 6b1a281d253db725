"""Where a text can be cut: at ends of lines, sentences and clauses, never inside a number, seldom in a quotation."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE, SENTENCE, CLAUSE, COMMA, SPACE = 4, 3, 2, 1, 0

_CLOSERS = "”’」』）】》〉)]}＂\"'"
_MARK = re.compile(
    r"""(?P<stop>[。｡！？．]+[。｡！？!?.…．]*|…+|[!?]+[!?.]*|\.+)
      | (?P<clause>[；;：:]|[—–]+|\s-{1,3}(?=\s))
      | (?P<comma>[，,、､])
      | (?P<line>[^\S\n]*\n\s*)
      | (?P<space>[^\S\n]+)""",
    re.VERBOSE,
)
_UNBREAKABLE = re.compile(
    r"""\d+(?:[.,:/\-–~～\u00a0 ]\d+)+          # 12,345.67  10:30  2024-01-02
      | (?:https?://|www\.)[!-~]{1,200}[A-Za-z0-9/]
      | [A-Za-z0-9]{1,60}(?:[.:/@_'’&+-]{1,3}[A-Za-z0-9]{1,60}){1,9}""",
    re.VERBOSE,
)
_PAIRS = {"“": "”", "「": "」", "『": "』", "《": "》", "〈": "〉", "（": "）", "(": ")", "【": "】", "‘": "’"}
_QUOTE_REACH = 400  # a quotation mark that is not closed within so many characters is taken for a slip

# Never the end of a sentence: a name or a number follows.
_TITLES = frozenset(
    re.findall(
        r"\S+",
        "mr mrs ms dr prof st mt sr fr rev hon gov sen rep gen col sgt capt lt cmdr maj messrs mme mlle no nos vol "
        "fig figs eq ch sec pp vs cf e.g i.e eg ie al approx ca est ft nr "
        "jan feb mar apr jun jul aug sept sep oct nov dec",
    )
)
# The end of a sentence if a capital follows.
_ABBREVIATIONS = frozenset(
    ("etc", "inc", "ltd", "co", "corp", "jr", "dept", "a.m", "p.m", "u.s", "u.k", "u.n", "ph.d", "m.d", "b.c", "a.d")
)
_WORD_BEFORE = re.compile(r"[A-Za-z](?:[A-Za-z.]*[A-Za-z])?$")
_FINAL = re.compile(rf"[。｡！？!?.…．~～:：;；][{re.escape(_CLOSERS)}]*$")
_WRAPPED = 40  # columns: a shorter line that ends without a mark is a line of its own, not wrapped text


@dataclass(frozen=True)
class Boundary:
    """The text can be cut before text[position]. `quoted`: inside a quotation."""

    position: int
    level: int
    quoted: bool = False


def unbreakable(text: str) -> list[tuple[int, int]]:
    """(start, end) of numbers, addresses and compounds."""
    return [(m.start(), m.end()) for m in _UNBREAKABLE.finditer(text)]


def boundaries(text: str, closed: list[tuple[int, int]]) -> list[Boundary]:
    """All boundaries of `text` in order, none inside the stretches `closed`."""
    quotes = quotations(text)
    quote_ends = {end for _, end in quotes}
    found: dict[int, int] = {}
    for mark in _MARK.finditer(text):
        end = mark.end()
        if mark.lastgroup in ("stop", "clause", "comma"):
            while end < len(text) and text[end] in _CLOSERS and (text[end] not in "\"'" or end + 1 in quote_ends):
                end += 1
        level = _level(text, mark, end)
        if level is not None:
            found[end] = max(level, found.get(end, SPACE))
    for start, end in quotes:
        found.setdefault(start, COMMA)
        found.setdefault(end, COMMA)
    inside_closed, inside_quote = _inside(closed, len(text)), _inside(quotes, len(text))
    return [
        Boundary(position, level, bool(inside_quote[position]))
        for position, level in sorted(found.items())
        if 0 < position < len(text) and not inside_closed[position]
    ]


def quotations(text: str) -> list[tuple[int, int]]:
    """Outermost (start, end) of quotations, titles and brackets, marks included. None runs over a line's end."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        char = text[at]
        end = -1
        if char in _PAIRS:
            end = _closing(text, at, char, _PAIRS[char])
        elif char == '"' and (at == 0 or not text[at - 1].isdigit()):
            end = text.find('"', at + 1, at + _QUOTE_REACH)
        if end > at and "\n" not in text[at:end]:
            found.append((at, end + 1))
            at = end
        at += 1
    return found


def _closing(text: str, at: int, opening: str, closing: str) -> int:
    depth = 0
    for index in range(at, min(len(text), at + _QUOTE_REACH)):
        if text[index] == opening:
            depth += 1
        elif text[index] == closing:
            if closing == "’" and text[index - 1].isalpha() and text[index + 1 : index + 2].isalpha():
                continue  # an apostrophe
            depth -= 1
            if not depth:
                return index
    return -1


def _inside(stretches: list[tuple[int, int]], length: int) -> bytearray:
    """1 at every position strictly inside a stretch."""
    inside = bytearray(length + 1)
    for start, end in stretches:
        if end - start > 1:
            inside[start + 1 : end] = b"\1" * (end - start - 1)
    return inside


def _level(text: str, mark: re.Match[str], end: int) -> int | None:
    """The level of the boundary that a mark makes; None: it makes none."""
    written, after = mark[0], text[end : end + 1]
    if mark.lastgroup == "line":
        return SPACE if _is_wrapped(text, mark) else LINE
    if mark.lastgroup == "space":
        beside = text[mark.start() - 1 : mark.start()] + after
        return None if any(c.isdigit() for c in beside) or beside[:1] == "." else SPACE
    ascii_mark = written.isascii()
    if ascii_mark and after and after.isascii() and not after.isspace():
        return None  # 3.14, 10:30, a.b, ?q=
    if mark.lastgroup == "comma":
        return COMMA
    if mark.lastgroup == "clause":
        return CLAUSE
    following = text[end : end + 40].lstrip()[:1]
    if (ascii_mark or written[0] == "…") and following.islower():
        return None if written == "." else COMMA
    if written == "." and not _ends_sentence(text, mark.start(), following):
        return None
    return SENTENCE


def _ends_sentence(text: str, stop: int, following: str) -> bool:
    """Is the full stop text[stop] more than the dot of an abbreviation, an initial or a list number?"""
    word = _WORD_BEFORE.search(text, max(0, stop - 20), stop)
    if word:
        written = word[0]
        if written.lower() in _TITLES or (len(written) == 1 and written.isupper() and written != "I"):
            return not following
        if written.lower() in _ABBREVIATIONS or re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", written):
            return not following or following.isupper()
        return True
    line = text[text.rfind("\n", 0, stop) + 1 : stop].strip()
    return not (line.isdigit() and len(line) < 4 and following)


def _is_wrapped(text: str, mark: re.Match[str]) -> bool:
    """A single line break in running text that was broken to a width."""
    if mark[0].count("\n") > 1:
        return False
    start = text.rfind("\n", 0, mark.start()) + 1
    line = text[start : mark.start()]
    columns = sum(1 if c < "\u1100" else 2 for c in line)
    return columns >= _WRAPPED and not _FINAL.search(line)
