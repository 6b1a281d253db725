"""Losses of the waveform stage. All take fp32 scalars out of whatever precision comes in.

Adversarial and feature matching: Kong et al. 2020 (HiFi-GAN), least-squares form of Mao et al. 2017.
KL: Kim et al. 2021 (VITS). Multi-resolution STFT: Yamamoto et al. 2020 (Parallel WaveGAN).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_tts.models.discriminators import Judgement

STFT_RESOLUTIONS = ((512, 128), (1024, 256), (2048, 512))  # (n_fft, hop) in samples


def discriminator_losses(real: Sequence[Judgement], fake: Sequence[Judgement]) -> list[tuple[Tensor, Tensor]]:
    """For each discriminator, how far real scores are from 1 and generated ones from 0."""
    return [
        ((1 - r.score.float()).square().mean(), f.score.float().square().mean())
        for r, f in zip(real, fake, strict=True)
    ]


def discriminator_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """Sum of the above. `fake` must come from a detached wave."""
    return _total(on_real + on_fake for on_real, on_fake in discriminator_losses(real, fake))


def generator_losses(fake: Sequence[Judgement]) -> list[Tensor]:
    """For each discriminator, how far generated scores are from 1."""
    return [(1 - f.score.float()).square().mean() for f in fake]


def generator_loss(fake: Sequence[Judgement]) -> Tensor:
    return _total(generator_losses(fake))


def feature_matching_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """Mean absolute difference of every layer's output, summed over layers and discriminators. Weight it by 2."""
    return _total(
        (r.detach().float() - f.float()).abs().mean()
        for on_real, on_fake in zip(real, fake, strict=True)
        for r, f in zip(on_real.features, on_fake.features, strict=True)
    )


def kl_loss(z_p: Tensor, log_std_q: Tensor, mean_p: Tensor, log_std_p: Tensor, mask: Tensor) -> Tensor:
    """Divergence of posterior from prior, estimated at the sample z_p; nats per frame (summed over channels).

    All (B, C, T); mask (B, 1, T).
    """
    z_p, log_std_q, mean_p, log_std_p, mask = (x.float() for x in (z_p, log_std_q, mean_p, log_std_p, mask))
    kl = log_std_p - log_std_q - 0.5 + 0.5 * (z_p - mean_p).square() * torch.exp(-2 * log_std_p)
    return (kl * mask).sum() / mask.sum()


def mel_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Mean absolute difference of two log-mel spectrograms. Weight it by 45."""
    return F.l1_loss(fake.float(), real.float())


def stft_loss(real: Tensor, fake: Tensor, resolutions: Sequence[tuple[int, int]] = STFT_RESOLUTIONS) -> Tensor:
    """Spectral convergence + log-magnitude distance, averaged over resolutions. real, fake: (B, 1, N) or (B, N)"""
    total = _total(_stft_distance(real, fake, n_fft, hop) for n_fft, hop in resolutions)
    return total / len(resolutions)


def _stft_distance(real: Tensor, fake: Tensor, n_fft: int, hop: int) -> Tensor:
    window = torch.hann_window(n_fft, device=real.device)

    def magnitude(wave: Tensor) -> Tensor:
        spec = torch.stft(wave.float().reshape(-1, wave.shape[-1]), n_fft, hop, window=window, return_complex=True)
        return (spec.real.square() + spec.imag.square()).clamp(min=1e-7).sqrt()

    target, output = magnitude(real), magnitude(fake)
    convergence = torch.linalg.norm(target - output) / torch.linalg.norm(target)
    return convergence + F.l1_loss(output.log(), target.log())


def _total(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).sum()
