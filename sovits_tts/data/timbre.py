"""Who speaks, as far as the average spectrum of speech tells: mean mel cepstra (Davis and Mermelstein 1980).

Far weaker than a speaker network, and a network of few voices is weaker still; docs/dataset.md has the figures.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from sovits_tts.audio import Audio

_RATE, _SIZE, _HOP = 16_000, 512, 160
_BANDS, _LOWEST, _HIGHEST = 40, 60.0, 7600.0  # Hz
_QUIET = 45  # per cent of the frames, the weakest, that do not count
# Mean over 16 speakers of LibriSpeech and Common Voice, and how far single clips are from their speaker's mean.
_MEAN = np.array([
    11.21, 1.85, 2.81, 0.2, -0.95, -0.89, -0.64, -0.2, -0.09, -0.16,
    0.14, -0.37, 0.39, -0.37, -0.24, -0.29, -0.2, -0.34, -0.13, -0.31,
])  # fmt: skip
_SPREAD = np.array([
    2.1, 1.48, 1.26, 1.0, 0.81, 0.8, 0.67, 0.6, 0.55, 0.55, 0.44, 0.44, 0.41, 0.34, 0.3, 0.28, 0.27, 0.25, 0.26, 0.22,
])  # fmt: skip


def timbre(audio: Audio) -> np.ndarray:
    """(20,) how the louder part of a clip differs from the average voice, in deviations of one speaker's clips."""
    samples = audio.resample(_RATE).samples
    views = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (_SIZE // 2, _SIZE)), _SIZE)[::_HOP]
    power = np.abs(np.fft.rfft(views * np.hanning(_SIZE).astype(np.float32))) ** 2
    bands = np.log(power @ _filters().T + 1e-9)
    level = bands.mean(axis=1)
    cepstra = dct(bands[level > np.percentile(level, _QUIET)], axis=1, norm="ortho")[:, 1 : len(_MEAN) + 1]
    if not len(cepstra):
        return np.zeros(len(_MEAN))
    return (cepstra.mean(axis=0) - _MEAN) / _SPREAD


def _filters() -> np.ndarray:
    """(bands, bins) triangles, evenly spaced on the mel scale."""
    edges = 700 * (10 ** (np.linspace(_mel(_LOWEST), _mel(_HIGHEST), _BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(_SIZE, 1 / _RATE)
    low, middle, high = (edges[i : i + _BANDS, None] for i in range(3))
    return np.maximum(0.0, np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)))


def _mel(hz: float) -> float:
    return 2595 * float(np.log10(1 + hz / 700))
