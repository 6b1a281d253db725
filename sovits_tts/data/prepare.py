"""Recordings -> clips, phonemes, verdicts: the folder that training reads.

OUT/rows.jsonl       a line per clip to train on: path, speaker, language, text, phonemes, ids, seconds, source …
OUT/clips/*.flac     the clips, mono, at their own rate or at `sample_rate`
OUT/transcripts.tsv  every clip, worst confidence first; what is edited there counts in the next run
OUT/report.json      what was kept, what was not, and why
OUT/work/            one result per item, named by the content it came from: a killed run goes on from here
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sovits_tts.assets import EMBEDDED
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import read_model
from sovits_tts.data import prepare_items
from sovits_tts.data.atomic import write_json, write_text
from sovits_tts.data.cluster import runner
from sovits_tts.data.manifest import Problem, Row, check, read_manifest, usable
from sovits_tts.data.pool import Runner, Task, run_tasks
from sovits_tts.data.quality import EXCLUDE, Limits, Match, Sound, Verdict, judge, strangers
from sovits_tts.data.separate import SeparateSettings
from sovits_tts.data.slicing import SliceSettings
from sovits_tts.data.transcribe import FasterWhisper, ReviewRow, Transcriber, read_review, write_review
from sovits_tts.errors import ConfigError, DataError
from sovits_tts.progress import Event, OnEvent, silent

FORMAT = 2  # raised whenever an item's result would differ
Embed = Callable[[Audio], np.ndarray]


@dataclass(frozen=True)
class PrepareConfig:
    """All that `prepare` can be told; `configs/prepare.yaml` explains it.

    language, speaker: of recordings that name none
    workers:           processes of this machine; with `ray`, actors of that cluster ("local", "auto" or HOST:PORT)
    whisper:           folder of a faster-whisper model for clips without a transcript; "": they are left for review
    sample_rate:       of the clips, Hz; 0: that of the recording
    separate:          speech from music, before cutting
    """

    language: str = "auto"
    speaker: str = ""
    model: str = EMBEDDED
    workers: int = 1
    ray: str = ""
    whisper: str = ""
    sample_rate: int = 0
    separate: SeparateSettings = field(default_factory=SeparateSettings)
    slices: SliceSettings = field(default_factory=SliceSettings)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= 256:
            raise ConfigError(f"There cannot be {self.workers} workers.", hint="Use 1 to 256.")
        if self.sample_rate and not 8000 <= self.sample_rate <= 96000:
            raise ConfigError(f"Clips at {self.sample_rate} Hz cannot be.", hint="Use 8000 to 96000, or 0.")


@dataclass(frozen=True)
class Prepared:
    """rows: as in rows.jsonl; clips: all of them, with verdicts; report: as in report.json."""

    rows: list[dict[str, Any]]
    clips: list[dict[str, Any]]
    problems: tuple[Problem, ...]
    report: dict[str, Any]


def prepare(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: PrepareConfig | None = None,
    *,
    transcriber: Transcriber | None = None,
    embed: Embed | None = None,
    on_event: OnEvent = silent,
) -> Prepared:
    """Prepare a data set. The same call goes on after a kill, does nothing twice, and heeds what a review edited.

    embed: a speaker judge (audio -> unit vector) to find other speakers with; without one the average spectrum must do
    Raises DataError when nothing can be used, and for a review file that cannot be read.
    """
    config = config or PrepareConfig()
    out, began = Path(out), time.monotonic()
    manifest = read_manifest(source, language=config.language, speaker=config.speaker)
    problems = check(manifest)
    rows = usable(manifest, problems)
    if not rows:
        raise DataError(f"Nothing in {source} can be used: {problems[0]}", hint="--check lists every problem.")
    config.separate.check()
    edits = read_review(out / "transcripts.tsv") if (out / "transcripts.tsv").exists() else {}
    if config.whisper and transcriber is None:
        FasterWhisper.check(Path(config.whisper))
    model = read_model(config.model).fingerprint

    tasks = _item_tasks(rows, manifest.root, out, config, model, on_event)
    out.mkdir(parents=True, exist_ok=True)
    with runner(config.ray, config.workers, (manifest.root, out)) as workers:
        items = run_tasks("cut", tasks, prepare_items.cut_item, out / "work" / "items", workers, on_event)
        found = [clip | {"item": task.key} for task in tasks for clip in items[task.key]["clips"]]
        clips = list({clip["id"]: clip for clip in found}.values())
        lost = [entry for task in tasks for entry in items[task.key]["left_out"]]
        _transcribe(clips, out, config.whisper, transcriber, edits, workers, on_event)
        _read_texts(clips, out, config, model, workers, on_event)
    limits = config.limits if embed else replace(config.limits, stranger=config.limits.timbre)
    _judge(clips, limits, edits, _vectors(clips, out, embed, on_event))
    return _finish(source, out, clips, problems, lost, began)


def _item_tasks(
    rows: list[Row], root: Path, out: Path, config: PrepareConfig, model: str, on_event: OnEvent
) -> list[Task]:
    hashes: dict[Path, str] = {}
    tasks = []
    for number, row in enumerate(rows, 1):
        if row.path not in hashes:
            hashes[row.path] = _content(row.path)
        facts = {
            "start": row.start, "end": row.end, "text": row.text, "language": row.language,
            "speaker": row.speaker or root.resolve().name, "slices": asdict(config.slices),
            "sample_rate": config.sample_rate,
        }  # fmt: skip
        if config.separate.enabled:
            facts["separate"] = asdict(config.separate) | {"model": os.path.abspath(config.separate.model)}
        key = _key(FORMAT, hashes[row.path], row.path.stem, facts, model)
        path = row.path.absolute() if config.ray else row.path  # other machines have other working folders
        places = {"path": str(path), "out": str(out.absolute()), "model": _model_path(config)}
        tasks.append(Task(key, facts | places | {"key": key}))
        on_event(Event("read", number, len(rows), "items"))
    return tasks


def _model_path(config: PrepareConfig) -> str:
    return os.path.abspath(config.model) if os.path.exists(config.model) else config.model


def _transcribe(
    clips: list[dict[str, Any]], out: Path, whisper: str, transcriber: Transcriber | None,
    edits: dict[str, ReviewRow], workers: int | Runner, on: OnEvent,
) -> None:  # fmt: skip
    """Fill in text, language and confidence: what a person wrote, what was given, what is recognised, in this order."""
    wanted = []
    for clip in clips:
        edit = edits.get(clip["id"])
        clip["confidence"] = None
        if edit and edit.text:
            clip |= {"text": edit.text, "language": edit.language or clip["language"], "confidence": edit.confidence}
        elif not clip["text"]:
            wanted.append(clip)
    if not wanted or not (transcriber or whisper):
        return
    name = transcriber.name if transcriber else f"faster-whisper {Path(whisper).name}"
    facts = {"out": str(out.absolute()), "whisper": os.path.abspath(whisper)}
    tasks = [Task(_key(clip["id"], name), {k: clip[k] for k in ("path", "language")} | facts) for clip in wanted]

    def hear(clip: dict[str, Any]) -> dict[str, Any]:
        assert transcriber is not None
        return asdict(transcriber.transcribe(Audio.load(out / clip["path"]), clip["language"]))

    if transcriber:  # an object of the caller's stays in this process
        heard = run_tasks("transcribe", tasks, hear, out / "work" / "heard", 1, on)
    else:
        heard = run_tasks("transcribe", tasks, prepare_items.hear_item, out / "work" / "heard", workers, on)
    for task, clip in zip(tasks, wanted, strict=True):
        clip |= heard[task.key]


def _read_texts(
    clips: list[dict[str, Any]], out: Path, config: PrepareConfig, model: str, workers: int | Runner, on_event: OnEvent
) -> None:
    """Phonemes, and how well the model hears them in the clip."""
    tasks = []
    for clip in (clip for clip in clips if clip["text"]):
        key = _key(FORMAT, clip["id"], clip["text"], clip["language"], model)
        keys = ("path", "text", "language", "speech_seconds")
        facts = {name: clip.get(name, clip["sound"].get(name)) for name in keys}
        tasks.append(Task(key, facts | {"out": str(out.absolute()), "model": _model_path(config)}))
        clip["text_key"] = key
    read = run_tasks("read text", tasks, prepare_items.read_item, out / "work" / "texts", workers, on_event)
    for clip in clips:
        clip |= read.get(clip.pop("text_key", ""), {})


def _vectors(clips: list[dict[str, Any]], out: Path, embed: Embed | None, on_event: OnEvent) -> dict[str, np.ndarray]:
    """Clip -> who speaks. A judge of the caller's stays in this process; what it said is kept."""
    if embed is None:
        return {clip["id"]: np.array(clip["vector"]) for clip in clips if clip["vector"]}
    name = getattr(embed, "__qualname__", type(embed).__qualname__)
    spoken = [clip for clip in clips if clip["sound"]["speech_seconds"] > 0]
    tasks = [Task(_key(clip["id"], name), {"path": clip["path"]}) for clip in spoken]

    def judge(facts: dict[str, Any]) -> dict[str, Any]:
        return {"vector": [float(x) for x in embed(Audio.load(out / facts["path"]))]}

    heard = run_tasks("compare voices", tasks, judge, out / "work" / "voices", 1, on_event)
    return {clip["id"]: np.array(heard[task.key]["vector"]) for clip, task in zip(spoken, tasks, strict=True)}


