"""What the page says, in each of its languages: `locales/*.json`, flat keys such as `speak.voice.label`.

What the library says of a visitor's input (errors, warnings) is found by its English template: `locales/told_*.json`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from sovits_tts.errors import SovitsError, Told

DEFAULT = "en"
LANGUAGES = {"en": "English", "zh": "中文", "ja": "日本語", "ko": "한국어"}  # code: its name in itself
_FOLDER = Path(__file__).parent / "locales"


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts in one language; English for a language there is none for."""
    code = language if language in LANGUAGES else DEFAULT
    texts: dict[str, str] = json.loads((_FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    return texts


def say(language: str, key: str, **values: Any) -> str:
    """One text with its values filled in."""
    return catalogue(language)[key].format(**values)


@cache
def sentences(language: str) -> dict[str, str]:
    """English sentences, or templates of such, and how one says them in this language."""
    path = _FOLDER / f"told_{language}.json"
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return texts


def tell(language: str, sentence: str) -> str:
    """A sentence of the library in another language; in English where nobody has translated it."""
    told = sentence if isinstance(sentence, Told) else Told(sentence)
    found = sentences(language).get(told.template)
    if found is None:
        return str(sentence)
    values = {name: tell(language, value) if isinstance(value, str) else value for name, value in told.values.items()}
    return found.format(**values) if values else found


def explain(language: str, error: SovitsError) -> str:
    """What happened and what to do, in the page's language; what nobody translated in English, after what it is about.

    English itself is never translated, and has nothing to say before the error's own words.
    """
    if error.message.template not in sentences(language):
        return say(language, f"error.{error.code}", detail=str(error))
    return f"{tell(language, error.message)} {tell(language, error.hint)}".strip()


def preferred(accept_language: str) -> str:
    """The first language that a browser's Accept-Language header asks for and the page has."""
    for wish in re.findall(r"[A-Za-z]{2,3}(?=[-,;\s]|$)", accept_language):
        if wish.lower() in LANGUAGES:
            return wish.lower()
    return DEFAULT
