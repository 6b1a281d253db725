"""`sovits-tts convert`: speech in one voice to the same speech in another."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import (
    Device,
    Force,
    Json,
    Loudness,
    Mix,
    Model,
    Pitch,
    Precision,
    load,
    timbre,
)


def convert(
    recording: Annotated[Path, typer.Argument(help="Speech of any length.")],
    voice: Annotated[str, typer.Option("--voice", "-v", help="Who is to say it: a clip, a .voice file, a saved name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="wav, flac, ogg, opus or mp3.")] = Path("out.wav"),
    text: Annotated[str, typer.Option(help="What the recording says; without it the model listens.")] = "",
    language: Annotated[str, typer.Option("--language", "-l", help="Of that text.")] = "auto",
    voice_text: Annotated[str | None, typer.Option(help="What the clip of --voice says.")] = None,
    voice_language: Annotated[str | None, typer.Option(help="Language of the clip of --voice.")] = None,
    model: Model = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same sound.")] = 0,
    speed: Annotated[float, typer.Option(help="0.25 to 4; 2 is twice as fast.")] = 1.0,
    pitch: Pitch = 0.0,
    loudness: Loudness = None,
    mix: Mix = None,
    device: Device = "auto",
    precision: Precision = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Say what a recording says, in the same way, in another voice."""
    from sovits_tts.audio import Audio, join
    from sovits_tts.progress import Event
    from sovits_tts.tts import SynthesisOptions

    console.refuse_overwrite(output, force)
    console.refuse_suffix(output)
    options = SynthesisOptions(seed=seed, speed=speed, pitch=pitch, loudness=loudness)
    source = Audio.load(recording)
    tts = load(model, device, precision)
    options = replace(options, timbre=timbre(tts, mix))
    target = tts.voice(voice, voice_text, voice_language)
    begun, parts = time.perf_counter(), []
    with console.progress() as on_event:
        for chunk in tts.convert_stream(source, target, text, language, options):
            parts.append(Audio(chunk.samples, chunk.sample_rate))
            on_event(Event("convert", sum(part.seconds for part in parts), source.seconds / speed, "seconds"))
    spent, audio = time.perf_counter() - begun, join(parts)
    audio.save(output, overwrite=force)
    if json:
        console.show_json({
            "path": str(output), "seconds": audio.seconds, "sample_rate": audio.sample_rate, "model": tts.spec.name,
            "voice": target.name or voice, "seed": seed, "real_time_factor": spent / max(audio.seconds, 1e-9),
            "notes": list(target.notes),
        })  # fmt: skip
    else:
        console.show(f"{output}: {audio.seconds:.2f} s in the voice {target.name or voice}, made in {spent:.1f} s")
