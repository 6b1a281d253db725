"""Source and filter: pulses at the pitch and noise, each shaped by magnitudes that the decoder says.

A convolution on latent frames that repeat can only make sounds that repeat with them: every period of a voice has to be
paid for in the latent. So pitch becomes an input of its own, predicted from the latent (as in HiFTNet, Li et al. 2023),
and the network says two filters for each short frame instead of a spectrum (as in DDSP, Engel et al. 2020).

Shapes: `B` batch, `T` latent frames, `F` frames of the inverse STFT. Pitch is (B, 2, T): octaves above `MIDDLE`, also
where nothing is voiced, and how voiced a frame is, 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIDDLE = 150.0  # Hz
_RANGE = (-1.5, 2.0)  # octaves that the head may say: 53 to 600 Hz
_FORMANT = 500.0  # Hz either side: `contrast` lifts what stands out of this neighbourhood
_LEAST, _MOST = 0.5, 4.0  # that a melody is widened
_SETTLED = 15  # voiced latent frames that tell half of how wide a melody is
_LOUDEST = 3.0  # of a filter's log-magnitude, against overflow in the first steps


@dataclass(frozen=True)
class Melody:
    """What is known of a voice's pitch, in octaves: where its middle lies above `MIDDLE`, and `pitch_spread`."""

    level: float
    spread: float


def pitch_spread(octaves: Tensor) -> float:
    """Standard deviation of a normal distribution with the same 10th and 90th percentile: a slip of the pitch tracker
    by an octave counts for little. octaves: (n,) of voiced frames, n > 0"""
    low, high = torch.quantile(octaves.float(), octaves.new_tensor([0.1, 0.9], dtype=torch.float32)).tolist()
    return (high - low) / 2.563


