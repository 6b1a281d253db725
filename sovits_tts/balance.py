"""The spectral balance of a voice: how loud each part of the spectrum is on average, and bringing speech to it.

A small model knows a new voice's timbre only roughly. The long-term average spectrum of the clip is known exactly, so
the difference is made up by a smooth filter of each sentence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import istft, stft

from sovits_tts.audio import Audio

FREQUENCIES = np.geomspace(100, 7500, 40)  # Hz; above the last, clips of phones and old recordings hold nothing
_LOUDEST_DB, _QUIETEST_DB = 12.0, -12.0  # of the filter
_ENOUGH = 2.0  # seconds of sound; the average of less says as much about the words as about the voice
_WINDOW = 0.0427  # seconds

Balance = NDArray[np.float64]


def balance(audio: Audio) -> Balance:
    """(40,) dB at FREQUENCIES: the mean power of the louder half of the frames, about a third of an octave wide, less
    its mean. Zeros for silence and for less than two windows."""
    frequencies, _, spectrum = _stft(audio)
    power = np.square(np.abs(spectrum))
    energy = power.sum(axis=0)
    if spectrum.shape[1] < 4 or not energy.max(initial=0.0) > 1e-12:
        return np.zeros(len(FREQUENCIES))
    average = power[:, energy >= np.median(energy)].mean(axis=1)
    width = 60 + 0.1 * FREQUENCIES[:, None]
    weights = np.exp(-0.5 * np.square((frequencies[None] - FREQUENCIES[:, None]) / width))
    level = 10 * np.log10(weights @ average / weights.sum(axis=1) + 1e-14)
    return level - level.mean()


def with_balance(audio: Audio, target: Balance) -> Audio:
    """The recording filtered towards a balance, at its own loudness and length."""
    loudness = np.sqrt(np.mean(np.square(audio.samples))) if len(audio) else 0.0
    if loudness < 1e-5:
        return audio
    gain = np.clip(target - balance(audio), _QUIETEST_DB, _LOUDEST_DB) * min(1.0, audio.seconds / _ENOUGH)
    frequencies, size, spectrum = _stft(audio)
    factor = 10 ** (np.interp(frequencies, FREQUENCIES, gain) / 20)
    _, wave = istft(spectrum * factor[:, None], audio.sample_rate, nperseg=size, noverlap=size * 3 // 4)
    filtered = np.zeros(len(audio), np.float32)
    filtered[: min(len(wave), len(audio))] = wave[: len(audio)]
    return Audio(filtered * np.float32(loudness / max(np.sqrt(np.mean(np.square(filtered))), 1e-9)), audio.sample_rate)


def _stft(audio: Audio) -> tuple[np.ndarray, int, np.ndarray]:
    size = round(_WINDOW * audio.sample_rate / 4) * 4
    samples = audio.samples if len(audio) >= size else np.pad(audio.samples, (0, size - len(audio)))
    frequencies, _, spectrum = stft(samples, audio.sample_rate, nperseg=size, noverlap=size * 3 // 4)
    return frequencies, size, spectrum
