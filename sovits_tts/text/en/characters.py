"""The first step of normalising: every character becomes one that the rules know, or a warning."""

from __future__ import annotations

import unicodedata

from sovits_tts.text.base import TextWarning
from sovits_tts.text.en.draft import Draft
from sovits_tts.text.en.tables import words

# What stands for itself in the rules that follow.
_KEPT = frozenset("!?….,-'\"()[]{}:;/\\@#$%^&*_+=<>~|`£€¥₹₩₽₿¢°±×÷²³√≤≥≠≈µ§©®™½¼¾⅓⅔⅛⅜⅝⅞→")
_MARKS = {
    "。": ". ", "！": "! ", "？": "? ", "，": ", ", "、": ", ", "；": "; ", "：": ": ", "．": ".", "・": " ", "·": " ",
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʼ": "'", "′": "'", "´": "'", "“": '"', "”": '"', "„": '"', "‟": '"',
    "″": '"', "«": '"', "»": '"', "「": '"', "」": '"', "『": '"', "』": '"', "《": '"', "》": '"', "‹": '"', "›": '"',
    "（": "(", "）": ")", "【": "[", "】": "]", "〔": "[", "〕": "]", "〈": "<", "〉": ">",
    "—": " - ", "―": " - ", "⸺": " - ", "–": "–", "‐": "-", "‑": "-", "‒": "-", "−": "−", "﹣": "-", "－": "-",
    "⋯": "…", "‥": "…", "～": "~", "〜": "~", "¡": "", "¿": "", "•": ", ", "‣": ", ", "◦": ", ", "●": ", ", "¶": " ",
    "µ": "µ", "μ": "µ", "∙": "×", "⋅": "×", "✕": "×", "∕": "/", "⁄": "/", "℃": "°C", "℉": "°F", "№": "No. ",
    "￥": "¥", "￡": "£", "￠": "¢", "￦": "₩", "∞": " infinity ", "π": " pi ", "∑": " sum ", "∫": " integral ",
    "\u03a9": " ohms ", "\u2126": " ohms ", "℞": " prescription ", "℗": " phonogram ", "†": " ", "‡": " ", "‖": " ",
    "⇒": "→", "➔": "→", "➡": "→", "⟶": "→", "﹐": ", ", "﹒": ". ", "﹔": "; ", "﹕": ": ", "％": "%",
}  # fmt: skip
_GREEK_NAMES = words(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda nu xi omicron rho sigma sigma tau upsilon phi chi "
    "psi omega gamma delta theta lambda xi sigma phi psi"
)
_GREEK = dict(zip("αβγδεζηθικλνξορσςτυφχψωΓΔΘΛΞΣΦΨ", _GREEK_NAMES, strict=True))
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_WITHOUT_SOUND = frozenset({"Cf", "Cc"})  # joiners, direction marks, controls


def _replacement(char: str, before: str, after: str) -> str | None:
    """What `char` becomes; None if English has no way to say it. "–" and "−" stay for the rules of ranges and signs."""
    if char in _RAISED and (char not in "²³" or before in _RAISED or after in _RAISED):
        return _RAISED[char] if before in _RAISED else f"^{_RAISED[char]}"
    if (char.isascii() and char.isalnum()) or char in _KEPT:
        return char
    if char.isspace():
        return "\n" if char in "\n\r\v\f\x85\u2028\u2029" else " "
    if char in "·•" and before.isupper() and after.isdigit():
        return ""  # the number plate 京A·12345
    if char in _MARKS:
        return _MARKS[char]
    if char in _GREEK and not _is_greek(before) and not _is_greek(after):
        return f" {_GREEK[char]} "
    if "LATIN" in unicodedata.name(char, "") and char.isalpha():
        return _latin(char)
    if unicodedata.category(char) in _WITHOUT_SOUND:
        return ""
    return _decomposed(char)


def _is_greek(char: str) -> bool:
    return "\u0370" <= char <= "\u03ff"


def _latin(char: str) -> str | None:
    """Accented letters of Latin-1 stay, since résumé is not resume; others lose their accents."""
    composed = unicodedata.normalize("NFC", char)
    if composed in "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ":
        return composed
    special = {"œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ħ": "h", "ŋ": "ng", "ə": "e"}
    return special.get(char) or _decomposed(char)


def _decomposed(char: str) -> str | None:
    """Full-width forms, ligatures, circled numbers, accents: what remains in ASCII, if anything does."""
    plain = unicodedata.normalize("NFKD", char).replace("\u2044", "/")
    kept = "".join(c for c in plain if c.isascii() and c.isprintable())
    rest = [c for c in plain if not (c.isascii() and c.isprintable()) and not unicodedata.combining(c)]
    if not kept.strip() or rest:
        return None
    return f" {kept} " if kept.isdigit() and "CIRCLED" in unicodedata.name(char, "") else kept


def known_characters(text: str) -> tuple[Draft, list[TextWarning]]:
    """`text` in the characters the rules know, and a warning for each run of others."""
    if text.isascii() and text.isprintable():
        return Draft(text, list(range(len(text)))), []
    pieces: list[str] = []
    origin: list[int] = []
    unknown: list[tuple[int, str]] = []
    for position, char in enumerate(text):
        if unicodedata.combining(char) and pieces and pieces[-1][-1:].isalpha():
            new: str | None = _compose(pieces, char)
        elif char.isascii() and (char.isalnum() or char == " "):
            new = char
        else:
            new = _replacement(char, text[position - 1 : position], text[position + 1 : position + 2])
        if new is None:
            if unknown and unknown[-1][0] + len(unknown[-1][1]) == position:
                unknown[-1] = (unknown[-1][0], unknown[-1][1] + char)
            else:
                unknown.append((position, char))
            new = " "
        elif new == "" and unknown and unknown[-1][0] + len(unknown[-1][1]) == position:
            unknown[-1] = (unknown[-1][0], unknown[-1][1] + char)
        pieces.append(new)
        origin += [position] * len(new)
    warnings = [TextWarning(f"{span!r} cannot be read in English.", at, span) for at, span in unknown]
    return Draft("".join(pieces), origin), warnings


def _compose(pieces: list[str], mark: str) -> str:
    """A combining accent after a letter joins it where Latin-1 has the result, else it is not heard."""
    if len(pieces[-1]) == 1:
        composed = unicodedata.normalize("NFC", pieces[-1] + mark)
        if len(composed) == 1 and composed <= "ÿ":
            pieces[-1] = composed
    return ""
