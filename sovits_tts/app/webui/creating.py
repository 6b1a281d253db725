"""Fine-tuning as the page asks for it: uploads into a job, the table of transcripts, what came out. No Gradio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sovits_tts import media, voices
from sovits_tts.app import jobs
from sovits_tts.app.jobs import Job, State
from sovits_tts.app.webui.catalogue import DEFAULT, explain, say
from sovits_tts.audio import Audio
from sovits_tts.data.manifest import SOUND
from sovits_tts.data.quality import EXCLUDE, KEEP, WARN
from sovits_tts.data.transcribe import ReviewRow, read_review, write_review
from sovits_tts.errors import ConfigError, DataError, SovitsError

MAX_FILES, MAX_BYTES = 500, 2 << 30  # of one voice
_SOUND = SOUND | media.SUFFIXES
TEXTS = frozenset({".txt", ".lab", ".srt"})  # no lists: they name paths, and a visitor's paths are not opened
REVIEW = "review"
VERDICTS = (KEEP, WARN, EXCLUDE)


def begin(
    paths: Sequence[str], name: str, model: str, *, language: str = "auto", consent: str = "", review: bool = True,
    minutes: float = 0.0, epochs: Sequence[int] = (0, 0), device: str = "auto",
    settings: Mapping[str, Any] | None = None,
) -> Job:  # fmt: skip
    """Put uploads into a new job and start it.

    epochs:   of the GPT and the VITS stage; 0: the recipe's
    settings: a FinetuneConfig as plain data, which the other arguments change
    Raises ConfigError or DataError for what cannot be begun, VoiceError for a name that is taken.
    """
    name = name.strip()
    voices.check_name(name, False, tuned=True)
    files = _accepted([Path(path) for path in paths])
    if jobs.busy():
        raise ConfigError("A training is going on already.", hint="Wait for its end, or stop it.")
    base = dict(settings or {})
    whisper = os.environ.get("SOVITS_TTS_WHISPER", "")
    config = base | {
        "model": model, "device": device, "review": review, "minutes": float(minutes or base.get("minutes", 0)),
        "prepare": base.get("prepare", {}) | {"language": language} | ({"whisper": whisper} if whisper else {}),
        "voice": base.get("voice", {}) | {"consent": consent.strip()},
    }  # fmt: skip
    for stage, number in zip(("gpt", "vits"), epochs, strict=True):
        if number:
            config[stage] = base.get(stage, {}) | {"epochs": int(number)}
    job = jobs.create("finetune", {"name": name, "config": config})
    try:
        _take(files, job.folder / "recordings")
        job.start()
    except OSError:
        shutil.rmtree(job.folder, ignore_errors=True)
        raise
    return job


def _accepted(paths: list[Path]) -> list[Path]:
    if not any(path.suffix.lower() in _SOUND for path in paths):
        raise DataError("There are no recordings yet.", hint="Drop sound files; a minute of speech is a good start.")
    wrong = sorted({path.suffix for path in paths if path.suffix.lower() not in _SOUND | TEXTS})
    if wrong:
        hint = "Give sound files, .txt, .lab and .srt."
        raise DataError("{kinds} files cannot be used here.", hint=hint, kinds=", ".join(wrong))
    size = sum(path.stat().st_size for path in paths)
    if len(paths) > MAX_FILES or size > MAX_BYTES:
        raise DataError(
            "These are {count} files of {size} MB.",
            hint="At most {most} files of {largest} MB; `sovits-tts finetune` takes more.",
            count=len(paths),
            size=size >> 20,
            most=MAX_FILES,
            largest=MAX_BYTES >> 20,
        )
    names = [path.name for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise DataError("Two files are called {name}.", hint="Give them different names.", name=twice)
    return paths


def _take(paths: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.move(path, folder / path.name)


def waits_for_review(job: Job) -> bool:
    state = job.state()
    return state.state == "done" and state.result.get("stopped") == REVIEW


def table_path(job: Job) -> Path:
    return job.folder / "work" / "prepared" / "transcripts.tsv"


def review_rows(job: Job, language: str = DEFAULT) -> list[list[Any]]:
    """Use it, text, what is thought of it, id; the most doubtful first."""
    rows = read_review(table_path(job)).values() if table_path(job).is_file() else ()
    return [[_used(row), row.text, _remark(row, language), row.id] for row in rows]


def _remark(row: ReviewRow, language: str) -> str:
    """The verdict in the page's language; its reasons are kept in English, as `prepare` wrote them."""
    return say(language, f"create.verdict.{row.verdict}", why=row.why) if row.verdict in VERDICTS else row.why


def save_review(job: Job, rows: Sequence[Sequence[Any]]) -> None:
    """What the visitor ticked and wrote, into the table that the next run heeds. Unknown ids are left out."""
    known = read_review(table_path(job))
    for use, text, _, name in rows:
        row = known.get(str(name))
        if row is None:
            continue
        keep = row.keep if bool(use) == _used(row) else "yes" if use else "no"
        known[row.id] = replace(row, keep=keep, text=" ".join(str(text or "").split()))
    write_review(table_path(job), known.values())


def clip(job: Job, name: str) -> Audio:
    """A clip of the table. Raises DataError for one that it does not have."""
    if name not in read_review(table_path(job)):
        raise DataError("There is no such clip.", hint="Choose a line of the table.")
    return Audio.load(job.folder / "work" / "prepared" / "clips" / f"{name}.flac")


def minutes(job: Job) -> float:
    """The budget that the visitor set, 0: none."""
    return float(job.facts()["arguments"]["config"].get("minutes", 0))


def failure(state: State, language: str) -> str:
    """Why a job failed, in the page's language; empty where it did not."""
    told = state.told
    if not told:
        return state.error
    error = SovitsError(told["message"], hint=told["hint"], **told["values"])
    error.code = told["code"]
    return explain(language, error)


def go_on(job: Job) -> None:
    """Start a job again: after the review, a stop, a failure or a cut of the power."""
    arguments = job.facts()["arguments"]
    if waits_for_review(job):
        arguments = arguments | {"config": arguments["config"] | {"review": False}}
    job.start(arguments)


def samples(job: Job) -> list[tuple[str, str]]:
    """Sentences that the checkpoints spoke, oldest first: what to call each, and its path inside the job's folder."""
    work = job.folder / "work"
    found = sorted(work.rglob("samples/*.wav"), key=lambda path: (path.stat().st_mtime, path.name))
    return [
        (f"{path.parent.parent.relative_to(work).parts[0]} {path.stem}", str(path.relative_to(work))) for path in found
    ]


def sample(job: Job, which: str) -> Audio:
    """One of `samples`. Raises DataError for anything else."""
    if which not in {path for _, path in samples(job)}:
        raise DataError("There is no such sample.", hint="Choose one of the list.")
    return Audio.load(job.folder / "work" / which)


def _used(row: ReviewRow) -> bool:
    return row.keep == "yes" or (row.keep != "no" and row.verdict != EXCLUDE and bool(row.text))
