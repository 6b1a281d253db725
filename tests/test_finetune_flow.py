"""The whole way from recordings to a voice, on a tiny model: its steps, stops, kills, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sovits_tts import voices
from sovits_tts.app.cli import run
from sovits_tts.config import as_dict, dump
from sovits_tts.data import prepare_items
from sovits_tts.data.prepare import PrepareConfig
from sovits_tts.data.quality import Limits
from sovits_tts.errors import DataError
from sovits_tts.finetune import choose, package
from sovits_tts.finetune.check import check
from sovits_tts.finetune.config import Evaluation, FinetuneConfig, VoiceFacts
from sovits_tts.finetune.flow import STEPS, FinetuneResult, finetune
from sovits_tts.finetune.panel import Figures
from sovits_tts.progress import Cancelled, Event
from sovits_tts.tts import TTS
from sovits_tts.voicepack import open_package
from tests import children
from tests.tiny_model import SPEC, speech, write_model

TEXT = "Hello there, my friend."
CLIPS = 5


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a model and a folder of recordings, spaces and all."""
    place = tmp_path_factory.mktemp("fine tune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOVITS_TTS_HOME", str(place / "home"))
        write_model(place / "model")
        for number in range(CLIPS):
            speech(3.1, seed=number).save(place / "录音" / f"line {number}.wav")
            (place / "录音" / f"line {number}.txt").write_text(TEXT, encoding="utf-8")
        speech(3.5, f0=180).save(place / "angry.wav")
        (place / "angry.txt").write_text(TEXT, encoding="utf-8")
        yield place


