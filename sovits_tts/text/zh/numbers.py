"""Digits -> Chinese numerals."""

from __future__ import annotations

from sovits_tts.text.zh.units import MEASURES

_DIGITS = "零一二三四五六七八九"
_SMALL = ("", "十", "百", "千")
_LARGE = ("", "万", "亿", "万亿")
_LONGEST_CARDINAL = 16  # digits; longer numbers are read one by one

# Words that start like a measure but name: 2年级, 2点五.
_NAMED = (
    "年级",
    "年代",
    "人称",
    "点一",
    "点二",
    "点三",
    "点四",
    "点五",
    "点六",
    "点七",
    "点八",
    "点九",
    "点零",
    "道杠",
)


def digit_by_digit(digits: str, one: str = "一") -> str:
    """ "110" -> 一一零; with one="幺", as in telephone numbers, 幺幺零. Other characters are left out."""
    return "".join(one if d == "1" else _DIGITS[int(d)] for d in digits if d.isdigit())


def cardinal(digits: str) -> str:
    """ "1050" -> 一千零五十. 2 is 两 before 千, 万 and 亿; thousands separators are allowed."""
    digits = digits.replace(",", "")
    stripped = digits.lstrip("0")
    if not stripped:
        return "零"
    if len(stripped) > _LONGEST_CARDINAL:
        return digit_by_digit(digits)
    groups = [stripped[max(0, end - 4) : end] for end in range(len(stripped), 0, -4)]
    words = ""
    for power in range(len(groups) - 1, -1, -1):
        group = groups[power]
        if not int(group):
            continue
        # A gap of zeros between two groups is heard as one 零.
        if words and (group[0] == "0" or not words.endswith(_LARGE[power + 1][-1:])):
            words += "零"
        words += _group(group, bool(words) or power > 0) + _LARGE[power]
    if "万亿" in words and words.count("亿") > 1:
        words = words.replace("万亿", "万", 1)
    if words.startswith("二") and words[1:2] in ("万", "亿"):
        words = "两" + words[1:]
    return words[1:] if words.startswith("一十") else words


def _group(group: str, inside: bool) -> str:
    """Up to four digits. Inside a longer number ten is 一十."""
    words, gap = "", False
    for place, digit in enumerate(group, 4 - len(group)):
        power = 3 - place
        if digit == "0":
            gap = bool(words)
            continue
        if gap:
            words += "零"
            gap = False
        words += ("两" if digit == "2" and power == 3 else _DIGITS[int(digit)]) + _SMALL[power]
    return words


def number(written: str) -> str:
    """A decimal number as written ("-1,234.50", ".75", "7") -> words."""
    sign = "负" if written.startswith("-") else ""
    whole, point, fraction = written.lstrip("+-").partition(".")
    words = cardinal(whole) if whole else "零"
    return sign + words + ("点" + digit_by_digit(fraction) if point and fraction else "")


def counted(written: str, after: str) -> str:
    """A number before what it counts: 2 is 两 before a measure word ("2", "个" -> 两)."""
    words = number(written)
    names = after.startswith(_NAMED) or (after[:1] in "栋座幢门" and after[1:2].isdigit())  # 2栋501
    return "两" if words == "二" and after.startswith(MEASURES) and not names else words
