"""The flow: an invertible map between the posterior's latent and the prior's, given the voice. Kim et al. 2021."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sovits_tts.models.prior import Prior
from sovits_tts.models.wavenet import WaveNet


class Coupling(nn.Module):
    """Shifts the upper half of the channels by a function of the lower half. No scaling, so the volume is kept."""

    def __init__(self, channels: int, d_hidden: int, kernel: int, n_layers: int, d_style: int, dilation: int) -> None:
        super().__init__()
        self.input_projection = nn.Conv1d(channels // 2, d_hidden, 1)
        self.wavenet = WaveNet(d_hidden, kernel, n_layers, d_style, dilation)
        self.output_projection = nn.Conv1d(d_hidden, channels // 2, 1)
        for parameter in self.output_projection.parameters():
            nn.init.zeros_(parameter)  # starts as the identity

    def forward(self, x: Tensor, mask: Tensor, style: Tensor, inverse: bool = False) -> Tensor:
        lower, upper = x.chunk(2, dim=1)
        hidden = self.wavenet(self.input_projection(lower) * mask, mask, style)
        shift = self.output_projection(hidden) * mask
        upper = (upper - shift) * mask if inverse else upper * mask + shift
        return torch.cat([lower, upper], dim=1)


class Flip(nn.Module):
    """Reverses the channels, so that the next coupling changes the other half. Its own inverse."""

    def forward(self, x: Tensor, mask: Tensor, style: Tensor, inverse: bool = False) -> Tensor:
        return x.flip(1)


class Flow(nn.Module):
    """`n_flows` couplings, each followed by a flip (so couplings are the even entries of `steps`)."""

    def __init__(
        self,
        channels: int,
        d_hidden: int,
        kernel: int,
        n_layers: int,
        d_style: int,
        n_flows: int = 4,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for _ in range(n_flows):
            self.steps.append(Coupling(channels, d_hidden, kernel, n_layers, d_style, dilation))
            self.steps.append(Flip())

    def forward(self, z: Tensor, mask: Tensor, style: Tensor) -> Tensor:
        """Posterior's latent -> prior's. z: (B, C, T), mask: (B, 1, T), style: (B, d_style, 1)"""
        for step in self.steps:
            z = step(z, mask, style)
        return z

    def inverse(self, z: Tensor, mask: Tensor, style: Tensor) -> Tensor:
        """Prior's latent -> posterior's, ready for the decoder."""
        for step in reversed(self.steps):
            z = step(z, mask, style, inverse=True)
        return z

    def sample(self, prior: Prior, style: Tensor, noise: Tensor, noise_scale: float) -> Tensor:
        """Noise, standard normal as `prior.mean`, to a latent for the decoder."""
        return self.inverse(prior.sample(noise, noise_scale), prior.mask, style)
