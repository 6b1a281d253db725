"""Weight normalisation: each output channel of a convolution is a learned length times a direction.

While training, a normalised layer holds `parametrizations.weight.original0` (length) and `original1` (direction).
For inference the two are multiplied once and a plain `weight` remains. Salimans & Kingma 2016.
"""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

__all__ = ["fold_weight_norm", "weight_norm"]

Module = TypeVar("Module", bound=nn.Module)


def fold_weight_norm(module: Module) -> Module:
    """Replace every normalised weight in `module` by its current value, in place; returns `module`.

    Outputs stay the same (to rounding); each forward is spared the multiplication. Cannot be undone.
    """
    for child in module.modules():
        if parametrize.is_parametrized(child, "weight"):
            parametrize.remove_parametrizations(child, "weight", leave_parametrized=True)
    return module
