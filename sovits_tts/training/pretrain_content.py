"""Pretraining, second part: pieces -> content encoder -> codebook -> tokens of every piece."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sovits_tts.data.corpus import Corpus
from sovits_tts.data.labels import read_labels
from sovits_tts.data.pieces import Piece, make_pieces, read_pieces, write_pieces
from sovits_tts.data.tokens import TokenStore, write_tokens
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.specs import ModelSpec
from sovits_tts.training.codebook import Codebook, Pooled, fit_codebook, pool_features, probe_tokens, spoken_symbols
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


def _pooled(work: Path, stage: ContentStage, pieces: list[Piece], on_event: OnEvent) -> Pooled:
    """The encoder's pooled features, made once and kept in `pooled.npz`."""
    path = work / "pooled.npz"
    if not path.is_file():
        pooled = pool_features(stage.network, Corpus(work), pieces, on_event=on_event)
        partial = work / "pooled.part.npz"
        np.savez(partial, features=pooled.features, starts=pooled.starts, lengths=pooled.lengths)
        partial.rename(path)
    with np.load(path, allow_pickle=False) as data:
        return Pooled(data["features"], data["starts"], data["lengths"])


def make_tokens(work: Path, spec: ModelSpec, stage: ContentStage, on_event: OnEvent = silent) -> Codebook:
    """Fit the codebook on train pieces and write `tokens.npz` (all pieces) and `codebook.safetensors`."""
    saved = work / "codebook.safetensors"
    if saved.is_file() and (work / "tokens.npz").is_file():
        return Codebook(**load_state(saved))
    pieces = read_pieces(work / "pieces.jsonl")
    pooled = _pooled(work, stage, pieces, on_event)
    train = np.zeros(len(pooled.features), bool)
    for piece, start, end in zip(pieces, pooled.starts, pooled.starts[1:], strict=False):
        train[start:end] = piece.split == "train"
    labels = spoken_symbols(pieces, pooled, spec.token_rate)
    codebook = fit_codebook(pooled.features[train], labels[train], spec.vits.codebook_size, on_event=on_event)
    flat = np.concatenate(
        [codebook.assign(torch.from_numpy(part)).numpy() for part in np.array_split(pooled.features, 64)]
    )
    rows = [flat[s:e] for s, e in zip(pooled.starts, pooled.starts[1:], strict=False)]
    write_tokens(work / "tokens.npz", rows, pooled.lengths.tolist())
    save_state(saved, {"matrix": codebook.matrix, "bias": codebook.bias, "entries": codebook.entries})
    store = TokenStore(work / "tokens.npz")
    probe = probe_tokens(pieces, [store[i] for i in range(len(pieces))], spec.vits.codebook_size, spec.token_rate)
    on_event(Event("tokens", len(pieces), len(pieces), "pieces", values=probe))
    return codebook
