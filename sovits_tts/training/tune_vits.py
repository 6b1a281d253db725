"""Fine-tuning of the VITS stage: what one step is. Kim et al. 2021; Kong et al. 2020."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sovits_tts.mel import log_mel, mel_spectrogram
from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.frames import take_slices
from sovits_tts.models.source import pitch_loss
from sovits_tts.models.vits import VITS, TrainOutput
from sovits_tts.specs import VITSConfig
from sovits_tts.training.checkpointing import recompute
from sovits_tts.training.losses import (
    discriminator_loss,
    feature_matching_loss,
    generator_loss,
    kl_loss,
    mel_loss,
    stft_loss,
)
from sovits_tts.training.optim import upstream_vits_rate
from sovits_tts.training.precision import Precision
from sovits_tts.training.team import Accelerated, half_precision
from sovits_tts.training.tune_config import VITSTune
from sovits_tts.training.tune_gpt import gradient_values
from sovits_tts.training.tune_vits_data import VITSTuneBatch
from sovits_tts.training.vits import below_8k

FROZEN = ("quantizer", "content_projection")  # the GPT stage was trained on their tokens
_TEXT = ("prior_encoder.phoneme_embedding", "prior_encoder.text_encoder", "prior_encoder.mrte")
_POSTERIOR = "posterior_encoder."


class VITSTuneStage:
    """Generator, discriminators, their optimisers and one step. `rate_factor` is lowered by the loop's rollbacks."""

    name = "train vits"

    def __init__(
        self,
        config: VITSConfig,
        weights: Mapping[str, Tensor],
        critics: Mapping[str, Tensor] | None,
        tune: VITSTune,
        epoch_steps: int,
        team: Accelerated,
    ) -> None:
        """weights: with the posterior; critics: of the discriminators, None where `tune.adversarial` is 0"""
        self.config, self.tune, self.team, self.epoch_steps, self.rate_factor = config, tune, team, epoch_steps, 1.0
        self.generator = VITS(config, exact=tune.exact)
        self.generator.load_state_dict(dict(weights))
        for name, parameter in self.generator.named_parameters():
            if name.startswith(FROZEN + tune.frozen):
                parameter.requires_grad_(False)
        self.generator.to(team.device)
        self.discriminator: nn.Module | None = None
        if critics is not None:
            self.discriminator = Discriminators(config.periods, config.scale_channels, config.period_channels)
            self.discriminator.load_state_dict(dict(critics))
            self.discriminator.to(team.device)
        if tune.checkpointing:
            recompute(self.generator.decoder.blocks)
            recompute(getattr(self.discriminator, "discriminators", ()))
        half = half_precision(tune.precision, team.device)
        low, half = half is not None, half or torch.bfloat16
        self.g_precision = Precision(self.generator, team.device, low, half)
        self.g_optimizer = self._adam(self._groups())
        if self.discriminator is not None:
            self.d_precision = Precision(self.discriminator, team.device, low, half)
            self.d_optimizer = self._adam([{"params": self.d_precision.parameters, "factor": 1.0}])

    def _adam(self, groups: list[dict[str, Any]]) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            groups, lr=self.tune.learning_rate, betas=(0.8, 0.99), eps=1e-9, weight_decay=0.01, fused=True
        )

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by how much of the rate they get: text slower, since it is known already."""
        names = [name for name, parameter in self.generator.named_parameters() if parameter.requires_grad]
        groups: dict[str, list[nn.Parameter]] = {part: [] for part in ("", *_TEXT)}
        for name, parameter in zip(names, self.g_precision.parameters, strict=True):
            groups[next((part for part in _TEXT if name.startswith(part)), "")].append(parameter)
        text = self.tune.text_low_lr_rate
        return [{"params": own, "factor": text if part else 1.0} for part, own in groups.items() if own]

    def step(self, batch: VITSTuneBatch, step: int) -> dict[str, float]:
        self._train()
        size, due = self._window(step)
        output = self.generate(batch)
        real, fake = self._compared(batch, output)
        values: dict[str, float] = {}
        rate = self._rate(step // self.epoch_steps + 1)
        if self.discriminator is not None:
            loss = self.critic_loss(real, fake.detach()) * batch.row_share
            self.d_precision.backward(loss / size)
            values["d"] = loss.item()
            if due:
                norm = self._update(self.d_precision, self.d_optimizer, rate)
                values |= gradient_values(norm, self.d_precision, "norm_d")
        values = self.team.average(values | self.learn(batch, output, real, fake, size))
        if due:
            norm = self._update(self.g_precision, self.g_optimizer, rate)
            values |= {"lr": rate} | gradient_values(norm, self.g_precision)
        return values

    def _train(self) -> None:
        """Dropout only where something is learnt."""
        self.generator.train()
        for module in self.generator.children():
            if not any(parameter.requires_grad for parameter in module.parameters()):
                module.eval()

    def _window(self, step: int) -> tuple[int, bool]:
        """What the losses of this batch are divided by, and whether the optimisers step after it."""
        place, width = step % self.epoch_steps, self.tune.accumulate
        first = place - place % width
        size = min(width, self.epoch_steps - first)
        return size, place == first + size - 1

    def _rate(self, epoch: int) -> float:
        """From epoch 1. Upstream decays once before it."""
        first = 1.0 if self.tune.exact else 1 / self.tune.decay
        return upstream_vits_rate(self.tune.learning_rate, self.tune.decay)(epoch) * first * self.rate_factor

    def _update(self, precision: Precision, optimizer: torch.optim.Optimizer, rate: float) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        return precision.update(optimizer, self.tune.max_norm or None, self.team.average_gradients)

    def generate(self, batch: VITSTuneBatch) -> TrainOutput:
        """The networks' output for a batch."""
        with self.g_precision.autocast():
            output: TrainOutput = self.generator(
                None, **batch.inputs(self.g_precision), slice_frames=self.tune.slice_frames
            )
        return output

    def _compared(self, batch: VITSTuneBatch, output: TrainOutput) -> tuple[Tensor, Tensor]:
        """The recorded and the generated slice, (B, 1, slice), without what the recording cannot hold."""
        hop, rate = self.config.hop, self.config.sample_rate
        real = take_slices(batch.wave.to(self.team.device), output.slice_start * hop, self.tune.slice_frames * hop)
        if not batch.narrow.any():
            return real, output.wave_slice
        return below_8k(real, batch.narrow, rate), below_8k(output.wave_slice, batch.narrow, rate)

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of the discriminators. fake: detached"""
        assert self.discriminator is not None
        with self.d_precision.autocast():
            on_real = self.discriminator(self.d_precision.input(real))
            on_fake = self.discriminator(self.d_precision.input(fake))
        return discriminator_loss(on_real, on_fake)

    def learn(
        self, batch: VITSTuneBatch, output: TrainOutput, real: Tensor, fake: Tensor, size: int
    ) -> dict[str, float]:
        """The generator's losses, and its gradients. The discriminators learn from `critic_loss` alone."""
        if self.discriminator is not None:
            self.discriminator.requires_grad_(False)
        losses = self._losses(batch, output, real, fake)
        self.g_precision.backward(torch.stack(list(losses.values())).sum() / size)
        if self.discriminator is not None:
            self.discriminator.requires_grad_(True)
        return {name: loss.item() for name, loss in losses.items()}

    def _losses(self, batch: VITSTuneBatch, output: TrainOutput, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Weighted; their sum is what the generator learns from."""
        w = self.tune
        losses = {"mel": w.mel * self._mel_loss(batch, output, real, fake)}
        if w.stft:
            losses["stft"] = w.stft * stft_loss(real, fake)
        if self.discriminator is not None:
            with self.d_precision.autocast():
                with torch.no_grad():
                    on_real = self.discriminator(self.d_precision.input(real))
                on_fake = self.discriminator(self.d_precision.input(fake))
            losses["adversarial"] = w.adversarial * generator_loss(on_fake)
            losses["feature"] = w.feature * feature_matching_loss(on_real, on_fake)
        losses = {name: loss * batch.row_share for name, loss in losses.items()}
        if output.pitch is not None and batch.pitch is not None:
            off = pitch_loss(output.pitch, batch.pitch.to(self.team.device), output.mask)
            losses["pitch"] = w.pitch * off * batch.frame_share
        if output.matching is not None:
            losses["matching"] = w.matching * output.matching * batch.frame_share
        kl = kl_loss(output.z_p, output.log_std_q, output.prior.mean, output.prior.log_std, output.mask)
        return {**losses, "kl": w.kl * kl * batch.frame_share}

    def _mel_loss(self, batch: VITSTuneBatch, output: TrainOutput, real: Tensor, fake: Tensor) -> Tensor:
        """exact: the recording's mel is cut from that of the whole clip, and so knows what lies beside the slice."""
        c = self.config
        if not self.tune.exact:
            return mel_loss(self._mel(real), self._mel(fake))
        whole = log_mel(batch.spec.to(self.team.device), c.sample_rate, c.n_mels)
        return mel_loss(take_slices(whole, output.slice_start, self.tune.slice_frames), self._mel(fake))

    def _mel(self, wave: Tensor) -> Tensor:
        c = self.config
        return mel_spectrogram(wave[:, 0], c.sample_rate, c.n_fft, c.hop, c.n_mels, c.win)

    @torch.no_grad()
    def evaluate(self, batches: Sequence[VITSTuneBatch]) -> dict[str, float]:
        """Over held-out clips: mel distance of their tokens spoken as synthesis does it, divergence of the prior.

        Means over frames; the mel distance is not weighted.
        """
        self.generator.eval()
        mel = kl = frames = 0.0
        for batch in batches:
            count, to, into = float(batch.spec_lengths.sum()), self.team.device, self.g_precision.input
            output = self.generate(batch)
            divergence = kl_loss(output.z_p, output.log_std_q, output.prior.mean, output.prior.log_std, output.mask)
            with self.g_precision.autocast():
                wave = self.generator.decode(
                    batch.tokens.to(to), batch.phonemes.to(to), output.style, noise=into(self._noise(batch)),
                    spoken=None if batch.spoken is None else batch.spoken.to(to),
                ).float()  # fmt: skip
            fake, real = wave[..., : batch.wave.shape[-1]], batch.wave.to(to)
            rate = self.config.sample_rate
            fake, real = below_8k(fake, batch.narrow, rate), below_8k(real, batch.narrow, rate)
            mel += mel_loss(self._mel(real), self._mel(fake)).item() * count
            kl += divergence.item() * count
            frames += count
        return {"val_mel": mel / frames, "val_kl": kl / frames} if frames else {}

    def _noise(self, batch: VITSTuneBatch) -> Tensor:
        shape = (1, self.config.d_latent, batch.tokens.shape[1] * self.config.token_frames)
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.tune.seed))

    def weights(self) -> dict[str, Tensor]:
        """The stage's parameters that synthesis needs: mostly not those of the posterior."""
        state = self.g_precision.state_dict()
        if self.config.speaks_with_posterior:
            return state
        return {k: v for k, v in state.items() if not k.startswith(_POSTERIOR)}

    def state_dict(self) -> dict[str, Any]:
        state = {"generator": _state(self.g_precision, self.g_optimizer)}
        if self.discriminator is not None:
            state["discriminator"] = _state(self.d_precision, self.d_optimizer)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        _load(self.g_precision, self.g_optimizer, state["generator"])
        if self.discriminator is not None:
            _load(self.d_precision, self.d_optimizer, state["discriminator"])


def _state(precision: Precision, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {
        "network": precision.state_dict(), "optimizer": optimizer.state_dict(),
        "scaler": precision.scaler.state_dict(), "gathered": precision.gathered(),
    }  # fmt: skip


def _load(precision: Precision, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    precision.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    precision.scaler.load_state_dict(state["scaler"])
    precision.gather(state["gathered"])
