"""What programmers, chemists and mathematicians write: identifiers, options, status codes, formulas."""

from __future__ import annotations

import re

from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.draft import Draft
from sovits_tts.text.en.numbers import cardinal, code, year
from sovits_tts.text.en.words import capitals

_ELEMENT = (
    "(?:H|He|Li|Be|B|C|N|O|F|Ne|Na|Mg|Al|Si|P|S|Cl|Ar|K|Ca|Ti|V|Cr|Mn|Fe|Co|Ni|Cu|Zn|Ga|Ge|As|Se|Br|Kr|Rb|Sr|Y|Zr|Mo|"
    "Ag|Cd|Sn|Sb|I|Xe|Cs|Ba|W|Pt|Au|Hg|Pb|U)"
)
_FORMULA = re.compile(rf"(?<![\w./-])(?=[A-Za-z]*\d)(?:{_ELEMENT}\d{{0,2}}){{2,}}(?![\w-]|\.\d)")
_ATOM = re.compile(r"([A-Z][a-z]?)(\d*)")
_CONSTANT = re.compile(r"(?<![\w.])[A-Z]{2,}[A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)")
_IDENTIFIER = re.compile(r"(?<=[A-Za-z0-9])_+(?=[A-Za-z0-9])|(?<![\w])_+(?=[a-z])|(?<=[a-z])_+(?!\w)")
_CALL = re.compile(r"(?<=[A-Za-z0-9])\(\)")
_OPTION = re.compile(r"(?<=[a-z\d] )-([A-Za-z])(?=\s|$)")
_STATUS = re.compile(
    r"(?<=\b[Ee]rror )[45]\d\d\b|(?<=HTTP )\d{3}\b|\b[45]\d\d(?= (?:errors?|[Nn]ot [Ff]ound|status|page|response)\b)"
)
_QUARTER = re.compile(r"(?<![\w.])((?:19|20)\d\d)[- ]?(?=[QH][1-4]\b)")
_AIRCRAFT = re.compile(r"(?<![\w.,-])(A?\d{3})-(\d{2,4})(?:([A-Z]{1,3})\b)?(?![\w-]|[.,]\d)")
_AIRLINER = re.compile(r"7[0-9]7|A3[0-9]\d")
_MODEL = re.compile(r"\b(iPhone|iPad|Galaxy|Pixel|Nexus|Xbox|Redmi|Kindle) ([A-Z]?\d{1,2})([a-zA-Z])\b")
_PRESSURE = re.compile(r"(\bBP\b|pressure\b)([^.!?\d\n]{0,16})(\d{2,3})/(\d{2,3})")
_TRIGONOMETRY = re.compile(r"\b(sin|cos|tan|log|ln)(?=\s?(?:\(|\d|[a-z]\b|theta|pi|alpha|beta))\s?")
_FUNCTION_NAMES = {"sin": "sine", "cos": "cosine", "tan": "tangent", "log": "log", "ln": "natural log"}
_COMPARED = re.compile(r"(?<=\b[a-zA-Z])\s?([<>])\s?(?=[a-zA-Z]\b)")
_PROTOCOL = re.compile(r"\bIPv([46])\b")
_WIRELESS = re.compile(r"\b802\.11([a-z]{0,2})\b")
_HOST = re.compile(r"(?<=[a-z])@(?=\d)")
_SALT = re.compile(r"(?<![\w./-])(?:Na|K|H|Li|Ca|Mg)(?:Cl|OH|Br)(?![\w-])")
_SQUARE = re.compile(r"(?<=[A-Za-z)])\^([23])(?![\d.])")
_DRILL = re.compile(r"(?<![\w/])(\d+/\d+)\"")
_BORN = re.compile(r"(?<=[( ])([bd])\.\s?(?=1\d{3}\b|20\d\d\b)")
_VERSE = re.compile(r"\b(Gen|Matt|Ps|Prov|Rom|Rev|Isa|Exod?)\.? (?=\d{1,3}:\d)")
_BOOKS = {
    "Gen": "Genesis", "Matt": "Matthew", "Ps": "Psalm", "Prov": "Proverbs", "Rom": "Romans", "Rev": "Revelation",
    "Isa": "Isaiah", "Exo": "Exodus", "Exod": "Exodus",
}  # fmt: skip
_DEGREES = re.compile(r"(?<=\d degrees )([CF])\b")
_OR = re.compile(r"\s*\|\|\s*")
_VERSUS = re.compile(r"(?<=[A-Za-z.] )v\.(?= [A-Z])")


def read_technical(draft: Draft) -> None:
    """Rewrite all of these as words or simpler forms."""
    text = draft.text
    draft.sub(_CONSTANT, _constant)
    if "_" in text:
        draft.sub(_IDENTIFIER, lambda m: " ")
    draft.sub(_CALL, lambda m: "")
    draft.sub(_OPTION, lambda m: f"dash {m[1].upper()}")
    draft.sub(_VERSUS, lambda m: "versus")
    draft.sub(_PROTOCOL, lambda m: f"I P V {m[1]}")
    draft.sub(_SALT, lambda m: " ".join(m[0].upper()))
    draft.sub(_SQUARE, lambda m: " squared" if m[1] == "2" else " cubed")
    draft.sub(_OR, lambda m: " or ")
    draft.sub(_COMPARED, lambda m: " less than " if m[1] == "<" else " greater than ")
    draft.sub(_TRIGONOMETRY, lambda m: f"{_FUNCTION_NAMES[m[1]]} ")
    if any(c.isdigit() for c in text):
        draft.sub(_HOST, lambda m: " at ")
        draft.sub(_WIRELESS, lambda m: f"eight oh two dot eleven {' '.join(m[1])}".rstrip())
        draft.sub(_DRILL, lambda m: f"{m[1]} inch")
        draft.sub(_BORN, lambda m: "born " if m[1] == "b" else "died ")
        draft.sub(_VERSE, lambda m: f"{_BOOKS[m[1]]} ")
        draft.sub(_DEGREES, lambda m: "celsius" if m[1] == "C" else "fahrenheit")
        draft.sub(_STATUS, lambda m: code(m[0]))
        draft.sub(_FORMULA, _formula)
        draft.sub(_QUARTER, lambda m: f"{year(m[1])} ")
        draft.sub(_AIRCRAFT, _aircraft)
        draft.sub(_MODEL, lambda m: f"{m[1]} {m[2]} {m[3].upper()}")
        draft.sub(_PRESSURE, _pressure)


def _constant(match: re.Match[str]) -> str:
    """MAX_RETRIES is said in words, API_KEY in letters and a word."""
    return " ".join(_word(part) for part in match[0].split("_"))


def _word(part: str) -> str:
    lower = part.lower()
    spelled = lower in capitals("letters") or lower not in dictionary() or not re.search("[aeiouy]", lower)
    return part if spelled else lower


def _formula(match: re.Match[str]) -> str:
    atoms = _ATOM.findall(match[0])
    return " ".join(" ".join(name.upper()) + (f" {cardinal(count)}" if count else "") for name, count in atoms)


def _aircraft(match: re.Match[str]) -> str | None:
    """747-400: a model, no range."""
    if not _AIRLINER.fullmatch(match[1]):
        return None
    name = f"A {code(match[1][1:])}" if match[1][0] == "A" else code(match[1])
    return f"{name} {code(match[2])}" + (f" {' '.join(match[3])}" if match[3] else "")


def _pressure(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{cardinal(match[3])} over {cardinal(match[4])}"
