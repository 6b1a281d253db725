"""Several processes that train together, over Hugging Face Accelerate: `accelerate launch` or `torchrun` start them.

Accelerate finds the processes, the device of each and the way they talk (NCCL, gloo, ...); one process alone needs no
process group. Networks are not wrapped: two of them take turns in one adversarial step, and a wrapper that sends
gradients during the backward pass would need to be told which are due. Gradients are averaged before each update.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from sovits_tts.device import choose
from sovits_tts.errors import ConfigError
from sovits_tts.training.precision import cpu_has_bf16

_BUCKET = 16_000_000  # gradient values sent at once


class Accelerated:
    """The processes of this run, and the device of this one. A `Team` as the loop knows it."""

    def __init__(self, device: str = "auto") -> None:
        from accelerate import PartialState

        place = choose(device).device
        self._state = PartialState(cpu=place.type == "cpu")
        self.size: int = self._state.num_processes
        self.rank: int = self._state.process_index
        self.main: bool = self._state.is_main_process
        self.device = str(self._state.device if self.size > 1 else place)

    def any(self, flag: bool) -> bool:
        """Whether any process says yes."""
        return flag if self.size == 1 else self._sum(torch.tensor(float(flag))) > 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            self._state.wait_for_everyone()

    def average(self, values: dict[str, float]) -> dict[str, float]:
        """The mean over all processes, which must give the same names."""
        if self.size == 1:
            return values
        row = self._mean(torch.tensor([values[name] for name in sorted(values)], dtype=torch.float64))
        return dict(zip(sorted(values), row.tolist(), strict=True))

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """The mean over all processes; a gradient that some lack counts as zero there."""
        if self.size == 1:
            return
        known = self._mean(torch.tensor([float(p.grad is not None) for p in parameters])).tolist()
        due = [p for p, share in zip(parameters, known, strict=True) if share > 0]
        for parameter in due:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets(due):
            grads = [p.grad for p in bucket if p.grad is not None]
            mean = self._mean(torch.cat([grad.flatten() for grad in grads]))
            for grad, part in zip(grads, mean.split([grad.numel() for grad in grads]), strict=True):
                grad.copy_(part.view_as(grad))

    def _mean(self, x: Tensor) -> Tensor:
        from accelerate.utils import reduce

        mean: Tensor = reduce(x.to(self.device, copy=True), reduction="mean")
        return mean

    def _sum(self, x: Tensor) -> float:
        return float(self._mean(x)) * self.size


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        bucket.append(parameter)
        if sum(p.numel() for p in bucket) > _BUCKET:
            yield bucket
            bucket = []
    if bucket:
        yield bucket


def half_precision(wish: str, device: str) -> torch.dtype | None:
    """The half-precision type to compute in, None for fp32.

    wish: "auto" takes what the device multiplies in hardware: bf16, else fp16 on CUDA; fp32 on MPS and old CPUs
    Raises ConfigError for a type the device lacks.
    """
    kind = torch.device(device).type
    if wish == "fp32":
        return None
    if wish == "auto":
        if kind == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return torch.bfloat16 if kind == "cpu" and cpu_has_bf16() else None
    if wish == "fp16" and kind != "cuda":
        raise ConfigError(f"fp16 training needs a CUDA device, and this is {kind}.", hint="Use bf16, fp32 or auto.")
    return torch.bfloat16 if wish == "bf16" else torch.float16
