"""Percentages, temperatures, units, ordinals, fractions, ranges, arithmetic, and plain numbers."""

from __future__ import annotations

import re
from functools import cache

from sovits_tts.text.en.draft import Draft, text_after, text_before
from sovits_tts.text.en.money import NOT_NOUN, NUM, scaled
from sovits_tts.text.en.numbers import cardinal, code, decimal, digits, fraction, integer, ordinal, plural
from sovits_tts.text.en.tables import lines

_PERCENT = re.compile(r"\s?%")
_TEMPERATURE = re.compile(
    rf"(?P<minus>(?<![\w)])[-−–])?(?P<n>{NUM})\s?°(?:\s?(?P<scale>[CFK])\b)?(?:\s?(?P<side>[NSEW])\b)?"
)
_WARMTH = re.compile(r"temperature|degrees|oven|\bbake\b|weather|celsius|fahrenheit|°", re.IGNORECASE)
_BARE_DEGREES = re.compile(
    rf"(?<![\w.,])(?P<minus>(?<![\w)])[-−–])?(?P<n>{NUM})\s?(?P<scale>[CF])(?![\w#+'-])(?P<side>(?!))?"
)
_SCALE_NAMES = {"C": " celsius", "F": " fahrenheit", "K": " kelvin", None: ""}
_SIDES = {"N": " north", "S": " south", "E": " east", "W": " west", None: ""}
_HEIGHT = re.compile(r"(?<![\w.,'])(\d{1,2})'\s?(\d{1,2})(?:\"|'')")
_FEET = re.compile(rf"(?<![\w.,])({NUM})'(?=\s?[x×]\s?\d)|(?<=' [x×] )({NUM})'(?!\w)")
_INCHES = re.compile(
    rf"(?<=[x×] )({NUM})\"|(?<=[x×])({NUM})\"|(?<![\w.,])({NUM})\"(?=\s?[x×]\s?\d|"
    r"\s(?:x|by|screen|display|monitor|tv|TV|tall|wide|long|deep|laptop|pipe|tablet|wheel|pizza)\b)"
)
_DURATION = re.compile(r"(?<![\w.,])(\d{1,3})\s?h(?:rs?)?\s?(\d{1,2})\s?m(?:ins?)?\b")
_FEET_INCHES = re.compile(r"(?<![\w.,])(\d{1,2})\s?ft\.?,? (\d{1,2})\s?in\b\.?")
_PER = re.compile(
    r"(?<=\d)/(?=(?:day|week|month|year|hour|night|person|min|sec|unit|item|piece|share)\b)|"
    r"(?<=[A-Za-z])\s?/\s?(hour|hr|h|day|week|wk|month|mo|year|yr|person|night|kg|lb|minute|min|second|sec|s|GB|"
    r"unit|item|share|piece|mile|km|gallon|user|capita|oz|bbl|barrel|gal|ton|ft|sqft|acre|head|seat|bottle|cup|serving|"
    r"call|request|pack|box|student|child|adult|car|room|page|word|line|class|game|ticket|token|kWh)\b(?!/)"
)
_PER_NAMES = {
    "hr": "hour", "h": "hour", "wk": "week", "mo": "month", "yr": "year", "lb": "pound", "min": "minute",
    "sec": "second", "s": "second", "kg": "kilogram", "GB": "gigabyte", "km": "kilometer", "oz": "ounce",
    "bbl": "barrel", "gal": "gallon", "ft": "foot", "sqft": "square foot", "kWh": "kilowatt hour",
}  # fmt: skip
_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH)\b")
_MULTIPLE = re.compile(rf"(?<![\w.,])(?<![A-Za-z]-)({NUM})\s?(k|K|M|mn|bn|B)\b(?!-)(?P<after> \w+)?")
_FOUR_K = re.compile(r" (?:video|tv|resolution|monitor|display|screen|footage|run|race|camera|movie|quality|uhd)", re.I)
_RUN_K = re.compile(r"\b(?:ran|run|running|finished|walked|jogged) (?:a|the|my|his|her|our|their) $")
_BY_UNIT = re.compile(rf"(?<![\w.,])({NUM})((?: ?[x×] ?{NUM})+)(?= ?(?:cm|mm|m|in|ft|inches|feet|meters|px|pixels)\b)")
_MIXED = re.compile(r"(?<![\w/.,])(\d+)[ -](\d+)/(\d+)(?![\w/])")
_DIVISION = re.compile(r"(?<=\d)\s?/\s?(?=\d+(?:\.\d+)?\s?=)")
_FRACTION = re.compile(
    r"(?<![\w/.,])(\d+)/(\d+)(?:(?:st|nd|rd|th)s?)?(?![\w/]|[.,]\d)"
    r"(?P<of> of\b| (?:cup|inch|mile|teaspoon|tablespoon)s?\b)?"
)
_VULGAR = re.compile(r"(\d+)?\s?([½¼¾⅓⅔⅛⅜⅝⅞])")
_VULGARS = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
_RANGE = re.compile(rf"(?<![\w.,-])({NUM})(\s?[A-Za-zµ°%]{{1,4}})?\s?(?:[-–~]|−)\s?(?={NUM})(?![^\s]*-|[^.!?]*=)")
_NEGATIVE = re.compile(r"(?<![\w)%°])(?:[-−]|(?<![\s])–)(?=\.?\d)")
_EXPONENT = re.compile(rf"(?<![\w.])({NUM})[eE]([+-]?)(\d{{1,3}})\b")
_NUMBERED = re.compile(r"#\s?(?=\d)")
_CODED = re.compile(
    r"\b(ID|code|PIN|pin|order|account|serial|zip|ZIP|postcode|case|invoice|reference|ref|passport|ticket|number|password|"
    r"otp|OTP|flight|room|route|RFC|bus|highway|Highway|Route|Flight|Room|Bus|Boeing|Airbus|model|RTX|GTX|Unit|Apt|"
    r"area code)"
    r"(\.?:? (?:[A-Z]{2} |is |was |number |no\. ?|#)?(?:\d-digit[:,] )?)(\d{3,})\b(?![.,]\d)"
)
_LETTERED = re.compile(r"(?<![\w.,])([A-Za-z]+)(-?)(\d+)([A-Za-z]{0,3})(?![\w])")
_ISH = re.compile(r"(?<![\w.,])(\d{1,3})(?=ish\b)")
_CHIP = re.compile(r"(?<![\w.])([A-Za-z]\d{1,2})-(\d{4,5})([A-Z]{0,2})\b")
_PENSION = re.compile(r"\b(401|403)\(([kb])\)")
_PLAYERS = re.compile(r"(?<![\w.,])(\d{1,3})(ers)\b")
_LINES = re.compile(r"(?<![\w.,])(\d{3,4})([piP])\b")
_NUMBER = re.compile(rf"(?<![\d.]){NUM}(?![\d])|\d+")


