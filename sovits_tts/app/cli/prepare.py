"""`sovits-tts prepare`: recordings into a data set to fine-tune on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Json

if TYPE_CHECKING:
    from sovits_tts.data.manifest import Problem
    from sovits_tts.data.prepare import Prepared


def prepare(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder, .list, metadata.csv, .srt or recording.")],
    out: Annotated[Path | None, typer.Option(help="Folder to make; the same command goes on where it stopped.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only list every problem of the input.")] = False,
    config: Annotated[Path | None, typer.Option(help="Settings, as configs/prepare.yaml.")] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", help="Of recordings that name none.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Of recordings that name none.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Whose phonemes to write.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.")] = None,
    separate: Annotated[str | None, typer.Option(help="Model file of audio-separator: take speech from music.")] = None,
    separate_download: Annotated[bool, typer.Option(help="Fetch that model where it is missing.")] = False,
    ray: Annotated[str | None, typer.Option(help="local, auto or HOST:PORT: on that Ray cluster.")] = None,
    whisper: Annotated[str | None, typer.Option(help="Folder of a faster-whisper model, for transcripts.")] = None,
    judge: Annotated[str, typer.Option(help="Who tells speakers apart: auto, model or resemblyzer.")] = "auto",
    json: Json = False,
) -> None:
    """Check, cut, transcribe and judge recordings. Correct OUT/transcripts.tsv and run it again."""
    from sovits_tts.config import load
    from sovits_tts.data.atomic import write_text
    from sovits_tts.data.manifest import check as find_problems
    from sovits_tts.data.manifest import read_manifest, usable
    from sovits_tts.data.prepare import PrepareConfig
    from sovits_tts.data.prepare import prepare as run
    from sovits_tts.data.report import html_report
    from sovits_tts.data.separate import SeparateSettings
    from sovits_tts.errors import ConfigError

    settings = load(PrepareConfig, config) if config else PrepareConfig()
    given: dict[str, Any] = {"language": language, "speaker": speaker, "model": model, "workers": workers}
    given |= {"whisper": whisper, "ray": ray}
    if separate:
        given["separate"] = SeparateSettings(True, separate, separate_download)
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    if check:
        manifest = read_manifest(source, language=settings.language, speaker=settings.speaker)
        problems = find_problems(manifest)
        _tell_check(len(manifest.rows), len(usable(manifest, problems)), problems, json)
        raise typer.Exit(2 if any(problem.error for problem in problems) else 0)
    if out is None:
        raise ConfigError("Say with --out which folder to make.", hint="Or use --check to look at the input only.")
    with console.progress(log=True) as on_event:
        prepared = run(source, out, settings, embed=_embed(judge), on_event=on_event)
    page = out / "report.html"
    write_text(page, html_report(prepared))
    if json:
        console.show_json(prepared.report | {"html": str(page)})
    else:
        _tell(prepared, out)


def _embed(name: str) -> Any:
    """A speaker judge of its own, or None for the model's style vector."""
    from sovits_tts.errors import ConfigError, MissingDependency
    from sovits_tts.evaluation.similarity import Resemblyzer

    if name not in ("auto", "model", "resemblyzer"):
        raise ConfigError(f"There is no speaker judge {name!r}.", hint="Choose auto, model or resemblyzer.")
    if name == "model":
        return None
    try:
        return Resemblyzer().embed
    except MissingDependency:
        if name == "resemblyzer":
            raise
        return None


def _tell_check(rows: int, good: int, problems: tuple[Problem, ...], json: bool) -> None:
    from dataclasses import asdict

    if json:
        console.show_json({"rows": rows, "usable": good, "problems": [asdict(problem) for problem in problems]})
        return
    if problems:
        _problem_table(problems)
    console.show(f"{good} of {rows} rows can be used.")


def _problem_table(problems: tuple[Problem, ...]) -> None:
    console.show_table(
        "Problems of the input", ["where", "what", "what to do"],
        [[f"{p.file}:{p.line}" if p.line else p.file, p.cause, p.fix] for p in problems],
    )  # fmt: skip


def _tell(prepared: Prepared, out: Path) -> None:
    from sovits_tts.data.report import summary

    if prepared.problems:
        _problem_table(prepared.problems)
    bad = [clip for clip in prepared.clips if clip["reasons"]]
    if bad:
        console.show_table(
            "Clips to look at", ["clip", "verdict", "used", "why"],
            [[c["id"], c["verdict"], "yes" if c["used"] else "no", " ".join(c["reasons"])] for c in bad],
        )  # fmt: skip
    console.show(summary(prepared.report))
    if prepared.report["untranscribed"]:
        console.note(
            f"{prepared.report['untranscribed']} clips have no transcript: write them into "
            f"{out / 'transcripts.tsv'}, or give --whisper, and run this again."
        )
    console.show(str(out))
