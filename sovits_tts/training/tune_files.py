"""Files of a fine-tuning run: stage files, and the discriminators that it starts from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sovits_tts import assets
from sovits_tts.checkpoints import official, store
from sovits_tts.checkpoints.official_export import official_version
from sovits_tts.errors import CheckpointError
from sovits_tts.training.tune_config import VITSTune


def find_critics(checkpoint: store.Checkpoint, config: VITSTune) -> dict[str, Tensor] | None:
    """The discriminators to start from; None where the settings want none.

    Those the settings name, else the base's own, else those of the official version that the base has the sizes of.
    Raises ConfigError for official ones that are not downloaded, CheckpointError where there are none.
    """
    if not config.adversarial:
        return None
    if config.discriminators:
        path = Path(config.discriminators)
        if store.is_model(path):
            found = store.load(path).part("discriminators")
        else:
            file = official.read(path, float32=True)
            found = file.weights if file.kind == "discriminators" else {}
        if not found:
            raise CheckpointError(f"{path} holds no discriminators.")
        return found
    own = checkpoint.part("discriminators")
    if own:
        return own
    try:
        version = official_version(checkpoint.spec)
    except CheckpointError as error:
        raise CheckpointError(
            f"The model {checkpoint.spec.name} comes without discriminators.",
            hint="Name a file of them (discriminators), or train without them (adversarial: 0).",
        ) from error
    return official.read(assets.locate(assets.MODELS[version].discriminators, version), float32=True).weights


def save_stage(path: Path, weights: dict[str, Tensor]) -> None:
    """Write a stage file, in half precision like a model folder, whole or not at all."""
    stored = {
        name: (value.detach().cpu().half() if value.is_floating_point() else value.detach().cpu()).contiguous().clone()
        for name, value in weights.items()
    }
    bad = [name for name, value in stored.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if bad:
        raise CheckpointError(f"{bad[0]} holds values that are not finite in half precision.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    save_file(stored, partial)
    partial.replace(path)


def read_json(path: Path) -> Any:
    """A JSON file of ours; None where it is missing. They appear whole, so a damaged one is an error."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.", hint="Delete the folder to train again.") from error