_PLACE = re.compile(
    r"\b(?:gate|room|seat|class|apartment|apt\.?|unit|flat|row|section|number|suite|exit|building|block|platform)\s$",
    re.IGNORECASE,
)
_SPAN = "(?:day|week|month|year|hour|night|person|mo|yr)"


@cache
def _units() -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    names: dict[str, tuple[str, str]] = {}
    tight: list[str] = []
    free: list[str] = []
    for line in lines("en_units.txt"):
        spellings, one, many = (field.strip() for field in line.split("|"))
        for spelling in spellings.replace("_", "\u00a0").split(" "):
            unit = spelling.lstrip("*").replace("\u00a0", " ")
            (tight if spelling.startswith("*") else free).append(re.escape(unit))
            names[unit] = (one, many)
    free.sort(key=len, reverse=True)
    alternatives = rf"(?:[\s-]?({'|'.join(free)})|({'|'.join(tight)}))"
    return re.compile(
        rf"(?<![\w.,])(?<![A-Za-z]-)({NUM})(?:{alternatives})(?![\w²³]|/(?!{_SPAN}\b)\w|-\d)(?P<dot>\.(?=\s[a-z\d]|[,;:]))?"
    ), names


def read_measures(draft: Draft) -> None:
    """Percent, temperatures, lengths, and every unit of en_units.txt."""
    text = draft.text
    if "%" in text:
        draft.sub(_PERCENT, lambda m: " percent")
    if "°" in text:
        draft.sub(_TEMPERATURE, _temperature)
    if _WARMTH.search(text):
        draft.sub(_BARE_DEGREES, _temperature)
    if "'" in text or '"' in text:
        draft.sub(_HEIGHT, _height)
        draft.sub(_FEET, lambda m: f"{decimal(m[1] or m[2])} feet")
        draft.sub(_INCHES, _inches)
    draft.sub(_BY_UNIT, lambda m: m[1] + re.sub(" ?[x×] ?", " by ", m[2]))
    draft.sub(_DURATION, lambda m: f"{_count(m[1], 'hour', 'hours')} {_count(m[2], 'minute', 'minutes')}")
    draft.sub(_FEET_INCHES, lambda m: f"{_count(m[1], 'foot', 'feet')} {_count(m[2], 'inch', 'inches')}")
    pattern, names = _units()
    draft.sub(pattern, lambda m: _measure(m, names))
    if "/" in draft.text:
        draft.sub(_PER, lambda m: f" per {_PER_NAMES.get(m[1], m[1]) if m[1] else ''}")


