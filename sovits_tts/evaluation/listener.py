"""A Mandarin recogniser that shares nothing with the model it judges: a recurrent network over mel bands.

None can be had offline, so `scripts/train_mandarin_listener.py` trains one on the recordings that the embedded model
was trained on too. What makes it a judge of its own are another architecture (recurrent, where ours is convolutional
and attentive), another seed, and another set of labels: pinyin initials and finals without tones, read by pypinyin,
where the model's alignments came from toned phonemes of its own frontend. Compare with natural recordings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sovits_tts.audio import Audio
from sovits_tts.errors import ConfigError
from sovits_tts.mel import log_mel, spectrogram
from sovits_tts.text.languages import plugin

RATE, N_FFT, HOP, N_MELS = 16_000, 512, 160, 80
_INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s"
_FINALS = (
    "a o e i u v ai ei ao ou an en ang eng ong er ia ie iao iou ian in iang ing iong ua uo uai uei uan uen uang ueng "
    "ve van vn ê"
)
LABELS = ("", *_INITIALS.split(), *_FINALS.split())  # the first is the blank of CTC


def labels_of(text: str) -> list[str]:
    """Initials and finals of normalised Mandarin text; what pypinyin cannot read is left out."""
    from pypinyin import Style, pinyin

    found: list[str] = []
    for run in re.findall(r"[㐀-鿿]+", text):
        initials, finals = (pinyin(run, style=style, strict=True) for style in (Style.INITIALS, Style.FINALS))
        for (initial,), (final,) in zip(initials, finals, strict=True):
            found += [part for part in (initial, final) if part in LABELS[1:]]
    return found


def mel_bands(samples: Tensor) -> Tensor:
    """(N,) at 16 kHz -> (N_MELS, frames of 10 ms), each band with mean 0 and deviation 1 over the recording."""
    bands = log_mel(spectrogram(samples[None], N_FFT, HOP, 400), RATE, N_MELS)[0]
    return (bands - bands.mean(dim=1, keepdim=True)) / (bands.std(dim=1, keepdim=True) + 1e-3)


class ListenerNetwork(nn.Module):
    """Two strided convolutions, then gated recurrent units in both directions; 25 frames a second come out."""

    def __init__(self, channels: int = 256, d_hidden: int = 224, n_layers: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(N_MELS, channels, 5, stride=2, padding=2), nn.ReLU(), nn.Dropout(dropout),
            nn.Conv1d(channels, channels, 5, stride=2, padding=2), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.recurrent = nn.GRU(
            channels, d_hidden, n_layers, batch_first=True, bidirectional=True, dropout=dropout
        )  # fmt: skip
        self.output = nn.Linear(2 * d_hidden, len(LABELS))

    def forward(self, bands: Tensor) -> Tensor:
        """(B, N_MELS, T) -> log-probabilities (B, ceil(T / 4), labels)"""
        hidden, _ = self.recurrent(self.convolutions(bands).transpose(1, 2))
        return self.output(hidden).log_softmax(dim=-1)


class MandarinListener:
    """Pinyin initials and finals, from a file that `scripts/train_mandarin_listener.py` wrote."""

    name = "Mandarin listener"
    unit = "phoneme"
    independent = True
    languages: tuple[str, ...] = ("zh",)

    def __init__(self, weights: Path | Mapping[str, Tensor]) -> None:
        """Raises ConfigError for a file that is missing or no listener."""
        self.network = ListenerNetwork()
        try:
            self.network.load_state_dict(load_file(weights) if isinstance(weights, Path) else dict(weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ConfigError(
                f"There is no Mandarin listener in {weights}: {error}",
                hint="Train one with scripts/train_mandarin_listener.py.",
            ) from error
        self.network.eval()

    def wanted(self, text: str, language: str) -> list[str]:
        return labels_of(plugin("zh").normalize(text).text)

    @torch.inference_mode()
    def heard(self, audio: Audio, language: str) -> list[str]:
        samples = torch.tensor(audio.resample(RATE).samples)
        best = self.network(mel_bands(samples)[None])[0].argmax(dim=-1).unique_consecutive()
        return [LABELS[index] for index in best.tolist() if index]
