"""Amounts: money, percentages, temperatures, units, fractions, ranges, arithmetic."""

from __future__ import annotations

import re

from sovits_tts.text.zh.matching import DASH, NUMBER, START, Pattern, after, before, pattern
from sovits_tts.text.zh.numbers import cardinal, counted, digit_by_digit, number
from sovits_tts.text.zh.units import CURRENCIES, CURRENCY, PER, UNIT, UNITS

_SCALE = r"(?:[十百千]?(?:万亿|[万亿])|[十百千])?"
_MINUS = "-−"
_THOUSANDS = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9}
_POWERS = str.maketrans("⁻−⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")
_OPERATORS = {
    "+": "加", "-": "减", "−": "减", "–": "减", "*": "乘", "×": "乘", "x": "乘", "X": "乘", "/": "除以", "÷": "除以",
    "=": "等于", "≈": "约等于", "≠": "不等于", "<": "小于", ">": "大于", "≤": "小于等于", "≥": "大于等于", "±": "正负",
}  # fmt: skip


def _money(m: re.Match[str]) -> str:
    name, scale = CURRENCIES[m["sign"]], m["scale"] or ""
    if scale in _THOUSANDS and not m["high"]:
        return ("负" if m["minus"] else "") + _times(m["low"], _THOUSANDS[scale]) + name
    words = "负" if m["minus"] else ""
    words += counted(_without_cents(m["low"]), scale or name)
    if m["high"]:
        words += "到" + counted(_without_cents(m["high"]), scale or name)
    said = after(m).startswith(("元", "美元", "港元", "欧元", "英镑", "日元", "美金", "块"))
    return words + scale + ("" if said else name)


def _money_code(m: re.Match[str]) -> str:
    return counted(_without_cents(m["n"]), m["scale"] or "元") + (m["scale"] or "") + CURRENCIES[m["code"]]


def _times(written: str, factor: int) -> str:
    """ "1.5" million -> 一百五十万."""
    return cardinal(str(round(float(written.replace(",", "")) * factor)))


def _thousands(m: re.Match[str]) -> str:
    return _times(m["n"], 1000)


def _thousands_range(m: re.Match[str]) -> str:
    return f"{_times(m['low'], 1000)}到{_times(m['high'], 1000)}"


def _ten_thousands(m: re.Match[str]) -> str:
    return counted(m["n"], "万") + "万"


def _metres(m: re.Match[str]) -> str:
    return f"{counted(m['m'], '米')}米{digit_by_digit(m['rest'])}"


def _without_cents(written: str) -> str:
    return written.rstrip("0").rstrip(".") if "." in written else written


def _percent(m: re.Match[str]) -> str:
    share = {"%": "百分之", "‰": "千分之"}[m["sign"]]
    added = m["low"][0] == "+" and before(m)[-1:].isalpha() and before(m)[-1:] not in "幅率涨"
    words = ("加" if added else "") + _share(m["low"], share)
    return f"{words}到{_share(m['high'], share if m['first'] else '')}" if m["high"] else words


def _share(written: str, share: str) -> str:
    return ("负" if written[0] in _MINUS else "") + share + number(written.lstrip("+-−"))


def _temperature(m: re.Match[str]) -> str:
    unit = "华氏度" if m["unit"][-1] in "F℉" else "度"
    words = _degrees(m["low"])
    if m["high"]:
        words += (unit if m["low"][0] in _MINUS else "") + "到" + _degrees(m["high"])
    return words + unit


def _coordinate(m: re.Match[str]) -> str:
    """39°54′ of a map or a compass."""
    seconds = f"{number(m['s'])}秒" if m["s"] else ""
    return f"{cardinal(m['d'])}度{cardinal(m['m'])}分{seconds}"


def _below_zero(m: re.Match[str]) -> str:
    return _degrees(m[0])


def _degrees(written: str) -> str:
    return ("零下" if written[0] in _MINUS else "") + counted(written.lstrip("+-−"), "度")


