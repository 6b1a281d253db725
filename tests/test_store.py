"""Our model folder, conversion from and to official files, and `load_model`."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from sovits_tts.checkpoints import official, store
from sovits_tts.checkpoints.build import load_model, read_model
from sovits_tts.checkpoints.convert import convert, export
from sovits_tts.checkpoints.official_export import official_version, write_gpt, write_vits
from sovits_tts.checkpoints.torchfile import TorchFile
from sovits_tts.checkpoints.torchwrite import Ordered, write_torch_file
from sovits_tts.errors import CheckpointError, ConfigError
from sovits_tts.models.content import ContentEncoder
from sovits_tts.specs import SPECS, BertConfig, ContentConfig, ModelSpec, SpeakerConfig
from tests.official_samples import TINY, tiny_weights

CONTENT = ContentConfig(
    d_model=12, n_layers=2, n_heads=12, d_ff=24, conv_dims=(8,) * 7, position_kernel=16, position_groups=4,
    output_layer=2,
)  # fmt: skip
OWN = replace(TINY["v2"], name="own", content=CONTENT, bert=None)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    content = {f"content.{name}": value.half().float() for name, value in ContentEncoder(CONTENT).state_dict().items()}
    return {**tiny_weights(OWN), **content}


@pytest.fixture
def folder(tmp_path: Path, weights: dict[str, Tensor]) -> Path:
    store.save(tmp_path / "own", OWN, weights, {"licence": "CC0", "figures": {"error": 0.1}})
    return tmp_path / "own"


def change_config(folder: Path, change: Any) -> None:
    data = yaml.safe_load((folder / "config.yaml").read_text())
    change(data)
    (folder / "config.yaml").write_text(yaml.safe_dump(data))


# --- our folder --------------------------------------------------------------------------------------------------


def test_folder_comes_back_as_it_was(folder: Path, weights: dict[str, Tensor]) -> None:
    loaded = store.load(folder)
    assert loaded.spec == OWN
    assert loaded.meta == {"licence": "CC0", "figures": {"error": 0.1}}
    assert loaded.weights.keys() == weights.keys()
    assert all(torch.equal(loaded.weights[name], value) for name, value in weights.items())
    stored = load_file(folder / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    assert {value.dtype for value in loaded.weights.values()} == {torch.float32}
    assert loaded.part("gpt").keys() == {name[4:] for name in weights if name.startswith("gpt.")}


def test_fingerprint_follows_the_weights_only(folder: Path, weights: dict[str, Tensor]) -> None:
    found = store.load(folder).fingerprint
    assert found == store.fingerprint(weights) == store.fingerprint(dict(reversed(weights.items())))
    changed = dict(weights)
    changed["gpt.head.weight"] = changed["gpt.head.weight"] + 0.25
    assert store.fingerprint(changed) != found
    renamed = {name.replace("gpt.head", "gpt.tail"): value for name, value in weights.items()}
    assert store.fingerprint(renamed) != found


def test_integers_stay_integers(tmp_path: Path) -> None:
    store.save(tmp_path, OWN, {"vits.count": torch.tensor(100_000), "vits.x": torch.ones(2)})
    assert store.load(tmp_path).weights["vits.count"].item() == 100_000


def test_nothing_is_overwritten_unless_told(folder: Path, weights: dict[str, Tensor]) -> None:
    (folder / "README.md").write_text("card")
    with pytest.raises(CheckpointError, match="a model in"):
        store.save(folder, OWN, weights)
    store.save(folder, OWN, {name: value * 0 for name, value in weights.items()}, overwrite=True)
    assert not store.load(folder).weights["gpt.head.weight"].any()
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.yaml", "model.safetensors"]


def test_what_cannot_be_stored_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    for bad, message in (
        ({"vits.x": torch.tensor([1e6])}, "not finite in float16"),
        ({"vits.x": torch.tensor([float("nan")])}, "not finite"),
        ({"other.x": torch.ones(1)}, "no known prefix"),
    ):
        with pytest.raises(CheckpointError, match=message):
            store.save(tmp_path / "bad", OWN, bad)
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["spec"]["vits"].update(d_latnet=3),
            "spec.vits.d_latnet is unknown: did you mean spec.vits.d_latent",
        ),
        (lambda d: d.update(fingreprint="x"), "did you mean fingerprint"),
        (lambda d: d["spec"]["vits"].update(hop="many"), "spec.vits.hop"),
        (lambda d: d["spec"].pop("symbols"), "spec.symbols is missing"),
        (lambda d: d["spec"]["vits"].update(hop=17), "hop is 17"),
        (lambda d: d.update(format=2), "format 2"),
        (lambda d: d.update(fingerprint="0" * 64), "is not the file that config.yaml was written for"),
    ],
)
def test_wrong_config_is_named(folder: Path, change: Any, message: str) -> None:
    change_config(folder, change)
    with pytest.raises(CheckpointError, match=message):
        store.load(folder)


def test_damaged_folder(folder: Path, weights: dict[str, Tensor]) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        store.load(folder)
    flipped = bytearray(whole)
    flipped[-5] ^= 64
    path.write_bytes(flipped)
    with pytest.raises(CheckpointError, match="was written for"):
        store.load(folder)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors"):
        store.load(folder)


# --- official files ----------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Official versions at tiny sizes: rows are data."""
    for name, spec in TINY.items():
        monkeypatch.setitem(SPECS, name, spec)


