"""Official files -> our folder, and our folder -> a pair of official files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from sovits_tts.checkpoints import official, store
from sovits_tts.checkpoints.official import OfficialFile
from sovits_tts.checkpoints.official_export import official_version, write_gpt, write_vits
from sovits_tts.checkpoints.official_spec import model_spec
from sovits_tts.checkpoints.strict import check_model
from sovits_tts.errors import CheckpointError
from sovits_tts.specs import ModelSpec

_SUFFIXES = {".ckpt", ".pth"}
_KINDS = {"gpt": "a GPT file (.ckpt)", "vits": "a SoVITS file (.pth)"}


def official_files(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The official files in a folder (its own level only), or the paths given. Raises CheckpointError for none."""
    paths = [Path(source)] if isinstance(source, str | os.PathLike) else [Path(item) for item in source]
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())
        if not paths:
            raise CheckpointError(
                f"{folder} holds neither a model of ours nor official files.",
                hint="A model folder has config.yaml and model.safetensors; official files end in .ckpt and .pth.",
            )
    return paths


def read_files(paths: Sequence[Path], float32: bool = False) -> dict[str, OfficialFile]:
    """Each file by its kind; float32 as in `official.read`. Raises CheckpointError if two are of the same kind."""
    files: dict[str, OfficialFile] = {}
    for path in paths:
        file = official.read(path, float32)
        if file.kind in files:
            raise CheckpointError(
                f"{path.name} and {files[file.kind].path.name} hold the same network.",
                hint="Name the two files you want: one .ckpt and one .pth.",
            )
        files[file.kind] = file
    return files


def assemble(files: dict[str, OfficialFile], name: str = "") -> tuple[ModelSpec, dict[str, Tensor], dict[str, Any]]:
    """Spec, prefixed weights and provenance of a GPT and a VITS file, with discriminators where they are given.

    name: of the model; the version's where empty. Raises CheckpointError if one of the pair is missing, if they do
    not belong together, or if their weights are not complete.
    """
    for kind, what in _KINDS.items():
        if kind not in files:
            raise CheckpointError(f"{what[0].upper()}{what[1:]} is missing.", hint="A model needs both files.")
    spec = model_spec(files["gpt"], files["vits"])
    weights = {
        f"{kind}.{parameter}": value
        for kind, file in files.items()
        if kind in store.PREFIXES
        for parameter, value in file.weights.items()
    }
    check_model(spec, weights)
    origin = {
        kind: {"file": file.path.name, "info": file.info, "settings": file.config}
        for kind, file in files.items()
        if kind in store.PREFIXES
    }
    meta = {"source": "GPT-SoVITS", "version": files["vits"].version, "official": origin}
    return replace(spec, name=name or spec.name), weights, meta


def convert(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    destination: str | os.PathLike[str],
    *,
    name: str = "",
    overwrite: bool = False,
) -> store.Checkpoint:
    """A GPT and a VITS file (paths, or the folder that holds them) -> our model folder, which is returned as loaded.

    The content encoder, BERT and the speaker network are shared by all official models and stay where they are.
    Raises CheckpointError like `official.read`, `assemble` and `store.save`.
    """
    spec, weights, meta = assemble(read_files(official_files(source)), name)
    store.save(destination, spec, weights, meta, overwrite=overwrite)
    return store.load(destination)


def export(
    folder: str | os.PathLike[str], destination: str | os.PathLike[str], *, name: str = "", overwrite: bool = False
) -> tuple[Path, Path]:
    """Our model folder -> `<name>.ckpt` and `<name>.pth` in `destination`, which GPT-SoVITS loads.

    name: of the files; that of the model folder where empty
    Raises CheckpointError if the model has other sizes than every GPT-SoVITS version, if a file exists and
    `overwrite` is not set, or if a weight does not fit in half precision.
    """
    stem = name or Path(folder).resolve().name
    return export_checkpoint(store.load(folder), destination, stem, overwrite=overwrite)


def export_checkpoint(
    checkpoint: store.Checkpoint, destination: str | os.PathLike[str], stem: str, *, overwrite: bool = False
) -> tuple[Path, Path]:
    """A model that was read already -> `<stem>.ckpt` and `<stem>.pth`; see `export`."""
    spec = checkpoint.spec
    version = official_version(spec)
    destination = Path(destination)
    gpt_path, vits_path = destination / f"{stem}.ckpt", destination / f"{stem}.pth"
    for path in (gpt_path, vits_path):
        if path.exists() and not overwrite:
            raise CheckpointError(f"{path} exists already.", hint="Choose another place or name, or overwrite it.")
    origin = checkpoint.meta.get("official", {})
    gpt, vits = (origin.get(kind, {}) for kind in ("gpt", "vits"))
    destination.mkdir(parents=True, exist_ok=True)
    parts = [path.with_name(f".{path.name}.{os.getpid()}.part") for path in (gpt_path, vits_path)]
    try:
        write_gpt(parts[0], spec.gpt, checkpoint.part("gpt"), gpt.get("settings", {}), gpt.get("info", "GPT-e0"))
        write_vits(
            parts[1], version, spec.vits, checkpoint.part("vits"),
            vits.get("settings", {}), vits.get("info", "0epoch_0iteration"),
        )  # fmt: skip
        for part, path in zip(parts, (gpt_path, vits_path), strict=True):
            part.replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return gpt_path, vits_path
