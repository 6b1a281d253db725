"""Which items go into which batch, as pure functions of seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def length_batches(
    lengths: Sequence[float], budget: float, seed: int, epoch: int, jitter: float = 0.15
) -> list[list[int]]:
    """Cut items into batches of similar length whose padded total stays within `budget` (same unit as `lengths`).

    Lengths are jittered before sorting so that neighbours change between epochs; batches come in random order.
    """
    rng = np.random.default_rng((seed, epoch))
    noisy = np.asarray(lengths) * rng.uniform(1 - jitter, 1 + jitter, len(lengths))
    batches: list[list[int]] = []
    current: list[int] = []
    longest = 0.0
    for index in np.argsort(noisy).tolist():
        longest = max(longest, lengths[index])
        if current and longest * (len(current) + 1) > budget:
            batches.append(current)
            current, longest = [], lengths[index]
        current.append(index)
    if current:
        batches.append(current)
    return [batches[i] for i in rng.permutation(len(batches))]


class EpochBatches:
    """Batch number `step` of an endless sequence of epochs."""

    def __init__(self, lengths: Sequence[float], budget: float, seed: int) -> None:
        self.lengths, self.budget, self.seed = lengths, budget, seed
        self._starts: list[int] = [0]  # first step of each epoch made so far
        self._epochs: list[list[list[int]]] = []

    def __call__(self, step: int) -> list[int]:
        while step >= self._starts[-1]:
            batches = length_batches(self.lengths, self.budget, self.seed, len(self._epochs))
            self._epochs.append(batches)
            self._starts.append(self._starts[-1] + len(batches))
        epoch = next(i for i in range(len(self._epochs)) if step < self._starts[i + 1])
        return self._epochs[epoch][step - self._starts[epoch]]
