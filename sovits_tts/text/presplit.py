"""Cutting text the way GPT-SoVITS does before it speaks, character for character, oddities included.

`chunk.py` is our own way and the default; this one serves users who want the official result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from sovits_tts.errors import TextError

SPLITS = frozenset("，。？！,.?!~:：—…")
_HALF_WIDTH = frozenset("!?…,.-")
_EMPTY = _HALF_WIDTH | {" "}  # a piece of nothing but these is dropped by cut0 to cut4
_CLAUSE_MARKS = frozenset(",.;?!、，。？！；：…")  # where cut5 cuts
_MARKS = "[" + re.escape("".join(sorted(SPLITS))) + "]"
_MAX_CHARS = 510  # BERT reads 512 tokens, two of them its own
_MIN_CHARS = 5


def collapse_punctuation(text: str) -> str:
    """Each run of the half-width marks ! ? … , . - becomes its first mark."""
    return re.sub(r"([!?…,.\-])[!?…,.\-]+", r"\1", text)


def presplit(text: str, method: str, english: bool) -> list[str]:
    """`text` -> pieces to speak one by one.

    method:  "cut0" to "cut5"
    english: the pieces are closed with "." instead of "。" (upstream: the language is exactly "en")
    Raises TextError for an unknown method, and when the method leaves nothing to speak of a text that is not empty.
    """
    cut = cutter(method)
    stop = "." if english else "。"
    text = text.strip("\n")
    if not text:
        return []
    if text[0] not in SPLITS and len(re.split(_MARKS, text, maxsplit=1)[0].strip()) < 4:
        text = stop + text
    lines = re.sub(r"\n+", "\n", cut(text)).split("\n")
    if all(line in ("", " ") for line in lines):
        raise TextError("There is nothing to speak in {text!r}.", hint="Give at least one word.", text=text[:40])
    pieces: list[str] = []
    for piece in merge_short([line for line in lines if line not in ("", " ")], _MIN_CHARS):
        if not re.search(r"\w", piece):
            continue
        closed = piece if piece[-1] in SPLITS else piece + stop
        pieces += split_long(closed) if len(closed) > _MAX_CHARS else [closed]
    return pieces


def cutter(method: str) -> Callable[[str], str]:
    """The function behind "cut0" to "cut5": text in, pieces joined by newlines out."""
    try:
        return _METHODS[method]
    except KeyError:
        known = ", ".join(_METHODS)
        raise TextError(f"There is no cut method {method!r}.", hint=f"Choose auto or one of: {known}.") from None


def merge_short(pieces: list[str], threshold: int) -> list[str]:
    """Joins neighbours until each has at least `threshold` characters; a short rest joins the last."""
    merged: list[str] = []
    waiting = ""
    for piece in pieces:
        waiting += piece
        if len(waiting) >= threshold:
            merged.append(waiting)
            waiting = ""
    if waiting:
        merged.append((merged.pop() if merged else "") + waiting)
    return merged


def split_long(text: str, max_chars: int = _MAX_CHARS) -> list[str]:
    """Pieces of at most `max_chars` cut at marks; a clause without a mark stays whole, after an empty piece."""
    pieces: list[str] = []
    current = ""
    for part in re.split(f"({_MARKS})", text):
        if len(current + part) > max_chars:
            pieces.append(current)
            current = part
        else:
            current += part
    return [*pieces, current] if current else pieces


def _joined(pieces: Iterable[str], empty: frozenset[str] = _EMPTY) -> str:
    return "\n".join(piece for piece in pieces if not set(piece) <= empty)


def _sentences(text: str) -> list[str]:
    text = text.replace("……", "。").replace("——", "，")
    if text[-1:] not in SPLITS:
        text += "。"
    return re.findall(f"[^{''.join(SPLITS)}]*{_MARKS}", text)


def _whole(text: str) -> str:
    return _joined([text])


def _by_four(text: str) -> str:
    """Groups of four; the last two groups are one, because upstream loses the last group's start."""
    text = text.strip("\n")
    sentences = _sentences(text)
    starts = list(range(0, len(sentences), 4))[:-1]
    if not starts:
        return _joined([text])
    return _joined("".join(sentences[a:b]) for a, b in zip(starts, [*starts[1:], None], strict=True))


def _by_fifty(text: str) -> str:
    """Groups of more than 50 characters."""
    text = text.strip("\n")
    sentences = _sentences(text)
    if len(sentences) < 2:
        return text
    groups: list[str] = []
    current = ""
    for sentence in sentences:
        current += sentence
        if len(current) > 50:
            groups.append(current)
            current = ""
    if current:
        groups.append(current)
    if len(groups) > 1 and len(groups[-1]) < 50:
        groups[-2:] = ["".join(groups[-2:])]
    return _joined(groups)


def _by_chinese_stop(text: str) -> str:
    return _joined(text.strip("\n").strip("。").split("。"))


def _by_english_stop(text: str) -> str:
    """At full stops with no digit on either side."""
    return _joined(re.split(r"(?<!\d)\.(?!\d)", text.strip("\n").strip(".")))


def _by_mark(text: str) -> str:
    """At every mark, except a full stop between digits."""
    pieces: list[str] = []
    start = 0
    text = text.strip("\n")
    for index, char in enumerate(text):
        decimal = char == "." and text[index - 1 : index].isdigit() and text[index + 1 : index + 2].isdigit()
        if char in _CLAUSE_MARKS and not decimal:
            pieces.append(text[start : index + 1])
            start = index + 1
    return _joined([*pieces, text[start:]], _CLAUSE_MARKS)


_METHODS: dict[str, Callable[[str], str]] = {
    "cut0": _whole,
    "cut1": _by_four,
    "cut2": _by_fifty,
    "cut3": _by_chinese_stop,
    "cut4": _by_english_stop,
    "cut5": _by_mark,
}
