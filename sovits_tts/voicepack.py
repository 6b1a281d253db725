"""A fine-tuned voice: clips by style, the weights of the stages that were trained, what they were trained from.

    package.json            what it is: base model, defaults, consent, licence, the sum of every file
    voice.voice             the clip of its usual style
    styles/<style>.voice    the others: calm, angry …
    gpt.safetensors         the trained stages alone, half precision; without them the base speaks
    vits.safetensors
    metrics.json            how it compares with the base and the same clip

It is a folder, or one `.voice` file (a zip without compression; a `.voice` of a plain voice is no zip). Nothing in it
can run, and nothing is unpacked under a name that it chose.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo, is_zipfile

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from sovits_tts.assets import EMBEDDED, MODELS
from sovits_tts.checkpoints import store
from sovits_tts.checkpoints.build import Source, read_model
from sovits_tts.checkpoints.tuned import STAGES, merge
from sovits_tts.config import parse
from sovits_tts.errors import ConfigError, VoiceError
from sovits_tts.voice import Voice

FORMAT = 1
MANIFEST = "package.json"
VOICE = "voice.voice"
METRICS = "metrics.json"
_STYLE = re.compile(r"[^\W_][\w -]{0,31}")
_LIMITS = {".voice": 64 << 20, ".safetensors": 1 << 30, ".json": 4 << 20}  # bytes of one file
_MOST_FILES = 64
_MOST_BYTES = 2 << 30
_BAD_ARCHIVE = (BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error)


@dataclass(frozen=True)
class Base:
    """The model that the stages were trained from. source: where it was found: a name, or paths of this machine."""

    name: str
    fingerprint: str
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sum:
    """What a file must be."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What `package.json` holds.

    fingerprint: of the base with the trained stages in
    style:       name of the usual style, whose clip is voice.voice
    defaults:    fields of SynthesisOptions
    origin:      of the run that made it; the same run may replace it
    """

    format: int
    name: str
    base: Base
    fingerprint: str
    style: str = "normal"
    consent: str = ""
    licence: str = ""
    defaults: dict[str, float | int | str] = field(default_factory=dict)
    origin: str = ""
    files: dict[str, Sum] = field(default_factory=dict)


@dataclass(frozen=True)
class VoicePackage:
    """An opened package; its parts are read when they are asked for. path: a folder or an archive."""

    path: Path
    manifest: Manifest

    @property
    def styles(self) -> list[str]:
        """The usual one first."""
        others = sorted(name.split("/")[1].removesuffix(".voice") for name in self.manifest.files if "/" in name)
        return [self.manifest.style, *others]

    @property
    def stages(self) -> list[str]:
        """Those that were trained."""
        return [stage for stage in STAGES if f"{stage}.safetensors" in self.manifest.files]

    def voice(self, style: str = "") -> Voice:
        """The clip of a style, the usual one by default. Raises VoiceError naming the styles there are."""
        if style and style not in self.styles:
            raise VoiceError(
                f"The voice {self.manifest.name} has no style {style!r}.", hint=f"It has {', '.join(self.styles)}."
            )
        name = VOICE if style in ("", self.manifest.style) else style_file(style)
        return Voice.decode(self.read(name), f"{name} in {self.path}")

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Stage -> parameters."""
        found = {}
        for stage in self.stages:
            try:
                found[stage] = load_tensors(self.read(f"{stage}.safetensors"))
            except (SafetensorError, ValueError) as error:
                raise VoiceError(f"The {stage} stage in {self.path} is damaged: {error}") from error
        return found

    def metrics(self) -> dict[str, Any]:
        """As `metrics.json`; empty without one."""
        if METRICS not in self.manifest.files:
            return {}
        try:
            found = json.loads(self.read(METRICS))
        except (ValueError, RecursionError) as error:
            raise VoiceError(f"{METRICS} in {self.path} is damaged: {error}") from error
        return found if isinstance(found, dict) else {}

    def checkpoint(self, base: Source | None = None) -> store.Checkpoint:
        """The base with the trained stages in.

        base: where the base model lies; None: where the package says
        Raises VoiceError when the base is not here, or is not the one the voice was trained from.
        """
        known = self.manifest.base
        found = self._base(base)
        if self.stages and found.fingerprint != known.fingerprint:
            place = "" if base is None else " given"
            raise VoiceError(
                f"The voice {self.manifest.name} was fine-tuned from {known.name} with the fingerprint "
                f"{known.fingerprint[:12]}; the model{place} here has {found.fingerprint[:12]}.",
                hint="Name the model that it was made from with --model, or fine-tune the voice again.",
            )
        return merge(found, self.weights())

    def _base(self, base: Source | None) -> store.Checkpoint:
        if base is not None:
            return read_model(base)
        known = self.manifest.base
        here = bool(known.source) and all(Path(item).exists() for item in known.source)
        needs = f"The voice {self.manifest.name} needs the model {known.name[:80]}, which is not here"
        if not here and known.name not in (EMBEDDED, *MODELS):
            raise VoiceError(f"{needs}.", hint="Say with --model where it is.")
        source: Source = (known.source[0] if len(known.source) == 1 else known.source) if here else known.name
        try:
            return read_model(source)
        except ConfigError as error:
            raise VoiceError(f"{needs}: {error.message}", hint=error.hint or "Say with --model where it is.") from error

    def read(self, name: str) -> bytes:
        """A file that the manifest lists, checked against its sum. Raises VoiceError."""
        expected = self.manifest.files.get(name)
        if expected is None:
            raise VoiceError(f"{self.path} lacks {name}.", hint="Import or make the voice again.")
        with _opened(self.path, name) as file:
            data = file.read(expected.bytes + 1)
        if len(data) != expected.bytes or hashlib.sha256(data).hexdigest() != expected.sha256:
            raise VoiceError(f"{name} in {self.path} is damaged.", hint="Import or make the voice again.")
        return data


