"""Masks and slices along time, shared by the networks of the waveform stage."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def length_mask(lengths: Tensor, size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """1 inside, 0 in the padding. lengths: (B,) -> (B, 1, size)."""
    positions = torch.arange(size, device=lengths.device)
    return (positions < lengths[:, None]).unsqueeze(1).to(dtype)


def random_starts(lengths: Tensor, width: int, generator: torch.Generator | None = None) -> Tensor:
    """A uniform first frame for a slice of `width` frames in each row. lengths: (B,) -> (B,) int64.

    The draw is made on the CPU so that it depends on the seed only.
    """
    return starts_at(torch.rand(len(lengths), generator=generator).to(lengths.device), lengths, width)


def starts_at(share: Tensor, lengths: Tensor, width: int) -> Tensor:
    """First frames at `share` (B,), in [0, 1), of what is possible. A row shorter than the slice starts at 0."""
    return (share * (lengths - width + 1).clamp(min=0)).long()


def take_slices(x: Tensor, starts: Tensor, width: int) -> Tensor:
    """Cut x[b, :, starts[b] : starts[b] + width] for each row. x: (B, C, T) -> (B, C, width), zeros past the end."""
    if x.shape[-1] < width:
        x = F.pad(x, (0, width - x.shape[-1]))
    index = starts[:, None] + torch.arange(width, device=x.device)
    return x.gather(2, index[:, None].expand(-1, x.shape[1], -1))
