"""`sovits-tts batch`: many texts into as many sound files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Device, Force, Json, Model, Precision, source


def batch(
    lines: Annotated[Path, typer.Argument(metavar="LINES", help="Texts: .jsonl, .tsv or .txt (docs/batch.md).")],
    out: Annotated[Path | None, typer.Option(help="Folder to fill; the same command goes on where it stopped.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only list every problem of the rows.")] = False,
    voice: Annotated[str, typer.Option("--voice", "-v", help="Of rows that name none: a clip, a file or a name.")] = "",
    voice_text: Annotated[str, typer.Option(help="What that clip says.")] = "",
    voice_language: Annotated[str, typer.Option(help="Language of that clip.")] = "",
    language: Annotated[str, typer.Option("--language", "-l", help="Of rows that name none.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of rows that name none.")] = 0,
    speed: Annotated[float, typer.Option(help="Of rows that name none.")] = 1.0,
    format: Annotated[str, typer.Option(help="wav, flac, ogg, opus or mp3.")] = "wav",
    model: Model = None,
    workers: Annotated[int, typer.Option(help="Processes; with --ray, actors of the cluster.")] = 1,
    ray: Annotated[str, typer.Option(help="local, auto or HOST:PORT: on that Ray cluster.")] = "",
    device: Device = "auto",
    precision: Precision = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Speak every row of a file. Problems are listed before anything is spoken; what is done is not done again."""
    from sovits_tts.batch.lines import Line
    from sovits_tts.batch.speak import BatchConfig, check_batch, speak_lines
    from sovits_tts.errors import ConfigError

    default = Line(
        "", "", language, voice, voice_text, voice_language, options={"seed": seed, "speed": speed}
    )  # fmt: skip
    settings = BatchConfig(
        source(model), device, precision, workers, ray, f".{format.lstrip('.').lower()}", overwrite=force
    )
    if out is None and not check:
        raise ConfigError("Say with --out which folder to fill.", hint="Or use --check to look at the rows only.")
    found = check_batch(lines, out or Path(), default, settings if out else _without_output(settings))
    if check or any(problem.error for problem in found.problems):
        _tell_check(len(found.lines), found.problems, json)
        raise typer.Exit(2 if found.problems else 0)
    assert out is not None
    with console.progress(log=True) as on_event:
        results = speak_lines(found, out, settings, on_event=on_event)
    wrong = [row for row in results if "error" in row]
    unsure = [row["id"] for row in results if row.get("failed")]
    seconds = sum(row.get("seconds", 0.0) for row in results)
    facts = {
        "out": str(out), "rows": len(results), "spoken": len(results) - len(wrong), "seconds": round(seconds, 2),
        "failed": unsure, "errors": [{"id": row["id"], "error": row["error"]} for row in wrong],
    }  # fmt: skip
    if json:
        console.show_json(facts)
    else:
        _tell(facts)
    if wrong:
        raise typer.Exit(2)


def _without_output(settings: Any) -> Any:
    """Without a folder there is nothing that could be written over."""
    from dataclasses import replace

    return replace(settings, overwrite=True)


def _tell_check(rows: int, problems: Any, json: bool) -> None:
    from dataclasses import asdict

    if json:
        console.show_json({"rows": rows, "problems": [asdict(problem) for problem in problems]})
        return
    if problems:
        console.show_table(
            "Problems of the rows", ["where", "what", "what to do"],
            [[f"{p.file}:{p.line}" if p.line else p.file, p.cause, p.fix] for p in problems],
        )  # fmt: skip
    console.show(f"{rows} rows, {len(problems)} problems.")


def _tell(facts: dict[str, Any]) -> None:
    for row in facts["errors"]:
        console.note(f"{row['id']} was not spoken: {row['error']}")
    if facts["failed"]:
        console.note(f"These may not be right, listen to them: {', '.join(facts['failed'])}")
    console.note(f"{facts['spoken']} of {facts['rows']} rows, {facts['seconds']:.1f} s of sound")
    console.show(facts["out"])
