"""Voices by name: those the user saved, and those that ship with the package.

Saved ones are `.voice` files in `voices/` of the user data folder (`SOVITS_TTS_HOME`). Bundled ones are pairs in
`pretrained/voices`: a clip (`.flac`, `.ogg` or `.wav`) and `.json` of the same name with text, language, licence and
consent.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from sovits_tts import assets
from sovits_tts.audio import Audio
from sovits_tts.errors import VoiceError
from sovits_tts.voice import Voice

_NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w])?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows opens devices by these
_CLIPS = (".flac", ".ogg", ".wav")
_FACTS = ("text", "language", "licence", "consent")


@dataclass(frozen=True)
class Entry:
    """A voice that can be named. `path`: its .voice file, or its clip where it is bundled."""

    name: str
    path: Path
    bundled: bool


def folder() -> Path:
    """Where saved voices lie. It need not exist."""
    return assets.home() / "voices"


def entries() -> list[Entry]:
    """Saved voices, then bundled ones, each by name. A saved voice hides a bundled one of its name."""
    saved = [Entry(path.stem, path, False) for path in sorted(folder().glob("*.voice")) if _is_name(path.stem)]
    taken = {entry.name for entry in saved}
    place = assets.find("voices")
    clips = sorted(path for path in place.iterdir() if path.suffix in _CLIPS) if place else []
    return saved + [Entry(path.stem, path, True) for path in clips if path.stem not in taken]


def find(name: str) -> Entry:
    """The voice called `name`. Raises VoiceError naming what there is."""
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        raise VoiceError(
            f"There is no voice called {name!r}.",
            hint=f"Known are: {', '.join(known) or 'none yet'}. A clip is named by its path.",
        )
    return known[name]


def get(name: str) -> Voice:
    """The voice called `name`. Raises VoiceError when it is not known or damaged."""
    entry = find(name)
    return _bundled(entry) if entry.bundled else Voice.load(entry.path)


def bundled_for(language: str) -> Voice:
    """The first bundled voice whose clip is in `language`, else the first of all. Raises VoiceError for none."""
    voices = [_bundled(entry) for entry in entries() if entry.bundled]
    if not voices:
        raise VoiceError("There is no bundled voice in this installation.", hint="Name a clip with --voice.")
    return next((voice for voice in voices if voice.language == language), voices[0])


def add(voice: Voice, name: str, *, overwrite: bool = False) -> Path:
    """Save a voice under a name. Raises VoiceError for a name that cannot be a file's, or is taken."""
    if not _is_name(name):
        raise VoiceError(
            f"{name!r} cannot be the name of a voice.",
            hint="Use up to 64 letters, digits, spaces, dots, hyphens and underscores; begin with a letter or digit.",
        )
    saved = Voice(
        voice.audio, voice.text, voice.language, name, voice.consent, voice.licence, voice.notes, voice.features
    )
    return saved.save(folder() / f"{name}.voice", overwrite=overwrite)


def remove(name: str) -> None:
    """Delete a saved voice. Raises VoiceError when it is not known, or bundled."""
    entry = find(name)
    if entry.bundled:
        raise VoiceError(f"{name} ships with the package and cannot be removed.")
    try:
        entry.path.unlink()
    except OSError as error:
        raise VoiceError(f"{entry.path} cannot be deleted: {error}") from error


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
