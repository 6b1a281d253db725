"""From a folder of recordings to rows: the same after any interruption, and nothing done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.app.cli import run
from sovits_tts.audio import Audio, join
from sovits_tts.config import load
from sovits_tts.data import prepare_items, report
from sovits_tts.data.pool import Task, run_tasks
from sovits_tts.data.prepare import PrepareConfig, prepare
from sovits_tts.data.transcribe import COLUMNS, Heard, read_review
from sovits_tts.errors import DataError
from sovits_tts.progress import Cancelled, Event
from tests import children
from tests.tiny_model import speech, write_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


def pause(seconds: float) -> Audio:
    return Audio([0.0002 * (-1) ** i for i in range(int(seconds * 24000))], 24000)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips with transcripts, one of them silent, and a recording of several sentences without any."""
    source = tmp_path / "录音 四"
    clips = {"一 句": speech(3, seed=1), "b": speech(4, seed=2), "quiet": pause(3)}
    for name, audio in clips.items():
        audio.save(source / f"{name}.wav")
        (source / f"{name}.lab").write_text("Hello there, my friend.", encoding="utf-8")
    join([part for seed in range(4) for part in (pause(0.6), speech(3, seed=seed))]).save(source / "long.flac")
    return source


class Repeater:
    name = "repeater"

    def transcribe(self, audio: Audio, language: str) -> Heard:
        return Heard("What was said.", "en", 0.4)


def stable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["id"])


