"""Which BERT row belongs to which phoneme: the arithmetic only; the features are computed in `features.py`.

BERT reads one token per character of the normalised text, at most 510 at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sovits_tts.errors import TextError

MAX_CHARS = 510  # 512 positions, two of them [CLS] and [SEP]


@dataclass(frozen=True)
class Window:
    """BERT reads text[start:end]; of its rows those of text[first:last] are kept."""

    start: int
    end: int
    first: int
    last: int


def char_index_per_phoneme(per_char: Sequence[int]) -> list[int]:
    """For each phoneme the index of its character: [2, 1] -> [0, 0, 1]."""
    return [index for index, count in enumerate(per_char) for _ in range(count)]


def windows(n_chars: int, limit: int = MAX_CHARS, context: int = 64) -> list[Window]:
    """Windows over a text of `n_chars` characters whose kept parts follow each other without gap or overlap.

    limit:   characters per window
    context: characters that a window reads on either side of the part it keeps, where there are any
    Raises TextError when limit leaves nothing beside the context.
    """
    if n_chars <= limit:
        return [Window(0, n_chars, 0, n_chars)] if n_chars else []
    if limit <= 2 * context:
        raise TextError(f"A window of {limit} characters has no room beside a context of 2 x {context}.")
    found: list[Window] = []
    first = 0
    while first < n_chars:
        start = max(0, min(first - context, n_chars - limit))
        end = min(start + limit, n_chars)
        last = n_chars if end == n_chars else end - context
        found.append(Window(start, end, first, last))
        first = last
    return found
