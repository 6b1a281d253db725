"""`sovits-tts convert`: speech in one voice to the same speech in another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import (
    Device,
    Force,
    Json,
    Loudness,
    Mix,
    Model,
    Output,
    Pitch,
    Precision,
    Seed,
    Speed,
    Style,
    VoiceLanguage,
    VoiceText,
    load,
    timbre,
)
from sovits_tts.app.cli.speech import tell, who_spoke, write_speech
from sovits_tts.progress import Event

if TYPE_CHECKING:
    from sovits_tts.tts import Chunk


def convert(
    recording: Annotated[Path, typer.Argument(help="Speech of any length.")],
    voice: Annotated[str, typer.Option("--voice", "-v", help="Who is to say it: a clip, a .voice file, a saved name.")],
    output: Output = Path("out.wav"),
    text: Annotated[str, typer.Option(help="What the recording says; without it the model listens.")] = "",
    language: Annotated[str, typer.Option("--language", "-l", help="Of that text.")] = "auto",
    voice_text: VoiceText = None,
    voice_language: VoiceLanguage = None,
    style: Style = "",
    model: Model = None,
    seed: Seed = 0,
    speed: Speed = 1.0,
    pitch: Pitch = 0.0,
    loudness: Loudness = None,
    mix: Mix = None,
    device: Device = "auto",
    precision: Precision = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Say what a recording says, in the same way, in another voice."""
    from sovits_tts.audio import Audio
    from sovits_tts.tts import SynthesisOptions

    console.refuse_overwrite(output, force)
    console.refuse_suffix(output)
    options = SynthesisOptions(seed=seed, speed=speed, pitch=pitch, loudness=loudness)
    source = Audio.load(recording)
    tts = load(model, device, precision, voice)
    options = replace(options, timbre=timbre(tts, mix))
    target = tts.voice(voice, voice_text, voice_language, style=style)

    def told(done: list[Chunk]) -> Event:
        seconds = sum(len(chunk.samples) / chunk.sample_rate for chunk in done)
        return Event("convert", seconds, source.seconds / speed, "seconds")

    _, facts = write_speech(tts.convert_stream(source, target, text, language, options), output, force, told)
    tell(facts | who_spoke(tts, target, voice, seed), json)
