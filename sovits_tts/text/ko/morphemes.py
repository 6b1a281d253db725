"""Which syllables end a stem or are an ending: a few rules of pronunciation ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sovits_tts.errors import MissingDependency
from sovits_tts.text.ko.hangul import Syllable, is_syllable

_STEMS = ("VV", "VA", "VX")


def mark(text: str, items: Sequence[Syllable | str]) -> None:
    """Sets the grammatical flags of the syllables of `text`; items[i] is text[i]."""
    if not any(map(is_syllable, text)):
        return
    for morpheme in _mecab().parse(text):
        last = items[morpheme.span.end - 1]
        if not isinstance(last, Syllable):
            continue
        tags = morpheme.feature.pos.split("+")
        if tags[-1] in _STEMS:
            last.stem = True
        elif tags[-1] == "ETM" and last.coda == "ㄹ":
            last.future = True
        elif tags == ["JKO"]:
            last.object_ = True


@cache
def _mecab() -> Any:
    try:
        from mecab import MeCab
    except ImportError as error:
        raise MissingDependency("Reading Korean needs python-mecab-ko.", hint='pip install "sovits-tts[ko]"') from error
    return MeCab()