def style_file(style: str) -> str:
    """Where the clip of a style lies. Raises VoiceError for a name that cannot be a file's."""
    if not _STYLE.fullmatch(style) or style != style.strip():
        raise VoiceError(
            f"{style!r} cannot be the name of a style.", hint="Use up to 32 letters, digits, spaces and hyphens."
        )
    return f"styles/{style}.voice"


def is_package(path: Path) -> bool:
    """Whether this is a folder or an archive of a fine-tuned voice, as far as a look tells."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.suffix == ".voice" and path.is_file() and is_zipfile(path)


def open_package(path: Path) -> VoicePackage:
    """A package by its folder or archive. Raises VoiceError for anything else, and for one that is malformed."""
    if path.is_dir():
        with _opened(path, MANIFEST) as file:
            return VoicePackage(path, _manifest(file.read(_LIMITS[".json"]), path))
    try:
        with ZipFile(path) as archive:
            members = _members(archive, path)
            if MANIFEST not in members:
                raise VoiceError(f"{path} holds no {MANIFEST}.", hint="It is no voice of this program.")
            manifest = _manifest(archive.read(members[MANIFEST]), path)
    except _BAD_ARCHIVE as error:
        raise VoiceError(f"{path} is damaged or not a voice: {error}", hint="Get or make it again.") from error
    unlisted = sorted(set(members) - set(manifest.files) - {MANIFEST})
    if unlisted:
        raise VoiceError(f"{path} holds {unlisted[0]!r}, which its {MANIFEST} does not list.")
    return VoicePackage(path, replace(manifest, base=replace(manifest.base, source=())))  # paths of another machine


def _manifest(text: bytes, path: Path) -> Manifest:
    try:
        data = json.loads(text)  # JSON, since an alias of YAML could make a small file large
        manifest = parse(Manifest, data if isinstance(data, dict) else {}, source=f"{path}: {MANIFEST}")
    except ConfigError as error:
        raise VoiceError(error.message, hint="Update sovits-tts, or make the voice again.") from error
    except (ValueError, RecursionError) as error:
        raise VoiceError(f"{MANIFEST} in {path} is damaged: {error}", hint="Get or make it again.") from error
    if manifest.format != FORMAT:
        raise VoiceError(
            f"{path} has format {manifest.format}; this version reads {FORMAT}.", hint="Update sovits-tts."
        )
    for name, expected in manifest.files.items():
        _check_member(name, expected.bytes, path)
    if VOICE not in manifest.files:
        raise VoiceError(f"{path} lacks {VOICE}.", hint="Import or make the voice again.")
    _check_sizes([expected.bytes for expected in manifest.files.values()], path)
    return manifest


def _check_member(name: str, size: int, path: Path) -> None:
    """Only names of ours, so that none leads out of the folder; and no larger than such a file can be."""
    fixed = {MANIFEST, VOICE, METRICS, *(f"{stage}.safetensors" for stage in STAGES)}
    style = re.fullmatch(r"styles/(.+)\.voice", name)
    if name not in fixed and not (style and _STYLE.fullmatch(style[1])):
        raise VoiceError(f"{path} names a file {name[:80]!r}, which no voice has.", hint="Do not trust it.")
    limit = _LIMITS[Path(name).suffix]
    if not 0 <= size <= limit:
        raise VoiceError(f"{name} in {path} claims {size} bytes; at most {limit} are allowed.")


def _check_sizes(sizes: list[int], path: Path) -> None:
    if len(sizes) > _MOST_FILES or sum(sizes) > _MOST_BYTES:
        raise VoiceError(
            f"{path} claims {len(sizes)} files of {sum(sizes) >> 20} MB; at most {_MOST_FILES} of "
            f"{_MOST_BYTES >> 20} MB are allowed."
        )


def _members(archive: ZipFile, path: Path) -> dict[str, ZipInfo]:
    members: dict[str, ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in members:
            raise VoiceError(f"{path} holds {member.filename[:80]!r} twice.", hint="Do not trust it.")
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or member.flag_bits & 1:
            raise VoiceError(f"{member.filename[:80]!r} in {path} is packed in a way that no voice is.")
        _check_member(member.filename, member.file_size, path)
        members[member.filename] = member
    _check_sizes([member.file_size for member in members.values()], path)
    return members


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    try:
        if path.is_dir():
            with (path / name).open("rb") as file:
                yield file
        else:
            with ZipFile(path) as archive, archive.open(name) as member:
                yield member
    except (*_BAD_ARCHIVE, KeyError) as error:
        raise VoiceError(f"{name} in {path} cannot be read: {error}", hint="Import or make the voice again.") from error
