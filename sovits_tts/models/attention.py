"""The VITS transformer encoder. Kim et al. 2021, with relative positions after Shaw et al. 2018.

What is unusual about it:
- everything is (B, C, T) and every projection is a convolution of width 1;
- a learned vector per distance, up to `window` frames either way, is added to keys and to values, and is shared
  by all heads;
- the feed-forward part is two convolutions over time, not two linear layers;
- normalisation comes after each residual sum.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_MASKED = -1e4  # low enough for a softmax weight of 0, and representable in half precision


def distances_to_positions(x: Tensor, window: int) -> Tensor:
    """Spread values per distance over positions: out[i, j] = x[i, j - i + window], 0 beyond the window.

    x: (..., T, 2 * window + 1) -> (..., T, T)
    """
    size = x.shape[-2]
    width = size + 2 * window
    # In rows of `width`, element (i, j - i + window) lies at i * (width - 1) + j + window of the flat row-major buffer:
    # shift by `window` and read it again in rows one shorter.
    flat = F.pad(F.pad(x, (0, size - 1)).flatten(-2), (0, window))
    return flat[..., window : window + size * (width - 1)].unflatten(-1, (size, width - 1))[..., :size]


def positions_to_distances(x: Tensor, window: int) -> Tensor:
    """The reverse: out[i, d] = x[i, i + d - window], 0 outside. x: (..., T, T) -> (..., T, 2 * window + 1)"""
    size = x.shape[-1]
    flat = F.pad(F.pad(x, (window, window)).flatten(-2), (0, size))
    return flat.unflatten(-1, (size, size + 2 * window + 1))[..., : 2 * window + 1]


class Attention(nn.Module):
    """Multi-head attention from `x` to `memory`. `window` > 0 adds relative positions (self-attention only)."""

    def __init__(self, channels: int, n_heads: int, window: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.window = window
        d_head = channels // n_heads
        self.scale = 1 / math.sqrt(d_head)
        if window:
            self.relative_key = nn.Parameter(torch.randn(1, 2 * window + 1, d_head) * d_head**-0.5)
            self.relative_value = nn.Parameter(torch.randn(1, 2 * window + 1, d_head) * d_head**-0.5)
        self.query = nn.Conv1d(channels, channels, 1)
        self.key = nn.Conv1d(channels, channels, 1)
        self.value = nn.Conv1d(channels, channels, 1)
        self.output = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)
        for projection in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """x: (B, C, T), memory: (B, C, M), mask: (B, 1, T, M), 0 where attention is forbidden -> (B, C, T)"""
        query = self._split(self.query(x)) * self.scale  # (B, heads, T, C / heads)
        key = self._split(self.key(memory))
        value = self._split(self.value(memory))
        scores = query @ key.transpose(-1, -2)  # (B, heads, T, M)
        if self.window:
            by_distance = query @ self.relative_key.transpose(-1, -2)
            scores = scores + distances_to_positions(by_distance, self.window)
        weights = self.dropout(scores.masked_fill(mask == 0, _MASKED).softmax(dim=-1))
        out = weights @ value
        if self.window:
            out = out + positions_to_distances(weights, self.window) @ self.relative_value
        return self.output(out.transpose(-1, -2).flatten(1, 2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.n_heads, -1)).transpose(-1, -2)


class FeedForward(nn.Module):
    """Two "same" convolutions over time with a ReLU between."""

    def __init__(self, channels: int, d_filter: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, d_filter, kernel)
        self.conv2 = nn.Conv1d(d_filter, channels, kernel)
        self.padding = ((kernel - 1) // 2, kernel // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (B, C, T), mask: (B, 1, T) -> (B, C, T)"""
        x = self.dropout(torch.relu(self.conv1(F.pad(x * mask, self.padding))))
        return self.conv2(F.pad(x * mask, self.padding)) * mask


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, T)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class EncoderLayer(nn.Module):
    def __init__(self, channels: int, d_filter: int, n_heads: int, kernel: int, dropout: float, window: int) -> None:
        super().__init__()
        self.attention = Attention(channels, n_heads, window, dropout)
        self.norm1 = ChannelNorm(channels)
        self.feed_forward = FeedForward(channels, d_filter, kernel, dropout)
        self.norm2 = ChannelNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x, x, attention_mask)))
        return self.norm2(x + self.dropout(self.feed_forward(x, mask)))


class Encoder(nn.Module):
    """A stack of relative-attention layers."""

    def __init__(
        self,
        channels: int,
        d_filter: int,
        n_heads: int,
        n_layers: int,
        kernel: int = 3,
        dropout: float = 0.0,
        window: int = 4,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(channels, d_filter, n_heads, kernel, dropout, window) for _ in range(n_layers)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: (B, C, T), mask: (B, 1, T) -> (B, C, T), 0 in the padding"""
        attention_mask = mask.unsqueeze(2) * mask.unsqueeze(3)  # (B, 1, T, T)
        x = x * mask
        for layer in self.layers:
            x = layer(x, mask, attention_mask)
        return x * mask
