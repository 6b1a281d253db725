"""Official files: every kind opens, every hostile one is refused, nothing in them runs."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import random
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_tts.checkpoints import official, torchfile, unpickle
from sovits_tts.checkpoints.official_export import write_gpt, write_vits
from sovits_tts.checkpoints.official_spec import gpt_config, model_spec, vits_config
from sovits_tts.checkpoints.store import part
from sovits_tts.checkpoints.torchwrite import Ordered, write_torch_file
from sovits_tts.checkpoints.unpickle import Record, read_pickle
from sovits_tts.errors import CheckpointError
from sovits_tts.specs import SPECS, ModelSpec, VITSConfig
from tests import children
from tests.official_samples import TINY, Call, key_lists, pickled, tensor_pickle, tiny_weights, torch_zip

NETWORKS = {
    "s1_v1": "gpt", "s1_v2": "gpt",
    "s2G_v1": "vits", "s2G_v2": "vits", "s2G_v2Pro": "vits", "s2G_v2ProPlus": "vits",
    "s2D_v1": "discriminators", "s2D_v2": "discriminators",
    "s2D_v2Pro": "discriminators", "s2D_v2ProPlus": "discriminators",
    "cnhubert_base_hf": "content", "bert_roberta_wwm_ext_large_hf": "bert", "sv_eres2netv2": "speaker",
}  # fmt: skip
REFUSED = {
    "s2G_v3": "v3 or v4 SoVITS", "s2G_v4": "v3 or v4 SoVITS", "s2G_v3_lora_r32_saved": "LoRA",
    "vocoder_v3_bigvgan": "vocoder of v3", "vocoder_v3_bigvgan_with_wn": "vocoder of v3",
    "vocoder_v4": "vocoder of v4", "vocoder_v4_with_wn": "vocoder of v4",
}  # fmt: skip

_watched: list[str] | None = None


def _watch(event: str, arguments: object) -> None:
    """Audit hooks cannot be removed; this one records only while a test asks for it."""
    if _watched is not None and event in ("os.system", "subprocess.Popen", "pickle.find_class", "os.exec"):
        _watched.append(event)


sys.addaudithook(_watch)


@pytest.fixture
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fails if the block starts a program, uses Python's unpickler, or creates the marker file."""
    global _watched
    marker = tmp_path / "executed"
    monkeypatch.chdir(tmp_path)
    _watched = []
    yield marker
    events, _watched = _watched, None
    assert events == []
    assert not marker.exists()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_names_go_both_ways(name: str) -> None:
    """Every official parameter has one name of ours, and comes back under its own name in its own order."""
    table = official.TABLES[NETWORKS[name]]
    theirs = [key for key, _, _ in key_lists()[name]]
    ours = table.rename_to_ours(dict.fromkeys(theirs))
    kept = [key for key in theirs if table.to_ours(key) is not None]
    dropped = set(theirs) - set(kept)
    assert list(table.rename_to_theirs(dict(sorted(ours.items())))) == kept
    assert table.rename_to_ours(table.rename_to_theirs(ours)).keys() == ours.keys()
    assert all(key.startswith("cls.") for key in dropped), "only the unused head of BERT is left out"


def test_every_key_list_is_covered() -> None:
    assert key_lists().keys() == NETWORKS.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_identified_by_content(name: str) -> None:
    shapes = {key: tuple(shape) for key, shape, _ in key_lists()[name]}
    identity = official.identify(shapes)
    assert identity.kind == NETWORKS[name]
    version = name.partition("_")[2]
    assert identity.version == (version if identity.kind in ("gpt", "vits") else "")


@pytest.mark.parametrize("name", REFUSED)
def test_v3_and_v4_are_recognised_and_refused(name: str) -> None:
    shapes = {key: tuple(shape) for key, shape, _ in key_lists()[name]}
    with pytest.raises(CheckpointError, match=REFUSED[name]) as caught:
        official.identify(shapes)
    assert "v2ProPlus" in caught.value.hint


