"""The command line, run in this process on a model of the real classes with random weights."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.app import demo
from sovits_tts.app.cli import console, run
from sovits_tts.audio import Audio
from sovits_tts.progress import Cancelled, Event
from tests.tiny_model import speech, write_model

ROOT = Path(__file__).resolve().parent.parent
CONFIG = str(ROOT / "configs" / "pretrain_mini.yaml")
CLIP = str(ROOT / "pretrained" / "voices" / "english-woman.flac")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def say(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    """Run a command with --json; it must print exactly one object and nothing else on stdout."""
    code = run([*argv, "--json"])
    out = json.loads(capsys.readouterr().out)
    assert isinstance(out, dict)
    return out | {"exit": code}


def test_say_writes_what_it_says(home: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = say(capsys, "say", "Hello there.", "-m", model, "-o", "a.wav", "--seed", "7")
    assert (found["exit"], found["voice"], found["seed"]) == (0, "bundled", 7)
    assert Audio.load("a.wav").seconds == pytest.approx(found["seconds"])
    assert [sentence["text"] for sentence in found["sentences"]] == ["Hello there."]
    (home / "text.txt").write_text("Hello there.", encoding="utf-8")
    again = say(capsys, "say", "--file", "text.txt", "-m", model, "-o", "b.wav", "--seed", "7")
    assert again["exit"] == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert run(["say", "Hi.", "-m", model, "-v", CLIP, "--voice-text", "That Longfellow chap.", "-o", "c.wav"]) == 0
    assert capsys.readouterr().out == "c.wav\n"


def test_say_reads_stdin(
    home: Path, model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("你好。"))
    assert say(capsys, "say", "-", "-m", model, "-o", "a.wav")["sentences"][0]["text"] == "你好。"


def test_nothing_is_overwritten_without_force(home: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Path("out.wav")
    kept.write_bytes(b"precious")
    assert run(["say", "Hi.", "-m", model]) == 2
    assert kept.read_bytes() == b"precious"
    assert "--force" in capsys.readouterr().err
    assert run(["say", "Hi.", "-m", model, "--force"]) == 0
    assert kept.read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["say", ""], "text", "empty"),
        (["say"], "config", "--file"),
        (["say", "Hi.", "-o", "a.xyz"], "audio", ".xyz"),
        (["say", "Hi.", "--speed", "9"], "config", "speed is 9"),
        (["say", "Hi.", "--model", "v9"], "config", "'v9'"),
        (["say", "Hi.", "--sped", "1"], "usage", "--sped"),
        (["inspect", "nothing.wav"], "audio", "nothing.wav"),
        (["phonemize", "Hi.", "--language", "xx"], "text", "'xx'"),
        (["models", "download", "v9"], "config", "'v9'"),
        (["models", "convert", "a"], "config", "official files"),
        (["voices", "show", "nobody"], "voice", "'nobody'"),
        (["evaluate", "nothing.jsonl"], "data", "nothing.jsonl"),
        (["pretrain", "nothing", "--work", "w", "--config", CONFIG], "config", "part"),
        (["bench", "--repeats", "0"], "config", "repeats"),
        (["frobnicate"], "usage", "frobnicate"),
    ],
)
def test_the_users_mistakes_are_one_line_and_exit_2(
    home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], code: str, says: str
) -> None:
    assert run([*argv, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.err.startswith("Error: ")
    error = json.loads(printed.out)["error"]
    assert error["code"] == code
    assert says in error["message"] + error["hint"]


def test_our_bugs_exit_1_and_debug_shows_where(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "show_table", lambda *_, **__: 1 / 0)
    assert run(["voices", "list"]) == 1
    assert "bug" in (quiet := capsys.readouterr().err) and "Traceback" not in quiet
    assert run(["voices", "list", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_offline_download_says_what_to_do_by_hand(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = say(capsys, "models", "download", "v2Pro")
    assert found["exit"] == 1 and found["error"]["code"] == "download"
    assert "by hand" in found["error"]["hint"]


def test_phonemize_gives_the_documented_fields(capsys: pytest.CaptureFixture[str]) -> None:
    found = say(capsys, "phonemize", "Hello 世界。", "--language", "auto")
    assert [segment["language"] for segment in found["segments"]] == ["en", "zh"]
    for segment in found["segments"]:
        assert {"language", "text", "phonemes", "ids", "per_char"} <= set(segment)
        assert len(segment["phonemes"]) == len(segment["ids"])
    assert sum(found["segments"][1]["per_char"]) == len(found["segments"][1]["ids"])


def test_inspect_measures_and_draws(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    found = say(capsys, "inspect", CLIP, "--plot", "clip.png")
    assert found["exit"] == 0
    assert found["window"]["whole"] and -40 < found["loudness_lufs"] < -10 and 120 < found["f0_median_hz"] < 250
    assert Path("clip.png").read_bytes()[:4] == b"\x89PNG"
    assert run(["inspect", CLIP]) == 0
    assert "LUFS" in capsys.readouterr().out


def test_voices_are_added_listed_shown_and_removed(home: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    speech(5).save("clip.wav")
    added = say(capsys, "voices", "add", "bob", "clip.wav", "-m", model, "--consent", "Bob, for tests")
    assert Path(added["path"]).is_file()
    names = [voice["name"] for voice in say(capsys, "voices", "list")["voices"]]
    assert names[0] == "bob" and "english-woman" in names
    assert say(capsys, "voices", "show", "bob")["consent"] == "Bob, for tests"
    assert say(capsys, "voices", "add", "bob", "clip.wav", "-m", model)["exit"] == 2
    more = ["--more", "clip.wav", "--more", "clip.wav"]
    assert "2 further recordings" in say(capsys, "voices", "add", "eve", "clip.wav", "-m", model, *more)["notes"][-1]
    assert say(capsys, "voices", "show", "eve")["recordings"] == 3
    assert say(capsys, "say", "Hello.", "-v", "eve", "-m", model, "-o", "eve.wav")["exit"] == 0
    assert say(capsys, "say", "Hi.", "-v", "bob", "-m", model)["voice"] == "bob"
    assert run(["voices", "remove", "bob"]) == 0
    assert run(["voices", "remove", "english-woman"]) == 2


def test_models_are_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in say(capsys, "models", "list")["models"]}
    assert list(rows) == ["mini", "v1", "v2", "v2Pro", "v2ProPlus", "g2pw"]
    assert not rows["v2Pro"]["installed"] and "s1v3.ckpt" in rows["v2Pro"]["missing"]


def test_evaluate_shows_both_baselines(home: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "id": "en-1", "text": "That Longfellow chap most likely had written countless books of poetry.",
        "language": "en", "reference": "english-woman.flac", "reference_text": "", "recording": "english-woman.flac",
    }  # fmt: skip
    Path("set.jsonl").write_text(json.dumps(row), encoding="utf-8")
    argv = ["evaluate", "set.jsonl", "--root", str(Path(CLIP).parent), "-m", model, "--keep", "kept", "--closed-set"]
    found = say(capsys, *argv)
    assert found["exit"] == 0
    assert {"natural", "copy", "synthesis"} == set(found["systems"])
    natural, spoken = (found["systems"][system]["en"] for system in ("natural", "synthesis"))
    assert natural["error_rate"]["pocketsphinx"] < 0.5 < spoken["error_rate"]["pocketsphinx"]
    assert (natural["closed_set"], spoken["closed_set"]) == (1, 0)
    assert natural["similarity"]["resemblyzer"]["to_target"] == pytest.approx(1, abs=1e-4)
    assert spoken["real_time_factor"] > 0 and natural["real_time_factor"] is None
    attempts = [take["attempts"] for take in found["sentences"] if take["system"] == "synthesis"]
    assert spoken["retried"] == sum(count > 1 for count in attempts) / len(attempts) and natural["retried"] is None
    assert spoken["failed"] in (0, 1) and natural["failed"] is None
    assert natural["duration_ratio"] == 1 and natural["timbre_db"] == 0
    assert {judge["name"]: judge["independent"] for judge in found["judges"]}["own CTC head"] is False
    assert Audio.load("kept/synthesis/en-1.wav").seconds == pytest.approx(spoken["seconds"], abs=0.01)


def test_bench_measures_in_a_process_of_its_own(home: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.txt").write_text("One. Two.", encoding="utf-8")
    found = say(capsys, "bench", "-m", model, "--repeats", "1", "--file", "text.txt", "--threads", "1")
    (speed,) = found["models"]
    assert speed["first_sound"] > 0 and speed["real_time_factor"] > 0 and speed["threads"] == 1
    assert speed["vs_first"]["load"] == 1
    assert speed["peak_memory_mb"] is None or 50 < speed["peak_memory_mb"] < 5000


def test_ctrl_c_reaches_the_work_at_its_next_event() -> None:
    before = signal.getsignal(signal.SIGINT)
    with console.progress() as on_event:
        on_event(Event("work", 1, 3))
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Cancelled):
            on_event(Event("work", 2, 3))
    assert signal.getsignal(signal.SIGINT) is before


def test_demo_says_where_and_how(home: Path, model: str) -> None:
    told = demo.demo(Path("out/demo.wav"), model)
    sound = Audio.load("out/demo.wav")
    assert f"out/demo.wav: {sound.seconds:.1f} s" in told
    assert "real-time factor" in told and "--voice clip.wav" in told
