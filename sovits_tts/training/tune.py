"""Fine-tuning of a stage from a base model: one function for each. A run can be killed at any moment and called again.

OUT/run.json            what the run was started with
OUT/checkpoints/        a stage file after every `save_every` epochs; OUT/checkpoints.json lists them
OUT/samples/            a sentence spoken by each checkpoint
OUT/log.jsonl           losses; OUT/curves.png and OUT/tensorboard show them
OUT/state.safetensors   where the run goes on
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sovits_tts.checkpoints import store
from sovits_tts.checkpoints.build import read_model
from sovits_tts.config import as_dict
from sovits_tts.data.atomic import write_json
from sovits_tts.errors import CheckpointError, ConfigError, DataError
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.training.loop import EpochEnd, LoopSettings, run
from sovits_tts.training.team import Accelerated
from sovits_tts.training.tune_config import GPTTune, Tune, VITSTune, run_key
from sovits_tts.training.tune_data import TuneData
from sovits_tts.training.tune_files import find_critics, read_json, save_stage
from sovits_tts.training.tune_gpt import GPTTuneData, GPTTuneStage
from sovits_tts.training.tune_report import Sampler, TensorBoard, draw_curves
from sovits_tts.training.tune_vits import VITSTuneStage
from sovits_tts.training.tune_vits_data import VITSTuneData

FORMAT = 1  # raised whenever the same settings would take other steps
_POSTERIOR = "posterior_encoder."


@dataclass(frozen=True)
class Checkpoint:
    """A stage after some epochs. path: a stage file, for `checkpoints.tuned.load_tuned`

    losses: means over the epoch, and the validation's, which begin with "val_"
    """

    stage: str  # "gpt" or "vits"
    epoch: int
    step: int
    path: Path
    losses: dict[str, float]


OnCheckpoint = Callable[[Checkpoint], None]


def tune_gpt(
    data: TuneData,
    base: str,
    out: Path,
    config: GPTTune,
    *,
    device: str = "auto",
    minutes: float = math.inf,
    on_event: OnEvent = silent,
    on_checkpoint: OnCheckpoint | None = None,
) -> list[Checkpoint]:
    """Fine-tune the GPT stage of `base`, from where the folder `out` stands, and return its checkpoints, oldest first.

    data:    features made for the same base
    minutes: stop, saved, after this much time; the same call goes on later
    on_checkpoint: may be told of the same one twice, if the process is killed
    Every process of `accelerate launch` or `torchrun` makes the same call; only the main one writes and reports.

    Raises ConfigError if `out` holds a run of other settings, data or base, DataError if the features do not fit,
    TrainingError if the losses stop being numbers.
    """
    team, checkpoint = Accelerated(device), read_model(base)
    examples = GPTTuneData(data, config, team.rank, team.size)
    steps = examples.plan.epoch_steps
    tuning = _Tuning("gpt", data, base, checkpoint, Path(out), config, team, on_event, on_checkpoint)
    return tuning.go(
        lambda: GPTTuneStage(checkpoint.spec.gpt, checkpoint.part("gpt"), config, steps, team), examples, minutes
    )


def tune_vits(
    data: TuneData,
    base: str,
    out: Path,
    config: VITSTune,
    *,
    device: str = "auto",
    minutes: float = math.inf,
    on_event: OnEvent = silent,
    on_checkpoint: OnCheckpoint | None = None,
) -> list[Checkpoint]:
    """Fine-tune the VITS stage of `base`; as `tune_gpt`.

    Raises CheckpointError as well, if the base lacks what only training needs: the posterior.
    """
    team, checkpoint = Accelerated(device), read_model(base)
    weights = checkpoint.part("vits")
    if not any(name.startswith(_POSTERIOR) for name in weights):
        raise CheckpointError(
            f"{base} lacks the posterior, without which the VITS stage cannot be trained.",
            hint="Fine-tuned GPT-SoVITS files never have it: start from the version they were made from.",
        )
    critics = find_critics(checkpoint, config)
    examples = VITSTuneData(data, config, team.rank, team.size)
    steps = examples.plan.epoch_steps
    tuning = _Tuning("vits", data, base, checkpoint, Path(out), config, team, on_event, on_checkpoint)
    return tuning.go(
        lambda: VITSTuneStage(checkpoint.spec.vits, weights, critics, config, steps, team), examples, minutes
    )


class _Tuning:
    """One call: what both stages have in common."""

    def __init__(
        self, kind: str, data: TuneData, base: str, checkpoint: store.Checkpoint, out: Path, config: Tune,
        team: Accelerated, on_event: OnEvent, on_checkpoint: OnCheckpoint | None,
    ) -> None:  # fmt: skip
        if data.fingerprint != checkpoint.fingerprint:
            raise DataError(
                f"The features in {data.folder} were made for another model than {base}.", hint="Make them again."
            )
        self.kind, self.data, self.base, self.out, self.config, self.team = kind, data, base, out, config, team
        self.on_event, self.on_checkpoint = on_event, on_checkpoint
        self.key = run_key(config, FORMAT, kind, data.key, checkpoint.fingerprint)
        self.sampler = Sampler(data, base, config, out, team.device)
        self.best, self.waited, self.at = math.inf, 0, 0
        self.sums: dict[str, list[float]] = {}  # of the epoch: [sum, count]

    def go(self, make: Callable[[], Any], examples: Any, minutes: float) -> list[Checkpoint]:
        self._claim(examples)
        finished = read_json(self.out / "done.json")
        if finished and (finished["epochs"] >= self.config.epochs or finished["stopped"]):
            return self._known()
        stage = self.stage = make()
        self.name = stage.name
        self.total = examples.plan.epoch_steps * self.config.epochs
        self.held = examples.held_out() if self.team.main else []
        settings = LoopSettings(
            self.total, self.config.seed, self.config.log_steps, deadline_seconds=60 * minutes,
            workers=self.config.workers, epoch_steps=examples.plan.epoch_steps, rollbacks=self.config.rollbacks,
        )  # fmt: skip
        board = self._board()
        try:
            step = run(
                self, examples.batch, self.out, settings, self._sinks(board), on_epoch=self._epoch,
                on_rollback=self._slow_down, team=self.team,
            )  # fmt: skip
        finally:
            if board is not None:
                board.close()
        if self.team.main:
            epoch, rest = divmod(step, examples.plan.epoch_steps)
            if step == self.total or self._stops():
                write_json(self.out / "done.json", {"epochs": epoch, "stopped": self._stops()})
            elif rest:  # the time is over: what was learnt so far can be used
                self._keep(epoch, step, {})
        self.team.wait()
        return self._known()

    def _claim(self, examples: Any) -> None:
        """Make the folder this run's, or find it so."""
        found = read_json(self.out / "run.json")
        if found and found.get("key") != self.key:
            raise ConfigError(
                f"{self.out} holds a run with other settings, data or base model.",
                hint="Give another folder, or delete that one to train again.",
            )
        if not found and self.team.main:
            facts = {
                "key": self.key, "stage": self.kind, "base": self.base, "clips": len(examples.train),
                "held_out": [self.data.rows[i].id for i in examples.held], "processes": self.team.size,
                "device": self.team.device, "settings": as_dict(self.config),
            }  # fmt: skip
            write_json(self.out / "run.json", facts)
        self.team.wait()

    def _board(self) -> TensorBoard | None:
        if not self.team.main:
            return None
        try:
            return TensorBoard(self.out, self.name)
        except ImportError:
            self._note("TensorBoard logs are left out: tensorboard is not installed.")
            return None

    def _sinks(self, board: TensorBoard | None) -> OnEvent:
        def tell(event: Event) -> None:
            if board is not None:
                board(event)
            self.on_event(event)

        return tell

    def _note(self, message: str) -> None:
        self.on_event(Event(self.name, self.at, self.total, "steps", message))

    # --- the stage, watched: what the loop trains and saves ---------------------------------------------------

    def step(self, batch: Any, step: int) -> dict[str, float]:
        values: dict[str, float] = self.stage.step(batch, step)
        self.at = step + 1
        for name, value in values.items():
            if math.isfinite(value):
                entry = self.sums.setdefault(name, [0.0, 0.0])
                entry[0] += value
                entry[1] += 1
        return values

    def state_dict(self) -> dict[str, Any]:
        return {"stage": self.stage.state_dict(), "best": self.best, "waited": self.waited, "epoch": self.sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stage.load_state_dict(state["stage"])
        self.best, self.waited, self.sums = float(state["best"]), int(state["waited"]), state["epoch"]

    def _slow_down(self, times: int) -> None:
        self.stage.rate_factor = 0.5**times

    def _stops(self) -> bool:
        return bool(self.config.patience) and self.waited >= self.config.patience

    def _epoch(self, epoch: int, step: int) -> EpochEnd:
        """Validate; keep a checkpoint where one is due; say whether it is enough."""
        if not self.team.main:
            self.sums = {}
            return EpochEnd({})
        values = {name: total / count for name, (total, count) in self.sums.items()}
        values |= self.stage.evaluate(self.held)
        measure = values.get("val_loss", values.get("val_mel"))
        best, waited = self.best, self.waited
        if measure is not None:
            best, waited = (measure, 0) if measure < best else (best, waited + 1)
        self.best, self.waited, self.sums = best, waited, {}
        if epoch and (epoch % self.config.save_every == 0 or step == self.total or self._stops()):
            self._keep(epoch, step, values)
        return EpochEnd(values, self._stops())

    def _keep(self, epoch: int, step: int, values: dict[str, float]) -> None:
        name = f"{self.kind}-e{epoch:03}-s{step:06}"
        path = self.out / "checkpoints" / f"{name}.safetensors"
        weights = self.stage.weights()
        save_stage(path, weights)
        losses = {key: round(value, 6) for key, value in values.items()}
        checkpoint = Checkpoint(self.kind, epoch, step, path, losses)
        known = {row["step"]: row for row in read_json(self.out / "checkpoints.json") or []}
        known[step] = asdict(checkpoint) | {"path": path.name}
        write_json(self.out / "checkpoints.json", [known[at] for at in sorted(known)])
        if self.config.sample:
            problem = self.sampler.speak(self.kind, weights, name)
            if problem:
                self._note(problem)
        try:
            draw_curves(self.out)
        except ImportError:
            self._note("Curves are left out: matplotlib is not installed.")
        if self.on_checkpoint is not None:
            self.on_checkpoint(checkpoint)

    def _known(self) -> list[Checkpoint]:
        rows = read_json(self.out / "checkpoints.json") or []
        found = [Checkpoint(**row | {"path": self.out / "checkpoints" / row["path"]}) for row in rows]
        for checkpoint in found:
            if not checkpoint.path.is_file():
                raise CheckpointError(f"{checkpoint.path} is gone.", hint=f"Delete {self.out} to train again.")
        return [checkpoint for checkpoint in found if checkpoint.epoch <= self.config.epochs]