def _measure(m: re.Match[str]) -> str:
    unit, scale = UNITS[m["unit"]], m["scale"] or ""
    words = "负" if m["low"][0] in _MINUS else ""
    words += counted(m["low"].lstrip(_MINUS), scale or unit)
    if m["high"]:
        words += (UNITS[m["first"]] if m["first"] else "") + "到" + counted(m["high"], scale or unit)
    per = f"每{UNITS[m['per']]}" if m["per"] else "每" if m["each"] else ""
    if per == "每小时" and re.search("每个?小时约?$", before(m)):
        per = ""  # 每小时60km/h says it twice
    return words + scale + unit + per


def _fraction(m: re.Match[str]) -> str | None:
    if not int(m["below"]):
        return None
    return (f"{cardinal(m['whole'])}又" if m["whole"] else "") + f"{cardinal(m['below'])}分之{cardinal(m['above'])}"


def _range(m: re.Match[str]) -> str:
    scale = m["scale"] or ""
    counts = scale or after(m)
    return f"{counted(m['low'], counts)}{m['first'] or ''}到{counted(m['high'], counts)}{scale}"


def _sum(m: re.Match[str]) -> str:
    words, operand = "", False
    for part in re.findall(rf"{NUMBER}|[^\d\s]", m[0]):
        if part[0].isdigit():
            words += number(part)
        else:
            words += "负" if part in _MINUS and not operand else _OPERATORS[part]
        operand = part[0].isdigit()
    return words


def _power(m: re.Match[str]) -> str:
    unit = (UNITS[m["unit"]] if m["unit"] else "") + (f"每{UNITS[m['per']]}" if m["per"] else "")
    return f"{number(m['base']) if m['base'] else ''}的{number(m['power'].translate(_POWERS).lstrip('^'))}次方{unit}"


def _ordinal(m: re.Match[str]) -> str:
    return "第" + cardinal(m["low"]) + (f"到{cardinal(m['high'])}" if m["high"] else "")


def _negative(m: re.Match[str]) -> str:
    return "负" + counted(m["n"], after(m))


def _more(m: re.Match[str]) -> str:
    scale = m["scale"] or ""
    return counted(m["n"], scale) + {"w": "万"}.get(scale, scale) + "多"


def _about(m: re.Match[str]) -> str:
    return "约" + counted(m["n"], after(m))


def _plain(m: re.Match[str]) -> str:
    return counted(m[0], after(m))


_PER = "(?:" + "|".join(map(re.escape, PER)) + ")"
_COUNTED = (
    "小时|分钟|公里|公斤|平米|平方米|英寸|星期|"
    "[万亿元个天年月日号岁人次点时分折级楼层米斤块度届期页章节周组班名只件条张本台辆秒倍]"
)
_SIGNED = rf"(?<![\dA-Za-z%℃°.])[-−]?{NUMBER}"
_OPERATION = rf"\s*[+\-−–*×xX/÷]\s*[-−]?{NUMBER}"
_EQUALS = rf"\s*[=≈≠<>≤≥]\s*[-−]?{NUMBER}"

