"""Pronunciations as users write them: pinyin, jyutping, ARPAbet, kana and jamo -> phonemes of the table.

| language | notation | example |
| --- | --- | --- |
| zh | pinyin with tone 1-5, one syllable per character, v or ü | hang2, lv4 |
| yue | jyutping with tone 1-6 | hong4 |
| en | ARPAbet with stress on the vowels | T AH0 M AA1 T OW2 |
| ja | kana | きょう |
| ko | hangul or compatibility jamo | 갑씨, ㄱㅏㅂ |
"""

from __future__ import annotations

import re

from sovits_tts.errors import TextError
from sovits_tts.text.languages import plugin
from sovits_tts.text.scripts import HANGUL_RANGE, KANA_RANGE

ARPA_VOWELS = frozenset(
    {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"}
)  # fmt: skip
ARPA_CONSONANTS = frozenset(
    {"B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W",
     "Y", "Z", "ZH"}
)  # fmt: skip

KANA = re.compile(f"[{KANA_RANGE}]+")
JAMO = re.compile("[\u3131-\u3163]+")
TONED = re.compile(r"[a-zü:ê]{1,7}\d(?:\s+[a-zü:ê]{1,7}\d)*")
ARPA = re.compile(r"[A-Z]{1,2}\d?(?:\s+[A-Z]{1,2}\d?)*")
_HANGUL = re.compile(f"[{HANGUL_RANGE}]+")
_JYUTPING = re.compile(r"[a-z]{1,6}[1-6]")


def pronounce(language: str, notation: str, symbols: str = "v2") -> tuple[str, ...]:
    """Phonemes of the table `symbols`. Raises TextError saying which part of `notation` is wrong."""
    check(language, notation)
    if language == "zh":
        return tuple(p for syllable in notation.split() for p in _pinyin(syllable))
    if language == "en":
        return tuple(notation.split())
    if language == "yue":
        from sovits_tts.text.yue.jyutping import initial_final as jyutping

        return tuple(p for syllable in notation.split() for p in jyutping(syllable))
    return plugin(language).phonemize(notation, symbols).phonemes


def check(language: str, notation: str) -> None:
    """Raises TextError unless `notation` is a pronunciation in the notation of `language`."""
    if not notation.split():
        raise TextError("The pronunciation is empty.", hint=_HINTS[language])
    if language in ("ja", "ko"):
        if not (KANA if language == "ja" else _HANGUL).fullmatch(notation):
            raise TextError("{given!r} is not a pronunciation.", hint=_HINTS[language], given=notation)
        return
    for part in notation.split():
        _CHECKS[language](part)


def _pinyin(syllable: str) -> tuple[str, str]:
    from sovits_tts.text.zh.phonemes import initial_final, plain_pinyin

    if not syllable[-1].isdigit():
        raise TextError("{given!r} has no tone.", hint=_HINTS["zh"], given=syllable)
    return initial_final(plain_pinyin(syllable))


def _check_arpa(phoneme: str) -> None:
    base, stress = phoneme.rstrip("0123456789"), phoneme[len(phoneme.rstrip("0123456789")) :]
    if base in ARPA_VOWELS and stress not in ("0", "1", "2"):
        raise TextError("The vowel {given!r} needs a stress of 0, 1 or 2.", hint=_HINTS["en"], given=phoneme)
    if base not in ARPA_VOWELS and (base not in ARPA_CONSONANTS or stress):
        raise TextError("{given!r} is not an ARPAbet phoneme.", hint=_HINTS["en"], given=phoneme)


def _check_jyutping(syllable: str) -> None:
    if not _JYUTPING.fullmatch(syllable):
        raise TextError(f"{syllable!r} is not a jyutping syllable.", hint=_HINTS["yue"])


_HINTS = {
    "zh": "Write pinyin with a tone of 1 to 5, such as hang2 or lv4.",
    "yue": "Write jyutping with a tone of 1 to 6, such as hong4.",
    "en": "Write ARPAbet with stress on the vowels, such as T AH0 M AA1 T OW2.",
    "ja": "Write kana, such as きょう.",
    "ko": "Write hangul as it sounds or jamo, such as 갑씨 or ㄱㅏㅂ.",
}
_CHECKS = {"zh": _pinyin, "en": _check_arpa, "yue": _check_jyutping}
