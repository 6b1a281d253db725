"""Pinyin syllable -> the initial and final symbols of the official phoneme tables.

Every syllable is exactly two symbols. A syllable without initial takes AA, EE or OO after its vowel, or y / w; the
buzzing vowels have finals of their own (zi -> i0, zhi -> ir), as have ye (E) and yan (En); ü is written v.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from sovits_tts.errors import TextError
from sovits_tts.text.symbols import symbol_ids

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs")
_ZERO_INITIAL = {"a": "AA", "e": "EE", "o": "OO"}
_Y_FINALS = {"e": "E", "an": "En", "u": "v", "uan": "van", "ue": "ve", "un": "vn", "v": "v", "van": "van", "ve": "ve"}
_SHORTENED = {"uei": "ui", "iou": "iu", "uen": "un", "ueng": "ong"}
# Syllables without a vowel (嗯 ng2, 呣 m2) are spoken as their nearest neighbour that the tables know.
_NASAL_ONLY = {"m": ("EE", "en"), "n": ("EE", "en"), "ng": ("EE", "en"), "hm": ("h", "en"), "hng": ("h", "eng")}
_RARE = {"io": ("y", "o"), "fiao": ("f", "ao"), "eh": ("EE", "ei"), "ê": ("EE", "ei")}
_TONE_MARKS = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}
_SYLLABLE = re.compile(r"([a-zê]+)([1-5])")


@cache
def initial_final(pinyin: str) -> tuple[str, str]:
    """("h", "ang2") of "hang2". Raises TextError when it is no Mandarin syllable with a tone of 1 to 5."""
    match = _SYLLABLE.fullmatch(pinyin)
    if match:
        initial, final = _split(match[1])
        final += match[2]
        if initial in symbol_ids("v1") and final in symbol_ids("v1"):
            return initial, final
    raise TextError(
        "{pinyin!r} is not a Mandarin syllable.",
        hint="Write pinyin with a tone of 1 to 5, such as hang2, lv4, er5.",
        pinyin=pinyin,
    )


def _split(syllable: str) -> tuple[str, str]:
    if syllable in _NASAL_ONLY:
        return _NASAL_ONLY[syllable]
    if syllable in _RARE:
        return _RARE[syllable]
    if syllable[0] in _ZERO_INITIAL:
        return _ZERO_INITIAL[syllable[0]], syllable
    if syllable[0] == "y":
        return "y", _Y_FINALS.get(syllable[1:], syllable[1:])
    if syllable[0] == "w":
        return "w", syllable[1:]
    initial = next((i for i in _INITIALS if syllable.startswith(i)), "")
    final = syllable[len(initial) :]
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "ir"
    elif final == "i" and initial in ("z", "c", "s"):
        final = "i0"
    elif initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    elif initial in ("n", "l") and final == "ue":
        final = "ve"
    return initial, _SHORTENED.get(final, final)


def plain_pinyin(written: str) -> str:
    """Pinyin as people write it ("háng", "hang2", "lü4", "LU:4", "de0", "ma") -> letters, v for ü, tone 1 to 5."""
    tone = ""
    letters: list[str] = []
    for char in unicodedata.normalize("NFD", written.strip().lower().replace("u:", "v").replace("ü", "v")):
        if char in _TONE_MARKS:
            tone = _TONE_MARKS[char]
        elif char == "\u0308" and letters and letters[-1] == "u":
            letters[-1] = "v"
        elif char.isascii() and char.isdigit():
            tone = "5" if char == "0" else char
        else:
            letters.append(char)
    return unicodedata.normalize("NFC", "".join(letters)) + (tone or "5")
