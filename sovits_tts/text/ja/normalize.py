"""Written Japanese -> what OpenJTalk reads well. It reads whole numbers, dates with 年月日 and letters by itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from sovits_tts.text.base import Normalized, TextWarning

SPOKEN_RANGE = r"A-Za-z0-9\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
UNREAD_MARKS = frozenset("「」『』（）【】〈〉《》〜")

_MARKS = {
    **dict.fromkeys("，、､；;：:", ","),
    **dict.fromkeys("。｡．", "."),
    **dict.fromkeys("！!", "!"),
    **dict.fromkeys("？?", "?"),
    **dict.fromkeys("…⋯", "…"),
    **dict.fromkeys("～~", "〜"),
    **dict.fromkeys("(", "（"),
    **dict.fromkeys(")", "）"),
    **dict.fromkeys("―—–−", "-"),
    "･": "・",
    "|": ",",
}
_SQUARED = {"㈱": "株式会社", "㈲": "有限会社", "㍿": "株式会社", "〒": "郵便番号", "☎": "電話", "№": "ナンバー"}
_SILENT = frozenset("\"'“”‘’[]{}*_`^\u200b\ufeff")
_SIGNS = {
    "%": "パーセント", "‰": "パーミル", "℃": "度", "°": "度", "&": "アンド", "@": "アットマーク", "+": "プラス",
    "=": "イコール", "×": "かける", "÷": "わる", "#": "シャープ", "/": "スラッシュ", "\\": "バックスラッシュ",
    "±": "プラスマイナス", "≒": "ニアリーイコール",
}  # fmt: skip
_CURRENCIES = {"$": "ドル", "€": "ユーロ", "£": "ポンド", "¥": "円", "￥": "円", "₩": "ウォン"}
_UNITS = {
    "km/h": "キロメートル毎時", "m/s": "メートル毎秒", "km": "キロメートル", "cm": "センチメートル",
    "mm": "ミリメートル",
    "kg": "キログラム", "mg": "ミリグラム", "ml": "ミリリットル", "mL": "ミリリットル", "KB": "キロバイト",
    "MB": "メガバイト", "GB": "ギガバイト", "TB": "テラバイト", "Hz": "ヘルツ", "kHz": "キロヘルツ",
    "MHz": "メガヘルツ", "GHz": "ギガヘルツ", "kWh": "キロワット時", "°C": "度", "m": "メートル", "g": "グラム",
    "m²": "平方メートル", "㎡": "平方メートル", "m2": "平方メートル", "km²": "平方キロメートル",
    "cm²": "平方センチメートル",
    "m³": "立方メートル", "㎞": "キロメートル", "㎝": "センチメートル", "㎜": "ミリメートル",
    "㎏": "キログラム", "t": "トン",
    "L": "リットル", "l": "リットル", "dL": "デシリットル", "W": "ワット", "kW": "キロワット", "V": "ボルト",
    "A": "アンペア",
    "mAh": "ミリアンペア時", "dB": "デシベル", "kcal": "キロカロリー", "hPa": "ヘクトパスカル", "ha": "ヘクタール",
    "Mbps": "メガビーピーエス", "Gbps": "ギガビーピーエス", "s": "秒", "ms": "ミリ秒", "h": "時間",
    "min": "分", "μm": "マイクロメートル",
    "nm": "ナノメートル",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_DIGITS = ("ゼロ", "イチ", "ニ", "サン", "ヨン", "ゴ", "ロク", "ナナ", "ハチ", "キュウ")


def _digits(written: str) -> str:
    return "".join(_DIGITS[int(d)] for d in written)


def _short_date(match: re.Match[str]) -> str:
    month, day = int(match[1]), int(match[2])
    return f"{month}月{day}日" if 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def _parts(match: re.Match[str]) -> str:
    """3-1で快勝 is 3対1; 千代田1-1 is 1の1."""
    return match[0].replace("-", "対" if _SCORED.search(match.string, match.end(), match.end() + 14) else "の")


def _postal(match: re.Match[str]) -> str:
    return "郵便番号" + "の".join(_digits(group) for group in match.groups())


def _either(match: re.Match[str]) -> str:
    """2、3人 is two or three: no pause between. Apart, or OpenJTalk takes it for 23."""
    if int(match[2]) != int(match[1]) + 1:
        return match[0]
    if match["day"]:
        return f"{_DIGITS[int(match[1])]}{_DIGITS[int(match[2])]}ニチ"
    return f"{_DIGITS[int(match[1])]} {match[2]}"


_SCORED = re.compile("(?:の?スコア)?(?:で|に)?.{0,4}(?:勝|敗|負|下し|制し|引き分け|破っ|破り|逆転)")


_COUNTERS = "年月日時分秒円個人本枚回歳度階点週か月間泊万億"
_UP_TO = re.compile(rf"(\d\s?(?:{_UNIT}|[%％]|[{_COUNTERS}]{{1,3}})?)\s?[〜~～](?=[\d¥￥$])")
_TWO_OR_THREE = re.compile(
    r"(?<!\d)([2-8])、([3-9])(?:(?P<day>日)|(?=人|個|回|年|か月|ヶ月|週間|時間|分|本|枚|歳|度|倍|杯|冊))"
)
_SCORES = re.compile(
    r"(?<![\d-])\d{1,3}-\d{1,3}(?=[のでにをはが、。と]?[^\d-]{0,10}(?:勝|敗|負|下し|制し|引き分け|破))"
)
_HOUSES = re.compile(
    r"(?<=[\u4e00-\u9fff])\d{1,4}(?:-\d{1,4}){1,3}(?![\d-])|(?<![\d-])\d{1,3}(?:-\d{1,3}){2,3}(?![\d-])"
)

_HALF = re.compile(r"(?<![A-Za-z])([AaPp])\.?[Mm]\.?\s?(?=\d{1,2}(?::|時))")

# Tried in this order; each match is a number or a group of numbers with a sign that OpenJTalk would misread.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), lambda m: f"{m[1]}年{int(m[2])}月{int(m[3])}日"),
    (_HALF, lambda m: "午前" if m[1] in "Aa" else "午後"),
    (re.compile(r"(?<!\d)(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?!\d)"),
     lambda m: f"{int(m[1])}時" + (f"{int(m[2])}分" if int(m[2]) or m[3] else "") + (f"{int(m[3])}秒" if m[3] else "")),
    (re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})(?=\s?(?:[（(〜~]|から|まで|締|開催|開始|発売|に(?!な)))"),
     _short_date),
    (re.compile(r"(?<=日)\s?[（(]([月火水木金土日])(?:曜日?)?[)）]"), lambda m: f"、{m[1]}曜日、"),
    (re.compile(r"〒\s?(\d{3})-(\d{4})(?!\d)"), _postal),
    (re.compile(r"(?<!\d)(0\d{1,3})-(\d{2,4})-(\d{3,4})(?!\d)"),
     lambda m: "の".join(_digits(group) for group in m.groups())),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), lambda m: ""),
    (re.compile(r"([$€£¥￥₩])\s?(\d+(?:\.\d+)?)([万億兆]?)"), lambda m: f"{m[2]}{m[3]}{_CURRENCIES[m[1]]}"),
    (_UP_TO, lambda m: f"{m[1]}から"),
    (_SCORES, _parts),
    (_HOUSES, _parts),
    (_TWO_OR_THREE, _either),
    (re.compile(r"(?<=\d)\s?([<>])\s?(?=\d)"), lambda m: "小なり" if m[1] == "<" else "大なり"),
    (re.compile(r"(?<!\d)(\d{1,3})/(\d{1,3})(?!\d)"), lambda m: f"{m[2]}分の{m[1]}"),
    (re.compile(r"(?<![\dA-Za-z-])[-−](?=\d)"), lambda m: "マイナス"),
    (re.compile(rf"(?<=\d)\s?({_UNIT})(?![A-Za-z0-9])"), lambda m: _UNITS[m[1]]),
    (re.compile(r"(\d+)((?:\.\d+){2,})"), lambda m: "点".join([m[1], *m[2][1:].split(".")])),
    (re.compile(r"(\d+)\.(\d+)"), lambda m: f"{m[1]}点{_digits(m[2])}"),
)  # fmt: skip
# As the models learned it: half-width marks in a row are one pause, full-width ones as many; three are enough.
_HALF_WIDTH_RUN = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_LONG_RUN = re.compile(r"([!?…,.\-])\1{3,}")


def normalize(text: str) -> Normalized:
    """Kana, kanji, letters, digits, brackets and ! ? … , . - ; everything else is named in a warning."""
    written = _HALF_WIDTH_RUN.sub(r"\1", _half_width(text))
    for pattern, spoken in _RULES:
        written = pattern.sub(spoken, written)
    kept: list[str] = []
    warnings: list[TextWarning] = []
    for char in written:
        if char in _MARKS:
            kept.append(_MARKS[char])
        elif char in _SIGNS or char in _SQUARED:
            kept.append(_SIGNS.get(char) or _SQUARED[char])
        elif "①" <= char <= "⑳":
            kept.append(f"{ord(char) - ord('①') + 1},")
        elif char in _CURRENCIES:
            kept.append(_CURRENCIES[char])
        elif char in "!?…,.-" or char in UNREAD_MARKS or re.match(f"[{SPOKEN_RANGE}]", char):
            kept.append(char)
        elif char.isspace():
            kept.append(" ")
        elif char not in _SILENT:
            warnings.append(TextWarning(f"{char!r} cannot be read in Japanese.", max(text.find(char), 0), char))
    return Normalized(_LONG_RUN.sub(r"\1\1\1", "".join(kept)).strip(), tuple(warnings))


def _half_width(text: str) -> str:
    """Full-width letters and digits as ASCII, half-width kana as kana; other characters as they are."""
    plain = "".join(
        unicodedata.normalize("NFKC", c)
        if ("\uff10" <= c <= "\uff5a" and c.isalnum()) or c in "％＋＝／＆＃＄＠－"
        else c
        for c in text
    )
    return re.sub("[\uff66-\uff9f]+", lambda m: unicodedata.normalize("NFKC", m[0]), plain)
