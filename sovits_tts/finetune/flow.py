"""Recordings -> a fine-tuned voice: check, slice, transcribe, review, features, gpt, vits, evaluate, save.

    WORK/prepared/      what `prepare` makes: clips, rows.jsonl, transcripts.tsv
    WORK/gpt/, vits/    what training makes: state, checkpoints, curves
    WORK/evaluation/    what each checkpoint said, and the judges' figures
    WORK/report.html    before and after, to read and listen to; report.json: the same as data

Every step keeps what it made by the content it came from: the same call goes on after a kill, and does nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sovits_tts import assets
from sovits_tts.data.atomic import write_json, write_text
from sovits_tts.data.prepare import Embed, Prepared, prepare
from sovits_tts.data.report import html_report as prepared_page
from sovits_tts.data.transcribe import Transcriber
from sovits_tts.errors import DataError, MissingDependency
from sovits_tts.evaluation.similarity import Resemblyzer
from sovits_tts.finetune.budget import train_within
from sovits_tts.finetune.check import check, no_transcripts, origin_of
from sovits_tts.finetune.choose import Choice, Trained
from sovits_tts.finetune.config import FinetuneConfig
from sovits_tts.finetune.entry import FEWEST, Entry
from sovits_tts.finetune.package import NORMAL, Made, style_voice, write_package
from sovits_tts.finetune.report import html_report
from sovits_tts.finetune.report_data import figures_of, report_of
from sovits_tts.finetune.run import STEPS, Run
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.training.tune import tune_gpt, tune_vits
from sovits_tts.training.tune_config import GPTTune, VITSTune, run_key
from sovits_tts.training.tune_data import TuneData, extract_features

__all__ = ["STEPS", "FinetuneResult", "default_work", "finetune"]


@dataclass(frozen=True)
class FinetuneResult:
    """stopped: "" when there is a voice, "review" when transcripts are to be corrected first.

    package: folder of the voice; report: as report.json, page: report.html; review: the table to correct
    """

    name: str
    work: Path
    review: Path
    stopped: str = ""
    package: Path | None = None
    page: Path | None = None
    report: dict[str, Any] = field(default_factory=dict)


def default_work(name: str) -> Path:
    """Where a run keeps its files unless it is told otherwise."""
    return assets.home() / "finetune" / name


def finetune(
    source: str | os.PathLike[str],
    name: str,
    config: FinetuneConfig | None = None,
    work: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    transcriber: Transcriber | None = None,
    on_event: OnEvent = silent,
) -> FinetuneResult:
    """Fine-tune a voice. The same call goes on after a stop or a kill at any moment.

    source:      recordings, as `prepare` takes them; name: of the voice
    work:        folder of this run, `default_work(name)` by default
    overwrite:   replace a voice of this name that another run made
    transcriber: hears recordings without a transcript; by default faster-whisper where `prepare.whisper` names a model
    Raises DataError that lists everything in the way, and what the steps raise. An event per step has its name as stage
    and `state` "begin" or "done" in its values. Cancelled, raised by `on_event`, stops after saving.
    """
    config = config or FinetuneConfig()
    run = Run(source, name, config, Path(work or default_work(name)), on_event)
    with run.step("check"):
        _refuse(run, overwrite, transcriber is not None)
    prepared = _prepare(run, transcriber)
    with run.step("review") as on:
        on(Event("review", 0, 1, "", str(run.review), {"clips": len(prepared.clips), "used": len(prepared.rows)}))
        if config.review:
            return FinetuneResult(name, run.work, run.review, "review")
        _enough(run, prepared)
    with run.step("features") as on:
        data = extract_features(run.prepared, config.model, device=config.device, on_event=on)
        entry = Entry.make(run, prepared, data, on)
    trained, notes = _train(run, data, entry)
    with run.step("evaluate") as on:
        choice = entry.pick(trained, on)
        real = entry.contest.natural()
    figures = figures_of(data, prepared, entry, choice, real, notes)
    with run.step("save"):
        package = _save(run, entry, choice, figures)
    report = report_of(run, figures, choice, entry.lines)
    page = run.work / "report.html"
    write_json(run.work / "report.json", report)
    write_text(page, html_report(report, run.work))
    return FinetuneResult(name, run.work, run.review, "", package, page, report)


def _refuse(run: Run, overwrite: bool, hears: bool) -> None:
    found = check(run.source, run.name, run.config, run.work, overwrite=overwrite, hears=hears)
    if found.fatal:
        lines = [f"{problem.cause} {problem.fix}".strip() for problem in found.fatal]
        hint = "--check lists every problem." if found.problems != found.fatal else ""
        raise DataError("\n".join(lines), hint=hint)


def _prepare(run: Run, transcriber: Transcriber | None) -> Prepared:
    config = replace(run.config.prepare, model=run.config.model)
    embed = _speaker_vectors()
    run.begin("slice")
    prepared = prepare(run.source, run.prepared, config, transcriber=transcriber, embed=embed, on_event=run.of_prepare)
    run.end()
    write_text(run.prepared / "report.html", prepared_page(prepared))
    return prepared


def _speaker_vectors() -> Embed | None:
    """A judge of its own for clips of other speakers, where one is installed; else the model's style vectors."""
    try:
        return Resemblyzer().embed
    except MissingDependency:
        return None


