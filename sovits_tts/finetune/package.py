"""The voice that comes out: clips by style, the chosen stages, what it was made from, and how good it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from sovits_tts import voices
from sovits_tts.assets import EMBEDDED, MODELS
from sovits_tts.checkpoints.build import build_model, read_model
from sovits_tts.checkpoints.tuned import merge, read_stage
from sovits_tts.clip import MAX_WINDOW, MIN_WINDOW
from sovits_tts.errors import DataError
from sovits_tts.finetune.choose import Candidate
from sovits_tts.finetune.config import VoiceFacts
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice
from sovits_tts.voicepack import FORMAT, METRICS, VOICE, Base, Manifest, VoicePackage, open_package, style_file
from sovits_tts.voicepack_write import new_folder, seal

NORMAL = "normal"
_GOOD_LENGTH = 6.0  # seconds; a prompt of this length has told the voice and leaves room for the text


@dataclass(frozen=True)
class Made:
    """Everything that goes into a package. source: the base model as it was named; reference: the usual voice"""

    name: str
    source: str
    facts: VoiceFacts
    reference: Voice
    styles: Mapping[str, Voice]
    candidate: Candidate
    metrics: Mapping[str, Any]
    origin: str


def best_clip(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of a prepared data set to take as prompt: surely understood, usual for the speaker, about 6 s long.

    Raises DataError where none is long enough.
    """
    usable = [row for row in by_worth(rows) if row["seconds"] >= MIN_WINDOW]
    if not usable:
        raise DataError(
            f"No clip of at least {MIN_WINDOW:.0f} s is left to be the voice's prompt.",
            hint="Give longer recordings, or a clip with --style normal=CLIP.",
        )

    return usable[0]


def by_worth(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a prepared data set, those first that would be the best prompt."""

    def worth(row: dict[str, Any]) -> tuple[bool, bool, float]:
        fits = row["seconds"] <= MAX_WINDOW
        doubt = 1.0 - (row["confidence"] if row["confidence"] is not None else 0.5)
        return (
            fits,
            row["verdict"] == "keep",
            -doubt - 0.1 * row["stranger"] - 0.05 * abs(row["seconds"] - _GOOD_LENGTH),
        )

    return sorted(rows, key=worth, reverse=True)


def style_voice(tts: TTS, clip: Path, language: str, name: str, facts: VoiceFacts) -> Voice:
    """The clip of a style; a .txt or .lab file beside it is its transcript. Raises AudioError, DataError."""
    text = ""
    for suffix in (".txt", ".lab"):
        beside = clip.with_suffix(suffix)
        if beside.is_file():
            try:
                text = beside.read_text(encoding="utf-8-sig").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{beside} cannot be read as UTF-8 text: {error}.") from error
            break
    return tts.voice(clip, text, language, name=name, consent=facts.consent, licence=facts.licence)


def write_package(made: Made, base: TTS) -> VoicePackage:
    """Save the voice among the saved ones, in the place of what was there, whole or not at all.

    base: the model that `made.source` names, loaded
    """
    checkpoint = read_model(made.source)
    if checkpoint.fingerprint != base.model.fingerprint:
        raise DataError("The base model was changed while the voice was made.", hint="Run the same command again.")
    chosen = {"gpt": made.candidate.gpt, "vits": made.candidate.vits}
    stages = {name: _stored(read_stage(stage.path)) for name, stage in chosen.items() if stage}
    tuned = merge(checkpoint, stages)  # in half precision, as it will be loaded
    tts = TTS(build_model(tuned), base.runtime) if stages else base
    manifest = Manifest(
        FORMAT, made.name, Base(checkpoint.spec.name, checkpoint.fingerprint, _place(made.source)),
        tuned.fingerprint, NORMAL, made.facts.consent, made.facts.licence,
        dict(made.facts.defaults), made.origin,
    )  # fmt: skip
    target = voices.folder() / made.name
    with new_folder(target) as part:
        _save_voice(tts.voice(made.reference), made.name, part / VOICE)
        for style, voice in made.styles.items():
            _save_voice(tts.voice(voice), f"{made.name}, {style}", part / style_file(style))
        for name, stage in stages.items():
            save_file(stage, part / f"{name}.safetensors")
        (part / METRICS).write_text(json.dumps(made.metrics, ensure_ascii=False, indent=1), encoding="utf-8")
        seal(part, manifest)
    (voices.folder() / f"{made.name}.voice").unlink(missing_ok=True)  # a plain voice that was to be replaced
    return open_package(target)


def _place(source: str) -> tuple[str, ...]:
    """Where the base lies, if it is not known by name."""
    return () if source in (EMBEDDED, *MODELS) else (str(Path(source).resolve()),)


def _stored(stage: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Half precision."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous().clone()
        for name, value in stage.items()
    }


def _save_voice(voice: Voice, name: str, path: Path) -> None:
    replace(voice, name=name).save(path)
