"""Voices by name: those the user saved, and those that ship with the package.

Saved ones are `.voice` files in `voices/` of the user data folder (`SOVITS_TTS_HOME`); those that were fine-tuned are
folders there (`voicepack.py`). Bundled ones are pairs in
`pretrained/voices`: a clip (`.flac`, `.ogg` or `.wav`) and `.json` of the same name with text, language, licence and
consent.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

from sovits_tts import assets
from sovits_tts.audio import Audio
from sovits_tts.errors import VoiceError
from sovits_tts.voice import Voice
from sovits_tts.voicepack import MANIFEST, VoicePackage, is_package, open_package
from sovits_tts.voicepack_write import unpack, write_archive

_NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w])?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows opens devices by these
_CLIPS = (".flac", ".ogg", ".wav")
_MODEL_NAMES = frozenset({assets.EMBEDDED, *assets.MODELS})
_FACTS = ("text", "language", "licence", "consent")


@dataclass(frozen=True)
class Entry:
    """A voice that can be named. `path`: its .voice file, its clip where bundled, its folder where fine-tuned."""

    name: str
    path: Path
    bundled: bool
    tuned: bool = False


def folder() -> Path:
    """Where saved voices lie. It need not exist."""
    return assets.home() / "voices"


def entries() -> list[Entry]:
    """Saved voices, then bundled ones, each by name. A saved voice hides a bundled one of its name."""
    saved = {path.stem: Entry(path.stem, path, False) for path in folder().glob("*.voice") if _is_name(path.stem)}
    tuned = [path.parent for path in folder().glob(f"*/{MANIFEST}")]
    saved |= {path.name: Entry(path.name, path, False, True) for path in tuned if _is_name(path.name)}
    place = assets.find("voices")
    clips = sorted(path for path in place.iterdir() if path.suffix in _CLIPS) if place else []
    bundled = [Entry(path.stem, path, True) for path in clips if path.stem not in saved]
    return [saved[name] for name in sorted(saved)] + bundled


def find(name: str) -> Entry:
    """The voice called `name`. Raises VoiceError naming what there is."""
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        raise VoiceError(
            "There is no voice called {name!r}.",
            hint="Known are: {known}. A clip is named by its path.",
            name=name,
            known=", ".join(known) or "none yet",
        )
    return known[name]


def get(name: str, style: str = "") -> Voice:
    """The voice called `name`, in a style that a fine-tuned one has. Raises VoiceError when it is not known."""
    entry = find(name)
    if entry.tuned:
        return open_package(entry.path).voice(style)
    if style:
        raise VoiceError(f"The voice {name} has no styles.", hint="Only fine-tuned voices have; leave --style out.")
    return _bundled(entry) if entry.bundled else Voice.load(entry.path)


def package_of(source: object) -> VoicePackage | None:
    """The fine-tuned voice that `source` names: a saved one by name, a folder or an archive by path. None: no such."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source)
    if is_package(path):
        return open_package(path)
    if path.exists() or not isinstance(source, str) or not _is_name(source) or source in _MODEL_NAMES:
        return None
    saved = folder() / source
    return open_package(saved) if is_package(saved) else None


def bundled_for(language: str) -> Voice:
    """The first bundled voice whose clip is in `language`, else the first of all. Raises VoiceError for none."""
    voices = [_bundled(entry) for entry in entries() if entry.bundled]
    if not voices:
        raise VoiceError("There is no bundled voice in this installation.", hint="Name a clip with --voice.")
    return next((voice for voice in voices if voice.language == language), voices[0])


def add(voice: Voice, name: str, *, overwrite: bool = False) -> Path:
    """Save a voice under a name. Raises VoiceError for a name that cannot be a file's, or is taken."""
    check_name(name, overwrite)
    path = replace(voice, name=name).save(folder() / f"{name}.voice", overwrite=overwrite)
    if is_package(folder() / name):
        _delete(folder() / name)
    return path


