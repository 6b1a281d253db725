"""Two clips beside each other: how alike the voices are, and how far pitch, loudness and timbre lie apart."""

from __future__ import annotations

from html import escape

import numpy as np

from sovits_tts.app.webui.catalogue import say
from sovits_tts.audio import Audio
from sovits_tts.errors import AudioError, MissingDependency
from sovits_tts.evaluation.acoustics import compare, measure
from sovits_tts.evaluation.similarity import Resemblyzer, SpeakerJudge, SpeakerNetwork, unit
from sovits_tts.features import style
from sovits_tts.tts import TTS

_SAME, _LIKE = 0.8, 0.7  # of resemblyzer: strangers have 0.5 to 0.7, two clips of one speaker over 0.8


class StyleVectors:
    """The model's own vectors of voices, where no speaker network is at hand: not independent, no known scale."""

    def __init__(self, tts: TTS) -> None:
        self.name, self._model = tts.spec.name, tts.model

    def embed(self, audio: Audio) -> np.ndarray:
        try:
            return unit(style(self._model, audio).vector[0, :, 0].float().cpu().numpy())
        except RuntimeError as error:  # shorter than one window of the spectrogram
            raise AudioError(
                "The clip is {seconds:.2f} s long, too short to compare.", seconds=audio.seconds
            ) from error


def best_judge(tts: TTS) -> SpeakerJudge:
    """An independent one where it is installed, else the model's own network for voices."""
    try:
        return Resemblyzer()
    except MissingDependency:
        return StyleVectors(tts) if tts.model.speaker is None else SpeakerNetwork(tts.model.speaker)


def comparison(judge: SpeakerJudge, first: Audio, second: Audio, language: str, names: tuple[str, str]) -> str:
    """A table: what each clip measures, and the difference; above it the likeness of the voices.

    names: catalogue keys of the two columns
    """
    a, b = measure(first), measure(second)
    apart = compare(a, b)

    def cell(value: float | None, unit: str, digits: int = 0, sign: bool = False) -> str:
        return "–" if value is None else f"{value:{'+' if sign else ''}.{digits}f} {unit}"

    rows = [
        ("pitch", cell(a.f0_hz, "Hz"), cell(b.f0_hz, "Hz"), cell(apart.f0_semitones, "st", 1, True)),
        ("loudness", cell(a.loudness_lufs, "LUFS", 1), cell(b.loudness_lufs, "LUFS", 1),
         cell(apart.loudness_db, "dB", 1, True)),
        ("timbre", "", "", cell(apart.timbre_db, "dB", 1)),
        ("length", cell(a.seconds, "s", 1), cell(b.seconds, "s", 1), f"× {apart.duration_ratio:.2f}"),
    ]  # fmt: skip
    heads = ["", *(say(language, name) for name in names), say(language, "compare.apart")]
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><th>{escape(say(language, f'inspect.{key}'))}</th>" + "".join(f"<td>{escape(x)}</td>" for x in cells)
        for key, *cells in rows
    )
    return f'{_likeness(judge, first, second, language)}<table class="sv-table"><tr>{head}</tr>{body}</table>'


def _likeness(judge: SpeakerJudge, first: Audio, second: Audio, language: str) -> str:
    try:
        value = float(judge.embed(first) @ judge.embed(second))
    except AudioError:  # nobody speaks
        return ""
    grade, words = "fair", "compare.value"
    if judge.name == Resemblyzer.name:
        grade = "good" if value >= _SAME else "fair" if value >= _LIKE else "poor"
        words = {"good": "compare.same", "fair": "compare.like", "poor": "compare.other"}[grade]
    text = say(language, "compare.similarity", value=value)
    note = say(language, words, judge=judge.name)
    return (
        f'<div class="sv-badges"><span class="sv-badge sv-{grade} sv-large">{escape(text)}</span></div>'
        f'<p class="sv-note">{escape(note)}</p>'
    )
