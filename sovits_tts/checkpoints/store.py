"""Our model folder: `model.safetensors` (all networks, prefixed) and `config.yaml` (their sizes, what they are).

Weights are stored in half precision and come back in float32. The folder describes itself: nothing in it depends on a
row of `specs.py`. `config.yaml` carries a fingerprint of the weights, so that a mixed or damaged folder is noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sovits_tts.config import as_dict, parse, read_yaml
from sovits_tts.errors import CheckpointError, ConfigError
from sovits_tts.specs import ModelSpec

WEIGHTS = "model.safetensors"
CONFIG = "config.yaml"
PREFIXES = ("content", "gpt", "vits", "discriminators")
FORMAT = 1


@dataclass(frozen=True)
class FolderConfig:
    """What `config.yaml` holds."""

    format: int
    fingerprint: str  # sha256 over the stored weights, see `fingerprint`
    spec: ModelSpec
    meta: dict[str, Any] = field(default_factory=dict)  # provenance: source, licence, training, figures


@dataclass(frozen=True)
class Checkpoint:
    """A loaded folder. `weights` are named `<network>.<parameter>`; floating-point ones are float32."""

    spec: ModelSpec
    weights: dict[str, Tensor]
    meta: dict[str, Any]
    fingerprint: str

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The state dict of one network ("content", "gpt", "vits", "discriminators"); empty if the folder lacks it."""
        return part(self.weights, prefix)


def part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The state dict of one network out of weights named `<network>.<parameter>`."""
    return {name[len(prefix) + 1 :]: value for name, value in weights.items() if name.startswith(prefix + ".")}


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """sha256 over names, shapes and values in half precision; the same before saving and after loading."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = _stored(weights[name], torch.float16)
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _stored(value: Tensor, dtype: torch.dtype) -> Tensor:
    value = value.detach().cpu()
    return (value.to(dtype) if value.is_floating_point() else value).contiguous()


def save(
    folder: str | os.PathLike[str],
    spec: ModelSpec,
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
    dtype: torch.dtype = torch.float16,
) -> str:
    """Write a model folder and return its fingerprint. Other files in the folder stay.

    weights: named `<network>.<parameter>`, networks from `PREFIXES`
    meta:    plain values that YAML can hold
    dtype:   of the floating-point weights in the file
    Each file appears whole or not at all. Raises CheckpointError if there is a model already and `overwrite` is not
    set, if a name has no known prefix, or if a value is not finite or too large for `dtype`.
    """
    folder = Path(folder)
    if not overwrite and ((folder / WEIGHTS).exists() or (folder / CONFIG).exists()):
        raise CheckpointError(f"There is a model in {folder} already.", hint="Choose another folder, or overwrite it.")
    stored = {}
    for name, value in weights.items():
        if name.split(".", 1)[0] not in PREFIXES:
            raise CheckpointError(f"{name!r} has no known prefix.", hint=f"Known are {', '.join(PREFIXES)}.")
        # A copy, since safetensors refuses tensors that share memory.
        stored[name] = _stored(value, dtype).clone()
        if value.is_floating_point() and not torch.isfinite(stored[name]).all():
            raise CheckpointError(f"{name} holds values that are not finite in {str(dtype).split('.')[-1]}.")
    config = FolderConfig(FORMAT, fingerprint(stored), spec, dict(meta or {}))
    text = yaml.safe_dump(as_dict(config), sort_keys=False, allow_unicode=True)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: folder / f".{name}.{os.getpid()}.part" for name in (WEIGHTS, CONFIG)}
    try:
        save_file(stored, parts[WEIGHTS])
        parts[CONFIG].write_text(text, encoding="utf-8")
        for name, part in parts.items():
            part.replace(folder / name)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return config.fingerprint


def is_model(folder: str | os.PathLike[str]) -> bool:
    """Whether `folder` looks like a model of ours."""
    return (Path(folder) / CONFIG).is_file() and (Path(folder) / WEIGHTS).is_file()


def read_config(folder: str | os.PathLike[str]) -> FolderConfig:
    """Only `config.yaml`. Raises CheckpointError naming an unknown or missing field with its nearest neighbour."""
    path = Path(folder) / CONFIG
    try:
        config = parse(FolderConfig, read_yaml(path), source=str(path))
    except ConfigError as error:
        raise CheckpointError(error.message, hint=error.hint) from error
    if config.format != FORMAT:
        raise CheckpointError(
            f"{path} has format {config.format}; this version reads {FORMAT}.", hint="Update sovits-tts."
        )
    return config


def load(folder: str | os.PathLike[str]) -> Checkpoint:
    """Read a model folder on CPU, in float32.

    Raises CheckpointError if a file is missing or damaged, a field of `config.yaml` is unknown, or the weights are not
    those that `config.yaml` was written for.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"{folder} holds no {name}.", hint="A model folder has config.yaml and model.safetensors."
            )
    config = read_config(folder)
    try:
        stored = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} is damaged: {error}.", hint="Get the folder again.") from error
    found = fingerprint(stored)
    if found != config.fingerprint:
        raise CheckpointError(
            f"{folder / WEIGHTS} is not the file that {CONFIG} was written for.",
            hint="Two models were mixed or a file was changed: get the folder again.",
        )
    weights = {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}
    return Checkpoint(config.spec, weights, config.meta, found)
