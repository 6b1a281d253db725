"""HiFi-GAN generator: latent frames -> waveform, by learned upsampling. Kong et al. 2020.

With `istft_size` the last stages give way to an inverse short-time Fourier transform (iSTFTNet, Kaneko et al. 2022):
the network says magnitude and phase of short overlapping frames. Half the work for the same parameters.
With `source_rate` as well, it says filters for pulses and noise instead: see `models.source`.

Each upsampling stage is followed by the mean of several residual blocks with different widths. As in VITS, the voice
vector is added after the first convolution. The last LeakyReLU has slope 0.01, all others 0.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_tts.models.source import Melody, PitchHead, SourceFilter
from sovits_tts.models.weight_norm import weight_norm

SLOPE = 0.1


def _conv(channels: int, kernel: int, dilation: int) -> nn.Module:
    return weight_norm(nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2))


class ResidualBlock1(nn.Module):
    """For each dilation: a dilated convolution, a plain one, and the residual sum."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for conv1, conv2 in zip(self.convs1, self.convs2, strict=True):
            x = x + conv2(F.leaky_relu(conv1(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class ResidualBlock2(nn.Module):
    """For each dilation: one dilated convolution and the residual sum. About half the work of type 1."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(channels, kernel, dilation) for dilation in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, SLOPE))
        return x


_BLOCKS = {1: ResidualBlock1, 2: ResidualBlock2}


class InverseSTFT(nn.Module):
    """Channels (B, size + 2, T): log-magnitude and phase of a Hann-windowed frame -> (B, 1, T * size / 4)."""

    LOUDEST = 5.0  # of the log-magnitude, against overflow in the first steps

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.hop = size, size // 4
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        self.window: Tensor

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x.float(), (1, 0), mode="replicate")  # T + 1 centred frames span T hops
        magnitude, phase = x[:, : self.size // 2 + 1], x[:, self.size // 2 + 1 :]
        magnitude = magnitude.clamp(max=self.LOUDEST).exp()
        spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        return torch.istft(spectrum, self.size, self.hop, window=self.window.float(), center=True)[:, None]


class HiFiGAN(nn.Module):
    """`d_style` = 0 makes a plain vocoder without a voice input; `istft_size` = 0 upsamples to the last sample."""

    def __init__(
        self,
        d_input: int,
        d_style: int,
        channels: int,
        upsample_rates: Sequence[int],
        upsample_kernels: Sequence[int],
        resblock_type: int,
        resblock_kernels: Sequence[int],
        resblock_dilations: Sequence[Sequence[int]],
        output_bias: bool = False,
        istft_size: int = 0,
        source_rate: int = 0,
        contrast: tuple[float, float] = (1.0, 1.0),
        pitch_range: float = 1.0,
    ) -> None:
        super().__init__()
        self.input_conv = nn.Conv1d(d_input, channels, 7, padding=3)
        self.condition = nn.Conv1d(d_style, channels, 1) if d_style else None
        self.upsamples = nn.ModuleList()
        self.blocks = nn.ModuleList()
        self.blocks_per_stage = len(resblock_kernels)
        for rate, kernel in zip(upsample_rates, upsample_kernels, strict=True):
            upsample = nn.ConvTranspose1d(channels, channels // 2, kernel, stride=rate, padding=(kernel - rate) // 2)
            self.upsamples.append(weight_norm(upsample))
            channels //= 2
            for width, dilations in zip(resblock_kernels, resblock_dilations, strict=True):
                self.blocks.append(_BLOCKS[resblock_type](channels, width, dilations))
        self.istft = InverseSTFT(istft_size) if istft_size and not source_rate else None
        self.source = SourceFilter(istft_size, source_rate, contrast) if source_rate else None
        self.pitch = PitchHead(d_input, d_style, pitch_range=pitch_range) if source_rate else None
        n_outputs = istft_size + 2 if istft_size else 1
        self.output_conv = nn.Conv1d(channels, n_outputs, 7, padding=3, bias=output_bias or bool(istft_size))

    def forward(
        self,
        x: Tensor,
        style: Tensor | None = None,
        pitch: Tensor | None = None,
        melody: Melody | None = None,
    ) -> Tensor:
        """x: (B, d_input, T), style: (B, d_style, 1) -> waveform (B, 1, T * hop), in [-1, 1] without `istft_size`.

        hop:   product of the rates, times `istft_size` / 4 if that is set
        pitch: (B, 2, T) of the recording, in training of a decoder with a source; None: what its head says,
               in the `melody` of a voice if that is given
        """
        if self.pitch is not None and pitch is None:
            pitch = self.pitch.decided(x, cast(Tensor, style), melody)
        x = self.input_conv(x)
        if self.condition is not None:
            x = x + self.condition(style)
        for stage, upsample in enumerate(self.upsamples):
            x = upsample(F.leaky_relu(x, SLOPE))
            first = stage * self.blocks_per_stage
            blocks = self.blocks[first : first + self.blocks_per_stage]
            x = sum(block(x) for block in blocks) / self.blocks_per_stage
        x = self.output_conv(F.leaky_relu(x, 0.01))
        if self.source is not None:
            return cast(Tensor, self.source(x, pitch))
        return torch.tanh(x) if self.istft is None else self.istft(x)
