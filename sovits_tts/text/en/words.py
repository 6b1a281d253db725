"""Abbreviations, capitals, mixed case, initials, Roman numerals."""

from __future__ import annotations

import re
from functools import cache

from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.draft import Draft, text_after, text_before
from sovits_tts.text.en.numbers import cardinal, digits, ordinal, roman
from sovits_tts.text.en.tables import lines, pairs, words

_TABLE = "en_abbreviations.txt"
_TITLES, _ENDINGS = pairs(_TABLE, "title"), pairs(_TABLE, "ending")
_PLAIN, _BARE = pairs(_TABLE, "plain"), pairs(_TABLE, "bare")
_STATES, _WINDS = pairs(_TABLE, "state"), pairs(_TABLE, "wind")
_WITH_DOT = re.compile(
    rf"(?<![\w.])({'|'.join(sorted({*_TITLES, *_ENDINGS, *_PLAIN}, key=len, reverse=True))})\.(?!\w)"
)
_BARE_FORM = re.compile(
    rf"(?<![\w./'-])(?:{'|'.join(re.escape(w) for w in sorted(_BARE, key=len, reverse=True))})(?![\w'/-]|\.\w)"
)
_LATIN = re.compile(r"(?<![\w.])(?:([eE]\.\s?g)|([iI]\.\s?e))(?:\.|(?![\w.])),?")
_DOCTOR = re.compile(r"\bDr\b\.?(?=(\s*)(\S?))")
_SAINT = re.compile(r"\bSt\b(\.?)(?=(\s*)(\S?))")
_NUMBER_SIGN = re.compile(r"\b([Nn]o|NO|[Pp]|Op|op)\.\s?(?=\d|of\b)|\b(Apt)\s(?=\d)")
_NUMBER_NAMES = {"no": "number", "apt": "apartment", "p": "page", "op": "opus"}
_YOU = re.compile(
    r"(?<![\w./'=+*^-])(?<!\b(?:of|or|an|by|to) )(?<!\blet )(?<!\bthe )(?<!\bletter )(?<!\bvowel )"
    r"u(?![\w'/=^*+-]| [=^*+]|\.\w)"
)
_ARE = re.compile(r"\b(you|how|who|we|they|what|kids|guys|where) r(?![\w'/=^*+-])")
_STREET = "St|Ave|Rd|Blvd|Dr|Ln|Pl|Ct|Street|Avenue|Road|Boulevard|Drive|Lane|Way|Place|Court|Highway|Parkway"
_YOU_ARE = re.compile(r"\bur(?= (?:the|an?|so|very|welcome|right|wrong|not|gonna|too|really)\b)")
_WIND = re.compile(
    r"\b([NSEW])\.?(?= \d+(?:st|nd|rd|th) (?:St|Ave|Street|Avenue)\b)"
    rf"|(?<=\d )([NSEW])\.?(?= (?:\d+(?:st|nd|rd|th)\b|(?:[A-Z][a-z]+ ){{1,2}}(?:{_STREET})\b))"
)
_HIGHWAY = re.compile(
    r"\b((?:I|US|SR|CA)[- ]\d{1,3}|(?:Route|Highway|Hwy|Interstate) \d{1,3}) ([NSEW])\b(?! [A-Z][a-z])"
)
_DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_DAY = "Mon|Tues?|Wed|Thu|Thurs?|Fri|Sat|Sun"
_DAY_LIST = re.compile(rf"\b({_DAY})\.?(?=(?:,? (?:and|&|or)|,) (?:{_DAY})\b)")
_LOWER_ROMAN = re.compile(
    r"\b([Ss]cene|[Cc]hapter|[Pp]ages?|[Pp]art|[Vv]olume) (i{1,3}|iv|vi{0,3}|ix|xi{0,3}|xiv|xvi{0,3}|xx)\b"
)
_SPOON = re.compile(r"\b(tsp|tbsp|oz|lbs?|qt|pkg|doz)\.(?=,? [a-z(])")
_CUPS = re.compile(r"(?<=\d )c\.(?= [a-z])")
_INITIALS = re.compile(
    r"(?<![\w.])(?:[A-Z]\.\s?(?=[A-Z]\.)){1,5}[A-Z]\.(?:s\b)?|(?<![\w.])(?<![A-Z] )[A-Z]\.(?=\s?[A-Z][a-z])"
    r"|(?<![\w.])[a-z]\.(?:[a-z]\.)+"
)
_ROMAN = re.compile(r"\b([A-Za-z]+\.?)([ \n])([IVXLCDM]+)(?='s|s'|\b)(?!\.\w|-)")
_LONE_ROMAN = re.compile(
    r"(?<![\w.-])(?:II|III|VI|VII|VIII|IX|XI|XII|XIII|XIV|XV|XVI|XVII|XVIII|XIX|XX|XXI)\b(?!-|\.\w)"
)
_ZIP = re.compile(r"(,? )([A-Z]{2}) (\d{5}(?:-\d{4})?)(?!\d)")
_AVENUE = re.compile(r"(?<=[a-z] )(Ave|Rd|Ln|Blvd|Sq|Ct|Pkwy|Hwy)(?: ([NS][EW]?|[EW]))?(?=,|\.?$|\s*\n)")
_CAPITALS = re.compile(r"(?<![A-Za-zÀ-ÿ'])[A-Z]{2,}(?:&[A-Z])?(?:'?s'?)?(?![A-Za-zÀ-ÿ])")
_MIXED = re.compile(r"(?<![A-Za-zÀ-ÿ])[A-Za-z]*(?:[a-z][A-Z]|[A-Z]{2}[a-z])[A-Za-z]*")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SENTENCE_START = re.compile(
    r"[\"')\]]*(?:\s*\n|\s+[\"'(]?(?:The|It|It's|They|Their|He|She|We|I|I'm|This|That|These|Those|There|In|On|At|But|And|So|If|When|What|"
    r"Where|Why|How|Who|You|Your|My|His|Her|Our|Its|As|For|From|After|Before|Now|Then|To|With|No|Not|Do|Don't|Is|Was|Are|"
    r"Can|Please|Let|Let's|Meanwhile|However|Also|Some|All|One|Many|Most|Both|Another)\b)"
)
_TITLE = re.compile(r"\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Kaiser|Sultan) $")
_REIGNS = re.compile(r"\s*(?:[.,;:!?)]|$|of\b|was\b|reigned\b|ruled\b|became\b|died\b|and\b|'s\b|had\b|is\b)")


