"""Writes fine-tuned voices: a folder that appears whole, one archive of it, and a copy of an archive in a folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from sovits_tts.config import as_dict
from sovits_tts.errors import VoiceError
from sovits_tts.voice import Voice
from sovits_tts.voicepack import MANIFEST, Manifest, Sum, VoicePackage, open_package

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same package gives the same archive


def seal(folder: Path, manifest: Manifest) -> VoicePackage:
    """Write `package.json` for the files that lie in `folder`. Raises VoiceError for a file that no voice has."""
    sums = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST):
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            sums[name] = Sum(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    (folder / MANIFEST).write_text(_json(replace(manifest, files=sums)), encoding="utf-8")
    return open_package(folder)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `target` when all went well. A kill leaves the old one whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}.*.part"):
        shutil.rmtree(stale, ignore_errors=True)
    part = target.with_name(f".{target.name}.{token_hex(6)}.part")
    part.mkdir()
    try:
        yield part
        old = target.with_name(f".{target.name}.{token_hex(6)}.part")
        if target.exists():
            target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_archive(package: VoicePackage, target: Path) -> Path:
    """One `.voice` file of a package, whole or not at all. Paths of this machine are left out. Raises VoiceError."""
    base = package.manifest.base
    shared = replace(package.manifest, base=replace(base, source=()), origin="")
    part = target.with_name(f".{token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with ZipFile(part, "w", ZIP_STORED) as archive:
            archive.writestr(ZipInfo(MANIFEST, _EPOCH), _json(shared))
            for name in sorted(package.manifest.files):
                archive.writestr(ZipInfo(name, _EPOCH), package.read(name))
        part.replace(target)
    except OSError as error:
        raise VoiceError(f"Cannot write {target}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def unpack(package: VoicePackage, folder: Path, name: str, *, keep_source: bool = False) -> VoicePackage:
    """Copy a package into a folder of ours under a name. Every file is checked before anything is in place.

    keep_source: it is of this machine, so its path to the base model stays
    """
    base = package.manifest.base
    with new_folder(folder) as part:
        for file in package.manifest.files:
            path = part / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(package.read(file))
            if path.suffix == ".voice":
                Voice.load(path)
        manifest = replace(package.manifest, name=name, base=base if keep_source else replace(base, source=()))
        (part / MANIFEST).write_text(_json(manifest), encoding="utf-8")
    return open_package(folder)


def _json(manifest: Manifest) -> str:
    return json.dumps(as_dict(manifest), ensure_ascii=False, indent=1)
