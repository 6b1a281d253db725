"""The language plug-ins by code. A plug-in is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from sovits_tts.errors import MissingDependency, TextError
from sovits_tts.text.base import Language

LANGUAGES = {"zh": "Mandarin", "en": "English", "ja": "Japanese", "ko": "Korean", "yue": "Cantonese"}
# What people write in markup, lexicons and SSML (BCP 47 tags by their first part, unless listed here).
_ALIASES = {"cmn": "zh", "zh-hk": "yue", "zh-yue": "yue", "jp": "ja", "kr": "ko", "cn": "zh"}


def language_code(name: str) -> str:
    """The code of `name`: "zh-CN" -> "zh", "zh-HK" -> "yue". Raises TextError when there is no such language."""
    tag = name.strip().lower().replace("_", "-")
    code = _ALIASES.get(tag) or _ALIASES.get(tag.split("-")[0]) or tag.split("-")[0]
    if code not in LANGUAGES:
        known = ", ".join(f"{code} ({title})" for code, title in LANGUAGES.items())
        raise TextError(f"There is no language {name!r}.", hint=f"Choose one of: {known}.")
    return code


def plugin(code: str) -> Language:
    """The plug-in of one of LANGUAGES. Raises MissingDependency where this installation lacks it."""
    if find_spec(f"sovits_tts.text.{code}") is None:
        raise MissingDependency(
            "This installation cannot read {language}.",
            hint='pip install "sovits-tts[{code}]"',
            language=LANGUAGES[code],
            code=code,
        )
    language: Language = import_module(f"sovits_tts.text.{code}").LANGUAGE
    return language
