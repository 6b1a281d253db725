"""`sovits-tts inspect`: what a clip holds, and which part of it makes the best voice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sovits_tts.app.cli import console

if TYPE_CHECKING:
    from sovits_tts.clip import ClipReport


def inspect(
    clip: Annotated[Path, typer.Argument(help="A sound file.")],
    plot: Annotated[Path | None, typer.Option(help="Picture to draw: waveform, mel spectrum, pitch.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the picture.")] = False,
) -> None:
    """Loudness, pitch, timbre, noise and clipping of a clip, and its best 3 to 10 seconds."""
    from sovits_tts.audio import Audio
    from sovits_tts.clip import inspect as measure

    if plot:
        console.refuse_overwrite(plot, force)
    audio = Audio.load(clip)
    report = measure(audio)
    if plot:
        from sovits_tts.app.plots import plot_clip

        plot.parent.mkdir(parents=True, exist_ok=True)
        plot_clip(audio, report).savefig(plot)
    if json:
        console.show_json({"clip": str(clip)} | report.as_dict() | {"plot": str(plot) if plot else None})
    else:
        console.show_table(str(clip), ["", ""], rows(report))
        for warning in report.warnings:
            console.note(f"Warning: {warning}")


def rows(report: ClipReport) -> list[list[str]]:
    """Labels and values for people."""

    def number(value: float | None, unit: str, digits: int = 1) -> str:
        return "unknown" if value is None else f"{value:.{digits}f} {unit}".strip()

    window = report.window
    pitch = number(report.f0_median_hz, "Hz", 0)
    if report.f0_low_hz is not None:
        pitch += f" ({report.f0_low_hz:.0f} to {report.f0_high_hz:.0f})"
    return [
        ["length", f"{report.seconds:.2f} s, {report.speech_seconds:.2f} s of it speech"],
        ["sample rate", f"{report.sample_rate} Hz, sound up to {report.bandwidth_hz:.0f} Hz"],
        ["loudness", number(report.loudness_lufs, "LUFS")],
        ["peak", number(report.peak_dbfs, "dBFS")],
        ["pitch (F0)", pitch],
        ["voiced", f"{report.voiced_share:.0%} of the speech"],
        ["brightness (spectral centroid)", number(report.centroid_hz, "Hz", 0)],
        ["signal to noise", number(report.snr_db, "dB", 0)],
        ["clipped", f"{report.clipped_share:.2%}"],
        ["voice window", f"{window.start:.2f} to {window.end:.2f} s, score {window.score:.2f}" if window else "none"],
        ["why", "; ".join(window.reasons) if window else report.problem],
    ]
