"""The prior's look at the clip itself: how does this voice say the like sound?

One vector says how a voice sounds on average, and for voices that were never heard a small network turns it into the
voice of somebody in between. So frames also attend to the latents of the clip, by what is spoken there, and take over
how it is spoken: the timbre encoder of Mega-TTS (Jiang et al. 2023), and Attentron before it (Choi et al. 2020).

Shapes: `R` frames of the clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N_HEADS = 4
_GUIDED = 2  # heads that `lookup_loss` teaches; the others look where they like
_UNSEEN = -1e4  # low enough for a softmax weight of 0, and representable in half precision


@dataclass(frozen=True)
class Reference:
    """What a clip's frames sound like."""

    latent: Tensor  # (B, d_latent, R) means of the posterior
    weight: Tensor  # (B, 1, R) how much each frame counts: 0 padding, 1 all of it, between: a share of a blend

    @staticmethod
    def blended(parts: Sequence[tuple[Reference, float]]) -> Reference:
        """Several clips, each with its share."""
        return Reference(
            torch.cat([reference.latent for reference, _ in parts], dim=2),
            torch.cat([share * reference.weight for reference, share in parts], dim=2),
        )


class ReferenceAttention(nn.Module):
    """From frames of the prior to frames of the clip. It begins as a network that adds nothing."""

    def __init__(self, channels: int, d_latent: int, d_attention: int) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(d_attention // N_HEADS)
        self.query = nn.Conv1d(channels, d_attention, 1)
        self.key_input = nn.Conv1d(d_latent, d_attention, 3, padding=1)  # what is spoken shows in how it moves
        self.key_output = nn.Conv1d(d_attention, d_attention, 3, padding=1)
        self.value = nn.Conv1d(d_latent, d_attention, 1)
        self.output = nn.Conv1d(d_attention, channels, 1)
        nn.init.zeros_(self.output.weight)
        assert self.output.bias is not None
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, reference: Reference) -> Tensor:
        """x: (B, C, T) -> what is added to it, (B, C, T); zero for rows whose clip has no frame"""
        seen = (reference.weight > 0).to(x.dtype)
        scores = self._scores(x, self._keys(reference.latent, seen))
        bias = torch.where(reference.weight > 0, reference.weight.clamp(min=1e-6).log(), _UNSEEN)
        weights = (scores + bias.to(scores)[:, None]).softmax(dim=-1)  # (B, heads, T, R)
        found = weights @ _split(self.value(reference.latent))
        out: Tensor = self.output(found.transpose(-1, -2).flatten(1, 2))
        return out * seen.amax(dim=2, keepdim=True)

    def lookup_loss(self, x: Tensor, latent: Tensor, mask: Tensor) -> Tensor:
        """Cross-entropy of finding each frame of a recording among its own, in nats: so what is asked for and what is
        found come to mean the same sound long before the answer alone would teach it.

        x: (B, C, T) as in `forward`, latent: (B, d_latent, T) of the same recording, mask: (B, 1, T)
        """
        scores = self._scores(x, self._keys(latent, mask))[:, :_GUIDED].float()
        scores = scores.masked_fill(mask[:, None] == 0, _UNSEEN)
        own = torch.arange(x.shape[2], device=x.device).expand(len(x), _GUIDED, -1)
        losses = F.cross_entropy(scores.flatten(0, 2), own.flatten(), reduction="none").view(own.shape)
        return (losses * mask).sum() / (mask.sum() * _GUIDED)

    def _keys(self, latent: Tensor, mask: Tensor) -> Tensor:
        inner = F.leaky_relu(self.key_input(latent * mask), 0.1) * mask
        keys: Tensor = self.key_output(inner)
        return keys

    def _scores(self, x: Tensor, keys: Tensor) -> Tensor:
        return _split(self.query(x)) * self.scale @ _split(keys).transpose(-1, -2)


def _split(x: Tensor) -> Tensor:
    """(B, C, T) -> (B, heads, T, C / heads)"""
    return x.unflatten(1, (N_HEADS, -1)).transpose(-1, -2)
