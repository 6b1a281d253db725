"""Work in a process of its own: started, paused, stopped, killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.app import jobs
from sovits_tts.app.jobs import Job
from sovits_tts.errors import ConfigError, DataError
from sovits_tts.progress import Event, OnEvent
from tests.tiny_model import speech, write_model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    return tmp_path


def until(check: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not check():
        assert time.monotonic() < end, f"waited 60 s for {what}"
        time.sleep(0.05)


def with_work(monkeypatch: pytest.MonkeyPatch, work: jobs.Work) -> Job:
    monkeypatch.setitem(jobs.WORK, "prepare", work)
    return jobs.create("prepare", {"speaker": "ann"})


def test_a_process_is_paused_stopped_and_goes_on(home: Path) -> None:
    model = write_model(home / "model")
    job = jobs.create("prepare", {"model": str(model)})
    for number in range(4):
        speech(8, seed=number).save(job.folder / "recordings" / f"{number}.wav")
        (job.folder / "recordings" / f"{number}.txt").write_text("Hello there, my friend.", encoding="utf-8")
    job.start()
    assert jobs.busy()
    with pytest.raises(ConfigError, match="running already"):
        job.start()
    with pytest.raises(ConfigError, match="still running"):
        job.delete()
    job.wish("pause")
    until(lambda: job.state().state == "paused", "the pause")
    n_events = len(job.events())
    time.sleep(0.5)
    assert len(job.events()) == n_events
    job.wish("stop")
    until(lambda: job.state().state == "stopped", "the stop")
    job.wish("run")
    jobs.run(job.folder)  # what the process does, without another start
    state = job.state()
    assert (state.state, state.error) == ("done", ""), (job.folder / "log.txt").read_text(encoding="utf-8")
    assert state.result["clips"] == 4
    assert {event["stage"] for event in job.events()} >= {"read", "cut"}
    assert not jobs.busy()
    job.delete()
    assert jobs.everything() == []


def test_a_killed_process_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.create("prepare", {})
    job.wish("pause")
    speech(5).save(job.folder / "recordings" / "a.wav")
    monkeypatch.setattr(Job, "wish", lambda self, wish: None)
    started: list[Any] = []
    popen = jobs.subprocess.Popen
    monkeypatch.setattr(jobs.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)))
    job.start()
    until(lambda: job.state().state == "running", "the start")
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    monkeypatch.setattr(jobs, "_DEAD", 0.5)
    until(lambda: job.state().state == "lost", "the death to be noticed")


def test_results_and_errors_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def good(arguments: dict[str, Any], folder: Path, on_event: OnEvent) -> dict[str, Any]:
        for step in range(1, 101):
            on_event(Event("count", step, 100, "steps"))
        on_event(Event("train gpt", 1, 2, values={"loss": 0.5}))
        return {"voice": arguments["speaker"], "path": folder}

    job = with_work(monkeypatch, good)
    job.wish("run")
    assert jobs.run(job.folder) == 0
    state = job.state()
    assert (state.state, state.result) == ("done", {"voice": "ann", "path": str(job.folder)})
    events = job.events()
    assert len(events) < 10  # those that say nothing new are left out, but never the last
    assert [event["done"] for event in events if event["stage"] == "count"][-1] == 100
    assert job.events(len(events) - 1)[0]["values"] == {"loss": 0.5}

    def at_fault(arguments: dict[str, Any], folder: Path, on_event: OnEvent) -> dict[str, Any]:
        raise DataError("There are no recordings.", hint="Give some.")

    job = with_work(monkeypatch, at_fault)
    assert jobs.run(job.folder) == 2
    assert job.state().error == "There are no recordings. Give some."

    def broken(arguments: dict[str, Any], folder: Path, on_event: OnEvent) -> dict[str, Any]:
        raise RuntimeError("oh")

    job = with_work(monkeypatch, broken)
    assert jobs.run(job.folder) == 1
    assert "RuntimeError: oh" in job.state().error


def test_a_wish_to_stop_is_heeded_at_the_next_event(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def work(arguments: dict[str, Any], folder: Path, on_event: OnEvent) -> dict[str, Any]:
        for step in range(5):
            steps.append(step)
            if step == 2:
                Job(folder).wish("stop")
            on_event(Event("count", step))
        return {}

    job = with_work(monkeypatch, work)
    job.wish("run")
    assert jobs.run(job.folder) == 0
    assert job.state().state == "stopped"
    assert steps == [0, 1, 2]


def test_only_known_work_and_real_ids(home: Path) -> None:
    with pytest.raises(ConfigError, match="no work"):
        jobs.create("os.system", {})
    job = jobs.create("prepare", {})
    assert jobs.find(job.id) == job
    for wrong in ("", "..", "../../etc", job.id + "/..", "0" * 32):
        assert jobs.find(wrong) is None


def test_old_folders_go(home: Path) -> None:
    old, new = jobs.create("prepare", {}), jobs.create("prepare", {})
    for job in (old, new):
        (job.folder / "state.json").write_text(json.dumps({"state": "done"}), encoding="utf-8")
    ago = time.time() - 15 * 86400
    os.utime(old.folder / "state.json", (ago, ago))
    jobs.clean()
    assert jobs.everything() == [new]
