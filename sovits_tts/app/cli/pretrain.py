"""`sovits-tts pretrain`: the embedded model from scratch, part by part, each resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sovits_tts.app.cli import console


def pretrain(
    part: Annotated[
        str,
        typer.Argument(
            help="decode, teacher, content, tokens, gpt, vits, prior, decoder, package; or all of them. After decode, "
            "restore stands in for teacher, content and tokens: it goes on from the model given by --from."
        ),
    ],
    work: Annotated[Path, typer.Option(help="Folder that holds everything between the parts.")],
    config: Annotated[Path, typer.Option(help="Settings.")] = Path("configs/pretrain_mini.yaml"),
    corpus: Annotated[Path | None, typer.Option(help="Folder with manifest.csv, for decode.")] = None,
    out: Annotated[Path | None, typer.Option(help="Model folder to write, for package.")] = None,
    model: Annotated[Path | None, typer.Option("--from", help="Model folder to go on from, for restore.")] = None,
    minutes: Annotated[float, typer.Option(help="Stop and save after so long; the same command goes on.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train the embedded model from scratch. Every part goes on where it stopped; Ctrl-C saves."""
    from sovits_tts.config import parse, read_yaml
    from sovits_tts.training.pretrain import PARTS, PretrainConfig
    from sovits_tts.training.pretrain import pretrain as run

    settings = parse(PretrainConfig, read_yaml(config), source=str(config))
    parts = PARTS if part == "all" else (part,)
    with console.progress(log=True) as on_event:
        for name in parts:
            limit = minutes or float("inf")
            run(name, work, settings, corpus=corpus, out=out, model=model, minutes=limit, on_event=on_event)
    if json:
        console.show_json({"parts": list(parts), "work": str(work), "out": str(out) if out else None})
    else:
        console.show(f"Done: {', '.join(parts)}.")
