"""What a frozen content encoder hears in a generated wave, against what it hears in the recorded one.

Spectral losses weigh every bin alike; a recogniser's hidden states weigh what tells one phoneme from another. Feature
losses of that kind: Johnson et al. 2016 (perceptual losses, on images); for speech Germain et al. 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sovits_tts.models.content import ContentEncoder
from sovits_tts.training.precision import Precision


class Hearing:
    """The mean distance of all hidden states. Its weights never change, and its gradient reaches the wave alone."""

    def __init__(self, network: ContentEncoder, device: str = "cpu", low: bool | None = None) -> None:
        """low: as `Precision` takes it"""
        self._network = network.to(device).requires_grad_(False).eval()
        self._precision = Precision(self._network, device, low)

    def loss(self, real: Tensor, fake: Tensor, sample_rate: int) -> Tensor:
        """real, fake: (B, 1, N) -> mean absolute difference of the hidden states after each layer, fp32"""
        with torch.no_grad():
            wanted = self._states(real, sample_rate)
        found = self._states(fake, sample_rate)
        return torch.stack([(a.float() - b.float()).abs().mean() for a, b in zip(wanted, found, strict=True)]).mean()

    def _states(self, wave: Tensor, sample_rate: int) -> tuple[Tensor, ...]:
        heard = self._precision.input(resample(wave[:, 0], sample_rate, self._network.config.sample_rate))
        with self._precision.autocast():
            return self._network.hidden_states(heard)[1:]


def resample(wave: Tensor, rate: int, wanted: int) -> Tensor:
    """(B, N) -> (B, N * wanted / rate), through its spectrum, so with a gradient; periodic at the ends."""
    samples = wave.shape[-1]
    length = samples * wanted // rate
    spectrum = torch.fft.rfft(wave.float())[..., : length // 2 + 1]
    return torch.fft.irfft(spectrum, length) * (length / samples)
