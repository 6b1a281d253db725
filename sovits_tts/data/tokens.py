"""Semantic tokens of every piece, in one flat array: small enough to travel anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class TokenStore:
    """Tokens of piece i: `store[i]`; with those of the silence that follows it as a prompt: `store.with_tail(i)`."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            self._flat: NDArray[np.int16] = data["tokens"]
            self._starts: NDArray[np.int64] = data["starts"]
            self._lengths: NDArray[np.int64] = data["lengths"]

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: int) -> NDArray[np.int64]:
        start = self._starts[index]
        return self._flat[start : start + self._lengths[index]].astype(np.int64)

    def with_tail(self, index: int) -> NDArray[np.int64]:
        return self._flat[self._starts[index] : self._starts[index + 1]].astype(np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self._lengths


def write_tokens(path: Path, rows: Sequence[NDArray[np.integer]], lengths: Sequence[int]) -> None:
    """`rows` with their tails; `lengths` without."""
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(
        partial, tokens=np.concatenate(rows).astype(np.int16), starts=starts, lengths=np.asarray(lengths)
    )
    partial.rename(path)
