"""Writes files that GPT-SoVITS loads: its names in its order, half precision, its settings class, its version mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_tts.checkpoints.official import MARKS, TABLES
from sovits_tts.checkpoints.torchwrite import Ordered, write_torch_file
from sovits_tts.checkpoints.unpickle import Record
from sovits_tts.errors import CheckpointError
from sovits_tts.specs import SPECS, GPTConfig, ModelSpec, VITSConfig

_SETTINGS_CLASS = "utils.HParams"
_MARKED = ("v2Pro", "v2ProPlus")  # the versions whose files carry a mark; the others keep "PK"
_OFFICIAL = ("v1", "v2", "v2Pro", "v2ProPlus")
_TRAINING_ONLY = ("enc_q.",)


def official_version(spec: ModelSpec) -> str:
    """The GPT-SoVITS version whose networks `spec` describes. Raises CheckpointError if there is none.

    Facts of training alone (dropout, discriminators) do not count.
    """
    for name in _OFFICIAL:
        row = SPECS[name]
        if spec.symbols == row.symbols and _inference(spec, row) == _inference(row, row):
            return name
    raise CheckpointError(
        f"GPT-SoVITS has no version with the sizes of {spec.name!r}.",
        hint=f"Only models made from {', '.join(_OFFICIAL)} can be exported.",
    )


def _inference(spec: ModelSpec, row: ModelSpec) -> tuple[GPTConfig, VITSConfig]:
    gpt = replace(spec.gpt, dropout=row.gpt.dropout)
    kept = ("dropout", "dropout_style", "periods", "scale_channels", "period_channels", "n_layers_posterior", "n_mels")
    return gpt, replace(spec.vits, **{name: getattr(row.vits, name) for name in kept})


def write_gpt(
    path: str | Path, config: GPTConfig, weights: Mapping[str, Tensor], settings: Mapping[str, Any], info: str
) -> None:
    """Write a `.ckpt`. weights: our names; settings: those of the file it came from, {} for none."""
    theirs = Ordered(_halved(TABLES["gpt"].rename_to_theirs(weights)))
    write_torch_file(path, Ordered(weight=theirs, config=_merged(_gpt_settings(config), settings), info=info))


def write_vits(
    path: str | Path,
    version: str,
    config: VITSConfig,
    weights: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    info: str,
) -> None:
    """Write a `.pth` like a fine-tuned one: without the posterior. Arguments as for `write_gpt`."""
    theirs = _halved(TABLES["vits"].rename_to_theirs(weights))
    kept = {name: value for name, value in theirs.items() if not name.startswith(_TRAINING_ONLY)}
    stated = _merged(_vits_settings(version, config), settings)
    mark = next((mark for mark, (name, _) in MARKS.items() if name == version and version in _MARKED), b"PK")
    write_torch_file(path, Ordered(weight=kept, config=_record(stated), info=info), mark)


def _merged(defaults: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Stated settings over the defaults, section by section, so that none is missing."""
    merged = {**defaults, **stated}
    for name, section in defaults.items():
        if isinstance(section, dict) and isinstance(stated.get(name), Mapping):
            merged[name] = {**section, **stated[name]}
    return merged


def _record(settings: Mapping[str, Any]) -> Record:
    fields = {name: _record(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
    return Record(_SETTINGS_CLASS, fields)


def _halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    halved = {name: value.detach().half() for name, value in weights.items()}
    for name, value in halved.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{name} has values that half precision cannot hold.", hint="It cannot be exported.")
    return halved


def _gpt_settings(config: GPTConfig) -> dict[str, Any]:
    """Every setting that GPT-SoVITS reads from a `.ckpt`, and its training defaults."""
    return {
        "train": {"seed": 1234, "epochs": 20, "batch_size": 8, "save_every_n_epoch": 1, "precision": "16-mixed",
                  "gradient_clip": 1.0},
        "optimizer": {"lr": 0.01, "lr_init": 0.00001, "lr_end": 0.0001, "warmup_steps": 2000, "decay_steps": 40000},
        "data": {"max_eval_sample": 8, "max_sec": 54, "num_workers": 4, "pad_val": config.eos},
        "model": {
            "vocab_size": config.n_tokens, "phoneme_vocab_size": config.n_phonemes, "embedding_dim": config.d_model,
            "hidden_dim": config.d_model, "head": config.n_heads, "linear_units": 4 * config.d_model,
            "n_layer": config.n_layers, "dropout": 0, "EOS": config.eos, "random_bert": 0,
        },
        "inference": {"top_k": 15},
    }  # fmt: skip


def _vits_settings(version: str, config: VITSConfig) -> dict[str, Any]:
    """Every setting that GPT-SoVITS reads from a `.pth`, and its training defaults."""
    slice_frames = 32
    return {
        "train": {
            "log_interval": 100, "eval_interval": 500, "seed": 1234, "epochs": 100, "learning_rate": 0.0001,
            "betas": [0.8, 0.99], "eps": 1e-9, "batch_size": 32, "fp16_run": True, "lr_decay": 0.999875,
            "segment_size": slice_frames * config.hop, "init_lr_ratio": 1, "warmup_epochs": 0, "c_mel": 45,
            "c_kl": 1.0, "text_low_lr_rate": 0.4, "grad_ckpt": False,
        },
        "data": {
            "max_wav_value": 32768.0, "sampling_rate": config.sample_rate, "filter_length": config.n_fft,
            "hop_length": config.hop, "win_length": config.win, "n_mel_channels": config.n_mels, "mel_fmin": 0.0,
            "mel_fmax": None, "add_blank": True, "n_speakers": 300, "cleaned_text": True,
        },
        "model": {
            "inter_channels": config.d_latent, "hidden_channels": config.d_hidden,
            "filter_channels": config.d_filter, "n_heads": config.n_heads, "n_layers": config.n_layers_text,
            "kernel_size": config.kernel, "p_dropout": config.dropout, "resblock": str(config.resblock_type),
            "resblock_kernel_sizes": list(config.resblock_kernels),
            "resblock_dilation_sizes": [list(item) for item in config.resblock_dilations],
            "upsample_rates": list(config.upsample_rates), "upsample_initial_channel": config.decoder_channels,
            "upsample_kernel_sizes": list(config.upsample_kernels), "n_layers_q": 3, "use_spectral_norm": False,
            "gin_channels": config.d_style, "semantic_frame_rate": "25hz", "freeze_quantizer": True,
            "version": version,
        },
        "content_module": "cnhubert",
    }  # fmt: skip
