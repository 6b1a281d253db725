"""Half-precision compute with fp32 master weights.

On a GPU this is autocast, for fp16 with a scaled loss. On a CPU autocast spends as long converting activations as
computing, so all weights but those of norms are kept in bf16 for the passes and updated through fp32 copies.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

_KEPT = (nn.LayerNorm, nn.BatchNorm1d, nn.GroupNorm)  # their kernels take fp32 weights with bf16 inputs


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware; elsewhere fp32 is faster."""
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())


class Precision:
    """One network, its compute copy, and the parameters its optimizer should own (`parameters`)."""

    def __init__(
        self, network: nn.Module, device: str, low: bool | None = None, half: torch.dtype = torch.bfloat16
    ) -> None:
        self.network, self.device, self.half = network, device, half
        kind = torch.device(device).type
        low = cpu_has_bf16() if low is None and kind == "cpu" else low is not False
        self.dtype = half if low else torch.float32
        self._autocast = low and kind != "cpu"
        self.scaler = torch.amp.GradScaler(kind, enabled=self._autocast and half == torch.float16)
        self._pairs: list[tuple[nn.Parameter, nn.Parameter]] = []  # (compute, master)
        own: dict[int, nn.Parameter] = {}
        if low and not self._autocast:
            for module in network.modules():
                if not isinstance(module, _KEPT):
                    for parameter in module.parameters(recurse=False):
                        master = nn.Parameter(parameter.detach().float().clone(), requires_grad=parameter.requires_grad)
                        parameter.data = parameter.data.to(half)
                        self._pairs.append((parameter, master))
                        own[id(parameter)] = master
        self.parameters = [own.get(id(p), p) for p in network.parameters() if p.requires_grad]
        self._names = {n: own[id(p)] for n, p in network.named_parameters() if id(p) in own}

    def autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(torch.device(self.device).type, self.half) if self._autocast else nullcontext()

    def input(self, x: Tensor) -> Tensor:
        """`x` on the device, in the dtype the first layer expects."""
        x = x.to(self.device)
        return x if self._autocast else x.to(self.dtype)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to what was gathered since the last update."""
        self.scaler.scale(loss).backward()
        self._collect()

    def _collect(self) -> None:
        for compute, master in self._pairs:
            if compute.grad is not None:
                grad = compute.grad.float()
                master.grad = grad if master.grad is None else master.grad + grad
                compute.grad = None

    def update(
        self,
        optimizer: torch.optim.Optimizer,
        max_norm: float | None = None,
        sync: Callable[[list[nn.Parameter]], None] | None = None,
    ) -> float:
        """One optimizer step from the gradients of the compute weights; returns the gradient norm. Clears gradients.

        sync: makes the gradients of several processes one. A norm that is no number, in fp16, means no step was taken.
        """
        self._collect()
        if sync is not None:
            sync(self.parameters)
        self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(self.parameters, max_norm if max_norm is not None else float("inf"))
        self.scaler.step(optimizer)
        self.scaler.update()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for compute, master in self._pairs:
                compute.copy_(master)
        return float(norm)

    def gathered(self) -> dict[str, Tensor]:
        """Gradients that wait for the next update, by the place of their parameter in `parameters`."""
        return {str(place): p.grad for place, p in enumerate(self.parameters) if p.grad is not None}

    def gather(self, grads: dict[str, Tensor]) -> None:
        """Put back what `gathered` gave."""
        for place, parameter in enumerate(self.parameters):
            grad = grads.get(str(place))
            parameter.grad = None if grad is None else grad.to(parameter.device, parameter.dtype)

    def state_dict(self) -> dict[str, Tensor]:
        """The network's state, masters in place of compute copies: fp32 throughout."""
        state = dict(self.network.state_dict())
        state.update({name: master.detach() for name, master in self._names.items()})
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.network.load_state_dict(state)
        with torch.no_grad():
            for name, master in self._names.items():
                master.copy_(state[name])
