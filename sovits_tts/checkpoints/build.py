"""One entry to a loaded model, whatever it is called: a name, a folder of ours, or official files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sovits_tts import assets
from sovits_tts.checkpoints import official, store
from sovits_tts.checkpoints.convert import assemble, official_files, read_files
from sovits_tts.checkpoints.official_hf import read_bert, read_content
from sovits_tts.checkpoints.official_spec import speaker_config
from sovits_tts.checkpoints.strict import fill, make_content, make_gpt, make_vits
from sovits_tts.errors import CheckpointError, ConfigError
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.gpt import GPT
from sovits_tts.models.speaker import SpeakerEncoder
from sovits_tts.models.vits import VITS
from sovits_tts.specs import ModelSpec, get_spec

if TYPE_CHECKING:
    from sovits_tts.models.bert import BertFeatures

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class LoadedModel:
    """Every network of a model, on CPU, in float32 and eval mode; the caller moves them.

    bert and vocabulary (token -> id) are there where `spec.bert` is, speaker where `spec.speaker` is.
    fingerprint: sha256 over the weights of the GPT and VITS stages (and the content encoder, where the folder has one)
    """

    spec: ModelSpec
    content_encoder: ContentEncoder
    gpt: GPT
    vits: VITS
    speaker: SpeakerEncoder | None
    bert: BertFeatures | None
    vocabulary: dict[str, int] | None
    fingerprint: str
    meta: dict[str, Any]


def load_model(source: Source = assets.EMBEDDED, *, posterior: bool = False) -> LoadedModel:
    """Load a model.

    source:    "mini"; the name of an official version whose files are downloaded; a model folder of ours; a folder
               that holds one official .ckpt and one .pth; or their two paths. Of a single official file the other
               one is the base file of its version.
    posterior: build the training-only posterior of the VITS stage too

    Raises ConfigError for a name that is not known and for files that are not downloaded (with the line that
    downloads them), CheckpointError for a file that cannot be used.
    """
    return build_model(read_model(source), posterior=posterior)


def build_model(checkpoint: store.Checkpoint, *, posterior: bool = False) -> LoadedModel:
    """The networks of a checkpoint that was read already; see `load_model`."""
    spec, weights = checkpoint.spec, checkpoint.weights
    gpt, vits = make_gpt(spec, weights), make_vits(spec, weights, posterior)
    spec, content_encoder = _content(spec, checkpoint.part("content"))
    spec, speaker = _speaker(spec)
    spec, bert, vocabulary = _bert(spec)
    return LoadedModel(
        spec, content_encoder, gpt, vits, speaker, bert, vocabulary, checkpoint.fingerprint, checkpoint.meta
    )


def read_model(source: Source) -> store.Checkpoint:
    """Spec and weights of a model without building it; official files come in our terms. Arguments as `load_model`."""
    name = source if isinstance(source, str) else ""
    if name == assets.EMBEDDED:
        folder = assets.embedded_model()
        if folder is None:
            raise ConfigError(
                f"The embedded model {name} is not in this installation.",
                hint=f"It belongs in {assets.download_folder() / name}.",
            )
        return store.load(folder)
    if name in assets.MODELS:
        files = assets.MODELS[name]
        return _from_official([assets.locate(files.gpt, name), assets.locate(files.vits, name)])
    paths = [Path(source)] if isinstance(source, str | os.PathLike) else [Path(item) for item in source]
    if len(paths) == 1 and not paths[0].exists():
        known = ", ".join([assets.EMBEDDED, *assets.MODELS])
        raise ConfigError(f"There is no model {str(paths[0])!r}.", hint=f"Give a folder, a file, or one of: {known}.")
    if len(paths) == 1 and (store.is_model(paths[0]) or (paths[0] / store.CONFIG).is_file()):
        return store.load(paths[0])
    return _from_official(official_files(paths))


def _from_official(paths: Sequence[Path]) -> store.Checkpoint:
    files = read_files(paths, float32=True)
    for kind, other in (("gpt", "vits"), ("vits", "gpt")):
        if kind not in files and other in files:
            base = files[other].version
            files[kind] = official.read(assets.locate(getattr(assets.MODELS[base], kind), base), float32=True)
    spec, weights, meta = assemble(files)
    return store.Checkpoint(spec, weights, meta, store.fingerprint(weights))


def _shared(spec: ModelSpec) -> tuple[assets.ModelFiles, str]:
    """The files that official models share: the first version with a speaker network, or without, as `spec` has."""
    for name, files in assets.MODELS.items():
        if (get_spec(name).speaker is None) == (spec.speaker is None):
            return files, name
    raise CheckpointError(f"No official model shares its networks with {spec.name}.")


def _content(spec: ModelSpec, weights: dict[str, Tensor]) -> tuple[ModelSpec, ContentEncoder]:
    """The content encoder: the model's own, or the one all official models share."""
    if not weights:
        files, name = _shared(spec)
        config, weights = read_content(assets.locate(files.content, name))
        if config.d_model != spec.vits.d_content:
            raise CheckpointError(
                f"The content encoder is {config.d_model} wide, but the model {spec.name} needs {spec.vits.d_content}."
            )
        spec = replace(spec, content=config)
    return spec, make_content(spec, weights)


def _speaker(spec: ModelSpec) -> tuple[ModelSpec, SpeakerEncoder | None]:
    if spec.speaker is None:
        return spec, None
    files, name = _shared(spec)
    assert files.speaker is not None
    file = official.read(assets.locate(files.speaker, name))
    if file.kind != "speaker":
        raise CheckpointError(f"{file.path} holds the {file.kind} network instead of the speaker network.")
    config = speaker_config(file.weights)
    return replace(spec, speaker=config), fill(lambda: SpeakerEncoder(config), file.weights, "speaker network")


def _bert(spec: ModelSpec) -> tuple[ModelSpec, BertFeatures | None, dict[str, int] | None]:
    if spec.bert is None:
        return spec, None, None
    from sovits_tts.models.bert import BertFeatures  # takes a while, and few models need it

    files, name = _shared(spec)
    config, weights, vocabulary = read_bert(assets.locate(files.bert, name))
    return replace(spec, bert=config), fill(lambda: BertFeatures(config), weights, "BERT"), vocabulary
