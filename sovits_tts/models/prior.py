"""The prior: semantic tokens, phonemes and the voice -> a normal distribution of the latent for each frame.

What is unusual about it: length comes from the tokens alone (there is no duration model). Phonemes only sharpen the
pronunciation, through one cross-attention from frames to phonemes (called MRTE, multi-reference timbre encoder, in
Mega-TTS, Jiang et al. 2023, which the layout follows) where the voice is added too. A prior that follows its text is
also told which phoneme each frame speaks, as the reading position of the GPT stage knows (`models.reading`), and one
with `d_reference` looks up how the clip says the like (`models.reference`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_tts.models.attention import Attention, Encoder
from sovits_tts.models.reference import Reference, ReferenceAttention


@dataclass
class Prior:
    """Per frame. `hidden` is what the last encoder saw before a change of speed; streaming joins pieces there."""

    mean: Tensor  # (B, d_latent, T)
    log_std: Tensor  # (B, d_latent, T)
    mask: Tensor  # (B, 1, T)
    hidden: Tensor  # (B, d_hidden, T before speed)
    lookup: Tensor | None = None  # scalar, in training: `ReferenceAttention.lookup_loss`

    def sample(self, noise: Tensor, noise_scale: float) -> Tensor:
        """noise: standard normal, as `mean` -> (B, d_latent, T)"""
        return self.mean + noise * self.log_std.exp() * noise_scale


@dataclass(frozen=True)
class Join:
    """How one piece of a stream continues the last. All counts in frames.

    drop: frames to cut from the end before the joint encoder (context that came from padding)
    keep: frames to keep at the end of its output; 0 keeps all
    previous: (B, d_hidden, L) last frames of the previous piece, cross-faded into the first L of this one
    """

    drop: int = 0
    keep: int = 0
    previous: Tensor | None = None


def frames_at_speed(frames: int, speed: float) -> int:
    """Frames after a change of speed. The official networks add one whenever speed is not 1; so do we."""
    return frames if speed == 1 else int(frames / speed) + 1


class MRTE(nn.Module):
    """Cross-attention from content frames to phonemes; the voice vector is added to its output."""

    def __init__(self, channels: int, d_attention: int, n_heads: int) -> None:
        super().__init__()
        self.attention = Attention(d_attention, n_heads)
        self.content_projection = nn.Conv1d(channels, d_attention, 1)
        self.text_projection = nn.Conv1d(channels, d_attention, 1)
        self.output_projection = nn.Conv1d(d_attention, channels, 1)

    def forward(self, content: Tensor, mask: Tensor, text: Tensor, text_mask: Tensor, style: Tensor) -> Tensor:
        """content: (B, C, T), text: (B, C, P), masks: (B, 1, .), style: (B, d_attention, 1) -> (B, C, T)"""
        content = self.content_projection(content * mask)
        text = self.text_projection(text * text_mask)
        attention_mask = mask.unsqueeze(3) * text_mask.unsqueeze(2)  # (B, 1, T, P)
        x = self.attention(content * mask, text * text_mask, attention_mask) + content + style
        return self.output_projection(x * mask)


class PriorEncoder(nn.Module):
    """Content frames and phonemes, each through its own encoder, then MRTE, then a joint encoder."""

    def __init__(
        self,
        d_content: int,
        n_phonemes: int,
        d_latent: int,
        d_hidden: int,
        d_filter: int,
        n_heads: int,
        n_layers_content: int,
        n_layers_text: int,
        n_layers_joint: int,
        kernel: int,
        dropout: float,
        d_mrte: int,
        n_heads_mrte: int,
        follows_text: bool = False,
        d_reference: int = 0,
    ) -> None:
        super().__init__()

        def encoder(n_layers: int) -> Encoder:
            return Encoder(d_hidden, d_filter, n_heads, n_layers, kernel, dropout)

        self.content_projection = nn.Conv1d(d_content, d_hidden, 1)
        self.content_encoder = encoder(n_layers_content)
        self.text_encoder = encoder(n_layers_text)
        self.phoneme_embedding = nn.Embedding(n_phonemes, d_hidden)
        self.mrte = MRTE(d_hidden, d_mrte, n_heads_mrte)
        self.joint_encoder = encoder(n_layers_joint)
        self.projection = nn.Conv1d(d_hidden, 2 * d_latent, 1)
        self.spoken_projection = nn.Conv1d(d_hidden, d_hidden, 1) if follows_text else None
        self.reference_attention = ReferenceAttention(d_hidden, d_latent, d_reference) if d_reference else None

    def forward(
        self,
        content: Tensor,
        mask: Tensor,
        phonemes: Tensor,
        phoneme_mask: Tensor,
        style: Tensor,
        speed: float = 1.0,
        join: Join | None = None,
        spoken: Tensor | None = None,
        reference: Reference | None = None,
        own: Tensor | None = None,
    ) -> Prior:
        """Distribution of the latent for each frame.

        content: (B, d_content, T) codebook vectors, already at the frame rate; mask: (B, 1, T)
        phonemes: (B, P) ids; phoneme_mask: (B, 1, P)
        style: (B, d_mrte, 1)
        speed: > 1 speaks faster; the encoded frames are interpolated, so pitch is kept
        spoken: (B, T) index of the phoneme in each frame, -1 unknown; for a prior that follows its text
        reference: the clip, for a prior that attends to it; None: not known
        own: (B, d_latent, T) latent of the target itself, in training, to learn looking up with
        """
        text = self.phoneme_embedding(phonemes).transpose(1, 2)  # (B, d_hidden, P)
        text = self.text_encoder(text, phoneme_mask)
        x = self.content_projection(content * mask) * mask
        if self.spoken_projection is not None and spoken is not None:
            heard = text.gather(2, spoken.clamp(min=0)[:, None].expand(-1, text.shape[1], -1))
            x = x + self.spoken_projection(heard) * (spoken >= 0)[:, None] * mask
        x = self.content_encoder(x, mask)
        x = self.mrte(x, mask, text, phoneme_mask, style)
        lookup = None
        if self.reference_attention is not None:
            lookup = None if own is None else self.reference_attention.lookup_loss(x, own, mask)
            if reference is not None:
                x = x + self.reference_attention(x, reference) * mask
        if join is not None and join.drop:
            x, mask = x[..., : -join.drop], mask[..., : -join.drop]
        hidden = self.joint_encoder(x, mask)
        if join is not None:
            hidden, mask = hidden[..., -join.keep :], mask[..., -join.keep :]  # -0 keeps all
            hidden = _crossfade(join.previous, hidden)
        x = hidden
        if speed != 1:
            x = F.interpolate(x, size=frames_at_speed(x.shape[-1], speed), mode="linear")
            mask = F.interpolate(mask, size=x.shape[-1], mode="nearest")
        mean, log_std = (self.projection(x) * mask).chunk(2, dim=1)
        return Prior(mean, log_std, mask, hidden, lookup)


def _crossfade(previous: Tensor | None, x: Tensor) -> Tensor:
    """Fade `previous` (B, C, L) out and the first L frames of `x` in, with the two halves of a sine arch."""
    if previous is None:
        return x
    size = previous.shape[-1]
    arch = torch.sin(torch.arange(2 * size, device=x.device) * (math.pi / (2 * size))).to(x.dtype)
    head = x[..., :size] * arch[:size] + previous * arch[size:]
    return torch.cat([head, x[..., size:]], dim=-1)
