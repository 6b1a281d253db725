"""Corrections of what OpenJTalk makes of a text, before it becomes labels.

A feature is one word as OpenJTalk describes it. In the first word of an accent phrase `acc` is the accent of the whole
phrase: the mora after which the pitch falls, 0 for none. `chain_flag` is 1 in the words that follow in that phrase.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sovits_tts.text.ja.readings import Feature, reread


def corrected(features: list[Feature]) -> list[Feature]:
    """The same words with the few that are known to be wrong put right."""
    done = [dict(feature) for feature in features]
    reread(done)
    for index, word in enumerate(done):
        following = done[index + 1] if index + 1 < len(done) else None
        if word["chain_flag"] == 1:
            continue
        chained = following is not None and following["chain_flag"] == 1
        accent = _table().get((word["string"], word["pos"]), _table().get((word["string"], "*")))
        if accent is not None and not chained:
            word["acc"] = accent
        elif chained and following and _is_repeated(word) and following["string"].startswith(("し", "する", "さ")):
            word["acc"] = 1  # きらきら in きらきらする falls after its first mora
        elif following and word["string"] == "おはよう" and following["string"].startswith("ござい"):
            following["chain_flag"] = 1
            word["acc"] = word["mora_size"] + following["mora_size"] + 1
    return done


def _is_repeated(word: Feature) -> bool:
    half = len(word["string"]) // 2
    return word["pos"] == "副詞" and word["mora_size"] == 4 and word["string"][:half] == word["string"][half:]


@cache
def _table() -> dict[tuple[str, str], int]:
    text = (files("sovits_tts.text") / "data" / "ja_accents.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {(word, pos): int(accent) for word, pos, accent in rows}
