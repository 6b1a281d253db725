"""Dates, years, times of day, ratios, and numbers dialled."""

from __future__ import annotations

import re

from sovits_tts.text.en.draft import Draft, text_after, text_before
from sovits_tts.text.en.numbers import ONES, cardinal, digits, ordinal, pair, plural, year
from sovits_tts.text.en.tables import words

MONTHS = words("January February March April May June July August September October November December")
_SHORT = {name[:3]: name for name in MONTHS} | {"Sept": "September"}
_MONTH = "|".join([*MONTHS, *_SHORT])
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1[1-9]\d\d|20\d\d)"
_AM = r"(?P<half>[aApP])(?:m\b|M\b|\.\s?m\.|\.\s?M\.)"

_ISO = re.compile(r"(?<![\w/.-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:T(?=\d{2}:\d{2}))?(?![\w/-]|\.\d)")
_SLASHED = re.compile(r"(?<![\w/.-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d)")
_YEAR_MONTH = re.compile(r"(?<![\w/.-])(1[89]\d\d|20\d\d)[-/](0[1-9])(?![\w/-]|\.\d)")
_MONTH_DAY = re.compile(
    rf"\b({_MONTH})\b\.? ({_DAY})(?:st|nd|rd|th)?(?:\s?[-–]\s?({_DAY})(?:st|nd|rd|th)?)?(?![\w:%$/]|[.,]\d)"
    rf"(?P<comma>,? )?(?P<year>(?<= ){_YEAR}\b)?"
)
_DAY_MONTH = re.compile(
    rf"\b(?P<the>[Tt]he )?({_DAY})(?:st|nd|rd|th)?(?:\s?[-–]\s?({_DAY})(?:st|nd|rd|th)?)? (?P<of>of )?({_MONTH})\b"
    rf"(?: ?,?(?P<year> {_YEAR})\b)?"
)
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\b\.?(,? )({_YEAR})\b")
_SHORT_MONTH = re.compile(r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.(?=\s+[a-z\d]|$)")
_DAYS = {day[:3]: day for day in words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")}
_WEEK = re.compile(
    r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.?\s?[-–]\s?(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?(?=\s[^A-Z]|,|:|$)"
)
_MONTHS = re.compile(rf"\b({_MONTH})\.?\s?[-–]\s?({_MONTH})\b\.?")
_CIRCA = re.compile(r"\bca?\.\s?(?=\d{3,4}\b)")
_ON_DATE = re.compile(
    r"\b([Oo]n|[Bb]y|[Ss]ince|[Uu]ntil|[Bb]efore|[Aa]fter|[Dd]ue|[Dd]ated|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?,?) "
    r"(\d{1,2})/(\d{1,2})(?![\w/])"
)
_MANY = re.compile(r"(?<![\w.,$])(10|100|1,?000)s(?= of\b)")
_EMERGENCY = re.compile(r"(?<![\w.,$-])(?<!Porsche )911(?![\w,-]|\.\d| (?:[a-z]+s|people|men|women|children)\b)")
_SPECIAL = re.compile(r"(?<![\w/])(24/7|9/11|7/11)(?![\w/])")
_YEARS = re.compile(rf"(?<![\w.,-])({_YEAR})\s?[-–]\s?({_YEAR}|\d\d)(?![\w-]|[.,]\d)")
_DECADE = re.compile(r"(?<![\w.,])(?:'(\d0)|(1[1-9]\d0|20\d0)|(\d0))'?s\b")
_AGE_BEFORE = re.compile(
    r"\b(?:in|his|her|their|my|your|our|the|late|early|mid|low|high|upper)[ -](?:\w+ (?:and|or|to) )?$", re.IGNORECASE
)
_OF_A_DECADE = re.compile(r" (?:vibes?|music|kids?|hits|fashion|style|rock|era|party|movies?|nostalgia|babies)\b")
_SHORT_YEAR = re.compile(r"(?<![\w'])'(\d\d)(?![\w'])")
_ERA = re.compile(r"\b(\d{1,4}) ?(BCE|CE|BC|AD|B\.C\.E?\.?|A\.D\.)(?!\w)|\b(AD|A\.D\.) ?(\d{1,4})\b")
_LONE_YEAR = re.compile(
    rf"(?<![\w.,$£€-])({_YEAR})(?P<s>'s)?(?![\w%°$£€]|[.,]\d|-\d)(?P<noun> (?:[a-z]+s|people|men|women|children)\b)?"
)
_YEAR_BEFORE = re.compile(
    r"\b(?:in|since|year|by|until|till|the|during|before|after|circa|mid|late|early|spring|summer|autumn|"
    r"fall|winter|© ?|Q\d|class of)[ -]?$",
    re.IGNORECASE,
)
_EARLY_YEAR = re.compile(r"(?:(?<=\byear )|(?<=\b[Ii]n )|(?<=\()|(?<=\bsince ))10\d\d(?=\)|[.,;!?]?(?:\s(?!\w+s\b)|$))")
_COUNT_BEFORE = re.compile(r"\b(?:about|around|over|nearly|almost|some|than|least|most|roughly|all|these)\s$", re.I)

_TIME_RANGE = re.compile(
    r"(?:(?<=[\dmM.])|(?<=[Nn]oon)|(?<=[Mm]idnight))\s?[-–~]\s?(?=\d{1,2}(?::\d{2}|\s?[ap]\.?m\b))"
)
_TIME = re.compile(
    rf"(?<![\w:.,])(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:\.\d+)?)?(?![\d:]|\.\d)(?:\s?{_AM})?(?P<oclock> o'clock)?"
)
_DAY_OR_ZONE = re.compile(
    r"\s+(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Eastern|Pacific|Central|Mountain|Greenwich|Beijing|London)"
)
_HOUR = re.compile(rf"(?<![\w:.,])(\d{{1,2}})\s?{_AM}")
_VERSE = re.compile(
    r"\b(Psalms?|John|Matthew|Mark|Luke|Genesis|Exodus|Romans|Acts|Corinthians|Proverbs|Isaiah|Revelation|Hebrews|James|"
    r"Surah|Exodus|Psalm) "
    r"(\d{1,3}):(\d{1,3})(?:[-–](\d{1,3}))?(?![\d:])"
)
_RATIO = re.compile(r"(?<![\w:.,])(\d[\d,]*(?:\.\d+)?):(\d[\d,]*(?<!,)(?:\.\d+)?)(?::(\d+))?(?![\w:])")
_RATIO_BEFORE = re.compile(
    r"\b(?:ratio|ratios|odds|score|scored|aspect|scale|won|win|lost|beat|lead|led|leading)\b[^.!?]{0,12}$", re.I
)
_RATIO_AFTER = re.compile(r"^\s?(?:ratio|aspect|odds|scale|victory|win|defeat|mix|split)\b", re.I)

_DIAL = re.compile(
    r"(?<![\w.,/$-])(?:"
    r"(?:\+?\d{1,3}[-. ]?)?\(\d{2,5}\)[-. ]?\d{3,4}(?:[-. ]?\d{3,4})?"  # (555) 123-4567
    r"|\+\d{1,3}(?:[-. ]?\d{1,5}){2,5}"  # +44 20 7946 0958
    r"|(?:1-)?\d{3}([-.])\d{3}\1\d{4}"  # 555-123-4567
    r"|\d{3}-\d{4}"  # 555-1234
    r"|0\d{2,4}[- ]\d{3,4}[- ]\d{3,4}"  # 020 7946 0958
    r"|\d+(?:-\d+){2,}"  # identity cards, books, bank cards
    r"|\d{4}(?: \d{4}){2,3}"
    r")(?![\w/%-]|[.,]\d)"
)
_CALL = re.compile(
    r"\b([Cc]all|[Dd]ial|[Pp]hone|[Tt]ext|[Tt]el|[Ff]ax|[Hh]otline|[Ee]xtension|[Ee]xt)(\.?:? (?:is |at )?)(\d{3,})\b"
    r"(?!-\d| (?:people|times))"
)


def read_dates(draft: Draft) -> None:
    draft.sub(_ISO, lambda m: _date(m[4], m[3], m[1]))
    draft.sub(_SLASHED, _slashed)
    draft.sub(_YEAR_MONTH, lambda m: f"{MONTHS[int(m[2]) - 1]} {year(m[1])}")
    draft.sub(_MONTH_DAY, _month_day)
    draft.sub(_DAY_MONTH, _day_month)
    draft.sub(_MONTH_YEAR, lambda m: f"{_name(m[1])}{m[2]}{year(m[3])}")
    read_weekdays(draft)
    draft.sub(_CIRCA, lambda m: "circa ")
    draft.sub(_SHORT_MONTH, lambda m: _name(m[1]))
    draft.sub(_ON_DATE, lambda m: f"{m[1]} {_date(m[3], m[2], '')}" if _date(m[3], m[2], "") else None)
    draft.sub(_DECADE, _decade)
    draft.sub(_MANY, lambda m: {"10": "tens", "100": "hundreds", "1000": "thousands"}[m[1].replace(",", "")])
    draft.sub(_EMERGENCY, lambda m: digits(m[0]))
    draft.sub(_SPECIAL, lambda m: " ".join(cardinal(part) for part in m[1].split("/")))


def read_weekdays(draft: Draft) -> None:
    """Mon - Fri, Jan-Mar."""
    draft.sub(_WEEK, lambda m: f"{_DAYS[m[1][:3]]} to {_DAYS[m[2][:3]]}")
    draft.sub(_MONTHS, lambda m: f"{_name(m[1])} to {_name(m[2])}")


def read_years(draft: Draft) -> None:
    """After quantities: a number with a unit is no year."""
    draft.sub(_YEARS, lambda m: f"{year(m[1])} to {year(m[2]) if len(m[2]) == 4 else pair(m[2])}")
    draft.sub(_SHORT_YEAR, lambda m: pair(m[1]))
    draft.sub(_ERA, _era)
    draft.sub(_EARLY_YEAR, lambda m: year(m[0]))
    text = draft.text
    draft.sub(_LONE_YEAR, lambda m: _lone_year(m, text))


def _name(month: str) -> str:
    return _SHORT.get(month, month)


def _date(day: str, month: str, in_year: str) -> str | None:
    """ "January second twenty twenty-three", or None if there is no such day."""
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{MONTHS[int(month) - 1]} {ordinal(int(day))} {year(in_year) if in_year else ''}".strip()


def _slashed(match: re.Match[str]) -> str | None:
    """Month first, unless it cannot be or the marks are the dots of Europe."""
    first, mark, second, in_year = match.groups()
    if len(in_year) == 2:
        if mark != "/":
            return None
        in_year = ("20" if int(in_year) < 50 else "19") + in_year
    day_first = int(first) > 12 or (mark == "." and int(second) <= 12)
    return _date(first, second, in_year) if day_first else _date(second, first, in_year)


def _month_day(match: re.Match[str]) -> str | None:
    if match[1] == "May" and match["year"] is None and re.match(r"\s?(?:people|of them)", text_after(match)):
        return None
    to = f" to {ordinal(int(match[3]))}" if match[3] else ""
    tail = (match["comma"] or "") + (year(match["year"]) if match["year"] else "")
    return f"{_name(match[1])} {ordinal(int(match[2]))}{to}{tail}"


def _day_month(match: re.Match[str]) -> str:
    to = f" to {ordinal(int(match[3]))}" if match[3] else ""
    the = match["the"] or "the "
    return f"{the}{ordinal(int(match[2]))}{to} of {_name(match[5])}" + (
        f" {year(match['year'].strip())}" if match["year"] else ""
    )


def _decade(match: re.Match[str]) -> str | None:
    text = match[1] or match[2] or match[3]
    if match[3] and not _AGE_BEFORE.search(text_before(match)) and not _OF_A_DECADE.match(text_after(match)):
        return None  # 30s: seconds
    if text[-2:] == "00":
        return plural(year(text)) if len(text) == 4 else None
    if len(text) == 2 and text < "20":
        return None
    return plural(year(text) if len(text) == 4 else cardinal(text))


def _era(match: re.Match[str]) -> str:
    number, era = (match[1], match[2]) if match[1] else (match[4], match[3])
    said = year(number) if len(number) == 4 else cardinal(number)
    letters = " ".join(era.replace(".", ""))
    return f"{said} {letters}" if match[1] else f"{letters} {said}"


def _lone_year(match: re.Match[str], text: str) -> str | None:
    before = text[max(0, match.start() - 16) : match.start()]
    counted = match["noun"] and not match["noun"].endswith(("was", "is", "has", "as", "'s", "ss", "us"))
    if _COUNT_BEFORE.search(before) or (counted and not _YEAR_BEFORE.search(before)):
        if match[1][2:] == "00" and match[1][1] != "0":
            return year(match[1]) + match[0][4:]
        return None
    return year(match[1]) + match[0][4:]


def read_times(draft: Draft) -> None:
    text = draft.text
    if ":" in text or re.search(r"\d\s?[aApP]\.?\s?[mM]", text):
        draft.sub(_VERSE, _verse)
        draft.sub(_TIME_RANGE, lambda m: " to ")
        text = draft.text
        draft.sub(_TIME, lambda m: _time(m, text))
        draft.sub(_HOUR, lambda m: f"{cardinal(int(m[1]))} {_half(m)}" if int(m[1]) <= 24 else None)
        draft.sub(_RATIO, lambda m: None if not m[1] else " to ".join(_plain(g) for g in m.groups() if g))


def _verse(match: re.Match[str]) -> str:
    to = f" to {cardinal(match[4])}" if match[4] else ""
    return f"{match[1]} {cardinal(match[2])} {cardinal(match[3])}{to}"


def _plain(number: str) -> str:
    whole, _, rest = number.partition(".")
    return cardinal(whole) + (f" point {digits(rest)}" if rest else "")


def _half(match: re.Match[str]) -> str:
    """A M or P M; the dot of "p.m." that ends a sentence stays."""
    rest = text_after(match)
    ends = match[0].endswith(".") and re.match(r"\s*$|\s+[\"']?[A-Z][a-z]", rest) and not _DAY_OR_ZONE.match(rest)
    return f"{match['half'].upper()} M{'.' if ends else ''}"


def _time(match: re.Match[str], text: str) -> str | None:
    hour, minute, second = match[1], match[2], match[3]
    if int(minute) > 59 or (int(hour) > 24 and minute == "00"):
        return None
    half = f" {_half(match)}" if match["half"] else ""
    if not half and (_RATIO_BEFORE.search(text_before(match)) or _RATIO_AFTER.search(text_after(match))):
        return None
    said = cardinal(int(hour))
    if second:
        return f"{said} {pair(minute)} and {cardinal(int(second))} second{'s' * (int(second) != 1)}{half}"
    if minute != "00":
        return f"{said} {pair(minute)}{half}"
    if half:
        return said + half
    if int(hour) in {0, 24}:
        return "midnight"
    return f"{said} o'clock" if int(hour) <= 12 else f"{said} hundred"


def read_dialled(draft: Draft) -> None:
    """Phone numbers and other groups of digits, read digit by digit."""
    draft.sub(_DIAL, _dialled)
    draft.sub(_CALL, lambda m: f"{m[1]}{m[2]}{digits(m[3])}")


def _dialled(match: re.Match[str]) -> str | None:
    text = match[0]
    before = text_before(match)
    if re.fullmatch(r"\d+-\d+-\d+", text) and len(re.sub(r"\D", "", text)) < 7:
        return None
    if re.fullmatch(r"\d{3}-\d{4}", text) and re.search(r"\b(?:pages?|from|between|pp\.?|about)\s$", before, re.I):
        return None
    groups = re.findall(r"\d+", text)
    if text[0] == "+":
        groups[0] = f"plus {digits(groups[0])}"
    said = [g if g.startswith("plus") else _group(g) for g in groups]
    return (", " if len("".join(groups)) > 7 else " ").join(said)


def _group(text: str) -> str:
    if text in {"800", "900"}:
        return f"{ONES[int(text[0])]} hundred"
    return digits(text)
