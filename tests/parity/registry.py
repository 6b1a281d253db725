"""What a parity case is. Add `tests/parity/<topic>_cases.py` with

    @case("s2_official_*")
    def waveform_stage(fixture: Fixture) -> Iterator[Check]:
        yield close("wave", ours, fixture.io["wave"])

and it runs on every folder whose name fits. Seeds, sizes and shapes come from the folder, never from the case.
A tensor that the folder does not hold is not checked, so that a selection of a fixture is a fixture.
"""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.parity import derive

TOLERANCE = 1e-4
TOLERANCE_HALF = 1e-3  # where the expected value was stored as fp16

Status = str  # "passed", "failed" or "skipped"


@dataclass(frozen=True)
class Check:
    """One row of the report. For exact checks `tolerance` is 0 and `error` counts the differing elements."""

    name: str
    status: Status
    error: float | None = None
    tolerance: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Fixture:
    """One case's folder: meta.json, io.safetensors, perhaps weights."""

    path: Path

    @cached_property
    def meta(self) -> dict[str, Any]:
        return json.loads((self.path / "meta.json").read_text(encoding="utf-8"))

    @property
    def seed(self) -> int:
        return self.meta["seed"]

    @cached_property
    def io(self) -> dict[str, Tensor]:
        return load_file(self.path / "io.safetensors")

    def sibling(self, name: str) -> Fixture:
        """Another case of the same set, such as shared inputs."""
        return Fixture(self.path.parent / name)

    def stored(self, name: str) -> dict[str, Tensor] | None:
        """The tensors of another .safetensors file in this folder; None if it is not there."""
        path = self.path / f"{name}.safetensors"
        return load_file(path) if path.is_file() else None


def derived(seed: int, key: str, shape: Iterable[int]) -> Tensor:
    """The derived value of one official parameter."""
    shape = tuple(shape)
    return torch.from_numpy(derive.weight(seed, key, shape)).reshape(shape)


def load_derived(module: nn.Module, seed: int, official: Callable[[str], str], prefix: str = "") -> nn.Module:
    """Fill `module` with derived weights. `official` maps our parameter name to the official one."""
    state = {}
    for key, tensor in module.state_dict().items():
        name = prefix + official(key)
        state[key] = derived(seed, name, tensor.shape) if derive.is_derived(name) else tensor
    module.load_state_dict(state)
    return module.eval()


# --- checks ----------------------------------------------------------------------------------------------------


def close(name: str, actual: Any, expected: Any, *, tolerance: float | None = None, relative: bool = False) -> Check:
    """Largest absolute difference; with `relative`, divided by the expected value (or 1, if that is smaller)."""
    actual, expected = _array(actual), _array(expected)
    if tolerance is None:
        tolerance = TOLERANCE_HALF if expected.dtype == np.float16 else TOLERANCE
    if actual.shape != expected.shape:
        return Check(name, "failed", None, tolerance, f"shape {actual.shape}, expected {expected.shape}")
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    difference = np.abs(actual - expected)
    if relative:
        difference = difference / np.maximum(np.abs(expected), 1)
    error = float(difference.max(initial=0))
    return Check(name, "passed" if error <= tolerance else "failed", error, tolerance)  # NaN fails


def equal(name: str, actual: Any, expected: Any) -> Check:
    """Exactly equal: integers, tokens, lists, strings."""
    if isinstance(actual, Tensor | np.ndarray) or isinstance(expected, Tensor | np.ndarray):
        actual, expected = _array(actual), _array(expected)
        if actual.shape != expected.shape:
            return Check(name, "failed", None, 0, f"shape {actual.shape}, expected {expected.shape}")
        wrong = int((actual != expected).sum())
        return Check(name, "passed" if wrong == 0 else "failed", wrong, 0)
    if actual == expected:
        return Check(name, "passed", 0, 0)
    return Check(name, "failed", 1, 0, f"{actual!r}, expected {expected!r}"[:200])


def close_all(
    name: str,
    pairs: Mapping[str, tuple[float, float]],
    *,
    tolerance: float = TOLERANCE,
    floor: float = 1.0,
) -> Check:
    """Many scalars as one row: the largest |actual - expected| / max(|expected|, floor), and whose it is."""
    errors = {key: abs(actual - expected) / max(abs(expected), floor) for key, (actual, expected) in pairs.items()}
    for key, error in errors.items():
        if math.isnan(error):
            return Check(name, "failed", None, tolerance, f"{key} is not a number")
    worst = max(errors, key=lambda key: errors[key])
    status = "passed" if errors[worst] <= tolerance else "failed"
    return Check(name, status, errors[worst], tolerance, f"worst of {len(errors)}: {worst}")


def skip(name: str, reason: str) -> Check:
    return Check(name, "skipped", note=reason)


def _array(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


# --- cases -----------------------------------------------------------------------------------------------------

Case = Callable[[Fixture], Iterable[Check]]
_CASES: dict[str, Case] = {}


def case(pattern: str) -> Callable[[Case], Case]:
    """Register a case for the folders whose name matches `pattern` (shell wildcards)."""

    def register(function: Case) -> Case:
        if pattern in _CASES:
            raise ValueError(f"two cases for {pattern}")
        _CASES[pattern] = function
        return function

    return register


def load_cases() -> None:
    """Import every `*_cases` module beside this one."""
    import tests.parity as package

    for module in pkgutil.iter_modules(package.__path__):
        if module.name.endswith("_cases"):
            importlib.import_module(f"{package.__name__}.{module.name}")


def run(fixture: Fixture) -> Iterator[Check]:
    """The checks of one folder. Whatever a case raises is a failed row: the others still run."""
    function = next((run for pattern, run in _CASES.items() if fnmatch(fixture.path.name, pattern)), None)
    if function is None:
        yield skip("all", "no case is registered for this folder")
        return
    try:
        yield from function(fixture)
    except Exception as error:
        yield Check("all", "failed", note=f"stopped by {type(error).__name__}: {error}"[:300])
