"""Evaluate a model on a set: natural recordings, copy-synthesis and synthesis of the same sentences, side by side.

The natural recording tells how good the judges are, copy-synthesis (the tokens of the recording through the VITS
stage) how much the tokens and the waveform stage lose, and synthesis what a user gets.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sovits_tts.audio import Audio
from sovits_tts.errors import ConfigError, MissingDependency
from sovits_tts.evaluation.closed_set import ClosedSet
from sovits_tts.evaluation.judging import Judged, Judges, Jury, Take, summarise
from sovits_tts.evaluation.recognise import PhonemeHead, Recogniser, independent_recogniser
from sovits_tts.evaluation.sets import Row, check_files, natural
from sovits_tts.evaluation.similarity import Resemblyzer, SpeakerJudge, SpeakerNetwork
from sovits_tts.features import ctc_log_probs
from sovits_tts.options import SynthesisOptions
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.text.frontend import read
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids
from sovits_tts.tts import TTS

SYSTEMS = ("natural", "copy", "synthesis")


@dataclass(frozen=True)
class Report:
    """summary: system -> language -> figures; see `judging.summarise`."""

    model: str
    fingerprint: str
    seed: int
    judges: list[dict[str, Any]]
    summary: dict[str, dict[str, Any]]
    judged: tuple[Judged, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "seed": self.seed,
            "judges": self.judges,
            "systems": self.summary,
            "sentences": [item.as_dict() for item in self.judged],
        }


def evaluate(
    tts: TTS,
    rows: Sequence[Row],
    root: Path,
    judges: Judges,
    *,
    options: SynthesisOptions | None = None,
    systems: Sequence[str] = SYSTEMS,
    keep: Path | None = None,
    on_event: OnEvent = silent,
) -> Report:
    """Speak and judge every row.

    root: folder that the paths of the set are relative to
    keep: folder to save all that was spoken in, as <system>/<id>.wav
    Raises DataError for clips that are missing, ConfigError for an unknown system, and what `TTS` raises.
    """
    if unknown := set(systems) - set(SYSTEMS):
        raise ConfigError(f"There is no system {sorted(unknown)[0]!r}.", hint=f"Choose among {', '.join(SYSTEMS)}.")
    check_files(list(rows), root)
    options = options or SynthesisOptions()
    jury = Jury(judges, rows, root)
    judged: list[Judged] = []
    for number, row in enumerate(rows):
        on_event(Event("evaluate", number, len(rows), "sentences", row.id))
        for take in _takes(tts, row, root, options, systems):
            if keep:
                take.audio.save(keep / take.system / f"{row.id}.wav", overwrite=True)
            judged.append(jury.judge(take))
    on_event(Event("evaluate", len(rows), len(rows), "sentences"))
    return Report(
        tts.spec.name, tts.model.fingerprint, options.seed, judges.describe(), summarise(judged), tuple(judged)
    )


def _takes(tts: TTS, row: Row, root: Path, options: SynthesisOptions, systems: Sequence[str]) -> Iterator[Take]:
    recording = natural(row, root) if row.recording else None
    if recording and "natural" in systems:
        yield Take(row, "natural", recording)
    if not {"copy", "synthesis"} & set(systems):
        return
    voice = tts.voice(root / row.reference, row.reference_text, row.language)
    if recording and "copy" in systems:
        yield Take(row, "copy", tts.copy(recording, row.text, voice, row.language, options.seed))
    if "synthesis" in systems:
        start = time.perf_counter()
        result = tts.synthesize(row.text, voice, options=replace(options, language=row.language))
        spent = time.perf_counter() - start
        spoken = [chunk for chunk in result.chunks if chunk.attempts]
        yield Take(
            row, "synthesis", result.audio, spent,
            sentences=len(spoken), attempts=sum(chunk.attempts for chunk in spoken),
            retried=sum(chunk.attempts > 1 for chunk in spoken), failed=len(result.failed),
        )  # fmt: skip


def find_judges(tts: TTS, rows: Sequence[Row], *, closed_set: bool = False) -> Judges:
    """All judges that this installation has for these rows.

    closed_set: also which of the set's English sentences was heard. Raises MissingDependency if that cannot be told.
    """
    languages = sorted({row.language for row in rows})
    head = own_head(tts)
    recognisers: dict[str, list[Recogniser]] = {}
    for language in languages:
        found: list[Recogniser | None] = [independent_recogniser(language)]
        found.append(head if head and language in head.languages else None)
        recognisers[language] = [recogniser for recogniser in found if recogniser]
    speakers: list[SpeakerJudge] = []
    with suppress(MissingDependency):  # the report lists the judges there were
        speakers.append(Resemblyzer())
    if tts.model.speaker is not None:
        speakers.append(SpeakerNetwork(tts.model.speaker))
    english = {row.id: row.text for row in rows if row.language == "en"}
    return Judges(recognisers, speakers, ClosedSet(english) if closed_set else None)


def own_head(tts: TTS) -> PhonemeHead | None:
    """The model's own CTC head as a recogniser; None for a model without one."""
    model = tts.model
    if model.content_encoder.ctc_head is None:
        return None
    names = {number: name for name, number in symbol_ids(model.spec.symbols).items()}
    marks = set(PUNCTUATION)

    def transcribe(audio: Audio) -> list[str]:
        best = ctc_log_probs(model, audio).argmax(axis=1).tolist()
        spoken = [symbol for before, symbol in zip([0, *best], best, strict=False) if symbol and symbol != before]
        return _spoken((names[symbol - 1] for symbol in spoken), marks)

    def phonemize(text: str, language: str) -> list[str]:
        return _spoken(read(text, language, model.spec.symbols).phonemes, marks)

    return PhonemeHead(transcribe, phonemize, model.spec.languages)


def _spoken(phonemes: Iterable[str], marks: set[str]) -> list[str]:
    return [phoneme for phoneme in phonemes if phoneme not in marks]