def test_unknown_parameter_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"enc_p\.encoder_text\.attn_layers\.0\.conv_x\.weight"):
        official.TABLES["vits"].rename_to_ours({"enc_p.encoder_text.attn_layers.0.conv_x.weight": 0})


def test_both_spellings_of_weight_norm_load() -> None:
    table = official.TABLES["content"]
    new = table.to_ours("encoder.pos_conv_embed.conv.parametrizations.weight.original0")
    assert table.to_ours("encoder.pos_conv_embed.conv.weight_g") == new
    assert table.to_ours("hubert.encoder.pos_conv_embed.conv.weight_g") == new
    with pytest.raises(CheckpointError, match="twice"):
        table.rename_to_ours({"encoder.layer_norm.weight": 0, "hubert.encoder.layer_norm.weight": 0})


# --- files of every kind -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", TINY)
@pytest.mark.parametrize("posterior", [True, False])
def test_pair_opens_with_its_sizes(version: str, posterior: bool, tmp_path: Path, nothing_runs: Path) -> None:
    spec = TINY[version]
    weights = tiny_weights(spec)
    gpt_path, vits_path = tmp_path / "a.ckpt", tmp_path / "a.pth"
    write_gpt(gpt_path, spec.gpt, part(weights, "gpt"), {}, "GPT-e15")
    if posterior:  # a base file: everything in it, no mark
        theirs = official.TABLES["vits"].rename_to_theirs(part(weights, "vits"))
        settings = _settings_of(spec, version, tmp_path)
        write_torch_file(vits_path, Ordered(weight=theirs, config=settings, info="base"))
    else:
        write_vits(vits_path, version, spec.vits, part(weights, "vits"), {}, "8epoch_200iteration")
    gpt, vits = official.read(gpt_path), official.read(vits_path)
    assert (gpt.kind, gpt.version, gpt.info) == ("gpt", spec.symbols, "GPT-e15")
    assert (vits.kind, vits.version) == ("vits", version)
    assert gpt_config(gpt) == spec.gpt
    expected = spec.vits if posterior else _without_posterior(spec.vits)
    assert vits_config(vits) == expected
    assert model_spec(gpt, vits).symbols == spec.symbols
    kept = {k: v for k, v in part(weights, "vits").items() if posterior or not k.startswith("posterior_encoder.")}
    assert vits.weights.keys() == kept.keys()
    assert all(torch.equal(vits.weights[key].float(), value) for key, value in kept.items())


def _settings_of(spec: ModelSpec, version: str, folder: Path) -> Record:
    """The settings record that our writer makes, as a value."""
    write_vits(folder / "settings.pth", version, spec.vits, {}, {}, "")
    with torchfile.TorchFile(folder / "settings.pth", lambda name: name == "utils.HParams") as file:
        return file.value["config"]


def _without_posterior(config: VITSConfig) -> VITSConfig:
    """What a file says that lacks the posterior: the usual number of its layers."""
    return replace(config, n_layers_posterior=SPECS["v2"].vits.n_layers_posterior)


def test_mark_and_content_must_agree(tmp_path: Path) -> None:
    spec = TINY["v2"]
    path = tmp_path / "a.pth"
    write_vits(path, "v2", spec.vits, part(tiny_weights(spec), "vits"), {}, "")
    for mark, message in ((b"05", "marked as v2Pro, but holds v2"), (b"00", "marked as v1"), (b"03", "v3 LoRA"),
                          (b"07", "mark '07', which is not known")):  # fmt: skip
        data = path.read_bytes()
        with pytest.raises(CheckpointError, match=message):
            official.read(write(tmp_path / "b.pth", mark + data[2:]))
    assert official.read(write(tmp_path / "b.pth", b"01" + data[2:])).version == "v2"


