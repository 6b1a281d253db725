"""The semantic codebook of `mini`: k-means on one hidden layer of the content encoder, at 25 Hz, then frozen.

The stride-2 projection before the codebook is fixed: the mean of two frames, standardised per channel, so that no
channel rules the distance.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_tts.data.corpus import Corpus
from sovits_tts.data.pieces import Piece
from sovits_tts.models.content import ContentEncoder
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids

RATE = 16000
PROMPT_SILENCE = 0.3  # seconds of zeros after a prompt, here and in synthesis


@dataclass(frozen=True)
class Pooled:
    """25 Hz features of all pieces. Piece i: rows starts[i]..starts[i + 1]; the first lengths[i] are its own, the rest
    the silence after it."""

    features: NDArray[np.float16]  # (frames, d_model)
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


def pool_features(
    network: ContentEncoder, corpus: Corpus, pieces: list[Piece], workers: int = 2, on_event: OnEvent = silent
) -> Pooled:
    """Mean of two hidden frames for every token of every piece, each encoded alone, the prompt's silence after it."""
    network.eval()
    dtype = network.hubert.feature_projection.projection.weight.dtype
    tail = np.zeros(int(PROMPT_SILENCE * RATE), np.float32)

    @torch.inference_mode()
    def pool(piece: Piece) -> tuple[NDArray[np.float16], int]:
        wave = corpus.audio(corpus.by_id[piece.clip], RATE, piece.start, piece.end)
        hidden = network(torch.from_numpy(np.concatenate((wave, tail)))[None].to(dtype))[0].float()  # (C, T50)
        usable = hidden.shape[1] // 2 * 2
        pooled = hidden[:, :usable].unflatten(1, (-1, 2)).mean(2).T
        return pooled.half().numpy(), min(len(pooled), ContentEncoder.n_frames(len(wave)) // 2)

    rows, lengths = [], []
    with ThreadPoolExecutor(workers) as threads:
        for n, (row, length) in enumerate(threads.map(pool, pieces)):
            rows.append(row)
            lengths.append(length)
            if n % 200 == 0:
                on_event(Event("features", n, len(pieces), "pieces"))
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return Pooled(np.concatenate(rows), starts, np.array(lengths))


@dataclass(frozen=True)
class Codebook:
    mean: Tensor  # (C,)
    std: Tensor  # (C,)
    entries: Tensor  # (K, C), standardised

    def assign(self, features: Tensor) -> Tensor:
        """(N, C) raw -> (N,) nearest entry."""
        x = (features.float() - self.mean) / self.std
        scores = x @ self.entries.T - 0.5 * self.entries.square().sum(1)
        return scores.argmax(1)

    def projection(self) -> tuple[Tensor, Tensor]:
        """Weight (C, C, 2) and bias (C,) of the stride-2 convolution that pools and standardises."""
        weight = torch.diag(0.5 / self.std)[:, :, None].repeat(1, 1, 2)
        return weight, -self.mean / self.std


def fit_codebook(
    features: NDArray[np.float16],
    size: int,
    seed: int = 0,
    rounds: int = 30,
    sample: int = 200_000,
    on_event: OnEvent = silent,
) -> Codebook:
    """k-means (Lloyd), started from random points; an entry that empties moves to a point far from its own."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(features), min(sample, len(features)), replace=False)
    x = torch.from_numpy(features[np.sort(chosen)].astype(np.float32))
    mean, std = x.mean(0), x.std(0).clamp(min=1e-4)
    x = (x - mean) / std
    entries = x[torch.from_numpy(rng.choice(len(x), size, replace=False))].clone()
    for turn in range(rounds):
        scores = x @ entries.T - 0.5 * entries.square().sum(1)
        best, nearest = scores.max(1)
        distance = x.square().sum(1) - 2 * best
        sums = torch.zeros_like(entries).index_add_(0, nearest, x)
        counts = torch.bincount(nearest, minlength=size)
        empty = torch.nonzero(counts < 5).flatten()
        entries = sums / counts.clamp(min=1)[:, None]
        if len(empty):
            entries[empty] = x[distance.topk(10 * len(empty)).indices[::10]]
        on_event(Event("codebook", turn + 1, rounds, values={"distance": distance.mean().item(), "empty": len(empty)}))
    return Codebook(mean, std, entries)


def probe_tokens(
    pieces: list[Piece], tokens: list[NDArray[np.int64]], size: int, token_rate: int = 25
) -> dict[str, float]:
    """How often the token's most likely phoneme (tone included) is the spoken one, and how evenly tokens are used."""
    ids = symbol_ids("v2")
    pauses = {ids[p] for p in PUNCTUATION}
    n_symbols = len(ids)
    together = np.zeros((size, n_symbols))
    for piece, row in zip(pieces, tokens, strict=True):
        middles = (np.arange(len(row)) + 0.5) / token_rate
        starts = np.array([s for s, _ in piece.times])
        place = np.searchsorted(starts, middles, "right") - 1
        inside = place >= 0
        spoken = np.array(piece.phonemes)[np.maximum(place, 0)]
        keep = inside & ~np.isin(spoken, list(pauses))
        np.add.at(together, (row[keep], spoken[keep]), 1)
    usage = np.bincount(np.concatenate(tokens), minlength=size) / sum(map(len, tokens))
    entropy = -np.sum(usage * np.log(np.maximum(usage, 1e-12)))
    return {
        "toned_phoneme_accuracy": float(together.max(1).sum() / together.sum()),
        "perplexity": float(np.exp(entropy)),
        "largest_share": float(usage.max()),
    }
