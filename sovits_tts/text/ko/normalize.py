"""Written Korean -> hangul and marks: numbers with their counters, letters by name, units, signs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from sovits_tts.text.base import Normalized, TextWarning
from sovits_tts.text.ko.hangul import is_jamo, is_syllable
from sovits_tts.text.ko.numbers import digits, native, sino

UNREAD_MARKS = frozenset("()[]「」『』《》〈〉")

_MARKS = {
    **dict.fromkeys("，、；;：:·ㆍ・", ","),
    **dict.fromkeys("。．", "."),
    **dict.fromkeys("！!", "!"),
    **dict.fromkeys("？?", "?"),
    **dict.fromkeys("…⋯", "…"),
    **dict.fromkeys("～~–—―", "-"),
    "（": "(",
    "）": ")",
}
_SILENT = frozenset("\"'“”‘’{}<>*_|`^\u200b\ufeff")
_FULL_WIDTH = {code + 0xFEE0: chr(code) for code in range(0x30, 0x7B) if chr(code).isalnum()}
_LETTERS = {
    "a": "에이", "b": "비", "c": "시", "d": "디", "e": "이", "f": "에프", "g": "지", "h": "에이치", "i": "아이",
    "j": "제이", "k": "케이", "l": "엘", "m": "엠", "n": "엔", "o": "오", "p": "피", "q": "큐", "r": "아르",
    "s": "에스", "t": "티", "u": "유", "v": "브이", "w": "더블유", "x": "엑스", "y": "와이", "z": "제트",
}  # fmt: skip
_SIGNS = {
    "%": "퍼센트", "‰": "퍼밀", "℃": "도", "°": "도", "&": "앤드", "@": "골뱅이", "+": "플러스", "=": "는",
    "×": "곱하기", "÷": "나누기", "#": "샵", "/": "슬래시",
}  # fmt: skip
_CURRENCIES = {"$": "달러", "€": "유로", "£": "파운드", "¥": "엔", "￥": "엔", "₩": "원"}
_UNITS = {
    "km/h": "킬로미터", "m/s": "미터", "km": "킬로미터", "cm": "센티미터", "mm": "밀리미터", "m": "미터",
    "kg": "킬로그램", "mg": "밀리그램", "g": "그램", "ml": "밀리리터", "mL": "밀리리터", "KB": "킬로바이트",
    "MB": "메가바이트", "GB": "기가바이트", "TB": "테라바이트", "Hz": "헤르츠", "kHz": "킬로헤르츠",
    "MHz": "메가헤르츠", "GHz": "기가헤르츠", "kWh": "킬로와트시", "°C": "도",
}  # fmt: skip
_PER = {"km/h": "시속 ", "m/s": "초속 "}
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
# Things that are counted with Korean numerals; 개월 (months) is not one of them.
_COUNTERS = (
    "개(?!월)|명|마리|시간|시(?!속)|살|권|사람|장|병|잔|대|그루|켤레|채|척|송이|가지|군데|달(?!러)|번째|곡|벌|쌍|줄|통"
)
_MONTHS = {6: "유월", 10: "시월"}


def _decimal(whole: str, part: str) -> str:
    return f"{sino(int(whole))}점{digits(part)}"


def _amount(written: str) -> str:
    whole, _, part = written.partition(".")
    return _decimal(whole, part) if part else sino(int(whole))


def _clock(match: re.Match[str]) -> str:
    hour, minute, second = match.groups()
    said = f"{native(int(hour) or 0)}시"
    said += f" {sino(int(minute))}분" if int(minute) or second else ""
    return said + (f" {sino(int(second))}초" if second else "")


def _date(match: re.Match[str]) -> str:
    year, month, day = map(int, match.groups())
    return f"{sino(year)}년 {_month(month)} {sino(day)}일"


def _month(number: int) -> str:
    return _MONTHS.get(number, f"{sino(number)}월")


# Tried in this order.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(r"(?<!\d)(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?!\d)"), _clock),
    (re.compile(r"(?<!\d)(\d{1,3}):(\d{1,3})(?![\d:])"), lambda m: f"{sino(int(m[1]))} 대 {sino(int(m[2]))}"),
    (re.compile(r"(?<!\d)(0\d{1,2})-(\d{3,4})-(\d{4})(?!\d)"),
     lambda m: " ".join(digits(group, zero="공") for group in m.groups())),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), lambda m: ""),
    (re.compile(r"([$€£¥￥₩])\s?(\d+(?:\.\d+)?)([만억조]?)"), lambda m: f"{_amount(m[2])}{m[3]}{_CURRENCIES[m[1]]}"),
    (re.compile(r"(\d)(?:-|\s?[~～]\s?)(?=\d)"), lambda m: f"{m[1]}에서 "),
    (re.compile(r"(?<!\d)(\d{1,3})/(\d{1,3})(?!\d)"), lambda m: f"{sino(int(m[2]))}분의 {sino(int(m[1]))}"),
    (re.compile(r"(?<![\w-])[-−](?=\d)"), lambda m: "마이너스 "),
    (re.compile(rf"(\d+(?:\.\d+)?)\s?({_UNIT})(?![A-Za-z0-9])"),
     lambda m: f"{_PER.get(m[2], '')}{_amount(m[1])}{_UNITS[m[2]]}"),
    (re.compile(r"(\d+)((?:\.\d+){2,})"), lambda m: "점".join(map(digits, [m[1], *m[2][1:].split(".")]))),
    (re.compile(r"(\d+)\.(\d+)"), lambda m: _decimal(m[1], m[2])),
    (re.compile(r"(?<!\d)(1[0-2]|[1-9])월"), lambda m: _month(int(m[1]))),
    (re.compile(r"(?<!\d)1번째"), lambda m: "첫 번째"),
    (re.compile(rf"(?<!\d)([1-9]\d?)(?=\s?(?:{_COUNTERS}))"), lambda m: native(int(m[1]))),
    (re.compile(r"(?<!\d)0\d+"), lambda m: digits(m[0])),
    (re.compile(r"\d+"), lambda m: sino(int(m[0]))),
    (re.compile(r"[A-Za-z]"), lambda m: _LETTERS[m[0].lower()]),
)  # fmt: skip
_RUN = re.compile(r"([!?…,.\-])\1{3,}")  # marks in a row are as many pauses, as the models learned; three are enough


def normalize(text: str) -> Normalized:
    """Hangul, single spaces, brackets and ! ? … , . - ; everything else is named in a warning."""
    written = "".join(
        unicodedata.normalize("NFKC", c) if "\uff10" <= c <= "\uff5a" and c.isalnum() else c for c in text
    )
    written = unicodedata.normalize("NFC", written)
    for pattern, spoken in _RULES:
        written = pattern.sub(spoken, written)
    kept: list[str] = []
    warnings: list[TextWarning] = []
    for char in written:
        if char in _MARKS:
            kept.append(_MARKS[char])
        elif char in _SIGNS or char in _CURRENCIES:
            kept.append(_SIGNS.get(char) or _CURRENCIES[char])
        elif char in "!?…,.-" or char in UNREAD_MARKS or is_syllable(char) or is_jamo(char):
            kept.append(char)
        elif char.isspace():
            kept.append(" ")
        elif char not in _SILENT:
            warnings.append(TextWarning(f"{char!r} cannot be read in Korean.", max(text.find(char), 0), char))
    return Normalized(_RUN.sub(r"\1\1\1", re.sub(" +", " ", "".join(kept))), tuple(warnings))
