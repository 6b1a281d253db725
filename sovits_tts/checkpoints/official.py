"""Opens GPT-SoVITS files: safely, told apart by what is in them, translated to our parameter names.

A file's version follows from its parameters and their shapes. The two digits that some files carry in place of the
zip's "PK" must agree with that. Nothing in a file is executed (see `unpickle`), and no other reader is ever tried.
Names are in `official_names`, sizes in `official_spec`, writing in `official_export`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sovits_tts.checkpoints import official_names as names
from sovits_tts.checkpoints.rename import Table
from sovits_tts.checkpoints.torchfile import TorchFile
from sovits_tts.checkpoints.unpickle import Record, TensorRef
from sovits_tts.errors import CheckpointError

TABLES: dict[str, Table] = {
    "gpt": names.GPT, "vits": names.VITS, "discriminators": names.DISCRIMINATORS,
    "content": names.CONTENT, "bert": names.BERT, "speaker": names.SPEAKER,
}  # fmt: skip

# First two bytes -> (version, is a LoRA). Files of v1 and v2, and base files, usually keep "PK".
MARKS: dict[bytes, tuple[str, bool]] = {
    b"00": ("v1", False), b"01": ("v2", False), b"02": ("v3", False), b"03": ("v3", True),
    b"04": ("v4", True), b"05": ("v2Pro", False), b"06": ("v2ProPlus", False),
}  # fmt: skip
_PHONEMES = {"gpt": {512: "v1", 732: "v2"}, "vits": {322: "v1", 732: "v2"}}
_PLUS_KERNEL = 20  # first upsampling kernel of v2ProPlus; 16 elsewhere
NEWER = "Use a v1, v2, v2Pro or v2ProPlus file; v3 and v4 are not supported yet."

_RESUME_KEYS = {"model", "iteration", "optimizer"}
_LIGHTNING_KEYS = {"state_dict", "pytorch-lightning_version", "loops", "callbacks"}
# One parameter that tells each network, in the order in which they are looked for.
_SIGNS = {
    "vits": ("enc_p.text_embedding.weight",),
    "gpt": ("model.ar_text_embedding.word_embeddings.weight", "ar_text_embedding.word_embeddings.weight"),
    "discriminators": ("discriminators.0.convs.0.weight_v", "discriminators.0.convs.0.weight"),
    "content": ("feature_extractor.conv_layers.0.conv.weight", "hubert.feature_extractor.conv_layers.0.conv.weight"),
    "bert": ("bert.embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"),
    "speaker": ("layer3_ds.weight",),
}


@dataclass(frozen=True)
class Identity:
    """What a file holds. kind: a key of `TABLES`; version: a row of `specs.SPECS`, "" where all versions share it."""

    kind: str
    version: str = ""


@dataclass(frozen=True)
class RawFile:
    """A file as it is, under its own names and in its own types."""

    path: Path
    mark: bytes  # first two bytes
    layout: tuple[str, ...]  # keys of the top level, in order
    weights: dict[str, Tensor]
    config: dict[str, Any]
    config_class: str  # "utils.HParams", "dict" or ""
    info: str
    lora_rank: int | None


@dataclass(frozen=True)
class OfficialFile:
    """A file in our terms. `weights`: our parameter names, types as stored; `config`: its settings as plain values."""

    path: Path
    kind: str
    version: str
    weights: dict[str, Tensor]
    config: dict[str, Any]
    info: str


def _is_settings(class_name: str) -> bool:
    """Their settings are an instance of `HParams`, from a module whose name has changed."""
    return class_name.rsplit(".", 1)[-1] == "HParams"


def _open(path: str | Path) -> TorchFile:
    try:
        return TorchFile(path, _is_settings)
    except CheckpointError as error:
        if "asks to" not in error.message:
            raise
        resume = "If it is a training state (logs_s1*/ckpt/*.ckpt), use the file in GPT_weights* instead."
        raise CheckpointError(error.message, hint=f"{error.hint} {resume}") from error


def _plain(value: Any) -> Any:
    """Records become dictionaries and tuples lists, all the way down; other values stay."""
    if isinstance(value, Record):
        value = value.fields
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _layout(file: TorchFile) -> tuple[dict[str, TensorRef], dict[str, Any], str]:
    """The parameters wherever the file keeps them, its settings, its info line."""
    value, name = file.value, file.path.name
    if not isinstance(value, dict) or not value:
        raise CheckpointError(f"{name} holds no weights.", hint="It is not a model file.")
    if _LIGHTNING_KEYS & value.keys():
        raise CheckpointError(
            f"{name} is a training state of the GPT stage, not a model.",
            hint="Use the file of the same epoch in GPT_weights*, which training writes beside it.",
        )
    if "weight" in value and isinstance(value["weight"], dict):
        weights = value["weight"]
    elif value.keys() >= _RESUME_KEYS:
        weights = value["model"]
    elif isinstance(value.get("generator"), dict):
        weights = value["generator"]
    else:
        weights = value
    if not isinstance(weights, dict) or not weights:
        raise CheckpointError(f"{name} holds no weights.", hint="It is not a model file.")
    for key, ref in weights.items():
        if not isinstance(key, str) or not isinstance(ref, TensorRef):
            raise CheckpointError(f"{name} holds {key!r:.60}, which is not a tensor.", hint="It is not a model file.")
    config = _plain(value.get("config")) if weights is not value else {}
    info = value.get("info", "") if weights is not value else ""
    return weights, config if isinstance(config, dict) else {}, info if isinstance(info, str) else ""


def identify(shapes: Mapping[str, tuple[int, ...]], mark: bytes = b"PK", name: str = "The file") -> Identity:
    """Tell network and version by parameter names and shapes, checked against the mark.

    Raises CheckpointError for a network we do not have (v3, v4 and their vocoders among them), for a phoneme table of
    unknown size, and where mark and content disagree.
    """
    if mark != b"PK" and mark not in MARKS:
        raise CheckpointError(
            f"{name} begins with the version mark {mark.decode('ascii', 'replace')!r}, which is not known.",
            hint=f"Known are {', '.join(known.decode() for known in MARKS)}. {NEWER}",
        )
    marked, is_lora = MARKS.get(mark, ("", False))
    _refuse_newer(shapes, marked, is_lora, name)
    kind = next((kind for kind, signs in _SIGNS.items() if any(sign in shapes for sign in signs)), None)
    if kind is None:
        first = next(iter(shapes), "nothing")
        raise CheckpointError(
            f"{name} holds none of the networks of GPT-SoVITS (its first parameter is {first!r:.80}).",
            hint="Expected are GPT (.ckpt), SoVITS (.pth), discriminators, HuBERT, BERT or the speaker network.",
        )
    version = _version(kind, shapes, name) if kind in _PHONEMES else ""
    if marked and marked != version:
        raise CheckpointError(
            f"{name} is marked as {marked}, but holds {version or kind}.",
            hint="It was changed after it was written, or two files were mixed: get it again.",
        )
    return Identity(kind, version)


def _refuse_newer(shapes: Mapping[str, tuple[int, ...]], marked: str, is_lora: bool, name: str) -> None:
    if marked in ("v3", "v4") or any(key.startswith("cfm.") or ".lora_A." in key for key in shapes):
        version = marked or "v3 or v4"
        what = "LoRA of a SoVITS" if is_lora or any(".lora_A." in key for key in shapes) else "SoVITS"
        raise CheckpointError(f"{name} is a {version} {what} model.", hint=NEWER)
    if any(key.startswith(("ups.0.", "conv_pre.")) for key in shapes):
        version = "v3" if any(key.startswith("activation_post.") for key in shapes) else "v4"
        raise CheckpointError(f"{name} is the vocoder of {version}.", hint=NEWER)


def _version(kind: str, shapes: Mapping[str, tuple[int, ...]], name: str) -> str:
    sign = next(sign for sign in _SIGNS[kind] if sign in shapes)
    rows = shapes[sign][0] if shapes[sign] else 0
    if rows not in _PHONEMES[kind]:
        known = " or ".join(str(size) for size in _PHONEMES[kind])
        raise CheckpointError(
            f"{name} knows {rows} phonemes, but a {TABLES[kind].network} has {known}.",
            hint="It was trained with another phoneme table.",
        )
    version = _PHONEMES[kind][rows]
    if kind == "gpt" or "sv_emb.weight" not in shapes:
        return version
    kernel = next((shapes[key][-1] for key in ("dec.ups.0.weight_v", "dec.ups.0.weight") if key in shapes), 0)
    return "v2ProPlus" if kernel == _PLUS_KERNEL else "v2Pro"


def read(path: str | Path, float32: bool = False) -> OfficialFile:
    """Open a GPT-SoVITS file of any kind that we have a network for.

    float32: convert the weights while reading, which spares the memory of holding both
    Raises CheckpointError for a file that is missing, damaged or hostile, of v3 or v4, a GPT training state, or that
    holds a parameter we do not know.
    """
    with _open(path) as file:
        refs, config, info = _layout(file)
        identity = identify({key: ref.shape for key, ref in refs.items()}, file.mark, file.path.name)
        try:
            ours = TABLES[identity.kind].rename_to_ours(refs)
        except CheckpointError as error:
            raise CheckpointError(f"{file.path.name}: {error.message}", hint=error.hint) from error
        return OfficialFile(file.path, identity.kind, identity.version, file.tensors(ours, float32), config, info)


def read_raw(path: str | Path) -> RawFile:
    """Open a file without telling what it is or translating it. Raises CheckpointError like `read`."""
    with _open(path) as file:
        refs, config, info = _layout(file)
        settings = file.value.get("config")
        kind = settings.class_name if isinstance(settings, Record) else "dict" if isinstance(settings, dict) else ""
        rank = file.value.get("lora_rank")
        return RawFile(
            file.path, file.mark, tuple(map(str, file.value)), file.tensors(refs), config, kind, info,
            rank if isinstance(rank, int) else None,
        )  # fmt: skip
