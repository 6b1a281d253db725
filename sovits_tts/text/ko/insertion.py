"""Sounds at the seam of some compounds: ㄴ in 꽃잎 (꼰닙) and 생산량 (생산냥), a hard onset in 활동 (활똥)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sovits_tts.text.ko.hangul import Syllable
from sovits_tts.text.ko.rules import TENSE

# Suffixes that keep the ㄴ before them (standard pronunciation, article 20), and words that only look like them.
_SUFFIXED = re.compile("(?<=[가-힣]{2})[량력란론료로]")
_WHOLE = frozenset(
    re.findall(
        "..",
        "전력인력권력연료원료진료관료분량전량원론언론반론진로선로난로신로원로"
        "근로관로찬란혼란환란곤란산란문란논란분란변론한량신력",
    )
)


def insert(text: str, items: Sequence[Syllable | str]) -> None:
    """Gives the second part of the compounds in `text` its onset; items[i] is text[i]."""
    for name in ("ko_insertions.txt", "ko_hardened.txt"):
        for match in _compounds(name).finditer(text):
            seam = items[match.start() + _seams(name)[match[0]]]
            if isinstance(seam, Syllable):
                seam.onset = "ㄴ" if name == "ko_insertions.txt" else TENSE.get(seam.onset, seam.onset)
    for match in _SUFFIXED.finditer(text):
        before, suffix = items[match.start() - 1], items[match.start()]
        whole = text[match.start() - 1 : match.end()] in _WHOLE
        if isinstance(before, Syllable) and isinstance(suffix, Syllable) and before.coda == "ㄴ" and not whole:
            suffix.onset = "ㄴ"


@cache
def _seams(name: str) -> dict[str, int]:
    """Compound -> where its second part starts."""
    lines = (files("sovits_tts.text") / "data" / name).read_text(encoding="utf-8").splitlines()
    compounds = [word for line in lines if not line.startswith("#") for word in line.split()]
    return {word.replace("|", ""): word.index("|") for word in compounds}


@cache
def _compounds(name: str) -> re.Pattern[str]:
    return re.compile("|".join(sorted(_seams(name), key=len, reverse=True)))
