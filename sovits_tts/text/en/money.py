"""Sums of money, in words."""

from __future__ import annotations

import re

from sovits_tts.text.en.draft import Draft, text_after
from sovits_tts.text.en.numbers import cardinal, decimal
from sovits_tts.text.en.tables import pairs

NUM = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_SCALE = r"(?:hundred|thousand|million|billion|trillion|[kK]|[mM]n?|[bB]n?|tn|T)(?![A-Za-z])"
SCALES = {
    "k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion",
    "tn": "trillion",
}  # fmt: skip
# symbol or code: one, many, one of the small coin, many of it
_MONEY = {sign: tuple(names.split(", ")) for sign, names in pairs("en_abbreviations.txt", "money").items()}
_SIGN = "|".join(sorted((re.escape(s) for s in _MONEY if not s.isalpha()), key=len, reverse=True))
_CODE = "|".join(s for s in _MONEY if s.isalpha())
_PRICE = re.compile(
    rf"(?P<article>\b[Aa]n? )?(?P<minus>(?<![\w)])[-−])?(?<![\w$])(?P<sign>{_SIGN}|\b(?:{_CODE})\s?)(?P<n>{NUM})"
    rf"(?:[ -]?(?P<scale>{_SCALE}))?"
    rf"(?:(?:\s?[-–]\s?| to )(?:{_SIGN})?(?P<n2>{NUM})(?:[ -]?(?P<scale2>{_SCALE}))?)?(?P<plus>\+(?!\w))?"
    rf"(?P<adjective>[ -](?=[A-Za-z]))?"
)
_PRICE_AFTER = re.compile(
    rf"(?<![\w.,$£€¥])(?P<n>{NUM})(?:\s?(?P<scale>{_SCALE}))?(?P<sign>\s?[$£€¥₹₩₽](?!\d)|\s(?:{_CODE})\b)"
)
_CENTS = re.compile(rf"(?<![\w.])({NUM})\s?¢")
NOT_NOUN = re.compile(
    r"(?:in|on|at|for|to|of|from|per|and|or|a|an|the|is|was|are|were|by|as|than|each|less|more|with|every|into|over|off|"
    r"after|before|but|if|so|this|that|last|worth|million|billion|thousand|trillion)\b"
)


def read_money(draft: Draft) -> None:
    """$3.5 billion, £20, 50 USD, a $5 bill, $5-10."""
    if re.search(rf"{_SIGN}|¢|{_CODE}", draft.text):
        draft.sub(_PRICE, _price)
        draft.sub(_PRICE_AFTER, _price)
        draft.sub(_CENTS, lambda m: f"{decimal(m[1])} cent{'s' * (m[1] != '1')}")


def _price(match: re.Match[str]) -> str:
    part = match.groupdict()
    sign, amount, scale = part["sign"].strip(), part["n"], part["scale"]
    one, many, coin, coins = _MONEY[sign]
    minus = "minus " if part.get("minus") else ""
    lead = (part.get("article") or "") + minus
    if part.get("n2"):
        last = scaled(part["n2"], part["scale2"])
        return f"{lead}{scaled(amount, scale)} to {last} {many}{part['adjective'] or ''}"
    adjective = (" plus" if part.get("plus") else "") + (part.get("adjective") or "")
    if part.get("article") and adjective and not NOT_NOUN.match(text_after(match)):
        whole, _, rest = amount.partition(".")
        if len(rest) == 2 and not scale and int(rest):
            return f"{lead}{cardinal(whole)} {one} and {cardinal(int(rest))} {coin} "
        return f"{lead}{scaled(amount, scale)} {one} "
    whole, dot, rest = amount.partition(".")
    if dot and len(rest) == 2 and not scale and one not in {"yen", "won"}:
        small = f"{cardinal(int(rest))} {coin if int(rest) == 1 else coins}"
        if whole.strip("0,") == "":
            return lead + small + adjective
        units = f"{cardinal(whole)} {one if whole == '1' else many}"
        return lead + (units if int(rest) == 0 else f"{units} and {small}") + adjective
    return f"{lead}{scaled(amount, scale)} {one if amount == '1' and not scale else many}{adjective}"


def scaled(amount: str, scale: str | None) -> str:
    """ "3.5", "bn" -> "three point five billion"."""
    return decimal(amount) + (f" {SCALES.get(scale.lower(), scale)}" if scale else "")
