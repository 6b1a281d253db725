"""The prior stage of `mini`: prior and flow learn a latent that no longer moves, at half the price of a joint step.

In the waveform stage they follow a posterior that changes with every step, and most of the time goes into decoding.
Once recordings are rebuilt well, that posterior and the style encoder are frozen, and what is left to learn is what the
latent of a sentence is, given its tokens, phonemes and voice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sovits_tts.models.vits import VITS, TrainOutput
from sovits_tts.specs import VITSConfig
from sovits_tts.training.ema import Average
from sovits_tts.training.losses import kl_loss
from sovits_tts.training.precision import Precision
from sovits_tts.training.schedule import Schedule, set_learning_rate, warmup_cosine
from sovits_tts.training.vits import VITSWeights
from sovits_tts.training.vits_batch import VITSBatch
from sovits_tts.training.vits_data import VITSData

LEARNING = ("prior_encoder.", "flow.")
_LATENT = ("posterior_encoder.", "style_encoder.")  # what decides what there is to learn
_MAX_NORM = 200.0


class PriorStage:
    name = "prior"

    def __init__(
        self,
        config: VITSConfig,
        weights: Mapping[str, Tensor],
        total_steps: int,
        peak_lr: float = 8e-4,
        device: str = "cpu",
        schedule: Schedule | None = None,
        dropout: float = 0.0,
    ) -> None:
        """weights: of the whole network, as the waveform stage left them"""
        self.device = device
        self.network = VITS(replace(config, dropout=dropout))
        self.network.load_state_dict(dict(weights))
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name.startswith(LEARNING))
        self.network.to(device)
        self.precision = Precision(self.network, device)
        self.optimizer = torch.optim.AdamW(
            self.precision.parameters, lr=peak_lr, betas=(0.9, 0.98), eps=1e-9, fused=True
        )
        self.schedule = schedule or warmup_cosine(peak_lr, warmup=200, total=total_steps, floor=0.05)
        self.average = Average(self.precision, 0.999)

    def step(self, batch: VITSBatch, step: int) -> dict[str, float]:
        self.network.eval()
        self.network.prior_encoder.train()
        self.network.flow.train()
        lr = set_learning_rate(self.optimizer, self.schedule(step))
        losses = self._losses(batch)
        torch.stack(list(losses.values())).sum().backward()
        norm = self.precision.update(self.optimizer, max_norm=_MAX_NORM)
        self.average.update()
        return {"lr": lr, **{name: value.item() for name, value in losses.items()}, "norm": norm}

    def _losses(self, batch: VITSBatch) -> dict[str, Tensor]:
        with self.precision.autocast():
            output: TrainOutput = self.network(None, **batch.inputs(self.precision), slice_frames=0)
        kl = kl_loss(output.z_p, output.log_std_q, output.prior.mean, output.prior.log_std, output.mask)
        losses = {"kl": kl}
        if output.matching is not None:
            losses["matching"] = VITSWeights().matching * output.matching
        if output.prior.lookup is not None:
            losses["lookup"] = VITSWeights().lookup * output.prior.lookup
        return losses

    @torch.no_grad()
    def evaluate(self, data: VITSData, batches: int = 8) -> dict[str, float]:
        """Mean losses of the averaged weights on other recordings, always the same draws."""
        own = {name: value.clone() for name, value in self.precision.state_dict().items()}
        self.precision.load_state_dict(self.average.full_state())
        self.network.eval()
        sums: dict[str, float] = {}
        for step in range(batches):
            torch.manual_seed(step)  # the loop sets it anew for every step of training
            for name, value in self._losses(data.batch(step)).items():
                sums[name] = sums.get(name, 0.0) + value.item() / batches
        self.precision.load_state_dict(own)
        return {f"dev_{name}": value for name, value in sums.items()}

    def install(self, weights: Mapping[str, Tensor]) -> None:
        """Take everything that is not trained here from the waveform stage as it is now."""
        self.average.install({name: value for name, value in weights.items() if not name.startswith(LEARNING)})

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.precision.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.precision.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])


def same_latent(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two sets of weights have the posterior and the style encoder in common."""
    names = [name for name in one if name.startswith(_LATENT)]
    return all(name in other and torch.equal(one[name].float(), other[name].float()) for name in names)
