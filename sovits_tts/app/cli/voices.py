"""`sovits-tts voices`: voices by name."""

from __future__ import annotations

from typing import Annotated

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Device, Force, Json, Model, load

app = typer.Typer(help="Save, list, show and remove voices.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the voice.")]


@app.command()
def add(
    name: Name,
    clip: Annotated[str, typer.Argument(help="A recording of any length, or a .voice file.")],
    text: Annotated[str | None, typer.Option(help="What the clip says.")] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", help="Language of the clip.")] = None,
    consent: Annotated[str, typer.Option(help="Who allowed the use of this voice, and for what.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the recording.")] = "",
    model: Model = None,
    device: Device = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Save the best 3 to 10 seconds of a recording under a name."""
    from sovits_tts import voices

    tts = load(model, device, "auto")
    voice = tts.voice(clip, text, language, name=name, consent=consent, licence=licence)
    path = voices.add(voice, name, overwrite=force)
    if json:
        console.show_json({"name": name, "path": str(path), "text": voice.text, "notes": list(voice.notes)})
        return
    for remark in voice.notes:
        console.note(remark)
    if not consent:
        console.note("Say with --consent who allowed the use of this voice; it is kept in the file.")
    console.show(str(path))


@app.command("list")
def list_voices(json: Json = False) -> None:
    """Every voice by name."""
    from sovits_tts import voices

    found = voices.entries()
    if json:
        rows = [{"name": entry.name, "bundled": entry.bundled, "path": str(entry.path)} for entry in found]
        console.show_json({"folder": str(voices.folder()), "voices": rows})
        return
    console.show_table(
        "Voices", ["name", "kind", "file"],
        [[entry.name, "bundled" if entry.bundled else "saved", str(entry.path)] for entry in found],
    )  # fmt: skip


@app.command()
def show(name: Name, json: Json = False) -> None:
    """What a voice holds: its transcript, language, consent and licence."""
    from sovits_tts import voices

    entry, voice = voices.find(name), voices.get(name)
    facts = {
        "name": name,
        "bundled": entry.bundled,
        "path": str(entry.path),
        "seconds": voice.audio.seconds,
        "sample_rate": voice.audio.sample_rate,
        "text": voice.text,
        "language": voice.language,
        "consent": voice.consent,
        "licence": voice.licence,
        "notes": list(voice.notes),
    }
    if json:
        console.show_json(facts)
        return
    for key, value in facts.items():
        shown = "; ".join(value) if isinstance(value, list) else value
        console.show(f"{key}: {shown:.2f}" if isinstance(shown, float) else f"{key}: {shown}")


@app.command()
def remove(name: Name) -> None:
    """Delete a saved voice."""
    from sovits_tts import voices

    voices.remove(name)
    console.show(f"Removed {name}.")
