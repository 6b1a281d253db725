"""The two networks that GPT-SoVITS takes from Hugging Face: folders of HuBERT and of BERT, weights and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sovits_tts.checkpoints import official
from sovits_tts.checkpoints.official_spec import bert_config, content_config
from sovits_tts.errors import CheckpointError
from sovits_tts.specs import BertConfig, ContentConfig

_MAX_JSON = 64 << 20


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON:
            raise CheckpointError(f"{path} is larger than {_MAX_JSON >> 20} MB.")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.", hint="Download the folder again.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds no settings.", hint="Download the folder again.")
    return value


def _read(folder: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights under our names in float32, and config.json."""
    stated = _read_json(folder / "config.json")
    tensors = folder / "model.safetensors"
    if not tensors.is_file():
        file = official.read(folder / "pytorch_model.bin", float32=True)
        if file.kind != kind:
            raise CheckpointError(f"{folder} holds the {file.kind} network instead of {kind}.")
        return file.weights, stated
    try:
        theirs: Mapping[str, Tensor] = load_file(tensors)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{tensors} is damaged: {error}.", hint="Download the folder again.") from error
    return official.TABLES[kind].rename_to_ours(theirs), stated


def read_content(folder: str | Path) -> tuple[ContentConfig, dict[str, Tensor]]:
    """A HuBERT folder (config.json with pytorch_model.bin or model.safetensors) -> sizes and weights under our names.

    Raises CheckpointError if it is missing, damaged, or not a HuBERT of the post-norm, group-norm kind.
    """
    weights, stated = _read(Path(folder), "content")
    return content_config(weights, stated), weights


def read_bert(folder: str | Path) -> tuple[BertConfig, dict[str, Tensor], dict[str, int]]:
    """A BERT folder -> sizes, the weights of the layers we use, and the vocabulary (token -> id).

    Raises CheckpointError if it is missing, damaged, or not a BERT.
    """
    folder = Path(folder)
    weights, stated = _read(folder, "bert")
    config = bert_config(weights, stated)
    unused = tuple(f"bert.encoder.layer.{index}." for index in range(config.n_layers_built, config.n_layers))
    return config, {name: value for name, value in weights.items() if not name.startswith(unused)}, _vocabulary(folder)


def _vocabulary(folder: Path) -> dict[str, int]:
    plain = folder / "vocab.txt"
    if plain.is_file():
        return {token: index for index, token in enumerate(plain.read_text(encoding="utf-8").splitlines())}
    model = _read_json(folder / "tokenizer.json").get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict) or not {"[CLS]", "[SEP]", "[UNK]"} <= vocabulary.keys():
        raise CheckpointError(f"{folder / 'tokenizer.json'} holds no BERT vocabulary.", hint="Download it again.")
    return vocabulary
