"""Pretraining, second part: pieces -> content encoder -> codebook -> tokens of every piece."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sovits_tts.data.corpus import Corpus
from sovits_tts.data.labels import read_labels
from sovits_tts.data.pieces import Piece, make_pieces, read_pieces, write_pieces
from sovits_tts.data.tokens import TokenStore, write_tokens
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.specs import ModelSpec
from sovits_tts.training.codebook import (
    Codebook,
    Pooled,
    fit_codebook,
    pool_features,
    probe_tokens,
    spoken_symbols,
    turned_to,
)
from sovits_tts.training.content import ContentBatch, ContentData, ContentStage
from sovits_tts.training.loop import LoopSettings, run
from sovits_tts.training.state import load_state, save_state
from sovits_tts.training.teacher_data import read_alignments


@dataclass(frozen=True)
class ContentRun:
    """Settings of the content encoder."""

    steps: int = 6000
    items: int = 16  # crops in a batch
    seconds: float = 4.0  # of each crop
    peak_lr: float = 1e-3
    save_seconds: float = 600.0
    device: str = "cpu"
    workers: int = 1


def prepare_pieces(work: Path) -> Path:
    """Write `pieces.jsonl` from alignments and labels; nothing to do when it is there."""
    out = work / "pieces.jsonl"
    if not out.is_file():
        alignments = read_alignments(work / "alignments.jsonl")
        write_pieces(out, make_pieces(Corpus(work), read_labels(work / "labels.jsonl"), alignments))
    return out


@torch.no_grad()
def frame_accuracy(stage: ContentStage, batches: list[ContentBatch]) -> dict[str, float]:
    """Share of dev frames whose toned phoneme the inner head and the last layer name."""
    stage.network.eval()
    inner = last = 0.0
    for batch in batches:
        with stage.precision.autocast():
            states = stage.network.hidden_states(stage.precision.input(batch.wave))
            guess = stage.inner_head(states[stage.config.output_layer].transpose(1, 2)).argmax(2).cpu()
            final = stage.network.frame_symbols(states[-1]).argmax(2).cpu()
        inner += (guess == batch.frames).float().mean().item() / len(batches)
        last += (final == batch.frames).float().mean().item() / len(batches)
    return {"dev_inner": inner, "dev_last": last}


def train_content(
    work: Path, spec: ModelSpec, settings: ContentRun, minutes: float = float("inf"), on_event: OnEvent = silent
) -> ContentStage:
    """Train, or resume, in `work/content`."""
    corpus = Corpus(work)
    pieces = prepare_pieces(work)
    data = ContentData(corpus, read_pieces(pieces, "train"), settings.items, settings.seconds)
    dev = ContentData(corpus, read_pieces(pieces, "dev"), settings.items, settings.seconds, augment=False)
    dev_batches = [dev.batch(step) for step in range(4)]
    stage = ContentStage(spec.content, settings.steps, settings.peak_lr, settings.device)

    def report(step: int) -> None:
        on_event(Event("content dev", step, values=frame_accuracy(stage, dev_batches)))

    loop = LoopSettings(
        settings.steps, save_seconds=settings.save_seconds, deadline_seconds=minutes * 60, workers=settings.workers
    )
    run(stage, data.batch, work / "content", loop, on_event, on_save=report)
    return stage


def _pooled(work: Path, stage: ContentStage, step: int, pieces: list[Piece], on_event: OnEvent) -> Pooled:
    """The encoder's pooled features, made once and kept in `pooled.npz`."""
    path = work / "pooled.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as data:
            if int(data["step"]) == step:
                return Pooled(data["features"], data["starts"], data["lengths"])
    pooled = pool_features(stage.network, Corpus(work), pieces, on_event=on_event)
    partial = work / "pooled.part.npz"
    np.savez(partial, features=pooled.features, starts=pooled.starts, lengths=pooled.lengths, step=step)
    partial.rename(path)
    return pooled


def make_tokens(work: Path, spec: ModelSpec, stage: ContentStage, step: int, on_event: OnEvent = silent) -> Codebook:
    """Fit the codebook on train pieces and write `tokens.npz` (all pieces) and `codebook.safetensors`.

    step: of the encoder. Tokens of an earlier one are made again, entry by entry near what they meant.
    """
    saved, tokens = work / "codebook.safetensors", work / "tokens.npz"
    if saved.is_file() and tokens.is_file() and int(load_state(saved)["step"]) == step:
        return load_codebook(work)
    pieces = read_pieces(work / "pieces.jsonl")
    pooled = _pooled(work, stage, step, pieces, on_event)
    train = np.zeros(len(pooled.features), bool)
    for piece, start, end in zip(pieces, pooled.starts, pooled.starts[1:], strict=False):
        train[start:end] = piece.split == "train"
    labels = spoken_symbols(pieces, pooled, spec.token_rate)
    before = _tokens_before(tokens, pooled)
    codebook = fit_codebook(
        pooled.features[train], labels[train], spec.vits.codebook_size,
        before=None if before is None else before[train], on_event=on_event,
    )  # fmt: skip
    if before is not None:
        codebook = turned_to(codebook, load_codebook(work))
    flat = store_tokens(work, codebook, pooled, step)
    store = TokenStore(tokens)
    probe = probe_tokens(pieces, [store[i] for i in range(len(pieces))], spec.vits.codebook_size, spec.token_rate)
    if before is not None:
        probe["kept"] = float((before == flat).mean())
    on_event(Event("tokens", len(pieces), len(pieces), "pieces", values=probe))
    return codebook


def store_tokens(work: Path, codebook: Codebook, pooled: Pooled, step: int) -> NDArray[np.int64]:
    """Write `tokens.npz` and `codebook.safetensors`; the tokens of all pooled frames.

    step: of the encoder that the features are from
    """
    flat = np.concatenate(
        [codebook.assign(torch.from_numpy(part)).numpy() for part in np.array_split(pooled.features, 64)]
    )
    rows = [flat[s:e] for s, e in zip(pooled.starts, pooled.starts[1:], strict=False)]
    write_tokens(work / "tokens.npz", rows, pooled.lengths.tolist())
    parts = {"matrix": codebook.matrix, "bias": codebook.bias, "entries": codebook.entries}
    save_state(work / "codebook.safetensors", {**parts, "step": step})
    return flat


def _tokens_before(path: Path, pooled: Pooled) -> NDArray[np.int64] | None:
    """The tokens in `path`, in the order of the pooled frames; None where there are none, or of other pieces."""
    if not path.is_file():
        return None
    store = TokenStore(path)
    rows = [store.with_tail(i) for i in range(len(store))]
    if [len(row) for row in rows] != np.diff(pooled.starts).tolist():
        return None
    return np.concatenate(rows)


def load_codebook(work: Path) -> Codebook:
    """The codebook that `make_tokens` wrote."""
    state = load_state(work / "codebook.safetensors")
    return Codebook(state["matrix"], state["bias"], state["entries"])
