"""Rows -> OUT/<id>.wav and OUT/results.jsonl, over processes or a cluster; stopped or killed, it goes on.

OUT/<id>.wav (or another format)  one per row, never written over a file that this row did not make
OUT/results.jsonl                 a line per row, in the order of the input
OUT/work/                         results by content; sound lies here until it is whole
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sovits_tts import voices
from sovits_tts.assets import EMBEDDED
from sovits_tts.audio import FORMATS
from sovits_tts.batch.lines import Line, check_lines, options_of, read_lines
from sovits_tts.checkpoints.build import Source, read_model
from sovits_tts.data.atomic import write_text
from sovits_tts.data.cluster import runner
from sovits_tts.data.manifest import Problem
from sovits_tts.data.pool import Task, run_tasks
from sovits_tts.errors import ConfigError, DataError, SovitsError
from sovits_tts.progress import OnEvent, silent
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice
from sovits_tts.voicepack import MANIFEST


@dataclass(frozen=True)
class BatchConfig:
    """model: as `TTS.load` takes it; workers: processes, or actors of the Ray cluster at `ray`; format: a suffix."""

    model: Source = EMBEDDED
    device: str = "auto"
    precision: str = "auto"
    workers: int = 1
    ray: str = ""
    format: str = ".wav"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"{self.format!r} names no sound format.", hint=f"Use {', '.join(FORMATS)}.")
        if not 1 <= self.workers <= 256:
            raise ConfigError(f"There cannot be {self.workers} workers.", hint="Use 1 to 256.")


def check_batch(path: Path, out: Path, default: Line | None = None, config: BatchConfig | None = None) -> Checked:
    """Read the rows and find every problem; computes nothing. Raises DataError when there is nothing to read."""
    config = config or BatchConfig()
    lines, problems = read_lines(path, default)
    model = read_model(config.model)
    problems += check_lines(lines, path, model.spec)
    if any(problem.error for problem in problems):
        return Checked(tuple(lines), tuple(problems), {})
    keys = {line.number: _key(line, model.fingerprint, config) for line in lines}
    if not config.overwrite:
        for line in lines:
            target = out / f"{line.id}{config.format}"
            if target.exists() and _state(target, keys[line.number], out) == "foreign":
                cause = f"{target} exists already, and was not made from this row."
                fix = "Choose another folder, or allow overwriting."
                problems.append(Problem("exists", str(path), line.number, cause, fix))
    return Checked(tuple(lines), tuple(problems), keys)


@dataclass(frozen=True)
class Checked:
    """keys: line number -> name of its result, by the content of all that goes in."""

    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]
    keys: dict[int, str]


def speak_lines(
    checked: Checked, out: Path, config: BatchConfig | None = None, *, on_event: OnEvent = silent
) -> list[dict[str, Any]]:
    """Speak every row of `check_batch`; returns what OUT/results.jsonl holds. The same call goes on after a kill.

    A row that fails has "error" and no file; the others are spoken. Raises DataError when there are problems.
    """
    config = config or BatchConfig()
    if any(problem.error for problem in checked.problems):
        raise DataError(f"{len(checked.problems)} problems: {checked.problems[0]}", hint="Correct the rows first.")
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    tasks = []
    for line in checked.lines:
        key = checked.keys[line.number]
        state = _state(out / f"{line.id}{config.format}", key, out)
        if state == "gone" or (state == "foreign" and not (work / f"{key}{config.format}").exists()):
            (work / f"{key}.json").unlink(missing_ok=True)
        tasks.append(Task(key, _facts(line, key, work, config)))
    gpus = 1.0 if config.device.startswith("cuda") else 0.0
    with runner(config.ray, config.workers, (work,), gpus) as workers:
        found = run_tasks("speak", tasks, speak_item, work, workers, on_event)
    results = []
    for line in checked.lines:
        result = found[checked.keys[line.number]]
        path = out / f"{line.id}{config.format}"
        if "error" not in result:
            _publish(path, checked.keys[line.number], out)
        facts = {"id": line.id, "text": line.text, "language": line.language, "voice": line.voice}
        results.append(facts | {"path": None if "error" in result else path.name} | result)
    write_text(out / "results.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in results))
    return results


def speak_item(facts: dict[str, Any]) -> dict[str, Any]:
    """One row into one sound file under OUT/work; what a worker does. "error": why there is none."""
    line = Line(**facts["line"])
    began = time.perf_counter()
    try:
        tts, voice = _voice(tuple(facts["models"]), facts["device"], facts["precision"], *facts["voice"])
        spoken = tts.synthesize(line.text, voice, options=options_of(line))
        spent = time.perf_counter() - began
        saved = spoken.audio.save(facts["target"], overwrite=True)
    except SovitsError as error:
        return {"error": str(error)}
    chunks = [chunk.as_dict() for chunk in spoken.chunks]
    return {
        "seconds": round(spoken.audio.seconds, 3), "sample_rate": spoken.audio.sample_rate,
        "rtf": round(spent / max(spoken.audio.seconds, 1e-9), 3),
        "attempts": sum(chunk["attempts"] for chunk in chunks), "failed": any(chunk["failed"] for chunk in chunks),
        "problems": sorted({name for chunk in chunks for name in chunk["problems"]}),
        "warnings": [text for chunk in chunks for text in chunk["warnings"]],
        "sentences": len(chunks), "sha256": _hash(saved),
    }  # fmt: skip


@lru_cache(maxsize=2)  # a worker loads a model once; a fine-tuned voice brings its own
def _tts(models: tuple[str, ...], device: str, precision: str, package: str) -> TTS:
    if multiprocessing.parent_process() is not None:
        import torch

        torch.set_num_threads(1)  # the workers share the cores
    source: Source = models[0] if len(models) == 1 else list(models)
    if package:
        return TTS.load(package, device=device, precision=precision, base=None if source == EMBEDDED else source)
    return TTS.load(source, device=device, precision=precision)


@lru_cache(maxsize=64)
def _voice(
    models: tuple[str, ...], device: str, precision: str, voice: str, text: str, language: str, style: str
) -> tuple[TTS, Voice | None]:
    package = voices.package_of(voice) if voice else None
    tuned = str(package.path) if package is not None and package.stages else ""
    tts = _tts(models, device, precision, tuned)
    return tts, tts.voice(voice, text or None, language or None, style=style) if voice else None


def _facts(line: Line, key: str, work: Path, config: BatchConfig) -> dict[str, Any]:
    models = [config.model] if isinstance(config.model, str | os.PathLike) else list(config.model)
    return {
        "line": asdict(line), "device": config.device, "precision": config.precision,
        "models": [os.path.abspath(name) if os.path.exists(name) else str(name) for name in models],
        "voice": [line.voice, line.voice_text, line.voice_language, line.style],
        "target": str((work / f"{key}{config.format}").absolute()),
    }  # fmt: skip


def _key(line: Line, model: str, config: BatchConfig) -> str:
    """By all that the sound depends on; the voice by its content where it is a file."""
    voice = line.voice
    if voice:
        path = Path(voice) if Path(voice).exists() else voices.find(voice).path
        voice = _hash(path / MANIFEST if path.is_dir() else path)
    parts = [asdict(line) | {"number": 0, "voice": voice}, model, config.precision, config.format]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:24]


def _state(target: Path, key: str, out: Path) -> str:
    """Of a row's file: "done", "made" (still in work/), "new", "gone" (a result without a sound), "foreign"."""
    try:
        result = json.loads((out / "work" / f"{key}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        result = None
    if target.exists():
        return "done" if result and result.get("sha256") == _hash(target) else "foreign"
    if not result:
        return "new"
    return "made" if (out / "work" / f"{key}{target.suffix}").exists() else "gone"


def _publish(target: Path, key: str, out: Path) -> None:
    made = out / "work" / f"{key}{target.suffix}"
    if made.exists():
        os.replace(made, target)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
