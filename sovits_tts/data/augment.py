"""Waveform perturbations for the content encoder: other voices, rooms, microphones and lines, the same words.

All are applied to the input only, never to the target, so that the tokens forget who spoke and through what.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]


def stretch(wave: Wave, n_out: int) -> Wave:
    """Resample `wave` to exactly `n_out` samples: pitch and formants move with the speed."""
    positions = np.linspace(0, len(wave) - 1, n_out)
    return np.interp(positions, np.arange(len(wave)), wave).astype(np.float32)


def _equaliser(frequencies: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.floating]:
    """A smooth random gain curve within about ±10 dB."""
    knots = np.array([0, 150, 400, 1000, 2500, 5000, 8000])
    gains = rng.normal(0, 4, len(knots))
    return 10 ** (np.interp(frequencies, knots, gains) / 20)


def _low_pass(frequencies: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.floating]:
    cutoff = rng.uniform(3400, 8000)
    return 1 / (1 + (frequencies / cutoff) ** 24)


def _room(n_fft: int, sample_rate: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Spectrum of an exponentially decaying noise tail after the direct sound."""
    decay = rng.uniform(0.1, 0.5)  # seconds to -60 dB
    n = int(decay * sample_rate)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * rng.uniform(0.01, 0.06)
    tail[0] = 1.0
    return np.fft.rfft(tail, n_fft)


def perturb(wave: Wave, sample_rate: int, rng: np.random.Generator) -> Wave:
    """Random equaliser, low-pass, reverberation, noise and level. Same length as the input."""
    n_fft = 1 << (len(wave) + sample_rate // 2 - 1).bit_length()
    frequencies = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    response = np.ones(len(frequencies), np.complex128)
    if rng.random() < 0.6:
        response *= _equaliser(frequencies, rng)
    if rng.random() < 0.3:
        response *= _low_pass(frequencies, rng)
    if rng.random() < 0.25:
        response *= _room(n_fft, sample_rate, rng)
    out = np.fft.irfft(np.fft.rfft(wave, n_fft) * response, n_fft)[: len(wave)]
    level = np.sqrt(np.mean(out**2)) + 1e-6
    if rng.random() < 0.5:
        tilt = rng.uniform(0, 1)  # 0 white .. 1 pink
        shape = 1 / np.maximum(frequencies, 50) ** (tilt / 2)
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(wave)), n_fft) * shape, n_fft)[: len(wave)]
        noise *= level / (np.sqrt(np.mean(noise**2)) + 1e-9) * 10 ** (-rng.uniform(5, 30) / 20)
        out = out + noise
    gain = 10 ** (rng.uniform(-10, 6) / 20)
    return np.clip(out * gain, -1, 1).astype(np.float32)
