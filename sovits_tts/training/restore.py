"""Go on from a landed model where the work folder of its training is gone.

The corpus is labelled again and aligned by the model's own content encoder, whose frame head knows better than the
teacher it learnt from where each phoneme lies; codebook and tokens are the model's; every stage starts from its
weights, with a fresh optimizer. So neither the teacher nor the content encoder has to be trained again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sovits_tts.checkpoints.store import Checkpoint, load
from sovits_tts.data.corpus import Clip, Corpus
from sovits_tts.data.labels import phonemize_corpus, read_labels
from sovits_tts.data.pieces import ALIGNED_FRAME, read_pieces
from sovits_tts.errors import CheckpointError
from sovits_tts.models.content import ContentEncoder
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.specs import ModelSpec
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids
from sovits_tts.training.codebook import Codebook, pool_features
from sovits_tts.training.content import ContentStage
from sovits_tts.training.gpt import GPTStage
from sovits_tts.training.loop import STATE, Stage
from sovits_tts.training.pretrain_content import prepare_pieces, store_tokens
from sovits_tts.training.state import save_state
from sovits_tts.training.teacher_data import frame_path, speakable
from sovits_tts.training.vits import VITSStage

_RATE = 16000
_FRAME, _OFFSET = 0.02, 0.0025  # seconds: hop of the encoder, and half of its field less half a hop


def restore(work: Path, spec: ModelSpec, model: Path, on_event: OnEvent = silent) -> None:
    """Lay out `work`, which holds a decoded corpus, as if `model` had just been packaged from it.

    Parts that lie there already are left alone. Weights that do not fit `spec` start anew, and an event names them.
    Raises CheckpointError for a model without a frame head, CheckpointError or DataError for what is missing.
    """
    checkpoint = load(model)
    encoder = ContentEncoder(checkpoint.spec.content)
    encoder.load_state_dict(checkpoint.part("content"))
    if encoder.frame_head is None:
        raise CheckpointError(f"{model} cannot align recordings: it has no frame head.", hint="Use a model of ours.")
    encoder.eval().requires_grad_(False)
    corpus = Corpus(work)
    if not (work / "labels.jsonl").is_file():
        on_event(Event("label", message=json.dumps(phonemize_corpus(corpus, work / "labels.jsonl", on_event))))
    if not (work / "alignments.jsonl").is_file():
        _align(encoder, corpus, read_labels(work / "labels.jsonl"), work / "alignments.jsonl", on_event)
    prepare_pieces(work)
    if not all((work / name).is_file() for name in ("tokens.npz", "codebook.safetensors")):
        _tokens(encoder, corpus, work, checkpoint, on_event)
    _stages(work, spec, checkpoint, on_event)


def _align(encoder: ContentEncoder, corpus: Corpus, labels: dict[str, list[str]], out: Path, on_event: OnEvent) -> None:
    """Write `alignments.jsonl` as the teacher does, with times in its frames."""
    ids = symbol_ids("v2")
    items = []
    for clip in corpus:
        targets = [ids[name] + 1 for name in labels.get(clip.id, ()) if name not in PUNCTUATION]
        if targets and speakable(clip, len(targets)):
            items.append((clip, targets))

    @torch.inference_mode()
    def align(item: tuple[Clip, list[int]]) -> dict[str, Any] | None:
        clip, targets = item
        states = encoder.hidden_states(torch.from_numpy(corpus.audio(clip, _RATE))[None])
        scores = encoder.frame_symbols(states[-1])[0].log_softmax(-1).numpy()
        if len(scores) < len(targets) + 2:
            return None
        path, score = frame_path(scores, targets)
        wanted = 2 * np.arange(len(targets)) + 1
        starts, ends = (
            (np.searchsorted(path, wanted, side) * _FRAME + _OFFSET) / ALIGNED_FRAME for side in ("left", "right")
        )
        return {"id": clip.id, "score": round(score, 4), "frames": int(clip.seconds / ALIGNED_FRAME),
                "starts": starts.round(3).tolist(), "ends": ends.round(3).tolist()}  # fmt: skip

    partial = out.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as file:
        for number, row in enumerate(_on_all_cores(align, items)):
            if row is not None:
                file.write(json.dumps(row) + "\n")
            if number % 200 == 0:
                on_event(Event("align", number, len(items), "clips"))
    partial.rename(out)


def _on_all_cores(function: Any, items: list[Any]) -> Any:
    """Results in order; one thread each, since clips are independent."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(function, items)
    finally:
        torch.set_num_threads(threads)


def _tokens(encoder: ContentEncoder, corpus: Corpus, work: Path, checkpoint: Checkpoint, on_event: OnEvent) -> None:
    weights = checkpoint.part("vits")
    codebook = Codebook.of_projection(
        weights["content_projection.weight"], weights["content_projection.bias"], weights["quantizer.embedding"]
    )
    pooled = pool_features(encoder, corpus, read_pieces(work / "pieces.jsonl"), torch.get_num_threads(), on_event)
    store_tokens(work, codebook, pooled, _steps(checkpoint, "content"))


def _stages(work: Path, spec: ModelSpec, checkpoint: Checkpoint, on_event: OnEvent) -> None:
    """A state for each stage: the model's weights in the networks of `spec`, their averages the same."""
    content, gpt, vits = ContentStage(spec.content, 1, low=False), GPTStage(spec.gpt, 1), VITSStage(spec.vits, 1, 0)

    def fitting(prefix: str, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the model has for these names and shapes; an event names the others."""
        weights = checkpoint.part(prefix)
        fits = {name: weights[name] for name in own if name in weights and weights[name].shape == own[name].shape}
        if left := sorted(own.keys() - fits.keys()):
            on_event(Event(prefix, message=f"{len(left)} weights start anew: {', '.join(left[:3])} ..."))
        return fits

    if not _lies(work, content):
        content.network.load_state_dict(fitting("content", content.network.state_dict()), strict=False)
        if content.network.frame_head is not None:  # the nearest to a head that was not kept
            content.inner_head.load_state_dict(content.network.frame_head.state_dict())
        _save(work, content, checkpoint)
    if not _lies(work, gpt):
        gpt.average.install(fitting("gpt", gpt.precision.state_dict()))
        _save(work, gpt, checkpoint)
    if not _lies(work, vits):
        vits.average.install(fitting("vits", vits.g_precision.state_dict()))
        critics = vits.d_precision.state_dict()
        vits.d_precision.load_state_dict({**critics, **fitting("discriminators", critics)})
        _save(work, vits, checkpoint)


def _lies(work: Path, stage: Stage) -> bool:
    return (work / stage.name / STATE).is_file()


def _save(work: Path, stage: Stage, checkpoint: Checkpoint) -> None:
    save_state(work / stage.name / STATE, {"stage": stage.state_dict(), "step": _steps(checkpoint, stage.name)})


def _steps(checkpoint: Checkpoint, stage: str) -> int:
    return int(checkpoint.meta.get("steps", {}).get(stage, 0))
