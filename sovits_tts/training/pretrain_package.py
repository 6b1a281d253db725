"""The last part of pretraining: the averaged weights of all stages become a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sovits_tts.checkpoints.store import save
from sovits_tts.data.tokens import TokenStore
from sovits_tts.errors import DataError
from sovits_tts.specs import ModelSpec
from sovits_tts.training import decoder, prior
from sovits_tts.training.loop import STATE
from sovits_tts.training.pretrain_content import load_codebook
from sovits_tts.training.prior import same_latent
from sovits_tts.training.state import load_state
from sovits_tts.training.work import averaged, content_stage, saved_stage, stored_tokens

# stages after the waveform stage: the network in their state, and what they train of it
_LATER = {"prior": ("network", prior.LEARNING), "decoder": ("generator", decoder.LEARNING)}


def package(work: Path, spec: ModelSpec, out: Path, meta: dict[str, Any]) -> str:
    """Collect the averaged weights of all parts into a model folder; returns its fingerprint."""
    weights: dict[str, Tensor] = {}
    content, step = content_stage(work, spec)
    if int(load_state(work / "codebook.safetensors")["step"]) != step:
        raise DataError(
            f"The tokens were not made by the content encoder of step {step}.", hint="Run `sovits-tts pretrain tokens`."
        )
    weights.update({f"content.{k}": v for k, v in content.network.state_dict().items()})
    gpt, gpt_step = saved_stage(work / "gpt")
    weights.update({f"gpt.{k}": v for k, v in averaged(gpt, "network").items()})
    vits, vits_step = saved_stage(work / "vits")
    steps = {"content": step, "gpt": gpt_step, "vits": vits_step}
    steps |= {part: saved_stage(work / part)[1] for part in _LATER if _was_trained(work, part)}
    weights.update({f"vits.{k}": v for k, v in waveform_weights(work, *_LATER).items()})
    critics = saved_stage(work / "decoder")[0] if _was_trained(work, "decoder") else vits
    weights.update({f"discriminators.{k}": v for k, v in critics["discriminator"].items()})
    codebook = load_codebook(work)
    projection, bias = codebook.projection()
    weights["vits.content_projection.weight"], weights["vits.content_projection.bias"] = projection, bias
    weights["vits.quantizer.embedding"] = weights["vits.quantizer.embedding_sum"] = codebook.entries
    for buffer in ("cluster_size", "initialized"):  # the average began before the codebook was installed
        weights[f"vits.quantizer.{buffer}"] = vits["generator"][f"quantizer.{buffer}"]
    silence = silence_token(stored_tokens(work))
    return save(out, replace(spec, silence_token=silence), weights, {**meta, "steps": steps}, overwrite=True)


def waveform_weights(work: Path, *later: str) -> dict[str, Tensor]:
    """Averaged weights of the waveform stage, with what the `later` stages trained of it, where they ran.

    Raises DataError where one of them ran on another latent than the waveform stage has now.
    """
    vits, vits_step = saved_stage(work / "vits")
    weights = averaged(vits, "generator")
    for part in later or ("prior",):
        if not _was_trained(work, part):
            continue
        network, learning = _LATER[part]
        found = averaged(saved_stage(work / part)[0], network)
        if not same_latent(found, weights):
            raise DataError(
                f"The {part} stage was trained for another latent than that of vits step {vits_step}.",
                hint=f"Run `sovits-tts pretrain {part}` again.",
            )
        weights = {name: value for name, value in weights.items() if not name.startswith(learning)}
        weights |= {name: value for name, value in found.items() if name.startswith(learning)}
    return weights


def _was_trained(work: Path, part: str) -> bool:
    return (work / part / STATE).is_file()


def silence_token(store: TokenStore) -> int:
    """The token that the silence after a prompt mostly becomes."""
    tails = np.concatenate([store.with_tail(i)[len(store[i]) + 1 :] for i in range(min(len(store), 2000))])
    return int(np.bincount(tails).argmax())
