"""Many texts in one go: problems first, nothing twice, nothing overwritten, the same from workers as alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.app.cli import run
from sovits_tts.audio import Audio
from sovits_tts.batch import speak
from sovits_tts.batch.lines import Line, read_lines
from sovits_tts.batch.speak import BatchConfig, check_batch, speak_lines
from sovits_tts.data import cluster
from sovits_tts.errors import ConfigError, DataError
from sovits_tts.progress import Cancelled, Event
from tests.tiny_model import speech, write_model

FAST = {"retries": 0}  # a model with random weights never pleases the guards


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three rows, one with a voice of its own, named beside the file."""
    speech(4).save(tmp_path / "声 音.wav")
    path = tmp_path / "rows.jsonl"
    lines: list[dict[str, Any]] = [
        {"id": "one", "text": "Hello there.", "language": "en"},
        {"id": "二", "text": "你好。", "voice": "声 音.wav", "seed": 3},
        {"text": "Good morning.", "options": {"speed": 2}},
    ]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    return path


def speak_all(path: Path, out: Path, config: BatchConfig, **more: Any) -> list[dict[str, Any]]:
    return speak_lines(check_batch(path, out, Line("", "", options=FAST), config), out, config, **more)


def test_rows_become_files(rows: Path, model: str, tmp_path: Path) -> None:
    out, config = tmp_path / "out", BatchConfig(model)
    results = speak_all(rows, out, config)
    assert [row["id"] for row in results] == ["one", "二", "0003"]
    for row in results:
        assert Audio.load(out / row["path"]).seconds == pytest.approx(row["seconds"], abs=1e-3)
        assert row["attempts"] >= 1 and row["rtf"] > 0 and isinstance(row["failed"], bool)
    assert [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()] == results


