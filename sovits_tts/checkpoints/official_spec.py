"""Sizes of an official network, read off its parameters; what shapes cannot tell comes from the file's settings.

The result is checked again when the weights are loaded strictly, so a file whose settings lie is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from sovits_tts.checkpoints.official import OfficialFile
from sovits_tts.config import as_dict, parse
from sovits_tts.errors import CheckpointError, ConfigError
from sovits_tts.specs import (
    SPECS,
    BertConfig,
    ContentConfig,
    GPTConfig,
    ModelSpec,
    SpeakerConfig,
    VITSConfig,
)


class _Shapes:
    """Shapes by our parameter names; a missing one is the file's fault."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._shapes = {name: tuple(value.shape) for name, value in weights.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def size(self, name: str, axis: int) -> int:
        shape = self._shapes.get(name, ())
        if axis >= len(shape):
            raise CheckpointError(f"The file lacks {name!r}, or it has too few dimensions.", hint="It is incomplete.")
        return shape[axis]

    def conv(self, name: str, axis: int) -> int:
        """Of a convolution, weight-normalised or not."""
        normed = f"{name}.parametrizations.weight.original1"
        return self.size(normed if normed in self else f"{name}.weight", axis)

    def count(self, prefix: str) -> int:
        """How many different indices follow `prefix.`"""
        depth = prefix.count(".") + 1
        return len({name.split(".")[depth] for name in self._shapes if name.startswith(prefix + ".")})


def _section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _parse(kind: Any, row: Any, changes: dict[str, Any], name: str) -> Any:
    try:
        return parse(kind, {**as_dict(row), **changes}, source=name)
    except ConfigError as error:
        raise CheckpointError(error.message, hint="The file's settings do not fit its weights.") from error


def gpt_config(file: OfficialFile) -> GPTConfig:
    """Sizes of a GPT stage. Raises CheckpointError if the file is incomplete."""
    shapes = _Shapes(file.weights)
    row = SPECS[file.version].gpt
    changes = {
        "d_model": shapes.size("token_embedding.weight", 1),
        "n_layers": shapes.count("layers"),
        "n_heads": _section(file.config, "model").get("head", row.n_heads),
        "n_phonemes": shapes.size("phoneme_embedding.weight", 0),
        "n_tokens": shapes.size("token_embedding.weight", 0),
        "d_bert": shapes.size("bert_projection.weight", 1),
    }
    return _parse(GPTConfig, row, changes, file.path.name)


def vits_config(file: OfficialFile) -> VITSConfig:
    """Sizes of a VITS stage. Raises CheckpointError if the file is incomplete."""
    shapes = _Shapes(file.weights)
    row = SPECS[file.version].vits
    layer, relative = (
        "prior_encoder.text_encoder.layers.0",
        "prior_encoder.text_encoder.layers.0.attention.relative_key",
    )
    d_hidden = shapes.size("prior_encoder.content_projection.weight", 0)
    changes = {
        "d_content": shapes.size("content_projection.weight", 0),
        "token_frames": shapes.size("content_projection.weight", 2),
        "codebook_size": shapes.size("quantizer.embedding", 0),
        "n_phonemes": shapes.size("prior_encoder.phoneme_embedding.weight", 0),
        "d_latent": shapes.size("prior_encoder.projection.weight", 0) // 2,
        "d_hidden": d_hidden,
        "d_filter": shapes.size(f"{layer}.feed_forward.conv1.weight", 0),
        "kernel": shapes.size(f"{layer}.feed_forward.conv1.weight", 2),
        "n_heads": d_hidden // max(1, shapes.size(relative, 2)),
        "n_layers_content": shapes.count("prior_encoder.content_encoder.layers"),
        "n_layers_text": shapes.count("prior_encoder.text_encoder.layers"),
        "n_layers_joint": shapes.count("prior_encoder.joint_encoder.layers"),
        "d_mrte": shapes.size("prior_encoder.mrte.content_projection.weight", 0),
        "n_flows": shapes.count("flow.steps"),
        "n_layers_flow": shapes.count("flow.steps.0.wavenet.dilated"),
        "n_layers_posterior": shapes.count("posterior_encoder.wavenet.dilated") or row.n_layers_posterior,
        "style_bins": shapes.size("style_encoder.spectral.0.weight", 1),
        "d_style_hidden": shapes.size("style_encoder.spectral.0.weight", 0),
        "d_style": shapes.size("style_encoder.projection.weight", 0),
        "d_speaker": shapes.size("speaker_projection.weight", 1) if "speaker_projection.weight" in shapes else 0,
        **_decoder(shapes),
        **_stated(file.config),
    }
    config: VITSConfig = _parse(VITSConfig, row, changes, file.path.name)
    _check_stated(config, shapes, file.path.name)
    return config


def _decoder(shapes: _Shapes) -> dict[str, Any]:
    stages = shapes.count("decoder.upsamples")
    per_stage = shapes.count("decoder.blocks") // max(1, stages)
    plain_blocks = shapes.count("decoder.blocks.0.convs") > 0
    first = "convs.0" if plain_blocks else "convs1.0"
    return {
        "decoder_channels": shapes.size("decoder.input_conv.weight", 0),
        "upsample_kernels": [shapes.conv(f"decoder.upsamples.{stage}", 2) for stage in range(stages)],
        "resblock_type": 2 if plain_blocks else 1,
        "resblock_kernels": [shapes.conv(f"decoder.blocks.{block}.{first}", 2) for block in range(per_stage)],
    }


