"""The semantic codebook: content vectors -> token numbers -> codebook vectors. van den Oord et al. 2017, with
moving-average updates after Défossez et al. 2022 (EnCodec). One codebook, no residual stages.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Quantized:
    vectors: Tensor  # (B, C, S) codebook vectors; gradients pass straight through to the input
    tokens: Tensor  # (B, S) int64
    commit_loss: Tensor  # scalar: mean squared distance of the input to its codebook vectors


class Quantizer(nn.Module):
    """`cluster_size` and `embedding_sum` are moving averages: how many vectors each entry won, and their sum."""

    initialized: Tensor
    cluster_size: Tensor
    embedding: Tensor
    embedding_sum: Tensor

    def __init__(self, channels: int, size: int, decay: float = 0.99, min_cluster_size: float = 2.0) -> None:
        super().__init__()
        self.decay = decay
        self.min_cluster_size = min_cluster_size
        embedding = torch.randn(size, channels)
        self.register_buffer("initialized", torch.ones(1))  # unused; official files carry it
        self.register_buffer("cluster_size", torch.full((size,), min_cluster_size))
        self.register_buffer("embedding", embedding)
        self.register_buffer("embedding_sum", embedding * min_cluster_size)

    def encode(self, x: Tensor) -> Tensor:
        """Nearest entry, by Euclidean distance. x: (B, C, S) -> (B, S) int64. Keep it in fp32: ties flip in half."""
        x = x.transpose(1, 2)
        table = self.embedding.T
        distance = x.square().sum(-1, keepdim=True) - 2 * (x @ table) + table.square().sum(0, keepdim=True)
        return distance.argmin(dim=-1)

    def decode(self, tokens: Tensor) -> Tensor:
        """tokens: (B, S) -> (B, C, S)"""
        return F.embedding(tokens, self.embedding).transpose(1, 2)

    def learn(self, x: Tensor) -> Quantized:
        """Quantize and move the codebook towards the data. x: (B, C, S). In fp32."""
        self._revive(x)
        tokens = self.encode(x)
        vectors = self.decode(tokens)
        self._update(x.detach(), tokens)
        return Quantized(x + (vectors - x).detach(), tokens, F.mse_loss(x, vectors))

    @torch.no_grad()
    def _update(self, x: Tensor, tokens: Tensor) -> None:
        size = len(self.cluster_size)
        one_hot = F.one_hot(tokens.flatten(), size).to(x.dtype)  # (B * S, size)
        flat = x.transpose(1, 2).flatten(0, 1)
        self.cluster_size.lerp_(one_hot.sum(0), 1 - self.decay)
        self.embedding_sum.lerp_(one_hot.T @ flat, 1 - self.decay)
        total = self.cluster_size.sum()
        smooth = (self.cluster_size + 1e-5) / (total + size * 1e-5) * total  # never divides by zero
        self.embedding.copy_(self.embedding_sum / smooth[:, None])

    @torch.no_grad()
    def _revive(self, x: Tensor) -> None:
        """Entries that win almost nothing are replaced by vectors of this batch."""
        dead = self.cluster_size < self.min_cluster_size
        if not dead.any():
            return
        flat = x.transpose(1, 2).flatten(0, 1)
        picks = flat[torch.randint(len(flat), (int(dead.sum()),), device=flat.device)]
        self.embedding[dead] = picks
        self.embedding_sum[dead] = picks * self.min_cluster_size
        self.cluster_size[dead] = self.min_cluster_size
