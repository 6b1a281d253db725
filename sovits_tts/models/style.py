"""The style encoder: spectrogram of a clip -> one vector that says how the voice sounds. Min et al. 2021
(Meta-StyleSpeech), mel-style encoder.

Padding: the first linear layer has a bias, so silent padding becomes non-zero and the convolutions carry it into the
last real frames. By default each layer is masked, and a clip gives the same vector in any batch. `exact` leaves the
padding as the official training does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class GatedConv(nn.Module):
    """A convolution with a gated linear unit and a residual path."""

    def __init__(self, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * channels, kernel, padding=kernel // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        signal, gate = self.conv(x).chunk(2, dim=1)
        return x + self.dropout(signal * torch.sigmoid(gate))


class StyleAttention(nn.Module):
    """Self-attention over frames, (B, T, C). Scores are divided by sqrt(C), not by sqrt(C / heads) as usual."""

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.scale = 1 / math.sqrt(channels)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (
            projection(x).unflatten(2, (self.n_heads, -1)).transpose(1, 2)  # (B, heads, T, C / heads)
            for projection in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-1, -2) * self.scale
        if mask is not None:
            scores = scores.masked_fill(mask[:, None] == 0, float("-inf"))  # (B, 1, 1, T): real frames always exist
        out = self.dropout(scores.softmax(dim=-1)) @ value
        return x + self.dropout(self.output(out.transpose(1, 2).flatten(2)))


class StyleEncoder(nn.Module):
    def __init__(
        self,
        n_bins: int,
        d_hidden: int,
        d_style: int,
        kernel: int = 5,
        n_heads: int = 2,
        dropout: float = 0.1,
        exact: bool = False,
    ) -> None:
        super().__init__()
        self.exact = exact
        self.spectral = nn.Sequential(
            nn.Linear(n_bins, d_hidden), nn.Mish(), nn.Dropout(dropout),
            nn.Linear(d_hidden, d_hidden), nn.Mish(), nn.Dropout(dropout),
        )  # fmt: skip
        self.temporal = nn.ModuleList(GatedConv(d_hidden, kernel, dropout) for _ in range(2))
        self.attention = StyleAttention(d_hidden, n_heads, dropout)
        self.projection = nn.Linear(d_hidden, d_style)

    def forward(self, spec: Tensor, mask: Tensor | None = None) -> Tensor:
        """spec: (B, n_bins, T), mask: (B, 1, T) or None for "no padding" -> mean over frames (B, d_style, 1)"""
        x = self.spectral(spec.transpose(1, 2)).transpose(1, 2)
        for layer in self.temporal:
            if mask is not None and not self.exact:
                x = x * mask
            x = layer(x)
        if mask is not None:
            x = x * mask
        x = self.projection(self.attention(x.transpose(1, 2), mask)).transpose(1, 2)  # (B, d_style, T)
        if mask is None:
            return x.mean(dim=2, keepdim=True)
        frames = mask.sum(dim=2, keepdim=True, dtype=torch.float32)  # half precision cannot count to 1000
        return ((x * mask).sum(dim=2, keepdim=True, dtype=torch.float32) / frames).to(x.dtype)
