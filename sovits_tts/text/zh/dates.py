"""Dates, times of day, scores and proportions."""

from __future__ import annotations

import re

from sovits_tts.text.zh.matching import DASH, NUMBER, START, Pattern, after, before, is_score, pattern
from sovits_tts.text.zh.numbers import cardinal, digit_by_digit, number

_YEAR = r"(?:1\d{3}|20\d\d)"
_RECENT = r"(?:19\d\d|20\d\d)"
_DATED = re.compile(
    "(?:截止|截至|日期|定[于在]|生日|时间|改到|延到|推迟到|[周星期][一二三四五六日天]|交期|时限)[是为到于在：:（( ]*$"
)
_SCRIPTURE = re.compile("(?:福音|诗篇|创世[记纪]|罗马书|箴言|[以耶但]\\w{1,2}书|启示录|前书|后书)$")
_REIGN = re.compile(
    "(?:康熙|雍正|乾隆|嘉庆|道光|咸丰|同治|光绪|宣统|洪武|永乐|宣德|成化|弘治|正德|嘉靖|万历|崇祯|贞观|开元|天宝|民国|昭和|平成|令和|大正|明治)$"
)
_EDITIONS = "财年|财报|年度|赛季|学年|款|版(?!本|面)|届|级(?!台)|世界杯|奥运|亚运|欧洲杯|春夏|秋冬"
_SPANS = ("年前", "年后", "年来", "年内", "年间", "年以", "年历史", "年的", "年之", "年多", "年左右", "年期")


def _date(m: re.Match[str]) -> str | None:
    first = _year_month_day(m["y"], int(m["m"]), int(m["d"]))
    if not first or not m["m2"]:
        return first
    return f"{first}到{cardinal(m['m2'])}月{cardinal(m['d2'])}日"


def _date_year_last(m: re.Match[str]) -> str | None:
    """Month first, as in 8/18/2024, unless only the other order is a date."""
    first, second = int(m["a"]), int(m["b"])
    return _year_month_day(m["y"], *((first, second) if first <= 12 else (second, first)))


