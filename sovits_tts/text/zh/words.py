"""Word boundaries and parts of speech: what the tone rules look at."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Word:
    text: str
    tag: str  # jieba's part of speech, such as "n" or "v"


@cache
def _tagger() -> Any:
    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    return jieba.posseg.POSTokenizer()


def words(text: str) -> list[Word]:
    """Words of a stretch of hanzi; joined they are `text`."""
    return [Word(pair.word, pair.flag) for pair in _tagger().lcut(text)]
