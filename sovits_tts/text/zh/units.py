"""Units, currencies and signs that have Mandarin names, from zh_units.txt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files


def _table() -> dict[str, dict[str, str]]:
    kinds: dict[str, dict[str, str]] = {}
    text = (files("sovits_tts.text") / "data" / "zh_units.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            kind, written, spoken = line.split("\t")
            kinds.setdefault(kind, {})[written] = spoken
    return kinds


def _words(kind: str) -> tuple[str, ...]:
    return tuple(word for line in _TABLE[kind] for word in line.split(" "))


def _any_of(written: Iterable[str]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, written), key=len, reverse=True)) + ")"


_TABLE = _table()
UNITS = _TABLE["unit"]
CURRENCIES = _TABLE["currency"]
SIGNS = _TABLE["sign"]
PRICED, PER = _words("priced"), _words("per")  # 元/斤 is so much 每 so many
MEASURES = _words("measure")

UNIT = _any_of(UNITS) + "(?![A-Za-z0-9²³])"
CURRENCY = _any_of(CURRENCIES)
