"""How much of a text was heard wrongly: word, character or phoneme error rate by edit distance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Errors:
    """Edits that turn what was wanted into what was heard. Adds up over sentences, so long ones weigh more."""

    substitutions: int = 0
    deletions: int = 0  # wanted, not heard
    insertions: int = 0  # heard, not wanted
    wanted: int = 0  # length of the reference

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.wanted + other.wanted,
        )

    @property
    def total(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Edits per wanted item: 0 is perfect, and more than 1 is possible. Nothing wanted and nothing heard is 0."""
        return self.total / self.wanted if self.wanted else float(self.total > 0)


def count_errors(wanted: Sequence[Hashable], heard: Sequence[Hashable]) -> Errors:
    """The fewest edits between two sequences (Levenshtein); of equally few, those with most substitutions.

    wanted, heard: words, characters or phonemes; anything that compares.
    """
    row = [Errors(insertions=j) for j in range(len(heard) + 1)]
    for i, item in enumerate(wanted, 1):
        diagonal, row[0] = row[0], Errors(deletions=i)
        for j, other in enumerate(heard, 1):
            above = row[j]
            changed = diagonal + Errors(substitutions=int(item != other))
            options = (changed, above + Errors(deletions=1), row[j - 1] + Errors(insertions=1))
            row[j] = min(options, key=lambda errors: errors.total)
            diagonal = above
    found = row[-1]
    return Errors(found.substitutions, found.deletions, found.insertions, len(wanted))
