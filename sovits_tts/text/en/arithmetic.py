"""Sums and equations, and what is said with times and by."""

from __future__ import annotations

import re

from sovits_tts.text.en.draft import Draft, text_after, text_before
from sovits_tts.text.en.money import NUM
from sovits_tts.text.en.numbers import code, decimal

_TIMES = re.compile(
    rf"(?<![\w.,])({NUM})x\b(?= (?:faster|slower|more|better|larger|smaller|as|higher|lower|cheaper|the))"
    rf"|(?<![\w.,])(\d+\.\d+)x\b(?! ?\d)",
    re.I,
)
_BY = re.compile(rf"(?<![\w.,])({NUM})\s?[x×]\s?(?={NUM})(?!10\^|[^.!?]{{0,12}}=)|(?<=\d)×(?!10\^)(?={NUM}[^.!?\d=]*$)")
_OPERATORS = (
    (r"(?<=[\w)])\s?±\s?(?=[\w(.])|±(?=\d)", " plus or minus "),
    (r"\s*≤\s*(?=[\w(.])|\s*<=\s*(?=[\w(.])", " less than or equal to "),
    (r"\s*≥\s*(?=[\w(.])|\s*>=\s*(?=[\w(.])", " greater than or equal to "),
    (r"(?<=[²³])\+(?=[\w(])", " plus "),
    (r"(?<=\b[a-z])-(?=\d)", " minus "),
    (r"(?:(?<=feet)|(?<=inches)|(?<=meters)|(?<=inch)) [x×] (?=[\da-z])", " by "),
    (r"(?<!\S)\*(?=\d)", "star "),
    (r"(?<=\d)\s?x\s?(?=\d[\d.,]*\s?=)", " times "),
    (r"(?<=[\w)\]])\s*(?:≠|!=)\s*(?=[\w(.])", " is not equal to "),
    (r"\s?(?:==?)\s?(?=[\w(.√+−-])", " equals "),
    (r"(?<=[\w)²³])\s+\+\s+(?=[\w(.√])|(?<=\d)\+(?=[\dA-Za-z(])|(?<=[A-Za-z])\+(?=\d)|(?<=\b[A-Za-z])\+(?=[A-Za-z]\b)"
     r"|(?<![\w+])\+(?=\d)", " plus "),
    (r"(?<=\d)\+(?![\w+])", " plus"),
    (r"(?<=[\w)])\s*×\s*(?=[\w(.])|(?<=[\d)])\s*\*\s*(?=[\d(a-z])|(?<=\b[a-z])\s*\*\s*(?=\d|\w\b)", " times "),
    (r"(?<=[\w)])\s*÷\s*(?=[\w(.])", " divided by "),
    (r"(?<=[\w)])\s*≈\s*(?=[\w(.])", " is about "),
    (r"(?:(?<=[\w)])\s*|(?<![\w<]))<\s*(?=\$?[\d.])", " less than "),
    (r"(?:(?<=[\w)])\s*|(?<![\w>]))>\s*(?=\$?[\d.])", " greater than "),
    (r"(?<=[\w)])²", " squared"), (r"(?<=[\w)])³", " cubed"), (r"√\s?(?=[\w(])", " the square root of "),
    (r"(?<![\w~])[~≈]\s?(?=\$?\d)", " about "),
)  # fmt: skip
_ARITHMETIC = tuple((re.compile(pattern), words) for pattern, words in _OPERATORS)
_OTHER_SIDE = re.compile(r"(?<= by )(\d{4})(?![\d,.]\d)")
_SQUARED = re.compile(r"\b([a-z])([a-z])(?=[²³])")
_POWER = re.compile(r"(?<=[\w)])\^\(?(−|-)?(\d+|[a-z])\)?")
_MINUS = re.compile(r"(?<=[\w)])(\s?)[-−](\s?)(?=[\w(])")
_OPERAND_BEFORE, _OPERAND = re.compile(r"(?:^|[^\w]|\d)[a-z]$|[²³)]$"), re.compile(r"\d|[a-z]\b|\(")


def read_arithmetic(draft: Draft) -> None:
    equation = "=" in draft.text
    draft.sub(_TIMES, lambda m: f"{decimal(m[1] or m[2])} times")
    draft.sub(_BY, lambda m: f"{_side(m[1]) if m[1] else ''} by ")
    draft.sub(_OTHER_SIDE, lambda m: code(m[1]))
    draft.sub(_SQUARED, lambda m: f"{m[1]} {m[2]}")
    for pattern, words in _ARITHMETIC:
        draft.sub(pattern, lambda m, words=words: words)  # type: ignore[misc]
    draft.sub(_POWER, lambda m: f" to the power of {'minus ' if m[1] else ''}{m[2]}")
    if equation:
        draft.sub(_MINUS, _minus)


def _side(number: str) -> str:
    """1920 x 1080 is said in pairs."""
    return code(number) if len(number) == 4 and number.isdigit() else decimal(number)


def _minus(match: re.Match[str]) -> str | None:
    digit = match.string[match.start() - 1].isdigit() and match.string[match.end()].isdigit()
    operands = _OPERAND_BEFORE.search(text_before(match)) and _OPERAND.match(text_after(match))
    return " minus " if digit or operands or (match[1] and match[2]) else None
