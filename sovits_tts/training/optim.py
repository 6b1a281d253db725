"""ScaledAdam, the optimiser the official GPT stages were trained with, and their learning rates.

ScaledAdam (Yao et al., "Zipformer", ICLR 2024, section 3.5) moves a parameter in proportion to its root mean square,
and learns that size itself as a second, scalar parameter. This is an early variant of it; what is unusual:
- parameters of one shape are stacked and stepped together; sizes, and so step widths, stay per parameter
- the gradient norm is only clipped for the size statistics; the ordinary step always reads the raw gradient
- parameters with one element (the strengths of the positions) get plain Adam
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sovits_tts.training.schedule import Schedule


@dataclass
class _Stack:
    """All parameters of one shape, as one tensor (n, *shape). `state` lives on the first of them."""

    parameters: list[Tensor]
    value: Tensor
    grad: Tensor
    state: dict[str, Any]

    @property
    def scalar(self) -> bool:
        return self.value.numel() == len(self.parameters)

    @property
    def inner(self) -> list[int]:
        """The dimensions inside one parameter."""
        return list(range(1, self.value.ndim))


class ScaledAdam(torch.optim.Optimizer):
    """See the module. Gradients are read as they are: for upstream's step widths, sum them over accumulated batches.

    lr:                     relative change of a parameter per step, at most
    betas:                  of the running means of the step and of the squared gradient
    scalar_lr_scale:        the size of a parameter learns this much slower
    min_rms, max_rms:       bounds of that size; scalar_max bounds one-element parameters
    size_update_period:     steps between updates of the size
    clipping_scale:         gradients longer than this times the median length are shortened for the size statistics
    clipping_update_period: steps between estimates of that median; before the first there is no clipping
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.95),
        *,
        clipping_scale: float = 2.0,
        clipping_update_period: int = 1000,
        scalar_lr_scale: float = 0.1,
        eps: float = 1e-8,
        min_rms: float = 1e-5,
        max_rms: float = 3.0,
        scalar_max: float = 10.0,
        size_update_period: int = 4,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "clipping_scale": clipping_scale,
            "clipping_update_period": clipping_update_period,
            "scalar_lr_scale": scalar_lr_scale,
            "eps": eps,
            "min_rms": min_rms,
            "max_rms": max_rms,
            "scalar_max": scalar_max,
            "size_update_period": size_update_period,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter; one without gradient counts as having a zero gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            stacks = self._stacks(group)
            clip = self._clip_factor(group, stacks)
            for stack in stacks:
                self._update(group, stack, clip)
                for index, parameter in enumerate(stack.parameters):
                    parameter.copy_(stack.value[index])
        return loss

    def _stacks(self, group: dict[str, Any]) -> list[_Stack]:
        by_shape: dict[tuple[str, ...], list[Tensor]] = {}
        for parameter in group["params"]:
            key = (str(parameter.dtype), *(str(size) for size in parameter.shape))
            by_shape.setdefault(key, []).append(parameter)
        stacks = []
        for key in sorted(by_shape):
            members = by_shape[key]
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in members]
            state = self.state[members[0]]
            stack = _Stack(members, torch.stack(members), torch.stack(grads), state)
            if not state:
                self._begin(stack, group["size_update_period"])
            stacks.append(stack)
        return stacks

    @staticmethod
    def _begin(stack: _Stack, size_update_period: int) -> None:
        state, value = stack.state, stack.value
        state["step"] = 0
        state["delta"] = torch.zeros_like(value)  # the running mean of the step
        state["exp_avg_sq"] = torch.zeros_like(value)
        if not stack.scalar:
            state["rms"] = _rms(value, stack.inner)  # (n, 1, ...)
            state["size_exp_avg_sq"] = torch.zeros_like(state["rms"])
            state["size_grads"] = value.new_zeros(size_update_period, *state["rms"].shape)

    @staticmethod
    def _clip_factor(group: dict[str, Any], stacks: list[_Stack]) -> float:
        """At most 1. Lengths are measured relative to the size of each parameter."""
        state = stacks[0].state
        step, period = state["step"], group["clipping_update_period"]
        if step == 0:
            return 1.0
        squares = [(s.grad if s.scalar else s.grad * s.state["rms"]).float().square().sum() for s in stacks]
        length = torch.stack(squares).sum().sqrt()
        if "lengths" not in state:
            state["lengths"] = torch.zeros(period, device=length.device)
        state["lengths"][step % period] = length
        if step % period == 0:
            middle = 2 * (period // 4)
            state["threshold"] = group["clipping_scale"] * state["lengths"].sort().values[middle].item()
        if "threshold" not in state:
            return 1.0
        return min(1.0, state["threshold"] / (length.item() + 1e-20))

    def _update(self, group: dict[str, Any], stack: _Stack, clip: float) -> None:
        state, period = stack.state, group["size_update_period"]
        step = state["step"]
        state["delta"] *= group["betas"][0]
        if stack.scalar:
            self._move_scalar(group, stack)
        else:
            size_grad = (stack.value * (stack.grad * clip)).sum(dim=stack.inner, keepdim=True)
            state["size_grads"][step % period] = size_grad
            if step % period == period - 1:
                state["rms"] = _rms(stack.value, stack.inner)
                self._resize(group, stack)
            self._move(group, stack)
        state["step"] = step + 1

    @staticmethod
    def _resize(group: dict[str, Any], stack: _Stack) -> None:
        """One Adam step of the logarithm of each parameter's size."""
        state, rms, grads = stack.state, stack.state["rms"], stack.state["size_grads"]
        beta1, beta2 = group["betas"]
        period = len(grads)
        lr, decay = group["lr"] * group["scalar_lr_scale"], beta2**period
        state["size_exp_avg_sq"].mul_(decay).add_(grads.square().mean(dim=0), alpha=1 - decay)
        correction = 1 - decay ** ((state["step"] + 1) // period)
        change = -lr * correction**0.5 * grads.sum(dim=0) / (state["size_exp_avg_sq"].sqrt() + group["eps"])
        change.masked_fill_(rms < group["min_rms"], 0.0)  # noise; such a parameter grows by its ordinary steps
        change.masked_fill_(rms > group["max_rms"], -lr * period)
        state["delta"].add_(stack.value * change, alpha=1 - beta1)

    @staticmethod
    def _move(group: dict[str, Any], stack: _Stack) -> None:
        """Adam, with a step as wide as lr times the size of the parameter."""
        state, (beta1, beta2) = stack.state, group["betas"]
        state["exp_avg_sq"].mul_(beta2).addcmul_(stack.grad, stack.grad, value=1 - beta2)
        second, correction = state["exp_avg_sq"], 1 - beta2 ** (state["step"] + 1)
        if correction < 0.99:  # later on it would change nothing
            second = second / correction
        width = -group["lr"] * (1 - beta1) * state["rms"].clamp(min=group["min_rms"])
        state["delta"].add_(stack.grad / (second.sqrt() + group["eps"]) * width)
        stack.value.add_(state["delta"])

    @staticmethod
    def _move_scalar(group: dict[str, Any], stack: _Stack) -> None:
        """Plain Adam with a slower rate, and a bound on the value."""
        state, (beta1, beta2), grad = stack.state, group["betas"], stack.grad
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        second = state["exp_avg_sq"] / (1 - beta2 ** (state["step"] + 1))
        lr = group["lr"] * group["scalar_lr_scale"]
        state["delta"].add_(grad / (second.sqrt() + group["eps"]), alpha=-lr * (1 - beta1))
        stack.value.clamp_(-group["scalar_max"], group["scalar_max"]).add_(state["delta"])


def _rms(value: Tensor, inner: list[int]) -> Tensor:
    return value.square().mean(dim=inner, keepdim=True).sqrt()


def upstream_gpt_rate(first: float = 0.01, later: float = 0.002) -> Schedule:
    """What upstream's warm-up and cosine amount to: a constant after a first step at the optimiser's own rate.

    For a real warm-up and cosine take `schedule.warmup_cosine`.
    """
    return lambda step: first if step == 0 else later


def upstream_vits_rate(base: float = 1e-4, decay: float = 0.999875) -> Schedule:
    """Rate by epoch, from 1. Upstream decays once before the first epoch."""
    return lambda epoch: base * decay**epoch