def _stated(config: Mapping[str, Any]) -> dict[str, Any]:
    """What only the settings say; where they are silent, the version's row holds."""
    data, model = _section(config, "data"), _section(config, "model")
    stated = {
        "sample_rate": data.get("sampling_rate"),
        "n_fft": data.get("filter_length"),
        "hop": data.get("hop_length"),
        "win": data.get("win_length"),
        "n_mels": data.get("n_mel_channels"),
        "dropout": model.get("p_dropout"),
        "upsample_rates": model.get("upsample_rates"),
        "resblock_dilations": model.get("resblock_dilation_sizes"),
    }
    return {name: value for name, value in stated.items() if value is not None}


def _check_stated(config: VITSConfig, shapes: _Shapes, name: str) -> None:
    """Stated sizes that decide how much memory a network takes must be those of the file."""
    pre = "posterior_encoder.input_projection.weight"
    if pre in shapes and shapes.size(pre, 1) != config.n_bins:
        raise CheckpointError(f"{name} states {config.n_bins} spectrogram bins, but has {shapes.size(pre, 1)}.")
    convs = "convs" if config.resblock_type == 2 else "convs1"
    for block, dilations in enumerate(config.resblock_dilations):
        found = shapes.count(f"decoder.blocks.{block}.{convs}")
        if found != len(dilations):
            raise CheckpointError(f"{name} states {len(dilations)} dilations for a block of {found} convolutions.")


def content_config(weights: Mapping[str, Tensor], stated: Mapping[str, Any]) -> ContentConfig:
    """Sizes of a HuBERT; `stated`: its config.json. Raises CheckpointError for the pre-norm kind."""
    if stated.get("do_stable_layer_norm", False) or stated.get("feat_extract_norm", "group") != "group":
        raise CheckpointError(
            "This HuBERT is of the pre-norm kind.", hint="Use chinese-hubert-base, which the models were trained with."
        )
    shapes = _Shapes(weights)
    n_layers = shapes.count("hubert.encoder.layers")
    convs = shapes.count("hubert.feature_extractor.conv_layers")
    position = "hubert.encoder.pos_conv_embed.conv.parametrizations.weight.original1"
    d_model = shapes.size("hubert.feature_projection.projection.weight", 0)
    changes = {
        "d_model": d_model,
        "n_layers": n_layers,
        "n_heads": stated.get("num_attention_heads", ContentConfig().n_heads),
        "d_ff": shapes.size("hubert.encoder.layers.0.feed_forward.intermediate_dense.weight", 0),
        "conv_dims": [
            shapes.size(f"hubert.feature_extractor.conv_layers.{index}.conv.weight", 0) for index in range(convs)
        ],
        "position_kernel": shapes.size(position, 2),
        "position_groups": d_model // max(1, shapes.size(position, 1)),
        "output_layer": n_layers,
        "ctc_symbols": 0,
    }
    return _parse(ContentConfig, ContentConfig(), changes, "The content encoder")


def bert_config(weights: Mapping[str, Tensor], stated: Mapping[str, Any]) -> BertConfig:
    """Sizes of a BERT; `stated`: its config.json."""
    shapes = _Shapes(weights)
    changes = {
        "n_vocabulary": shapes.size("bert.embeddings.word_embeddings.weight", 0),
        "d_model": shapes.size("bert.embeddings.word_embeddings.weight", 1),
        "n_layers": shapes.count("bert.encoder.layer"),
        "n_heads": stated.get("num_attention_heads", BertConfig().n_heads),
        "d_ff": shapes.size("bert.encoder.layer.0.intermediate.dense.weight", 0),
        "max_tokens": shapes.size("bert.embeddings.position_embeddings.weight", 0),
    }
    return _parse(BertConfig, BertConfig(), changes, "BERT")


def speaker_config(weights: Mapping[str, Tensor]) -> SpeakerConfig:
    """Sizes of an ERes2NetV2. Base width, scale and expansion are those of the row."""
    shapes = _Shapes(weights)
    changes = {
        "channels": shapes.size("stem.weight", 0),
        "blocks": [shapes.count(f"stages.{index}") for index in range(len(SpeakerConfig().blocks))],
        "d_embedding": shapes.size("embedding.weight", 0),
    }
    return _parse(SpeakerConfig, SpeakerConfig(), changes, "The speaker network")


def model_spec(gpt: OfficialFile, vits: OfficialFile) -> ModelSpec:
    """The whole model from its two files. Raises CheckpointError if their phoneme tables differ."""
    row = SPECS[vits.version]
    symbols = SPECS[gpt.version].symbols
    if symbols != row.symbols:
        raise CheckpointError(
            f"{gpt.path.name} uses the {symbols} phoneme table, {vits.path.name} the {row.symbols} one.",
            hint="Both files must be of v1, or neither.",
        )
    return replace(row, gpt=gpt_config(gpt), vits=vits_config(vits))