@cache
def capitals(kind: str) -> frozenset[str]:
    """The words of one list in en_capitals.txt."""
    return frozenset(w for line in lines("en_capitals.txt") if line.startswith(kind + ":") for w in line.split()[1:])


def _ends_sentence(match: re.Match[str]) -> bool:
    """Does the dot of this abbreviation also end the sentence?"""
    rest = text_after(match)
    return rest.strip("\"')] ") == "" or bool(_SENTENCE_START.match(rest))


def read_kitchen(draft: Draft) -> None:
    """Dots of units that end no sentence, and cups; before the numbers that stand before them become words."""
    draft.sub(_SPOON, lambda m: m[1])
    draft.sub(_CUPS, lambda m: "cups")


def read_abbreviations(draft: Draft) -> None:
    draft.sub(_LATIN, _latin)
    text = draft.text
    draft.sub(_DAY_LIST, lambda m: next(day for day in _DAYS if day.startswith(m[1][:3])))
    if " u" in text or text[:1] == "u" or " r" in text:
        draft.sub(_YOU, lambda m: "you")
        draft.sub(_YOU_ARE, lambda m: "you're")
        draft.sub(_ARE, lambda m: f"{m[1]} are")
    if "Dr" in text:
        draft.sub(_DOCTOR, _doctor)
    if "St" in text:
        draft.sub(_SAINT, _saint)
    draft.sub(_NUMBER_SIGN, lambda m: f"{_NUMBER_NAMES[(m[1] or m[2]).lower()]} ")
    if "." in text:
        draft.sub(_WITH_DOT, _dotted)
        draft.sub(_INITIALS, _initials)
    draft.sub(_BARE_FORM, _bare)


