"""Where in a recording each phoneme is: Viterbi over CTC log-probabilities.

Graves et al. 2006, "Connectionist Temporal Classification", section 4: the targets are interleaved with blanks, and
a path may stay, step to the next state, or skip a blank between two different targets. Here the best path is kept,
not the sum over paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sovits_tts.errors import DataError


@dataclass(frozen=True, eq=False)
class Alignment:
    """The best path of one target sequence through one recording. Frames count from 0; `end` is exclusive.

    start, end: (L,) frames of each target
    score:      (L,) mean log-probability of each target over its frames (0 is certain)
    path:       (T,) index of the target spoken in each frame, -1 for blank
    log_prob:   mean log-probability of the path per frame
    margin:     how much better, per frame, the most likely symbols are than this path (0: nothing fits better)
    """

    start: np.ndarray
    end: np.ndarray
    score: np.ndarray
    path: np.ndarray
    log_prob: float
    margin: float

    def __len__(self) -> int:
        return len(self.start)

    def gap_middle(self, index: int) -> float:
        """Frame halfway between the end of target `index` and the start of the next: where to cut."""
        return 0.5 * (float(self.end[index]) + float(self.start[index + 1]))


def ctc_align(log_probs: np.ndarray, targets: Sequence[int] | np.ndarray, blank: int = 0) -> Alignment:
    """Align `targets` with a recording.

    log_probs: (T, V) natural-log probabilities of each frame, as from `log_softmax`
    targets:   (L,) symbol ids without blanks

    Raises DataError when there is nothing to align, when the targets need more frames than there are, or when no path
    has a probability above zero.
    """
    log_probs = np.asarray(log_probs, dtype=np.float32)
    targets = np.asarray(targets, dtype=np.int64)
    _check(log_probs, targets, blank)
    states = np.full(2 * len(targets) + 1, blank, dtype=np.int64)
    states[1::2] = targets
    emitted = log_probs[:, states].astype(np.float64)  # (T, 2L + 1)
    path, total = _viterbi(emitted, states, blank)

    wanted = 2 * np.arange(len(targets)) + 1
    start = np.searchsorted(path, wanted, side="left")
    end = np.searchsorted(path, wanted, side="right")
    on_path = emitted[np.arange(len(path)), path]
    running = np.concatenate([[0.0], np.cumsum(on_path)])
    spoken = np.where(path % 2 == 1, path // 2, -1)
    n_frames = len(path)
    best = float(log_probs.max(axis=1).sum(dtype=np.float64))
    return Alignment(
        start=start,
        end=end,
        score=(running[end] - running[start]) / (end - start),
        path=spoken,
        log_prob=total / n_frames,
        margin=max(0.0, best - total) / n_frames,
    )


def _check(log_probs: np.ndarray, targets: np.ndarray, blank: int) -> None:
    if log_probs.ndim != 2 or targets.ndim != 1:
        shapes = f"{log_probs.shape} and {targets.shape}"
        raise DataError(f"Alignment needs (T, V) log-probabilities and (L,) targets, not {shapes}.")
    if not len(targets):
        raise DataError("There are no phonemes to align.")
    if targets.min() < 0 or targets.max() >= log_probs.shape[1] or (targets == blank).any():
        raise DataError(f"Targets must be in 0 to {log_probs.shape[1] - 1} and not the blank {blank}.")
    repeats = int((targets[1:] == targets[:-1]).sum())  # a blank must stand between equal neighbours
    if len(log_probs) < len(targets) + repeats:
        raise DataError(
            f"The recording has {len(log_probs)} frames, too few for {len(targets)} phonemes.",
            hint="Check that the text belongs to this recording.",
        )


def _viterbi(emitted: np.ndarray, states: np.ndarray, blank: int) -> tuple[np.ndarray, float]:
    """Best state per frame (T,) and the path's log-probability. Vectorised over states; one pass over frames."""
    n_frames, n_states = emitted.shape
    may_skip = np.zeros(n_states, dtype=bool)
    may_skip[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    skip_cost = np.where(may_skip, 0.0, -np.inf)
    back = np.zeros((n_frames, n_states), dtype=np.int8)

    # Two cells of -inf in front, so that "one state back" and "two states back" are plain slices.
    scores = np.full(n_states + 2, -np.inf)
    scores[2:4] = emitted[0, :2]
    for t in range(1, n_frames):
        best = scores[2:].copy()
        step, skip = scores[1:-1], scores[:-2] + skip_cost
        stepped = step > best
        np.maximum(best, step, out=best)
        skipped = skip > best
        np.maximum(best, skip, out=best)
        back[t] = stepped
        back[t][skipped] = 2
        np.add(best, emitted[t], out=scores[2:])

    state = n_states - 1 if scores[-1] >= scores[-2] else n_states - 2
    total = float(scores[state + 2])
    if not np.isfinite(total):
        raise DataError("No alignment of the phonemes with the recording has a probability above zero.")
    path = np.empty(n_frames, dtype=np.int64)
    for t in range(n_frames - 1, -1, -1):
        path[t] = state
        state -= int(back[t, state])
    return path, total
