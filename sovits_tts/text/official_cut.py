"""The official ways of cutting (`presplit.py`) for text with markup.

They work on plain strings, so each piece of markup travels through them as one character that the text does not use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sovits_tts.errors import TextError
from sovits_tts.text.chunk import Chunk, at_pauses, join_pauses
from sovits_tts.text.markup import Pause, Span
from sovits_tts.text.presplit import collapse_punctuation, presplit

_RARE = range(0x2CEB0, 0x2EBE0)  # rare Han characters: upstream must see a word in them, or it drops the piece
_NEAR = 16  # characters that the cutting may have dropped between two that it kept


def official_chunks(pieces: Iterable[Span | Pause], method: str, english: bool) -> Iterator[Chunk]:
    """See `presplit`. The whole text is held in memory. Raises TextError as `presplit` does."""
    given = list(pieces)
    flat, markup, positions = _flattened(given)
    return join_pauses(
        chunk
        for piece in presplit(collapse_punctuation(flat), method, english)
        for chunk in at_pauses(_restored(piece, flat, markup, positions))
    )


class _Positions:
    """Where the characters of the flat text stand in the source; moves forward only."""

    def __init__(self) -> None:
        self.of_flat: list[int] = []
        self.at = 0

    def find(self, flat: str, char: str) -> int:
        found = flat.find(char, self.at, self.at + _NEAR)
        if found >= 0:
            self.at = found + 1
            return self.of_flat[found]
        return self.of_flat[min(self.at, len(self.of_flat) - 1)]


def _flattened(pieces: list[Span | Pause]) -> tuple[str, dict[str, Span | Pause], _Positions]:
    """The text with a rare character for every pause, for every word with markup, and before every change of style."""
    used = {char for piece in pieces if isinstance(piece, Span) for char in piece.text}
    free = (chr(code) for code in _RARE if chr(code) not in used)
    markup: dict[str, Span | Pause] = {}
    positions = _Positions()
    flat: list[str] = []
    style: tuple[str | None, float] = (None, 1.0)
    for piece in pieces:
        plain = isinstance(piece, Span) and not piece.whole
        if isinstance(piece, Span) and ((piece.language, piece.rate) != style or piece.whole):
            style = (piece.language, piece.rate)
        elif plain:
            flat.append(piece.text if isinstance(piece, Span) else "")
            positions.of_flat += range(piece.position, piece.position + len(flat[-1]))
            continue
        stand_in = next(free, None)
        if stand_in is None:
            raise TextError("There is too much markup for this way of cutting.", hint='Use the cut method "auto".')
        markup[stand_in] = piece
        flat.append(stand_in)
        positions.of_flat.append(piece.position)
        if isinstance(piece, Span) and plain:
            flat.append(piece.text)
            positions.of_flat += range(piece.position, piece.position + len(piece.text))
    return "".join(flat), markup, positions


def _restored(piece: str, flat: str, markup: dict[str, Span | Pause], positions: _Positions) -> Iterator[Span | Pause]:
    style = Span("", 0)
    plain: list[str] = []
    start = 0
    for char in piece:
        where = positions.find(flat, char)
        found = markup.get(char)
        if found is None:
            start = start if plain else where
            plain.append(char)
            continue
        if plain:
            yield Span("".join(plain), start, style.language, rate=style.rate)
            plain = []
        if isinstance(found, Pause) or found.whole:
            yield found
        if isinstance(found, Span):
            style = found
    if plain:
        yield Span("".join(plain), start, style.language, rate=style.rate)
