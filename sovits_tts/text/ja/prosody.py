"""OpenJTalk's full-context labels -> phonemes with pitch marks.

The marks follow Kurihara, Seiyama and Kumano, "Prosodic features control by symbols as input of sequence-to-sequence
acoustic modeling for neural TTS" (2021): "[" before the pitch rises, "]" after it fell, "#" between accent phrases,
"_" a pause.
"""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from sovits_tts.errors import MissingDependency
from sovits_tts.text.ja.accents import corrected

_LABEL = re.compile(r"-(?P<phoneme>[^+]+)\+.*?/A:(?P<a>[^/]*)/.*?/F:(?P<f>[^/]*)/", re.DOTALL)
_VOWELS = frozenset(("a", "e", "i", "o", "u", "A", "E", "I", "O", "U", "N", "cl"))


@dataclass(frozen=True)
class _Label:
    """One phoneme. Counts are in moras of its accent phrase; None for silence.

    from_nucleus: mora position minus the accent nucleus; 0 is the mora after which the pitch falls
    """

    phoneme: str
    from_nucleus: int | None
    from_start: int | None
    from_end: int | None
    phrase_length: int | None


def phonemes_of(text: str) -> list[str]:
    """Phonemes of a stretch of kanji, kana, letters and digits, with "[", "]", "#" and "_"."""
    openjtalk = _openjtalk()
    labels = [_parsed(label) for label in openjtalk.make_label(corrected(openjtalk.run_frontend(text)))]
    found: list[str] = []
    for label, following in pairwise(labels):
        if label.phoneme == "sil":
            continue
        if label.phoneme == "pau":
            found.append("_")
            continue
        found.append(_learned(label.phoneme))
        mark = _mark(label, following)
        if mark:
            found.append(mark)
    return found


def _learned(phoneme: str) -> str:
    """Whispered vowels are written as capitals; the models never saw the difference. They heard ヴ only as b."""
    return "b" if phoneme == "v" else phoneme.lower() if phoneme in "AEIOU" else phoneme


def _mark(label: _Label, following: _Label) -> str:
    """The mark after a phoneme: only where the next phoneme belongs to another mora or phrase."""
    if label.from_start is None or following.from_start is None:
        return ""
    if label.from_end == 1 and following.from_start == 1 and label.phoneme in _VOWELS:
        return "#"
    if following.from_start != label.from_start + 1:
        return ""
    if label.from_nucleus == 0 and label.from_start != label.phrase_length:
        return "]"
    return "[" if label.from_start == 1 else ""


def _parsed(label: str) -> _Label:
    match = _LABEL.search(label)
    assert match, f"not a full-context label: {label}"
    counts = re.fullmatch(r"(-?\d+)\+(\d+)\+(\d+)", match["a"])
    length = re.match(r"(\d+)_", match["f"])
    if counts is None:
        return _Label(match["phoneme"], None, None, None, None)
    return _Label(match["phoneme"], int(counts[1]), int(counts[2]), int(counts[3]), int(length[1]) if length else None)


@cache
def _openjtalk() -> Any:
    try:
        with redirect_stdout(sys.stderr):  # it prints a warning when onnxruntime is absent; stdout may carry our JSON
            import pyopenjtalk
    except ImportError as error:
        raise MissingDependency(
            "Reading Japanese needs pyopenjtalk ({error}).", hint='pip install "sovits-tts[ja]"', error=error
        ) from error
    return pyopenjtalk
