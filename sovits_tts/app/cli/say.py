"""`sovits-tts say`: a text to a sound file."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    Polyphones,
    Precision,
    load,
    timbre,
)

if TYPE_CHECKING:
    from sovits_tts.tts import Chunk


def say(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What to say; - reads stdin.")] = None,
    file: Annotated[Path | None, typer.Option(help="Say what stands in this UTF-8 file.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="wav, flac, ogg, opus or mp3.")] = Path("out.wav"),
    voice: Annotated[str | None, typer.Option("--voice", "-v", help="A clip, a .voice file, or a saved name.")] = None,
    voice_text: Annotated[str | None, typer.Option(help="What the clip says.")] = None,
    voice_language: Annotated[str | None, typer.Option(help="Language of the clip.")] = None,
    style: Annotated[str, typer.Option(help="Of a fine-tuned voice: calm, angry …, as `voices show` lists.")] = "",
    language: Annotated[str, typer.Option("--language", "-l", help="auto, zh, en, ja, ko, yue.")] = "auto",
    model: Model = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same sound.")] = 0,
    speed: Annotated[float, typer.Option(help="0.25 to 4; 2 is twice as fast.")] = 1.0,
    pitch: Pitch = 0.0,
    loudness: Loudness = None,
    mix: Mix = None,
    pause: Annotated[float, typer.Option(help="Seconds between sentences.")] = 0.3,
    temperature: Annotated[float, typer.Option(help="Lower is steadier.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Tokens to choose among.")] = 15,
    top_p: Annotated[float, typer.Option(help="Keep the likeliest tokens up to this share.")] = 1.0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: less repetition.")] = 1.35,
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
    from sovits_tts.audio import Audio, join
    from sovits_tts.progress import Event
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
    start = time.perf_counter()
    chunks: list[Chunk] = []
    with console.progress() as on_event:
        for chunk in tts.stream(spoken, known, options=options):
            chunks.append(chunk)
            on_event(Event("say", len(chunks), 0, "sentences", chunk.text[:60]))
    spent = time.perf_counter() - start
    audio = join([Audio(chunk.samples, chunk.sample_rate) for chunk in chunks])
    audio.save(output, overwrite=force)
    facts = {
        "path": str(output),
        "seconds": audio.seconds,
        "sample_rate": audio.sample_rate,
        "real_time_factor": spent / max(audio.seconds, 1e-9),
        "model": tts.spec.name,
        "voice": (known.name or voice) if known else "bundled",
        "seed": seed,
        "notes": list(known.notes) if known else [],
        "sentences": [chunk.as_dict() for chunk in chunks],
    }
    if json:
        console.show_json(facts)
    else:
        _tell(facts)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _tell(facts: dict[str, Any]) -> None:
    for remark in facts["notes"]:
        console.note(remark)
    for sentence in facts["sentences"]:
        for warning in sentence["warnings"]:
            console.note(f"Warning: {warning}")
        if sentence["failed"]:
            console.note(f"Warning: this may not be right ({', '.join(sentence['problems'])}): {sentence['text']}")
    console.note(f"{facts['seconds']:.2f} s of sound, real-time factor {facts['real_time_factor']:.2f}")
    console.show(facts["path"])
