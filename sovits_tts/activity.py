"""Where a recording holds speech, how far the noise is below it, and where it is clipped."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np

from sovits_tts.audio import Audio

FRAME_RATE = 100  # analysis frames per second
_TOP_SNR = 80.0  # dB: what is said where the pauses are digital silence


@dataclass(frozen=True, eq=False)
class Frames:
    """Measurements every 10 ms, and the average spectrum.

    level: (F,) dB, power between 120 Hz and 6 kHz; centroid: (F,) Hz; spectrum: (bins,) mean power; bin_hz: bin width
    """

    level: np.ndarray
    centroid: np.ndarray
    spectrum: np.ndarray
    bin_hz: float


@dataclass(frozen=True)
class Segment:
    """A stretch of speech, in seconds."""

    start: float
    end: float


def measure(audio: Audio) -> Frames:
    """Levels, centroids and the average spectrum, from 32 ms windows every 10 ms."""
    rate = audio.sample_rate
    size = 2 ** round(np.log2(0.032 * rate))
    hop = rate / FRAME_RATE  # not whole at 22.05 kHz: each frame is placed where it belongs
    n_frames = max(1, int(len(audio) / hop))
    starts = np.round(np.arange(n_frames) * hop).astype(np.int64)
    views = np.lib.stride_tricks.sliding_window_view(np.pad(audio.samples, (size // 2, 2 * size)), size)
    taper = np.hanning(size).astype(np.float32)
    hz = np.fft.rfftfreq(size, 1 / rate)
    band = (hz >= 120) & (hz <= 6000)
    level, centroid, spectrum = np.empty(n_frames), np.empty(n_frames), np.zeros(len(hz))
    for first in range(0, n_frames, 4096):
        part = slice(first, first + 4096)
        power = np.abs(np.fft.rfft(views[starts[part]] * taper)) ** 2 / (taper**2).sum() / size
        level[part] = 10 * np.log10(power[:, band].sum(axis=1) + 1e-14)
        magnitude = np.sqrt(power)
        centroid[part] = magnitude @ hz / (magnitude.sum(axis=1) + 1e-12)
        spectrum += power.sum(axis=0)
    return Frames(level, centroid, spectrum / n_frames, float(hz[1]))


def find_speech(frames: Frames) -> tuple[Segment, ...]:
    """Stretches of speech by level, against the floor and ceiling of the clip and the floor around each moment.

    Speech rises and falls; where the level hardly moves (hum, hiss, digital silence) nothing is called speech.
    """
    heard = frames.level[frames.level > -100]  # digital silence would hide the noise floor
    if len(heard) < FRAME_RATE // 4:
        return ()
    floor, ceiling = np.percentile(heard, [8, 95])
    if len(heard) < 0.9 * len(frames.level):
        floor = min(floor, ceiling - 40)  # gated pauses: what is left is mostly speech
    if ceiling - floor < 8:
        return ()
    threshold = np.maximum(max(ceiling - 35, floor + 0.35 * (ceiling - floor)), _local_floor(frames.level) + 6)
    merged: list[tuple[int, int]] = []
    for start, end in runs(frames.level > threshold):
        if end - start < 5:
            continue
        if merged and start - merged[-1][1] < FRAME_RATE // 5:  # stops and weak syllables are no pauses
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(Segment(a / FRAME_RATE, b / FRAME_RATE) for a, b in merged if b - a >= FRAME_RATE // 10)


def _local_floor(level: np.ndarray) -> np.ndarray:
    """(F,) dB: the level that 8 % of the frames within 1.5 s stay under: noise may differ along a clip."""
    half = 3 * FRAME_RATE // 2
    centres = np.arange(0, len(level) + half, half)
    floors = [np.percentile(level[max(0, c - half) : c + half], 8) for c in centres if c - half < len(level)]
    return np.interp(np.arange(len(level)), centres[: len(floors)], floors)


def speech_mask(speech: tuple[Segment, ...], n_frames: int) -> np.ndarray:
    """(F,) bool: which frames are speech."""
    mask = np.zeros(n_frames, dtype=bool)
    for segment in speech:
        mask[round(segment.start * FRAME_RATE) : round(segment.end * FRAME_RATE)] = True
    return mask


def noise_mask(frames: Frames, spoken: np.ndarray) -> np.ndarray:
    """(F,) bool: frames that show the noise: pauses, 50 ms away from speech, or else the weakest 5 % of all."""
    quiet = ~(np.convolve(spoken, np.ones(11), mode="same") > 0)
    if quiet.sum() < 10:
        quiet = frames.level <= np.quantile(frames.level, 0.05)  # shows an upper bound
    return quiet


def signal_to_noise(speech_power: float, noise_power: float) -> float:
    """Powers of noisy speech and of the pauses -> dB, 0 to 80."""
    noise = max(noise_power, 1e-12)
    return float(np.clip(10 * log10(max(speech_power / noise - 1, 1e-3)), 0, _TOP_SNR))


def clip_snr(frames: Frames, speech: tuple[Segment, ...]) -> float | None:
    """Speech over pauses in dB, 0 to 80; None where there is no speech."""
    spoken = speech_mask(speech, len(frames.level))
    if not spoken.any():
        return None
    quiet = np.sort(frames.level[noise_mask(frames, spoken)])
    quiet = quiet[: max(1, len(quiet) * 9 // 10)]  # clicks and breaths left out
    return signal_to_noise(mean_power(frames.level[spoken]), mean_power(quiet))


def mean_power(level: np.ndarray) -> float:
    """Mean of levels in dB, as power."""
    return float((10 ** (level / 10)).mean())


def clipped_mask(samples: np.ndarray) -> np.ndarray:
    """(N,) bool: samples in runs of three or more stuck within 0.5 % of the largest or the smallest value."""
    mask = np.zeros(len(samples), dtype=bool)
    for side in (samples, -samples):
        top = float(side.max(initial=0))
        if top > 0.1:  # a quiet recording clips only where it was scaled down later, which is rare
            for start, end in runs(side >= 0.995 * top):
                mask[start:end] |= end - start >= 3
    return mask


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def louder_half(samples: np.ndarray, sample_rate: int) -> float:
    """RMS of the louder half of the 20 ms frames: the level of speech, whatever its pauses. 0 for next to nothing."""
    frame = sample_rate // 50
    n_frames = len(samples) // frame
    if not n_frames:
        return 0.0
    energy = np.square(samples[: n_frames * frame].reshape(n_frames, frame)).mean(axis=1)
    return float(np.sqrt(energy[energy >= np.median(energy)].mean()))
