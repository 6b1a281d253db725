"""The one training loop: steps, logging, saving, resuming, stopping.

A batch is a pure function of the step number, and random state is set from it, so a run that is killed and resumed
takes the same steps as one that is not.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from sovits_tts.progress import Cancelled, Event, OnEvent, silent
from sovits_tts.training.state import load_state, save_state


class Stage(Protocol):
    """What is trained: networks, optimizers, and one step over a batch."""

    name: str

    def step(self, batch: Any, step: int) -> dict[str, float]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class LoopSettings:
    total_steps: int
    seed: int = 1234
    log_steps: int = 50
    save_seconds: float = 600.0
    deadline_seconds: float = math.inf  # stop, saved, after this much wall time
    workers: int = 1  # threads that prepare batches ahead


def _prefetch(make: Callable[[int], Any], first: int, last: int, workers: int) -> Iterator[tuple[int, Any]]:
    """(step, batch) in order, prepared by `workers` threads, a few ahead."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[tuple[int, Future[Any]]] = []
        upcoming = first
        try:
            while True:
                while upcoming < last and len(ahead) < 2 * workers:
                    ahead.append((upcoming, pool.submit(make, upcoming)))
                    upcoming += 1
                if not ahead:
                    return
                step, future = ahead.pop(0)
                yield step, future.result()
        finally:
            for _, future in ahead:
                future.cancel()


def run(
    stage: Stage,
    make_batch: Callable[[int], Any],
    folder: Path,
    settings: LoopSettings,
    on_event: OnEvent = silent,
    on_save: Callable[[int], None] = lambda step: None,
    on_load: Callable[[], None] = lambda: None,
) -> int:
    """Train from the last saved step (or from 0) and return the step reached.

    on_load: called when a state was loaded, to put right what it should not have brought back
    Writes `state.safetensors` and `log.jsonl` in `folder`. Stops, saved, at the last step, at the deadline, or when
    `on_event` raises Cancelled.
    """
    state_file = folder / "state.safetensors"
    step = 0
    if state_file.is_file():
        state = load_state(state_file)
        stage.load_state_dict(state["stage"])
        step = int(state["step"])
        on_load()
    started = last_save = time.monotonic()

    def save(at: int) -> None:
        save_state(state_file, {"stage": stage.state_dict(), "step": at})
        on_save(at)

    sums: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    mark, mark_step = started, step
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        try:
            for at, batch in _prefetch(make_batch, step, settings.total_steps, settings.workers):
                torch.manual_seed(settings.seed * 1_000_003 + at)
                for key, value in stage.step(batch, at).items():
                    sums[key] += value
                    counts[key] += 1
                step = at + 1
                now = time.monotonic()
                if step % settings.log_steps == 0 or step == settings.total_steps:
                    values = {k: sums[k] / counts[k] for k in sums}
                    values["seconds_per_step"] = (now - mark) / max(1, step - mark_step)
                    log.write(json.dumps({"step": step, **{k: round(v, 5) for k, v in values.items()}}) + "\n")
                    log.flush()
                    on_event(Event(stage.name, step, settings.total_steps, "steps", values=values))
                    sums.clear()
                    counts.clear()
                    mark, mark_step = now, step
                if now - last_save > settings.save_seconds:
                    save(step)
                    last_save = now
                if now - started > settings.deadline_seconds:
                    break
        except (Cancelled, KeyboardInterrupt):
            save(step)
            raise
    save(step)
    return step
