"""How it sounds in numbers: pitch, loudness, timbre and duration, and how far they are from another recording's."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log2

import numpy as np

from sovits_tts.audio import Audio
from sovits_tts.errors import AudioError
from sovits_tts.pitch import pitch

TIMBRE_RATE, TIMBRE_BANDS = 16_000, 40
_FFT, _HOP = 512, 160
_SPEECH_DB = 30.0  # frames this far under the loud ones are left out of the timbre


@dataclass(frozen=True, eq=False)
class Acoustics:
    """Of one recording; None where nothing is voiced or loud enough to measure."""

    seconds: float
    f0_hz: float | None  # median over voiced frames
    f0_spread: float | None  # standard deviation in semitones: 0 is a monotone
    voiced_share: float
    loudness_lufs: float | None
    timbre: np.ndarray | None  # (TIMBRE_BANDS,) dB: mean mel spectrum of the speech up to 8 kHz, less its mean


@dataclass(frozen=True)
class Distance:
    """From a target to a recording: the same text by the same speaker, or just the same voice."""

    f0_semitones: float | None  # of the medians; positive is higher than the target
    f0_spread_ratio: float | None
    loudness_db: float | None
    timbre_db: float | None  # root mean square over the bands
    duration_ratio: float


def measure(audio: Audio) -> Acoustics:
    """Raises AudioError for an empty recording."""
    if not len(audio):
        raise AudioError("The recording is empty.")
    contour = pitch(audio)
    voiced = contour[contour > 0]
    loudness = audio.loudness()
    enough = len(voiced) >= 10
    return Acoustics(
        seconds=audio.seconds,
        f0_hz=float(np.median(voiced)) if enough else None,
        f0_spread=float(np.std(12 * np.log2(voiced))) if enough else None,
        voiced_share=len(voiced) / max(1, len(contour)),
        loudness_lufs=loudness if isfinite(loudness) else None,
        timbre=_timbre(audio),
    )


def compare(heard: Acoustics, target: Acoustics) -> Distance:
    return Distance(
        f0_semitones=12 * log2(heard.f0_hz / target.f0_hz) if heard.f0_hz and target.f0_hz else None,
        f0_spread_ratio=heard.f0_spread / target.f0_spread if heard.f0_spread and target.f0_spread else None,
        loudness_db=_difference(heard.loudness_lufs, target.loudness_lufs),
        timbre_db=None
        if heard.timbre is None or target.timbre is None
        else float(np.sqrt(np.mean((heard.timbre - target.timbre) ** 2))),
        duration_ratio=heard.seconds / target.seconds,
    )


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _timbre(audio: Audio) -> np.ndarray | None:
    import torch

    from sovits_tts.mel import log_mel, spectrogram

    samples = audio.resample(TIMBRE_RATE).samples
    if len(samples) < 2 * _FFT or audio.peak == 0:
        return None
    wave = torch.from_numpy(samples / max(float(np.abs(samples).max()), 1e-9))
    mel = 8.686 * log_mel(spectrogram(wave, _FFT, _HOP), TIMBRE_RATE, TIMBRE_BANDS)[0].numpy()  # dB, (bands, T)
    level = mel.mean(axis=0)
    mean = mel[:, level > np.quantile(level, 0.9) - _SPEECH_DB].mean(axis=1)
    return mean - mean.mean()
