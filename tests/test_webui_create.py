"""Create a voice: what is taken in, the table of transcripts, and how the work is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the web page needs gradio")

from sovits_tts.app import jobs
from sovits_tts.app.webui import creating, following
from sovits_tts.app.webui.voices_tab import before_and_after
from sovits_tts.errors import ConfigError, DataError, VoiceError
from sovits_tts.progress import Event
from tests.tiny_model import speech, write_model

TEXT = "Hello there, my old friend."


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a process that is not started: the tests do its work themselves."""
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(jobs.subprocess, "Popen", lambda *arguments, **settings: None)
    return tmp_path


def recordings(place: Path, count: int = 3) -> list[str]:
    found = []
    for number in range(count):
        found.append(str(speech(3.5, seed=number).save(place / "up" / f"{number}.wav")))
        (place / "up" / f"{number}.txt").write_text(TEXT, encoding="utf-8")
        found.append(str(place / "up" / f"{number}.txt"))
    return found


def test_recordings_are_prepared_then_reviewed(place: Path) -> None:
    settings = {"prepare": {"limits": {"heard": [0.0, 0.0]}}}  # a model of random weights hears nothing
    job = creating.begin(recordings(place), "ann", str(write_model(place / "model")), settings=settings)
    assert not list((place / "up").iterdir())  # moved, not copied
    with pytest.raises(ConfigError, match="going on already"):
        creating.begin(recordings(place), "ben", "mini")
    assert jobs.run(job.folder) == 0, job.state()
    assert creating.waits_for_review(job)
    rows = creating.review_rows(job)
    assert [row[1] for row in rows] == [TEXT] * 3
    assert creating.review_rows(job, "zh")[0][2].startswith("存疑：")
    rows[0][1], rows[1][0] = "Hello, friend.", not rows[1][0]
    creating.save_review(job, [*rows, [True, "made up", "", "../../etc/passwd"]])
    changed = {row[3]: row for row in creating.review_rows(job)}
    assert changed[rows[0][3]][1] == "Hello, friend."
    assert changed[rows[1][3]][0] == rows[1][0]
    assert len(changed) == 3
    assert creating.clip(job, rows[0][3]).seconds == pytest.approx(3.5, abs=0.6)
    for wrong in ("../../../secret", "nobody"):
        with pytest.raises(DataError, match="no such clip"):
            creating.clip(job, wrong)
        with pytest.raises(DataError, match="no such sample"):
            creating.sample(job, wrong)
    creating.go_on(job)
    assert job.facts()["arguments"]["config"]["review"] is False
    assert job.state().state == "starting"


def test_what_cannot_be_begun(place: Path) -> None:
    files = recordings(place, 1)
    wrong = place / "up" / "rows.list"
    wrong.write_text("/etc/passwd|ann|EN|Hello.", encoding="utf-8")
    with pytest.raises(DataError, match="no recordings"):
        creating.begin(files[1:], "ann", "mini")
    with pytest.raises(DataError, match=r"\.list files cannot be used"):  # they name paths
        creating.begin([*files, str(wrong)], "ann", "mini")
    with pytest.raises(DataError, match="501 files"):
        creating.begin(files[:1] * 501, "ann", "mini")
    with pytest.raises(DataError, match=r"Two files are called 0\.wav"):
        creating.begin(files[:1] * 2, "ann", "mini")
    for name in ("", "../ann", "mini", "english-woman/"):
        with pytest.raises(VoiceError):
            creating.begin(files, name, "mini")
    assert jobs.everything() == []


def events(*found: tuple[float, Event]) -> list[dict[str, Any]]:
    return [{"t": t, **vars(event)} for t, event in found]


def test_events_become_steps_times_and_curves() -> None:
    begin, end = {"state": "begin"}, {"state": "done"}
    seen = events(
        (0.0, Event("check", values=begin)), (0.5, Event("check", 1, 1, values=end)), (1.0, Event("gpt", values=begin)),
        (2.0, Event("gpt", 0, 100, "steps")), (12.0, Event("gpt", 20, 100, "steps", values={"loss": 4.0})),
        (22.0, Event("gpt", 40, 100, "steps", values={"loss": 3.0, "checkpoint": "gpt-1"})),
    )  # fmt: skip
    progress = following.follow(seen)
    assert [progress.steps[name].state for name in ("check", "slice", "gpt")] == ["done", "waiting", "now"]
    assert progress.steps["gpt"].left == pytest.approx(30.0)
    assert progress.losses == {"gpt": {"loss": [(20, 4.0), (40, 3.0)]}}
    page = following.stepper(progress, "running", "en")
    assert "40 / 100 steps" in page
    assert "about 30 s left" in page
    end = following.whole(progress)  # 13.7 shares take 51.5 s, of which 30 are left; 86.3 more shares are waiting
    assert end == pytest.approx(30 + 86.3 * 51.5 / 13.7, rel=0.01)
    assert following.whole(progress, minutes=1, seconds=40) == 20
    assert "in all: about" in following.stepper(progress, "running", "en", end)
    assert page.count("sv-step-now") == 1
    assert "polyline" in following.curves(progress, "zh")
    back = following.follow([*seen, *events((30.0, Event("gpt", 30, 100, "steps", values={"loss": 3.5})))])
    assert back.losses["gpt"]["loss"] == [(20, 4.0), (30, 3.5)]  # it went back to where it had saved


def test_figures_before_and_after() -> None:
    metrics = {"baseline": {"error_rate": 0.21, "similarity": 0.71, "failed": 0.0},
               "tuned": {"error_rate": None, "similarity": 0.79, "failed": 0.0}, "reason": "<b>better</b>"}  # fmt: skip
    table = before_and_after(metrics, "en")
    assert "21.0%" in table
    assert "0.790" in table
    assert "&lt;b&gt;better" in table
    assert before_and_after({}, "en") == ""
    assert [following.duration(t) for t in (5, 65, 3700)] == ["5 s", "1 min 05 s", "1 h 01 min"]
