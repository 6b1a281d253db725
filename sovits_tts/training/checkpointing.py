"""Activation checkpointing (Chen et al. 2016): compute what is inside a module again in the backward pass."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute(modules: Iterable[nn.Module]) -> None:
    """Let each module keep only its inputs while training, in place."""
    for module in modules:
        module.forward = partial(checkpoint, module.forward, use_reentrant=False)  # type: ignore[method-assign]
