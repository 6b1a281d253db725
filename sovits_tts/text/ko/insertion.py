"""ㄴ at the seam of some compounds: 꽃잎 is 꼰닙, 서울역 서울력."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sovits_tts.text.ko.hangul import Syllable


def insert(text: str, items: Sequence[Syllable | str]) -> None:
    """Gives the second part of the compounds in `text` its ㄴ; items[i] is text[i]."""
    for match in _compounds().finditer(text):
        seam = items[match.start() + _seams()[match[0]]]
        if isinstance(seam, Syllable):
            seam.onset = "ㄴ"


@cache
def _seams() -> dict[str, int]:
    """Compound -> where its second part starts."""
    lines = (files("sovits_tts.text") / "data" / "ko_insertions.txt").read_text(encoding="utf-8").splitlines()
    return {line.replace("|", ""): line.index("|") for line in lines if not line.startswith("#")}


@cache
def _compounds() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_seams(), key=len, reverse=True)))
