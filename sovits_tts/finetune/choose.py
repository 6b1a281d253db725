"""Which checkpoint is best: each speaks held-out lines, and none is taken that is worse than no training at all.

The baseline is the base model with the voice's clip alone. First the base speaks with all recordings to look up in.
Then the VITS checkpoints speak that way with the base's GPT stage, and weights on the way to a few of them; then the
GPT checkpoints through the best VITS stage: so many evaluations as there are checkpoints, and not their product.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from safetensors.torch import save_file

from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import read_model
from sovits_tts.checkpoints.tuned import load_tuned, on_the_way, read_stage
from sovits_tts.data.atomic import write_json
from sovits_tts.device import choose as choose_device
from sovits_tts.finetune.panel import Figures, Panel, Spoken, figures, from_dict
from sovits_tts.options import SynthesisOptions
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

FORMAT = 6  # raised whenever an evaluation would come out otherwise
_DIGITS = 4  # figures are compared as they are shown


@dataclass(frozen=True)
class Line:
    """What is spoken: the text of a held-out clip, or of nobody's (then it has no `path`, and one take is enough)."""

    id: str
    text: str
    language: str
    path: Path | None = None


class Trained(Protocol):
    """A checkpoint, as training hands it over."""

    @property
    def stage(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def path(self) -> Path: ...
    @property
    def losses(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Candidate:
    """A pair of stages, None: the base's own, and the voice they speak with: its name in the contest, "": the clip
    alone."""

    gpt: Trained | None = None
    vits: Trained | None = None
    voice: str = ""

    @property
    def name(self) -> str:
        parts = [f"{stage} {_called(it)}" for stage, it in (("vits", self.vits), ("gpt", self.gpt)) if it]
        parts += [self.voice] if self.voice else []
        return ", ".join(parts) or "zero-shot"


@dataclass(frozen=True)
class PartWay:
    """A stage at a share of the way from the base to a checkpoint, in a file of its own."""

    whole: Trained
    share: float
    path: Path

    @property
    def stage(self) -> str:
        return self.whole.stage

    @property
    def epoch(self) -> int:
        return self.whole.epoch

    @property
    def losses(self) -> Mapping[str, float]:
        return self.whole.losses


def _called(it: Trained) -> str:
    return f"epoch {it.epoch}" + (f", {it.share:.0%} of the way" if isinstance(it, PartWay) else "")


@dataclass(frozen=True)
class Scored:
    """A candidate and how it did. folder: its sound, as <line id>.flac"""

    candidate: Candidate
    figures: Figures
    lines: list[dict[str, Any]]
    folder: Path

    def as_dict(self) -> dict[str, Any]:
        it = self.candidate
        epochs = {"gpt": it.gpt.epoch if it.gpt else None, "vits": it.vits.epoch if it.vits else None}
        way = it.vits.share if isinstance(it.vits, PartWay) else 1.0
        return {"name": it.name, "epochs": epochs, "way": way, "voice": it.voice, **self.figures.as_dict()}


@dataclass(frozen=True)
class Choice:
    """best: the baseline itself where nothing beats it; reason: a sentence that says why."""

    baseline: Scored
    best: Scored
    tried: list[Scored] = field(default_factory=list)
    reason: str = ""

    @property
    def improved(self) -> bool:
        return self.best is not self.baseline


def beats(new: Figures, old: Figures, margin: float = 0.0) -> bool:
    """In no figure worse, in one better: never a trade of clarity for likeness.

    margin: by which an error rate may be higher
    """
    rates = (new.error_rate or 0.0, old.error_rate or 0.0)
    pairs = [(-rates[0], -rates[1]), (new.similarity, old.similarity), (-new.failed, -old.failed)]
    rounded = [(round(a, _DIGITS), round(b, _DIGITS)) for a, b in pairs]
    margins = (round(margin, _DIGITS), 0.0, 0.0)
    kept = all(a >= b - allowed for (a, b), allowed in zip(rounded, margins, strict=True))
    return kept and any(a > b for a, b in rounded[:2])


def chance(found: Figures) -> float:
    """One standard error of an error rate over so many items; 0 where nothing was counted."""
    share = min(1.0, found.error_rate or 0.0)
    return (share * (1 - share) / found.items) ** 0.5 if found.items else 0.0


def score(found: Figures) -> float:
    """Likeness less errors; both between 0 and about 1, and weighed alike."""
    return found.similarity - (found.error_rate or 0.0) - found.failed


class Contest:
    """Evaluates candidates over the same lines, and keeps every result by what went into it."""

    def __init__(
        self, source: str, panel: Panel, voice: Voice, lines: Sequence[Line], folder: Path,
        *, device: str = "auto", options: Mapping[str, Any] | None = None, takes: int = 1,
        others: Mapping[str, Voice] | None = None,
    ) -> None:  # fmt: skip
        """source: the base model; voice: the clip alone; folder: of the results; options: fields of SynthesisOptions;
        takes: of each line; others: voices of the same speaker by name, that candidates may speak with"""
        self.takes, self.others = takes, dict(others or {})
        self.source, self.panel, self.voice, self.lines, self.folder = source, panel, voice, list(lines), folder
        self.device = device
        self.options = SynthesisOptions(**(options or {}))
        self._hashes: dict[Path, str] = {}

    def run(self, candidate: Candidate, base: TTS, on_event: OnEvent = silent) -> Scored:
        """Speak and judge every line. base: the base model, to speak the baseline and to name what was compared."""
        folder = self.folder / self._key(candidate, base)
        result = folder / "result.json"
        if result.is_file():
            known = json.loads(result.read_text(encoding="utf-8"))
            return Scored(candidate, from_dict(known["figures"]), known["lines"], folder)
        tts = self._load(candidate) if candidate.gpt or candidate.vits else base
        found, spoken = speak(
            tts, self.voice_of(candidate), self.lines, self.panel, self.options, folder, on_event, candidate.name,
            self.takes,
        )  # fmt: skip
        lines = [item.as_dict() for item in spoken]
        write_json(result, {"candidate": candidate.name, "figures": found.as_dict(), "lines": lines})
        return Scored(candidate, from_dict(found.as_dict()), lines, folder)

    def voice_of(self, candidate: Candidate) -> Voice:
        return self.others[candidate.voice] if candidate.voice else self.voice

    def natural(self) -> Figures:
        """The same lines as the speaker said them: what the judges give a real recording."""
        recorded = [(line, line.path) for line in self.lines if line.path]
        parts = [FORMAT, [(line.id, line.text, line.language) for line, _ in recorded], self.panel.names]
        result = self.folder / f"natural-{_hash_of(parts)}.json"
        if result.is_file():
            return from_dict(json.loads(result.read_text(encoding="utf-8")))
        spoken = [self.panel.judge(it.id, it.text, it.language, Audio.load(path)) for it, path in recorded]
        write_json(result, figures(spoken).as_dict())
        return from_dict(figures(spoken).as_dict())

    def part_way(self, whole: Trained, share: float) -> PartWay:
        """Write the stage at a share of the way from the base, unless it lies there."""
        name = _hash_of([FORMAT, self.source, self._hash(whole.path), share])
        path = self.folder / "part_way" / f"{name}.safetensors"
        if not path.is_file():
            found = on_the_way(read_model(self.source), whole.stage, read_stage(whole.path), share)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(found, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        return PartWay(whole, share, path)

    def _load(self, candidate: Candidate) -> TTS:
        gpt, vits = (stage.path if stage else None for stage in (candidate.gpt, candidate.vits))
        return TTS(load_tuned(self.source, gpt, vits), choose_device(self.device, "auto"))

    def _key(self, candidate: Candidate, base: TTS) -> str:
        stages = [self._hash(stage.path) if stage else "" for stage in (candidate.gpt, candidate.vits)]
        voice = self.voice_of(candidate)
        parts = [
            FORMAT, base.model.fingerprint, stages, hashlib.sha256(voice.audio.samples.tobytes()).hexdigest(),
            voice.more_key, voice.text, [(line.id, line.text, line.language) for line in self.lines],
            str(self.options), self.panel.names, self.takes,
        ]  # fmt: skip
        return _hash_of(parts)

    def _hash(self, path: Path) -> str:
        if path not in self._hashes:
            with path.open("rb") as file:
                self._hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[path]


def speak(
    tts: TTS, voice: Voice, lines: Sequence[Line], panel: Panel, options: SynthesisOptions, folder: Path,
    on_event: OnEvent = silent, name: str = "", takes: int = 1,
) -> tuple[Figures, list[Spoken]]:  # fmt: skip
    """Speak every line, keep the sound of its first take in `folder`, and have all judged.

    name: of what speaks, for events; takes: how often a recorded line is spoken, with successive seeds
    """
    voice, spoken, failed, began = tts.voice(voice), [], 0, time.perf_counter()
    for number, line in enumerate(lines, 1):
        for take in range(takes if line.path else 1):
            chosen = replace(options, language=line.language, seed=options.seed + take)
            made = tts.synthesize(line.text, voice, options=chosen)
            if not take:
                made.audio.save(folder / f"{line.id}.flac", overwrite=True)
            failed += bool(made.failed)
            spoken.append(panel.judge(line.id, line.text, line.language, made.audio))
        on_event(Event("evaluate", number, len(lines), "lines", name))
    return figures(spoken, failed, time.perf_counter() - began), spoken


def _hash_of(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def spread(checkpoints: Sequence[Trained], most: int) -> list[Trained]:
    """At most `most` of a stage: the last one, and others evenly before it."""
    if len(checkpoints) <= most:
        return list(checkpoints)
    last = len(checkpoints) - 1
    wanted = sorted({round(last * (number + 1) / most) for number in range(most)})
    return [checkpoints[index] for index in wanted]


def pick(
    contest: Contest, base: TTS, vits: Sequence[Trained], gpt: Sequence[Trained], on_event: OnEvent = silent,
    baseline: Scored | None = None, ways: Sequence[float] = (), nearest: int = 1,
) -> Choice:  # fmt: skip
    """The best pair of stages and the voice to speak with, or the baseline.

    ways: shares of the way from the base to a VITS checkpoint, tried as well
    nearest: how many checkpoints they are tried for: those that sound most like the speaker
    """

    def run(candidate: Candidate) -> Scored:
        return contest.run(candidate, base, on_event)

    first = baseline or run(Candidate())
    tried = [run(Candidate(voice=name)) for name in contest.others]
    manner = Candidate(voice=_voice(first, tried))
    whole = [run(replace(manner, vits=checkpoint)) for checkpoint in vits]
    likest = sorted(whole, key=lambda item: -item.figures.similarity)[:nearest]
    partly = [contest.part_way(it.candidate.vits, way) for it in likest for way in ways if it.candidate.vits]
    tried += [*whole, *(run(replace(manner, vits=part)) for part in partly)]
    best = _best(first, tried)
    through = [run(replace(best.candidate, gpt=it)) for it in gpt]
    further = _best(first, through)
    # One more trained stage is one more thing learnt by heart: it has to be better by more than its figures may err
    # (the one-standard-error rule, Breiman et al. 1984).
    if score(further.figures) > score(best.figures) + chance(best.figures):
        best = further
    return Choice(first, best, [*tried, *through], _reason(first, best, [*tried, *through]))


def _voice(first: Scored, others: Sequence[Scored]) -> str:
    """Name of the voice that the checkpoints speak with: the best by score, unless it is worse than the clip alone by
    more than `chance`. Recordings are nothing learnt by heart, so it is not for them to prove that they help."""
    found = max(others, key=lambda item: score(item.figures), default=first)
    return found.candidate.voice if score(found.figures) >= score(first.figures) - chance(first.figures) else ""


def _best(first: Scored, found: Sequence[Scored]) -> Scored:
    """Of those that beat the baseline. Only if none does, one may have an error rate that is higher by less than
    `chance`: a few words heard otherwise decide nothing."""
    for margin in (0.0, chance(first.figures)):
        if better := [item for item in found if beats(item.figures, first.figures, margin)]:
            return max([first, *better], key=lambda item: score(item.figures))
    return first


def _reason(first: Scored, best: Scored, tried: list[Scored]) -> str:
    if best is not first:
        if not (best.candidate.gpt or best.candidate.vits):
            return (
                f"The weights stay the base's, which speak better with {best.candidate.name}: then they have "
                f"{_told(best.figures)}; with the clip alone they had {_told(first.figures)}."
            )
        return f"{best.candidate.name} has {_told(best.figures)}; without training it had {_told(first.figures)}."
    if not tried:
        return "There is no checkpoint to compare, so the voice stays zero-shot."
    nearest = max(tried, key=lambda item: score(item.figures))
    return (
        f"Nothing that was tried is as good as the zero-shot voice in every figure ({_told(first.figures)}); the "
        f"nearest, {nearest.candidate.name}, has {_told(nearest.figures)}. The voice stays zero-shot."
    )


def _told(found: Figures) -> str:
    rate = "" if found.error_rate is None else f"an error rate of {found.error_rate:.1%} and "
    return f"{rate}a similarity of {found.similarity:.3f}"