def _bare(match: re.Match[str]) -> str:
    spoon = match[0] in {"tsp", "tbsp"}
    one = spoon and re.search(r"(?<!and a )\b(?:one|half|thirds?|quarters?|eighths?|an?)\s$", text_before(match))
    return _BARE[match[0]].removesuffix("s") if one else _BARE[match[0]]


def _latin(match: re.Match[str]) -> str:
    return ("for example" if match[1] else "that is") + ("," if match[0].endswith(",") else "")


def _after_name(match: re.Match[str]) -> bool:
    """Is the word before a capitalised one, as in "Maple Dr."?"""
    before = re.search(r"([A-Za-z0-9.]+)\s*$", text_before(match))
    ordinals = bool(before and re.fullmatch(r"\d+(?:st|nd|rd|th)", before[1]))
    return bool(
        before
        and (before[1][0].isupper() or ordinals)
        and before[1] not in {"The", "And", "In", "On", "At", "With", "By"}
    )


def _doctor(match: re.Match[str]) -> str:
    name_follows = bool(match[2]) and match[2].isupper()
    street = _after_name(match)
    if street and not name_follows:
        return "Drive" + ("." if match[0].endswith(".") and _ends_sentence(match) else "")
    return "Drive" if street and re.search(r"\d+ [A-Z]\w+ $", text_before(match)) else "Doctor"


def _saint(match: re.Match[str]) -> str:
    if _after_name(match):
        return "Street" + ("." if match[1] and _ends_sentence(match) else "")
    return "Saint" if match[3].isupper() else "Street" + ("." if match[1] and _ends_sentence(match) else "")


def _dotted(match: re.Match[str]) -> str | None:
    word = match[1]
    if word in _TITLES:
        return _TITLES[word] if text_after(match).strip() else None
    if word in _ENDINGS:
        capital = word == "etc" and re.match(r"\s+[A-Z]", text_after(match))
        return _ENDINGS[word] + ("." if _ends_sentence(match) or capital else "")
    dated = re.search(r"\b(?:on|this|next|last|every|until|by|since)\s$", text_before(match))
    if dated and word in {"Sun", "Sat", "Wed", "Mon"}:
        return _PLAIN[word] + ("." if _ends_sentence(match) else "")
    if _ends_sentence(match) and word in {
        "min",
        "sec",
        "fig",
        "ed",
        "max",
        "temp",
        "Sun",
        "Sat",
        "Wed",
        "def",
        "ext",
        "Mon",
        "est",
    }:
        return None
    if word in {"ed", "Ed", "sec", "ch", "Sun", "Sat", "Wed", "est", "max", "Max", "Mon", "Ch", "min"}:
        follows = text_after(match).lstrip()[:1]
        if not follows.isdigit() and not follows.islower() and follows != ",":
            return None
    return _PLAIN[word] + ("." if _ends_sentence(match) else "")


def _initials(match: re.Match[str]) -> str:
    """U.S.A. -> U S A; J. K. Rowling -> J K Rowling; a.m. stands alone."""
    text = match[0]
    letters = re.findall(r"[A-Za-z](?=\.)", text)
    tail = "'s" if text.endswith("s") and text[-2] == "." else ""
    ends = not tail and text != "P.S." and _ends_sentence(match)
    return " ".join(letters).upper() + tail + ("." if ends else "")


def read_zip_codes(draft: Draft) -> None:
    """American addresses: "45 W 34th St", "Ave NW", "IL 62704"."""
    draft.sub(_WIND, lambda m: _WINDS[m[1] or m[2]])
    draft.sub(_HIGHWAY, lambda m: f"{m[1]} {_WINDS[m[2]]}")
    draft.sub(_ZIP, lambda m: f"{m[1]}{_STATES[m[2]]} {digits(m[3])}" if m[2] in _STATES else None)
    draft.sub(_AVENUE, lambda m: f"{_ENDINGS[m[1]]}{' ' * bool(m[2])}{_WINDS.get(m[2] or '', '')}")


