"""<say-as>: numbers, letters and dates whose way of saying is settled by the user -> text that the plug-ins read so."""

from __future__ import annotations

import re
from datetime import date

from sovits_tts.errors import TextError

_DIGITS = {
    "zh": "零 一 二 三 四 五 六 七 八 九",
    "yue": "零 一 二 三 四 五 六 七 八 九",
    "en": "zero one two three four five six seven eight nine",
    "ja": "ゼロ イチ ニ サン ヨン ゴ ロク ナナ ハチ キュウ",
    "ko": "영 일 이 삼 사 오 육 칠 팔 구",
}
_LETTERS = {
    "a": "EY1", "b": "B IY1", "c": "S IY1", "d": "D IY1", "e": "IY1", "f": "EH1 F", "g": "JH IY1", "h": "EY1 CH",
    "i": "AY1", "j": "JH EY1", "k": "K EY1", "l": "EH1 L", "m": "EH1 M", "n": "EH1 N", "o": "OW1", "p": "P IY1",
    "q": "K Y UW1", "r": "AA1 R", "s": "EH1 S", "t": "T IY1", "u": "Y UW1", "v": "V IY1",
    "w": "D AH1 B AH0 L Y UW0", "x": "EH1 K S", "y": "W AY1", "z": "Z IY1",
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_HANGUL = str.maketrans("零一二三四五六七八九十百千万亿兆负", "영일이삼사오육칠팔구십백천만억조음")

Part = tuple[str, str | None]  # text, and its pronunciation where it is settled too


def say(way: str, written: str, language: str) -> list[Part]:
    """What to speak for `written` in `language`. Raises TextError when it is not such a thing."""
    written = written.strip()
    if way == "digits":
        return [(_digits(written, language), None)]
    if way == "cardinal":
        return [(_cardinal(written, language), None)]
    if way == "characters":
        return [_character(c, language) for c in written if c.isalnum()]
    return [(_date(written, way.partition(":")[2], language), None)]


def _digits(written: str, language: str) -> str:
    """Digit by digit; a comma where the groups of a telephone number part."""
    groups = re.findall(r"\d+", written)
    if not groups:
        raise TextError(f"{written!r} has no digits.")
    names = _DIGITS[language].split()
    between = " " if language == "en" else ""
    return ", ".join(between.join(names[int(d)] for d in group) for group in groups)


def _cardinal(written: str, language: str) -> str:
    plain = re.sub(r"[,，\s_]", "", written)
    if not re.fullmatch(r"[+-]?\d{1,16}", plain):
        raise TextError(f"{written!r} is not a whole number of at most 16 digits.")
    if language == "en":
        return f"{int(plain):,}"
    import cn2an

    words = str(cn2an.an2cn(str(int(plain))))
    if language in ("zh", "yue"):
        return words
    words = re.sub("一(?=[十百千])", "", words if int(plain) == 0 else words.replace("零", ""))
    if language == "ja":
        return words.replace("亿", "億").replace("负", "マイナス")
    return re.sub("^일(?=만)", "", words.translate(_HANGUL)).replace("음", "마이너스 ")


def _character(char: str, language: str) -> Part:
    if char.isdigit():
        return (_digits(char, language) + (" " if language == "en" else ""), None)
    if language == "en" and char.lower() in _LETTERS:
        return (char, _LETTERS[char.lower()])
    return (char, None)


def _date(written: str, order: str, language: str) -> str:
    numbers = re.findall(r"\d+", written)
    order = order or _order(numbers, language)
    if len(numbers) != len(order):
        raise TextError(f"{written!r} is not a date of {len(order)} numbers.")
    given = {part: int(number) for part, number in zip(order, numbers, strict=True)}
    try:
        date(given.get("y", 2000), given["m"], given.get("d", 1))
    except ValueError:
        raise TextError(f"{written!r} is not a date.", hint='Say the order: <say-as date format="dmy">.') from None
    if language == "en":
        day = f" {given['d']}{_ordinal(given['d'])}" if "d" in given else ""
        return f"{_MONTHS[given['m'] - 1]}{day}" + (f", {given['y']}" if "y" in given else "")
    year, month, day = ("년 ", "월 ", "일") if language == "ko" else ("年", "月", "日")
    spoken = f"{given['y']}{year}" if "y" in given else ""
    return (spoken + f"{given['m']}{month}" + (f"{given['d']}{day}" if "d" in given else "")).strip()


def _order(numbers: list[str], language: str) -> str:
    if len(numbers) == 2:
        return "ym" if len(numbers[0]) == 4 else "md"
    if numbers and len(numbers[0]) == 4:
        return "ymd"
    if language == "en":
        return "dmy" if numbers and int(numbers[0]) > 12 else "mdy"
    return "dmy" if len(numbers[-1:] and numbers[-1]) == 4 else "ymd"


def _ordinal(number: int) -> str:
    return "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
