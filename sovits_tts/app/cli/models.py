"""`sovits-tts models`: what can be loaded, getting the official weights, changing between their format and ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Force, Json

app = typer.Typer(help="List, download, convert and export models.", no_args_is_help=True)


@app.command("list")
def list_models(json: Json = False) -> None:
    """Every model by name: whether it is here, how large it is, what is missing."""
    from sovits_tts.assets import download_folder, listing

    models = listing()
    if json:
        console.show_json({"folder": str(download_folder()), "models": models})
        return
    rows = [
        [
            model["name"],
            "yes" if model["installed"] else "no",
            "unknown" if model["bytes"] is None else f"{model['bytes'] / 1e6:.0f} MB",
            model["path"] or f"sovits-tts models download {model['name']}",
        ]
        for model in models
    ]
    console.show_table("Models", ["name", "here", "size", "where, or how to get it"], rows)


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(help="v1, v2, v2Pro, v2ProPlus or g2pw.")],
    training: Annotated[bool, typer.Option("--training", help="Also the discriminators, for fine-tuning.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Where to put the files instead of the usual place.")] = None,
    json: Json = False,
) -> None:
    """Fetch official weights. What is here already is kept; an interrupted download goes on where it stopped."""
    from sovits_tts.assets import download as fetch

    with console.progress() as on_event:
        paths = fetch(names, training=training, on_event=on_event, folder=folder)
    if json:
        console.show_json({"models": names, "files": [str(path) for path in paths]})
    else:
        for path in paths:
            console.show(str(path))


@app.command()
def convert(
    sources: Annotated[list[Path], typer.Argument(metavar="SRC... DST", help="A .ckpt and a .pth, or their folder.")],
    name: Annotated[str, typer.Option(help="Name of the model; the version's by default.")] = "",
    json: Json = False,
    force: Force = False,
) -> None:
    """Official files to a model folder of ours, DST."""
    from sovits_tts.checkpoints.convert import convert as run
    from sovits_tts.errors import ConfigError

    if len(sources) < 2:
        raise ConfigError("Give the official files (or their folder) and then the folder to make.")
    *given, destination = sources
    checkpoint = run(given, destination, name=name, overwrite=force)
    _report(json, {"name": checkpoint.spec.name, "folder": str(destination), "fingerprint": checkpoint.fingerprint})


@app.command()
def export(
    folder: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder of ours, or a fine-tuned voice.")],
    destination: Annotated[Path, typer.Argument(help="Folder for the .ckpt and the .pth.")],
    name: Annotated[str, typer.Option(help="Name of the two files; the folder's or voice's by default.")] = "",
    json: Json = False,
    force: Force = False,
) -> None:
    """A model folder, or a fine-tuned voice, to a pair of files that GPT-SoVITS loads."""
    from sovits_tts import voices
    from sovits_tts.checkpoints.convert import export as run
    from sovits_tts.checkpoints.convert import export_checkpoint

    package = voices.package_of(folder)
    if package is None:
        gpt, vits = run(folder, destination, name=name, overwrite=force)
    else:
        stem = name or package.manifest.name
        gpt, vits = export_checkpoint(package.checkpoint(), destination, stem, overwrite=force)
    _report(json, {"gpt": str(gpt), "vits": str(vits)})


def _report(json: bool, facts: dict[str, str]) -> None:
    if json:
        console.show_json(facts)
    else:
        for key, value in facts.items():
            console.show(f"{key}: {value}")