def _year_month_day(year: str, month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{digit_by_digit(year)}年{cardinal(str(month))}月{cardinal(str(day))}日"


def _month_day(m: re.Match[str]) -> str | None:
    """截止11/25: a date where the words before ask for one."""
    if not (1 <= int(m["m"]) <= 12 and 1 <= int(m["d"]) <= 31) or not (
        _DATED.search(before(m))
        or after(m).startswith(("当天", "当日", "当晚", "起", "前下单", "前提交", "截止", "上线", "开幕"))
    ):
        return None
    return f"{cardinal(m['m'])}月{cardinal(m['d'])}日"


def _verse(m: re.Match[str]) -> str | None:
    return f"{cardinal(m['a'])}章{cardinal(m['b'])}节" if _SCRIPTURE.search(before(m)) else None


def _year_month(m: re.Match[str]) -> str | None:
    return f"{digit_by_digit(m['y'])}年{cardinal(m['m'])}月" if 1 <= int(m["m"]) <= 12 else None


def _years(m: re.Match[str]) -> str:
    first = "年" if m["year"] else ""
    return f"{digit_by_digit(m['a'])}{first}到{digit_by_digit(m['b'])}"


def _named(m: re.Match[str]) -> str:
    """2023财年, 2024款: a year without 年."""
    return digit_by_digit(m["y"])


def _season(m: re.Match[str]) -> str:
    return digit_by_digit(m["a"] + m["b"])


def _year(m: re.Match[str]) -> str | None:
    """2024年 and 98年 are names, read digit by digit; 1000年前 and 20年 are lengths of time."""
    digits, following = m["y"], after(m)
    if _REIGN.search(before(m)):
        return None
    if len(digits) == 4:
        length = digits.endswith("00") and following.startswith(_SPANS)
        return None if length or digits > "2999" else digit_by_digit(digits)
    if digits[0] == "0":
        return digit_by_digit(digits)
    if following.startswith("年代"):
        return None
    named = digits[0] in "6789" and not following.startswith(_SPANS)
    return digit_by_digit(digits) if named or re.match(r"年\d{1,2}月", following) else None


def _time(m: re.Match[str]) -> str | None:
    if m["second"] is None and is_score(m):
        return None
    words = _clock(m["hour"], m["minute"], m["second"])
    half = m["half"]
    return words and ("" if not half else "上午" if half[0] in "aA" else "下午") + words


def _half_first(m: re.Match[str]) -> str | None:
    """AM9:00."""
    words = _clock(m["hour"], m["minute"], None) if m["minute"] else cardinal(m["hour"])
    return words and ("上午" if m["half"] in "aA" else "下午") + words


def _times(m: re.Match[str]) -> str | None:
    first, last = _clock(m["h1"], m["m1"], None), _clock(m["h2"], m["m2"], None)
    return f"{first}至{last}" if first and last else None


def _clock(hour: str, minute: str, second: str | None) -> str | None:
    if int(hour) > 24 or int(minute) > 59 or int(second or 0) > 59:
        return None
    words = ("两" if int(hour) == 2 else cardinal(hour)) + "点"
    if second:
        return f"{words}{_two_digits(minute)}分{_two_digits(second)}秒"
    if minute == "30":
        return words + "半"
    return f"{words}{_two_digits(minute)}分" if int(minute) else words


def _minutes(m: re.Match[str]) -> str:
    return f"{cardinal(m['minute'])}分{_two_digits(m['second'])}秒"


def _two_digits(digits: str) -> str:
    return ("零" if digits[0] == "0" and int(digits) else "") + cardinal(digits)


def _ratio(m: re.Match[str]) -> str:
    return "比".join(number(part) for part in re.split(r"\s?:\s?", m[0]))


def _score(m: re.Match[str]) -> str | None:
    return f"{cardinal(m['a'])}比{cardinal(m['b'])}" if is_score(m) else None


PATTERNS: tuple[Pattern, ...] = (
    pattern(
        rf"{START}(?P<y>{_YEAR})(?P<sep>[-/.])(?P<m>\d{{1,2}})(?P=sep)(?P<d>\d{{1,2}})"
        rf"(?:{DASH}(?P<m2>1[0-2]|0?[1-9])(?P=sep)(?P<d2>\d{{1,2}}))?(?![\d.]\d)日?",
        _date,
    ),
    pattern(rf"{START}(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})/(?P<y>{_YEAR})(?!\d)", _date_year_last),
    pattern(rf"{START}(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})(?![\d/.])", _month_day),
    pattern(rf"{START}(?P<y>{_RECENT})(?:-(?=0)|/)(?P<m>\d{{1,2}})(?![\d/.\-])月?", _year_month),
    pattern(rf"{START}(?P<a>{_YEAR})(?P<year>年)?{DASH}(?P<b>{_YEAR})(?!\d|[元个人次公米万室号房])", _years),
    pattern(rf"{START}(?P<a>{_RECENT})(?P<year>年)?{DASH}(?P<b>\d\d)(?=年|赛季|学年|财年)", _years),
    pattern(rf"{START}(?P<a>{_RECENT})/(?P<b>\d\d)(?=赛季|学年|财年|年度)", _season),
    pattern(rf"{START}(?P<y>{_RECENT})(?={_EDITIONS})", _named),
    pattern(rf"{START}(?P<y>\d{{4}}|\d{{2}})(?=年)", _year),
    pattern(rf"{START}(?P<a>\d{{1,3}}):(?P<b>\d{{1,3}})(?!\d)", _verse),
    pattern(rf"{START}(?P<h1>\d{{1,2}}):(?P<m1>\d\d){DASH}(?P<h2>\d{{1,2}}):(?P<m2>\d\d)(?![\d:])", _times),
    pattern(
        rf"{START}(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?![\d:]|\.\d)分?"
        r"(?:\s?(?P<half>[aApP]\.?[mM]\.?)(?![A-Za-z]))?",
        _time,
    ),
    pattern(rf"{START}(?P<minute>\d{{1,2}})['’′](?P<second>\d{{2}})(?:[\"”″]|'')", _minutes),
    pattern(r"(?<![A-Za-z])(?P<half>[aApP])[mM]\.?\s?(?P<hour>\d{1,2})(?::(?P<minute>\d\d)|(?=点))", _half_first),
    pattern(rf"{START}{NUMBER}(?:\s?:\s?{NUMBER})+", _ratio),
    pattern(rf"{START}(?P<a>\d{{1,3}})[-–](?P<b>\d{{1,3}})(?![\d\-])", _score),
)
