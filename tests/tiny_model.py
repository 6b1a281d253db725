"""A complete model with random weights, small enough to speak in milliseconds: the real classes, the real folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sovits_tts.audio import Audio
from sovits_tts.checkpoints import store
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.specs import ContentConfig, GPTConfig, ModelSpec, VITSConfig

SPEC = ModelSpec(
    "tiny",
    symbols="v2",
    languages=("zh", "en"),
    gpt=GPTConfig(d_model=32, n_layers=2, n_heads=2, n_tokens=65, d_bert=0, follows_text=True),
    vits=VITSConfig(
        sample_rate=16000, n_fft=1024, hop=320, win=1024, n_mels=40, d_content=16, codebook_size=64,
        d_latent=8, d_hidden=8, d_filter=16, n_layers_content=1, n_layers_text=1, n_layers_joint=1,
        d_mrte=16, d_reference=16, d_matching=16, n_layers_flow=2, n_layers_posterior=1, style_bins=200,
        d_style_hidden=8, d_style=16, decoder_channels=32, upsample_rates=(8, 5, 4, 2), upsample_kernels=(16, 11, 8, 4),
        resblock_type=2, resblock_kernels=(3,), resblock_dilations=((1, 3),), log_spectrum=True, follows_text=True,
    ),
    content=ContentConfig(
        d_model=16, n_layers=2, n_heads=2, d_ff=32, conv_dims=(8,) * 7, position_kernel=16, position_groups=4,
        output_layer=1, ctc_symbols=733,
    ),
    silence_token=-1,
    speech_level=0.07,
)  # fmt: skip
WITHOUT_HEADS = replace(
    SPEC,
    gpt=replace(SPEC.gpt, follows_text=False),
    vits=replace(SPEC.vits, follows_text=False),
    content=replace(SPEC.content, ctc_symbols=0),
)


def write_model(folder: Path, spec: ModelSpec = SPEC, seed: int = 0) -> Path:
    """A model folder of this spec, with weights that depend on the seed only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        networks = {"content": ContentEncoder(spec.content), "gpt": GPT(spec.gpt), "vits": VITS(spec.vits)}
        # Random weights as they come give one token for every sound; a livelier codebook does not.
        networks["vits"].quantizer.embedding.copy_(0.05 * torch.randn_like(networks["vits"].quantizer.embedding))
        networks["gpt"].head.weight.data.mul_(3)
        if networks["gpt"].reader is not None:  # a phoneme lasts a few tokens, as in speech
            networks["gpt"].reader.move.bias.data[0] = 2.0
    weights = {f"{name}.{key}": value for name, net in networks.items() for key, value in net.state_dict().items()}
    store.save(folder, spec, weights, {"note": "random weights"})
    return folder


def speech(seconds: float, f0: float = 120.0, rate: int = 24000, seed: int = 0) -> Audio:
    """Syllables of a gliding buzz with a little noise under them."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(f0 * 2 ** (0.15 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6)))) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 20))
    envelope = np.clip(np.sin(np.pi * 4 * t) ** 2 * 1.3 - 0.1, 0.02, 1)
    return Audio(0.2 * wave * envelope + 3e-4 * rng.normal(size=len(t)), rate)
