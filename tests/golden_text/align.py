"""Where two sequences differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def blocks(a: Sequence[str], b: Sequence[str]) -> list[tuple[bool, slice, slice]]:
    """(same, part of a, part of b) from left to right, covering both."""
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return [(tag == "equal", slice(i, j), slice(k, n)) for tag, i, j, k, n in matcher.get_opcodes()]


def per_unit(phonemes: Sequence[str], counts: Sequence[int]) -> list[tuple[str, ...]]:
    """The phonemes of each character."""
    found, at = [], 0
    for count in counts:
        found.append(tuple(phonemes[at : at + count]))
        at += count
    return found
