"""`sovits-tts voices`: voices by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Device, Force, Json, Model, load

app = typer.Typer(help="Save, list, show, export, import and remove voices.", no_args_is_help=True)
if TYPE_CHECKING:
    from sovits_tts.voices import Entry

Name = Annotated[str, typer.Argument(help="Name of the voice.")]


@app.command()
def add(
    name: Name,
    clip: Annotated[str, typer.Argument(help="A recording of any length, or a .voice file.")],
    text: Annotated[str | None, typer.Option(help="What the clip says.")] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", help="Language of the clip.")] = None,
    consent: Annotated[str, typer.Option(help="Who allowed the use of this voice, and for what.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the recording.")] = "",
    more: Annotated[
        list[str] | None,
        typer.Option(help="Another recording of the speaker, for the sound of the voice; can be given several times."),
    ] = None,
    model: Model = None,
    device: Device = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Save the best 3 to 10 seconds of a recording under a name."""
    from sovits_tts import voices

    tts = load(model, device, "auto")
    voice = tts.voice(clip, text, language, name=name, consent=consent, licence=licence, more=more or ())
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
        rows = [
            {"name": entry.name, "bundled": entry.bundled, "fine_tuned": entry.tuned, "path": str(entry.path)}
            for entry in found
        ]
        console.show_json({"folder": str(voices.folder()), "voices": rows})
        return
    console.show_table(
        "Voices", ["name", "kind", "file"],
        [[entry.name, _kind(entry), str(entry.path)] for entry in found],
    )  # fmt: skip


def _kind(entry: Entry) -> str:
    return "bundled" if entry.bundled else "fine-tuned" if entry.tuned else "saved"


@app.command()
def show(name: Name, json: Json = False) -> None:
    """What a voice holds: transcript, language, consent, licence; of a fine-tuned one also base, styles, figures."""
    from sovits_tts import voices

    entry, voice = voices.find(name), voices.get(name)
    facts: dict[str, Any] = {
        "name": name,
        "bundled": entry.bundled,
        "fine_tuned": entry.tuned,
        "path": str(entry.path),
        "seconds": voice.audio.seconds,
        "sample_rate": voice.audio.sample_rate,
        "recordings": len(voice.recordings),
        "text": voice.text,
        "language": voice.language,
        "consent": voice.consent,
        "licence": voice.licence,
        "notes": list(voice.notes),
    }
    package = voices.package_of(name) if entry.tuned else None
    if package is not None:
        manifest = package.manifest
        facts |= {"base": manifest.base.name, "base_fingerprint": manifest.base.fingerprint, "stages": package.stages,
                  "styles": package.styles, "defaults": manifest.defaults, "metrics": package.metrics()}  # fmt: skip
    if json:
        console.show_json(facts)
        return
    for key, value in facts.items():
        if not isinstance(value, dict):
            shown = "; ".join(value) if isinstance(value, list) else value
            console.show(f"{key}: {shown:.2f}" if isinstance(shown, float) else f"{key}: {shown}")
    if package is not None:
        for system in ("baseline", "tuned"):
            figures = facts["metrics"].get(system) or {}
            console.show(f"{system}: " + ", ".join(f"{k.replace('_', ' ')} {v:.3g}" for k, v in figures.items() if v))


@app.command()
def remove(name: Name) -> None:
    """Delete a saved voice."""
    from sovits_tts import voices

    voices.remove(name)
    console.show(f"Removed {name}.")


@app.command()
def export(
    name: Name,
    output: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A .voice file; NAME.voice by default.")
    ] = None,
    json: Json = False,
    force: Force = False,
) -> None:
    """A voice as one file to give away, with its weights if it was fine-tuned."""
    from sovits_tts import voices

    path = voices.export_voice(name, output or Path(f"{name}.voice"), overwrite=force)
    if json:
        console.show_json({"name": name, "path": str(path), "bytes": path.stat().st_size})
    else:
        console.show(str(path))


@app.command("import")
def import_voice(
    file: Annotated[Path, typer.Argument(help="A .voice file.")],
    name: Annotated[str, typer.Option(help="Save it under this name instead of its own.")] = "",
    json: Json = False,
    force: Force = False,
) -> None:
    """Save a voice that somebody gave you. Nothing in it can run, and what does not belong in it is refused."""
    from sovits_tts import voices

    entry = voices.import_voice(file, name, overwrite=force)
    if json:
        console.show_json({"name": entry.name, "fine_tuned": entry.tuned, "path": str(entry.path)})
    else:
        console.show(str(entry.path))
