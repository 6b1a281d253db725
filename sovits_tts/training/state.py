"""Training state on disk: a nested dict of tensors and plain values <-> one safetensors file. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sovits_tts.errors import CheckpointError

_TENSOR = "__tensor__"


def save_state(path: Path, tree: dict[str, Any]) -> None:
    """Write `tree` atomically: the old file stays whole until the new one is."""
    tensors: dict[str, torch.Tensor] = {}

    def strip(node: Any, name: str) -> Any:
        if isinstance(node, torch.Tensor):
            tensors[name] = node.detach().cpu().contiguous().clone()
            return {_TENSOR: name}
        if isinstance(node, dict):
            # JSON keeps no integer keys: optimizers use them, so the kind is written beside the key
            return {f"{type(k).__name__}:{k}": strip(v, f"{name}/{k}") for k, v in node.items()}
        if isinstance(node, list | tuple):
            return [strip(v, f"{name}/{i}") for i, v in enumerate(node)]
        return node

    skeleton = json.dumps(strip(tree, ""))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata={"tree": skeleton})
    partial.replace(path)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote. Raises CheckpointError for a damaged file."""
    try:
        with safe_open(path, framework="pt") as file:
            skeleton = json.loads(file.metadata()["tree"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except Exception as error:
        raise CheckpointError(f"{path} is not a training state: {error}.", hint="Delete it to start over.") from error

    def fill(node: Any) -> Any:
        if isinstance(node, dict):
            if _TENSOR in node:
                return tensors[node[_TENSOR]]
            pairs = ((key.partition(":"), value) for key, value in node.items())
            return {int(k) if kind == "int" else k: fill(v) for (kind, _, k), v in pairs}
        if isinstance(node, list):
            return [fill(v) for v in node]
        return node

    tree: dict[str, Any] = fill(skeleton)
    return tree
