"""Speaker verification: a clip -> one vector that says who speaks.

ERes2NetV2 (Chen et al., "ERes2NetV2: boosting short-duration speaker verification performance with computational
efficiency", Interspeech 2024): a Res2Net whose scales are fused by attention in its two upper stages, and whose
third and fourth stages are fused once more. What is unusual:
- inside a block the ReLU is clamped at 20;
- the VITS stage reads the fused map averaged over time (`forward`), not the embedding trained for verification
  (`embed`), because that is what it was trained on.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from sovits_tts.specs import SpeakerConfig


def fbank(samples: Tensor, n_mels: int = 80) -> Tensor:
    """Kaldi log-mel filterbank: mono samples (N,) at 16 kHz in [-1, 1] -> (T, n_mels), 100 frames per second.

    25 ms Povey windows every 10 ms without padding, pre-emphasis 0.97, 20 Hz to 8 kHz, no dither, no mean removal.
    """
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = 16000
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = n_mels
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(16000, samples.detach().cpu().float().numpy())
    computer.input_finished()
    frames = [computer.get_frame(index) for index in range(computer.num_frames_ready)]
    return torch.from_numpy(np.stack(frames)) if frames else torch.zeros(0, n_mels)


def _clamped(x: Tensor) -> Tensor:
    return x.clamp(0.0, 20.0)


class Fusion(nn.Module):
    """Attentional fusion of two maps (B, C, F, T): one weight per position says how much of each to take."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        inner = channels // reduction
        self.attention = nn.Sequential(
            nn.Conv2d(2 * channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.SiLU(),
            nn.Conv2d(inner, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        weight = 1.0 + torch.tanh(self.attention(torch.cat([x, y], dim=1)))  # in (0, 2)
        return x * weight + y * (2.0 - weight)


class Block(nn.Module):
    """Res2Net bottleneck: channels are split into `scale` groups, each convolved after adding the one before."""

    def __init__(self, config: SpeakerConfig, d_in: int, planes: int, stride: int, fused: bool) -> None:
        super().__init__()
        width = planes * config.base_width // 64
        d_out = planes * config.expansion
        self.reduce = nn.Conv2d(d_in, width * config.scale, 1, stride, bias=False)
        self.reduce_norm = nn.BatchNorm2d(width * config.scale)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(config.scale))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(config.scale))
        self.fusions = nn.ModuleList(Fusion(width) for _ in range(config.scale - 1)) if fused else None
        self.expand = nn.Conv2d(width * config.scale, d_out, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(d_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or d_in != d_out:
            self.shortcut = nn.Sequential(nn.Conv2d(d_in, d_out, 1, stride, bias=False), nn.BatchNorm2d(d_out))

    def forward(self, x: Tensor) -> Tensor:
        groups = _clamped(self.reduce_norm(self.reduce(x))).chunk(len(self.convs), dim=1)
        outputs: list[Tensor] = []
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            group = groups[index]
            if outputs and self.fusions is not None:
                group = self.fusions[index - 1](outputs[-1], group)
            elif outputs:
                group = outputs[-1] + group
            outputs.append(_clamped(norm(conv(group))))
        y = self.expand_norm(self.expand(torch.cat(outputs, dim=1)))
        return _clamped(y + self.shortcut(x))


class SpeakerEncoder(nn.Module):
    """ERes2NetV2: filterbank (B, T, F) -> speaker vector (B, d_vector)."""

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        stages, d_in = [], width
        for index, n_blocks in enumerate(config.blocks):
            planes = width * 2**index
            blocks = []
            for block in range(n_blocks):
                stride = 2 if index > 0 and block == 0 else 1
                blocks.append(Block(config, d_in, planes, stride, fused=index >= len(config.blocks) - 2))
                d_in = planes * config.expansion
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.downsample = nn.Conv2d(d_in // 2, d_in, 3, 2, padding=1, bias=False)
        self.fusion = Fusion(d_in)
        self.embedding = nn.Linear(2 * config.d_vector, config.d_embedding)

    def _fused(self, features: Tensor) -> Tensor:
        """(B, T, F) -> fused map with channels and bands flattened, (B, d_vector, T / 8)."""
        x = features.transpose(1, 2)[:, None]  # (B, 1, F, T)
        x = relu(self.stem_norm(self.stem(x)))
        previous = x
        for stage in self.stages:
            previous, x = x, stage(x)
        return self.fusion(x, self.downsample(previous)).flatten(1, 2)

    def forward(self, features: Tensor) -> Tensor:
        """`fbank` features (B, T, F) -> the vector the VITS stage reads, (B, d_vector)."""
        return self._fused(features).mean(-1)

    def embed(self, features: Tensor) -> Tensor:
        """`fbank` features (B, T, F) -> verification embedding (B, d_embedding), compared by cosine."""
        fused = self._fused(features)
        deviation = torch.sqrt(fused.var(-1) + 1e-8)
        return self.embedding(torch.cat([fused.mean(-1), deviation], dim=-1))

    @torch.no_grad()
    def vector(self, samples: Tensor) -> Tensor:
        """Mono samples (N,) at 16 kHz in [-1, 1] -> (1, d_vector) on the network's device."""
        weight = self.stem.weight
        features = fbank(samples, self.config.n_mels).to(weight.device, weight.dtype)
        return self(features[None])