def _enough(run: Run, prepared: Prepared) -> None:
    if prepared.clips and prepared.report["untranscribed"] == len(prepared.clips):
        raise DataError(f"None of the {len(prepared.clips)} clips has a transcript.", hint=no_transcripts(run.review))
    if len(prepared.rows) < FEWEST:
        raise DataError(
            "{used} of {clips} clips can be used; {fewest} are the least.",
            hint="{page} says what is wrong with each. About a minute of speech is good.",
            used=len(prepared.rows),
            clips=len(prepared.clips),
            fewest=FEWEST,
            page=run.prepared / "report.html",
        )


def _train(run: Run, data: TuneData, entry: Entry) -> tuple[dict[str, list[Trained]], list[str]]:
    """Stage -> its checkpoints, and what there is to say about the plan."""
    trained: dict[str, list[Trained]] = {}
    notes: list[str] = []
    todo = [stage for stage in ("gpt", "vits") if stage in run.config.stages]
    reserve = 1.2 * entry.baseline.figures.spent * (entry.most * len(todo) + entry.beside)
    for stage in list(todo):
        seconds = run.budget.for_stage(stage, todo, reserve)
        todo.remove(stage)
        with run.step(stage) as on:
            if seconds <= 0:
                notes.append(f"No time was left for the {stage} stage; the same command with more minutes goes on.")
                continue
            trained[stage], note = _train_stage(run, stage, data, entry, seconds, on)
            notes += [note] if note else []
    return trained, notes


def _train_stage(
    run: Run, stage: str, data: TuneData, entry: Entry, seconds: float, on_event: OnEvent
) -> tuple[list[Trained], str]:
    gpt, vits = run.config.tunes(data.spec)
    settings = replace(gpt if stage == "gpt" else vits, validation=entry.share)
    tune: Any = tune_gpt if stage == "gpt" else tune_vits
    if settings.exact:  # training alone: what it is compared with speaks as ever
        data = extract_features(
            run.prepared, run.config.model, device=run.config.device, exact=True, on_event=on_event
        )  # fmt: skip
    out = run.work / stage / run_key(settings, data.key)[:12]  # other settings or recordings are another training
    run.folders[stage] = out
    plan = out / f"plan-{run.config.minutes:g}.json"

    def train(config: GPTTune | VITSTune, minutes: float, sink: OnEvent) -> Sequence[Trained]:
        where = {"device": run.config.device, "minutes": minutes, "on_event": sink}
        found: Sequence[Trained] = tune(data, run.config.model, out, config, **where)
        return found

    return train_within(stage, settings, train, seconds, plan, entry.most, on_event)


def _save(run: Run, entry: Entry, choice: Choice, metrics: dict[str, Any]) -> Path:
    facts, language = run.config.voice, run.config.prepare.language
    styles = {
        style: style_voice(entry.base, Path(clip), language, run.name, facts)
        for style, clip in facts.styles.items()
        if style != NORMAL
    }
    best = choice.best.candidate
    made = Made(
        run.name, run.config.model, facts, entry.contest.voice_of(best), styles, best, metrics, origin_of(run.work)
    )
    return write_package(made, entry.base).path
