"""Who judges a voice: one recogniser for each language, one speaker judge, and what the speaker sounds like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sovits_tts.assets import EMBEDDED, embedded_model
from sovits_tts.audio import Audio
from sovits_tts.data.quality import voice_vector
from sovits_tts.errors import AudioError, MissingDependency
from sovits_tts.evaluation.error_rate import Errors, count_errors
from sovits_tts.evaluation.recognise import Recogniser, Whisper, independent_recogniser
from sovits_tts.evaluation.run import own_head
from sovits_tts.evaluation.similarity import Resemblyzer, SpeakerJudge, SpeakerNetwork, unit
from sovits_tts.tts import TTS

_LEAST_VOICE = 0.5  # seconds that the style encoder needs


class StyleJudge:
    """The base model's own style vectors as a speaker judge: better than none, and not independent."""

    name = "style vectors of the base"

    def __init__(self, tts: TTS) -> None:
        self._model = tts.model

    def embed(self, audio: Audio) -> np.ndarray:
        if audio.seconds < _LEAST_VOICE or audio.peak < 1e-4:
            raise AudioError(f"There are {audio.seconds:.2f} s of sound, too little to tell who speaks.")
        return unit(voice_vector(self._model, audio))


@dataclass(frozen=True)
class Spoken:
    """A line and what the judges make of it. similarity None: there is no voice in it."""

    id: str
    text: str
    heard: str
    errors: Errors | None
    similarity: float | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        rate = self.errors.rate if self.errors else None
        return {"id": self.id, "text": self.text, "heard": self.heard, "error_rate": rate,
                "similarity": self.similarity, "seconds": round(self.seconds, 3)}  # fmt: skip


class Panel:
    """The judges of one run. Made from the base model, so that every checkpoint meets the same ones."""

    def __init__(self, base: TTS, languages: Sequence[str], recogniser: str = "auto", speaker: str = "auto") -> None:
        """recogniser, speaker: as in `config.Evaluation`"""
        self._recognisers: dict[str, Recogniser | None] = {
            language: _recogniser(base, language, recogniser) for language in dict.fromkeys(languages)
        }
        self.speaker, self._speaker_independent = _speaker_judge(base, speaker)
        self._voice = np.zeros(0)

    @property
    def names(self) -> list[str]:
        """Of all judges, for telling whether two results can be compared."""
        return [*sorted({r.name for r in self._recognisers.values() if r}), self.speaker.name]

    def describe(self) -> list[dict[str, Any]]:
        """Each judge with what it counts and whether it is independent of the model."""
        found = {r.name: r for r in self._recognisers.values() if r}
        rows: list[dict[str, Any]] = [
            {"name": r.name, "unit": r.unit, "independent": r.independent} for r in found.values()
        ]
        return [*rows, {"name": self.speaker.name, "unit": "speaker", "independent": self._speaker_independent}]

    def learn_voice(self, recordings: Sequence[Audio]) -> None:
        """Recordings of the speaker that everything is compared with: their mean. Raises AudioError for none."""
        vectors = [vector for audio in recordings if (vector := self.vector(audio)) is not None]
        if not vectors:
            raise AudioError("There is no voice in any of the recordings to compare with.")
        self._voice = unit(np.mean(vectors, axis=0))

    def vector(self, audio: Audio) -> np.ndarray | None:
        try:
            return self.speaker.embed(audio)
        except AudioError:
            return None

    def judge(self, name: str, text: str, language: str, audio: Audio) -> Spoken:
        """One line in the voice that `learn_voice` was given."""
        recogniser, errors, heard = self._recognisers.get(language), None, ""
        if recogniser:
            items = recogniser.heard(audio, language)
            errors = count_errors(recogniser.wanted(text, language), items)
            heard = ("" if recogniser.unit == "character" else " ").join(items)
        vector = self.vector(audio)
        similarity = None if vector is None else float(vector @ self._voice)
        return Spoken(name, text, heard, errors, similarity, audio.seconds)


@dataclass(frozen=True)
class Figures:
    """Of one system over all lines, each spoken once or several times.

    error_rate: edits per wanted item, long lines weigh more; None where no recogniser knows the language
    similarity: mean cosine to the speaker; a line without a voice counts as 0
    failed:     share of the lines that the guards of the synthesis did not pass
    """

    lines: int
    error_rate: float | None
    similarity: float
    failed: float
    seconds: float  # of sound
    spent: float  # seconds of work
    items: int = 0  # words, characters or phonemes that the error rate counts

    def as_dict(self) -> dict[str, Any]:
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in vars(self).items()}


def figures(spoken: Sequence[Spoken], failed: int = 0, spent: float = 0.0) -> Figures:
    """Means over lines."""
    known = [item.errors for item in spoken if item.errors]
    total = sum(known, Errors())
    similarity = sum(item.similarity or 0.0 for item in spoken) / len(spoken)
    return Figures(
        len({item.id for item in spoken}), total.rate if known else None, similarity, failed / len(spoken),
        sum(item.seconds for item in spoken), spent, total.wanted,
    )  # fmt: skip


def from_dict(values: Mapping[str, Any]) -> Figures:
    """As `Figures.as_dict` gave it."""
    return Figures(**values)


def _recogniser(base: TTS, language: str, wanted: str) -> Recogniser | None:
    if wanted not in ("auto", "own"):
        return Whisper(Path(wanted), "word" if language == "en" else "character")
    found = independent_recogniser(language) if wanted == "auto" else None
    if found is not None:
        return found
    head = own_head(base)
    if head is None and embedded_model() is not None:
        head = own_head(TTS.load(EMBEDDED, device="cpu"))
    return head if head is not None and language in head.languages else None


def _speaker_judge(base: TTS, wanted: str) -> tuple[SpeakerJudge, bool]:
    """The best there is, and whether it is independent of the model."""
    if wanted == "own":
        return StyleJudge(base), False
    try:
        return Resemblyzer(), True
    except MissingDependency:
        if base.model.speaker is not None:
            return SpeakerNetwork(base.model.speaker), False
        return StyleJudge(base), False
