"""What the page says, in each of its languages: `locales/*.json`, flat keys such as `speak.voice.label`."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

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


def preferred(accept_language: str) -> str:
    """The first language that a browser's Accept-Language header asks for and the page has."""
    for wish in re.findall(r"[A-Za-z]{2,3}(?=[-,;\s]|$)", accept_language):
        if wish.lower() in LANGUAGES:
            return wish.lower()
    return DEFAULT
