"""English text -> words and the punctuation ! ? … , . - by rules of our own; each file beside this holds one kind."""

from __future__ import annotations

import re

from sovits_tts.text.base import Normalized, TextWarning
from sovits_tts.text.en.arithmetic import read_arithmetic
from sovits_tts.text.en.characters import known_characters
from sovits_tts.text.en.draft import Draft, text_after, text_before
from sovits_tts.text.en.money import read_money
from sovits_tts.text.en.numbers import code
from sovits_tts.text.en.quantities import (
    read_fractions,
    read_measures,
    read_numbers,
    read_ranges,
)
from sovits_tts.text.en.technical import read_technical
from sovits_tts.text.en.times import read_dates, read_dialled, read_times, read_weekdays, read_years
from sovits_tts.text.en.web import read_versions, read_web
from sovits_tts.text.en.words import read_abbreviations, read_capitals, read_kitchen, read_roman, read_zip_codes

_PLAIN = re.compile(r"(?:[A-Za-z ',!?]|\.(?!\w))*")
_KEYS = re.compile(r"\b(Ctrl|Control|Alt|Shift|Cmd|Command|Option|Win|Fn|Tab|Esc)\s?\+\s?(?=\w)")
_PLUSES = re.compile(r"(?<=[A-Za-z])\+\+|(?<=\b[A-Z])\+(?!\w)|(?<=\b[ABCD])-(?=[,;.!?)]|$)")
_SHARP = re.compile(r"(?<=\b[A-G])#(?!\w)")
_FUNCTION = re.compile(r"\b([a-zA-Z])\(([a-z])\)|\b(O)\(([a-z1][^()]{0,12})\)")
_OF = re.compile(r"\b(sine|cosine|tangent|log|exp)\s?\(([^()]*)\)")
_ENUMERATED = re.compile(r"(?<!\w)\(([a-z])\)\s")
_PORT = re.compile(r"(?<=[a-z]):(\d{2,5})\b")
_ABOUT = re.compile(r"(?<![\w~])~\s?(?=[$£€]?\.?\d)")
_AMPERSAND = re.compile(r"\s?&(?:amp;)?&?\s?")
_AT = re.compile(r"(?<=\s)@(?=\s)")
_EITHER = re.compile(
    r"\b(and/or|either/or|he/she|she/he|his/her|him/her|s/he|yes/no|true/false|on/off)\b", re.IGNORECASE
)
_SLASH = re.compile(r"(?<=[\w'])\s?/\s?(?=[\w'])")
_ASIDE = re.compile(r"\s*[(\[{]\s*([^()\[\]{}]*?)\s*[)\]}](\s*)(?=([.,;:!?…]?))")
_BRACKET = re.compile(r"[()\[\]{}\"]")
_CLIPPED = r"(?!(?:tis|twas|em|til|cause|bout|round|n|cuz|kay|twere)\b)"
_QUOTE = re.compile(rf"(?<![A-Za-zÀ-ÿ])'{_CLIPPED}|'(?=[^A-Za-zÀ-ÿ]*$)")
_QUOTED = re.compile(r"(?<![A-Za-zÀ-ÿ])'" + _CLIPPED + r"([^'\n]*(?:'[A-Za-z][^'\n]*)*)'(?![A-Za-zÀ-ÿ])")
_ROCK_N_ROLL = re.compile(r"(?<= )'n'(?= )", re.IGNORECASE)
_COLON = re.compile(r"\s*[:;]")
_DASH = re.compile(
    r"\s+[-–−]+\s+|\s*--+\s*|[–−]|(?<=\w)-(?=\s)(?! (?:and|or|to)\b)|(?<!\S)-(?=\w)|^\s*-\s*|-\s*$|\s-|-(?=[,.!?…])"
)
_LINE = re.compile(r"\s*\n\s*(?:[-*]\s+)?|^\s*[-*]\s+")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ARROW = re.compile(r"\s*(?:->|=>|→)\s*")
_SIGNS = {
    "§": " section ", "©": " copyright ", "®": "", "™": "", "%": " percent ", "°": " degrees ", "£": " pounds ",
    "$": " dollars ", "€": " euros ", "¥": " yen ", "²": " squared ", "³": " cubed ", "µ": " micro ", "₹": " rupees ",
    "¢": " cents ",
}  # fmt: skip
_SIGN = re.compile("[" + "".join(_SIGNS) + "]")
_LEFT = re.compile(r"[^A-Za-zÀ-ÖØ-öø-ÿ' ,.!?…-]+")
_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+(?=[,.!?…])|(?<=^) +|^[\s,]+")
_RUN = re.compile(r"([,.!?…-])(?:\s*[,.!?…-])+")
_TIGHT = re.compile(r"(?<=[,.!?…])(?=[^\s,.!?…'-])")