def _inches(match: re.Match[str]) -> str:
    """A 27" screen, 8.5" x 11"."""
    number = match[1] or match[2] or match[3]
    sides = match[3] is None or re.match(r"\s?[x×]", text_after(match))
    return f"{decimal(number)} inch{'es' if sides and number != '1' else ''}"


def _count(number: str, one: str, many: str) -> str:
    return f"{cardinal(number)} {one if number == '1' else many}"


def _height(match: re.Match[str]) -> str | None:
    """5'10\" tall, but a six foot two man."""
    if int(match[2]) > 11:
        return None
    feet, inches = cardinal(match[1]), cardinal(match[2])
    if re.search(r"\b[Aa]n?\s$", text_before(match)):
        return f"{feet} foot {inches}"
    return f"{feet} feet {inches} inch{'es' * (match[2] != '1')}"


def _temperature(match: re.Match[str]) -> str:
    degrees = "degree" if match["n"] == "1" else "degrees"
    minus = "minus " if match["minus"] else ""
    return f"{minus}{decimal(match['n'])} {degrees}{_SCALE_NAMES[match['scale']]}{_SIDES[match['side']]}"


def _measure(match: re.Match[str], names: dict[str, tuple[str, str]]) -> str | None:
    unit = match[2] or match[3]
    if unit == "A" and _PLACE.search(text_before(match)):
        return None
    if match[2] and len(unit) == 1 and match[0][-2] == " " and re.match(r"\.?\s[A-Z]", text_after(match)):
        return None  # "take 5 L Street": a letter, no unit
    one, many = names[unit]
    hyphen = "-" in match[0]
    rest = text_after(match)
    adjective = re.search(r"\b(?:[Aa]n?|[Tt]he)\s$", text_before(match)) and re.match(" [a-z]", rest)
    adjective = adjective or re.match(r" (?:race|relay|dash|sprint|freestyle|butterfly|hurdles|pool)\b", rest)
    singular = match[1] == "1" or hyphen or (adjective and not NOT_NOUN.match(rest.lstrip()))
    return f"{decimal(match[1])}{'-' if hyphen else ' '}{one if singular else many}"


def read_fractions(draft: Draft) -> None:
    draft.sub(_VULGAR, lambda m: f"{m[1] + ' ' if m[1] else ' '}{_VULGARS[m[2]]}")
    if "/" in draft.text:
        draft.sub(_DIVISION, lambda m: " divided by ")
        draft.sub(_MIXED, _mixed)
        draft.sub(_FRACTION, _fraction)


def _mixed(match: re.Match[str]) -> str | None:
    part = fraction(match[2], match[3])
    if not part or int(match[2]) >= int(match[3]):
        return None
    article = "an " if part == "one eighth" else "a "
    return f"{cardinal(match[1])} and {part.replace('one ', article, 1) if match[2] == '1' else part}"


