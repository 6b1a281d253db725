"""Another pitch, the same formants: time-domain PSOLA (Moulines and Charpentier 1990).

Voiced speech is cut into grains of two periods around its pulses. Grains laid down closer together are a higher voice;
each keeps its own shape, and with it the vowel and the speaker. What has no pitch is copied.
"""

from __future__ import annotations

import numpy as np

from sovits_tts.audio import Audio
from sovits_tts.errors import AudioError
from sovits_tts.pitch import FRAME_RATE, pitch

MAX_SEMITONES = 12.0
_UNVOICED_STEP = 0.005  # seconds between grains where there is no pitch
_SEARCH = 0.2  # a period may differ from the contour's by this share
_LEVEL_WINDOW = 0.04  # seconds over which the level is kept
_MOST_GAIN = 2.0


def shift_pitch(audio: Audio, semitones: float) -> Audio:
    """The same speech at another pitch, as long as before. semitones: -12 to 12; raises AudioError beyond."""
    if not abs(semitones) <= MAX_SEMITONES:
        raise AudioError(f"The pitch cannot move by {semitones} semitones.", hint="It can move by -12 to 12.")
    if semitones == 0 or not len(audio):
        return audio
    marks, voiced = _marks(audio.samples, pitch(audio), audio.sample_rate)
    if not voiced.any():
        return audio
    made = _lay(audio.samples.astype(np.float64), marks, voiced, 2 ** (semitones / 12))
    return Audio(_at_level_of(made, audio.samples, audio.sample_rate), audio.sample_rate)


def _marks(samples: np.ndarray, contour: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the grains, ascending, and which of them are pulses of a voice."""
    found: list[tuple[int, bool]] = []
    edges = np.flatnonzero(np.diff(np.pad((contour > 0).astype(np.int8), 1)))
    step, at = round(_UNVOICED_STEP * rate), 0
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        start, end = (min(len(samples), round(frame * rate / FRAME_RATE)) for frame in (first, last))
        pulses = _pulses(samples, contour[first:last], start, end, rate)
        if not pulses:
            continue
        found += [(mark, False) for mark in range(at, pulses[0] - step // 2, step)]
        found += [(pulse, True) for pulse in pulses]
        at = pulses[-1] + step
    found += [(mark, False) for mark in range(at, len(samples), step)]
    marks, voiced = zip(*found, strict=True) if found else ((), ())
    return np.array(marks, dtype=np.int64), np.array(voiced, dtype=bool)


def _pulses(samples: np.ndarray, contour: np.ndarray, start: int, end: int, rate: int) -> list[int]:
    """One mark per period from `start` to `end`: the strongest first, then on to where the wave repeats."""
    times = start + np.arange(len(contour)) * rate / FRAME_RATE
    period = rate / np.interp(np.arange(start, end), times, contour)
    if len(period) < 2 * period.max(initial=0):
        return []
    wave = samples[start:end].astype(np.float64)
    wave *= 1 if wave.max() >= -wave.min() else -1  # recordings come with either polarity
    top = int(np.argmax(wave))
    before = [len(wave) - 1 - mark for mark in _follow(wave[::-1], period[::-1], len(wave) - 1 - top)[1:]]
    return [start + mark for mark in [*before[::-1], *_follow(wave, period, top)]]


def _follow(wave: np.ndarray, period: np.ndarray, mark: int) -> list[int]:
    """Marks from `mark` on, each where the period before it looks most like the one around it."""
    marks = [mark]
    while True:
        length = int(period[mark])
        low, high = mark + int(length * (1 - _SEARCH)), mark + int(length * (1 + _SEARCH)) + 1
        half = length // 2
        if high + half > len(wave) or mark < half:
            expected = mark + length
            if expected >= len(wave):
                return marks
            mark = expected
        else:
            kept = wave[mark - half : mark + half]
            views = np.lib.stride_tricks.sliding_window_view(wave[low - half : high + half], 2 * half)
            likeness = views @ kept / np.sqrt((views**2).sum(axis=1) * (kept @ kept) + 1e-12)
            peak = wave[low : low + len(views)] / max(float(np.abs(kept).max()), 1e-9)
            mark = low + int(np.argmax(likeness + 0.2 * peak))  # and on a pulse, or the marks drift off it
        marks.append(mark)


def _lay(samples: np.ndarray, marks: np.ndarray, voiced: np.ndarray, ratio: float) -> np.ndarray:
    """Grains at their new places, added up; where more than one window lies, divided by their sum."""
    made, weight = np.zeros(len(samples)), np.zeros(len(samples))
    gaps = np.diff(marks)
    left, right = np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]])
    for index, place in _places(marks, voiced, ratio):
        a, b = min(int(left[index]), int(marks[index]), place), int(right[index])
        b = min(b, len(samples) - max(int(marks[index]), place))
        if b <= 0:
            continue  # a voice that is cut off in mid-period: the next pulse would lie beyond the end
        window = np.concatenate([
            0.5 - 0.5 * np.cos(np.pi * np.arange(left[index] - a, left[index]) / left[index]),
            0.5 + 0.5 * np.cos(np.pi * np.arange(b) / right[index]),
        ])  # fmt: skip
        made[place - a : place + b] += window * samples[marks[index] - a : marks[index] + b]
        weight[place - a : place + b] += window
    return made / np.maximum(weight, 1)


def _places(marks: np.ndarray, voiced: np.ndarray, ratio: float) -> list[tuple[int, int]]:
    """(grain, place): grains without pitch stay where they are; pulses come 1 / ratio periods after each other."""
    places = []
    edges = np.flatnonzero(np.diff(voiced.astype(np.int8))) + 1
    for run in np.split(np.arange(len(marks)), edges):
        if not voiced[run[0]] or len(run) < 2:
            places += [(int(index), int(marks[index])) for index in run]
            continue
        here, at = marks[run], float(marks[run[0]])
        periods = np.diff(here, append=2 * here[-1] - here[-2])
        while at < here[-1] + periods[-1] / 2:
            nearest = int(np.argmin(np.abs(here - at)))
            places.append((int(run[nearest]), round(at)))
            at += float(np.interp(at, here, periods)) / ratio
    return places


def _at_level_of(made: np.ndarray, original: np.ndarray, rate: int) -> np.ndarray:
    """Denser grains are louder and sparser ones softer: back to the level of the original, moment by moment."""
    size = round(_LEVEL_WINDOW * rate)
    window = np.hanning(size + 2)[1:-1] / (size / 2)
    old, new = (np.maximum(_smooth(np.asarray(x, dtype=np.float64) ** 2, window), 0) + 1e-10 for x in (original, made))
    gain = np.clip(np.sqrt(old / new), 1 / _MOST_GAIN, _MOST_GAIN)
    return (made * gain).astype(np.float32)


def _smooth(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    from scipy.signal import fftconvolve  # slow to import

    return fftconvolve(values, window, mode="same")
