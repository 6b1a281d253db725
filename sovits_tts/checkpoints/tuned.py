"""A base model with fine-tuned stages put in: the stages' weights lie in files of their own, one per stage.

A stage file is a safetensors file with the parameters of that stage alone, under our names without a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sovits_tts.checkpoints import store
from sovits_tts.checkpoints.build import LoadedModel, Source, build_model, read_model
from sovits_tts.checkpoints.strict import check_model
from sovits_tts.errors import CheckpointError

STAGES = ("gpt", "vits")
_POSTERIOR = "posterior_encoder."  # only training needs it, so a stage file may lack it


def read_stage(path: Path) -> dict[str, Tensor]:
    """The parameters in a stage file. Raises CheckpointError when it is missing or damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}.", hint="Train the stage again.") from error


def merge(base: store.Checkpoint, stages: Mapping[str, Mapping[str, Tensor]]) -> store.Checkpoint:
    """`base` with whole stages replaced.

    stages: "gpt", "vits" -> all parameters of the stage, in any float type
    Raises CheckpointError where they do not fit the sizes of the base, or hold values that are no numbers.
    """
    weights = dict(base.weights)
    for stage, found in stages.items():
        if stage not in STAGES:
            raise CheckpointError(f"There is no stage {stage!r} to fine-tune.", hint=f"Known are {', '.join(STAGES)}.")
        bad = [name for name, value in found.items() if value.is_floating_point() and not torch.isfinite(value).all()]
        if bad:
            raise CheckpointError(f"The fine-tuned {stage} stage holds no numbers in {bad[0]}.", hint="Train it again.")
        own = {name for name in weights if name.startswith(f"{stage}.")}
        kept = {name for name in own if name.startswith(f"{stage}.{_POSTERIOR}")}
        for name in own - kept:
            del weights[name]
        weights |= {f"{stage}.{name}": value.float() if value.is_floating_point() else value
                    for name, value in found.items()}  # fmt: skip
    check_model(base.spec, weights)
    return replace(base, weights=weights, fingerprint=store.fingerprint(weights)) if stages else base


def on_the_way(base: store.Checkpoint, stage: str, tuned: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """A stage at `share` of the way from the base's weights to the tuned ones, in fp32. Wortsman et al. 2022: between
    two networks of one training there is no hill, and much of what was gained comes before what was lost.

    stage: "gpt" or "vits"; what the base lacks, or counts in whole numbers, is as tuned
    """
    own = base.part(stage)
    return {
        name: torch.lerp(own[name].float(), value.float(), share)
        if value.is_floating_point() and name in own
        else value
        for name, value in tuned.items()
    }


def load_tuned(source: Source, gpt: Path | None = None, vits: Path | None = None) -> LoadedModel:
    """The base `source` with the stages in these files, as `load_model` gives it. Raises CheckpointError, ConfigError.

    gpt, vits: stage files; None: the base's own
    """
    given = {"gpt": gpt, "vits": vits}
    return build_model(merge(read_model(source), {name: read_stage(path) for name, path in given.items() if path}))
