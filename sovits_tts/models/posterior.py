"""The posterior: what the recording itself says about the latent. Training only. Kim et al. 2021."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sovits_tts.models.wavenet import WaveNet


@dataclass
class Posterior:
    """A normal distribution for each frame and a sample of it, each (B, d_latent, T)."""

    z: Tensor
    mean: Tensor
    log_std: Tensor


class PosteriorEncoder(nn.Module):
    def __init__(
        self,
        n_bins: int,
        d_latent: int,
        d_hidden: int,
        kernel: int,
        n_layers: int,
        d_style: int,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.input_projection = nn.Conv1d(n_bins, d_hidden, 1)
        self.wavenet = WaveNet(d_hidden, kernel, n_layers, d_style, dilation)
        self.projection = nn.Conv1d(d_hidden, 2 * d_latent, 1)

    def forward(self, spec: Tensor, mask: Tensor, style: Tensor, noise: Tensor | None = None) -> Posterior:
        """spec: (B, F, T) linear magnitudes, mask: (B, 1, T), style: (B, d_style, 1), noise: (B, d_latent, T)

        No gradient flows into `style`: the voice vector must not become a second way around the latent.
        """
        hidden = self.input_projection(spec) * mask
        hidden = self.wavenet(hidden, mask, style.detach())
        mean, log_std = (self.projection(hidden) * mask).chunk(2, dim=1)
        if noise is None:
            noise = torch.randn_like(mean)
        z = (mean + noise * log_std.exp()) * mask
        return Posterior(z, mean, log_std)