def _fraction(match: re.Match[str]) -> str | None:
    if match[1] == match[2] and match[1] in {"20", "50"}:
        return f"{cardinal(match[1])}-{cardinal(match[2])}"
    if match[1] == "1" and match[2] in {"100", "1000", "10000", "1000000"}:
        return ordinal(match[2])
    if match[2] in {"10", "100", "5"} and match[1] != "1" and not match["of"] and int(match[1]) <= int(match[2]):
        return f"{cardinal(match[1])} out of {cardinal(match[2])}"
    if int(match[2]) > 100 or int(match[1]) > 50:
        return f"{integer(match[1])} {integer(match[2])}"
    part = fraction(match[1], match[2])
    return f"{part}{match['of'] or ''}" if part else f"{integer(match[1])} over {integer(match[2])}"


def read_ranges(draft: Draft) -> None:
    draft.sub(
        _EXPONENT, lambda m: f"{decimal(m[1])} times ten to the power of {'minus ' * (m[2] == '-')}{cardinal(m[3])}"
    )
    draft.sub(_RANGE, _range)


def _range(match: re.Match[str]) -> str:
    follows = text_after(match).startswith(match[1]) and match[1] in {"50", "20"}
    return f"{match[1]}{match[2] or ''}{'-' if follows else ' to '}"


def read_numbers(draft: Draft) -> None:
    """Ordinals, multiples, codes, and whatever digits are left."""
    draft.sub(_ORDINAL, lambda m: ordinal(m[1].replace(",", "")))
    draft.sub(_PENSION, lambda m: f"{code(m[1])} {m[2].upper()}")
    draft.sub(_ISH, lambda m: cardinal(m[1]))
    draft.sub(_CHIP, lambda m: f"{m[1].upper()} {code(m[2])} {' '.join(m[3])}")
    draft.sub(_MULTIPLE, _multiple)
    draft.sub(_CODED, _coded)
    draft.sub(_NUMBERED, lambda m: "number ")
    draft.sub(_PLAYERS, lambda m: f"{cardinal(m[1])}{m[2].removeprefix('e') if cardinal(m[1]).endswith('e') else m[2]}")
    draft.sub(_LINES, lambda m: f"{code(m[1])} {m[2].upper()}")
    draft.sub(_NEGATIVE, lambda m: "negative ")
    draft.sub(_LETTERED, _lettered)
    draft.sub(_NUMBER, _number)


def _multiple(match: re.Match[str]) -> str | None:
    after = match["after"] or ""
    bare = match[2] == "B" and "." not in match[1] and not after[1:2].islower()
    if bare or (match[2] in "MB" and (after[1:2].isupper() or _PLACE.search(text_before(match)))):
        return None  # 221B Baker Street
    if match[2] in "kK" and len(match[1]) < 3 and (_FOUR_K.match(after) or _RUN_K.search(text_before(match))):
        return None
    if match[2] == "K" and match[1] in {"2", "4", "8"} and not re.match(r" \w+s\b", after):
        return None  # 4K at 60fps
    return f"{scaled(match[1], match[2])}{after}"


def _coded(match: re.Match[str]) -> str:
    number = match[3]
    spoken = (
        code(number)
        if len(number) < 5 and match[1].lower() not in {"pin", "code", "otp", "password"}
        else digits(number)
    )
    return f"{match[1]}{match[2]}{spoken}"


def _lettered(match: re.Match[str]) -> str:
    """COVID-19, iOS17, abc123, H2O, A380."""
    letters, hyphen, number, tail = match.groups()
    plain = letters.islower() and not hyphen and len(number) > 2
    spoken = digits(number) if plain else code(number)
    known = letters in {"pip", "app", "web", "day", "log", "map", "key", "row", "col", "tab", "top", "box", "bug"}
    short = letters.islower() and len(letters) < 4 and not hyphen and not known
    name = " ".join(letters.upper()) if short else letters
    if tail == "s":
        return f"{name} {plural(spoken)}"
    return f"{name} {spoken} {tail if tail.istitle() and len(tail) > 2 else ' '.join(tail)}".rstrip()  # iPhone15Pro


def _number(match: re.Match[str]) -> str:
    text = match[0]
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    bare = text.isdigit() and len(text) > 7 and not text.endswith("000")
    spoken = digits(text) if bare else decimal(text)
    return f"{' ' if before.isalnum() else ''}{spoken}{' ' if after.isalnum() else ''}"