class PitchHead(nn.Module):
    """Latent (B, d_input, T) and style (B, d_style, 1) -> (B, 2, T): octaves, and the logit of being voiced."""

    def __init__(self, d_input: int, d_style: int, d_hidden: int = 64, pitch_range: float = 1.0) -> None:
        super().__init__()
        self.range = pitch_range
        self.input_conv = nn.Conv1d(d_input, d_hidden, 5, padding=2)
        self.condition = nn.Conv1d(d_style, d_hidden, 1)
        self.hidden_conv = nn.Conv1d(d_hidden, d_hidden, 5, padding=2)
        self.output_conv = nn.Conv1d(d_hidden, 2, 1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = F.leaky_relu(self.input_conv(x) + self.condition(style), 0.1)
        return cast(Tensor, self.output_conv(F.leaky_relu(self.hidden_conv(x), 0.1)))

    def decided(self, x: Tensor, style: Tensor, melody: Melody | None = None) -> Tensor:
        """The pitch to speak with: a frame voiced or not, octaves within the range.

        melody: of the voice; None: as the head says, which for a voice it never heard is too near to the others

        What a head says of pitch is the middle of what it could be, so a melody is flatter than any that was heard. It
        is widened about its mean: as far as the voice's, where that is known, else by `pitch_range`.
        """
        octaves, logit = self(x, style).float().chunk(2, dim=1)
        voiced = (logit > 0).float()
        mean = (octaves * voiced).sum(dim=2, keepdim=True) / voiced.sum(dim=2, keepdim=True).clamp(min=1)
        level: Tensor | float = mean
        factor: Tensor | float = self.range
        if melody is not None:
            level = melody.level
            factor = self._widening(octaves, voiced, melody.spread)
        return torch.cat([(level + factor * (octaves - mean)).clamp(*_RANGE), voiced], dim=1)

    def _widening(self, octaves: Tensor, voiced: Tensor, spread: float) -> Tensor:
        """(B, 1, 1) that brings a melody to a spread; for less than a second, which hardly has one, nearly `range`."""
        factors = []
        for row, heard in zip(octaves[:, 0], voiced[:, 0] > 0, strict=True):
            share = float(heard.sum()) / (float(heard.sum()) + _SETTLED)
            own = pitch_spread(row[heard]) if share else 0.0
            known = min(max(spread / max(own, 1e-3), _LEAST), _MOST)
            factors.append(self.range ** (1 - share) * known**share)
        return octaves.new_tensor(factors)[:, None, None]


class SourceFilter(nn.Module):
    """Channels (B, size + 2, F): log-magnitudes of the filters of pulses and noise -> waveform (B, 1, F * size / 4)."""

    def __init__(self, size: int, sample_rate: int, contrast: tuple[float, float] = (1.0, 1.0)) -> None:
        super().__init__()
        self.size, self.hop, self.sample_rate, self.contrast = size, size // 4, sample_rate, contrast
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        self.window: Tensor

    def forward(self, x: Tensor, pitch: Tensor) -> Tensor:
        """pitch: (B, 2, T) where T divides F"""
        if not self.training:
            x = self.widened(x)
        # F + 1 centred frames span F hops
        filters = F.pad(x.float().clamp(max=_LOUDEST), (1, 0), mode="replicate").exp()
        of_pulses, of_noise = filters[:, : self.size // 2 + 1], filters[:, self.size // 2 + 1 :]
        samples = x.shape[-1] * self.hop
        spectrum = of_pulses * self._spectrum(pulses(pitch.float(), samples, self.sample_rate))
        spectrum = spectrum + of_noise * self._spectrum(self._noise(len(x), samples, x.device))
        return torch.istft(spectrum, self.size, self.hop, window=self.window.float(), center=True)[:, None]

    def widened(self, x: Tensor) -> Tensor:
        """With `contrast`, in time and over frequency: learned magnitudes are medians, and move less than speech does.

        Global variance compensation (Toda and Tokuda 2007), and a formant post-filter.
        """
        in_time, over_frequency = self.contrast
        if in_time != 1:
            mean = x.mean(dim=2, keepdim=True)
            x = mean + in_time * (x - mean)
        if over_frequency != 1:
            both = x.unflatten(1, (2, -1)).transpose(2, 3)  # (B, pulses or noise, F, bins)
            reach = round(_FORMANT * self.size / self.sample_rate)
            padded = F.pad(both.flatten(0, 1), (reach, reach), mode="replicate")
            smooth = F.avg_pool1d(padded, 2 * reach + 1, 1).view_as(both)
            x = (smooth + over_frequency * (both - smooth)).transpose(2, 3).flatten(1, 2)
        return x

    def _spectrum(self, wave: Tensor) -> Tensor:
        window = self.window.float()
        return torch.stft(wave, self.size, self.hop, window=window, center=True, return_complex=True)

    def _noise(self, rows: int, samples: int, device: torch.device) -> Tensor:
        """New in every step of training; outside it the same for every row and call, so that results repeat."""
        if self.training:
            return torch.randn(rows, samples, device=device)
        drawn = torch.randn(1, samples, generator=torch.Generator().manual_seed(0))
        return drawn.to(device).expand(rows, -1)


def pulses(pitch: Tensor, samples: int, sample_rate: int) -> Tensor:
    """(B, 2, T) -> (B, samples) of loudness 1 where voiced: all harmonics up to half the sample rate, in phase."""
    octaves, voiced = F.interpolate(pitch, samples, mode="linear").unbind(dim=1)
    f0 = MIDDLE * torch.exp2(octaves)
    # Cycles so far, without their whole part: added up frame by frame, fp32 is exact enough for any length.
    steps = (f0 / sample_rate).unflatten(1, (pitch.shape[-1], -1))
    within = steps.cumsum(dim=-1)
    of_frames = within[..., -1] % 1
    cycles = (within + (of_frames.cumsum(dim=-1) - of_frames)[..., None]).flatten(1) % 1
    count = torch.floor(0.5 * sample_rate / f0)  # harmonics
    half = math.pi * cycles  # half the phase: the sum of cosines is a Dirichlet kernel
    sine = half.sin()
    near = sine.abs() < 1e-3
    summed = torch.where(near, count, ((2 * count + 1) * half).sin() / (2 * torch.where(near, 1.0, sine)) - 0.5)
    return summed * voiced * (2 / count).sqrt()


def pitch_loss(predicted: Tensor, pitch: Tensor, mask: Tensor) -> Tensor:
    """Octaves off where voiced, and cross-entropy of being voiced, in nats; means over frames of `mask` (B, 1, T)."""
    octaves, logit = predicted.float().chunk(2, dim=1)
    target, voiced = pitch.float().chunk(2, dim=1)
    weight = voiced * mask
    off = ((octaves - target).abs() * weight).sum() / weight.sum().clamp(min=1)
    entropy = F.binary_cross_entropy_with_logits(logit, voiced, reduction="none")
    return off + (entropy * mask).sum() / mask.sum()