@pytest.fixture(scope="module")
def config(place: Path) -> FinetuneConfig:
    """Random networks hear nothing and say nothing: the limits and the judges are set for that."""
    return FinetuneConfig(
        model=str(place / "model"),
        prepare=PrepareConfig(language="en", limits=replace(Limits(), heard=(0.0, 0.0))),
        gpt={"epochs": 1, "fill": 0, "sample": False},
        vits={"epochs": 2, "fill": 0, "sample": False, "adversarial": 0.0},
        evaluate=Evaluation(lines=1, sentences=1, checkpoints=1, ways=(0.5,),
                            recogniser="own", speaker="own"),
        voice=VoiceFacts(consent="for tests", styles={"angry": str(place / "angry.wav")}, defaults={"speed": 1.1}),
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """No speaker judge of another package while preparing: loading it takes longer than everything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sovits_tts.finetune.flow._speaker_vectors", lambda: None)
        yield


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks at them: drawing takes longer than the training here."""
    monkeypatch.setattr("sovits_tts.training.tune.draw_curves", lambda folder: None)
    monkeypatch.setattr("sovits_tts.data.report._histograms", lambda plots: "")


@pytest.fixture(scope="module")
def done(place: Path, config: FinetuneConfig) -> tuple[FinetuneResult, list[Event]]:
    events: list[Event] = []
    return finetune(place / "录音", "alice", config, place / "work", on_event=events.append), events


def same(report: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on when and how often a run was stopped."""
    timed = ("spent",)
    kept = {key: report[key] for key in ("baseline", "tuned", "natural", "chosen", "reason", "data", "checkpoints")}
    return json.loads(json.dumps(kept), object_hook=lambda it: {k: v for k, v in it.items() if k not in timed})


def test_steps_come_in_order_and_tell_when_they_begin_and_end(done: tuple[FinetuneResult, list[Event]]) -> None:
    states = [(event.stage, event.values["state"]) for event in done[1] if "state" in event.values]
    assert states == [(step, state) for step in STEPS for state in ("begin", "done")]
    assert {event.stage for event in done[1]} == set(STEPS)
    steps = [event for event in done[1] if event.stage == "vits" and event.unit == "steps"]
    assert steps and steps[-1].done == steps[-1].total


def test_the_voice_can_be_spoken_with(done: tuple[FinetuneResult, list[Event]]) -> None:
    result = done[0]
    assert result.package == voices.find("alice").path
    tts = TTS.load("alice", device="cpu")
    assert tts.package is not None and tts.package.styles == ["normal", "angry"]
    assert tts.voice("alice").consent == "for tests" and tts.voice("alice").text == TEXT
    assert tts.defaults.speed == 1.1
    assert len(tts.synthesize("Hi.").audio) > 0
    assert tts.package.metrics()["baseline"] == result.report["baseline"]


def test_the_report_shows_before_and_after_and_needs_nothing_else(done: tuple[FinetuneResult, list[Event]]) -> None:
    result = done[0]
    report = json.loads((result.work / "report.json").read_text(encoding="utf-8"))
    assert report == json.loads(json.dumps(result.report))
    assert [item["name"] for item in report["checkpoints"]][:2] == ["zero-shot", "all recordings"]
    assert report["data"]["clips"] == CLIPS and report["data"]["held_out"] == 2 and report["data"]["lines"] == 1
    assert set(report["seconds"]) == {*STEPS, "total"}
    assert {judge["independent"] for judge in report["judges"]} == {False}
    page = result.page.read_text(encoding="utf-8")  # type: ignore[union-attr]
    assert "not independent" in page and "zero-shot" in page and TEXT.split(",")[0] in page
    assert page.count("data:audio/ogg;base64,") == 3 and "data:image/png;base64," in page
    assert "http" not in page and "src='/" not in page


def test_held_out_lines_are_never_trained_on(done: tuple[FinetuneResult, list[Event]]) -> None:
    report, work = done[0].report, done[0].work
    for stage, folder in report["training"].items():
        facts = json.loads((work / folder / "run.json").read_text(encoding="utf-8"))
        assert facts["stage"] == stage and facts["clips"] == CLIPS - 2
        assert {line["id"] for line in report["samples"]} <= set(facts["held_out"])


@pytest.mark.usefixtures("no_pictures")
def test_doing_it_again_computes_nothing(
    done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(prepare_items, "measure_sound", refuse)
    monkeypatch.setattr(choose, "speak", refuse)
    steps: list[Event] = []
    again = finetune(place / "录音", "alice", config, place / "work", on_event=steps.append)
    assert same(again.report) == same(done[0].report)
    assert not [event for event in steps if event.unit == "steps"], "no step of training"


@pytest.mark.usefixtures("no_pictures")
def test_a_run_stopped_again_and_again_comes_to_the_same(
    done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig
) -> None:
    """Cancelled at the second event of a step; then on."""
    source, work = place / "录音", place / "stopped"
    for step in ("slice", "gpt", "evaluate"):
        seen: list[Event] = []

        def stop(event: Event, step: str = step, seen: list[Event] = seen) -> None:
            seen.append(event)
            if [event.stage for event in seen].count(step) == 2:
                raise Cancelled

        with pytest.raises(Cancelled):
            finetune(source, "bob", config, work, on_event=stop)
        assert seen[-1].stage == step
    result = finetune(source, "bob", config, work)
    assert same(result.report) == same(done[0].report)


def kill_and_go_on(place: Path, config: FinetuneConfig, work: Path, sign: str) -> FinetuneResult:
    """kill -9 as soon as a file like `sign` appears; then the same call to its end."""
    settings = place / f"{work.name}.yaml"
    dump(config, settings)
    home = os.environ["SOVITS_TTS_HOME"]
    child = children.start(
        children.finetune, str(place / "录音"), "eve", str(settings), str(work), SOVITS_TTS_HOME=home
    )  # fmt: skip
    while not list(work.glob(sign)) and child.is_alive():
        time.sleep(0.01)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it ended by itself"
    assert not (work / "report.json").exists() and voices.package_of("eve") is None
    result = finetune(place / "录音", "eve", config, work)
    assert not list(voices.folder().glob(".*.part"))
    voices.remove("eve")
    return result


@pytest.mark.usefixtures("no_pictures")
def test_a_killed_run_goes_on(done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig) -> None:
    """Killed while it reads the clips."""
    result = kill_and_go_on(place, replace(config, stages=()), place / "killed", "prepared/*/features/*.safetensors")
    assert same(result.report)["baseline"] == same(done[0].report)["baseline"]


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.slow
def test_a_run_killed_in_training_goes_on(
    done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig
) -> None:
    """Killed when the first checkpoint of a stage appears; it ends as if nothing had been."""
    for stage in ("gpt", "vits"):
        result = kill_and_go_on(place, config, place / f"killed in {stage}", f"{stage}/*/checkpoints/*")
        assert same(result.report) == same(done[0].report)


@pytest.mark.usefixtures("no_pictures")
def test_the_better_checkpoint_is_the_one_that_is_saved(
    done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With judges who like each later candidate better, both trained stages are in the voice, one half-way."""
    half, ends = "vits epoch 2, 50% of the way", ", all recordings"
    ranks = {
        "zero-shot": 0.1,
        "all recordings": 0.15,
        f"vits epoch 2{ends}": 0.2,
        f"{half}{ends}": 0.3,
    }
    ranks[f"{half}, gpt epoch 1{ends}"] = 0.4

    def liked(*arguments: Any) -> Any:
        *_, name, takes = arguments
        return Figures(takes, 0.5, ranks[name], 0.0, 1.0, 1.0), []

    monkeypatch.setattr(choose, "speak", liked)
    monkeypatch.setattr(choose, "FORMAT", "liked")  # so that no earlier result counts
    result = finetune(place / "录音", "carol", config, place / "work")
    assert result.report["improved"] and result.report["chosen"]["name"] == f"{half}, gpt epoch 1{ends}"
    saved = open_package(voices.find("carol").path)
    assert saved.stages == ["gpt", "vits"] and saved.manifest.defaults == {"speed": 1.1}
    tts = TTS.load("carol", device="cpu")
    assert tts.model.fingerprint == saved.manifest.fingerprint != saved.manifest.base.fingerprint
    voice = tts.voice("carol")
    assert voice.features is not None and voice.features.fits(tts.model), "made once, when it was saved"
    assert len(voice.more) == CLIPS - 3, "neither the prompt nor a held-out line"
    assert voice.features.more == voice.more_key and result.report["data"]["in_voice"] == CLIPS - 2


@pytest.mark.usefixtures("no_pictures")
def test_recordings_may_help_where_weights_do_not(
    done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def liked(*arguments: Any) -> Any:
        *_, name, takes = arguments
        return Figures(takes, 0.5, 0.2 if name == "all recordings" else 0.1, 0.0, 1.0, 1.0), []

    monkeypatch.setattr(choose, "speak", liked)
    monkeypatch.setattr(choose, "FORMAT", "liked otherwise")
    result = finetune(place / "录音", "hilda", config, place / "work")
    assert result.report["improved"] and "The weights stay the base's" in result.report["reason"]
    saved = open_package(voices.find("hilda").path)
    assert saved.stages == [] and len(saved.voice().more) == CLIPS - 3
    assert saved.metrics()["reason"] == result.report["reason"]
    tts = TTS.load("hilda", device="cpu")
    assert tts.voice("hilda").features.fits(tts.model)  # type: ignore[union-attr]


@pytest.mark.usefixtures("no_pictures")
def test_a_model_that_looks_nothing_up_speaks_with_the_clip_alone(
    place: Path, config: FinetuneConfig, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model", replace(SPEC, vits=replace(SPEC.vits, d_reference=0)))
    plain = replace(config, model=str(model), stages=())
    result = finetune(place / "录音", "ivan", plain, tmp_path / "work")
    assert [item["name"] for item in result.report["checkpoints"]] == ["zero-shot"]
    assert result.report["data"]["in_voice"] == 1


# --- review, and what is refused -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pictures")
def test_a_review_stops_the_run_and_counts_when_it_goes_on(
    place: Path, config: FinetuneConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = replace(config, stages=(), voice=VoiceFacts())
    settings = tmp_path / "settings.yaml"
    dump(bare, settings)
    command = ["finetune", str(place / "录音"), "--name", "dora", "--config", str(settings), "--work", str(tmp_path)]
    assert run([*command, "--review", "--json"]) == 0
    stopped = json.loads(capsys.readouterr().out)
    assert stopped["stopped"] == "review"
    table = Path(stopped["review"])
    lines = table.read_text(encoding="utf-8-sig").splitlines()
    cells = lines[1].split("\t")
    lines[1] = "\t".join([cells[0], "no", *cells[2:]])
    table.write_text("\n".join(lines), encoding="utf-8")
    assert run([*command, "--review"]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(table) and "without --review" in told.err
    assert run([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["data"]["clips"] == CLIPS - 1, "the clip that was refused is not there"
    assert report["chosen"]["epochs"] == {"gpt": None, "vits": None}, "there is no checkpoint"
    assert open_package(Path(report["package"])).stages == []
    assert run(["say", "Hi.", "-v", "dora", "-o", str(tmp_path / "a.wav")]) == 0


def test_a_check_names_every_fault_at_once(
    place: Path, config: FinetuneConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = tmp_path / "silent"
    speech(3).save(silent / "a.wav")
    (silent / "b.wav").write_bytes(b"")
    faulty = replace(config, model="v2", vits={}, evaluate=replace(config.evaluate, recogniser="nowhere"),
                     voice=VoiceFacts(styles={"a/b": str(tmp_path / "x.wav")}))  # fmt: skip
    found = check(silent, "../up", faulty, tmp_path / "work")
    assert {problem.code for problem in found.fatal} == {
        "name", "model", "discriminators", "style", "recogniser", "transcripts",
    }  # fmt: skip
    assert "damaged" in {problem.code for problem in found.problems}
    with pytest.raises(DataError) as caught:
        finetune(silent, "../up", faulty, tmp_path / "work")
    assert all(word in str(caught.value) for word in ("cannot be the name", "not downloaded", "a transcript"))
    assert not (tmp_path / "work").exists()

    settings = tmp_path / "settings.yaml"
    dump(config, settings)
    command = ["finetune", str(place / "录音"), "--name", "dan", "--config", str(settings), "--check", "--json"]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["usable"], told["transcribed"], told["can_start"]) == (CLIPS, CLIPS, CLIPS, True)
    assert told["problems"] == []
    assert run([*command[:2], "--name", "mini", *command[4:]]) == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["cause"] == "mini is the name of a model."


def test_a_check_names_settings_that_do_not_go_together(
    place: Path, config: FinetuneConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sovits_tts.finetune.check.find_spec", lambda name: None)  # as if peft were not installed
    gpt = {"dpo": True, "lora_rank": 4, "optimizer": "adamw"}
    faulty = replace(config, device="cpu", gpt=gpt, vits={"precision": "fp16", "adversarial": 0.0})
    found = check(place / "录音", "dan", faulty, tmp_path / "work")
    assert [(problem.code, problem.file) for problem in found.fatal] == [
        ("settings", "gpt.dpo"), ("settings", "gpt.lora_rank"), ("settings", "vits.precision"),
    ]  # fmt: skip
    nowhere = check(place / "录音", "dan", replace(config, device="tpu"), tmp_path / "work")
    assert [problem.file for problem in nowhere.fatal] == ["device"]


@pytest.mark.usefixtures("no_pictures")
def test_without_transcripts_it_says_what_to_do(config: FinetuneConfig, tmp_path: Path) -> None:
    speech(3).save(tmp_path / "in" / "a.wav")
    with pytest.raises(DataError, match=r"None of the 1 recordings has a transcript.*\.txt.*--whisper.*--review"):
        finetune(tmp_path / "in", "fred", config, tmp_path / "work")
    heard = check(tmp_path / "in", "fred", config, tmp_path / "work", hears=True)
    assert not heard.fatal, "somebody listens"
    reviewed = finetune(tmp_path / "in", "fred", replace(config, review=True), tmp_path / "work")
    assert reviewed.stopped == "review" and reviewed.review.is_file()
    with pytest.raises(DataError, match="None of the 1 recordings has a transcript"):
        finetune(tmp_path / "in", "fred", config, tmp_path / "work")


@pytest.mark.usefixtures("no_pictures")
def test_too_few_clips_are_refused(config: FinetuneConfig, tmp_path: Path) -> None:
    speech(3.1).save(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "a.txt").write_text(TEXT, encoding="utf-8")
    with pytest.raises(DataError, match="1 of 1 clips can be used; 4 are the least"):
        finetune(tmp_path / "in", "gina", config, tmp_path / "work")


def test_a_voice_of_another_run_is_not_replaced_unasked(
    done: tuple[FinetuneResult, list[Event]], place: Path, config: FinetuneConfig, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="alice exists already"):
        finetune(place / "录音", "alice", config, tmp_path / "another run")
    assert not check(place / "录音", "alice", config, tmp_path / "another run", overwrite=True).fatal
    assert not check(place / "录音", "alice", config, place / "work").fatal, "its own run may"


@pytest.mark.usefixtures("no_pictures")
def test_one_stage_alone_by_command(
    done: tuple[FinetuneResult, list[Event]], config: FinetuneConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "settings.yaml"
    dump(config, settings)
    prepared = str(done[0].work / "prepared")
    assert run(["train", "gpt", prepared, "--out", str(tmp_path), "--config", str(settings), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stage"] == "gpt" and [it["epoch"] for it in told["checkpoints"]] == [1]
    assert Path(told["checkpoints"][0]["path"]).is_file()


def test_settings_survive_the_file(config: FinetuneConfig, tmp_path: Path) -> None:
    from sovits_tts.config import load

    dump(config, tmp_path / "c.yaml")
    assert as_dict(load(FinetuneConfig, tmp_path / "c.yaml")) == as_dict(config)
    assert package.NORMAL not in config.voice.styles
