"""Numbers in Korean words."""

from __future__ import annotations

_DIGITS = "영일이삼사오육칠팔구"
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_SCALES = ("", "만", "억", "조", "경")


def digits(written: str, zero: str = "영") -> str:
    """Digit by digit: "105" -> "일영오"."""
    return "".join(zero if d == "0" else _DIGITS[int(d)] for d in written)


def sino(number: int) -> str:
    """15000 -> 만오천, with the Chinese numerals."""
    if number == 0:
        return _DIGITS[0]
    if number >= 10 ** (4 * len(_SCALES)):
        return digits(str(number))
    words = ""
    for index, scale in reversed(list(enumerate(_SCALES))):
        group = number // 10 ** (4 * index) % 10000
        if group:
            said = "".join(
                ("" if digit == "1" and unit else _DIGITS[int(digit)]) + unit
                for digit, unit in zip(f"{group:04}", ("천", "백", "십", ""), strict=True)
                if digit != "0"
            )
            words += ("" if said == "일" and scale == "만" and not words else said) + scale
    return words


def native(number: int) -> str:
    """3 -> 세, 20 -> 스무: the Korean numerals before a counted thing, below 100; Chinese ones from there."""
    if not 0 < number < 100:
        return sino(number)
    return "스무" if number == 20 else _TENS[number // 10] + _ONES[number % 10]
