"""Keys and values of one generation call. Made by the caller, so the network itself stays without state."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sovits_tts.specs import GPTConfig


class KVCache:
    """Preallocated keys and values of `batch` rows of up to `max_length` columns (phonemes, prompt and new tokens).

    Rows of different lengths end at the same column; the columns before a short row are padding.
    """

    def __init__(
        self, config: GPTConfig, batch: int, max_length: int, device: torch.device | str, dtype: torch.dtype
    ) -> None:
        shape = (config.n_layers, batch, config.n_heads, max_length, config.d_model // config.n_heads)
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0  # columns filled
        self.token_positions = torch.zeros(batch, dtype=torch.long, device=device)  # of the next token of each row
        self.starts = torch.zeros(batch, dtype=torch.long, device=device)  # first column of each row
        self.ragged = False  # some row has padding

    def begin(self, n_text: Sequence[int], n_total: Sequence[int]) -> Tensor | None:
        """Lay out rows of `n_total` columns of which the first `n_text` are phonemes.

        Returns the mask of the prefill, (B, 1, L, L), or None when every column may see every other.
        """
        device, longest = self.starts.device, max(n_total)
        text = torch.tensor(n_text, device=device)
        total = torch.tensor(n_total, device=device)
        self.starts = longest - total
        self.token_positions = total - text
        self.ragged = min(n_total) < longest
        if not self.ragged and list(n_text) == list(n_total):
            return None
        column = torch.arange(longest, device=device)
        real = column >= self.starts[:, None]  # (B, L)
        is_text = column < (self.starts + text)[:, None]  # (B, L)
        causal = column <= column[:, None]  # (L, L): the key stands before the query
        order = is_text[:, None, :] | causal & ~is_text[:, :, None]
        return (order & real[:, None, :])[:, None]

    def step_mask(self) -> Tensor | None:
        """(B, 1, 1, L + 1) for one new column, or None when no row has padding."""
        if not self.ragged:
            return None
        column = torch.arange(self.length + 1, device=self.starts.device)
        return (column >= self.starts[:, None])[:, None, None]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store the newest columns, (B, H, n, D), of one layer; returns all columns so far."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, columns: int) -> None:
        """Called once per forward, after all layers."""
        self.length += columns

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but `rows` (ascending), in place: finished sentences cost nothing more."""
        for new, old in enumerate(rows):
            if new != old:
                self.keys[:, new, :, : self.length] = self.keys[:, old, :, : self.length]
                self.values[:, new, :, : self.length] = self.values[:, old, :, : self.length]
        self.keys, self.values = self.keys[:, : len(rows)], self.values[:, : len(rows)]
        index = torch.tensor(rows, device=self.starts.device)
        self.token_positions = self.token_positions[index]
        self.starts = self.starts[index]
