"""The critics of adversarial training: one on the raw waveform, one for each period. Kong et al. 2020 (HiFi-GAN).

Each returns its score map and the outputs of its layers, which the feature-matching loss compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from sovits_tts.models.weight_norm import weight_norm

SLOPE = 0.1


@dataclass
class Judgement:
    score: Tensor  # (B, .) near 1 for real, near 0 for generated
    features: list[Tensor]  # one per layer, the score map last


class _Discriminator(nn.Module):
    convs: nn.ModuleList
    output_conv: nn.Module

    def judge(self, x: Tensor) -> Judgement:
        features = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
            features.append(x)
        x = self.output_conv(x)
        features.append(x)
        return Judgement(x.flatten(1), features)


class ScaleDiscriminator(_Discriminator):
    """Strided, grouped convolutions on the waveform itself; the last of `channels` is a dense one."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        convs = [nn.Conv1d(1, channels[0], 15, padding=7)]
        for before, after in pairwise(channels[:-1]):
            convs.append(nn.Conv1d(before, after, 41, stride=4, groups=max(1, before // 4), padding=20))
        convs.append(nn.Conv1d(channels[-2], channels[-1], 5, padding=2))
        self.convs = nn.ModuleList(weight_norm(conv) for conv in convs)
        self.output_conv = weight_norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, wave: Tensor) -> Judgement:
        """wave: (B, 1, N)"""
        return self.judge(wave)


class PeriodDiscriminator(_Discriminator):
    """Folds the waveform into rows of `period` samples and convolves along each column."""

    def __init__(self, period: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        widths = [1, *channels]
        strides = [3] * (len(channels) - 1) + [1]
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (5, 1), stride=(stride, 1), padding=(2, 0)))
            for before, after, stride in zip(widths[:-1], channels, strides, strict=True)
        )
        self.output_conv = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wave: Tensor) -> Judgement:
        """wave: (B, 1, N); its end is mirrored up to a whole number of periods"""
        wave = F.pad(wave, (0, -wave.shape[-1] % self.period), mode="reflect")
        return self.judge(wave.unflatten(-1, (-1, self.period)))


class Discriminators(nn.Module):
    """The scale discriminator first, then one for each period."""

    def __init__(self, periods: Sequence[int], scale_channels: Sequence[int], period_channels: Sequence[int]) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList([ScaleDiscriminator(scale_channels)])
        self.discriminators.extend(PeriodDiscriminator(period, period_channels) for period in periods)

    def forward(self, wave: Tensor) -> list[Judgement]:
        """wave: (B, 1, N). For a real and a generated wave, call it twice or on both concatenated along the batch."""
        return [discriminator(wave) for discriminator in self.discriminators]
