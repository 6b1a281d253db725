"""Weights and inputs of the fixtures, computed instead of stored. NumPy only.

Every tensor is a function of (seed, key, shape). A legacy NumPy generator, whose stream never changes, is seeded
with crc32("<seed>/<key>") and draws in float64; a rule chosen by the official parameter name scales the draw.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np


def _generator(seed: int, key: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(f"{seed}/{key}".encode()))


def _fan_in(draw: np.ndarray) -> float:
    return math.sqrt(math.prod(draw.shape[1:]))


Rule = Callable[[np.ndarray], np.ndarray]
_near_one: Rule = lambda n: 1 + 0.1 * n
_near_zero: Rule = lambda n: 0.1 * n
_as_drawn: Rule = lambda n: n
_per_distance: Rule = lambda n: n / math.sqrt(n.shape[-1])

_BY_LAST_NAME: dict[str, Rule] = {
    "inited": np.ones_like,
    "cluster_size": lambda n: 10 + 5 * np.abs(n),
    "embed": _as_drawn,
    "embed_avg": _as_drawn,
    "running_mean": _near_zero,
    "running_var": lambda n: 1 + 0.2 * np.abs(n),
    "weight_g": _near_one,
    "weight_v": _as_drawn,
    "alpha": lambda n: _near_one(n) if n.shape == (1,) else _near_zero(n),
    "gamma": _near_one,
    "beta": _near_zero,
    "emb_rel_k": _per_distance,
    "emb_rel_v": _per_distance,
    "bias": lambda n: 0.05 * n,
}
_BY_ENDING: list[tuple[str, Rule]] = [
    ("word_embeddings.weight", lambda n: 0.5 * n),
    ("text_embedding.weight", lambda n: 0.5 * n),
    ("prelu.weight", lambda n: 0.25 + 0.05 * n),
    ("_bias", lambda n: 0.05 * n),
    (".proj.weight", lambda n: 0.25 * n / _fan_in(n)),
]


def _rule(key: str) -> Rule:
    last = key.rpartition(".")[2]
    if last in _BY_LAST_NAME:
        return _BY_LAST_NAME[last]
    for ending, rule in _BY_ENDING:
        if key.endswith(ending):
            return rule
    return lambda n: _near_one(n) if n.ndim < 2 else n / _fan_in(n)


def is_derived(key: str) -> bool:
    """Constant tables keep what their module computed."""
    return not key.endswith((".filter", "inv_freq"))


def weight(seed: int, key: str, shape: Sequence[int]) -> np.ndarray:
    """The parameter or buffer called `key` in the official files: float32, or int64 zeros for a batch counter."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    draw = np.asarray(_generator(seed, key).standard_normal(tuple(shape) or None))
    return _rule(key)(draw).astype(np.float32)


def normal(seed: int, key: str, shape: Sequence[int], scale: float = 1.0) -> np.ndarray:
    """A standard normal input times `scale`, float32."""
    return (_generator(seed, f"input/{key}").standard_normal(tuple(shape)) * scale).astype(np.float32)


def integers(seed: int, key: str, shape: Sequence[int], low: int, high: int) -> np.ndarray:
    """Uniform in [low, high), int64."""
    return _generator(seed, f"int/{key}").randint(low, high, tuple(shape)).astype(np.int64)


def wave(seed: int, key: str, size: int, sample_rate: int = 32000) -> np.ndarray:
    """`size` samples that resemble speech: twelve decaying harmonics, each with its own slow beat, and some noise.

    Peak 0.6, float32.
    """
    draw = _generator(seed, f"wave/{key}")
    time = np.arange(size) / sample_rate
    pitch = 120 + 60 * draw.rand()
    sound = np.zeros(size)
    for harmonic in range(1, 13):
        phase = 6.28 * draw.rand()
        beat = 1 + 3 * draw.rand()
        tone = np.sin(2 * np.pi * pitch * harmonic * time + phase) / harmonic
        sound += tone * (0.6 + 0.4 * np.sin(2 * np.pi * beat * time))
    sound = sound * (0.5 + 0.5 * np.sin(2 * np.pi * 2.3 * time)) + 0.05 * draw.standard_normal(size)
    return (0.6 * sound / np.abs(sound).max()).astype(np.float32)
