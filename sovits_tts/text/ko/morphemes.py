"""Which syllables end a stem or are an ending: a few rules of pronunciation ask for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from sovits_tts.errors import MissingDependency
from sovits_tts.text.ko.hangul import Syllable, is_syllable

_STEMS = ("VV", "VA", "VX")
# Endings that start with ㄹ and harden what follows: 할게요, 할수록, 먹을걸.
_HARDENING = re.compile("[ㄹ\u11af](?:게|걸|수록|지|세라|진대|뿐)")
_HARDENED = "게걸수지세진뿐"


def mark(text: str, items: Sequence[Syllable | str]) -> None:
    """Sets the grammatical flags of the syllables of `text`; items[i] is text[i]."""
    if not any(map(is_syllable, text)):
        return
    for morpheme in _mecab().parse(text):
        _mark_ending(morpheme, text, items)
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


def _mark_ending(morpheme: Any, text: str, items: Sequence[Syllable | str]) -> None:
    tags = morpheme.feature.pos.split("+")
    spelled = morpheme.feature.expression or ("ㄹ" + morpheme.surface[1:] if morpheme.surface[0] == "을" else "")
    if tags[-1] not in ("EC", "EF") or not _HARDENING.search(spelled):
        return
    for at in range(morpheme.span.start, morpheme.span.end - 1):
        item = items[at]
        if isinstance(item, Syllable) and item.coda == "ㄹ" and text[at + 1] in _HARDENED:
            item.future = True


@cache
def _mecab() -> Any:
    try:
        from mecab import MeCab
    except ImportError as error:
        raise MissingDependency("Reading Korean needs python-mecab-ko.", hint='pip install "sovits-tts[ko]"') from error
    return MeCab()