def read_roman(draft: Draft) -> None:
    draft.sub(_ROMAN, _roman)
    draft.sub(_LOWER_ROMAN, lambda m: f"{m[1]} {cardinal(roman(m[2].upper()) or 0)}")
    draft.sub(_LONE_ROMAN, lambda m: cardinal(roman(m[0]) or 0))


def _roman(match: re.Match[str]) -> str | None:
    word, gap, numeral = match.groups()
    number = roman(numeral)
    likely = len(numeral) > 1 or numeral in "IVX"
    if number is None or not likely or (re.search("[CDM]", numeral) and len(numeral) < 3):
        return None
    if len(numeral) == 1 and (
        word[0].islower() or (numeral == "X" and word in {"Generation", "Group", "Factor", "Plan"})
    ):
        return None
    if word.lower() in capitals("numbers"):
        return f"{word}{gap}{cardinal(number)}"
    if (
        word[0].isupper()
        and word.lower() in capitals("royal")
        and (len(numeral) > 1 or _TITLE.search(text_before(match)) or _REIGNS.match(text_after(match)))
    ):
        return f"{word}{gap}the {ordinal(number)}"
    return None


def read_capitals(draft: Draft) -> None:
    """Words in capitals become lower-case words or letters with spaces; mixed case is cut into its words."""
    shouting = _shouting(draft.text)
    draft.sub(_MIXED, _mixed)
    draft.sub(_CAPITALS, lambda m: _capital(m, shouting))


def _shouting(text: str) -> bool:
    """Most words are in capitals: capitals mean nothing here."""
    words = re.findall(r"[A-Za-z]{2,}", text)
    loud = [w for w in words if w.isupper()]
    acronyms = capitals("letters") | capitals("words")
    plain = [w.lower() for w in loud if w.lower() not in acronyms]
    common = [w for w in plain if w in capitals("short") or (len(w) > 3 and w in dictionary())]
    return len(words) > 1 and len(loud) > 0.7 * len(words) and len(common) > 0.5 * len(words)


def _mixed(match: re.Match[str]) -> str | None:
    word = match[0]
    if word.lower() in dictionary() or re.fullmatch(r"(?:Mc|Mac|O')[A-Z][a-z]+|[A-Z]{2,}(?:'?s)?", word):
        return None
    pieces = _PIECES.findall(word)
    if "".join(pieces) != word:
        return None
    if pieces[-1] == "s" and pieces[0].isupper() and len(pieces) == 2:
        return None
    return " ".join(p.upper() if len(p) == 1 else p for p in pieces)


def _capital(match: re.Match[str], shouting: bool) -> str:
    text = match[0]
    word, ending = re.fullmatch(r"([A-Z&]+)('?s'?)?", text).groups(default="")  # type: ignore[union-attr]
    after_the = bool(re.search(r"\b(?:the|an?)\s$", text_before(match), re.IGNORECASE))
    if _said_as_word(word.lower(), shouting or _among_shouts(match), after_the):
        return word + ending
    letters = " ".join(word).replace("&", "and")
    return letters + ("'s" if ending else "")


def _among_shouts(match: re.Match[str]) -> bool:
    """STOP IT: a neighbour in capitals that is a plain word."""
    beside = (
        re.search(r"([A-Z]{2,}) $", text_before(match)),
        re.match(r" ([A-Z]{2,})\b", text_after(match)),
    )
    words = [m[1].lower() for m in beside if m]
    return any(w in dictionary() and w not in capitals("letters") and w not in capitals("words") for w in words)


def _said_as_word(word: str, shouting: bool, after_the: bool) -> bool:
    if word in capitals("words"):
        return True
    if word in capitals("letters"):
        return shouting and not after_the and word in {"us", "it", "who", "am", "or", "pa", "ma", "act", "sat", "rip"}
    if len(word) < 4:
        return word in capitals("short")
    vowels = len(re.findall("[aeiouy]", word))
    return word in dictionary() or (len(word) > 5 and vowels >= 2) or (shouting and vowels > 0)