def test_two_phoneme_tables_do_not_mix(tmp_path: Path) -> None:
    write_gpt(tmp_path / "a.ckpt", TINY["v1"].gpt, part(tiny_weights(TINY["v1"]), "gpt"), {}, "")
    write_vits(tmp_path / "a.pth", "v2", TINY["v2"].vits, part(tiny_weights(TINY["v2"]), "vits"), {}, "")
    with pytest.raises(CheckpointError, match="phoneme table"):
        model_spec(official.read(tmp_path / "a.ckpt"), official.read(tmp_path / "a.pth"))


def test_training_states(tmp_path: Path) -> None:
    """Those of the VITS stage hold the model and are read; a Lightning state is refused with advice."""
    spec = TINY["v2"]
    theirs = official.TABLES["vits"].rename_to_theirs(part(tiny_weights(spec), "vits"))
    state = {"model": theirs, "iteration": 3, "optimizer": {"state": {}, "param_groups": []}, "learning_rate": 1e-4}
    write_torch_file(tmp_path / "G.pth", state)
    assert official.read(tmp_path / "G.pth").kind == "vits"
    write_torch_file(tmp_path / "epoch.ckpt", {"state_dict": theirs, "pytorch-lightning_version": "2.0", "loops": {}})
    with pytest.raises(CheckpointError, match="training state") as caught:
        official.read(tmp_path / "epoch.ckpt")
    assert "GPT_weights" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": {"hop_length": 999}}, "hop is 999"),
        ({"data": {"filter_length": "many"}}, "n_fft is 'many'"),
        ({"data": {"filter_length": 1 << 40, "hop_length": 16}}, "spectrogram bins, but has 33"),
        ({"model": {"resblock_dilation_sizes": [[1] * 1000, [1, 3]]}}, "1000 dilations for a block of 2"),
    ],
)
def test_settings_that_lie_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Sizes come from the parameters; what only the settings say must fit them."""
    spec = TINY["v2"]
    theirs = official.TABLES["vits"].rename_to_theirs(part(tiny_weights(spec), "vits"))
    stated = {**_settings_of(spec, "v2", tmp_path).fields}
    for section, values in settings.items():
        stated[section] = {**stated[section].fields, **values}
    write_torch_file(tmp_path / "a.pth", Ordered(weight=theirs, config=stated, info=""))
    with pytest.raises(CheckpointError, match=message):
        vits_config(official.read(tmp_path / "a.pth"))


def test_the_original_loader_reads_what_we_write(tmp_path: Path) -> None:
    """torch.load with a class `utils.HParams` at hand, as in GPT-SoVITS, in a process of its own."""
    spec = TINY["v2ProPlus"]
    write_vits(tmp_path / "a.pth", "v2ProPlus", spec.vits, part(tiny_weights(spec), "vits"), {}, "8epoch_200iteration")
    assert (tmp_path / "a.pth").read_bytes()[:2] == b"06"
    (tmp_path / "utils.py").write_text("class HParams:\n    pass\n")
    process = children.start(children.read_as_the_original_does, str(tmp_path))
    process.join()
    assert process.exitcode == 0
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["file"] == ["OrderedDict", "weight", "config", "info"]
    assert facts["settings"] == ["HParams", "v2ProPlus", 64]
    assert (facts["dtypes"], facts["info"]) == (["torch.float16"], "8epoch_200iteration")
    ours = official.read(tmp_path / "a.pth").weights
    assert facts["sum"] == pytest.approx(sum(value.double().sum().item() for value in ours.values()))
    assert not facts["posterior"]


# --- hostile files -----------------------------------------------------------------------------------------------

COMMAND = "touch executed"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "os.system": lambda: pickled(Call(os.system, COMMAND)),
    "os.system, protocol 0": lambda: pickled(Call(os.system, COMMAND), 0),
    "os.system, protocol 4": lambda: pickled(Call(os.system, COMMAND), 4),
    "eval": lambda: pickled(Call(eval, "open('executed', 'w')")),
    "exec": lambda: pickled(Call(exec, "open('executed', 'w')")),
    "getattr": lambda: pickled(Call(builtins.getattr, Call(__import__, "os"), "system")),
    "Popen": lambda: pickled(Call(subprocess.Popen, ["touch", "executed"])),
    "pickle.loads": lambda: pickled(Call(pickle.loads, pickled(Call(os.system, COMMAND)))),
    "torch.load": lambda: pickled(Call(torch.load, "other.pth")),
    "inside weight": lambda: pickled({"weight": {"x": Call(os.system, COMMAND)}}),
    "inside config": lambda: pickled({"weight": {}, "config": {"a": [1, {"b": Call(os.system, COMMAND)}]}}),
    "as a key": lambda: pickled({"weight": {Call(str, "x"): 1}}),
    "OrderedDict with arguments": lambda: pickled(Call(OrderedDict, [("a", Call(os.system, COMMAND))])),
    "a bare function": lambda: pickled({"weight": os.system}),
    "a class": lambda: pickled({"weight": subprocess.Popen}),
    "the settings class called": lambda: b"\x80\x02cutils\nHParams\n(X\x01\x00\x00\x00atR.",
    "a class whose name only ends alike": lambda: b"\x80\x02cevil\nNotHParams\n)\x81.",
    "attributes of a list": lambda: b"\x80\x02]}b.",
    "attributes by __setstate__": lambda: b"\x80\x02ccollections\nOrderedDict\n)R(N}tb.",
    "an instance by NEWOBJ": lambda: b"\x80\x02cos\nsystem\n)\x81.",
    "an instance by NEWOBJ_EX": lambda: b"\x80\x04cos\nsystem\n)}\x92.",
    "an instance by INST": lambda: b"(S'touch executed'\nios\nsystem\n.",
    "an instance by OBJ": lambda: b"(cos\nsystem\nX\x0e\x00\x00\x00touch executedo.",
    "an extension": lambda: b"\x80\x02\x82\x01.",
    "a global from the stack": lambda: b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0etouch executed\x85R.",
    "a global from the memo": lambda: b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x94h\x02\x8c\x01x\x85R.",
    "a dotted global": lambda: b"\x80\x04\x8c\x05torch\x8c\x0e_utils.os.path\x93.",
    "an unknown memo entry": lambda: b"\x80\x02h\x07.",
    "a huge memo index": lambda: b"\x80\x02Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.",
    "a mark in the memo": lambda: b"\x80\x02(q\x00h\x00e.",
    "a list inside itself": lambda: b"\x80\x02]q\x00h\x00a.",
    "a dictionary inside itself": lambda: b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    "a billion laughs": lambda: b"\x80\x02]q\x00" + b"".join(
        b"](" + b"h" + bytes([level]) + (b"h" + bytes([level])) * 9 + b"eq" + bytes([level + 1]) for level in range(12)
    ) + b".",
    "deep nesting": lambda: b"\x80\x02" + b"]" * 1000 + b"a" * 999 + b".",
    "an empty stack": lambda: b"\x80\x02.",
    "values left over": lambda: b"\x80\x02NN.",
    "bytes after the end": lambda: b"\x80\x02N.N.",
    "no end": lambda: b"\x80\x02N",
    "a string longer than the file": lambda: b"\x80\x02X\xff\xff\xff\x7fabc.",
    "a string of 2**63 bytes": lambda: b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"abc.",
    "not a pickle": lambda: b"hello",
    "nothing": lambda: b"",
    "another outside object": lambda: b"\x80\x02X\x03\x00\x00\x00abcQ.",
    "a storage alone": lambda: b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + 2 * b"X\x01\x00\x00\x000"
    + b"K\x04tQ.",
    "a storage of another kind": lambda: tensor_pickle(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85", b"os\nsystem"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused(name: str, tmp_path: Path, nothing_runs: Path) -> None:
    data = HOSTILE[name]()
    with pytest.raises(CheckpointError):
        official.read(write(tmp_path / "a.pth", torch_zip(data)))
    with pytest.raises(CheckpointError):
        read_pickle(data, lambda class_name: class_name == "utils.HParams")


LONG_MINUS_ONE, BIG = b"J\xff\xff\xff\xff", b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"
TENSORS = {
    "larger than its storage": tensor_pickle(b"K\x04", b"K\x00", b"K\x05\x85", b"K\x01\x85"),
    "an offset beyond the end": tensor_pickle(b"K\x04", b"K\x04", b"K\x01\x85", b"K\x01\x85"),
    "a negative offset": tensor_pickle(b"K\x04", LONG_MINUS_ONE, b"K\x02\x85", b"K\x01\x85"),
    "a negative stride": tensor_pickle(b"K\x04", b"K\x03", b"K\x04\x85", LONG_MINUS_ONE + b"\x85"),
    "a negative size": tensor_pickle(b"K\x04", b"K\x00", LONG_MINUS_ONE + b"\x85", b"K\x01\x85"),
    "a stride that leaves the storage": tensor_pickle(b"K\x04", b"K\x00", b"K\x02\x85", b"K\x04\x85"),
    "a stride of 0 that makes it larger": tensor_pickle(b"K\x01", b"K\x00", b"M\xff\xff\x85", b"K\x00\x85"),
    "a huge size": tensor_pickle(b"K\x04", b"K\x00", BIG + b"\x85", b"K\x00\x85"),
    "a huge storage": tensor_pickle(BIG, b"K\x00", b"K\x04\x85", b"K\x01\x85"),
    "a storage larger than its entry": tensor_pickle(b"M\xff\xff", b"K\x00", b"K\x04\x85", b"K\x01\x85"),
    "a size that is no number": tensor_pickle(b"K\x04", b"K\x00", b"N\x85", b"K\x01\x85"),
    "sizes without strides": tensor_pickle(b"K\x04", b"K\x00", b"K\x04\x85", b")"),
    "a missing storage": tensor_pickle(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85", key=b"9"),
    "a storage outside the archive": tensor_pickle(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85", key=b"../data.pkl"),
    "nine dimensions": tensor_pickle(b"K\x04", b"K\x00", b"(" + b"K\x01" * 9 + b"t", b"(" + b"K\x01" * 9 + b"t"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_stay_inside_their_storage(name: str, tmp_path: Path, nothing_runs: Path) -> None:
    with pytest.raises(CheckpointError):
        official.read_raw(write(tmp_path / "a.pth", torch_zip(TENSORS[name], {"data/0": bytes(16)})))


def test_a_plain_tensor_of_the_same_kind_is_read(tmp_path: Path) -> None:
    """The cases above fail for what they say, not for how they are written."""
    data = tensor_pickle(b"K\x04", b"K\x00", b"K\x02K\x02\x86", b"K\x01K\x02\x86")
    numbers = torch.arange(4, dtype=torch.float32).numpy().tobytes()
    value = official.read_raw(write(tmp_path / "a.pth", torch_zip(data, {"data/0": numbers}))).weights["x"]
    assert value.tolist() == [[0.0, 2.0], [1.0, 3.0]]


@pytest.mark.parametrize(("count", "fine"), [(2, True), (100, False)])
def test_tensors_that_share_one_storage(count: int, fine: bool, tmp_path: Path) -> None:
    """Two over the same numbers are tied weights; a hundred are small on disk and large in memory."""
    thousand = b"M\xe8\x03"
    one = tensor_pickle(thousand, b"K\x00", thousand + b"\x85", b"K\x01\x85")
    start = one.index(b"ctorch")
    head, tensor = one[: start - 6], one[start:-3]  # without the name "x", and without "set, set, end"
    names = [b"X\x02\x00\x00\x00" + f"{index:02}".encode() for index in range(count)]
    data = head + b"(" + b"".join(name + tensor for name in names) + b"us."
    path = write(tmp_path / "a.pth", torch_zip(data, {"data/0": bytes(4000)}))
    if fine:
        assert len(official.read_raw(path).weights) == count
        return
    with pytest.raises(CheckpointError, match="share too few numbers"):
        official.read_raw(path)


def test_a_slice_does_not_keep_its_storage(tmp_path: Path) -> None:
    data = tensor_pickle(b"M\xe8\x03", b"K\x05", b"K\x02\x85", b"K\x01\x85")
    numbers = torch.arange(1000, dtype=torch.float32).numpy().tobytes()
    value = official.read_raw(write(tmp_path / "a.pth", torch_zip(data, {"data/0": numbers}))).weights["x"]
    assert value.tolist() == [5.0, 6.0]
    assert value.untyped_storage().nbytes() == 8


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = tensor_pickle(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85")
    bomb = torch_zip(good, {"data/0": bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="unpacks to too much"):
        official.read_raw(write(tmp_path / "bomb.pth", bomb))
    path = write(tmp_path / "a.pth", torch_zip(good, {"data/0": bytes(16)}))
    for limit, value, message in (
        ("MAX_ENTRIES", 2, "3 entries"), ("MAX_BYTES", 100, "unpacks to"), ("MAX_PICKLE_BYTES", 10, "pickle is larger"),
    ):  # fmt: skip
        with monkeypatch.context() as patch, pytest.raises(CheckpointError, match=message):
            patch.setattr(torchfile, limit, value)
            official.read_raw(path)
    with monkeypatch.context() as patch, pytest.raises(CheckpointError, match="more than 5 steps"):
        patch.setattr(unpickle, "MAX_OPCODES", 5)
        official.read_raw(path)


def test_overlapping_and_repeated_entries(tmp_path: Path) -> None:
    """Two directory records for the same bytes: a bomb without compression."""
    good = tensor_pickle(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85")
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", good)
        archive.writestr("archive/data/0", bytes(1 << 16))
        shadow = archive.infolist()[-1]
        for index in range(20):
            copy = zipfile.ZipInfo(f"archive/data/{index + 1}")
            for field in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(copy, field, getattr(shadow, field))
            archive.filelist.append(copy)
            archive.NameToInfo[copy.filename] = copy
    with pytest.raises(CheckpointError, match="overlap"):
        official.read_raw(path)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("archive/data.pkl", good)
    with pytest.raises(CheckpointError, match="same name"):
        official.read_raw(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PyTorch file"),
        (b"P", "not a PyTorch file"),
        (b"PK\x03\x04 and no more", "cannot be read"),
        (b"05" + b"x" * 400, "cannot be read"),
        (b"\x80\x02}.", "bare pickle or a PyTorch file from before"),
        (b"data".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "old tar kind"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (torch_zip(b"\x80\x02}."), "holds no weights"),
        (torch_zip(b"\x80\x02N."), "holds no weights"),
        (torch_zip(pickled({"weight": {"a": 1}})), "not a tensor"),
    ],
)
def test_other_files_are_told_apart(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        official.read(write(tmp_path / "a.pth", data))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointError, match="There is no file"):
            official.read(path)


def test_damaged_files_never_raise_anything_else(tmp_path: Path, nothing_runs: Path) -> None:
    """Cut at many lengths, and 200 times with a few bytes changed: the file, then the pickle inside a sound zip."""
    spec = TINY["v1"]
    write_gpt(tmp_path / "a.ckpt", spec.gpt, part(tiny_weights(spec), "gpt"), {}, "")
    whole = (tmp_path / "a.ckpt").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.ckpt") as archive:
        stream = archive.read("archive/data.pkl")
        storages = {name[8:]: archive.read(name) for name in archive.namelist() if "/data/" in name}
    path = tmp_path / "b.ckpt"
    for length in range(0, len(whole) - 1, 499):
        with pytest.raises(CheckpointError):
            official.read(write(path, whole[:length]))
    chance = random.Random(0)
    refused = 0
    for _ in range(150):
        changed = bytearray(stream)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            official.read(write(path, torch_zip(bytes(changed), storages)))
        except CheckpointError:
            refused += 1
    assert refused > 50
    for _ in range(50):
        changed = bytearray(whole)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        try:
            official.read(write(path, bytes(changed)))
        except CheckpointError:
            refused += 1
