"""Whole runs: what they leave, and that stopping, killing, adding epochs and sharing the work change nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sovits_tts.audio import Audio
from sovits_tts.checkpoints.tuned import load_tuned
from sovits_tts.config import as_dict, dump
from sovits_tts.device import choose
from sovits_tts.errors import ConfigError, DataError, TrainingError
from sovits_tts.finetune.config import FinetuneConfig
from sovits_tts.progress import Cancelled, Event
from sovits_tts.training.loop import LoopSettings, run
from sovits_tts.training.tune import Checkpoint, tune_gpt, tune_vits
from sovits_tts.training.tune_data import TuneData
from sovits_tts.training.tune_report import read_log
from sovits_tts.tts import TTS
from tests import children
from tests.tune_set import GPT_TUNE, VITS_TUNE, tune_data

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-4  # relative, of logged losses between an interrupted run and one that is not
SHARED = 2e-3  # the same between two processes and one


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TuneData, str]:
    torch.set_num_threads(1)
    return tune_data(tmp_path_factory.mktemp("tune"), count=5, seconds=3.05)


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves are drawn where they are looked at: drawing takes longer than the training here."""
    if request.function is not test_what_a_run_leaves:
        monkeypatch.setattr("sovits_tts.training.tune.draw_curves", lambda folder: None)


@pytest.fixture(scope="module")
def whole(made: tuple[TuneData, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages, not interrupted."""
    data, model = made
    out = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sovits_tts.training.tune.draw_curves", lambda folder: None)
        tune_gpt(data, model, out / "gpt", GPT_TUNE, device="cpu")
        tune_vits(data, model, out / "vits", VITS_TUNE, device="cpu")
    return out


def losses(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds_per_step"} for row in read_log(folder)]


def assert_same(folder: Path, whole: Path, tolerance: float = TOLERANCE) -> None:
    ours, theirs = losses(folder), losses(whole)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, rel=tolerance, abs=tolerance)


def child(made: tuple[TuneData, str], out: Path, **environment: str) -> BaseProcess:
    """Both stages in a process of its own, with the settings of `whole`."""
    data, model = made
    return children.start(children.tune, model, str(prepared(data)), str(out), **environment)


def prepared(data: TuneData) -> Path:
    return data.rows[0].path.parent.parent


def test_what_a_run_leaves(made: tuple[TuneData, str], tmp_path: Path) -> None:
    data, model = made
    events: list[Event] = []
    told: list[Checkpoint] = []
    config = replace(GPT_TUNE, sample=True, sample_text="Hello.")
    found = tune_gpt(data, model, tmp_path, config, device="cpu", on_event=events.append, on_checkpoint=told.append)
    assert [c.epoch for c in found] == [1, 2] and [c.step for c in found] == [2, 4]
    assert told == found and found[0].losses.keys() >= {"loss", "val_loss", "top3"}
    assert {event.stage for event in events} == {"train gpt"} and events[-1].total == 4
    assert [row["epoch"] for row in read_log(tmp_path) if "epoch" in row] == [0, 1, 2]
    for name in ("curves.png", "samples/gpt-e002-s000004.wav", "run.json", "done.json"):
        assert (tmp_path / name).stat().st_size > 0
    assert Audio.load(tmp_path / "samples/gpt-e002-s000004.wav").seconds > 0.05
    if any("tensorboard" in event.message for event in events):
        assert not (tmp_path / "tensorboard").exists()
    else:
        assert list((tmp_path / "tensorboard").iterdir())
    tuned = load_tuned(model, gpt=found[-1].path)
    tts = TTS(tuned, choose("cpu"))
    voice = tts.voice(data.rows[0].path, data.rows[0].text, "en")
    assert tts.synthesize("Hello.", voice, "en").audio.seconds > 0.05


def test_nothing_is_done_twice(made: tuple[TuneData, str], whole: Path) -> None:
    data, model = made
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()}
    found = tune_vits(data, model, whole / "vits", VITS_TUNE, device="cpu", on_event=pytest.fail)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()} == before
    assert [c.epoch for c in found] == [1, 2]
    weights = load_file(found[-1].path)
    assert weights["quantizer.embedding"].dtype == torch.float16
    assert any(name.startswith("posterior") for name in weights) == data.spec.vits.speaks_with_posterior
    load_tuned(model, vits=found[-1].path)
    with pytest.raises(ConfigError, match="other settings"):
        tune_vits(data, model, whole / "vits", replace(VITS_TUNE, seed=7), device="cpu")
    with pytest.raises(DataError, match="another model"):
        tune_gpt(replace(data, fingerprint="0"), model, whole / "gpt", GPT_TUNE, device="cpu")


def test_epochs_can_be_added(made: tuple[TuneData, str], whole: Path, tmp_path: Path) -> None:
    data, model = made
    assert len(tune_gpt(data, model, tmp_path, replace(GPT_TUNE, epochs=1), device="cpu")) == 1
    assert len(tune_gpt(data, model, tmp_path, GPT_TUNE, device="cpu")) == 2
    assert_same(tmp_path, whole / "gpt")


def test_a_cancelled_run_is_saved_and_goes_on(made: tuple[TuneData, str], whole: Path, tmp_path: Path) -> None:
    data, model = made

    def stop(event: Event) -> None:
        if event.done == 3:
            raise Cancelled

    for _ in range(2):  # at every third step; the second call is past it
        try:
            tune_vits(data, model, tmp_path, VITS_TUNE, device="cpu", on_event=stop)
        except Cancelled:
            assert (tmp_path / "state.safetensors").is_file()
    assert_same(tmp_path, whole / "vits")


def test_time_that_runs_out_leaves_a_checkpoint(made: tuple[TuneData, str], whole: Path, tmp_path: Path) -> None:
    data, model = made
    [early] = tune_gpt(data, model, tmp_path, GPT_TUNE, device="cpu", minutes=1e-9)
    assert (early.epoch, early.step) == (0, 1)
    assert [c.step for c in tune_gpt(data, model, tmp_path, GPT_TUNE, device="cpu")] == [1, 2, 4]
    assert_same(tmp_path, whole / "gpt")


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    made: tuple[TuneData, str], whole: Path, tmp_path: Path
) -> None:
    """Kill -9 in the second epoch of the second stage; logged losses within 1e-4."""
    process, log = child(made, tmp_path), tmp_path / "vits" / "log.jsonl"
    try:
        end = time.monotonic() + 900
        while not (log.is_file() and any(row["step"] == 3 for row in read_log(tmp_path / "vits"))):
            assert process.is_alive() and time.monotonic() < end
            time.sleep(0.02)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    data, model = made
    tune_vits(data, model, tmp_path / "vits", VITS_TUNE, device="cpu")
    for stage in ("gpt", "vits"):
        assert_same(tmp_path / stage, whole / stage)
    for name in (path.name for path in (whole / "vits" / "checkpoints").iterdir()):
        ours, theirs = (load_file(root / "vits" / "checkpoints" / name) for root in (tmp_path, whole))
        assert all(torch.allclose(ours[key].float(), theirs[key].float(), atol=1e-4) for key in theirs)


def assert_shared(folder: Path, whole: Path) -> None:
    assert json.loads((folder / "run.json").read_text())["processes"] == 2
    for a, b in zip(losses(folder), losses(whole), strict=True):
        a.pop("top3", None), b.pop("top3", None)  # a mean of means: reported, not learnt from
        assert a == pytest.approx(b, rel=SHARED, abs=1e-4)


def test_two_processes_train_as_one(made: tuple[TuneData, str], whole: Path, tmp_path: Path) -> None:
    """Two gloo processes on the same batches; logged losses within 2e-3, ragged last batches included."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    team = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [child(made, tmp_path, RANK=rank, LOCAL_RANK=rank, **team) for rank in "01"]
    for process in both:
        process.join(timeout=900)
        process.kill()
    assert [process.exitcode for process in both] == [0, 0]
    for stage in ("gpt", "vits"):
        assert_shared(tmp_path / stage, whole / stage)


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no",  # not --cpu
        "torch.distributed.run --standalone --nproc-per-node 2",
    ],
    ids=("accelerate", "torchrun"),
)
def test_the_launchers(launcher: str, made: tuple[TuneData, str], whole: Path, tmp_path: Path) -> None:
    """The scripts as they are documented, started by the real launchers: the same losses, and one JSON object."""
    data, model = made
    own = {"gpt": GPT_TUNE, "vits": VITS_TUNE}
    dump(FinetuneConfig(model=model, **{k: as_dict(tune) for k, tune in own.items()}), tmp_path / "c.yaml")
    for stage in own:
        script = [str(ROOT / "scripts" / f"finetune_{stage}.py"), str(prepared(data)), "--out", str(tmp_path / stage)]
        options = ["--config", str(tmp_path / "c.yaml"), "--device", "cpu", "--json"]
        found = subprocess.run(
            [sys.executable, "-m", *launcher.split(), *script, *options],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            timeout=1800,
            check=True,
        )
        assert [row["epoch"] for row in json.loads(found.stdout)["checkpoints"]] == [1, 2]
        assert_shared(tmp_path / stage, whole / stage)


