"""Cantonese: ToJyutping's readings in the symbols of the official v2 table."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from sovits_tts.errors import MissingDependency, TextError
from sovits_tts.text.base import Normalized, Reading, TextWarning
from sovits_tts.text.symbols import PUNCTUATION
from sovits_tts.text.yue.jyutping import initial_final
from sovits_tts.text.zh.hanzi import is_hanzi, simplified
from sovits_tts.text.zh.normalize import normalize
from sovits_tts.text.zh.numbers import digit_by_digit

_RUN = re.compile(r"([!?！？。…,，.])\1+(?!\d)")
_DOLLARS = re.compile(r"(?<![A-Za-z\d])\$\s?(\d[\d,]*(?:\.\d+)?\s?[萬億万亿千百]?)(?!\d|\s?(?:美|港|元|蚊))")
# Eight digits are a telephone number in Hong Kong and Macau.
_NUMBER_HERE = re.compile(r"(?<![\d\-])(?!20\d\d.20)[2-9]\d{3}[ -]\d{4}(?![\d\-]|年)")
_STAND_IN = "龘"  # goes through the Mandarin normaliser for characters such as 㗎 that only Cantonese reads


class Cantonese:
    code = "yue"

    def normalize(self, text: str) -> Normalized:
        """As for Mandarin, but traditional characters stay: 隻 and 只, 髮 and 發 sound different."""
        runs = [*_RUN.finditer(text)]
        if runs:
            return self._around(text, runs)
        text = _NUMBER_HERE.sub(_telephone, _DOLLARS.sub(r"\1蚊", text))
        known = "".join(_STAND_IN if is_hanzi(char) and not _has_simplified(char) else char for char in text)
        normalized = normalize(known)
        if "幺" not in text:  # the 1 of Mandarin telephone numbers
            normalized = replace(normalized, text=normalized.text.replace("幺", "一"))
        warnings = (replace(w, message=f"{w.span!r} cannot be read in Cantonese.") for w in normalized.warnings)
        return Normalized(_as_written(text, known, normalized.text), tuple(warnings))

    def _around(self, text: str, runs: list[re.Match[str]]) -> Normalized:
        """Marks in a row are as many pauses, as the models learned; three are enough."""
        found: list[str] = []
        warnings: list[TextWarning] = []
        ends = [0, *(run.end() for run in runs)]
        for start, run in zip(ends, [*runs, None], strict=True):
            piece = self.normalize(text[start : run.end() - len(run[0]) + 1] if run else text[start:])
            mark = piece.text[-1:] if run and piece.text[-1:] in PUNCTUATION else ""
            found.append(piece.text + mark * (min(len(run[0]) - 1, 2) if run else 0))
            warnings += (replace(w, position=start + w.position) for w in piece.warnings)
        return Normalized("".join(found), tuple(warnings))

    def phonemize(self, text: str, symbols: str = "v2") -> Reading:
        """Two phonemes per syllable, one per mark. Raises TextError when nothing can be read, MissingDependency."""
        kept: list[str] = []
        phonemes: list[str] = []
        per_char: list[int] = []
        warnings: list[TextWarning] = []
        for position, (char, syllables) in enumerate(_to_jyutping().get_jyutping_list(text)):
            if char == "分" and text.startswith("之", position + 1):
                syllables = "fan6"
            if char in PUNCTUATION:
                read: list[str] = [char]
            else:
                read = [p for syllable in _split(syllables) for p in initial_final(syllable)]
            if read:
                kept.append(char)
                phonemes += read
                per_char.append(len(read))
            elif not char.isspace():
                warnings.append(TextWarning(f"{char!r} has no Cantonese reading and was left out.", position, char))
        if not phonemes:
            raise TextError(f"Nothing in {text[:40]!r} can be read as Cantonese.", hint="Give at least one hanzi.")
        return Reading("".join(kept), tuple(phonemes), tuple(per_char), tuple(warnings))


def _has_simplified(char: str) -> bool:
    """Is the character, as Mandarin would simplify it, one that Mandarin reads? 嗰 and 㗎 are not."""
    return "\u4e00" <= simplified(char) <= "\u9fff"


def _telephone(match: re.Match[str]) -> str:
    return digit_by_digit(match[0])


def _split(syllables: str | None) -> list[str]:
    """A few characters, old units of measure, stand for two syllables."""
    return syllables.split() if isinstance(syllables, str) else []


def _as_written(text: str, known: str, normalized: str) -> str:
    """`normalized`, which was made of `known`, with the characters of `text` back in their places."""
    flat = "".join(simplified(char) if is_hanzi(char) else char for char in known)
    if flat == text:
        return normalized
    restored = list(normalized)
    for block in SequenceMatcher(None, flat, normalized, autojunk=False).get_matching_blocks():
        restored[block.b : block.b + block.size] = text[block.a : block.a + block.size]
    return "".join(restored)


def _to_jyutping() -> Any:
    try:
        import ToJyutping
    except ImportError as error:
        raise MissingDependency("Reading Cantonese needs ToJyutping.", hint='pip install "sovits-tts[yue]"') from error
    return ToJyutping


LANGUAGE = Cantonese()