def write_pair(folder: Path, spec: ModelSpec, version: str) -> tuple[Path, Path]:
    weights = tiny_weights(spec)
    folder.mkdir(exist_ok=True)
    write_gpt(folder / "v-e15.ckpt", spec.gpt, store.part(weights, "gpt"), {"data": {"max_sec": 40}}, "GPT-e15")
    write_vits(folder / "v_e8.pth", version, spec.vits, store.part(weights, "vits"), {}, "8epoch_200iteration")
    return folder / "v-e15.ckpt", folder / "v_e8.pth"


@pytest.mark.parametrize("version", TINY)
def test_convert_and_export_give_the_same_files(version: str, tmp_path: Path, tiny_rows: None) -> None:
    """Official pair -> our folder -> official pair: every parameter, setting and mark, in the same order."""
    pair = write_pair(tmp_path / "theirs", TINY[version], version)
    converted = convert(tmp_path / "theirs", tmp_path / "ours")
    assert converted.spec.vits == TINY[version].vits
    assert converted.meta["version"] == version
    assert export(tmp_path / "ours", tmp_path / "back") == (tmp_path / "back/ours.ckpt", tmp_path / "back/ours.pth")
    for before, after in zip(pair, sorted((tmp_path / "back").iterdir()), strict=True):
        assert after.read_bytes()[:2] == before.read_bytes()[:2]
        a, b = official.read_raw(before), official.read_raw(after)
        assert list(a.weights) == list(b.weights)
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
        assert (a.config, a.config_class, a.info, a.layout) == (b.config, b.config_class, b.info, b.layout)


