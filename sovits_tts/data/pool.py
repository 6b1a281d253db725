"""Tasks over worker processes. Each result is a file that appears whole, so a killed run goes on where it was."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_tts.data.atomic import write_json
from sovits_tts.errors import DataError
from sovits_tts.progress import Event, OnEvent


@dataclass(frozen=True)
class Task:
    """key: names the result, by the content of everything that goes in. facts: plain data for the function."""

    key: str
    facts: dict[str, Any]


Function = Callable[[dict[str, Any]], dict[str, Any]]
Runner = Callable[[Sequence[Task], Function], Iterator[tuple[str, dict[str, Any]]]]


def run_tasks(
    stage: str, tasks: Sequence[Task], function: Function, folder: Path, workers: int | Runner, on_event: OnEvent
) -> dict[str, dict[str, Any]]:
    """key -> result of every task; those whose result lies in `folder` are not done again.

    function: importable, from facts to a result, both plain data
    workers:  processes of this machine, or what runs the tasks elsewhere (`cluster.runner`)
    Raises DataError when a worker dies.
    """
    results = {task.key: found for task in tasks if (found := _result(folder, task.key)) is not None}
    pending = list({task.key: task for task in tasks if task.key not in results}.values())
    total = len(results) + len(pending)
    on_event(Event(stage, len(results), total, "items"))
    outcomes = workers(pending, function) if callable(workers) else _outcomes(pending, function, workers)
    for key, result in outcomes:
        write_json(folder / f"{key}.json", result)
        results[key] = result
        on_event(Event(stage, len(results), total, "items"))
    return results


def _outcomes(tasks: Sequence[Task], function: Function, workers: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task.key, function(task.facts)
        return
    # spawn: a fork of a process that has run torch's threads may hang.
    pool = ProcessPoolExecutor(min(workers, len(tasks)), multiprocessing.get_context("spawn"), _start_worker)
    try:
        futures = {pool.submit(function, task.facts): task.key for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "A worker process was ended from outside, perhaps for want of memory.",
            hint="Run the same command with fewer workers; what is done is kept.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """No worker outlives a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.join,), daemon=True).start()


def _end_with(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _result(folder: Path, key: str) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
