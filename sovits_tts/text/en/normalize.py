"""English text -> words and the punctuation ! ? … , . -"""

from __future__ import annotations

import re
import unicodedata

from sovits_tts.text.base import Normalized, TextWarning

_MARKS = str.maketrans({
    "。": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ",", "：": ",", ";": ",", ":": ",",
    "—": "-", "–": "-", "’": "'", "‘": "'", "“": " ", "”": " ", '"': " ", "(": " ", ")": " ", "[": " ", "]": " ",
})  # fmt: skip
_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))


def cardinal(number: int) -> str:
    """1234 -> "one thousand two hundred thirty-four"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + ("-" + _ONES[number % 10] if number % 10 else "")
    for scale, name in _SCALES:
        if number >= scale:
            rest = number % scale
            return f"{cardinal(number // scale)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError(number)


def _number(match: re.Match[str]) -> str:
    digits = match[0].replace(",", "")
    if len(digits) == 4 and "," not in match[0] and 1100 <= int(digits) <= 2099 and not 2000 <= int(digits) <= 2009:
        high, low = cardinal(int(digits[:2])), int(digits[2:])
        return f" {high} " + ("hundred " if low == 0 else f"oh {_ONES[low]} " if low < 10 else f"{cardinal(low)} ")
    if len(digits) > 15 or (digits[0] == "0" and len(digits) > 1):
        return " " + " ".join(_ONES[int(d)] for d in digits) + " "
    return f" {cardinal(int(digits))} "


def normalize(text: str) -> Normalized:
    warnings: list[TextWarning] = []
    kept: list[str] = []
    for position, char in enumerate(text):
        mark = char.translate(_MARKS)
        plain = "".join(c for c in unicodedata.normalize("NFKD", mark) if not unicodedata.combining(c))
        if plain and all((c.isascii() and (c.isalnum() or c in " '.,?!-")) or c == "…" or c.isspace() for c in plain):
            kept.append(" " if plain.isspace() else plain)
        else:
            warnings.append(TextWarning(f"The character {char!r} cannot be read in English.", position, char))
            kept.append(" ")
    spoken = re.sub(r"\d+(?:,\d{3})*", _number, "".join(kept))
    spoken = re.sub(r"\s+([,.?!…])", r"\1", re.sub(r"\s+", " ", spoken))
    spoken = re.sub(r"([,.?!…-])(?:\s*[,.?!…-])+", _strongest, spoken)
    return Normalized(spoken.strip(), tuple(warnings))


def _strongest(match: re.Match[str]) -> str:
    """One mark for a run of marks: the one that tells most about the sentence."""
    return next((mark for mark in "?!….-," if mark in match[0]), match[1])
