"""A budget of minutes: the time of a step is measured first, then the epochs are planned, and the end is kept.

A plan is written down, so that a run that was killed goes on with it. Epochs are no part of what a training run is, so
the steps that were measured are the run's own first ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from sovits_tts.data.atomic import write_json
from sovits_tts.finetune.choose import Trained
from sovits_tts.progress import Cancelled, Event, OnEvent
from sovits_tts.training.tune_config import GPTTune, VITSTune

Tune = GPTTune | VITSTune
_MEASURED = 3  # steps after the first, which is slower than the others
_SHARE = 0.85  # of the time that steps may take; saving, validating and sampling need the rest
_EVALUATION = 0.4  # of what is left may go into evaluating checkpoints
_TRAINING = {"vits": 0.6, "gpt": 0.4}


class _Enough(Cancelled):
    """Raised by a sink of ours: enough was measured."""


@dataclass
class Budget:
    """The time of one run. minutes 0: no limit."""

    minutes: float
    folder: Path  # of the plan
    began: float = field(default_factory=monotonic)

    @property
    def left(self) -> float:
        """Seconds; infinite without a limit, negative when the time is over."""
        return self.minutes * 60 - (monotonic() - self.began) if self.minutes else float("inf")

    def checkpoints(self, most: int, evaluation: float, stages: int) -> int:
        """How many checkpoints of each stage can be evaluated, if one takes `evaluation` seconds; at least one."""
        if not self.minutes:
            return most
        return max(1, min(most, int(_EVALUATION * self.left / max(evaluation * stages, 1e-9))))

    def for_stage(self, stage: str, stages: Sequence[str], reserve: float) -> float:
        """Seconds that training this stage may take. stages: those still to train; reserve: for what comes after."""
        shares = sum(_TRAINING[name] for name in stages)
        return (self.left - reserve) * _TRAINING[stage] / shares


Train = Callable[[Tune, float, OnEvent], Sequence[Trained]]


def train_within(
    stage: str, config: Tune, train: Train, seconds: float, plan: Path, checkpoints: int, on_event: OnEvent
) -> tuple[list[Trained], str]:
    """Train a stage in at most `seconds`; returns its checkpoints and a sentence on what was planned, or "".

    train: the stage's training with given settings, for so many minutes at most
    plan:  file that keeps the plan of this very run
    """
    if seconds == float("inf"):
        return list(train(config, seconds, on_event)), ""
    end = monotonic() + seconds
    planned = _planned(plan)
    if planned is None:
        per_epoch = _measure(config, train, end, on_event)
        if per_epoch is None:
            return list(train(config, seconds / 60, on_event)), ""  # shorter than what would be measured
        epochs = max(1, min(config.epochs, int(_SHARE * (end - monotonic()) / per_epoch)))
        write_json(plan, {"epochs": epochs, "seconds_per_epoch": round(per_epoch, 3)})
    else:
        epochs, per_epoch = planned
    fits = f"{epochs} of {config.epochs} epochs of the {stage} stage fit, at {per_epoch:.0f} s each."
    note = fits if epochs < config.epochs else ""
    every = max(1, epochs // max(1, checkpoints))
    left = max(0.0, end - monotonic()) / 60
    found = list(train(replace(config, epochs=epochs, save_every=every), left, on_event))
    if not found or found[-1].epoch < epochs:
        note = f"The time for the {stage} stage was over before its {epochs} epochs were."
    return found, note


def _planned(plan: Path) -> tuple[int, float] | None:
    """Epochs, and seconds of one, as they were planned before."""
    try:
        known = json.loads(plan.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return int(known["epochs"]), float(known["seconds_per_epoch"])


def _measure(config: Tune, train: Train, end: float, on_event: OnEvent) -> float | None:
    """Seconds of an epoch, by the first steps of the run; None where the run ended before it could be told."""
    seen: list[tuple[float, float]] = []  # (time, step)
    totals: list[float] = []

    def sink(event: Event) -> None:
        on_event(event)
        if event.unit == "steps" and event.done:
            seen.append((monotonic(), event.done))
            totals.append(event.total)
            if len(seen) > _MEASURED + 1 or monotonic() > end:
                raise _Enough

    try:
        train(replace(config, log_steps=1), float("inf"), sink)
    except _Enough:
        pass
    else:
        return None
    steps = seen[-1][1] - seen[0][1]
    return (seen[-1][0] - seen[0][0]) / max(steps, 1) * totals[-1] / config.epochs if steps else None
