"""Numbers that name rather than count: telephone numbers, room numbers, codes, versions, 90后."""

from __future__ import annotations

import re

from sovits_tts.text.zh.matching import START, Pattern, after, before, pattern
from sovits_tts.text.zh.numbers import cardinal, digit_by_digit
from sovits_tts.text.zh.units import UNIT

_CALLED = re.compile(
    "(?:电话|手机|热线|拨打|致电|号码|报警|客服|短信|编号|学号|工号|单号|订单|证号|账号|帐号|卡号|房间|房号|车牌|密码|验证码|邮编|邮政编码"
    "|代码|车次|航班|门牌|尾号|批号|序列号|货号|群号|座机|传真|分机|识别号|流水号|口令|暗号|频道|身份证|端口|信用代码)"
    r"(?:号码|号|码)?(?:是|为|係|系|:|：|\s|,|，|改成|改为)*$"
)
_COUNTED = frozenset("元块人个次万亿美欧多余年吨米公平户名辆件家+%℃°份股倍种条点")


def _phone(m: re.Match[str]) -> str:
    """Digits one by one, 1 as 幺 so that it is not heard as 七."""
    return digit_by_digit(m[0], one="幺")


def _named(m: re.Match[str]) -> str | None:
    if len(re.sub(r"\D", "", m[0])) < 3 or not _CALLED.search(before(m)):
        return None
    return _phone(m)


def _leading_zero(m: re.Match[str]) -> str:
    return digit_by_digit(m[0], one="幺" if len(m[0]) > 2 else "一")


def _emergency(m: re.Match[str]) -> str | None:
    """拨打110或120: the second number too."""
    return _phone(m) if re.search("(?:11[0249]|12[02])[或和、]$", before(m)) else None


def _pressure(m: re.Match[str]) -> str | None:
    """血压120/80 names two numbers, it is no fraction."""
    if not m["unit"] and not re.search("血压[^\\d，。]{0,6}$", before(m)):
        return None
    return f"{cardinal(m['high'])},{cardinal(m['low'])}{'毫米汞柱' if m['unit'] else ''}"


def _long(m: re.Match[str]) -> str | None:
    """Eight digits and more with nothing to count are a code."""
    following = after(m, 1)
    counts = following != "" and following in _COUNTED
    return None if counts or m[0].endswith("0000") else _phone(m)


def _digits(m: re.Match[str]) -> str:
    return digit_by_digit(m[0])


def _address(m: re.Match[str]) -> str:
    entrance = f"杠{cardinal(m['entrance'])}" if "entrance" in m.groupdict() else ""
    return f"{cardinal(m['building'])}{entrance}杠{digit_by_digit(m['room'], one='幺')}"


def _festival(m: re.Match[str]) -> str:
    """12.9运动 digit by digit, 10.1黄金周 as the tenth and the first."""
    month, day = re.split("[·.・]", m[0])
    shopping = int(month) > 9 and re.match("黄金周|国庆|大促|购物节|促销", after(m))
    return cardinal(month) + cardinal(day) if shopping else digit_by_digit(m[0])


def _rooms(m: re.Match[str]) -> str:
    return f"{digit_by_digit(m['a'], one='幺')}到{digit_by_digit(m['b'], one='幺')}"


def _chat(m: re.Match[str]) -> str | None:
    """886 (bye), 666 (well done) as a clause of their own."""
    return None if before(m)[-1:].isalnum() else digit_by_digit(m[0])


def _love(m: re.Match[str]) -> str | None:
    """520 sounds like "I love you", 1314 like "for ever"."""
    return digit_by_digit(m[0]) if m[0] != "1314" or "520" in m.string else None


def _version(m: re.Match[str]) -> str:
    return "点".join(cardinal(p) if len(p) < 3 and p[0] != "0" else digit_by_digit(p) for p in m[0].split("."))


def _doubled(m: re.Match[str]) -> str:
    return cardinal(m[0])


_FESTIVALS = "表白|黄金周|促销|双旦|妇女节|儿童节|劳动节|国庆|大促|购物节|事件|运动|讲话|惨案|精神|地震|事变|晚会"

