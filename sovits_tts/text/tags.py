"""What the attributes of markup tags mean. Every function raises TextError; `markup.py` adds the place."""

from __future__ import annotations

import re

from sovits_tts.errors import TextError
from sovits_tts.text.languages import language_code

MAX_PAUSE = 10.0  # seconds
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
_WAYS = {
    "digits": "digits", "telephone": "digits", "cardinal": "cardinal", "number": "cardinal",
    "characters": "characters", "spell-out": "characters", "date": "date",
}  # fmt: skip
_DATE_ORDERS = ("ymd", "dmy", "mdy", "md", "dm", "ym", "my")

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|)\s*")
_ATTRIBUTE = re.compile(r"""\s+([\w:-]+)(?:\s*=\s*("[^"]*"|'[^']*'))?""")
_RATE = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(%?)")


def attributes(written: str) -> dict[str, str]:
    """Names to values; a lone word, as in <lang ja>, is a name with an empty value."""
    found: dict[str, str] = {}
    written = written.rstrip().removesuffix("/").rstrip()
    at = 0
    while at < len(written):
        match = _ATTRIBUTE.match(written, at)
        if not match:
            raise TextError(f'{written[at:].strip()!r} is not an attribute; write name="value".')
        found[match[1]] = (match[2] or "")[1:-1]
        at = match.end()
    return found


def duration(written: str) -> float:
    """Seconds of "0.5", "0.5s" or "500ms"."""
    match = _DURATION.fullmatch(written)
    if not match:
        raise TextError(f"{written!r} is not a length of time; write 0.5, 0.5s or 500ms.")
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
    if seconds > MAX_PAUSE:
        raise TextError(f"A pause of {seconds:g} s is too long; at most {MAX_PAUSE:g} s.")
    return seconds


def break_seconds(given: dict[str, str]) -> float:
    if "time" in given:
        return duration(given["time"])
    strength = given.get("strength", "medium")
    if strength not in _STRENGTHS:
        raise TextError(f"{strength!r} is not a strength; write {', '.join(_STRENGTHS)}.")
    return _STRENGTHS[strength]


def language(given: dict[str, str]) -> str:
    return language_code(given.get("xml:lang") or given.get("lang") or " ".join(given))


def rate(given: dict[str, str]) -> float:
    """Speed against the usual one: "slow", "90%", "+10%", "0.9"."""
    if set(given) != {"rate"}:
        raise TextError('Of prosody only the rate can be set; write <prosody rate="slow">.')
    written = given["rate"]
    number = _RATE.fullmatch(written)
    value = _RATES.get(written, 0.0)
    if number:
        amount = float(number[2]) / (100 if number[3] else 1)
        value = {"+": 1 + amount, "-": 1 - amount}.get(number[1], amount)
    if not 0.25 <= value <= 4:
        raise TextError(f"{written!r} is not a rate; write {', '.join(_RATES)}, or 25% to 400%.")
    return value


def way_of_saying(given: dict[str, str]) -> str:
    """ "digits", "cardinal", "characters", "date" or, with an order, "date:dmy"."""
    asked = given.get("interpret-as") or next((name for name, value in given.items() if not value), "")
    if asked not in _WAYS:
        raise TextError(f"{asked!r} is not a way to say something; write {', '.join(_WAYS)}.")
    order = given.get("format", "")
    if not order or _WAYS[asked] != "date":
        return _WAYS[asked]
    if order not in _DATE_ORDERS:
        raise TextError(f"{order!r} is not an order of a date; write {', '.join(_DATE_ORDERS)}.")
    return f"date:{order}"
