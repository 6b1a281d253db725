"""Which clips go into which batch of fine-tuning, as pure functions of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sovits_tts.data.batching import upstream_gpt_order, upstream_vits_batches

Batches = list[list[int]]
_BOUNDARIES = (32, *range(300, 1901, 100))  # frames; upstream's length buckets of the VITS stage


class Plan:
    """Batches of clip indices, epoch after epoch. Every epoch has `epoch_steps` batches."""

    def __init__(self, epoch: Callable[[int], Batches]) -> None:
        self._make = epoch
        self._epochs: dict[int, Batches] = {}
        self.epoch_steps = len(self._of(0))

    def _of(self, epoch: int) -> Batches:
        if epoch not in self._epochs:
            if len(self._epochs) > 2:
                self._epochs.clear()
            self._epochs[epoch] = self._make(epoch)
        return self._epochs[epoch]

    def __call__(self, step: int) -> list[int]:
        epoch, place = divmod(step, self.epoch_steps)
        return self._of(epoch)[place]


def similar_length(
    indices: Sequence[int], lengths: Sequence[float], batch_size: int, fill: int, seed: int, jitter: float = 0.15
) -> Plan:
    """Every clip once, in batches of similar length; a small set again and again until an epoch has `fill` clips.

    indices: of the clips; lengths: of each, in any unit. Lengths are jittered so that neighbours change.
    """
    rounds = max(1, round(fill / len(indices)))

    def epoch(number: int) -> Batches:
        batches: Batches = []
        rng = np.random.default_rng((seed, number))
        for _ in range(rounds):
            order = np.argsort(np.asarray(lengths) * rng.uniform(1 - jitter, 1 + jitter, len(lengths)))
            cut = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
            batches += [[indices[i] for i in cut[place]] for place in rng.permutation(len(cut))]
        return batches

    return Plan(epoch)


def upstream_gpt(indices: Sequence[int], seconds: Sequence[float], batch_size: int, fill: int) -> Plan:
    """Upstream's: a list of fewer than `fill` is repeated, batches are smaller where there is little."""
    repeats = _repeats(len(indices), fill)
    items, lasting = list(indices) * repeats, list(seconds) * repeats
    size = max(min(batch_size, len(items) // 4), 1)

    def epoch(number: int) -> Batches:
        order = upstream_gpt_order(lasting, size, number)
        return [[items[i] for i in order[first : first + size]] for first in range(0, len(order), size)]

    return Plan(epoch)


def upstream_vits(indices: Sequence[int], samples: Sequence[int], hop: int, batch_size: int, fill: int) -> Plan:
    """Upstream's: length buckets by the size of the 16-bit file, header and all; epochs count from 1."""
    items = list(indices) * _repeats(len(indices), fill)
    frames = [(2 * n + 44) // (2 * hop) for n in samples] * _repeats(len(indices), fill)

    def epoch(number: int) -> Batches:
        batches = upstream_vits_batches(frames, _BOUNDARIES, batch_size, number + 1)
        return [[items[i] for i in batch] for batch in batches]

    return Plan(epoch)


def _repeats(count: int, fill: int) -> int:
    return max(2, fill // count) if count < fill else 1


def share_of(rows: int, rank: int, size: int) -> list[int]:
    """Which of a batch's rows one of several processes takes; possibly none."""
    return list(range(rank, rows, size))
