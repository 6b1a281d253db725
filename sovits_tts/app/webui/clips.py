"""A visitor's clip: opened within limits, drawn, and judged in plain words. No Gradio in here."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from sovits_tts.app.webui.catalogue import explain, say, tell
from sovits_tts.audio import Audio
from sovits_tts.clip import MAX_WINDOW, MIN_WINDOW, ClipReport, best_window
from sovits_tts.data.quality import turn
from sovits_tts.errors import AudioError, ReferenceAudioError

MAX_BYTES = 100 << 20
MAX_SECONDS = 1200.0
ONE_SPEAKER, TWO_SPEAKERS = 1.4, 2.0  # of quality.turn, which has the figures
_WIDTH, _HEIGHT = 600, 90  # units of the drawing


def read_clip(path: Path) -> Audio:
    """An uploaded or recorded file. Raises AudioError for one that is too large, too long, or no sound."""
    if path.stat().st_size > MAX_BYTES:
        hint = "Cut a few seconds of one voice out."
        raise AudioError("The file is larger than {size} MB.", hint=hint, size=MAX_BYTES >> 20)
    try:
        return Audio.load(path.read_bytes(), max_seconds=MAX_SECONDS)  # bytes: messages then name no path
    except AudioError as error:
        if "longer than" not in error.message:
            raise AudioError(
                "This file cannot be read as sound.",
                hint="Use a WAV, FLAC, OGG or MP3 file, or record a few seconds with the microphone.",
            ) from error
        raise AudioError(
            "The clip is longer than {minutes:.0f} minutes.", hint="Use 3 to 10 seconds, or a few minutes.",
            minutes=MAX_SECONDS / 60,
        ) from error  # fmt: skip


def waveform(audio: Audio, report: ClipReport, language: str) -> str:
    """An SVG of the whole clip, with the window that becomes the voice marked."""
    bins = np.array_split(np.abs(audio.samples), min(_WIDTH // 2, max(1, len(audio))))
    peaks = np.array([part.max(initial=0.0) for part in bins])
    heights = peaks / max(float(peaks.max(initial=0.0)), 1e-4) * (_HEIGHT / 2 - 4)
    step = _WIDTH / len(heights)
    strokes = "".join(
        f"M{(i + 0.5) * step:.1f} {_HEIGHT / 2 - max(0.6, h):.1f}v{2 * max(0.6, h):.1f}" for i, h in enumerate(heights)
    )
    mark = ""
    if report.window:
        left, right = (_WIDTH * t / audio.seconds for t in (report.window.start, report.window.end))
        mark = f'<rect class="sv-window" x="{left:.1f}" y="0" width="{right - left:.1f}" height="{_HEIGHT}" rx="4"/>'
    return (
        f'<svg class="sv-wave" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(say(language, "clip.waveform"))}">{mark}<path d="{strokes}"/></svg>'
    )


def badges(audio: Audio, report: ClipReport, language: str) -> str:
    """Length, noise, clipping, and whether one person speaks, each as good, fair or poor."""
    snr, clipped = report.snr_db, report.clipped_share
    found = [(_grade(report.speech_seconds, MIN_WINDOW, 1.5), say(language, "clip.length", seconds=report.seconds))]
    if snr is not None:
        found.append((_grade(snr, 25, 15), say(language, "clip.snr", db=snr)))
    key = "clip.clipped" if clipped > 0.002 else "clip.unclipped"
    found.append((_grade(-clipped, -0.002, -0.02), say(language, key, share=100 * clipped)))
    if report.window:
        found.append(_speakers(audio.cut(report.window.start, report.window.end), language))
    items = "".join(f'<span class="sv-badge sv-{grade}">{escape(text)}</span>' for grade, text in found)
    return f'<div class="sv-badges">{items}</div>'


def _speakers(window: Audio, language: str) -> tuple[str, str]:
    """Whether the part that becomes the voice is of one speaker, as far as its average spectrum tells."""
    change = turn(window)
    if change is None:
        return "fair", say(language, "clip.speaker.short")
    grade = _grade(-change, -ONE_SPEAKER, -TWO_SPEAKERS)
    return grade, say(language, f"clip.speaker.{grade}")


def _grade(value: float, good: float, fair: float) -> str:
    return "good" if value >= good else "fair" if value >= fair else "poor"


def card(audio: Audio, report: ClipReport, language: str) -> str:
    """Waveform, badges, and which part is taken or why none is."""
    if report.window:
        start, end = report.window.start, report.window.end
        note = say(language, "clip.window", start=start, end=end, total=audio.seconds)
    else:
        note = _problem(audio, report, language)
    warnings = "".join(f"<p>⚠ {escape(tell(language, text))}</p>" for text in report.warnings)
    poor = "" if report.window else " sv-refused"
    return (
        f'<div class="sv-card">{waveform(audio, report, language)}{badges(audio, report, language)}'
        f'<p class="sv-note{poor}">{escape(note)}</p>{warnings}</div>'
    )


def _problem(audio: Audio, report: ClipReport, language: str) -> str:
    """Why a clip cannot be a voice."""
    try:
        best_window(audio)
    except ReferenceAudioError as error:
        return explain(language, error)
    return report.problem


def plain_words(report: ClipReport, language: str) -> str:
    """Loudness, pitch and timbre of a clip as an HTML table: the figure, and what it means."""

    def number(value: float | None, unit: str, digits: int = 0) -> str:
        return say(language, "inspect.unknown") if value is None else f"{value:.{digits}f} {unit}"

    pitch = number(report.f0_median_hz, "Hz")
    if report.f0_low_hz is not None:
        pitch += f" ({report.f0_low_hz:.0f}–{report.f0_high_hz:.0f})"
    loudness = f"{number(report.loudness_lufs, 'LUFS', 1)}, {number(report.peak_dbfs, 'dBFS', 1)}"
    timbre = f"{number(report.centroid_hz, 'Hz')}, ≤ {report.bandwidth_hz:.0f} Hz"
    rows = [("loudness", loudness), ("pitch", pitch), ("timbre", timbre), ("noise", number(report.snr_db, "dB"))]
    cells = "".join(
        f"<tr><th>{escape(say(language, f'inspect.{key}'))}</th><td><b>{escape(value)}</b></td>"
        f"<td>{escape(say(language, f'inspect.{key}.means'))}</td></tr>"
        for key, value in rows
    )
    window = say(language, "clip.usable", low=MIN_WINDOW, high=MAX_WINDOW)
    return f'<table class="sv-table">{cells}</table><p class="sv-note">{escape(window)}</p>'


def spectrum(audio: Audio, report: ClipReport, language: str) -> str:
    """An SVG of the average spectrum of the speech, 50 Hz to 8 kHz on a logarithmic axis: the picture of timbre."""
    spoken = [audio.cut(part.start, part.end).samples for part in report.speech] or [audio.samples]
    samples = Audio(np.concatenate(spoken), audio.sample_rate).resample(16_000).samples
    padded = np.pad(samples, (0, max(0, 2048 - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2048)[::1024] * np.hanning(2048)
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0)
    hertz = np.geomspace(50, 7900, 200)
    level = 10 * np.log10(np.interp(hertz, np.arange(1025) * 16_000 / 2048, power) + 1e-10)
    level = np.clip(level - level.max(), -70, 0)
    points = " ".join(f"{i * 3:.0f},{4 - value * 2:.1f}" for i, value in enumerate(level))
    marks = "".join(
        f'<line x1="{x:.0f}" x2="{x:.0f}" y1="0" y2="144"/><text x="{x + 3:.0f}" y="158">{f} Hz</text>'
        for f, x in ((f, 597 * np.log(f / 50) / np.log(158)) for f in (100, 300, 1000, 3000))
    )
    return (
        f'<div class="sv-card"><svg class="sv-spectrum" viewBox="0 0 600 164" role="img"'
        f' aria-label="{escape(say(language, "inspect.spectrum"))}">{marks}<polyline points="{points}"/></svg>'
        f'<p class="sv-note">{escape(say(language, "inspect.spectrum"))}</p></div>'
    )