def test_nothing_is_spoken_twice(rows: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, config = tmp_path / "out", BatchConfig(model)

    def stop(event: Event) -> None:
        if event.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        speak_all(rows, out, config, on_event=stop)
    assert not (out / "results.jsonl").exists()
    first = speak_all(rows, out, config)
    (out / "one.wav").unlink()
    made: list[str] = []
    item = speak.speak_item
    monkeypatch.setattr(speak, "speak_item", lambda facts: made.append(facts["line"]["id"]) or item(facts))
    again = speak_all(rows, out, config)
    assert made == ["one"], "only what somebody deleted is made again"
    assert [row["sha256"] for row in again] == [row["sha256"] for row in first]


def test_nothing_is_overwritten(rows: Path, model: str, tmp_path: Path) -> None:
    out, config = tmp_path / "out", BatchConfig(model)
    speech(1).save(out / "one.wav")
    mine = (out / "one.wav").read_bytes()
    (problem,) = check_batch(rows, out, None, config).problems
    assert (problem.code, problem.line) == ("exists", 1)
    with pytest.raises(DataError, match=r"one\.wav exists already"):
        speak_all(rows, out, config)
    assert (out / "one.wav").read_bytes() == mine and not (out / "work").exists()
    speak_all(rows, out, BatchConfig(model, overwrite=True))
    assert (out / "one.wav").read_bytes() != mine
    rows.write_text(rows.read_text("utf-8").replace("Hello there.", "Quite another text."), encoding="utf-8")
    assert [p.line for p in check_batch(rows, out, Line("", "", options=FAST), config).problems] == [1]


def test_every_problem_at_once(model: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    speech(0.3).save(tmp_path / "short.wav")
    path.write_text(
        "\n".join([
            '{"text": "Good."}', "no json", '["a"]', '{"id": "b"}', '{"text": "a", "speeed": 2}',
            '{"text": "a", "speed": "fast"}', '{"text": "a", "speed": 9}', '{"text": "a", "voice": "nobody"}',
            '{"text": "a", "voice": "short.wav"}', '{"text": "...", "id": "x"}', '{"text": "a", "id": "../x"}',
            '{"text": "a", "id": "X"}', '{"text": "a", "language": "xx"}', '{"text": 5}',
        ]),
        encoding="utf-8",
    )  # fmt: skip
    found = check_batch(path, tmp_path / "out", None, BatchConfig(model)).problems
    codes = {2: "json", 3: "json", 4: "empty_text", 5: "unknown", 6: "value", 7: "config", 8: "voice",
             9: "reference_audio", 10: "text", 11: "id", 12: "repeated", 13: "text", 14: "value"}  # fmt: skip
    assert {p.line: p.code for p in found} == codes
    by_line = {p.line: p for p in found}
    assert by_line[5].fix == "Did you mean speed?"
    assert by_line[12].cause == "The id 'X' stands in line 10 already."
    assert all(p.fix for p in found)
    with pytest.raises(DataError, match="no file"):
        read_lines(tmp_path / "nowhere.txt")
    with pytest.raises(ConfigError, match="names no sound format"):
        BatchConfig(format=".m4a")


def test_tables_and_plain_texts(tmp_path: Path) -> None:
    table = tmp_path / "a.tsv"
    table.write_text("id\ttext\tspeed\texact\nx\tHello.\t1.5\tyes\ny\tBye.\n", encoding="utf-8")
    lines, problems = read_lines(table)
    assert not problems
    assert [(line.id, line.text, line.options) for line in lines] == [
        ("x", "Hello.", {"speed": 1.5, "exact": True}), ("y", "Bye.", {}),
    ]  # fmt: skip
    table.write_text("x\tHello.\ten\ny\tBye.\ten\tann\ttext\tmore\n", encoding="utf-8")
    lines, problems = read_lines(table)
    assert [(line.id, line.language) for line in lines] == [("x", "en")]
    assert problems[0].cause.startswith("The line has 6 cells, but there are 5 columns")
    (tmp_path / "a.txt").write_bytes("\ufeffHello.\r\n\r\n再见。\r\n".encode())
    lines, problems = read_lines(tmp_path / "a.txt", Line("", "", "en", options={"seed": 4}))
    assert [(line.id, line.text, line.language, line.options["seed"]) for line in lines] == [
        ("0001", "Hello.", "en", 4), ("0003", "再见。", "en", 4),
    ]  # fmt: skip


def test_a_row_that_fails_does_not_stop_the_others(
    rows: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The clip is gone after the check; the row says so, and speaks once it is back."""
    out, config, clip = tmp_path / "out", BatchConfig(model), tmp_path / "声 音.wav"
    checked = check_batch(rows, out, Line("", "", options=FAST), config)
    moved = clip.rename(tmp_path / "away.wav")
    speak._voice.cache_clear()
    results = speak_lines(checked, out, config)
    assert ["error" in row for row in results] == [False, True, False]
    assert results[1]["path"] is None and "声 音" in results[1]["error"]
    moved.rename(clip)
    assert ["error" in row for row in speak_lines(checked, out, config)] == [False, False, False]


def test_the_command(rows: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["batch", str(rows), "--out", str(out), "-m", model, "--format", "flac", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["spoken"], facts["errors"]) == (3, 3, [])
    assert sorted(path.name for path in out.glob("*.flac")) == ["0003.flac", "one.flac", "二.flac"]
    rows.write_text('{"text": "a", "id": "/"}\n{"text": ""}\n', encoding="utf-8")
    assert run(["batch", str(rows), "--check", "-m", model]) == 2
    assert "2 problems" in capsys.readouterr().out
    assert run(["batch", str(rows), "-m", model]) == 2


@pytest.mark.skipif(not cluster.installed(), reason='Ray is not installed: pip install "sovits-tts[cluster]"')
def test_the_cluster_speaks_alike(rows: Path, model: str, tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    here = speak_all(rows, tmp_path / "here", BatchConfig(model))
    torch.set_num_threads(before)
    there = speak_all(rows, tmp_path / "there", BatchConfig(model, workers=2, ray="local"))
    assert [row["sha256"] for row in there] == [row["sha256"] for row in here]