def check_name(name: str, overwrite: bool = True, *, tuned: bool = False) -> None:
    """Raises VoiceError for a name that cannot be a file's, or that of a model, or is taken without `overwrite`."""
    if not _is_name(name):
        raise VoiceError(
            "{name!r} cannot be the name of a voice.",
            hint="Use up to 64 letters, digits, spaces, dots, hyphens and underscores; begin with a letter or digit.",
            name=name,
        )
    if tuned and name in _MODEL_NAMES:
        raise VoiceError("{name} is the name of a model.", hint="Choose another name for the voice.", name=name)
    taken = next((path for path in (folder() / f"{name}.voice", folder() / name) if path.exists()), None)
    if taken and not overwrite:
        raise VoiceError("{taken} exists already.", hint="Choose another name, or allow overwriting.", taken=taken)


def remove(name: str) -> None:
    """Delete a saved voice. Raises VoiceError when it is not known, or bundled."""
    entry = find(name)
    if entry.bundled:
        raise VoiceError("{name} ships with the package and cannot be removed.", name=name)
    _delete(entry.path)


def rename(old: str, new: str) -> None:
    """Give a saved voice another name. Raises VoiceError for a bundled one, or a name that is taken or none."""
    entry = find(old)
    if entry.bundled:
        raise VoiceError("{name} ships with the package and cannot be renamed.", name=old)
    if not entry.tuned:
        add(get(old), new)
    else:
        check_name(new, False, tuned=True)
        unpack(open_package(entry.path), folder() / new, new, keep_source=True)
    _delete(entry.path)


def export_voice(name: str, target: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """A voice as one `.voice` file to give away: sound, transcript, consent and, if it was fine-tuned, the weights.

    Raises VoiceError when it is not known, `target` exists or is no `.voice` file.
    """
    entry, target = find(name), Path(target)
    if not entry.tuned:
        return get(name).save(target, overwrite=overwrite)
    if target.suffix != ".voice":
        raise VoiceError(f"A voice is saved as a .voice file, not {target.name!r}.")
    if target.exists() and not overwrite:
        raise VoiceError(f"{target} exists already.", hint="Choose another name, or allow overwriting.")
    return write_archive(open_package(entry.path), target)


def import_voice(source: str | os.PathLike[str], name: str = "", *, overwrite: bool = False) -> Entry:
    """A `.voice` file, plain or fine-tuned, into the saved voices. name: its own where empty.

    Raises VoiceError for a file that is damaged or holds what no voice does, and for a name that is taken.
    """
    source = Path(source)
    if not is_package(source):
        voice = Voice.load(source)
        add(voice, name or voice.name or source.stem, overwrite=overwrite)
        return find(name or voice.name or source.stem)
    package = open_package(source)
    name = name or package.manifest.name
    check_name(name, overwrite, tuned=True)
    unpack(package, folder() / name, name)
    (folder() / f"{name}.voice").unlink(missing_ok=True)
    return find(name)


def _delete(path: Path) -> None:
    try:
        if path.is_dir():  # under another name first: half a voice is never found
            gone = path.rename(path.with_name(f".{path.name}.{token_hex(6)}.part"))
            shutil.rmtree(gone)
        else:
            path.unlink()
    except OSError as error:
        raise VoiceError(f"{path} cannot be deleted: {error}") from error


def _is_name(name: str) -> bool:
    """Nothing that could lead out of the folder, hide, or confuse a file system."""
    return bool(_NAME.fullmatch(name)) and not _RESERVED.fullmatch(name)


def _bundled(entry: Entry) -> Voice:
    path = entry.path.with_suffix(".json")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        text, language, licence, consent = (str(facts.get(key, "")) for key in _FACTS)
    except (OSError, ValueError, AttributeError) as error:
        raise VoiceError(f"The bundled voice {entry.name} is damaged: {error}") from error
    clip = Audio.load(entry.path)
    return Voice(clip, text, language or "auto", entry.name, consent, licence)
