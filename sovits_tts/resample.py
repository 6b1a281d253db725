"""Windowed-sinc resampling in torch, equal to torchaudio's default (Hann window, six zero crossings, roll-off 0.99).

The official models were trained on spectrograms of sound resampled this way, so the style path uses it. The content
path uses soxr (see `audio.py`), as its training did.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_ZERO_CROSSINGS = 6
_ROLL_OFF = 0.99  # cut-off as a share of the lower Nyquist frequency


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # a cached tensor may serve training later
def _kernels(source: int, target: int, device: torch.device) -> tuple[Tensor, int]:
    """One low-pass filter for each of the `target` output phases, (target, 1, taps), and its reach in input samples.

    Rates are already divided by their greatest common divisor.
    """
    cutoff = min(source, target) * _ROLL_OFF
    reach = math.ceil(_ZERO_CROSSINGS * source / cutoff)
    taps = torch.arange(-reach, reach + source, dtype=torch.float64) / source
    phases = torch.arange(target, dtype=torch.float64) / target
    time = (taps - phases[:, None]) * cutoff  # in zero crossings
    time = time.clamp(-_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = torch.cos(time * math.pi / _ZERO_CROSSINGS / 2).square()
    kernels = torch.sinc(time) * window * (cutoff / source)
    return kernels.float().unsqueeze(1).to(device), reach


def resample(wave: Tensor, source_rate: int, target_rate: int) -> Tensor:
    """wave: (..., N) -> (..., ceil(N * target_rate / source_rate)), fp32"""
    if source_rate == target_rate:
        return wave.float()
    divisor = math.gcd(source_rate, target_rate)
    source, target = source_rate // divisor, target_rate // divisor
    kernels, reach = _kernels(source, target, wave.device)
    rows = wave.float().reshape(-1, 1, wave.shape[-1])
    out = F.conv1d(F.pad(rows, (reach, reach + source)), kernels, stride=source)  # (rows, target, N / source)
    out = out.transpose(1, 2).flatten(1)[:, : math.ceil(wave.shape[-1] * target / source)]
    return out.reshape(*wave.shape[:-1], -1)
