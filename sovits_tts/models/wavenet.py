"""Non-causal WaveNet: gated convolutions with residual and skip paths, conditioned on the voice. Used by the flow
and by the posterior. Prenger et al. 2019 (WaveGlow), Kim et al. 2021 (VITS).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sovits_tts.models.weight_norm import weight_norm


class WaveNet(nn.Module):
    """One convolution makes the conditioning of all layers at once; the last layer has a skip output only."""

    def __init__(self, channels: int, kernel: int, n_layers: int, d_style: int, dilation_rate: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.dilated = nn.ModuleList()
        self.residual_skip = nn.ModuleList()
        for index in range(n_layers):
            dilation = dilation_rate**index
            self.dilated.append(
                weight_norm(nn.Conv1d(channels, 2 * channels, kernel, dilation=dilation, padding="same"))
            )
            outputs = 2 * channels if index < n_layers - 1 else channels
            self.residual_skip.append(weight_norm(nn.Conv1d(channels, outputs, 1)))
        self.condition = weight_norm(nn.Conv1d(d_style, 2 * channels * n_layers, 1))

    def forward(self, x: Tensor, mask: Tensor, style: Tensor) -> Tensor:
        """x: (B, C, T), mask: (B, 1, T), style: (B, d_style, 1) -> sum of the skip outputs (B, C, T)"""
        conditions = self.condition(style).chunk(len(self.dilated), dim=1)
        skips = torch.zeros_like(x)
        for dilated, residual_skip, condition in zip(self.dilated, self.residual_skip, conditions, strict=True):
            signal, gate = (dilated(x) + condition).chunk(2, dim=1)
            out = residual_skip(torch.tanh(signal) * torch.sigmoid(gate))
            if out.shape[1] > self.channels:
                residual, out = out.chunk(2, dim=1)
                x = (x + residual) * mask
            skips = skips + out
        return skips * mask
