"""Pictures of sound, for `inspect --plot` and the web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sovits_tts.audio import Audio
from sovits_tts.clip import ClipReport
from sovits_tts.errors import MissingDependency
from sovits_tts.pitch import pitch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_SECONDS = 30.0  # of a longer clip, around the chosen window


def plot_clip(audio: Audio, report: ClipReport, inches: tuple[float, float] = (10, 5)) -> Figure:
    """Waveform with speech and window marked, over a mel picture with the pitch contour. inches: width and height

    Raises MissingDependency when matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # not pyplot: that keeps figures in a module
    except ImportError:
        raise MissingDependency("Plots need matplotlib.", hint="Install it: pip install matplotlib") from None
    from sovits_tts.mel import mel_spectrogram

    first = max(0.0, report.window.start - 5) if report.window and audio.seconds > _SHOWN_SECONDS else 0.0
    shown = audio.cut(first, first + _SHOWN_SECONDS).resample(16_000)
    figure = Figure(figsize=inches, layout="constrained")
    wave, mel = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])

    times = first + np.arange(len(shown)) / 16_000
    wave.plot(times, shown.samples, linewidth=0.4, color="0.3")
    wave.set_ylim(-1, 1)
    wave.set_ylabel("amplitude")
    for segment in report.speech:
        wave.axvspan(segment.start, segment.end, color="tab:green", alpha=0.15, linewidth=0)
    if report.window:
        for axis in (wave, mel):
            axis.axvline(report.window.start, color="tab:red", linewidth=1)
            axis.axvline(report.window.end, color="tab:red", linewidth=1)

    import torch

    padded = np.pad(shown.samples, (0, 1024))  # a clip may be shorter than one analysis window
    values = mel_spectrogram(torch.from_numpy(padded), 16_000, 512, 160, 80)[0].numpy()
    values = values[:, : len(shown) // 160]
    end = first + values.shape[1] / 100
    mel.imshow(values, origin="lower", aspect="auto", cmap="magma", extent=(first, end, 0, 80), vmin=values.max() - 10)
    mel.set_ylabel("mel band")
    mel.set_xlabel("seconds")
    contour = pitch(shown)
    hertz = mel.twinx()
    hertz.plot(
        first + np.arange(len(contour)) / 100, np.where(contour > 0, contour, np.nan), color="cyan", linewidth=1.2
    )
    hertz.set_ylim(50, 500)
    hertz.set_ylabel("pitch, Hz")
    wave.set_xlim(first, end)
    wave.set_title(_title(report))
    return figure


def _title(report: ClipReport) -> str:
    facts = [f"{report.seconds:.1f} s"]
    if report.loudness_lufs is not None:
        facts.append(f"{report.loudness_lufs:.1f} LUFS")
    if report.snr_db is not None:
        facts.append(f"SNR {report.snr_db:.0f} dB")
    if report.f0_median_hz is not None:
        facts.append(f"F0 {report.f0_median_hz:.0f} Hz")
    facts.append(f"window {report.window.start:.1f}-{report.window.end:.1f} s" if report.window else report.problem)
    return ", ".join(facts)