def test_it_stops_when_the_validation_stops_getting_better(made: tuple[TuneData, str], tmp_path: Path) -> None:
    data, model = made
    config = replace(GPT_TUNE, epochs=20, patience=1, learning_rate=0.3)  # nothing gets better like that
    found = tune_gpt(data, model, tmp_path, config, device="cpu")
    assert found[-1].epoch < 20
    assert tune_gpt(data, model, tmp_path, config, device="cpu", on_event=pytest.fail) == found


class _Fragile:
    """A stage that breaks at step 5 until it is slowed down twice, and remembers all it did."""

    name = "fragile"

    def __init__(self) -> None:
        self.done, self.slow = torch.zeros(20), 0

    def step(self, batch: int, step: int) -> dict[str, float]:
        self.done[step] += 1
        broken = step in (5, 7) and self.slow < 3
        return {"loss": float("nan") if broken else 1.0}

    def state_dict(self) -> dict[str, Any]:
        return {"done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.done = state["done"]


def test_a_loss_that_is_no_number_is_left_behind(tmp_path: Path) -> None:
    stage, messages = _Fragile(), []
    settings = LoopSettings(10, epoch_steps=0, save_seconds=-1, rollbacks=3)

    def slow(times: int) -> None:
        stage.slow = times

    run(stage, lambda step: step, tmp_path, settings, lambda e: messages.append(e.message), on_rollback=slow)
    assert stage.done.tolist() == [1, 1, 1, 1, 1, 0, 1, 0, 1, 1] + [0] * 10  # the two batches left no trace
    assert [m for m in messages if m] == [
        "The loss was not a number at step 6: back at step 5, slower, without its batch.",
        "The loss was not a number at step 8: back at step 7, slower, without its batch.",
    ]
    with pytest.raises(TrainingError, match="not a number at step 8"):
        run(_Fragile(), lambda step: step, tmp_path / "b", replace(settings, rollbacks=1))
