"""Long text -> speakable sentences, our way: whole sentences within a budget, clause by clause where one is too long.

Reads a stream of pieces and keeps only a window of it, so the length of the text has no limit. Numbers, abbreviations
and markup are never cut; a quotation is cut only if it alone is over the budget. (The official ways are in
`presplit.py`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from sovits_tts.text.boundaries import COMMA, LINE, SENTENCE, SPACE, Boundary, boundaries, unbreakable
from sovits_tts.text.markup import Pause, Span, parse
from sovits_tts.text.scripts import DIGIT, HAN, HANGUL, KANA, LATIN, script

BUDGET = 60.0  # about syllables: 12 to 15 seconds of speech
_SHORT = 12.0  # a shorter sentence joins a neighbour of its line
_SHORT_LINE = 3.0  # a shorter line joins the next
_WINDOW = 4000  # characters
_MARGIN = 600  # characters at the end of a window that is not the last, in which nothing is decided yet
_SYLLABLES = {HAN: 1.0, HANGUL: 1.0, KANA: 0.8, LATIN: 0.33, DIGIT: 0.9}


@dataclass(frozen=True)
class Chunk:
    """One sentence to speak. No spans: only a pause."""

    spans: tuple[Span, ...]
    pause: float | None = None  # seconds of silence that the markup asks for after it

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)


def cut(text: str | Iterable[str], budget: float = BUDGET) -> Iterator[str]:
    """The sentences of a text (or of a stream of parts of one) that may hold markup, without the markup."""
    return (chunk.text for chunk in chunks(parse(text), budget) if chunk.spans)


def weight(text: str) -> float:
    """About how many syllables `text` has."""
    return sum(map(_weight, text))


def chunks(pieces: Iterable[Span | Pause], budget: float = BUDGET) -> Iterator[Chunk]:
    """Sentences of at most `budget` syllables, cut at pauses and changes of speed too."""
    return join_pauses(_chunks(pieces, budget))


def at_pauses(pieces: Iterable[Span | Pause]) -> Iterator[Chunk]:
    """The pieces cut at pauses and changes of speed only."""
    spans: list[Span] = []
    for piece in pieces:
        if isinstance(piece, Pause):
            yield Chunk(tuple(spans), piece.seconds)
            spans = []
        else:
            if spans and spans[-1].rate != piece.rate:
                yield Chunk(tuple(spans))
                spans = []
            spans.append(piece)
    yield Chunk(tuple(spans))


def join_pauses(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Drops what cannot be spoken; a pause after nothing joins the pause before."""
    held: Chunk | None = None
    for chunk in chunks:
        spoken = any(weight(s.alias or s.text) or s.pronunciation for s in chunk.spans)
        if spoken or held is None:
            if held and (held.spans or held.pause is not None):
                yield held
            held = chunk if spoken else Chunk((), chunk.pause)
        elif chunk.pause is not None:
            held = replace(held, pause=(held.pause or 0.0) + chunk.pause)
    if held and (held.spans or held.pause is not None):
        yield held


def _chunks(pieces: Iterable[Span | Pause], budget: float) -> Iterator[Chunk]:
    buffer: list[Span] = []
    size = 0
    for piece in pieces:
        if isinstance(piece, Pause):
            *sentences, last = [*_sentences(buffer, budget), ()]
            yield from map(Chunk, sentences)
            yield Chunk(last, piece.seconds)
            buffer, size = [], 0
            continue
        if buffer and buffer[-1].rate != piece.rate:
            yield from map(Chunk, _sentences(buffer, budget))
            buffer, size = [], 0
        buffer.append(piece)
        size += len(piece.text)
        if size > _WINDOW:
            done, buffer = _settled(buffer, budget)
            yield from map(Chunk, done)
            size = sum(len(span.text) for span in buffer)
    yield from map(Chunk, _sentences(buffer, budget))


def _settled(spans: list[Span], budget: float) -> tuple[list[tuple[Span, ...]], list[Span]]:
    """The sentences of a window that what follows cannot change, and the rest of it."""
    text = "".join(span.text for span in spans)
    cuts = [at for at in _cuts(text, _whole(spans), budget) if at <= len(text) - _MARGIN]
    done = [_between(spans, a, b) for a, b in pairwise([0, *cuts])]
    return done, list(_between(spans, cuts[-1] if cuts else 0, len(text), strip=False))


def _sentences(spans: list[Span], budget: float) -> list[tuple[Span, ...]]:
    text = "".join(span.text for span in spans)
    cuts = [0, *_cuts(text, _whole(spans), budget), len(text)]
    return [_between(spans, a, b) for a, b in pairwise(cuts) if b > a]


