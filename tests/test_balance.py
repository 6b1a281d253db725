"""Spectral balance: what it says of a sound, and that a filter brings another sound to it and leaves the rest alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from sovits_tts.audio import Audio
from sovits_tts.balance import FREQUENCIES, balance, with_balance
from tests.tiny_model import speech

RATE = 24000


def noise(tilt: float, seconds: float = 4.0, seed: int = 0) -> Audio:
    white = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return Audio((0.05 * lfilter([1], [1, -tilt], white)).astype(np.float32), RATE)


def test_balance_says_the_tilt_and_not_the_loudness() -> None:
    flat, dull = balance(noise(0.0)), balance(noise(0.9))
    assert np.abs(flat).max() < 1.5
    assert dull[0] - dull[-1] > 15
    half = Audio(noise(0.9).samples * np.float32(0.5), RATE)
    np.testing.assert_allclose(balance(half), dull, atol=1e-3)
    assert len(dull) == len(FREQUENCIES)


def test_a_sound_is_brought_to_the_balance_of_another() -> None:
    target = balance(noise(0.7, seed=1))
    made = with_balance(noise(0.2), target)
    assert np.abs(balance(noise(0.2)) - target).max() > 4
    assert np.abs(balance(made) - target).max() < 1.5
    assert len(made) == len(noise(0.2)) and made.samples.dtype == np.float32
    rms = [np.sqrt(np.mean(audio.samples**2)) for audio in (made, noise(0.2))]
    assert rms[0] == pytest.approx(rms[1], rel=0.01)


def test_speech_with_its_own_balance_stays_as_it_is() -> None:
    said = speech(3.0)
    same = with_balance(said, balance(said))
    assert np.abs(same.samples - said.samples).max() < 0.02 * np.abs(said.samples).max()


def test_silence_and_blips_are_left_alone_and_a_word_is_moved_less() -> None:
    target = balance(noise(0.9))
    assert not with_balance(Audio(np.zeros(RATE, np.float32), RATE), target).samples.any()
    assert len(with_balance(Audio(np.zeros(0, np.float32), RATE), target)) == 0
    blip = Audio(noise(0.0).samples[:200], RATE)
    assert len(with_balance(blip, target)) == 200
    short, long = noise(0.0, 0.5), noise(0.0, 3.0)
    moved = [np.abs(balance(with_balance(audio, target)) - balance(audio)).max() for audio in (short, long)]
    assert 1 < moved[0] < 0.5 * moved[1]
