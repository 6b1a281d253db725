"""Mixed text -> runs of one language each.

Scripts decide: Latin letters are English, kana Japanese, hangul Korean. Han characters are Chinese or Japanese by the
evidence of their clause, else of the whole text, else of what came before (`scripts.py`). Numbers go with what they
count: 1000元 is Chinese, iPhone 15 and T60 are English, the 5 of 5G时代 is Chinese. Punctuation goes with the run it
closes; opening marks, currency signs and minus signs with the run they open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sovits_tts.errors import TextError
from sovits_tts.text.scripts import (
    DIGIT,
    HAN_RANGE,
    HANGUL,
    HANGUL_RANGE,
    KANA,
    KANA_RANGE,
    LATIN,
    LATIN_RANGE,
    NEUTRAL,
    chinese_evidence,
    clauses,
    script,
)

MODES = ("auto", "auto_yue", "zh", "en", "ja", "ko", "yue")
# Official modes "zh" and "all_zh" differ only in how upstream's language detector is called; both are our "zh".
OFFICIAL_MODES = {
    "auto": "auto", "auto_yue": "auto_yue", "en": "en",
    "zh": "zh", "all_zh": "zh", "ja": "ja", "all_ja": "ja",
    "ko": "ko", "all_ko": "ko", "yue": "yue", "all_yue": "yue",
}  # fmt: skip

# Units that the Chinese normaliser reads in words, so that 60kg stays in a Chinese run; none that is a word as well.
UNITS = (
    "km", "m", "cm", "mm", "nm", "kg", "g", "mg", "L", "ml", "mL", "h", "min", "ms", "km/h", "m/s", "mph", "rpm",
    "Hz", "kHz", "MHz", "GHz", "V", "mV", "kV", "mA", "mAh", "W", "kW", "MW", "kWh", "Pa", "kPa", "MPa", "dB", "cal",
    "kcal", "kJ", "KB", "MB", "GB", "TB", "Kbps", "Mbps", "Gbps", "px", "fps", "°C", "°F",
    "μm", "µm", "um", "dm", "ft", "lb", "lbs", "oz", "cc", "μg", "ug", "Kg", "KG", "ns", "hz", "KHz", "khz", "Mhz",
    "kw", "KW", "GW", "kwh", "KV", "Ah", "Ω", "kΩ", "hPa", "kN", "Kcal", "db", "mol", "kB", "PB", "kbps",
    "mm²", "cm²", "m²",
    "km²", "mm³", "cm³", "m³", "km³", "mm2", "cm2", "m2", "km2", "mm3", "cm3", "m3", "km3", "mmHg", "N·m", "N.m", "v",
    "s", "t", "μL", "mmol", "μmol", "bit", "lm", "Gb", "Mb", "bp",
)  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_CODES = r"(?:US|HK|NT|[ACS])\$|(?:RMB|CNY|USD|EUR|HKD|JPY|GBP)\s?"
# 15k and 10w+ are ten thousands in Chinese; 4k is a name before these.
_NAMED = r"(?!\s?(?:视频|电视|屏|高清|超清|画质|分辨|显示|影|蓝光))"
_SHORT = rf"[kw]\+?{_NAMED}"
_AFTER = rf"\s?(?:{_UNIT})(?:/(?:{_UNIT}|h|d|s))?|[xX](?=光学|变焦|数码)|(?<=:\d\d)\s?[aApP]\.?[mM]|{_SHORT}"
_TOKEN = re.compile(
    rf"""
    (?P<url>(?:https?://|www\.)[!-~]*[A-Za-z0-9/])
  | (?P<money>\d+(?:\.\d+)?[kK]?[\-–~～]\d+(?:\.\d+)?[kK]{_NAMED}
      |(?<=[$€£¥￥薪资])\d+(?:\.\d+)?[kKMB])(?![{LATIN_RANGE}\d])
  | (?P<number>
      (?:(?:{_CODES})(?=\d)|[AaPp][Mm]\.?\s?(?=\d{{1,2}}(?::\d\d|[时時点點시])))?
      \d+(?:[.,:/\-–~～×xX*]\d+)*(?:(?:[⁻⁰¹²³⁴-⁹]+|\^-?\d+)(?:/(?:{_UNIT}))?)?
      (?:(?:{_AFTER})(?![{LATIN_RANGE}\d])|[%‰℃°]|%p)?)(?![{LATIN_RANGE}\d])
  | (?P<per>(?<=[{HAN_RANGE}]/)(?:{_UNIT})(?![{LATIN_RANGE}\d]))
  | (?P<screen>(?:480|720|1080|1440|2160)[pPi](?![{LATIN_RANGE}\d]))
  | (?P<mixed>\d+(?:[.,:]\d+)*)(?=[{LATIN_RANGE}])
  | (?P<latin>[{LATIN_RANGE}][{LATIN_RANGE}\d]*
      (?:(?!(?<=[{LATIN_RANGE}]{{2}})\+\d+[{HAN_RANGE}])[.\-_/@&'’:+]+[{LATIN_RANGE}\d]+|·\d{{5}})*(?:\+\+|\#)?(?:[=~<>]=\d+(?:\.\d+)*)?)
  | (?P<han>[{HAN_RANGE}])
  | (?P<kana>[{KANA_RANGE}]+)
  | (?P<hangul>[{HANGUL_RANGE}]+)
  | (?P<neutral>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {"url": LATIN, "screen": LATIN, "per": DIGIT, "number": DIGIT, "money": DIGIT}
_OPENING = frozenset("([{<（［｛〈《「『【〔〖“‘«¿¡#@")
_CHINESE_MARKS = frozenset("，。；：！？")
_CURRENCY = frozenset("$€£¥￥₩₹-−+")
_MEASURES = frozenset(
    "个個元圆块塊毛角年月日号號岁歲万萬亿億千百十人次天分秒点點时時"
    "小米斤吨台部只隻本张張件条條位名种種层層楼倍折度多几幾家所届屆"
)  # a number before one of these counts it
# Counted even after a name: MacBook 13寸.
_COUNTED = re.compile("元(?!旦|宵)|[块核寸岁亿秒]|英寸|万[元人次辆台]?|天(?!猫|使|才)|分钟|小时|公里|公斤")
_FULL_WIDTH = {ord(c) + 0xFEE0: c for c in map(chr, range(0x21, 0x7F)) if c.isalnum()}


@dataclass(frozen=True)
class Segment:
    """text[start:end] of the input, all in one language."""

    language: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass
class _Token:
    kind: str
    start: int
    end: int
    language: str = ""  # empty until decided


def resolve_mode(mode: str) -> str:
    """Our mode for `mode`, ours or official. Raises TextError for an unknown one."""
    try:
        return OFFICIAL_MODES[mode]
    except KeyError:
        raise TextError(
            f"There is no language {mode!r}.", hint=f"Choose one of: {', '.join(OFFICIAL_MODES)}."
        ) from None


def segment(
    text: str, mode: str = "auto", *, prior: float = 0.0, forced: Sequence[tuple[int, int, str]] = ()
) -> list[Segment]:
    """Runs of `text`, in order, joined equal to it (full-width letters and digits become ASCII).

    mode:   a row of MODES or an official name
    prior:  what the text before says about Han characters that nothing else settles (> 0 Chinese, < 0 Japanese)
    forced: (start, end, language) stretches settled by the user
    """
    mode = resolve_mode(mode)
    text = text.translate(_FULL_WIDTH)
    if not text:
        return []
    if mode == "en" and not forced:
        return [Segment("en", text, 0)]
    tokens = _tokens(text, forced)
    han = _han_languages(text, mode, prior) if mode.startswith("auto") else {}
    for token in tokens:
        token.language = token.language or _by_script(token, mode, han)
    _numbers(text, tokens, _default(tokens, mode, prior), mode.startswith("auto"))
    _neutrals(text, tokens, _default(tokens, mode, prior))
    return _joined(text, tokens)


def evidence(text: str) -> float:
    """Sum over the clauses of `text`: > 0 its Han characters look Chinese, < 0 Japanese."""
    return sum(chinese_evidence(text[a:b]) for a, b in clauses(text))


def _tokens(text: str, forced: Sequence[tuple[int, int, str]]) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    for start, end, language in (*sorted(forced), (len(text), len(text), "")):
        for match in _TOKEN.finditer(text, at, start):
            kind = match.lastgroup or NEUTRAL
            tokens.append(_Token(_KINDS.get(kind, kind), match.start(), match.end()))
        if end > start:
            first = next((s for s in map(script, text[start:end]) if s != NEUTRAL), NEUTRAL)
            tokens.append(_Token(first, start, end, language))
        at = end
    return tokens


def _by_script(token: _Token, mode: str, han: dict[int, str]) -> str:
    if token.kind in (DIGIT, "mixed", NEUTRAL):
        return ""
    if mode == "en" or token.kind == LATIN:
        return "en"
    if not mode.startswith("auto"):
        return mode
    return {KANA: "ja", HANGUL: "ko"}.get(token.kind) or han[token.start]


def _han_languages(text: str, mode: str, prior: float) -> dict[int, str]:
    """Position of each Han character -> "zh" (or "yue") or "ja"."""
    chinese = "yue" if mode == "auto_yue" else "zh"
    # Who asks for Cantonese means the kana in it as loanwords unless the clause is clearly Japanese.
    bias = 3.0 if mode == "auto_yue" else 0.0
    parts = [(a, b, chinese_evidence(text[a:b]) + bias) for a, b in clauses(text)]
    whole = sum(score for _, _, score in parts) + 0.5 * prior
    languages = {}
    for start, end, score in parts:
        settled = score if abs(score) >= 1 else whole
        for position in range(start, end):
            languages[position] = "ja" if settled < 0 else chinese
    return languages


def _default(tokens: list[_Token], mode: str, prior: float) -> str:
    """The language of what has no neighbour."""
    if not mode.startswith("auto"):
        return mode
    known = next((t.language for t in tokens if t.language), "")
    return known or ("ja" if prior < 0 else "yue" if mode == "auto_yue" else "zh")


def _numbers(text: str, tokens: list[_Token], default: str, auto: bool) -> None:
    before = _nearest(tokens)
    after = _nearest(tokens[::-1])[::-1]
    for index, token in enumerate(tokens):
        if token.language:
            continue
        if token.kind == "mixed":
            word = tokens[index + 1]
            alone = default if len(text[word.start : word.end]) == 1 and not auto else "en"  # 5G in Chinese
            token.language = _of_mixed(text, token, before[index], word, after[index + 1]) or alone
        elif token.kind == DIGIT:
            letters = re.search("[A-Za-z]", text[token.start : token.end])  # "10 km" and nothing else is English
            alone = "en" if letters and default == "zh" and auto and not _CHINESE_MARKS & set(text) else default
            token.language = _of_number(text, token, before[index], after[index]) or alone


def _nearest(tokens: list[_Token]) -> list[_Token | None]:
    """For each token the nearest one before it whose language its script tells."""
    found: list[_Token | None] = []
    last = None
    for token in tokens:
        found.append(last)
        last = token if token.language else last
    return found


def _of_mixed(text: str, token: _Token, before: _Token | None, word: _Token, after: _Token | None) -> str:
    """The digits of 5G or 3D: of the Chinese (Japanese, Korean) around them if any touches, else English."""
    ordinal = re.fullmatch(r"(st|nd|rd|th|s|am|pm)", text[word.start : word.end])
    if re.fullmatch(r"[A-Z]\d+", text[word.start : word.end]):
        return "en"  # 23H2
    if before and before.language != "en" and _gap(text, before.end, token.start) < 2:
        return before.language
    if not ordinal and after and after.language != "en" and _gap(text, word.end, after.start) == 0:
        return after.language if not before or before.language != "en" else "en"
    if before and before.language != "en" and (not after or after.language != "en"):
        return before.language
    return "en" if before or after or ordinal else ""


def _of_number(text: str, token: _Token, before: _Token | None, after: _Token | None) -> str:
    left = _gap(text, before.end, token.start) if before else 3
    if before and before.language == "en" and text[token.start - 1] in "=≈≤≥":
        return "en"  # x+y=5
    right = _gap(text, token.end, after.start) if after else 3
    if before and after and before.language == "en" != after.language and left < 2:
        if right == 0 and (_COUNTED.match(text, after.start) or text[token.start - 1] == "+"):
            return after.language
        counted = text[after.start] in _MEASURES and right < 2
        return after.language if counted and not _is_name(text[before.start : before.end]) else "en"
    if after and after.language != "en" and right == 0:
        return after.language
    if before and left <= right:
        return before.language
    return after.language if after else ""


def _is_name(word: str) -> bool:
    """iPhone, GPT, Windows: what numbers follow without counting anything."""
    return any(c.isupper() for c in word)


def _gap(text: str, start: int, end: int) -> int:
    """0: touching, 1: only spaces and other numbers between, 2: a punctuation mark between."""
    between = text[start:end]
    if not between:
        return 0
    return 1 if re.fullmatch(r"[\s\d$€£¥￥₩₹+\-−]*", between) else 2


def _neutrals(text: str, tokens: list[_Token], default: str) -> None:
    following = [t.language if t else "" for t in _nearest(tokens[::-1])[::-1]]
    straight_quotes = 0
    previous = ""
    for index, token in enumerate(tokens):
        if not token.language:
            char = text[token.start]
            straight_quotes += char == '"'
            opening = char in _OPENING or (char == '"' and straight_quotes % 2 == 1)
            if char in _CURRENCY and index + 1 < len(tokens) and tokens[index + 1].kind in (DIGIT, "mixed"):
                opening = char not in "-−+" or index == 0 or text[token.start - 1].isspace()
            token.language = (following[index] if opening or not previous else previous) or previous or default
        previous = token.language


def _joined(text: str, tokens: list[_Token]) -> list[Segment]:
    runs: list[_Token] = []
    for token in tokens:
        if runs and runs[-1].language == token.language:
            runs[-1].end = token.end
        else:
            runs.append(_Token(token.kind, token.start, token.end, token.language))
    return [Segment(r.language, text[r.start : r.end], r.start) for r in runs]
