"""Low-rank additions to the layers of the GPT stage (Hu et al. 2021), made by the optional package peft."""

from __future__ import annotations

import torch
from torch import Tensor

from sovits_tts.errors import MissingDependency
from sovits_tts.models.gpt import GPT

_PARTS = ("attention.qkv", "attention.out", "up", "down")


def add_lora(network: GPT, rank: int, alpha: int) -> None:
    """Freeze the network and add trainable low-rank matrices to its layers, in place.

    Raises MissingDependency without peft.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingDependency(
            "lora_rank needs the package peft, which is not installed.", hint='pip install "sovits-tts[train]"'
        ) from error
    names = [f"layers.{layer}.{part}" for layer in range(network.config.n_layers) for part in _PARTS]
    network.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=names), network)


def merged(state: dict[str, Tensor], rank: int, alpha: int) -> dict[str, Tensor]:
    """The plain state of a network with additions: each weight plus alpha / rank times the product of its two."""
    plain = {}
    for name, value in state.items():
        if ".lora_" in name:
            continue
        down = state.get(name.replace("base_layer.weight", "lora_A.default.weight"))
        if name.endswith("base_layer.weight") and down is not None:
            up = state[name.replace("base_layer.weight", "lora_B.default.weight")]
            value = value + (alpha / rank) * torch.matmul(up.float(), down.float())
        plain[name.replace("base_layer.", "")] = value
    return plain
