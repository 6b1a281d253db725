"""What a clip holds: speech, noise, clipping, pitch, timbre; and which 3 to 10 s of it make the best voice."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from sovits_tts.activity import (
    FRAME_RATE,
    Frames,
    Segment,
    clip_snr,
    clipped_mask,
    find_speech,
    measure,
    noise_mask,
    signal_to_noise,
    speech_mask,
)
from sovits_tts.audio import Audio
from sovits_tts.errors import ReferenceAudioError, Told
from sovits_tts.pitch import pitch

MIN_WINDOW, MAX_WINDOW = 3.0, 10.0  # seconds: what the networks were trained to take as a voice
MIN_SPEECH = 1.5  # seconds of speech without which there is nothing to imitate
_EDGE = 0.15  # seconds of pause kept around speech
SILENT_DB = -70.0  # dBFS peak under which a clip is called silent
_CLIPPED, _RUINED = 2e-3, 0.05  # shares of samples stuck at the largest value: a warning, a refusal
_CROWDED = 0.03  # share of samples near the top: under 0.022 in natural speech, more where clipping was smoothed over


@dataclass(frozen=True)
class Window:
    """The part of a clip to take as the voice, in seconds, with a score (1 is flawless) and the reasons for it.

    whole: nothing spoken was left out, so the clip's transcript is the window's transcript
    """

    start: float
    end: float
    score: float
    whole: bool
    reasons: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class ClipReport:
    """All that `inspect` says about a clip. Levels in dB, frequencies in Hz, times in seconds; None: cannot be said."""

    seconds: float
    sample_rate: int
    loudness_lufs: float | None
    peak_dbfs: float | None
    snr_db: float | None
    clipped_share: float  # of all samples
    bandwidth_hz: float  # above this the recording holds nothing
    centroid_hz: float | None  # median over speech: bright or dark
    f0_median_hz: float | None
    f0_low_hz: float | None  # 5th percentile
    f0_high_hz: float | None  # 95th percentile
    voiced_share: float  # of the speech
    speech_seconds: float
    speech: tuple[Segment, ...]
    window: Window | None
    problem: str  # why there is no window
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def inspect(audio: Audio) -> ClipReport:
    """Measure a clip. Never refuses: a clip that cannot be a voice has no `window`, and `problem` says why."""
    frames = measure(audio)
    speech = find_speech(frames)
    clipped = clipped_mask(audio.samples)
    window, problem = None, ""
    try:
        window = _choose(audio, frames, speech, clipped, MIN_WINDOW, MAX_WINDOW)[0]
    except ReferenceAudioError as error:
        problem = str(error)
    spoken = speech_mask(speech, len(frames.level))
    f0 = pitch(audio)[: len(spoken)]
    f0 = f0[spoken[: len(f0)]]
    voiced = f0[f0 > 0]
    low, median, high = np.percentile(voiced, [5, 50, 95]).round(1).tolist() if len(voiced) >= 10 else [None] * 3
    loudness = audio.loudness()
    report = ClipReport(
        seconds=audio.seconds,
        sample_rate=audio.sample_rate,
        loudness_lufs=None if loudness == -inf else loudness,
        peak_dbfs=None if audio.peak == 0 else audio.peak_db,
        snr_db=clip_snr(frames, speech),
        clipped_share=float(clipped.mean()) if len(clipped) else 0.0,
        bandwidth_hz=_bandwidth(frames),
        centroid_hz=float(np.median(frames.centroid[spoken])) if spoken.any() else None,
        f0_median_hz=median,
        f0_low_hz=low,
        f0_high_hz=high,
        voiced_share=len(voiced) / max(1, len(f0)),
        speech_seconds=_total(speech),
        speech=speech,
        window=window,
        problem=problem,
        warnings=(),
    )
    return _with_warnings(report, audio) if speech else report


def best_window(audio: Audio, shortest: float = MIN_WINDOW, longest: float = MAX_WINDOW) -> Window:
    """The first of `best_windows`."""
    return best_windows(audio, shortest, longest)[0]


def best_windows(
    audio: Audio, shortest: float = MIN_WINDOW, longest: float = MAX_WINDOW, count: int = 5
) -> list[Window]:
    """The best `shortest` to `longest` seconds of a clip: much speech, little noise, no clipping, cut at pauses.

    Speech that fits whole is taken whole, as the only window. Else up to `count`, best first, which share no cut.
    Raises ReferenceAudioError for a clip that is too short, silent, without speech or ruined by clipping.
    """
    frames = measure(audio)
    return _choose(audio, frames, find_speech(frames), clipped_mask(audio.samples), shortest, longest, count)


def _choose(
    audio: Audio,
    frames: Frames,
    speech: tuple[Segment, ...],
    clipped: np.ndarray,
    shortest: float,
    longest: float,
    count: int = 1,
) -> list[Window]:
    _refuse(audio, speech, clipped, shortest, longest)
    judge = _Judge(frames, speech, clipped, audio.sample_rate)
    start, end = _with_edges(speech[0].start, speech[-1].end, audio.seconds, shortest)
    if end - start <= longest:
        return [judge.window(start, end, weak=0, whole=True)]
    cuts = _cut_points(frames, speech, audio.seconds)
    scored = []
    for i, (first, weak_first) in enumerate(cuts):
        for last, weak_last in cuts[i + 1 :]:
            if last - first > longest:
                break
            if last - first >= shortest:
                weak = weak_first + weak_last
                scored.append((judge.score(first, last, weak), first, last, weak))
    chosen: list[Window] = []
    used: set[float] = set()
    for _, start, end, weak in sorted(scored, reverse=True):
        if len(chosen) < count and not used & {start, end}:
            chosen.append(judge.window(start, end, weak=weak, whole=False))
            used |= {start, end}
    return chosen


def _refuse(audio: Audio, speech: tuple[Segment, ...], clipped: np.ndarray, shortest: float, longest: float) -> None:
    advice = "Use {shortest:g} to {longest:g} seconds or more of one voice without music."
    facts: dict[str, Any] = {"shortest": shortest, "longest": longest, "seconds": audio.seconds}
    if audio.peak_db < SILENT_DB:
        raise ReferenceAudioError("The clip is silent.", hint=advice, **facts)
    if audio.seconds < shortest:
        raise ReferenceAudioError("The clip is {seconds:.1f} s long.", hint=advice, **facts)
    if clipped.mean() > _RUINED:
        raise ReferenceAudioError(
            "The clip is ruined by clipping: {share:.0%} of it is stuck at full level.",
            hint="Record it again at a lower level.",
            share=float(clipped.mean()),
        )
    if not speech:
        raise ReferenceAudioError("The clip is {seconds:.1f} s long, but holds no speech.", hint=advice, **facts)
    if _total(speech) < MIN_SPEECH:
        found = "The clip is {seconds:.1f} s long, but holds only {spoken:.1f} s of speech."
        raise ReferenceAudioError(found, hint=advice, spoken=_total(speech), **facts)


class _Judge:
    """Scores any window of one clip from running sums, so that an hour of recording is searched in a second."""

    def __init__(self, frames: Frames, speech: tuple[Segment, ...], clipped: np.ndarray, rate: int) -> None:
        spoken = speech_mask(speech, len(frames.level))
        quiet = noise_mask(frames, spoken)
        power = 10 ** (frames.level / 10)
        hits = np.bincount((np.flatnonzero(clipped) * FRAME_RATE // rate), minlength=len(spoken))[: len(spoken)]
        columns = np.stack([spoken, spoken * power, quiet, quiet * power, hits / (rate / FRAME_RATE)])
        self.sums = np.pad(np.cumsum(columns, axis=1), ((0, 0), (1, 0)))
        self.noise = self.sums[3, -1] / max(1, self.sums[2, -1])

    def facts(self, start: float, end: float) -> tuple[float, float, float]:
        """Seconds of speech, signal to noise in dB, clipped share, between two times."""
        last = self.sums.shape[1] - 1
        a, b = min(last, round(start * FRAME_RATE)), min(last, round(end * FRAME_RATE))
        spoken, loud, quiet, noise, hits = self.sums[:, b] - self.sums[:, a]
        noise = noise / quiet if quiet >= 10 else self.noise
        return spoken / FRAME_RATE, signal_to_noise(loud / max(1, spoken), noise), hits / max(1, b - a)

    def score(self, start: float, end: float, weak: int) -> float:
        """1 is flawless: 6 s of speech and more, no pauses, 35 dB over the noise, no clipping, cuts in pauses."""
        spoken, snr, clipped = self.facts(start, end)
        quality = min(1.0, max(0.0, (snr - 5) / 30))
        share = spoken / (end - start)
        return 0.4 * min(1.0, spoken / 6) + 0.3 * share + 0.3 * quality - min(0.5, 20 * clipped) - 0.15 * weak

    def window(self, start: float, end: float, *, weak: int, whole: bool) -> Window:
        spoken, snr, clipped = self.facts(start, end)
        reasons = [f"{spoken:.1f} s of speech, {spoken / (end - start):.0%} of the window"]
        reasons.append(f"signal to noise {snr:.0f} dB")
        reasons.append(f"{clipped:.1%} of it is clipped" if clipped > _CLIPPED else "no clipping")
        if not whole:
            reasons.append("cut inside speech, for want of pauses" if weak else "cut at pauses")
        score = round(float(self.score(start, end, weak)), 3)
        return Window(round(start, 3), round(end, 3), score, whole, tuple(reasons))


def _with_edges(start: float, end: float, seconds: float, shortest: float) -> tuple[float, float]:
    """A little pause around speech, and as much more as the shortest window needs."""
    start, end = max(0.0, start - _EDGE), min(seconds, end + _EDGE)
    start = max(0.0, start - max(0.0, shortest - (end - start)) / 2)
    end = min(seconds, max(end, start + shortest))
    return max(0.0, min(start, end - shortest)), end


def _cut_points(frames: Frames, speech: tuple[Segment, ...], seconds: float) -> list[tuple[float, int]]:
    """Times where a window may start or end; 0 in a pause, 1 at a weak moment inside long speech."""
    cuts = {max(0.0, speech[0].start - _EDGE): 0, min(seconds, speech[-1].end + _EDGE): 0}
    for left, right in pairwise(speech):
        gap = right.start - left.end
        cuts[left.end + min(_EDGE, gap / 2)] = 0
        cuts[right.start - min(_EDGE, gap / 2)] = 0
    for segment in speech:
        for second in np.arange(segment.start + 1, segment.end - 1.5, 1.0):
            at = int(second * FRAME_RATE)
            smooth = np.convolve(frames.level[at : at + FRAME_RATE], np.ones(5) / 5, "valid")
            cuts.setdefault((at + int(np.argmin(smooth)) + 2) / FRAME_RATE, 1)
    return sorted(cuts.items())


def _bandwidth(frames: Frames) -> float:
    """Highest frequency whose average level is within 65 dB of the strongest."""
    level = 10 * np.log10(np.convolve(frames.spectrum, np.ones(5) / 5, mode="same") + 1e-20)
    return float(np.flatnonzero(level > level.max() - 65)[-1] * frames.bin_hz)


def _with_warnings(report: ClipReport, audio: Audio) -> ClipReport:
    found = []
    if report.snr_db is not None and report.snr_db < 15:
        noisy = "The clip is noisy: speech is {snr:.0f} dB over the noise; 25 dB or more is better."
        found.append(Told(noisy, snr=report.snr_db))
    if report.clipped_share > _CLIPPED:
        found.append(Told("{share:.1%} of the clip is clipped; record at a lower level.", share=report.clipped_share))
    elif _crowding(audio.samples) > _CROWDED:
        found.append(Told("The peaks look flattened, as if the clip was too loud before it was compressed."))
    if report.bandwidth_hz < 5000:
        found.append(Told("Nothing is recorded above {hz:.0f} Hz; the voice will sound dull.", hz=report.bandwidth_hz))
    if report.loudness_lufs is not None and report.loudness_lufs < -45:
        found.append(Told("The clip is very quiet ({lufs:.0f} LUFS).", lufs=report.loudness_lufs))
    return ClipReport(**{**report.__dict__, "warnings": tuple(found)})


def _crowding(samples: np.ndarray) -> float:
    """Share of samples above 80 % of the (nearly) largest: lossy coding blurs flat tops, but they stay crowded."""
    size = np.abs(samples)
    return float((size > 0.8 * np.quantile(size, 0.9995)).mean())


def _total(segments: tuple[Segment, ...]) -> float:
    return sum(segment.end - segment.start for segment in segments)
