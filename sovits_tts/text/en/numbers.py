"""Numbers in words, American style: no "and" inside, hyphens in thirty-four."""

from __future__ import annotations

import re

from sovits_tts.text.en.tables import words

ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = words("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
_SCALE_NAMES = words(
    "thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion"
)
_SCALES = tuple((10 ** (3 * i), name) for i, name in enumerate(_SCALE_NAMES, start=1))[::-1]
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_FORM = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
LONGEST = 36  # digits; beyond it a number is read digit by digit


def digits(text: str) -> str:
    """ "0421" -> "zero four two one"; other characters are skipped."""
    return " ".join(ONES[int(d)] for d in text if d.isdigit())


def cardinal(number: int | str) -> str:
    """1234 -> "one thousand two hundred thirty-four"; "1,234" as well; too long a number digit by digit."""
    text = str(number).replace(",", "")
    if len(text) > LONGEST:
        return digits(text)
    return _cardinal(int(text))


def _cardinal(n: int) -> str:
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" {_cardinal(n % 100)}" if n % 100 else "")
    scale, name = next((s, name) for s, name in _SCALES if n >= s)
    return f"{_cardinal(n // scale)} {name}" + (f" {_cardinal(n % scale)}" if n % scale else "")


def to_ordinal(number: str) -> str:
    """ "twenty-one" -> "twenty-first"."""
    head, separator, last = re.fullmatch(r"(?:(.*)([ -]))?(\w+)", number).groups(default="")  # type: ignore[union-attr]
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return head + separator + last


def ordinal(number: int | str) -> str:
    """21 -> "twenty-first"."""
    return to_ordinal(cardinal(number))


def decimal(text: str) -> str:
    """ "1,234.50" -> "one thousand two hundred thirty-four point five zero"; ".5" -> "point five"."""
    whole, dot, fraction = text.partition(".")
    spoken = integer(whole) if whole else ""
    return f"{spoken} point {digits(fraction)}".strip() if dot and fraction else spoken


def integer(text: str) -> str:
    """A run of digits: leading zeros make it a code, read digit by digit."""
    plain = text.replace(",", "")
    if (plain.startswith("0") and len(plain) > 1) or len(plain) > LONGEST:
        return digits(plain)
    return cardinal(plain)


def pair(text: str) -> str:
    """Two digits as in a year or a time: "05" -> "oh five", "45" -> "forty-five"."""
    return cardinal(text) if text[0] != "0" else f"oh {ONES[int(text[1])]}"


def year(text: str) -> str:
    """ "1905" -> "nineteen oh five", "2003" -> "two thousand three", "1900" -> "nineteen hundred"."""
    n = int(text)
    if len(text) != 4 or n % 1000 < 10 or n < 1000:
        return cardinal(n)
    if text[2:] == "00":
        return f"{cardinal(text[:2])} hundred"
    return f"{cardinal(text[:2])} {pair(text[2:])}"


def code(text: str) -> str:
    """Digits of a model number: "380" -> "three eighty", "605" -> "six oh five", "4090" -> "forty ninety"."""
    if text[0] == "0" or len(text) > 4:
        return digits(text)
    if len(text) < 3 or text[1:].strip("0") == "":
        return cardinal(text)
    if len(text) == 4:
        return year(text)
    return f"{ONES[int(text[0])]} {pair(text[1:])}"


def plural(number: str) -> str:
    """ "nineteen ninety" -> "nineteen nineties", "two thousand" -> "two thousands"."""
    if number.endswith("y"):
        return number[:-1] + "ies"
    return number + ("es" if number.endswith(("x", "s")) else "s")


def fraction(top: str, bottom: str) -> str | None:
    """ "3", "4" -> "three quarters"; None for what nobody says as a fraction."""
    n, d = int(top), int(bottom)
    if d < 2 or d > 1000 or top[0] == "0" or bottom[0] == "0":
        return None
    name = {2: "half", 4: "quarter"}.get(d) or ordinal(d)
    if n == 1:
        return f"one {name}"
    return f"{cardinal(n)} {'halves' if d == 2 else name + 's'}"


def roman(text: str) -> int | None:
    """ "XIV" -> 14; None if `text` is not a well-formed Roman numeral."""
    if not text or not _ROMAN_FORM.fullmatch(text):
        return None
    values = [_ROMAN[c] for c in text]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
