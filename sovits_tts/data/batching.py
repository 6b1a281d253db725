"""Which items go into which batch, as pure functions of seed and epoch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


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


def duration_buckets(seconds: Sequence[float], width: float = 2.0) -> list[list[int]]:
    """Items in order of duration, cut where it passes a multiple of `width`.

    As upstream does it, the limit moves by one step per cut: after a gap, buckets hold one item each until it caught
    up, and the first bucket is empty when no item is shorter than `width`.
    """
    buckets: list[list[int]] = [[]]
    for index in sorted(range(len(seconds)), key=lambda i: seconds[i]):
        if seconds[index] < width * len(buckets):
            buckets[-1].append(index)
        else:
            buckets.append([index])
    return buckets


def upstream_gpt_order(seconds: Sequence[float], batch_size: int, epoch: int) -> list[int]:
    """The order in which upstream's GPT training sees its items: shuffled in buckets, then batch by batch."""
    rng = random.Random(epoch)
    buckets = duration_buckets(seconds)
    for bucket in buckets:
        rng.shuffle(bucket)
    flat = list(chain.from_iterable(buckets))
    batches = [flat[start : start + batch_size] for start in range(0, len(flat), batch_size)]
    rng.shuffle(batches)
    return list(chain.from_iterable(batches))


def upstream_vits_batches(
    frames: Sequence[int], boundaries: Sequence[int], batch_size: int, epoch: int
) -> list[list[int]]:
    """Upstream's VITS batches: one length bucket each, short buckets filled up by repetition, in random order.

    Items not longer than the first boundary or longer than the last are left out.
    """
    generator = torch.Generator().manual_seed(epoch)
    buckets = [[i for i, n in enumerate(frames) if low < n <= high] for low, high in pairwise(boundaries)]
    buckets = [bucket for bucket in buckets if bucket]
    orders = [torch.randperm(len(bucket), generator=generator).tolist() for bucket in buckets]
    batches = []
    for bucket, order in zip(buckets, orders, strict=True):
        wanted = -(-len(bucket) // batch_size) * batch_size
        filled = [bucket[order[i % len(order)]] for i in range(wanted)]
        batches += [filled[start : start + batch_size] for start in range(0, wanted, batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def upstream_vits_padding(longest: int) -> int:
    """Frames upstream pads a VITS batch to: the next even number above `longest`."""
    return 2 * (longest // 2 + 1)


def pad_stack(rows: Sequence[Tensor], length: int) -> Tensor:
    """B x (..., n) -> (B, ..., length), zeros on the right."""
    return torch.stack([F.pad(row, (0, length - row.shape[-1])) for row in rows])


def pad_rows(rows: Sequence[NDArray[np.int64]], value: int) -> NDArray[np.int64]:
    """Rows of numbers, each (N_i,), as (len(rows), longest), padded on the right."""
    out = np.full((len(rows), max(map(len, rows))), value, np.int64)
    for target, row in zip(out, rows, strict=True):
        target[: len(row)] = row
    return out
