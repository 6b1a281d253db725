"""Train an embedded model from scratch, part by part, each resumable:

decode → teacher → content → tokens → gpt, vits (side by side once tokens exist) → package
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sovits_tts.checkpoints.store import save
from sovits_tts.data.contours import Contours
from sovits_tts.data.corpus import Corpus, decode_corpus
from sovits_tts.data.pieces import read_pieces
from sovits_tts.data.tokens import TokenStore
from sovits_tts.errors import ConfigError, DataError
from sovits_tts.models.quantizer import Quantizer
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.specs import ModelSpec, get_spec
from sovits_tts.training.codebook import Codebook
from sovits_tts.training.content import ContentStage
from sovits_tts.training.gpt import GPTData, GPTStage
from sovits_tts.training.loop import LoopSettings, run
from sovits_tts.training.pretrain_content import ContentRun, load_codebook, make_tokens, train_content
from sovits_tts.training.pretrain_teacher import TeacherRun, pretrain_teacher
from sovits_tts.training.state import load_state
from sovits_tts.training.vits import VITSStage, VITSWeights
from sovits_tts.training.vits_data import VITSData

SEED = 1234
PARTS = ("decode", "teacher", "content", "tokens", "gpt", "vits", "package")


@dataclass(frozen=True)
class GPTRun:
    """Settings of the GPT stage."""

    steps: int = 20000
    tokens_per_batch: int = 4000
    joined: float = 0.5  # share of examples that begin with another piece of the speaker, as a prompt
    peak_lr: float = 1e-3
    dropout: float = 0.0
    save_seconds: float = 600.0
    workers: int = 1


@dataclass(frozen=True)
class VITSRun:
    """Settings of the waveform stage."""

    steps: int = 60000
    adversarial_from: int = 6000
    kl_warmup: int = 2000  # steps over which the KL term reaches its weight
    posterior_pull: float = 0.06  # at 1, the posterior says too little of a recording to rebuild it
    items: int = 8
    longest: float = 3.0  # seconds of a crop
    slice_frames: int = 32  # decoded in one step
    peak_lr: float = 4e-4
    save_seconds: float = 600.0
    workers: int = 1


@dataclass(frozen=True)
class PretrainConfig:
    """`configs/pretrain_mini.yaml`."""

    spec: str = "mini"
    device: str = "cpu"
    teacher: TeacherRun = field(default_factory=TeacherRun)
    content: ContentRun = field(default_factory=ContentRun)
    gpt: GPTRun = field(default_factory=GPTRun)
    vits: VITSRun = field(default_factory=VITSRun)
    meta: dict[str, Any] = field(default_factory=dict)  # written into the model's config.yaml


def pretrain(
    part: str,
    work: Path,
    config: PretrainConfig,
    *,
    corpus: Path | None = None,
    out: Path | None = None,
    minutes: float = float("inf"),
    on_event: OnEvent = silent,
) -> None:
    """Run one of `PARTS` in the folder `work`, from where it stopped, for at most `minutes`.

    corpus: the folder with manifest.csv, for "decode"; out: the model folder, for "package".
    Raises ConfigError for an unknown part and DataError when an earlier part is missing.
    """
    spec = get_spec(config.spec)
    run_part: dict[str, Callable[[], Any]] = {
        "decode": lambda: decode_corpus(_given(corpus, "--corpus"), work, spec.languages, on_event=on_event),
        "teacher": lambda: pretrain_teacher(work, config.teacher, on_event),
        "content": lambda: train_content(work, spec, replace(config.content, device=config.device), minutes, on_event),
        "tokens": lambda: make_tokens(work, spec, *_content_stage(work, spec), on_event),
        "gpt": lambda: train_gpt(work, spec, config.gpt, config.device, minutes, on_event),
        "vits": lambda: train_vits(work, spec, config.vits, config.device, minutes, on_event),
        "package": lambda: package(work, spec, _given(out, "--out"), config.meta),
    }
    if part not in run_part:
        raise ConfigError(f"There is no part {part!r} of pretraining.", hint=f"Choose one of: {', '.join(PARTS)}.")
    torch.manual_seed(SEED)  # networks start alike every time
    run_part[part]()


def _given(path: Path | None, option: str) -> Path:
    if path is None:
        raise ConfigError(f"This part needs {option}.", hint=f"Give a folder with {option}.")
    return path


def _content_stage(work: Path, spec: ModelSpec) -> tuple[ContentStage, int]:
    """The trained content encoder, in fp32: tokens must not flip with the precision; and its step."""
    state, step = _state(work / "content")
    stage = ContentStage(spec.content, 1, low=False)
    stage.precision.load_state_dict(state["networks"])
    return stage, step


def _state(folder: Path) -> tuple[dict[str, Any], int]:
    """The saved state of a stage, and its step."""
    path = folder / "state.safetensors"
    if not path.is_file():
        raise DataError(f"{path} is missing.", hint=f"Run `sovits-tts pretrain {folder.name}` first.")
    saved = load_state(path)
    return saved["stage"], int(saved["step"])


def _indices(work: Path, split: str) -> list[int]:
    return [i for i, piece in enumerate(read_pieces(work / "pieces.jsonl")) if piece.split == split]


def _tokens(work: Path) -> TokenStore:
    path = work / "tokens.npz"
    if not path.is_file():
        raise DataError(f"{path} is missing.", hint="Run `sovits-tts pretrain tokens` first.")
    return TokenStore(path)


def train_gpt(work: Path, spec: ModelSpec, settings: GPTRun, device: str, minutes: float, on_event: OnEvent) -> None:
    """Train, or resume, in `work/gpt`."""
    pieces, store = read_pieces(work / "pieces.jsonl"), _tokens(work)
    train, dev = (
        GPTData(
            pieces,
            store,
            _indices(work, split),
            spec.gpt,
            settings.tokens_per_batch,
            settings.joined,
            token_rate=spec.token_rate,
        )
        for split in ("train", "dev")
    )
    stage = GPTStage(spec.gpt, settings.steps, settings.peak_lr, device, settings.dropout)
    run(
        stage,
        train.batch,
        work / "gpt",
        _loop(settings, minutes),
        on_event,
        on_save=lambda step: on_event(Event("gpt dev", step, values=stage.evaluate(dev))),
    )


def train_vits(work: Path, spec: ModelSpec, settings: VITSRun, device: str, minutes: float, on_event: OnEvent) -> None:
    """Train, or resume, in `work/vits`."""
    pieces, store = read_pieces(work / "pieces.jsonl"), _tokens(work)
    corpus = Corpus(work)
    contours = Contours(corpus, work, on_event) if spec.vits.source else None
    data = VITSData(
        corpus, pieces, store, spec.vits, _indices(work, "train"), contours, settings.items, longest=settings.longest
    )
    stage = VITSStage(
        spec.vits, settings.steps, settings.adversarial_from, settings.kl_warmup, settings.peak_lr,
        slice_frames=settings.slice_frames, weights=VITSWeights(posterior_pull=settings.posterior_pull), device=device,
    )  # fmt: skip

    def install() -> None:  # the tokens may have been made again since the state was saved
        install_codebook(stage.generator.quantizer, load_codebook(work))

    install()
    run(stage, data.batch, work / "vits", _loop(settings, minutes), on_event, on_load=install)


def _loop(settings: GPTRun | VITSRun, minutes: float) -> LoopSettings:
    return LoopSettings(
        settings.steps, save_seconds=settings.save_seconds, deadline_seconds=minutes * 60, workers=settings.workers
    )


@torch.no_grad()
def install_codebook(quantizer: Quantizer, codebook: Codebook) -> None:
    quantizer.embedding.copy_(codebook.entries)
    quantizer.embedding_sum.copy_(codebook.entries)
    quantizer.cluster_size.fill_(1)
    quantizer.initialized.fill_(1)


def package(work: Path, spec: ModelSpec, out: Path, meta: dict[str, Any]) -> str:
    """Collect the averaged weights of all parts into a model folder; returns its fingerprint."""
    weights: dict[str, Tensor] = {}
    content, step = _content_stage(work, spec)
    if int(load_state(work / "codebook.safetensors")["step"]) != step:
        raise DataError(
            f"The tokens were not made by the content encoder of step {step}.", hint="Run `sovits-tts pretrain tokens`."
        )
    weights.update({f"content.{k}": v for k, v in content.network.state_dict().items()})
    gpt, gpt_step = _state(work / "gpt")
    weights.update({f"gpt.{k}": v for k, v in averaged(gpt, "network").items()})
    vits, vits_step = _state(work / "vits")
    weights.update({f"vits.{k}": v for k, v in averaged(vits, "generator").items()})
    weights.update({f"discriminators.{k}": v for k, v in vits["discriminator"].items()})
    codebook = load_codebook(work)
    projection, bias = codebook.projection()
    weights["vits.content_projection.weight"], weights["vits.content_projection.bias"] = projection, bias
    weights["vits.quantizer.embedding"] = weights["vits.quantizer.embedding_sum"] = codebook.entries
    for buffer in ("cluster_size", "initialized"):  # the average began before the codebook was installed
        weights[f"vits.quantizer.{buffer}"] = vits["generator"][f"quantizer.{buffer}"]
    silence = silence_token(_tokens(work))
    steps = {"content": step, "gpt": gpt_step, "vits": vits_step}
    return save(out, replace(spec, silence_token=silence), weights, {**meta, "steps": steps}, overwrite=True)


def averaged(state: dict[str, Any], network: str) -> dict[str, Tensor]:
    """The averaged floats of a stage, everything else as trained."""
    average: dict[str, Tensor] = state["average"]["weights"]
    return {name: average.get(name, value) for name, value in state[network].items()}


def silence_token(store: TokenStore) -> int:
    """The token that the silence after a prompt mostly becomes."""
    tails = np.concatenate([store.with_tail(i)[len(store[i]) + 1 :] for i in range(min(len(store), 2000))])
    return int(np.bincount(tails).argmax())
