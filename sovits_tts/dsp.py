"""Small, pure operations on finished waves: joining streamed pieces, levels, 16-bit samples, and batch planning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def sola(left: np.ndarray, right: np.ndarray, overlap: int, search: int = 320) -> tuple[np.ndarray, np.ndarray]:
    """Join two pieces where they sound most alike (synchronised overlap-add, Roucos & Wilgus 1985).

    The last `overlap` samples of `left` are sought in the first `overlap + search` of `right` by normalised
    correlation, and the two are cross-faded there with a Hann window.

    -> (left without its overlap, right from the match on); concatenated, they are the joined sound. Pieces shorter than
    they must be are joined as they are, without overlap.
    """
    if overlap <= 0 or len(left) < overlap or len(right) < overlap + search:
        return left, right
    tail = left[-overlap:].astype(np.float64)
    head = right[: overlap + search].astype(np.float64)
    likeness = np.correlate(head, tail, mode="valid")
    energy = np.convolve(head**2, np.ones(overlap), mode="valid")
    offset = int(np.argmax(likeness / np.sqrt(energy + 1e-8)))
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * overlap) / overlap)
    joined = right[offset:].copy()
    joined[:overlap] = joined[:overlap] * fade[:overlap] + tail * fade[overlap:]
    return left[:-overlap], joined


def sola_join(pieces: Sequence[np.ndarray], overlap: int, search: int = 320) -> np.ndarray:
    """Join consecutive pieces, each overlapping the next by `overlap` samples, give or take `search`."""
    done = []
    current = pieces[0]
    for piece in pieces[1:]:
        finished, current = sola(current, piece, overlap, search)
        done.append(finished)
    return np.concatenate([*done, current])


def limit_peak(samples: np.ndarray) -> np.ndarray:
    """Scaled down to a peak of 1 if it is above; else as it is."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1 else samples


def to_int16(samples: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """Float samples in [-1, 1] -> 16-bit samples, rounded and clipped.

    `exact` repeats the official conversion: truncated, and +1.0 wraps around to the lowest value, which clicks.
    """
    scaled = samples.astype(np.float32) * np.float32(32768)
    if exact:
        return scaled.astype(np.int32).astype(np.int16)
    return np.clip(np.round(scaled), -32768, 32767).astype(np.int16)


def with_pauses(pieces: Sequence[np.ndarray], pause: int) -> np.ndarray:
    """Each piece limited to a peak of 1 and followed by `pause` zero samples; all concatenated."""
    silence = np.zeros(pause, np.float32)
    return np.concatenate([part for piece in pieces for part in (limit_peak(piece), silence)])


def plan_batches(lengths: Sequence[int], batch_size: int, threshold: float = 0.75) -> list[list[int]]:
    """Indices of texts, grouped so that one batch holds similar lengths.

    Shortest first; a batch is as large as possible (up to `batch_size`) while its median is at least `threshold` times
    its mean, that is, while it has no long outlier that all others would wait for.
    """
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    batches = []
    while order:
        size = min(batch_size, len(order))
        while size > 1 and not _even([lengths[index] for index in order[:size]], threshold):
            size -= 1
        batches.append(order[:size])
        order = order[size:]
    return batches


def restore_order(batches: Sequence[Sequence[int]], results: Sequence[Sequence]) -> list:
    """Results of batched work back in the order of the texts. `results` mirrors the shape of `batches`."""
    found = {index: result for batch, group in zip(batches, results, strict=True)
             for index, result in zip(batch, group, strict=True)}  # fmt: skip
    return [found[index] for index in sorted(found)]


def _even(ascending: Sequence[int], threshold: float) -> bool:
    return ascending[len(ascending) // 2] >= threshold * (sum(ascending) / len(ascending))
