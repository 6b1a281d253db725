"""Frozen networks and files: HuBERT, BERT, ERes2NetV2 with its filterbank, and the official file formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from sovits_tts.checkpoints import official, official_names
from sovits_tts.checkpoints.official_spec import bert_config, content_config
from sovits_tts.checkpoints.strict import fill
from sovits_tts.errors import CheckpointError
from sovits_tts.models.bert import BertFeatures
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.speaker import SpeakerEncoder, fbank
from sovits_tts.specs import SPECS, SpeakerConfig
from sovits_tts.text.bert import char_index_per_phoneme
from tests.parity.registry import Check, Fixture, case, close, equal, load_derived


@case("hf_tiny")
def frozen_encoders(fixture: Fixture) -> Iterator[Check]:
    io = fixture.io
    hubert = official_names.CONTENT.rename_to_ours(fixture.stored("hubert") or {})
    config = content_config(hubert, fixture.meta["hubert_config"])
    encoder = fill(lambda: ContentEncoder(config), hubert, "content encoder")
    with torch.no_grad():
        content = encoder(io["hubert.wav"][None])
    yield close("hubert last hidden state", content.transpose(1, 2), io["hubert.last_hidden_state"])

    bert = official_names.BERT.rename_to_ours(fixture.stored("bert") or {})
    sizes = bert_config(bert, {"num_attention_heads": fixture.meta["bert_config"]["heads"]})
    unused = tuple(f"bert.encoder.layer.{index}." for index in range(sizes.n_layers_built, sizes.n_layers))
    kept = {name: value for name, value in bert.items() if not name.startswith(unused)}
    features = fill(lambda: BertFeatures(sizes), kept, "BERT").features([io["bert.input_ids"][0]])[0]
    yield close("bert per character", features, io["bert.feature_chars"])
    per_phoneme = features[char_index_per_phoneme(fixture.meta["word2ph"])]
    yield close("bert per phoneme", per_phoneme.T, io["bert.phone_level"])


@case("sv")
def speaker_network(fixture: Fixture) -> Iterator[Check]:
    io = fixture.io
    if "wav16k" in io:
        yield close("filterbank", fbank(io["wav16k"]), io["fbank80"], relative=True)
    mels = io["fbank80"]
    for name, prefix in (("tiny", "sv_tiny."), ("full", "")):
        if f"{name}.forward3" not in io:
            continue
        config = _speaker_sizes(io[f"{name}.forward3"].shape[1], mels.shape[1])
        if f"{name}.forward" in io:
            config = replace(config, d_embedding=io[f"{name}.forward"].shape[1])
        network = load_derived(SpeakerEncoder(config), fixture.seed, official_names.SPEAKER.to_theirs, prefix)
        with torch.no_grad():
            yield close(f"{name} vector", network(mels[None]), io[f"{name}.forward3"], relative=True)
            if f"{name}.forward" in io:
                yield close(f"{name} embedding", network.embed(mels[None]), io[f"{name}.forward"], relative=True)


def _speaker_sizes(d_vector: int, n_mels: int) -> SpeakerConfig:
    """The base width that makes vectors of this length."""
    unit = SpeakerConfig(n_mels=n_mels, channels=1).d_vector
    return SpeakerConfig(n_mels=n_mels, channels=d_vector // unit)


@case("ckpt_format")
def file_formats(fixture: Fixture) -> Iterator[Check]:
    for name, told in fixture.meta["files"].items():
        path = fixture.path / name
        if not path.is_file():
            continue
        file = official.read_raw(path)
        yield equal(f"{name} info", file.info, told["info"])
        if "keys" not in told:
            continue
        facts = {
            "first two bytes": (file.mark.decode(), told["first_two_bytes"]),
            "top level": (list(file.layout), told["top_level"]),
            "parameters": (list(file.weights), told["keys"]),
            "types": ([str(value.dtype) for value in file.weights.values()], told["weight_dtypes"]),
            "settings class": (file.config_class, told["config_class"]),
            "LoRA rank": (file.lora_rank, told["lora_rank"]),
        }
        for fact, (found, expected) in facts.items():
            yield equal(f"{name} {fact}", found, expected)
        yield from _version(file, told["fast_version"])
        for parameter, value in fixture.io.items():
            if parameter in file.weights:
                yield equal(f"{name} {parameter}", file.weights[parameter], value)


def _version(file: official.RawFile, told: tuple[str, str, bool]) -> Iterator[Check]:
    """What upstream takes a marked file for, we do too; it guesses unmarked ones by size, we look inside."""
    name = file.path.name
    if file.mark == b"PK":
        found = official.identify({key: tuple(value.shape) for key, value in file.weights.items()}).version
        yield equal(f"{name} version", found, file.path.stem.rpartition("_")[2])
        return
    version, is_lora = official.MARKS[file.mark]
    yield equal(f"{name} version", [version, is_lora], list(told[1:]))
    if version in SPECS:
        yield equal(f"{name} phoneme table", SPECS[version].symbols, told[0])
        return
    try:
        official.read(file.path)
    except CheckpointError as error:
        yield equal(f"{name} is refused", version in error.message, True)
    else:
        yield equal(f"{name} is refused", False, True)
