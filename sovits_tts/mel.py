"""Spectrograms: linear magnitudes for the networks, log-mel for the reconstruction loss.

Frames are not centred: the wave is mirrored by (n_fft - hop) / 2 at each end, so N samples give N // hop frames and
frame t belongs to samples [t * hop, (t + 1) * hop), which the decoder relies on. All in fp32, also under autocast.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_tts.errors import AudioError

_FLOOR = 1e-5  # of a mel value before the logarithm


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # a cached tensor may serve training later
def _window(size: int, device: torch.device) -> Tensor:
    return torch.hann_window(size, device=device)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def mel_filterbank(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None, device: torch.device
) -> Tensor:
    """Slaney-style triangular filters of equal area, (n_mels, n_fft // 2 + 1). `fmax` None: half the sample rate."""
    from librosa.filters import mel  # slow to import, needed once

    return torch.from_numpy(mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)).to(device)


def spectrogram(wave: Tensor, n_fft: int, hop: int, win: int | None = None) -> Tensor:
    """Magnitudes of the short-time Fourier transform with a Hann window.

    wave: (B, N) or (N,) in [-1, 1] -> (B, n_fft // 2 + 1, N // hop); B = 1 for a single wave.
    Raises AudioError if the wave is too short to be mirrored at its ends.
    """
    wave = torch.atleast_2d(wave).float()
    margin = (n_fft - hop) // 2
    if wave.shape[-1] <= margin:
        raise AudioError(
            f"The sound has {wave.shape[-1]} samples, too few for a spectrogram.", hint=f"Give more than {margin}."
        )
    wave = F.pad(wave.unsqueeze(1), (margin, margin), mode="reflect").squeeze(1)
    return framed_spectrogram(wave, n_fft, hop, win)


def framed_spectrogram(wave: Tensor, n_fft: int, hop: int, win: int | None = None) -> Tensor:
    """`spectrogram` of waves that have their margins already: (B, N + n_fft - hop) -> (B, n_fft // 2 + 1, N // hop)"""
    win = win or n_fft
    complex_spec = torch.stft(wave, n_fft, hop, win, _window(win, wave.device), center=False, return_complex=True)
    # The small constant keeps the gradient of the root finite in silence.
    return torch.sqrt(complex_spec.real.square() + complex_spec.imag.square() + 1e-8)


def log_mel(spec: Tensor, sample_rate: int, n_mels: int, fmin: float = 0.0, fmax: float | None = None) -> Tensor:
    """Natural logarithm of mel values. spec: (B, n_fft // 2 + 1, T) magnitudes -> (B, n_mels, T)"""
    filters = mel_filterbank(sample_rate, 2 * (spec.shape[1] - 1), n_mels, fmin, fmax, spec.device)
    with torch.autocast(spec.device.type, enabled=False):
        return (filters @ spec.float()).clamp(min=_FLOOR).log()


def mel_spectrogram(
    wave: Tensor,
    sample_rate: int,
    n_fft: int,
    hop: int,
    n_mels: int,
    win: int | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
) -> Tensor:
    """wave: (B, N) or (N,) -> log-mel (B, n_mels, N // hop)"""
    return log_mel(spectrogram(wave, n_fft, hop, win), sample_rate, n_mels, fmin, fmax)