def _judge(
    clips: list[dict[str, Any]], limits: Limits, edits: dict[str, ReviewRow], vectors: dict[str, np.ndarray]
) -> None:
    by_speaker: dict[str, list[str]] = {}
    for clip in clips:
        if clip["id"] in vectors:
            by_speaker.setdefault(clip["speaker"], []).append(clip["id"])
    stranger = {
        name: float(far)
        for names in by_speaker.values()
        for name, far in zip(names, strangers([vectors[name] for name in names]), strict=True)
    }
    for clip in clips:
        clip["stranger"] = round(stranger.get(clip["id"], 0.0), 2)
        match = Match(**clip["match"]) if clip.get("match") else None
        verdict = judge(Sound(**clip["sound"]), match, clip["stranger"], limits, clip.get("error", ""))
        clip |= asdict(verdict)
        clip["keep"] = edits[clip["id"]].keep if clip["id"] in edits else ""
        if clip["confidence"] is None and match:
            clip["confidence"] = match.heard
        trained = clip["keep"] == "yes" or (clip["keep"] != "no" and verdict.verdict != EXCLUDE)
        clip["used"] = trained and match is not None  # without phonemes nothing can be learnt


def _finish(
    source: str | os.PathLike[str], out: Path, clips: list[dict[str, Any]], problems: tuple[Problem, ...],
    lost: list[dict[str, Any]], began: float,
) -> Prepared:  # fmt: skip
    inner = {"vector", "item", "used", "keep", "error", "match", "sound"}
    rows = [
        {k: v for k, v in clip.items() if k not in inner} | {"seconds": clip["sound"]["seconds"],
         "sample_rate": clip["sound"]["sample_rate"]}
        for clip in clips if clip["used"]
    ]  # fmt: skip
    write_review(out / "transcripts.tsv", [_review(clip) for clip in clips])
    write_text(out / "rows.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    total = sum(clip["sound"]["seconds"] for clip in clips)
    reasons = Counter(Verdict(clip["verdict"]).verdict for clip in clips)
    report = {
        "source": str(source), "out": str(out), "clips": len(clips), "used": len(rows),
        "verdicts": {name: reasons[name] for name in ("keep", "warn", "exclude")},
        "seconds": round(total, 2), "used_seconds": round(sum(row["seconds"] for row in rows), 2),
        "speakers": dict(Counter(row["speaker"] for row in rows)),
        "languages": dict(Counter(row["language"] for row in rows)),
        "untranscribed": sum(not clip["text"] for clip in clips),
        "left_out": lost, "problems": [asdict(problem) for problem in problems],
        "elapsed_seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip
    write_json(out / "report.json", report)
    return Prepared(rows, clips, problems, report)


def _review(clip: dict[str, Any]) -> ReviewRow:
    why = " ".join(clip["reasons"])
    return ReviewRow(clip["id"], clip["keep"], clip["confidence"], clip["verdict"], clip["language"], clip["text"], why)


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:24]