PATTERNS: tuple[Pattern, ...] = (
    pattern(rf"{START}(?P<low>{NUMBER})[kK]?{DASH}(?P<high>{NUMBER})[kK](?![A-Za-z\d])", _thousands_range),
    pattern(
        rf"(?P<minus>[-−])?(?P<sign>{CURRENCY})\s?(?P<low>{NUMBER})"
        rf"(?:{DASH}{CURRENCY}?\s?(?P<high>{NUMBER}))?\s?(?P<scale>[kKMB](?![A-Za-z])|{_SCALE})",
        _money,
    ),
    pattern(
        rf"{START}(?P<n>{NUMBER})(?P<scale>{_SCALE})\s?(?P<code>RMB|CNY|USD|EUR|HKD|JPY|GBP|[$€£¥￥])(?![A-Za-z\d])",
        _money_code,
    ),
    pattern(
        rf"(?P<low>[+]?{_SIGNED})(?:(?P<first>[%‰])?{DASH}(?P<high>[-+−]?{NUMBER}))?\s?(?P<sign>[%‰])",
        _percent,
    ),
    pattern(rf"{START}(?P<d>\d{{1,3}})°(?P<m>\d{{1,2}})['′’](?:(?P<s>\d{{1,2}}(?:\.\d+)?)[\"″”])?", _coordinate),
    pattern(
        rf"(?P<low>{_SIGNED})\s?(?:(?:[℃℉°度]|°[CF])?{DASH}(?P<high>[-−]?{NUMBER}))?"
        r"\s?(?P<unit>℃|℉|°\s?[CF](?![A-Za-z])|°)",
        _temperature,
    ),
    pattern(rf"(?<![\dA-Za-z])[-−]{NUMBER}(?=度)", _below_zero),
    pattern(rf"{START}(?P<n>\d+)(?P<scale>[w万亿千百])?\+(?=[\u4e00-\u9fff])", _more),
    pattern(rf"{START}(?P<n>{NUMBER})(?:k|(?<=薪\d\d)K)(?![A-Za-z\d])", _thousands),
    pattern(rf"{START}(?P<n>{NUMBER})[xX](?=光学|变焦|数码|放大|倍?速)", lambda m: counted(m["n"], "倍") + "倍"),
    pattern(rf"{START}(?P<n>{NUMBER})W(?=粉|人|块|元|次|播放|阅读|点赞|用户|家|辆|册)", _ten_thousands),
    pattern(rf"{START}(?P<m>\d)米(?P<rest>\d{{1,2}})(?![\d.]|厘|米|多|[个人名])", _metres),
    pattern(
        rf"(?P<low>{_SIGNED})\s?(?:(?P<first>{UNIT})?{DASH}(?P<high>{NUMBER}))?"
        rf"\s?(?P<scale>[万亿])?\s?(?P<unit>{UNIT})(?:/(?P<per>{UNIT})|(?P<each>/)(?=\d|{_PER}))?",
        _measure,
    ),
    pattern(rf"(?<![\d.=+×÷A-Za-z])[-−]?{NUMBER}(?:{_OPERATION})*(?:{_EQUALS}(?:{_OPERATION})*)+(?![\d%])", _sum),
    pattern(rf"{START}{NUMBER}(?:\s*[+×÷xX*±]\s*{NUMBER})+(?![\d%A-Za-z])", _sum),
    pattern(
        rf"(?P<base>{NUMBER})?(?P<power>\^[-−]?\d+|⁻?[⁰¹²³⁴-⁹]+)(?:\s?(?P<unit>{UNIT}))?(?:/(?P<per>{UNIT}))?", _power
    ),
    pattern(rf"{START}24/7(?!\d)", lambda m: "二十四乘七"),
    pattern(rf"{START}(?:(?P<whole>\d+)\s)?(?P<above>\d+)/(?P<below>\d+)(?![\d/])", _fraction),
    pattern(rf"第\s?(?P<low>\d+)(?:{DASH}(?P<high>\d+))?(?!\.\d)", _ordinal),
    pattern(
        rf"{START}(?P<low>{NUMBER})(?P<first>{_COUNTED})?{DASH}(?P<high>{NUMBER})(?P<scale>[万亿])?(?![\d\-])",
        _range,
    ),
    pattern(r"[<>](?=\s?-?[\d￥$])(?![^<>]{0,12}>)", lambda m: _OPERATORS[m[0]]),
    pattern(rf"(?<![\d\u4e00-\u9fff])~\s?(?P<n>{NUMBER})", _about),
    pattern(rf"(?<![\w)\]])[-−](?P<n>{NUMBER})", _negative),
    pattern(rf"(?<=[是为到至从于在了得比达约值减加拔温率幅额跌涨低高差润量])[-−](?P<n>{NUMBER})", _negative),
    pattern(r"(?<!\d)\.\d+", lambda m: number(m[0])),
    pattern(NUMBER, _plain),
)
