"""Exponential moving average of the weights: what is evaluated and shipped."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sovits_tts.training.precision import Precision


class Average:
    """fp32 average of a network's floating-point state; young averages forget faster."""

    def __init__(self, precision: Precision, decay: float) -> None:
        self.precision, self.decay, self.updates = precision, decay, 0
        self.weights = {
            k: v.detach().float().clone() for k, v in precision.state_dict().items() if v.is_floating_point()
        }

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        names = list(self.weights)
        state = self.precision.state_dict()
        torch._foreach_lerp_([self.weights[n] for n in names], [state[n].float() for n in names], 1 - decay)

    def state_dict(self) -> dict[str, object]:
        return {"weights": dict(self.weights), "updates": self.updates}

    def load_state_dict(self, state: dict[str, object]) -> None:
        weights = state["weights"]
        assert isinstance(weights, dict)
        for name, value in weights.items():
            self.weights[name].copy_(value)
        self.updates = int(state["updates"])  # type: ignore[call-overload]

    def install(self, weights: Mapping[str, Tensor]) -> None:
        """Take these weights into the network and its average; what they do not name stays."""
        self.precision.load_state_dict({**self.precision.state_dict(), **weights})
        for name in self.weights.keys() & weights.keys():
            self.weights[name].copy_(weights[name])

    def full_state(self) -> dict[str, Tensor]:
        """A complete state dict: averaged floats, everything else as it is."""
        return {name: self.weights.get(name, value) for name, value in self.precision.state_dict().items()}
