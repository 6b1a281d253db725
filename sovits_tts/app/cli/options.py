"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sovits_tts.errors import ConfigError

if TYPE_CHECKING:
    from sovits_tts.checkpoints.build import Source
    from sovits_tts.tts import TTS
    from sovits_tts.voice import Voice

Model = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="mini, v1, v2, v2Pro, v2ProPlus, a folder, or official files (repeat it)."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, fp16, bf16.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Polyphones = Annotated[str, typer.Option(help="Chinese characters of several readings: table, or g2pw (downloaded).")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what exists.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="wav, flac, ogg, opus or mp3.")]
VoiceText = Annotated[str | None, typer.Option(help="What the clip of --voice says.")]
VoiceLanguage = Annotated[str | None, typer.Option(help="Language of the clip of --voice.")]
Style = Annotated[str, typer.Option(help="Of a fine-tuned voice: calm, angry …, as `voices show` lists.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same sound.")]
Speed = Annotated[float, typer.Option(help="0.25 to 4; 2 is twice as fast.")]
Pitch = Annotated[float, typer.Option(help="Semitones up or down, -12 to 12; the voice stays the same.")]
Loudness = Annotated[float | None, typer.Option(help="LUFS of every sentence, -60 to -5; podcasts have about -16.")]
Mix = Annotated[
    list[str] | None,
    typer.Option("--mix", help="Timbre of another voice and its share: NAME=0.3 or CLIP=0.3; repeat it for more."),
]


def source(models: list[str] | None) -> Source:
    """What `TTS.load` takes."""
    from sovits_tts.assets import EMBEDDED

    if not models:
        return EMBEDDED
    return models[0] if len(models) == 1 else models


def load(models: list[str] | None, device: str, precision: str, voice: str | None = None) -> TTS:
    """The model. voice: what is to speak; if it was fine-tuned, it comes with its weights, and `models` is its base."""
    from sovits_tts import voices
    from sovits_tts.tts import TTS

    package = voices.package_of(voice)
    if package is not None and (package.stages or not models):
        base = source(models) if models else None
        return TTS.load(package.path, device=device, precision=precision, base=base)
    return TTS.load(source(models), device=device, precision=precision)


def timbre(tts: TTS, mixes: list[str] | None) -> tuple[tuple[Voice, float], ...]:
    """What `SynthesisOptions.timbre` takes. Raises ConfigError for a mix that is not NAME=SHARE."""
    found = []
    for item in mixes or []:
        name, _, share = item.rpartition("=")
        try:
            number = float(share)
        except ValueError:
            name = ""
        if not name:
            raise ConfigError(f"The mix {item!r} names no share.", hint="Write NAME=0.3, with a share from 0 to 1.")
        found.append((tts.voice(name), number))
    return tuple(found)
