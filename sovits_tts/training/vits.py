"""The waveform stage of `mini`: reconstruction first, then adversarial training (Kim et al. 2021; Kong et al. 2020).

Recordings that hold nothing above 8 kHz are compared below 8 kHz only, so they cannot teach a dull voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sovits_tts.mel import log_mel, spectrogram
from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.frames import take_slices
from sovits_tts.models.source import pitch_loss
from sovits_tts.models.vits import VITS, TrainOutput
from sovits_tts.specs import VITSConfig
from sovits_tts.training.ema import Average
from sovits_tts.training.losses import (
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    kl_loss,
    mel_loss,
    stft_loss,
)
from sovits_tts.training.precision import Precision
from sovits_tts.training.schedule import Schedule, set_learning_rate, warmup_cosine
from sovits_tts.training.vits_batch import VITSBatch


@dataclass(frozen=True)
class VITSWeights:
    """How much each loss counts."""

    mel: float = 45.0
    stft: float = 2.0
    kl: float = 1.0
    feature: float = 2.0
    adversarial: float = 1.0
    pitch: float = 15.0
    matching: float = 20.0  # of a flow that is one of `models.matching`
    lookup: float = 0.2  # of a prior that attends to the clip
    posterior_pull: float = 1.0  # share of the KL term that reaches the posterior; see `VITS.forward_train`


def below_8k(wave: Tensor, narrow: Tensor, sample_rate: int) -> Tensor:
    """Remove everything above 8 kHz from the rows marked `narrow`. wave: (B, 1, N); narrow: (B,) bool"""
    spectrum = torch.fft.rfft(wave.float())
    keep = torch.linspace(0, sample_rate / 2, spectrum.shape[-1], device=wave.device) < 7800
    mask = keep | ~narrow[:, None, None].to(wave.device)
    return torch.fft.irfft(spectrum * mask, wave.shape[-1])


class VITSStage:
    """Adversarial training begins at `adversarial_from`; the KL weight rises over the first `kl_warmup` steps."""

    name = "vits"

    def __init__(
        self,
        config: VITSConfig,
        total_steps: int,
        adversarial_from: int,
        kl_warmup: int = 2000,
        peak_lr: float = 4e-4,
        slice_frames: int = 32,
        weights: VITSWeights = VITSWeights(),
        device: str = "cpu",
        schedule: Schedule | None = None,
        learning: tuple[str, ...] = ("",),
    ) -> None:
        """learning: beginnings of the names of parameters that are trained"""
        self.config, self.device, self.weights = config, device, weights
        self.adversarial_from, self.kl_warmup, self.slice_frames = adversarial_from, kl_warmup, slice_frames
        self.generator = VITS(config).to(device)
        for name, parameter in self.generator.named_parameters():
            parameter.requires_grad_(name.startswith(learning))
        self.discriminator = Discriminators(config.periods, config.scale_channels, config.period_channels).to(device)
        self.g_precision = Precision(self.generator, device)
        self.d_precision = Precision(self.discriminator, device)
        self.g_optimizer = torch.optim.AdamW(
            self.g_precision.parameters, lr=peak_lr, betas=(0.8, 0.99), eps=1e-9, fused=True
        )
        self.d_optimizer = torch.optim.AdamW(
            self.d_precision.parameters, lr=peak_lr, betas=(0.8, 0.99), eps=1e-9, fused=True
        )
        self.schedule = schedule or warmup_cosine(peak_lr, warmup=200, total=total_steps, floor=0.05)
        self.average = Average(self.g_precision, 0.999)

    def step(self, batch: VITSBatch, step: int) -> dict[str, float]:
        self._train_mode()
        lr = set_learning_rate(self.g_optimizer, self.schedule(step))
        set_learning_rate(self.d_optimizer, lr)
        output, fake, real = self.generate(batch)
        values = {"lr": lr}
        adversarial = step >= self.adversarial_from
        if adversarial:
            values["d"] = self.update_discriminator(real, fake.detach())
        values.update(self.update_generator(batch, output, real, fake, step, adversarial))
        self.average.update()
        return values

    def inputs(self, batch: VITSBatch) -> dict[str, Tensor | None]:
        """What the network is told of a batch."""
        return batch.inputs(self.g_precision)

    def _train_mode(self) -> None:
        self.generator.train()

    def generate(self, batch: VITSBatch) -> tuple[TrainOutput, Tensor, Tensor]:
        """Output of the networks, the generated slice and the recorded one, (B, 1, slice)."""
        with self.g_precision.autocast():
            output: TrainOutput = self.generator(
                None, **self.inputs(batch), slice_frames=self.slice_frames,
                posterior_pull=self.weights.posterior_pull,
            )  # fmt: skip
        hop = self.config.hop
        real = take_slices(batch.wave.to(self.device), output.slice_start * hop, self.slice_frames * hop)
        rate = self.config.sample_rate
        return output, below_8k(output.wave_slice, batch.narrow, rate), below_8k(real, batch.narrow, rate)

    def update_discriminator(self, real: Tensor, fake: Tensor) -> float:
        with self.d_precision.autocast():
            on_real = self.discriminator(self.d_precision.input(real))
            on_fake = self.discriminator(self.d_precision.input(fake))
        loss = discriminator_loss(on_real, on_fake)
        loss.backward()
        self.d_precision.update(self.d_optimizer)
        return loss.item()

    def update_generator(
        self, batch: VITSBatch, output: TrainOutput, real: Tensor, fake: Tensor, step: int, adversarial: bool
    ) -> dict[str, float]:
        w = self.weights
        kl = kl_loss(output.z_p, output.log_std_q, output.prior.mean, output.prior.log_std, output.mask)
        losses = {
            "mel": w.mel * mel_loss(self.mel(real), self.mel(fake)),
            "stft": w.stft * stft_loss(real, fake),
            "kl": w.kl * min(1.0, 0.02 + step / self.kl_warmup) * kl,
        }
        if output.matching is not None:
            losses["matching"] = w.matching * output.matching
        if output.prior.lookup is not None:
            losses["lookup"] = w.lookup * output.prior.lookup
        if output.pitch is not None and batch.pitch is not None:
            losses["pitch"] = w.pitch * pitch_loss(output.pitch, batch.pitch.to(self.device), output.mask)
        if adversarial:
            with self.d_precision.autocast():
                on_fake = self.discriminator(self.d_precision.input(fake))
                with torch.no_grad():
                    on_real = self.discriminator(self.d_precision.input(real))
            losses["adversarial"] = w.adversarial * generator_loss(on_fake)
            losses["feature"] = w.feature * feature_matching_loss(on_real, on_fake)
        torch.stack(list(losses.values())).sum().backward()
        for parameter in self.discriminator.parameters():
            parameter.grad = None  # the generator's pass went through the discriminators
        norm = self.g_precision.update(self.g_optimizer, max_norm=1000.0)
        return {**{name: value.item() for name, value in losses.items()}, "kl_nats": kl.item(), "norm": norm}

    def mel(self, wave: Tensor) -> Tensor:
        c = self.config
        return log_mel(spectrogram(wave[:, 0], c.n_fft, c.hop // 2, c.win), c.sample_rate, c.n_mels)

    def state_dict(self) -> dict[str, Any]:
        return {
            "generator": self.g_precision.state_dict(), "discriminator": self.d_precision.state_dict(),
            "g_optimizer": self.g_optimizer.state_dict(), "d_optimizer": self.d_optimizer.state_dict(),
            "average": self.average.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.g_precision.load_state_dict(state["generator"])
        self.d_precision.load_state_dict(state["discriminator"])
        self.g_optimizer.load_state_dict(state["g_optimizer"])
        self.d_optimizer.load_state_dict(state["d_optimizer"])
        self.average.load_state_dict(state["average"])
