"""The same data set from a Ray of two workers as from this process, and what is said where there is no cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.app.cli import run
from sovits_tts.audio import Audio, join
from sovits_tts.data import cluster, prepare_items
from sovits_tts.data.cluster import runner
from sovits_tts.data.pool import Task, run_tasks
from sovits_tts.data.prepare import PrepareConfig, prepare
from sovits_tts.errors import ConfigError, DataError, MissingDependency
from tests.tiny_model import speech, write_model

needs_ray = pytest.mark.skipif(
    not cluster.installed(), reason='Ray is not installed: pip install "sovits-tts[cluster]"'
)


@pytest.fixture(scope="module")
def local() -> Iterator[None]:
    """One Ray of two workers for all tests here; starting one takes seconds."""
    with runner("local", 2):
        yield


def write_folder(folder: Path) -> Path:
    pause = Audio([0.0002 * (-1) ** i for i in range(14400)], 24000)  # type: ignore[arg-type]
    for seed in range(3):
        speech(3, seed=seed).save(folder / f"{seed} 句.wav")
        (folder / f"{seed} 句.lab").write_text("Hello there, my friend.", encoding="utf-8")
    join([part for seed in range(4) for part in (pause, speech(3, seed=seed))]).save(folder / "long.flac")
    return folder


@needs_ray
def test_the_cluster_gives_what_one_process_gives(local: None, one_thread: None, tmp_path: Path) -> None:
    folder, model = write_folder(tmp_path / "录音"), str(write_model(tmp_path / "model"))
    here = prepare(folder, tmp_path / "here", PrepareConfig(model=model, language="en"))
    there = prepare(folder, tmp_path / "there", PrepareConfig(model=model, language="en", workers=2, ray="local"))
    assert there.clips == here.clips
    assert (tmp_path / "there" / "rows.jsonl").read_bytes() == (tmp_path / "here" / "rows.jsonl").read_bytes()
    for clip in here.clips:
        assert (tmp_path / "there" / clip["path"]).read_bytes() == (tmp_path / "here" / clip["path"]).read_bytes()


@needs_ray
def test_what_is_done_is_not_done_again(local: None, tmp_path: Path) -> None:
    """Results of processes count for the cluster, and the other way round."""
    model = str(write_model(tmp_path / "model"))
    speech(3).save(tmp_path / "clips" / "a.flac")
    texts = ["Hello there.", "Good morning.", "Well done."]
    tasks = [Task(str(n), _facts(tmp_path, model, text)) for n, text in enumerate(texts)]
    first = run_tasks("read", tasks[:1], prepare_items.read_item, tmp_path / "work", 1, lambda event: None)
    with runner("local", 2, [tmp_path]) as workers:
        found = run_tasks("read", tasks, prepare_items.read_item, tmp_path / "work", workers, lambda event: None)
    assert found["0"] == first["0"]
    assert sorted(path.stem for path in (tmp_path / "work").glob("*.json")) == ["0", "1", "2"]
    with runner("local", 2) as workers:
        again = run_tasks("read", tasks, _refuse, tmp_path / "work", workers, lambda event: None)
    assert again == found


@needs_ray
def test_errors_come_back_as_they_are(local: None, tmp_path: Path) -> None:
    task = Task("a", _facts(tmp_path, str(tmp_path / "no model"), "Hello."))
    with runner("local", 2) as workers, pytest.raises(ConfigError, match="no model"):
        run_tasks("read", [task], prepare_items.read_item, tmp_path / "work", workers, lambda event: None)
    with pytest.raises(DataError, match=r"does not see .*nowhere"), runner("local", 2, [tmp_path / "nowhere"]):
        pass


@needs_ray
def test_no_cluster_at_an_address(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import ray

    ray.shutdown()
    with pytest.raises(ConfigError, match=r"No Ray cluster answers at '127\.0\.0\.1:1'"), runner("127.0.0.1:1", 2):
        pass


def test_without_ray_the_way_to_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "installed", lambda: False)
    with pytest.raises(MissingDependency, match=r"sovits-tts\[cluster\]"), runner("local", 2):
        pass
    folder = write_folder(tmp_path / "in")
    assert run(["prepare", str(folder), "--out", str(tmp_path / "out"), "--ray", "local"]) == 2
    assert "Ray is not installed." in capsys.readouterr().err
    with runner("", 3) as workers:
        assert workers == 3


def _refuse(facts: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError("done again")


def _facts(folder: Path, model: str, text: str) -> dict[str, Any]:
    facts = {"path": "clips/a.flac", "text": text, "language": "en", "speech_seconds": 3.0}
    return facts | {"out": str(folder), "model": model}
