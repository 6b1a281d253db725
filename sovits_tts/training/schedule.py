"""Learning rates as functions of the step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

Schedule = Callable[[int], float]


def warmup_cosine(peak: float, warmup: int, total: int, floor: float = 0.02) -> Schedule:
    """Linear to `peak` over `warmup` steps, then half a cosine down to `floor * peak` at `total`."""

    def at(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, total - warmup))
        return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))

    return at


def cosine_over_time(
    peak: float, warmup: int, seconds: float, floor: float = 0.02, now: Callable[[], float] = time.monotonic
) -> Schedule:
    """The same over so many seconds from its first step on, for a machine that is lent by the clock; such a run cannot
    be repeated exactly."""
    began: list[tuple[int, float]] = []

    def at(step: int) -> float:
        if not began:
            began.append((step, now()))
        first, start = began[0]
        progress = min(1.0, (now() - start) / seconds)
        risen = min(1.0, (step - first + 1) / warmup)
        return peak * risen * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))

    return at


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> float:
    for group in optimizer.param_groups:
        group["lr"] = lr
    return lr
