"""Features of a data set: made once, by the functions of a voice, and made again only where something changed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import load_model
from sovits_tts.errors import ConfigError, DataError
from sovits_tts.features import content_wave, leveled
from sovits_tts.specs import get_spec
from sovits_tts.training.tune_config import GPTTune, VITSTune, defaults, run_key
from sovits_tts.training.tune_data import TuneData, extract_features
from sovits_tts.training.tune_plan import share_of, similar_length, upstream_gpt, upstream_vits
from sovits_tts.training.tune_vits_data import VITSTuneData
from sovits_tts.voice_making import make_voice
from tests.tune_set import tune_data, write_set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TuneData, str, Path]:
    folder = tmp_path_factory.mktemp("tune")
    data, model = tune_data(folder, count=5, seconds=3.1)
    return data, model, folder / "set"


def files(data: TuneData) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in data.folder.iterdir()}


def test_a_clip_is_read_as_a_voice_is(made: tuple[TuneData, str, Path]) -> None:
    data, model, _ = made
    row, clip = data.rows[2], data.load(2)
    voice = make_voice(load_model(model), Audio.load(row.path), row.text, row.language)
    assert voice.features is not None
    assert clip.phonemes.tolist() == voice.features.phonemes.tolist()
    assert clip.tail.tolist() == voice.features.tokens.tolist()
    assert clip.tokens.tolist() == voice.features.tokens[: voice.features.own].tolist()
    assert (row.tokens, row.phonemes, row.samples) == (len(clip.tokens), len(clip.phonemes), len(clip.wave))
    assert abs(row.samples / data.spec.vits.sample_rate - row.seconds) < 0.01
    assert 0.01 < clip.wave.abs().max() <= 1


def test_each_token_knows_its_phoneme(made: tuple[TuneData, str, Path]) -> None:
    data, _, _ = made
    for index in range(len(data.rows)):
        clip = data.load(index)
        assert clip.spoken is not None and len(clip.spoken) == len(clip.tail)
        assert (np.diff(clip.spoken.numpy()) >= 0).all()
        assert int(clip.spoken[-1]) == len(clip.phonemes) - 1


def test_exact_features_cover_the_whole_spectrogram(made: tuple[TuneData, str, Path]) -> None:
    """As upstream reads a clip in the VITS stage: the last content feature once more, then zeros, and nothing cut."""
    data, name, folder = made
    exact, model = extract_features(folder, name, device="cpu", exact=True), load_model(name)
    examples, usual = VITSTuneData(exact, VITSTune(exact=True)), VITSTuneData(data, VITSTune())
    short = []
    for index, row in enumerate(exact.rows):
        clip, frames = exact.load(index), row.samples // exact.spec.vits.hop
        with torch.no_grad():
            content = model.content_encoder(content_wave(leveled(Audio.load(row.path), model.spec))).float()
            short.append(frames - content.shape[2])
            again = content[..., content.shape[2] - short[-1] :]
            read = torch.cat([content, again, content.new_zeros(1, content.shape[1], 9)], dim=2)
            wanted = model.vits.tokenize(read)[0].tolist()
        assert clip.padded is not None and clip.padded.tolist() == wanted[: frames // 2 + 1]
        assert clip.tokens.tolist() == wanted[: content.shape[2] // 2], "the GPT stage reads what was there"
        assert examples.frames(index) == frames >= usual.frames(index) >= frames - 3
    assert set(short) == {0, 1}, "clips with and without a frame to repeat"
    assert sum(map(examples.frames, range(5))) > sum(map(usual.frames, range(5)))
    batch = examples.batch(0)
    assert batch.spec.shape[2] == 2 * batch.tokens.shape[1] > int(batch.spec_lengths.max())
    with pytest.raises(DataError, match="exact features"):
        VITSTuneData(data, VITSTune(exact=True)).batch(0)


def test_nothing_is_made_twice(made: tuple[TuneData, str, Path]) -> None:
    data, model, folder = made
    before = files(data)
    (data.folder / f"{data.rows[1].key}.safetensors").write_bytes(b"cut short")  # as a full disk leaves it
    rows = (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    changed = json.loads(rows[3]) | {"text": "Something else."}
    (folder / "rows.jsonl").write_text("\n".join([*rows[:3], json.dumps(changed), rows[4]]), encoding="utf-8")
    again = extract_features(folder, model, device="cpu")
    assert [a.key == b.key for a, b in zip(data.rows, again.rows, strict=True)] == [True, True, True, False, True]
    assert again.key != data.key
    after = files(again)
    assert {name for name, time in after.items() if before.get(name) != time} == {
        f"{data.rows[1].key}.safetensors", f"{again.rows[3].key}.safetensors"
    }  # fmt: skip
    assert torch.equal(again.load(1).tokens, again.load(1).tail[: again.rows[1].tokens])
    (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert extract_features(folder, model, device="cpu").key == data.key


def test_what_cannot_be_used_is_named(made: tuple[TuneData, str, Path], tmp_path: Path) -> None:
    _, model, _ = made
    folder = write_set(tmp_path / "set", count=4, seconds=1.0)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    rows[0] |= {"text": "안녕하세요", "language": "ko"}
    rows[1] |= {"text": "  "}
    (folder / rows[2]["path"]).write_bytes(b"no sound")
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data = extract_features(folder, model, device="cpu")
    assert [row.id for row in data.rows] == ["clip3"]
    assert data.left_out.keys() == {"clip0", "clip1", "clip2"}
    (folder / "rows.jsonl").write_text(json.dumps(rows[2]), encoding="utf-8")
    with pytest.raises(DataError, match="No clip can be used"):
        extract_features(folder, model, device="cpu")
    (folder / "rows.jsonl").write_text('{"id": 1}', encoding="utf-8")
    with pytest.raises(DataError, match="Line 1"):
        extract_features(folder, model, device="cpu")
    with pytest.raises(DataError, match="prepare"):
        extract_features(tmp_path / "nowhere", model, device="cpu")


def test_what_is_held_out_stays_so(made: tuple[TuneData, str, Path]) -> None:
    data, _, _ = made
    train, held = data.split(0.2)
    assert len(held) == 1 and sorted(train + held) == list(range(5))
    assert set(held) < set(data.split(0.4)[1])
    assert data.split(0.0)[1] == []


def test_every_epoch_holds_every_clip() -> None:
    plan = similar_length([3, 5, 7, 11, 13], [1, 2, 3, 4, 5], 2, fill=10, seed=1)
    assert plan.epoch_steps == 6  # two rounds of three batches
    for epoch in range(3):
        seen = [i for place in range(6) for i in plan(epoch * 6 + place)]
        assert sorted(seen) == sorted([3, 5, 7, 11, 13] * 2)
    assert [plan(step) for step in range(6)] != [plan(step) for step in range(6, 12)]
    assert plan(2) == similar_length([3, 5, 7, 11, 13], [1, 2, 3, 4, 5], 2, fill=10, seed=1)(2)


def test_upstream_repeats_small_sets() -> None:
    plan = upstream_gpt(range(12), [3.0] * 12, 8, fill=100)
    assert plan.epoch_steps == 12 and sum(len(plan(step)) for step in range(12)) == 96
    frames = upstream_vits([0, 1], [640 * 350, 640 * 20], 640, 8, fill=100)
    assert frames.epoch_steps == 7 and {i for step in range(7) for i in frames(step)} == {0}  # the other is too short


def test_processes_share_a_batch_without_overlap() -> None:
    assert sorted(share_of(5, 0, 2) + share_of(5, 1, 2)) == [0, 1, 2, 3, 4]
    assert share_of(1, 1, 2) == []


def test_settings_suit_the_model_and_name_a_run() -> None:
    official, small = defaults(get_spec("v2ProPlus")), defaults(get_spec("mini"))
    assert official == (GPTTune(), VITSTune())
    assert small[0].optimizer == "adamw" and small[1].frozen
    assert run_key(GPTTune(epochs=3), "a") == run_key(GPTTune(epochs=9, log_steps=1), "a")
    assert len({run_key(GPTTune(seed=2), "a"), run_key(GPTTune(), "a"), run_key(GPTTune(), "b")}) == 3
    with pytest.raises(ConfigError, match="Choose one of"):
        GPTTune(precision="int8")
    with pytest.raises(ConfigError, match="adamw"):
        GPTTune(lora_rank=4)
    with pytest.raises(ConfigError, match="batch_size"):
        VITSTune(batch_size=0)
