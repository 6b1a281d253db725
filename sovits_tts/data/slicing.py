"""A long recording -> stretches of a sentence or two, cut in pauses and never inside speech.

Where speech is, a detector says: the one by level is always there, silero-vad may be installed. How the stretches
between pauses are joined, dynamic programming decides: lengths near the target, cuts in long pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np

from sovits_tts.activity import FRAME_RATE, Segment, find_speech, measure, runs
from sovits_tts.audio import Audio
from sovits_tts.errors import ConfigError, MissingDependency

_SHORT_PAUSE = 0.08  # seconds: cut here only where speech goes on for longer than a slice may
_DEEP = 22.0  # dB under the loud part of that speech
_SILERO_RATE = 16_000

Detector = Callable[[Audio], tuple[Segment, ...]]


@dataclass(frozen=True)
class SliceSettings:
    """Seconds throughout.

    shortest, longest: of a slice; what cannot be cut so is left out
    target:    lengths are drawn towards it
    max_pause: a longer pause inside a slice is always a cut
    edge:      pause kept before and after speech
    detector:  "level", or "silero" (extra)
    """

    shortest: float = 3.0
    longest: float = 10.0
    target: float = 6.0
    max_pause: float = 1.2
    edge: float = 0.15
    detector: str = "level"

    def __post_init__(self) -> None:
        if not 0 < self.shortest <= self.target <= self.longest:
            raise ConfigError(
                f"Slices of {self.shortest:g} to {self.longest:g} s with a target of {self.target:g} s make no sense.",
                hint="It must be 0 < shortest <= target <= longest.",
            )


@dataclass(frozen=True)
class Slices:
    """kept: in order, without overlap. left_out: speech that no pause allows to cut within the limits, with why."""

    kept: tuple[Segment, ...]
    left_out: tuple[tuple[Segment, str], ...] = ()


def slice_recording(audio: Audio, settings: SliceSettings | None = None, detect: Detector | None = None) -> Slices:
    """Cut a recording of any length; `detect` stands in for the detector that the settings name.

    Raises ConfigError for an unknown detector, MissingDependency where its package is absent.
    """
    settings = settings or SliceSettings()
    speech = (detect or detector(settings.detector))(audio)
    longest = settings.longest - 2 * settings.edge
    atoms = [part for segment in speech for part in _finer(audio, segment, longest)]
    kept, left_out = [], []
    groups = _join(atoms, settings)
    for number, (first, last) in enumerate(groups):
        before = atoms[first - 1].end if first else 0.0
        after = atoms[last + 1].start if last + 1 < len(atoms) else audio.seconds
        start, end = atoms[first].start, atoms[last].end
        found = Segment(
            round(max(0.0, start - min(settings.edge, (start - before) / 2 if first else start)), 3),
            round(end + min(settings.edge, (after - end) / 2 if number + 1 < len(groups) else after - end), 3),
        )
        seconds = found.end - found.start
        if seconds > settings.longest + 0.01:
            left_out.append((found, f"{seconds:.1f} s of speech without a pause to cut in"))
        elif seconds < settings.shortest - 0.01:
            left_out.append((found, f"only {seconds:.1f} s of speech between long pauses"))
        else:
            kept.append(found)
    return Slices(tuple(kept), tuple(left_out))


def detector(name: str) -> Detector:
    """A function that finds speech, by name: "level" or "silero"."""
    if name == "level":
        return by_level
    if name == "silero":
        return _silero()
    raise ConfigError(f"There is no speech detector {name!r}.", hint="Choose level or silero.")


def by_level(audio: Audio) -> tuple[Segment, ...]:
    """Speech by its level over the noise around it."""
    return find_speech(measure(audio))


@cache
def _silero() -> Detector:
    if not find_spec("silero_vad"):
        raise MissingDependency("silero-vad is not installed.", hint='pip install "sovits-tts[vad]"')
    import torch

    threads = torch.get_num_threads()
    from silero_vad import get_speech_timestamps, load_silero_vad

    torch.set_num_threads(threads)  # its import sets one, for everything in this process
    network = load_silero_vad()

    def detect(audio: Audio) -> tuple[Segment, ...]:
        wave = torch.from_numpy(np.array(audio.resample(_SILERO_RATE).samples))
        found = get_speech_timestamps(wave, network, sampling_rate=_SILERO_RATE, min_silence_duration_ms=150)
        return tuple(Segment(item["start"] / _SILERO_RATE, item["end"] / _SILERO_RATE) for item in found)

    return detect


def _finer(audio: Audio, segment: Segment, longest: float) -> list[Segment]:
    """Speech longer than a slice may be, parted at short pauses too."""
    if segment.end - segment.start <= longest:
        return [segment]
    level = measure(audio.cut(segment.start, segment.end)).level
    smooth = np.convolve(level, np.ones(3) / 3, mode="same")
    quiet = smooth < np.percentile(level, 90) - _DEEP
    gaps = [(a, b) for a, b in runs(quiet) if (b - a) / FRAME_RATE >= _SHORT_PAUSE and a and b < len(level)]
    edges = [0.0, *(t / FRAME_RATE for gap in gaps for t in gap), segment.end - segment.start]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [Segment(segment.start + a, segment.start + b) for a, b in pairs if b - a > 0.02]


def _join(atoms: list[Segment], settings: SliceSettings) -> list[tuple[int, int]]:
    """First and last atom of each slice, by the cheapest way to part the row of atoms."""
    best = [0.0] + [np.inf] * len(atoms)
    back = [0] * (len(atoms) + 1)
    for last in range(len(atoms)):
        for first in range(last, -1, -1):
            span = atoms[last].end - atoms[first].start + 2 * settings.edge
            if first < last:
                inside = atoms[first + 1].start - atoms[first].end
                if span > settings.longest or inside > settings.max_pause:
                    break
            gap = atoms[last + 1].start - atoms[last].end if last + 1 < len(atoms) else settings.max_pause
            cost = best[first] + _cost(span, gap, settings)
            if cost < best[last + 1]:
                best[last + 1], back[last + 1] = cost, first
    groups: list[tuple[int, int]] = []
    at = len(atoms)
    while at:
        groups.append((back[at], at - 1))
        at = back[at]
    return groups[::-1]


def _cost(span: float, gap: float, settings: SliceSettings) -> float:
    """Of one slice, weighted by its length where it will be left out: speech is not to be lost."""
    lost = 3.0 + span if span < settings.shortest or span > settings.longest else 0.0
    return ((span - settings.target) / settings.target) ** 2 + 0.5 * float(np.exp(-gap / 0.3)) + lost