def _whole(spans: list[Span]) -> list[tuple[int, int]]:
    ends = list(accumulate(len(span.text) for span in spans))
    return [(end - len(span.text), end) for span, end in zip(spans, ends, strict=True) if span.whole]


def _between(spans: list[Span], start: int, end: int, strip: bool = True) -> tuple[Span, ...]:
    """The spans of characters start to end, line breaks as spaces."""
    found: list[Span] = []
    at = 0
    for span in spans:
        a, b = max(start - at, 0), min(end - at, len(span.text))
        if a < b:
            found.append(span if span.whole else span.part(a, b))
        at += len(span.text)
    if not strip:
        return tuple(found)
    found = [s if s.whole else replace(s, text=s.text.replace("\n", " ")) for s in found]
    while found and not found[-1].whole and not found[-1].text.strip():
        found.pop()
    while found and not found[0].whole and not found[0].text.strip():
        found.pop(0)
    if found and not found[-1].whole:
        found[-1] = replace(found[-1], text=found[-1].text.rstrip())
    if found and not found[0].whole:
        found[0] = found[0].part(len(found[0].text) - len(found[0].text.lstrip()), len(found[0].text))
    return tuple(found)


def _cuts(text: str, whole: list[tuple[int, int]], budget: float) -> list[int]:
    closed = [*whole, *unbreakable(text)]
    marks = boundaries(text, closed)
    total = [0.0, *accumulate(map(_weight, text))]
    ends = [(b.position, b.level) for b in marks if b.level >= SENTENCE and not b.quoted]
    merged = _merged([*ends, (len(text), LINE)], total, budget)
    cuts: list[int] = []
    start = 0
    for end in merged:
        inner = [b for b in marks if start < b.position < end]
        cuts += _split(text, start, end, inner, closed, total, budget)
        if end < len(text):
            cuts.append(end)
        start = end
    return cuts


def _merged(ends: list[tuple[int, int]], total: list[float], budget: float) -> list[int]:
    """Ends of sentences after short ones joined a neighbour."""
    kept: list[tuple[int, int]] = []
    start = 0
    for index, (end, level) in enumerate(ends):
        size = total[end] - total[start]
        if index + 1 < len(ends):
            joined = total[ends[index + 1][0]] - total[start]
            if size < (_SHORT if level == SENTENCE else _SHORT_LINE) and (joined <= budget or not size):
                continue
        if kept and size < (_SHORT if kept[-1][1] == SENTENCE else _SHORT_LINE):
            before = kept[-2][0] if len(kept) > 1 else 0
            if total[end] - total[before] <= budget:
                kept.pop()
        kept.append((end, level))
        start = end
    return [end for end, _ in kept]


def _split(
    text: str,
    start: int,
    end: int,
    marks: list[Boundary],
    closed: list[tuple[int, int]],
    total: list[float],
    budget: float,
) -> list[int]:
    """Cuts inside a sentence that is over the budget: at clauses outside quotations if there are any."""
    cuts: list[int] = []
    while total[end] - total[start] > budget:
        left = total[end] - total[start]
        aim = left / -(-left // budget)
        near = [b for b in marks if b.position > start and 0 < total[b.position] - total[start] <= budget]
        best = (
            [b for b in near if b.level >= COMMA and not b.quoted]
            or [b for b in near if b.level >= COMMA]
            or [b for b in near if b.level >= SPACE]
        )
        # A better mark is worth some imbalance, a cut that leaves a stub is not.
        at = max(best, key=lambda b: b.level * budget / 6 - abs(total[b.position] - total[start] - aim), default=None)
        position = at.position if at else _hard_cut(text, start, end, closed, total, budget)
        if position >= end:
            break
        cuts.append(position)
        start = position
    return cuts


def _hard_cut(text: str, start: int, end: int, closed: list[tuple[int, int]], total: list[float], budget: float) -> int:
    """The last place within the budget that is not inside a word or markup, or the first one after.

    A word that alone is far over the budget is no word and is cut.
    """
    inside = {p for a, b in closed for p in range(max(a, start) + 1, min(b, end))}
    open_places = [p for p in range(start + 1, end) if p not in inside and total[p] > total[start]]
    allowed = [p for p in open_places if not _in_word(text, p) and total[p] - total[start] <= 2 * budget]
    places = allowed or open_places
    within = [p for p in places if total[p] - total[start] <= budget]
    return within[-1] if within else (places[0] if places else end)


def _in_word(text: str, position: int) -> bool:
    before, after = text[position - 1], text[position]
    joined = {LATIN, DIGIT}
    return not after.isalnum() or (script(before) in joined and script(after) in joined)


def _weight(char: str) -> float:
    return _SYLLABLES.get(script(char), 0.5 if char.isalnum() else 0.0)
