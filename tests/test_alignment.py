"""CTC forced alignment against brute force, and its refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sovits_tts.alignment import ctc_align
from sovits_tts.errors import DataError


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def collapse(symbols: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for s, _ in itertools.groupby(symbols) if s != 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("targets", [(1,), (1, 2), (1, 1), (2, 2, 1)])
def test_the_path_is_the_best_of_all_paths(seed: int, targets: tuple[int, ...]) -> None:
    log_probs = log_softmax(np.random.default_rng(seed).normal(size=(6, 3)) * 2)
    every = [p for p in itertools.product(range(3), repeat=6) if collapse(p) == targets]
    best = max(sum(log_probs[t, s] for t, s in enumerate(p)) for p in every)

    found = ctc_align(log_probs, targets)
    symbols = tuple(0 if i < 0 else targets[i] for i in found.path)
    assert collapse(symbols) == targets
    assert found.log_prob * 6 == pytest.approx(best, abs=1e-5)
    assert sum(log_probs[t, s] for t, s in enumerate(symbols)) == pytest.approx(best, abs=1e-5)


def test_spans_scores_and_margin_of_a_clear_recording() -> None:
    spoken = [0, 0, 3, 3, 3, 0, 3, 1, 1, 0]
    log_probs = log_softmax(np.eye(5)[spoken] * 20)
    found = ctc_align(log_probs, [3, 3, 1])
    assert found.start.tolist() == [2, 6, 7]
    assert found.end.tolist() == [5, 7, 9]
    assert found.path.tolist() == [-1, -1, 0, 0, 0, -1, 1, 2, 2, -1]
    assert np.allclose(found.score, 0, atol=1e-3)
    assert found.margin == pytest.approx(0, abs=1e-6)
    assert found.gap_middle(0) == 5.5

    wrong = ctc_align(log_probs, [2, 4])
    assert wrong.margin > 3
    assert (wrong.score < -5).all()


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        ([], "no phonemes"),
        ([0], "blank"),
        ([9], "0 to 2"),
        ([1] * 4, "too few"),  # three blanks needed between four equal targets
    ],
)
def test_what_cannot_be_aligned_is_refused(targets: list[int], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        ctc_align(np.full((5, 3), np.log(1 / 3)), targets)


def test_an_impossible_symbol_is_refused() -> None:
    log_probs = np.log(np.array([[0.5, 0.5, 0.0]] * 4) + 1e-300)
    log_probs[:, 2] = -np.inf
    with pytest.raises(DataError, match="above zero"):
        ctc_align(log_probs, [2])
