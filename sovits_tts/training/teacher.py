"""The alignment teacher: a convolutional phoneme recogniser that finds out when each phoneme is spoken.

It is trained twice: with CTC (Graves et al. 2006), which needs no times but peaks, then frame by frame on the times
the first pass found, with one state per phoneme and an optional silence between any two. Only its alignments are
kept; they supervise the content encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sovits_tts.training.precision import Precision
from sovits_tts.training.schedule import set_learning_rate, warmup_cosine

FRAME_RATE = 100 / 3  # frames per second of the teacher
N_MELS = 64


class LogMel(nn.Module):
    """16 kHz waveform (B, N) -> normalised log-mels (B, 64, N / 160)."""

    def __init__(self) -> None:
        super().__init__()
        import librosa

        filters = librosa.filters.mel(sr=16000, n_fft=512, n_mels=N_MELS, fmin=40, fmax=7600)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(400), persistent=False)
        self.filters: Tensor
        self.window: Tensor

    @torch.no_grad()
    def forward(self, wave: Tensor) -> Tensor:
        power = torch.stft(wave, 512, 160, 400, self.window, return_complex=True).abs().square()
        mel = torch.log(self.filters @ power + 1e-6)
        return (mel - mel.mean(dim=2, keepdim=True)) / 3.0


class Block(nn.Module):
    """Residual dilated convolution, pre-activation."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.conv = nn.Conv1d(channels, channels, 5, dilation=dilation, padding=2 * dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.conv(F.relu(self.norm(x))))


class Teacher(nn.Module):
    """Log-mels (B, 64, T100) -> CTC logits (B, T33, n_labels + 1; 0 is blank) and frame logits of the same shape
    (0 is silence)."""

    def __init__(self, n_labels: int, channels: int = 256, n_blocks: int = 12, dropout: float = 0.1) -> None:
        super().__init__()
        self.n_labels = n_labels
        self.stem = nn.Conv1d(N_MELS, channels, 9, stride=3, padding=4)
        self.blocks = nn.Sequential(*(Block(channels, 2 ** (i % 4), dropout) for i in range(n_blocks)))
        self.norm = nn.BatchNorm1d(channels)
        self.ctc = nn.Linear(channels, n_labels + 1)
        self.frame = nn.Linear(channels, n_labels + 1)

    def hidden(self, mel: Tensor) -> Tensor:
        return F.relu(self.norm(self.blocks(self.stem(mel)))).transpose(1, 2)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden(mel)
        return self.ctc(hidden), self.frame(hidden)


def spec_augment(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Two frequency and some time masks per item (Park et al. 2019)."""
    mel = mel.clone()
    for item in mel:
        for _ in range(2):
            width = int(rng.integers(0, 14))
            start = int(rng.integers(0, N_MELS - width))
            item[start : start + width] = 0
        for _ in range(max(1, item.shape[1] // 300)):
            width = int(rng.integers(0, 25))
            start = int(rng.integers(0, max(1, item.shape[1] - width)))
            item[:, start : start + width] = 0
    return mel


@dataclass(frozen=True)
class TeacherBatch:
    mel: Tensor  # (B, 64, T100)
    lengths: Tensor  # (B,) teacher frames
    labels: Tensor  # concatenated label ids, 1-based
    label_lengths: Tensor  # (B,)
    frames: Tensor | None = None  # (B, T33) frame targets, 0 silence, -100 ignored


class TeacherStage:
    """One step of either pass: CTC while batches carry no frame targets, both losses when they do."""

    name = "teacher"

    def __init__(self, n_labels: int, total_steps: int, peak_lr: float = 2e-3, device: str = "cpu") -> None:
        self.device = device
        self.network = Teacher(n_labels).to(device)
        self.precision = Precision(self.network, device)
        self.optimizer = torch.optim.AdamW(
            self.precision.parameters, lr=peak_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.schedule = warmup_cosine(peak_lr, warmup=min(100, total_steps // 10), total=total_steps)

    def step(self, batch: TeacherBatch, step: int) -> dict[str, float]:
        self.network.train()
        lr = set_learning_rate(self.optimizer, self.schedule(step))
        with self.precision.autocast():
            ctc, frame = self.network(self.precision.input(batch.mel))
        log_probs = ctc.float().log_softmax(2).transpose(0, 1)
        values: dict[str, Any] = {
            "ctc": F.ctc_loss(log_probs, batch.labels, batch.lengths, batch.label_lengths, zero_infinity=True)
        }
        loss = values["ctc"]
        if batch.frames is not None:
            target = batch.frames.to(self.device)
            values["frame"] = F.cross_entropy(frame.float().transpose(1, 2), target, ignore_index=-100)
            loss = 0.3 * loss + values["frame"]
        loss.backward()
        self.precision.update(self.optimizer, max_norm=5.0)
        return {**{k: v.item() for k, v in values.items()}, "lr": lr}

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.precision.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.precision.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
