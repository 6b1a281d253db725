"""`sovits-tts phonemize` and `sovits-tts lexicon`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.app.cli import run
from sovits_tts.text.frontend import describe, sentences

Captured = pytest.CaptureFixture[str]


def lines(captured: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def write(path: Path, *rows: str) -> str:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def test_one_text_shows_everything(capsys: Captured) -> None:
    assert run(["phonemize", "你好[pause:0.5]OK Ж", "--language", "zh"]) == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines()] == [
        ["zh", ".你好"],
        ["phonemes", ".", "n", "i2", "h", "ao3"],
        ["ids", "3", "227", "167", "158", "119"],
        ["per", "char", ".1", "你2", "好2"],
        ["pause", "0.5", "s"],
        ["en", ".OK"],
        ["phonemes", ".", "OW1", "K", "EY1"],
        ["ids", "3", "68", "61", "42"],
    ]
    assert shown.err == "Warning: character 17: 'Ж' cannot be read in English.\n"


def test_json_is_one_object(capsys: Captured) -> None:
    assert run(["phonemize", "他说OK", "--json", "--exact"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == describe(sentences("他说OK", exact=True))
    assert [segment["phonemes"][0] for segment in found["segments"]] == ["t", ","]


def test_batch_answers_each_line_in_order(tmp_path: Path, capsys: Captured) -> None:
    path = write(
        tmp_path / "rows.jsonl",
        '{"text": "你好", "language": "zh", "id": "a"}',
        '{"text": "OK"}',
        "no json",
        "",
        '["text"]',
        '{"text": 3, "id": 5}',
        '{"text": "你好", "language": "tlh", "id": 6}',
        '{"text": "<lang xx>a</lang>"}',
        '{"text": "", "language": "en"}',
        '{"text": "half \\ud800"}',
        '{"text": "再见", "language": null}',
    )
    assert run(["phonemize", "--batch", path, "--language", "en", "--json"]) == 0
    found = lines(capsys)
    assert len(found) == 11
    assert found[0] == {"id": "a", **describe(sentences("你好", "zh"))}
    assert found[1] == describe(sentences("OK", "en"))
    assert all(set(row) <= {"error", "id"} and row["error"]["code"] == "text" for row in found[2:9])
    assert found[6]["id"] == 6 and "tlh" in found[6]["error"]["message"]
    assert found[9]["warnings"][0]["span"] == "\ud800"
    assert "error" in found[10]  # English cannot read it
    assert run(["phonemize", "--batch", path, "text"]) == 2
    assert run(["phonemize", "--batch", str(tmp_path / "nowhere.jsonl")]) == 2


def test_batch_reads_stdin_line_by_line(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(io.StringIO):
        """Says what was answered before each line was handed out."""

        def __next__(self) -> str:
            answered.append(capsys.readouterr().out.count("\n"))
            return super().__next__()

    answered: list[int] = []
    monkeypatch.setattr("sys.stdin", Asked('{"text": "一"}\n{"text": "二"}\n'))
    assert run(["phonemize", "--batch", "-", "--json"]) == 0
    assert answered == [0, 1, 1]


def test_a_bug_costs_only_its_row(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, *rest: Any, **more: Any) -> Any:
        if text == "坏":
            raise ZeroDivisionError("oh")
        return sentences(text, *rest, **more)

    monkeypatch.setattr("sovits_tts.text.frontend.sentences", broken)
    assert run(["phonemize", "--batch", write(tmp_path / "a", '{"text": "坏"}', '{"text": "好"}')]) == 0
    first, second = lines(capsys)
    assert first["error"]["code"] == "internal" and second["segments"]


@pytest.mark.parametrize("arguments", [["--symbols", "v3"], ["--cut", "cut9"], ["--polyphones", "x"], ["-l", "tlh"]])
def test_wrong_options(arguments: list[str], capsys: Captured) -> None:
    assert run(["phonemize", "你好", "--json", *arguments]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"]


def test_lexicon_check(tmp_path: Path, capsys: Captured) -> None:
    good = write(tmp_path / "good", "# names", "en\tNerevar\tN EH1 R AH0 V AA2 R", "zh\t重庆\tchong2 qing4")
    assert run(["lexicon", "check", good]) == 0
    assert "1 in en, 1 in zh" in capsys.readouterr().err
    bad = write(tmp_path / "bad", "en\tNerevar\tN EH R", "zh\t重庆\tchong2", "one column")
    assert run(["lexicon", "check", bad]) == 2
    assert [line[:7] for line in capsys.readouterr().out.splitlines()] == ["line 1:", "line 2:", "line 3:"]
    assert run(["lexicon", "check", bad, "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 3
    assert run(["lexicon", "check", good, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == {"en": 1, "zh": 1}
    assert run(["lexicon", "check", str(tmp_path / "nowhere")]) == 2
