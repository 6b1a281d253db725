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
from sovits_tts.training.loop import STATE
from sovits_tts.training.pretrain_content import load_codebook
from sovits_tts.training.prior import LEARNING, same_latent
from sovits_tts.training.state import load_state
from sovits_tts.training.work import averaged, content_stage, saved_stage, stored_tokens


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
    generator = averaged(vits, "generator")
    steps = {"content": step, "gpt": gpt_step, "vits": vits_step}
    if (work / "prior" / STATE).is_file():
        prior, steps["prior"] = saved_stage(work / "prior")
        if not same_latent(prior["network"], generator):
            raise DataError(
                f"The prior was trained for another latent than that of vits step {vits_step}.",
                hint="Run `sovits-tts pretrain prior` again.",
            )
        generator = {name: value for name, value in generator.items() if not name.startswith(LEARNING)}
        learnt = averaged(prior, "network")
        generator |= {name: value for name, value in learnt.items() if name.startswith(LEARNING)}
    weights.update({f"vits.{k}": v for k, v in generator.items()})
    weights.update({f"discriminators.{k}": v for k, v in vits["discriminator"].items()})
    codebook = load_codebook(work)
    projection, bias = codebook.projection()
    weights["vits.content_projection.weight"], weights["vits.content_projection.bias"] = projection, bias
    weights["vits.quantizer.embedding"] = weights["vits.quantizer.embedding_sum"] = codebook.entries
    for buffer in ("cluster_size", "initialized"):  # the average began before the codebook was installed
        weights[f"vits.quantizer.{buffer}"] = vits["generator"][f"quantizer.{buffer}"]
    silence = silence_token(stored_tokens(work))
    return save(out, replace(spec, silence_token=silence), weights, {**meta, "steps": steps}, overwrite=True)


def silence_token(store: TokenStore) -> int:
    """The token that the silence after a prompt mostly becomes."""
    tails = np.concatenate([store.with_tail(i)[len(store[i]) + 1 :] for i in range(min(len(store), 2000))])
    return int(np.bincount(tails).argmax())