def test_convert_keeps_discriminators_and_posterior(
    tmp_path: Path, tiny_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sovits_tts.models.discriminators import Discriminators

    spec = TINY["v2"]
    weights = tiny_weights(spec)
    gpt, _ = write_pair(tmp_path, spec, "v2")
    theirs = official.TABLES["vits"].rename_to_theirs(store.part(weights, "vits"))
    with TorchFile(tmp_path / "v_e8.pth", lambda name: name.endswith("HParams")) as file:
        settings = file.value["config"]
    write_torch_file(tmp_path / "s2G.pth", Ordered(weight=theirs, config=settings, info=""))
    critics = Discriminators(spec.vits.periods, (2, 2, 2, 2, 2, 2), (2, 2, 2, 2, 2)).state_dict()
    write_torch_file(tmp_path / "s2D.pth", {"weight": official.TABLES["discriminators"].rename_to_theirs(critics)})
    with pytest.raises(CheckpointError, match="set of discriminators has another shape"):
        convert([gpt, tmp_path / "s2G.pth", tmp_path / "s2D.pth"], tmp_path / "ours")
    small = replace(spec.vits, scale_channels=(2,) * 6, period_channels=(2,) * 5)
    monkeypatch.setitem(SPECS, "v2", replace(spec, vits=small))
    converted = convert([gpt, tmp_path / "s2G.pth", tmp_path / "s2D.pth"], tmp_path / "ours")
    assert converted.part("discriminators").keys() == critics.keys()
    assert any(name.startswith("posterior_encoder.") for name in converted.part("vits"))


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        ("dec.conv_pre.bias", "VITS stage lacks decoder.input_conv.bias"),
        ("enc_q.proj.weight", "VITS stage lacks posterior_encoder.projection.weight"),
        ("enc_p.proj.weight", "lacks 'prior_encoder.projection.weight'"),
    ],
)
def test_incomplete_files_are_refused(drop: str, message: str, tmp_path: Path) -> None:
    spec = TINY["v2"]
    gpt, vits = write_pair(tmp_path, spec, "v2")
    with TorchFile(vits, lambda name: name.endswith("HParams")) as file:
        settings = file.value["config"]
    theirs = official.TABLES["vits"].rename_to_theirs(store.part(tiny_weights(spec), "vits"))
    del theirs[drop]
    write_torch_file(vits, Ordered(weight=theirs, config=settings, info=""))
    with pytest.raises(CheckpointError, match=message):
        convert([gpt, vits], tmp_path / "ours")


def test_pairs_must_be_pairs(tmp_path: Path) -> None:
    gpt, vits = write_pair(tmp_path / "theirs", TINY["v2"], "v2")
    with pytest.raises(CheckpointError, match=r"A GPT file \(\.ckpt\) is missing"):
        convert([vits], tmp_path / "ours")
    shutil.copy(vits, vits.with_name("other.pth"))
    with pytest.raises(CheckpointError, match="hold the same network"):
        convert(tmp_path / "theirs", tmp_path / "ours")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="neither a model of ours nor official files"):
        convert(tmp_path / "empty", tmp_path / "ours")
    assert gpt.exists() and not (tmp_path / "ours").exists()


def test_export_refuses_other_sizes_and_existing_files(folder: Path, tmp_path: Path, tiny_rows: None) -> None:
    assert export(folder, tmp_path, name="a")[0].exists()
    with pytest.raises(CheckpointError, match="exists already"):
        export(folder, tmp_path, name="a")
    export(folder, tmp_path, name="a", overwrite=True)
    with pytest.raises(CheckpointError, match="no version with the sizes of 'mini'"):
        official_version(SPECS["mini"])


# --- load_model --------------------------------------------------------------------------------------------------


def test_folder_becomes_networks(folder: Path) -> None:
    model = load_model(folder)
    assert model.spec == OWN
    assert (model.bert, model.vocabulary, model.speaker) == (None, None, None)
    assert model.vits.posterior_encoder is None
    assert load_model(str(folder), posterior=True).vits.posterior_encoder is not None
    networks = (model.content_encoder, model.gpt, model.vits)
    assert not any(network.training for network in networks)
    assert {p.dtype for network in networks for p in network.parameters()} == {torch.float32}
    assert {p.device.type for network in networks for p in network.parameters()} == {"cpu"}
    stored = store.load(folder)
    assert torch.equal(model.gpt.head.weight, stored.weights["gpt.head.weight"])
    assert model.fingerprint == stored.fingerprint
    assert model.content_encoder(torch.randn(1, 1600)).shape == (1, 12, 4)


