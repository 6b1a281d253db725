"""Separation before cutting: nothing is fetched unasked, and what is missing is named."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sovits_tts.app.cli import run
from sovits_tts.data import separate
from sovits_tts.data.prepare import PrepareConfig, prepare
from sovits_tts.data.separate import SeparateSettings, Separator
from sovits_tts.errors import ConfigError, MissingDependency
from tests.tiny_model import speech, write_model

needs_separator = pytest.mark.skipif(
    not (find_spec("audio_separator") and find_spec("onnxruntime")),
    reason='audio-separator is not installed: pip install "sovits-tts[separate]"',
)


def field(number: int, value: bytes | int | str) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def identity_network(frames: int) -> bytes:
    """An ONNX file whose network gives back what it is given: (batch, 4, 2048, frames)."""

    def tensor(name: str) -> bytes:
        dims = b"".join(field(1, field(2, "batch") if d == 0 else field(1, d)) for d in (0, 4, 2048, frames))
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))

    node = field(1, "input") + field(2, "output") + field(4, "Identity")
    graph = field(1, node) + field(2, "graph") + field(11, tensor("input")) + field(12, tensor("output"))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def model_folder(folder: Path) -> Path:
    """As audio-separator keeps it: the model, the lists it looks models up in, and its parameters by content."""
    folder.mkdir()
    path = folder / "tiny.onnx"
    path.write_bytes(identity_network(256))
    names = ("vr", "mdx", "mdx_vip", "demucs", "mdx23c", "mdx23c_vip", "roformer")
    lists: dict[str, dict[str, str]] = {
        f"{name.removesuffix('_vip')}_download{'_vip' * name.endswith('_vip')}_list": {} for name in names
    }
    lists["mdx_download_list"] = {"MDX-Net Model: tiny": path.name}
    (folder / "download_checks.json").write_text(json.dumps(lists))
    (folder / "vr_model_data.json").write_text("{}")
    facts = {"compensate": 1.0, "mdx_dim_f_set": 2048, "mdx_dim_t_set": 8, "mdx_n_fft_scale_set": 6144,
             "primary_stem": "Vocals"}  # fmt: skip
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    (folder / "mdx_model_data.json").write_text(json.dumps({digest: facts}))
    return path


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SeparateSettings().check()
    for model in ("", "htdemucs.yaml", "x.th"):
        with pytest.raises(ConfigError, match=r"needs the file of a model"):
            SeparateSettings(True, model).check()
    monkeypatch.setattr(separate, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"sovits-tts\[separate\]"):
        SeparateSettings(True, "a.onnx").check()
    monkeypatch.setattr(separate, "find_spec", lambda name: name)
    with pytest.raises(ConfigError, match=r"lacks a\.onnx, which separating needs"):
        SeparateSettings(True, str(tmp_path / "a.onnx")).check()
    (tmp_path / "a.onnx").touch()
    with pytest.raises(ConfigError, match=r"lacks download_checks\.json"):
        SeparateSettings(True, str(tmp_path / "a.onnx")).check()
    SeparateSettings(True, str(tmp_path / "a.onnx"), download=True).check()


def test_the_command_says_so_before_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speech(3).save(tmp_path / "in" / "a.wav")
    options = ["prepare", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--separate", "model.yaml"]
    assert run(options) == 2
    assert "needs the file of a model, not 'model.yaml'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_separator
def test_a_model_of_the_users_separates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real package with a network that changes nothing: what goes in comes out, and nothing is fetched."""

    def refuse(*address: object) -> None:
        raise AssertionError(f"it wants to connect to {address}")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)  # it asks for ffmpeg only outside of tests
    settings = SeparateSettings(True, str(model_folder(tmp_path / "models")))
    voice = speech(4, rate=24000)
    back = Separator(settings).vocals(voice)
    assert (len(back), back.sample_rate) == (len(voice), voice.sample_rate)
    left, right = (audio.samples[2400:-2400] for audio in (voice, back))
    assert np.corrcoef(left, right)[0, 1] > 0.98

    voice.save(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "a.lab").write_text("Hello there.")
    config = PrepareConfig(model=str(write_model(tmp_path / "model")), language="en", separate=settings)
    assert len(prepare(tmp_path / "in", tmp_path / "out", config).clips) == 1
