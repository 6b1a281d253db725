"""The codebook goes on meaning what it meant when the encoder was trained further."""

from __future__ import annotations

import numpy as np
import torch

from sovits_tts.training.codebook import Codebook, fit_codebook, turned_to


def _sounds(rng: np.random.Generator, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features of eight sounds, seen through the axes `turn`; and the sound of each."""
    centres = np.random.default_rng(7).normal(0, 4, (8, 6))
    said = rng.integers(0, 8, 4000)
    return ((centres[said] + rng.normal(0, 0.3, (4000, 6))) @ turn).astype(np.float16), said


def test_tokens_keep_their_meaning_and_their_vectors() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    early, said = _sounds(rng, np.eye(6))
    later, said_later = _sounds(rng, turn)
    first = fit_codebook(early, said, 8)
    before = first.assign(torch.from_numpy(later.astype(np.float32) @ turn.T)).numpy()
    second = fit_codebook(later, said_later, 8, before=before)
    features = torch.from_numpy(later)
    tokens = second.assign(features)
    assert (tokens.numpy() == before).mean() > 0.9  # two entries may share a sound, and the border between them moves
    turned = turned_to(second, first)
    assert torch.equal(turned.assign(features), tokens)
    assert (turned.entries - first.entries).norm() < 0.2 * first.entries.norm()
    assert (second.entries - first.entries).norm() > (turned.entries - first.entries).norm()


def test_turning_undoes_a_rotation() -> None:
    generator = torch.Generator().manual_seed(1)
    entries = torch.randn(20, 5, generator=generator)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0]
    previous = Codebook(torch.eye(5), torch.zeros(5), entries)
    rotated = Codebook(turn.T, torch.ones(5), entries @ turn + 1)
    back = turned_to(rotated, previous)
    torch.testing.assert_close(back.entries, entries, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(back.matrix, torch.eye(5), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(back.bias, torch.zeros(5), atol=1e-5, rtol=1e-4)
