"""Recordings -> numbers: every judge on every recording, then means per system and language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sovits_tts.activity import find_speech
from sovits_tts.activity import measure as activity
from sovits_tts.audio import Audio
from sovits_tts.errors import AudioError
from sovits_tts.evaluation.acoustics import Acoustics, compare, measure
from sovits_tts.evaluation.closed_set import ClosedSet
from sovits_tts.evaluation.error_rate import Errors, count_errors
from sovits_tts.evaluation.recognise import Recogniser
from sovits_tts.evaluation.sets import Row, natural
from sovits_tts.evaluation.similarity import Likeness, SpeakerJudge, centroids, likeness

_DISTANCES = ("f0_semitones", "loudness_db", "timbre_db")  # of `compare`; medians of their sizes are reported


@dataclass(frozen=True)
class Take:
    """One row, spoken by one system: "natural", "copy" or "synthesis".

    seconds_spent: to make it; None for a recording
    attempts, retried, failed: of the guarded synthesis, over the `sentences` that the row was cut into
    """

    row: Row
    system: str
    audio: Audio
    seconds_spent: float | None = None
    sentences: int = 1
    attempts: int = 1
    retried: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Judges:
    """recognisers by language, all that know it; a closed set hears which of its sentences was spoken."""

    recognisers: Mapping[str, Sequence[Recogniser]] = field(default_factory=dict)
    speakers: Sequence[SpeakerJudge] = ()
    closed_set: ClosedSet | None = None

    def describe(self) -> list[dict[str, Any]]:
        """Each judge once, with what it counts and whether it is independent of the model."""
        found = {r.name: r for group in self.recognisers.values() for r in group}
        rows = [{"name": r.name, "unit": r.unit, "independent": r.independent} for r in found.values()]
        rows += [{"name": judge.name, "unit": "speaker", "independent": True} for judge in self.speakers]
        return rows


@dataclass
class Judged:
    """What the judges found about one take."""

    take: Take
    errors: dict[str, Errors] = field(default_factory=dict)
    heard: dict[str, str] = field(default_factory=dict)
    likeness: dict[str, Likeness] = field(default_factory=dict)
    closed_set: str | None = None  # id of the sentence that was heard
    closed_set_right: bool | None = None  # None: it was not asked
    to_voice: dict[str, float | None] = field(default_factory=dict)  # distances to the reference clip
    duration_ratio: float | None = None  # to the natural recording, silence before and after left out of both

    def as_dict(self) -> dict[str, Any]:
        take = self.take
        return {
            "id": take.row.id,
            "system": take.system,
            "language": take.row.language,
            "text": take.row.text,
            "seconds": round(take.audio.seconds, 3),
            "seconds_spent": take.seconds_spent,
            "sentences": take.sentences,
            "attempts": take.attempts,
            "retried": take.retried,
            "failed": take.failed,
            "heard": self.heard,
            "error_rate": {name: errors.rate for name, errors in self.errors.items()},
            "similarity": {name: vars(found) for name, found in self.likeness.items()},
            "closed_set": self.closed_set,
            "closed_set_right": self.closed_set_right,
            **self.to_voice,
            "duration_ratio": self.duration_ratio,
        }


class Jury:
    """The judges, and what they know about the clips of a set; nothing is measured twice."""

    def __init__(self, judges: Judges, rows: Sequence[Row], root: Path) -> None:
        self.judges, self.root = judges, root
        self._clip: Callable[[str], Audio] = cache(lambda name: Audio.load(root / name))
        self._clip_acoustics: Callable[[str], Acoustics] = cache(lambda name: measure(self._clip(name)))
        self._seconds: dict[str, float] = {}
        self._clip_vectors: dict[str, dict[str, np.ndarray]] = {}
        self._speakers: dict[str, dict[str, np.ndarray]] = {}
        who = {row.reference: row.who for row in rows}
        for judge in judges.speakers:
            vectors = {name: judge.embed(self._clip(name)) for name in who}
            grouped: dict[str, list[np.ndarray]] = defaultdict(list)
            for name, vector in vectors.items():
                grouped[who[name]].append(vector)
            self._clip_vectors[judge.name], self._speakers[judge.name] = vectors, centroids(grouped)

    def judge(self, take: Take) -> Judged:
        found = Judged(take)
        row, audio = take.row, take.audio
        for recogniser in self.judges.recognisers.get(row.language, ()):
            heard = recogniser.heard(audio, row.language)
            found.errors[recogniser.name] = count_errors(recogniser.wanted(row.text, row.language), heard)
            found.heard[recogniser.name] = ("" if recogniser.unit == "character" else " ").join(heard)
        if self.judges.closed_set and row.language == "en":
            found.closed_set = self.judges.closed_set.recognise(audio)
            found.closed_set_right = found.closed_set == row.id
        for judge in self.judges.speakers:
            try:
                vector = judge.embed(audio)
            except AudioError:  # silence is nobody's voice
                vector = np.zeros_like(self._clip_vectors[judge.name][row.reference])
            clip = self._clip_vectors[judge.name][row.reference]
            found.likeness[judge.name] = likeness(vector, clip, row.who, self._speakers[judge.name])
        self._measure(found)
        return found

    def _measure(self, found: Judged) -> None:
        row, audio = found.take.row, found.take.audio
        if len(audio):
            distance = vars(compare(measure(audio), self._clip_acoustics(row.reference)))
            found.to_voice = {name: value for name, value in distance.items() if name != "duration_ratio"}
        if row.recording:
            if row.id not in self._seconds:
                self._seconds[row.id] = spoken_seconds(natural(row, self.root))
            found.duration_ratio = spoken_seconds(audio) / self._seconds[row.id]


def spoken_seconds(audio: Audio) -> float:
    """From the first sound of speech to the last; all of it where nothing is recognised as speech."""
    found = find_speech(activity(audio))
    return found[-1].end - found[0].start if found else audio.seconds


def summarise(judged: Iterable[Judged]) -> dict[str, dict[str, Any]]:
    """system -> language -> figures; "all" where a set has several languages."""
    groups: dict[str, dict[str, list[Judged]]] = defaultdict(lambda: defaultdict(list))
    for item in judged:
        groups[item.take.system][item.take.row.language].append(item)
    summary: dict[str, dict[str, Any]] = {}
    for system, languages in groups.items():
        summary[system] = {language: _figures(items) for language, items in languages.items()}
        if len(languages) > 1:
            summary[system]["all"] = _figures([item for items in languages.values() for item in items])
    return summary


def _figures(items: list[Judged]) -> dict[str, Any]:
    takes = [item.take for item in items]
    seconds = sum(take.audio.seconds for take in takes)
    spent = [take.seconds_spent for take in takes if take.seconds_spent is not None]
    guarded = [take for take in takes if take.system == "synthesis"]
    sentences = sum(take.sentences for take in guarded)
    return {
        "rows": len(items),
        "seconds": seconds,
        "error_rate": _error_rates(items),
        "similarity": _similarities(items),
        "closed_set": _mean([float(item.closed_set_right) for item in items if item.closed_set_right is not None]),
        **{name: _median([abs(value) for value in _known(items, name)]) for name in _DISTANCES},
        "f0_spread_ratio": _median(_known(items, "f0_spread_ratio")),
        "duration_ratio": _median([item.duration_ratio for item in items if item.duration_ratio is not None]),
        "real_time_factor": sum(spent) / seconds if spent and seconds else None,
        "retried": sum(take.retried for take in guarded) / sentences if sentences else None,
        "failed": sum(take.failed for take in guarded) / sentences if sentences else None,
    }


def _error_rates(items: list[Judged]) -> dict[str, float]:
    """Per recogniser, over all items: long sentences weigh more."""
    pooled: dict[str, Errors] = defaultdict(Errors)
    for item in items:
        for name, errors in item.errors.items():
            pooled[name] += errors
    return {name: errors.rate for name, errors in pooled.items()}


def _similarities(items: list[Judged]) -> dict[str, dict[str, float]]:
    grouped: dict[str, list[Likeness]] = defaultdict(list)
    for item in items:
        for name, found in item.likeness.items():
            grouped[name].append(found)
    return {
        name: {
            "to_target": sum(one.to_target for one in found) / len(found),
            "to_others": sum(one.to_others for one in found) / len(found),
            "right_is_nearest": sum(one.is_right for one in found) / len(found),
        }
        for name, found in grouped.items()
    }


def _known(items: list[Judged], name: str) -> list[float]:
    return [value for item in items if (value := item.to_voice.get(name)) is not None]


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
