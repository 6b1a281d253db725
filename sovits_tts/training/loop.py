"""The one training loop: steps, logging, saving, resuming, stopping.

A batch is a pure function of the step number, and random state is set from it, so a run that is killed and resumed
takes the same steps as one that is not. It needs PyTorch alone; a team of processes (`team.py`) may be handed in.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from sovits_tts.errors import TrainingError
from sovits_tts.progress import Cancelled, Event, OnEvent, silent
from sovits_tts.training.prefetch import prefetch
from sovits_tts.training.state import load_state, save_state

STATE, LOG = "state.safetensors", "log.jsonl"


class Stage(Protocol):
    """What is trained: networks, optimizers, and one step over a batch."""

    name: str

    def step(self, batch: Any, step: int) -> dict[str, float]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Team(Protocol):
    """The processes that take each step together. Only the main one writes and reports."""

    main: bool
    rank: int

    def any(self, flag: bool) -> bool: ...

    def wait(self) -> None: ...


class Alone:
    """A team of one."""

    main = True
    rank = 0

    def any(self, flag: bool) -> bool:
        return flag

    def wait(self) -> None:
        pass


@dataclass(frozen=True)
class LoopSettings:
    total_steps: int
    seed: int = 1234
    log_steps: int = 50
    save_seconds: float = 600.0
    deadline_seconds: float = math.inf  # stop, saved, after this much wall time
    workers: int = 1  # threads that prepare batches ahead
    processes: bool = False  # processes instead
    epoch_steps: int = 0  # > 0: `on_epoch` is asked, and the state saved, after every so many steps
    rollbacks: int = 0  # > 0: a loss that is no number is answered by going back, at most this often


@dataclass(frozen=True)
class EpochEnd:
    """What `on_epoch` found: values to log and report, and whether to end the run here."""

    values: dict[str, float]
    stop: bool = False


def run(
    stage: Stage,
    make_batch: Callable[[int], Any],
    folder: Path,
    settings: LoopSettings,
    on_event: OnEvent = silent,
    on_save: Callable[[int], None] = lambda step: None,
    on_load: Callable[[], None] = lambda: None,
    *,
    prepare: Callable[[Any], Any] = lambda batch: batch,
    on_epoch: Callable[[int, int], EpochEnd] | None = None,
    on_rollback: Callable[[int], None] = lambda times: None,
    team: Team | None = None,
) -> int:
    """Train from the last saved step (or from 0) and return the step reached.

    prepare:     the rest of making a batch, here and not ahead, such as what touches a GPU
    on_load:     called when a state was loaded, to put right what it should not have brought back
    on_epoch:    (epoch, step), epochs counted from 1, and (0, 0) before the first step. What it writes it may write
                 twice, if the process is killed
    on_rollback: told after every start how often this run has gone back so far

    Writes `state.safetensors` and `log.jsonl` in `folder`. Stops, saved, at the last step, at the deadline, when
    `on_epoch` says so, or when `on_event` raises Cancelled. Raises TrainingError when going back did not help.
    """
    return _Run(
        stage, make_batch, folder, settings, on_event, on_save, on_load, prepare, on_epoch, on_rollback, team or Alone()
    ).go()


@dataclass
class _Run:
    """One call of `run`."""

    stage: Stage
    make_batch: Callable[[int], Any]
    folder: Path
    settings: LoopSettings
    on_event: OnEvent
    on_save: Callable[[int], None]
    on_load: Callable[[], None]
    prepare: Callable[[Any], Any]
    on_epoch: Callable[[int, int], EpochEnd] | None
    on_rollback: Callable[[int], None]
    team: Team

    def __post_init__(self) -> None:
        self.step = self.epochs = 0  # finished ones
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.skipped: list[int] = []  # steps whose batch is left out, because it gave no number
        self.started = self.last_save = self.mark = time.monotonic()
        self.mark_step = 0
        self.ended = False  # by `on_epoch`
        self.whole = True  # not in the middle of a step, where nothing may be saved

    def go(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = not (self.folder / STATE).is_file()
        self._resume()
        try:
            if fresh and self.on_epoch is not None:
                self._report(0, self._ask(0))
            if fresh and self.settings.rollbacks:
                self._save()
            while self._pass():
                pass
        except (Cancelled, KeyboardInterrupt):
            if self.whole:
                self._save()
            raise
        self._save()
        return self.step

    def _pass(self) -> bool:
        """Steps up to the end of the run. True: it went back, and another pass is due."""
        if self.ended or self._end_epoch():  # a run may have been stopped between an epoch's last step and its end
            return False
        s = self.settings
        for at, batch in prefetch(self.make_batch, self.step, s.total_steps, s.workers, s.processes):
            if at not in self.skipped and not self._take(at, self.prepare(batch)):
                self._roll_back(at)
                return True
            self.step = at + 1
            if self.step % s.log_steps == 0 or self.step == s.total_steps:
                self._log()
            if self._end_epoch():
                return False
            now = time.monotonic()
            if now - self.last_save > s.save_seconds:
                self._save()
            if self.team.any(now - self.started > s.deadline_seconds):
                return False
        return False

    def _take(self, at: int, batch: Any) -> bool:
        """One step. False: a loss is no number, and that matters."""
        torch.manual_seed(self.settings.seed * 1_000_003 + at + 7919 * self.team.rank)
        self.whole = False
        values = self.stage.step(batch, at)
        self.whole = True
        if self.settings.rollbacks and not all(map(math.isfinite, values.values())):
            return False
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
            self.counts[key] = self.counts.get(key, 0) + 1
        return True

    def _roll_back(self, at: int) -> None:
        if len(self.skipped) >= self.settings.rollbacks:
            raise TrainingError(
                f"The loss of {self.stage.name} is not a number at step {at + 1}, after going back {len(self.skipped)} "
                "times.",
                hint="Lower the learning rate, use fp32, or look for a damaged clip.",
            )
        skipped = [*self.skipped, at]
        self._resume()
        self.skipped = skipped
        self.on_rollback(len(skipped))
        self._save()  # or a killed run would meet the same number again
        message = f"The loss was not a number at step {at + 1}: back at step {self.step}, slower, without its batch."
        self._write({"step": self.step, "rolled_back_from": at + 1})
        self._tell(Event(self.stage.name, self.step, self.settings.total_steps, "steps", message))

    def _end_epoch(self) -> bool:
        """Ask `on_epoch` if an epoch is over. True: the run is to end."""
        length = self.settings.epoch_steps
        if not length or self.on_epoch is None or self.step < (self.epochs + 1) * length:
            return False
        epoch = self.step // length
        end = self._ask(epoch)
        self.epochs, self.ended = epoch, self.team.any(end.stop)
        self._report(epoch, end)
        self._save()
        return self.ended

    def _ask(self, epoch: int) -> EpochEnd:
        """`on_epoch`; whether it was cancelled in one process, all know."""
        assert self.on_epoch is not None
        end, cancelled = EpochEnd({}), None
        try:
            end = self.on_epoch(epoch, self.step)
        except Cancelled as error:
            cancelled = error
        if self.team.any(cancelled is not None):
            raise cancelled or Cancelled
        return end

    def _report(self, epoch: int, end: EpochEnd) -> None:
        self._write({"step": self.step, "epoch": epoch, **_rounded(end.values)})
        values = {"epoch": epoch, **end.values}
        self._tell(Event(self.stage.name, self.step, self.settings.total_steps, "steps", values=values))

    def _log(self) -> None:
        now = time.monotonic()
        values = {key: self.sums[key] / self.counts[key] for key in self.sums}
        values["seconds_per_step"] = (now - self.mark) / max(1, self.step - self.mark_step)
        self.sums, self.counts, self.mark, self.mark_step = {}, {}, now, self.step
        self._write({"step": self.step, **_rounded(values)})
        self._tell(Event(self.stage.name, self.step, self.settings.total_steps, "steps", values=values))

    def _write(self, line: dict[str, Any]) -> None:
        if self.team.main:
            with (self.folder / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")

    def _tell(self, event: Event) -> None:
        """To the sink, in the main process; whether it cancelled, to all."""
        cancelled: Cancelled | None = None
        if self.team.main:
            try:
                self.on_event(event)
            except Cancelled as error:
                cancelled = error
        if self.team.any(cancelled is not None):
            raise cancelled or Cancelled

    def _save(self) -> None:
        if self.team.main:
            state = {
                "stage": self.stage.state_dict(), "step": self.step, "epochs": self.epochs,
                "sums": self.sums, "counts": self.counts, "skipped": self.skipped, "ended": self.ended,
            }  # fmt: skip
            save_state(self.folder / STATE, state)
            self.on_save(self.step)
        self.team.wait()
        self.last_save = time.monotonic()

    def _resume(self) -> None:
        path = self.folder / STATE
        if not path.is_file():
            return
        state = load_state(path)
        self.stage.load_state_dict(state["stage"])
        self.step = int(state["step"])
        self.epochs, self.ended = int(state.get("epochs", 0)), bool(state.get("ended", False))
        self.sums, self.counts = state.get("sums", {}), state.get("counts", {})
        self.skipped = list(state.get("skipped", []))
        self.mark, self.mark_step = time.monotonic(), self.step
        self.on_load()
        self.on_rollback(len(self.skipped))
        if self.team.main:
            _forget_after(self.folder / LOG, self.step)
        self.team.wait()


def _forget_after(log: Path, step: int) -> None:
    """Remove what a killed run had logged after the state it left."""
    if not log.is_file():
        return
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    if len(kept) < len(lines):
        partial = log.with_name(log.name + ".part")
        partial.write_text("".join(kept), encoding="utf-8")
        partial.replace(log)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 5) for key, value in values.items()}
