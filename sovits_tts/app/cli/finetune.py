"""`sovits-tts finetune`: recordings to a voice. `sovits-tts train`: one stage of it, on a prepared data set."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Force, Json

if TYPE_CHECKING:
    from sovits_tts.finetune.check import Check
    from sovits_tts.finetune.config import FinetuneConfig
    from sovits_tts.finetune.flow import FinetuneResult

Stage = Literal["gpt", "vits"]
train = typer.Typer(help="Train one stage on a data set that `prepare` made.", no_args_is_help=True)
Config = Annotated[Path | None, typer.Option(help="Settings, as configs/finetune.yaml.")]
BaseModel = Annotated[str | None, typer.Option("--model", "-m", help="What to start from: mini, v2ProPlus, a folder.")]
Minutes = Annotated[float | None, typer.Option("--minutes-budget", help="Plan and stop within so many minutes.")]
OneDevice = Annotated[str | None, typer.Option(help="auto, cpu, cuda, mps.")]


def finetune(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder, .list, metadata.csv, .srt or recording.")],
    name: Annotated[str, typer.Option(help="Name of the voice.")],
    model: BaseModel = None,
    minutes: Minutes = None,
    config: Config = None,
    work: Annotated[Path | None, typer.Option(help="Folder of this run; the same command goes on there.")] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", help="Of recordings that name none.")] = None,
    whisper: Annotated[str | None, typer.Option(help="Folder of a faster-whisper model, for transcripts.")] = None,
    style: Annotated[list[str] | None, typer.Option(help="Clip of a style, as calm=calm.wav; repeat it.")] = None,
    consent: Annotated[str | None, typer.Option(help="Who allowed the use of this voice, and for what.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the recordings.")] = None,
    review: Annotated[bool, typer.Option("--review", help="Stop before training, to correct transcripts.")] = False,
    check: Annotated[bool, typer.Option("--check", "--dry-run", help="Only list every problem.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes that prepare the recordings.")] = None,
    device: OneDevice = None,
    json: Json = False,
    force: Force = False,
) -> None:
    """Recordings into a voice: check, slice, transcribe, train, compare with the untrained voice, save the best.

    The same command goes on where it was stopped or killed.
    """
    from sovits_tts.finetune.check import check as find_problems
    from sovits_tts.finetune.flow import default_work
    from sovits_tts.finetune.flow import finetune as run

    settings = _settings(config, model=model, minutes=minutes, device=device)
    prepare = _given(language=language, whisper=whisper, workers=workers)
    voice = _given(consent=consent, licence=licence)
    settings = replace(
        settings, review=review or settings.review, prepare=replace(settings.prepare, **prepare),
        voice=replace(settings.voice, **voice, styles=settings.voice.styles | _styles(style)),
    )  # fmt: skip
    folder = work or default_work(name)
    if check:
        found = find_problems(source, name, settings, folder, overwrite=force)
        _tell_check(found, json)
        raise typer.Exit(2 if any(problem.error for problem in found.problems) else 0)
    with console.progress(log=True) as on_event:
        result = run(source, name, settings, folder, overwrite=force, on_event=on_event)
    if result.stopped:
        _tell_review(result, json)
    elif json:
        console.show_json(result.report | {"package": str(result.package), "page": str(result.page)})
    else:
        _tell(result, settings)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _settings(config: Path | None, **values: Any) -> FinetuneConfig:
    from sovits_tts.config import load
    from sovits_tts.finetune.config import FinetuneConfig

    return replace(load(FinetuneConfig, config) if config else FinetuneConfig(), **_given(**values))


def _styles(items: list[str] | None) -> dict[str, str]:
    from sovits_tts.errors import ConfigError

    styles = {}
    for item in items or []:
        name, equals, clip = item.partition("=")
        if not equals or not name or not clip:
            raise ConfigError(f"The style {item!r} names no clip.", hint="Write NAME=CLIP, as calm=calm.wav.")
        styles[name] = clip
    return styles


def _tell_check(found: Check, json: bool) -> None:
    problems = [asdict(problem) for problem in found.problems]
    if json:
        facts = {"rows": found.rows, "usable": len(found.usable), "transcribed": found.transcribed}
        console.show_json(facts | {"can_start": not found.fatal, "problems": problems})
        return
    if problems:
        console.show_table(
            "Problems", ["where", "what", "what to do"],
            [[f"{p.file}:{p.line}" if p.line else p.file, p.cause, p.fix] for p in found.problems],
        )  # fmt: skip
    console.show(f"{len(found.usable)} of {found.rows} rows can be used, {found.transcribed} with a transcript.")
    console.show("The run can start." if not found.fatal else "The run cannot start.")


def _tell_review(result: FinetuneResult, json: bool) -> None:
    if json:
        console.show_json({"stopped": result.stopped, "review": str(result.review), "work": str(result.work)})
        return
    console.note(
        "Correct the column `text`, write no in the column `keep` for clips to leave out, save the file as text with "
        "tabs, and run the same command again without --review."
    )
    console.show(str(result.review))


def _tell(result: FinetuneResult, settings: FinetuneConfig) -> None:
    from sovits_tts.finetune.report import summary

    report = result.report
    console.show_table(f"The voice {result.name}", ["", "before", "after", "recordings"], summary(report), numbers=True)
    for judge in report["judges"]:
        if not judge["independent"]:
            console.note(f"{judge['name']} is not independent of the model.")
    for note in report["notes"]:
        console.note(note)
    if not settings.voice.consent:
        console.note("Say with --consent who allowed the use of this voice; it is kept in the voice.")
    console.show(report["reason"])
    console.show(f"report: {result.page}")
    console.show(f'say it: sovits-tts say "…" --voice {result.name}')


def _command(stage: Stage, does: str) -> None:
    """Add `train STAGE`."""

    @train.command(stage, help=f"Train the {stage.upper()} stage: {does}. Ctrl-C saves.")
    def command(
        prepared: Annotated[Path, typer.Argument(metavar="DATASET", help="The folder that `prepare` made.")],
        out: Annotated[Path, typer.Option(help="Folder of this run; the same command goes on there.")],
        model: BaseModel = None,
        config: Config = None,
        epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
        device: OneDevice = None,
        json: Json = False,
    ) -> None:
        _train(stage, prepared, out, _settings(config, model=model, device=device), epochs, json)


_command("gpt", "text to semantic tokens")
_command("vits", "semantic tokens to sound")


def _train(stage: Stage, prepared: Path, out: Path, settings: FinetuneConfig, epochs: int | None, json: bool) -> None:
    from sovits_tts.training.team import Accelerated
    from sovits_tts.training.tune import tune_gpt, tune_vits
    from sovits_tts.training.tune_data import extract_features

    with console.progress(log=True) as on_event:
        exact = bool((settings.gpt if stage == "gpt" else settings.vits).get("exact"))
        data = extract_features(prepared, settings.model, device=settings.device, exact=exact, on_event=on_event)
        gpt, vits = settings.tunes(data.spec)
        given = _given(epochs=epochs)
        if stage == "gpt":
            found = tune_gpt(data, settings.model, out, replace(gpt, **given), on_event=on_event)
        else:
            found = tune_vits(data, settings.model, out, replace(vits, **given), on_event=on_event)
    if not Accelerated(settings.device).main:  # of several processes one speaks
        return
    rows: list[dict[str, Any]] = [
        {"stage": c.stage, "epoch": c.epoch, "step": c.step, "path": str(c.path), "losses": c.losses} for c in found
    ]
    if json:
        console.show_json({"stage": stage, "out": str(out), "checkpoints": rows, "left_out": data.left_out})
        return
    for name, why in data.left_out.items():
        console.note(f"{name} was left out: {why}")
    for row in rows:
        losses = ", ".join(f"{name} {value:.4g}" for name, value in row["losses"].items())
        console.show(f"epoch {row['epoch']}: {row['path']} ({losses})")
