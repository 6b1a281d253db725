"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sovits_tts.checkpoints.build import Source
    from sovits_tts.tts import TTS

Model = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="mini, v1, v2, v2Pro, v2ProPlus, a folder, or official files (repeat it)."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, fp16, bf16.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Polyphones = Annotated[str, typer.Option(help="Chinese characters of several readings: table, or g2pw (downloaded).")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what exists.")]


def source(models: list[str] | None) -> Source:
    """What `TTS.load` takes."""
    from sovits_tts.assets import EMBEDDED

    if not models:
        return EMBEDDED
    return models[0] if len(models) == 1 else models


def load(models: list[str] | None, device: str, precision: str) -> TTS:
    from sovits_tts.tts import TTS

    return TTS.load(source(models), device=device, precision=precision)