@pytest.fixture
def pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny stand-in for every shared official file, where downloads lie."""
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    place = tmp_path / "home" / "pretrained"
    golden = Path(__file__).parent / "golden" / "set_small" / "hf_tiny"
    hubert, bert = place / "chinese-hubert-base", place / "chinese-roberta-wwm-ext-large"
    for target in (hubert, bert, place / "sv"):
        target.mkdir(parents=True)
    weights = ContentEncoder(CONTENT).state_dict()
    theirs = {name: value.half() for name, value in official.TABLES["content"].rename_to_theirs(weights).items()}
    theirs["encoder.pos_conv_embed.conv.weight_g"] = theirs.pop(
        "encoder.pos_conv_embed.conv.parametrizations.weight.original0"
    )
    theirs["encoder.pos_conv_embed.conv.weight_v"] = theirs.pop(
        "encoder.pos_conv_embed.conv.parametrizations.weight.original1"
    )
    write_torch_file(hubert / "pytorch_model.bin", Ordered(theirs))
    (hubert / "config.json").write_text('{"num_attention_heads": 12, "feat_extract_norm": "group"}')
    shutil.copy(golden / "bert.safetensors", bert / "model.safetensors")
    (bert / "config.json").write_text('{"num_attention_heads": 4}')
    (bert / "tokenizer.json").write_text('{"model": {"vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}}}')
    from sovits_tts.models.speaker import SpeakerEncoder

    speaker = SpeakerEncoder(SpeakerConfig(channels=8, d_embedding=4)).state_dict()
    write_torch_file(
        place / "sv/pretrained_eres2netv2w24s4ep4.ckpt", official.TABLES["speaker"].rename_to_theirs(speaker)
    )
    return place


def test_official_names_load_from_downloaded_files(pretrained: Path) -> None:
    gpt, vits = write_pair(pretrained / "v2Pro", TINY["v2ProPlus"], "v2ProPlus")
    gpt.rename(pretrained / "s1v3.ckpt")
    vits.rename(pretrained / "v2Pro" / "s2Gv2ProPlus.pth")
    model = load_model("v2ProPlus")
    assert model.spec.vits.upsample_kernels == (20, 4, 4)
    assert model.spec.content == CONTENT
    assert model.bert is not None and model.bert.config == BertConfig(60, 32, 4, 4, 64, 32)
    assert model.vocabulary == {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
    assert model.bert.features([torch.tensor([1, 5, 6, 2])])[0].shape == (2, 32)
    assert model.speaker is not None
    assert model.speaker.vector(torch.randn(16000)).shape == (1, model.speaker.config.d_vector)
    # The base GPT completes a single fine-tuned file.
    alone = read_model(pretrained / "v2Pro" / "s2Gv2ProPlus.pth")
    assert alone.fingerprint == model.fingerprint


def test_pair_and_converted_folder_are_the_same_model(pretrained: Path, tmp_path: Path) -> None:
    pair = write_pair(tmp_path / "theirs", TINY["v2"], "v2")
    convert(pair, tmp_path / "ours")
    fingerprints = {load_model(source).fingerprint for source in (pair, tmp_path / "theirs", tmp_path / "ours")}
    assert len(fingerprints) == 1


def test_missing_files_say_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match=r"s1v3\.ckpt is missing") as caught:
        load_model("v2Pro")
    assert "sovits-tts models download v2Pro" in caught.value.hint
    assert str(tmp_path / "home") in caught.value.hint
    with pytest.raises(ConfigError, match="There is no model 'v9'") as caught:
        load_model("v9")
    assert "mini, v1, v2, v2Pro, v2ProPlus" in caught.value.hint


def test_content_of_another_width_is_refused(pretrained: Path, tmp_path: Path) -> None:
    narrow = replace(OWN, vits=replace(OWN.vits, d_content=10))
    store.save(tmp_path / "narrow", narrow, tiny_weights(narrow))
    with pytest.raises(CheckpointError, match="12 wide, but the model own needs 10"):
        load_model(tmp_path / "narrow")


def test_extra_weights_are_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    store.save(tmp_path, OWN, {**weights, "gpt.extra": torch.ones(1)})
    with pytest.raises(CheckpointError, match="GPT stage has unknown extra"):
        load_model(tmp_path)
    save_file({"gpt.head.weight": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="was written for"):
        load_model(tmp_path)
