"""`sovits-tts say`: a text to a sound file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

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
    Polyphones,
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


def say(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What to say; - reads stdin.")] = None,
    file: Annotated[Path | None, typer.Option(help="Say what stands in this UTF-8 file.")] = None,
    output: Output = Path("out.wav"),
    voice: Annotated[str | None, typer.Option("--voice", "-v", help="A clip, a .voice file, or a saved name.")] = None,
    voice_text: VoiceText = None,
    voice_language: VoiceLanguage = None,
    style: Style = "",
    language: Annotated[str, typer.Option("--language", "-l", help="auto, zh, en, ja, ko, yue.")] = "auto",
    model: Model = None,
    seed: Seed = 0,
    speed: Speed = 1.0,
    pitch: Pitch = 0.0,
    loudness: Loudness = None,
    mix: Mix = None,
    pause: Annotated[float, typer.Option(help="Seconds between sentences.")] = 0.3,
    temperature: Annotated[float | None, typer.Option(help="Lower is steadier.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Tokens to choose among.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Keep the likeliest tokens up to this share.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1: less repetition.")] = None,
    cut: Annotated[str, typer.Option(help="How to cut into sentences: auto, or cut0 to cut5.")] = "auto",
    batch_size: Annotated[int, typer.Option(help="Sentences generated together.")] = 4,
    lexicon: Annotated[Path | None, typer.Option(help="Your own pronunciations.")] = None,
    polyphones: Polyphones = "table",
    device: Device = "auto",
    precision: Precision = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Say a text in the voice of a clip; without --voice, in the bundled voice of the text's language."""
    from sovits_tts.text.frontend import Lexicon
    from sovits_tts.tts import SynthesisOptions

    console.refuse_overwrite(output, force)
    console.refuse_suffix(output)
    spoken = console.read_text(text, file)
    options = SynthesisOptions(
        language=language, seed=seed, speed=speed, pause=pause, temperature=temperature, top_k=top_k, top_p=top_p,
        repetition_penalty=repetition_penalty, cut=cut, batch_size=batch_size,
        lexicon=Lexicon.load(lexicon) if lexicon else None, polyphones=polyphones, pitch=pitch, loudness=loudness,
    )  # fmt: skip
    tts = load(model, device, precision, voice)
    if tts.package:  # what the voice prefers, except for what the command line says
        own: dict[str, Any] = {n: v for n, v in tts.package.manifest.defaults.items() if not _given(context, n)}
        options = replace(options, **own)
    options = replace(options, timbre=timbre(tts, mix))
    known = tts.voice(voice, voice_text, voice_language, style=style) if voice else None
    chunks, facts = write_speech(
        tts.stream(spoken, known, options=options), output, force,
        lambda done: Event("say", len(done), 0, "sentences", done[-1].text[:60]),
    )  # fmt: skip
    sentences = {"sentences": [chunk.as_dict() for chunk in chunks]}
    tell(facts | who_spoke(tts, known, voice, seed) | sentences, json)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