def test_a_folder_becomes_rows(folder: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "输出"
    settings = PrepareConfig(model=model, language="en")
    first = prepare(folder, out, settings)
    by_text = [clip for clip in first.clips if clip["text"]]
    assert [Path(clip["source"]).stem for clip in by_text] == ["b", "quiet", "一 句"]
    silent = by_text[1]
    assert silent["verdict"] == "exclude" and "No speech was found in it." in silent["reasons"]
    assert all("It has no transcript." in clip["reasons"] for clip in first.clips if not clip["text"])
    assert first.report["untranscribed"] == len(first.clips) - 3 > 0
    for clip in first.clips:
        assert Audio.load(out / clip["path"]).seconds == pytest.approx(clip["sound"]["seconds"], abs=1e-3)
    lines = (out / "transcripts.tsv").read_text(encoding="utf-8-sig").splitlines()
    assert tuple(lines[0].split("\t")) == COLUMNS and lines[1].split("\t")[5] == ""

    heard = prepare(folder, out, settings, transcriber=Repeater())
    assert {clip["text"] for clip in heard.clips} == {"Hello there, my friend.", "What was said."}
    assert heard.report["untranscribed"] == 0


def test_edits_of_the_review_count(folder: Path, model: str, tmp_path: Path) -> None:
    out, settings = tmp_path / "out", PrepareConfig(model=model, language="en")
    before = prepare(folder, out, settings)
    table = out / "transcripts.tsv"
    names = {Path(c["source"]).stem: c["id"] for c in before.clips if c["text"]}
    lines = [line.split("\t") for line in table.read_text(encoding="utf-8-sig").splitlines()]
    for cells in lines:
        if cells[0] == names["b"]:
            cells[1], cells[5] = "yes", "Quite another text."
        if cells[0] == names["一 句"]:
            cells[1] = "no"
    table.write_text("\n".join("\t".join(cells) for cells in lines), encoding="utf-8")
    after = prepare(folder, out, settings)
    assert [row["text"] for row in after.rows] == ["Quite another text."]
    assert len(after.rows[0]["phonemes"]) == len(after.rows[0]["ids"])
    kept = read_review(table)
    assert (kept[names["b"]].keep, kept[names["一 句"]].keep) == ("yes", "no")
    table.write_text("\t".join(COLUMNS) + "\nx\tperhaps\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: keep is 'perhaps'"):
        prepare(folder, out, settings)
    assert "perhaps" in table.read_text(encoding="utf-8"), "a review that cannot be read is not overwritten"


def test_nothing_is_done_twice(folder: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, settings = tmp_path / "out", PrepareConfig(model=model, language="en")
    first = prepare(folder, out, settings)

    def refuse(audio: Audio) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(prepare_items, "measure_sound", refuse)
    again = prepare(folder, out, settings)
    assert stable(again.clips) == stable(first.clips)
    (folder / "b.lab").write_text("Something new.", encoding="utf-8")
    with pytest.raises(AssertionError, match="measured again"):
        prepare(folder, out, settings)


def test_a_cancelled_run_goes_on(folder: Path, model: str, tmp_path: Path) -> None:
    settings = PrepareConfig(model=model, language="en")
    whole = prepare(folder, tmp_path / "whole", settings)

    def stop(event: Event) -> None:
        if event.stage == "cut" and event.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(folder, tmp_path / "out", settings, on_event=stop)
    assert len(list((tmp_path / "out" / "work" / "items").glob("*.json"))) == 2
    assert stable(prepare(folder, tmp_path / "out", settings).clips) == stable(whole.clips)


POOL = """
import sys, time
from pathlib import Path
from sovits_tts.data.pool import Task, run_tasks

def slow(facts):
    time.sleep(0.3)
    return {"n": facts["n"]}

if __name__ == "__main__":
    run_tasks("x", [Task(str(n), {"n": n}) for n in range(200)], slow, Path(sys.argv[1]), 2, lambda event: None)
"""


def kill_after_first(code: str, results: Path, *arguments: str) -> None:
    """Run `code` as a program and kill -9 it as soon as a result lies in `results`; wait for its workers to end."""
    script = Path(arguments[-1]).parent / "program.py"
    script.write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PREPARE_TEST": str(script)}
    process = subprocess.Popen([sys.executable, str(script), *arguments], env=environment)
    while not list(results.glob("*.json")) and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, "it ended by itself"
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while (left := _processes(f"PREPARE_TEST={script}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_killed_run_goes_on(folder: Path, model: str, tmp_path: Path) -> None:
    """kill -9 in the middle; the next run gives what one run gives."""
    settings = PrepareConfig(model=model, language="en")
    whole, out = prepare(folder, tmp_path / "whole", settings), tmp_path / "out"
    child = children.start(children.prepare, str(folder), str(out), model)
    while not list(out.glob("work/items/*.json")) and child.is_alive():
        time.sleep(0.01)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended by itself"
    assert not (out / "rows.jsonl").exists()
    assert stable(prepare(folder, out, settings).clips) == stable(whole.clips)


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    results = tmp_path / "work" / "results"
    results.mkdir(parents=True)
    kill_after_first(POOL, results, str(results))
    done = {path.stem for path in results.glob("*.json")}
    assert 0 < len(done) < 200
    made: list[int] = []

    def note(facts: dict[str, Any]) -> dict[str, Any]:
        made.append(facts["n"])
        return {"n": facts["n"]}

    found = run_tasks("x", [Task(str(n), {"n": n}) for n in range(200)], note, results, 1, lambda event: None)
    assert {int(key) for key in found} == {result["n"] for result in found.values()} == set(range(200))
    assert not {str(n) for n in made} & done


def _processes(mark: str) -> list[str]:
    """Processes whose environment holds `mark`; none where there is no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it ended, or is another user's
            continue
    return found


def test_a_torn_result_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"half', encoding="utf-8")
    done = run_tasks("x", [Task("a", {"n": 1})], lambda facts: {"n": facts["n"] + 1}, tmp_path, 1, lambda event: None)
    assert done == {"a": {"n": 2}}
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"n": 2}


def test_nothing_usable_is_an_error(tmp_path: Path, model: str) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.wav: a\.wav: the file is empty"):
        prepare(tmp_path, tmp_path / "out", PrepareConfig(model=model))


def test_the_command(folder: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "<b>.wav").write_bytes(b"")
    assert run(["prepare", str(folder), "--check", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["usable"]) == (5, 4)
    assert [p["cause"] for p in found["problems"]] == ["<b>.wav: the file is empty."]
    out = tmp_path / "out"
    options = ["prepare", str(folder), "--out", str(out), "-m", model, "-l", "en", "--judge", "model"]
    assert run([*options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clips"] == len(list((out / "clips").glob("*.flac"))) > 3
    page = Path(told["html"]).read_text(encoding="utf-8")
    assert "&lt;b&gt;.wav" in page and "<b>.wav" not in page
    assert ("src='data:image/png;base64,iVBOR" in page) == (find_spec("matplotlib") is not None)
    assert "http" not in page and "src='/" not in page, "it needs no other file"
    assert run(options) == 0
    shown = capsys.readouterr()
    assert "clips are used" in shown.out and "no transcript" in shown.err
    assert run(["prepare", str(folder)]) == 2


def test_without_matplotlib_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as if it were not installed
    assert "sovits-tts[plot]" in report._histograms({"length (s)": [1.0, None]})


def test_the_settings_file_holds_the_defaults() -> None:
    assert load(PrepareConfig, ROOT / "configs" / "prepare.yaml") == PrepareConfig()