PATTERNS: tuple[Pattern, ...] = (
    pattern(r"(?<![\d.])(?:(?:\+|00)\s?86[- ]?)?1[3-9]\d([- ]?)\d{4}\1\d{4}(?!\d)", _phone),
    pattern(rf"{START}(?:\(0\d{{2,3}}\)\s?|0\d{{2,3}}[- ])\d{{3,4}}[- ]?\d{{4}}(?:-\d{{1,5}})?(?!\d)", _phone),
    pattern(rf"{START}\+?86-\d{{2,4}}-\d{{7,8}}(?!\d)", _phone),
    pattern(rf"{START}[48]00(?:[- ]?\d{{3}}[- ]?\d{{4}}|-\d{{4}}-\d{{3}})(?!\d)", _phone),
    pattern(rf"{START}\d[\d\- ]*\d(?![\d.])(?!\s?[%℃°年])", _named),
    pattern(
        rf"{START}(?:11[0249]|12[02]|315|618|12306|12315|12345|10086|10010|10000|911|999)"
        "(?=报警|急救|热线|电话|晚会|大促|购物|事件|平台|网站|客服|订票|购票|投诉|举报|求助|报案|市民|政务|便民|公益|服务)",
        _phone,
    ),
    pattern(
        rf"{START}(?:985|211|996|007)(?=大学|高校|院校|工程|工作制|[、,，和及与]|毕业|加班|模式|[^\d\u4e00-\u9fff%.]|$)",
        _phone,
    ),
    pattern(rf"{START}(?:11[0249]|12[02])(?!\d)", _emergency),
    pattern(r"(?<=\d转)\d{2,5}(?!\d)", _phone),
    pattern(r"(?<=\d秒)\d{2}(?![\d.秒分个万米人次])", _digits),
    pattern(rf"{START}(?P<high>\d{{2,3}})/(?P<low>\d{{2,3}})(?!\d)(?P<unit>\s?(?:mmHg|毫米汞柱))?", _pressure),
    pattern(r"(?<=双)1[12](?!\d)", _doubled),
    pattern(rf"{START}[0156789][05](?=后(?![来续面期天年]))", _digits),
    pattern(rf"{START}\d{{1,2}}[·.・]\d{{1,2}}(?=[\"”’」]?(?:{_FESTIVALS}))", _festival),
    pattern(rf"{START}7-11(?=便利|超市|店|[，。]|$)", lambda m: "七幺幺"),
    pattern(rf"{START}(?P<a>\d{{3,4}})[-~—](?P<b>\d{{3,4}})(?=室|房间|号房)", _rooms),
    pattern(rf"{START}(?:886|6666*|2333*)(?=[!！~～。]|$)", _chat),
    pattern(
        rf"{START}(?:5201314|520(?=的?(?:红包|快乐|节|表白|告白|礼物|情人|当天|活动))|1314(?=[。！!，,]|$))", _love
    ),
    pattern(
        rf"{START}\d{{3,4}}(?=室|房间|号房|次列车|次航班|次特快|次动车|次高铁|航班|路(?![人口边])|国道|省道|县道)",
        _phone,
    ),
    pattern(r"(?:(?<=[栋幢座])|(?<=单元)|(?<=号楼))\d{3,4}(?![\d.]|[号元米个])", _phone),
    pattern(rf"{START}(?P<building>\d{{1,2}})-(?P<room>\d{{3,4}})(?=室|房|号)", _address),
    pattern(rf"{START}(?P<building>\d{{1,3}})-(?P<entrance>\d{{1,2}})-(?P<room>\d{{3,4}})(?![\d\-])", _address),
    pattern(r"(?<![\d.])\d+(?:\.\d+){2,}(?!\d)", _version),
    pattern(rf"{START}\d{{1,2}}(?:-\d{{1,2}}){{2,}}(?![\d\-])", _digits),
    pattern(rf"{START}0\d+(?![\d.])(?!\s?[A-Za-z%℃月日号时点分秒])", _leading_zero),
    pattern(rf"{START}\d{{3,}}(?=[A-Za-z])(?![xX]\d|\s?{UNIT})", _phone),  # 1080P
    pattern(rf"{START}\d{{8,}}(?![\d.])", _long),
    pattern(r"(?<=[A-Za-z])\d{5,}(?![\d.])", _phone),
)
