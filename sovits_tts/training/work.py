"""The folder of a pretraining: what earlier parts left in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_tts.data.pieces import read_pieces
from sovits_tts.data.tokens import TokenStore
from sovits_tts.errors import DataError
from sovits_tts.models.quantizer import Quantizer
from sovits_tts.specs import ModelSpec
from sovits_tts.training.codebook import Codebook
from sovits_tts.training.content import ContentStage
from sovits_tts.training.loop import STATE
from sovits_tts.training.state import load_state


def content_stage(work: Path, spec: ModelSpec) -> tuple[ContentStage, int]:
    """The trained content encoder, in fp32: tokens must not flip with the precision; and its step."""
    found, step = saved_stage(work / "content")
    stage = ContentStage(spec.content, 1, low=False)
    stage.precision.load_state_dict(found["networks"])
    return stage, step


def saved_stage(folder: Path) -> tuple[dict[str, Any], int]:
    """The saved state of a stage, and its step."""
    path = folder / STATE
    if not path.is_file():
        raise DataError(f"{path} is missing.", hint=f"Run `sovits-tts pretrain {folder.name}` first.")
    saved = load_state(path)
    return saved["stage"], int(saved["step"])


def pieces_of(work: Path, split: str) -> list[int]:
    """Numbers of the pieces of a split."""
    return [i for i, piece in enumerate(read_pieces(work / "pieces.jsonl")) if piece.split == split]


def stored_tokens(work: Path) -> TokenStore:
    path = work / "tokens.npz"
    if not path.is_file():
        raise DataError(f"{path} is missing.", hint="Run `sovits-tts pretrain tokens` first.")
    return TokenStore(path)


def averaged(state: dict[str, Any], network: str) -> dict[str, Tensor]:
    """The averaged floats of a stage, everything else as trained."""
    average: dict[str, Tensor] = state["average"]["weights"]
    return {name: average.get(name, value) for name, value in state[network].items()}


@torch.no_grad()
def install_codebook(quantizer: Quantizer, codebook: Codebook) -> None:
    quantizer.embedding.copy_(codebook.entries)
    quantizer.embedding_sum.copy_(codebook.entries)
    quantizer.cluster_size.fill_(1)
    quantizer.initialized.fill_(1)
