"""Conditional flow matching: a path from the prior's noise to the latent of speech. Lipman et al. 2023; in speech
Mehta et al. 2024 (Matcha-TTS).

The prior says a mean and a spread for every number of the latent, as if each were drawn alone. Speech is not like that:
formants, pitch and loudness move together. So a network says, for every moment between noise (0) and speech (1), where
a sample is heading, and synthesis follows it in a few steps. Unlike the couplings of `models.flow` it needs no inverse,
so any network will do, and it learns from a squared error.

Everything happens in units of the prior, (z - mean) / std: a network that says nothing leaves a plain sample of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sovits_tts.models.prior import Prior
from sovits_tts.models.wavenet import WaveNet

_KERNEL, _DILATION = 3, 2  # of the WaveNet: each layer sees twice as far as the one before it
_WAVES = 32  # frequencies that tell the time
_FARTHEST = 8.0  # spreads from the mean that a target may be
_FINISHING_NOISE, _FINISHING_STEPS = 0.3, 3  # as much as synthesis uses
_STARTS = (0.1, 0.7)
DRAWS = 2  # moments that each row is asked about in one step: cheap, next to the prior


class FlowMatching(nn.Module):
    def __init__(
        self, channels: int, d_condition: int, d_hidden: int, n_layers: int, d_style: int, n_steps: int
    ) -> None:
        """d_condition: of `Prior.hidden`; n_steps: Euler steps of synthesis"""
        super().__init__()
        self.n_steps = n_steps
        self.input_projection = nn.Conv1d(channels + d_condition, d_hidden, 1)
        self.wavenet = WaveNet(d_hidden, _KERNEL, n_layers, d_style, _DILATION)
        self.output_projection = nn.Conv1d(d_hidden, channels, 1)
        self.time_projection = nn.Sequential(
            nn.Linear(2 * _WAVES, 4 * _WAVES), nn.SiLU(), nn.Linear(4 * _WAVES, d_style)
        )
        for parameter in self.output_projection.parameters():
            nn.init.zeros_(parameter)  # starts as the prior alone

    def forward(self, x: Tensor, time: Tensor, hidden: Tensor, mask: Tensor, style: Tensor) -> Tensor:
        """Where a sample is heading.

        x: (B, C, T) in units of the prior; time: (B,) from 0 to 1; hidden: (B, d_condition, T); mask: (B, 1, T)
        style: (B, d_style, 1) -> (B, C, T)
        """
        frequencies = torch.exp(torch.arange(_WAVES, device=x.device) * (math.log(1000.0) / _WAVES))
        angles = time.float()[:, None] * frequencies
        waves = torch.cat([angles.sin(), angles.cos()], dim=1).to(x.dtype)
        moment = style + self.time_projection(waves)[:, :, None]
        inner = self.input_projection(torch.cat([x, hidden], dim=1)) * mask
        return self.output_projection(self.wavenet(inner, mask, moment)) * mask

    def sample(self, prior: Prior, style: Tensor, noise: Tensor, noise_scale: float) -> Tensor:
        """Noise, standard normal as `prior.mean`, to a latent for the decoder."""
        start = noise.new_zeros(len(noise))
        return self._followed(prior, style, noise * noise_scale * prior.mask, start, self.n_steps)

    @torch.no_grad()
    def finish(self, prior: Prior, z: Tensor, style: Tensor, noise: Tensor, start: Tensor) -> Tensor:
        """A latent taken back to the moments `start` (B,), and from there on made by the network (as SDEdit does, Meng
        et al. 2022): it says at every time what `z` says, with the faults that the network has.

        noise: standard normal, as `z`
        """
        moment = start[:, None, None].float()
        x = (1 - moment) * _FINISHING_NOISE * noise.float() + moment * _in_units_of(prior, z)
        return self._followed(prior, style, x.to(z.dtype), start, _FINISHING_STEPS)

    def _followed(self, prior: Prior, style: Tensor, x: Tensor, start: Tensor, n_steps: int) -> Tensor:
        """Euler steps from `start` to 1, and back from units of the prior."""
        hidden, size = _at_speed(prior), (1 - start) / n_steps
        for step in range(n_steps):
            x = x + self(x, start + step * size, hidden, prior.mask, style) * size[:, None, None].to(x.dtype)
        return (prior.mean + x * prior.log_std.exp()) * prior.mask

    def loss(
        self, prior: Prior, z: Tensor, style: Tensor, time: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """Mean squared error of what the network says; it trains this network and `prior.hidden`, not the latent.

        z: (B, C, T) mean of the posterior; time: (B, K) moments, noise: (B, K, C, T) standard normal; None draws both
        """
        if time is None:
            time = spread_times(len(z), DRAWS).to(z.device)
        draws = time.shape[1]
        if noise is None:
            noise = torch.randn(len(z), draws, *z.shape[1:], device=z.device)

        def each(x: Tensor) -> Tensor:
            return x.repeat_interleave(draws, dim=0)

        target, noise, mask = each(_in_units_of(prior, z)), noise.flatten(0, 1).float(), each(prior.mask)
        moment = time.flatten()[:, None, None].float()
        x = ((1 - moment) * noise + moment * target).to(z.dtype)
        said = self(x, time.flatten(), each(prior.hidden), mask, each(style))
        error = (said.float() - (target - noise)).square() * mask
        return error.sum() / (mask.sum() * z.shape[1])


def spread_times(rows: int, draws: int, generator: torch.Generator | None = None) -> Tensor:
    """(rows, draws) moments, one in each of `draws` equal parts of 0 to 1, so that no row asks about one part only."""
    return (torch.arange(draws) + torch.rand(rows, draws, generator=generator)) / draws


def starts(rows: int, generator: torch.Generator | None = None) -> Tensor:
    """(rows,) moments to finish a latent from: from nearly noise to where its sounds are settled."""
    low, high = _STARTS
    return low + (high - low) * torch.rand(rows, generator=generator)


def _in_units_of(prior: Prior, z: Tensor) -> Tensor:
    """(z - mean) / std in fp32, without a gradient."""
    mean, log_std = prior.mean.detach().float(), prior.log_std.detach().float()
    return ((z.detach().float() - mean) * torch.exp(-log_std)).clamp(-_FARTHEST, _FARTHEST)


def _at_speed(prior: Prior) -> Tensor:
    """`prior.hidden`, as long as the mean: a change of speed comes after it."""
    length = prior.mean.shape[-1]
    if prior.hidden.shape[-1] == length:
        return prior.hidden
    return nn.functional.interpolate(prior.hidden, size=length, mode="linear")
