"""The semantic codebook of `mini`: k-means on one hidden layer of the content encoder, at 25 Hz, then frozen.

The stride-2 projection before the codebook is fixed: the mean of two frames in the directions of linear discriminant
analysis (Fisher 1936; Rao 1948) over the aligned phonemes, so that distance means another sound, not another voice.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.linalg
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
    matrix: Tensor  # (C, C) applied to the pooled features
    bias: Tensor  # (C,)
    entries: Tensor  # (K, C) in the projected space

    @classmethod
    def of_projection(cls, weight: Tensor, bias: Tensor, entries: Tensor) -> Codebook:
        """The reverse of `projection`."""
        return cls(2 * weight[:, :, 0], bias, entries)

    def assign(self, features: Tensor) -> Tensor:
        """(N, C) raw -> (N,) nearest entry."""
        x = features.float() @ self.matrix.T + self.bias
        return (x @ self.entries.T - 0.5 * self.entries.square().sum(1)).argmax(1)

    def projection(self) -> tuple[Tensor, Tensor]:
        """Weight (C, C, 2) and bias (C,) of the stride-2 convolution that pools and projects."""
        return 0.5 * self.matrix[:, :, None].repeat(1, 1, 2), self.bias


def spoken_symbols(pieces: list[Piece], pooled: Pooled, token_rate: int = 25) -> NDArray[np.int64]:
    """Phoneme id + 1 at the middle of each token, 0 where nobody speaks; all pieces, tails included."""
    ids = symbol_ids("v2")
    marks = np.array([ids[p] for p in PUNCTUATION])
    rows = []
    for piece, start, end in zip(pieces, pooled.starts, pooled.starts[1:], strict=False):
        middles = (np.arange(end - start) + 0.5) / token_rate
        times = np.array(piece.times)
        place = np.maximum(np.searchsorted(times[:, 0], middles, "right") - 1, 0)
        symbol = np.array(piece.phonemes)[place]
        spoken = (middles >= times[place, 0]) & (middles < times[place, 1]) & ~np.isin(symbol, marks)
        rows.append(np.where(spoken, symbol + 1, 0))
    return np.concatenate(rows)


def discriminant(features: NDArray[np.float16], labels: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Matrix (C, C) and bias (C,).

    Within a phoneme every direction varies alike; a direction counts by the share of its variance between phonemes.
    """
    x = features.astype(np.float64)
    mean = x.mean(0)
    x -= mean
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    centres = np.zeros((len(classes), x.shape[1]))
    np.add.at(centres, index, x)
    centres /= counts[:, None]
    between = (centres * (counts / len(x))[:, None]).T @ centres
    within = x.T @ x / len(x) - between
    within += np.eye(len(within)) * np.trace(within) / len(within) * 1e-3
    ratio, directions = scipy.linalg.eigh(between, within)  # directions are scaled to unit within-class variance
    weights = np.sqrt(np.maximum(ratio, 0) / (1 + np.maximum(ratio, 0)))
    matrix = (directions * weights).T[::-1].copy()
    return torch.from_numpy(matrix).float(), torch.from_numpy(-matrix @ mean).float()


def fit_codebook(
    features: NDArray[np.float16],
    labels: NDArray[np.int64],
    size: int,
    seed: int = 0,
    rounds: int = 30,
    sample: int = 200_000,
    before: NDArray[np.int64] | None = None,
    on_event: OnEvent = silent,
) -> Codebook:
    """k-means (Lloyd) in the discriminant space; an entry that empties moves far away.

    features: (N, C); labels: (N,) phoneme of each, 0 for none
    before:   (N,) tokens these frames had with an earlier encoder: entries start at their means, so that a token goes
              on meaning what it meant and the stages trained on it go on too. Without it they start at random points.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(features), min(sample, len(features)), replace=False))
    matrix, bias = discriminant(features[chosen], labels[chosen])
    x = torch.from_numpy(features[chosen].astype(np.float32)) @ matrix.T + bias
    entries = x[torch.from_numpy(rng.choice(len(x), size, replace=False))].clone()
    if before is not None:
        was = torch.from_numpy(before[chosen])
        counts = torch.bincount(was, minlength=size)
        means = torch.zeros_like(entries).index_add_(0, was, x) / counts.clamp(min=1)[:, None]
        entries = torch.where(counts[:, None] > 0, means, entries)
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
    return Codebook(matrix, bias, entries)


def turned_to(codebook: Codebook, previous: Codebook) -> Codebook:
    """The same codebook in the axes of the previous one (orthogonal Procrustes; Schönemann 1966).

    No distance changes, so no token does; but the vectors that the waveform stage learnt to read stay where they were.
    """
    here, there = codebook.entries.mean(0), previous.entries.mean(0)
    left, _, right = torch.linalg.svd((codebook.entries - here).T @ (previous.entries - there))
    turn = left @ right
    return Codebook(
        turn.T @ codebook.matrix, (codebook.bias - here) @ turn + there, (codebook.entries - here) @ turn + there
    )


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