def normalize(text: str) -> Normalized:
    """See `Language.normalize`."""
    draft, warnings = known_characters(text)
    if not _PLAIN.fullmatch(draft.text):
        _rewrite(draft, warnings)
    else:
        read_abbreviations(draft)
        read_roman(draft)
        read_capitals(draft)
        _unquote(draft)
    _tidy(draft)
    return Normalized(draft.text.strip(), tuple(sorted(warnings, key=lambda w: w.position)))


def _rewrite(draft: Draft, warnings: list[TextWarning]) -> None:
    """All rules, the more particular before the more general."""
    read_web(draft, warnings)
    read_technical(draft)
    draft.sub(_ABOUT, lambda m: "about ")
    draft.sub(_TAG, lambda m: _give_up(m, draft, warnings))
    draft.sub(_ARROW, lambda m: ", ")
    draft.sub(_KEYS, lambda m: m[1] + " ")
    draft.sub(_PLUSES, lambda m: " plus" * len(m[0]) if m[0][0] == "+" else " minus")
    draft.sub(_SHARP, lambda m: " sharp")
    draft.sub(_FUNCTION, lambda m: f"{m[1] or m[3]} of {m[2] or m[4]}")
    draft.sub(_OF, lambda m: f"{m[1]} of {m[2]}")
    draft.sub(_ENUMERATED, lambda m: f"{m[1].upper()}, ")
    draft.sub(_PORT, lambda m: f" {code(m[1])}")
    if any(c.isdigit() or c in "½¼¾⅓⅔⅛⅜⅝⅞" for c in draft.text):
        read_kitchen(draft)
        read_dates(draft)
        read_dialled(draft)
        read_versions(draft)
        read_times(draft)
        read_zip_codes(draft)
        read_fractions(draft)
        read_ranges(draft)
        read_money(draft)
        read_measures(draft)
        read_abbreviations(draft)
        read_years(draft)
        read_arithmetic(draft)
        read_numbers(draft)
    else:
        read_weekdays(draft)
        read_abbreviations(draft)
        read_arithmetic(draft)
    read_roman(draft)
    read_capitals(draft)
    draft.sub(_AMPERSAND, lambda m: " and ")
    draft.sub(_AT, lambda m: "at")
    draft.sub(_EITHER, _either)
    draft.sub(_SLASH, lambda m: " ")
    draft.sub(_SIGN, lambda m: _SIGNS[m[0]])
    _punctuate(draft)
    draft.sub(_LEFT, lambda m: _give_up(m, draft, warnings))


def _either(match: re.Match[str]) -> str:
    if match[0].lower() == "s/he":
        return "she or he"
    return match[0].replace("/", " " if "or" in match[0].lower().split("/") else " or ")


def _punctuate(draft: Draft) -> None:
    """Brackets, quotes, colons, dashes and line ends as the six marks."""
    draft.sub(_LINE, _line)
    draft.sub(_ASIDE, _aside)
    draft.sub(_BRACKET, lambda m: " ")
    _unquote(draft)
    draft.sub(_COLON, lambda m: ",")
    draft.sub(_DASH, lambda m: " - ")


def _unquote(draft: Draft) -> None:
    """Single quotes go, apostrophes stay."""
    if "'" in draft.text:
        draft.sub(_QUOTED, lambda m: m[1])
        draft.sub(_ROCK_N_ROLL, lambda m: "'n")
        draft.sub(_QUOTE, lambda m: "")


def _line(match: re.Match[str]) -> str:
    """A new line begins a sentence if it looks like one."""
    after = match.string[match.end() : match.end() + 1]
    if match.start() == 0:
        return ""
    return ". " if after.isupper() or after == "-" else " "


def _aside(match: re.Match[str]) -> str:
    """(two words or more) are set off by commas, one word is not."""
    inside, after = match[1], match[3]
    if len(inside.split()) < 2:
        return f" {inside}{match[2]}"
    before = text_before(match).rstrip()[-1:]
    lead = ", " if before.isalnum() else " "
    rest = text_after(match).strip()
    return f"{lead}{inside}{'' if after or not rest else ','}{match[2]}"


def _give_up(match: re.Match[str], draft: Draft, warnings: list[TextWarning]) -> str:
    """Name what nobody could read; blanks are nothing to name."""
    span = match[0]
    if span.strip():
        at = draft.origin[match.start()]
        warnings.append(TextWarning(f"{span.strip()!r} is not read.", at, span.strip()))
    return " "


def _tidy(draft: Draft) -> None:
    """One space between words, none before a mark, one mark for a run of marks."""
    text = _SPACES.sub(" ", draft.text)
    text = _RUN.sub(_strongest, text)
    text = _BEFORE_MARK.sub("", text)
    text = _TIGHT.sub(" ", text)
    draft.text = text
    draft.origin = []


def _strongest(match: re.Match[str]) -> str:
    """One mark for a run: the first, as the official convention has it, but commas and dashes yield to stops."""
    run = match[0].replace(" ", "")
    if "-" in run and not set(run) & set(".!?…"):
        return "," if "," in run else " - "
    if run[0] in ",-":
        return next((mark for mark in run if mark in ".!?…"), run[0])
    return run[0]
