"""Readings of words the dictionary lacks."""

from __future__ import annotations

from functools import lru_cache

from sovits_tts.text.en.dictionary import dictionary

_GRAPHEMES = {
    "tion": "SH AH0 N", "sion": "ZH AH0 N", "ough": "AO1", "igh": "AY1", "tch": "CH", "sch": "SH", "dge": "JH",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "kn": "N", "wr": "R",
    "ee": "IY1", "ea": "IY1", "oo": "UW1", "ou": "AW1", "ow": "OW1", "oi": "OY1", "oy": "OY1", "ai": "EY1",
    "ay": "EY1", "au": "AO1", "aw": "AO1", "ie": "IY1", "ei": "EY1", "ey": "IY0", "er": "ER0", "ir": "ER1",
    "ur": "ER1", "ar": "AA1 R", "or": "AO1 R", "a": "AE1", "b": "B", "c": "K", "d": "D", "e": "EH1", "f": "F", "g": "G",
    "h": "HH", "i": "IH1", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA1", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH1", "v": "V", "w": "W", "x": "K S", "y": "IY0", "z": "Z",
}  # fmt: skip
_VOICELESS = {"P", "T", "K", "F", "TH", "HH"}
_SIBILANT = {"S", "Z", "SH", "ZH", "CH", "JH"}


def plural(phonemes: tuple[str, ...]) -> tuple[str, ...]:
    """`phonemes` with the ending -s, -es or 's."""
    if phonemes[-1] in _SIBILANT:
        return (*phonemes, "AH0", "Z")
    return (*phonemes, "S" if phonemes[-1] in _VOICELESS else "Z")


def _compound(word: str) -> tuple[str, ...] | None:
    known = dictionary()
    cuts = [cut for cut in range(3, len(word) - 2) if word[:cut] in known and word[cut:] in known]
    if not cuts:
        return None
    cut = min(cuts, key=lambda c: abs(2 * c - len(word)))
    return (*(known.get(word[:cut]) or ()), *(known.get(word[cut:]) or ()))


def _letters(word: str) -> tuple[str, ...]:
    out: list[str] = []
    at = 0
    while at < len(word):
        for size in (4, 3, 2, 1):
            sound = _GRAPHEMES.get(word[at : at + size])
            if sound:
                break
        out += (sound or "").split()
        at += size
    return tuple(out) or ("AH0",)


@lru_cache(maxsize=65536)
def guess(word: str) -> tuple[str, ...]:
    """Phonemes of a lower-case word of letters and apostrophes that is not in the dictionary."""
    known = dictionary()
    if word.endswith("'s") or word.endswith("s'"):
        stem = word[:-2] if word.endswith("'s") else word[:-1]
        return plural(known.get(stem) or guess(stem)) if word.endswith("'s") and stem else known.get(stem) or guess(stem)
    if word.endswith("s") and word[:-1] in known:
        return plural(known.get(word[:-1]) or ())
    if word.endswith("in'") and word[:-1] + "g" in known:
        return (*(known.get(word[:-1] + "g") or ())[:-1], "N")
    return _compound(word) or _letters(word.replace("'", ""))
