"""The Mandarin listener: its labels, what it hears, and where it is taken from. Its training is a script."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sovits_tts.errors import ConfigError
from sovits_tts.evaluation.listener import LABELS, ListenerNetwork, MandarinListener, labels_of, mel_bands
from sovits_tts.evaluation.recognise import independent_recogniser
from tests.tiny_model import speech


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_file(ListenerNetwork().state_dict(), tmp_path / "listener.safetensors")
    return tmp_path / "listener.safetensors"


def test_labels_are_initials_and_finals_without_tones() -> None:
    assert labels_of("女儿去云南") == ["n", "v", "er", "q", "v", "vn", "n", "an"]
    assert labels_of("安静，好吗？ok") == ["an", "j", "ing", "h", "ao", "m", "a"]
    assert len(set(LABELS)) == len(LABELS) == 1 + 21 + 37


def test_numbers_are_read_before_they_are_spelled(file: Path) -> None:
    assert MandarinListener(file).wanted("3个", "zh") == ["s", "an", "g", "e"]


def test_it_says_the_labels_its_network_finds_once_each(file: Path) -> None:
    listener, sound = MandarinListener(file), speech(2.0)
    bands = mel_bands(torch.tensor(sound.resample(16_000).samples))
    assert bands.shape == (80, 200) and bands.mean(dim=1).abs().max() < 1e-4

    class Told(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape == (1, 80, 200)
            return torch.nn.functional.one_hot(torch.tensor([[0, 5, 5, 0, 5, 30, 0, 0]]), len(LABELS)).float()

    assert listener.network(bands[None]).shape == (1, 50, len(LABELS))
    listener.network = Told()  # type: ignore[assignment]
    assert listener.heard(sound, "zh") == [LABELS[5], LABELS[5], LABELS[30]]


def test_it_judges_mandarin_where_its_file_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOVITS_TTS_WHISPER", raising=False)
    monkeypatch.delenv("SOVITS_TTS_MANDARIN", raising=False)
    assert independent_recogniser("zh") is None
    monkeypatch.setenv("SOVITS_TTS_MANDARIN", str(file))
    found = independent_recogniser("zh")
    assert found is not None and found.independent and found.name == "Mandarin listener"
    file.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="train_mandarin_listener"):
        independent_recogniser("zh")
