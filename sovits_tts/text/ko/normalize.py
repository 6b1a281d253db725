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
    "MHz": "메가헤르츠", "GHz": "기가헤르츠", "kWh": "킬로와트시", "°C": "도", "℃": "도",
    "%p": "퍼센트포인트", "m²": "제곱미터",
    "㎡": "제곱미터", "m2": "제곱미터", "km²": "제곱킬로미터", "m³": "세제곱미터", "㎞": "킬로미터",
    "㎝": "센티미터", "㎜": "밀리미터",
    "㎏": "킬로그램", "L": "리터", "l": "리터", "t": "톤", "W": "와트", "kW": "킬로와트", "MW": "메가와트",
    "V": "볼트",
    "mAh": "밀리암페어시", "kcal": "킬로칼로리", "dB": "데시벨", "hPa": "헥토파스칼", "ha": "헥타르",
    "Mbps": "메가비피에스",
    "Gbps": "기가비피에스", "nm": "나노미터", "μm": "마이크로미터", "ms": "밀리초",
}  # fmt: skip
_PER = {"km/h": "시속 ", "m/s": "초속 "}
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
# Things that are counted with Korean numerals; 개월 (months) is not one of them.
_COUNTERS = (
    "개(?!월|국)|명|마리|시간|살|권|사람|장(?!관)|병|잔|대(?!\\s?\\d)|그루|켤레|채|척|송이|가지|군데|달(?!러)|번째|곡|벌|쌍|줄|통|컵|"
    "큰술|작은술|스푼|조각|그릇|접시|캔|팩|박스|상자|봉지|바퀴|끼|포기|자루|다발|건|차례|배(?![가-힣]*[달송우])|모금|방울|판|꼬집|알|"
    "번(?=\\s?(?:이나|만|더|정도|씩|연속|이상|갔|봤|먹|했|만났|시도|실패|성공|읽|전화|반복|쉬|방문))"
)
_DEVICES = (
    "차|버스|택시|트럭|컴퓨터|TV|자동차|비행기|카메라|노트북|기계|헬기|전차|탱크|오토바이|자전거|피아노|서버|에어컨|냉장고|로봇|"
    "드론|장비|항공기|전투기|차량|PC|폰|모니터|프린터"
)
_MONTHS = {6: "유월", 10: "시월"}


def _decimal(whole: str, part: str) -> str:
    return f"{sino(int(whole))}점{digits(part)}"


def _amount(written: str) -> str:
    whole, _, part = written.partition(".")
    return _decimal(whole, part) if part else sino(int(whole))


def _clock(match: re.Match[str]) -> str:
    hour, minute, second = match.groups()
    said = f"{_hour(int(hour))}시"
    said += f" {sino(int(minute))}분" if int(minute) or second else ""
    return said + (f" {sino(int(second))}초" if second else "")


def _hour(number: int) -> str:
    """오후 두 시, but 14시 is 십사 시."""
    return native(number) if 0 < number < 13 else sino(number)


def _tens(match: re.Match[str]) -> str:
    """40대 is an age, unless it counts machines."""
    counted = re.search(
        rf"(?:{_DEVICES})[을를이가은는도만]?\s?(?:약|총|모두|최대|각각)?\s?$", match.string[: match.start()]
    )
    return native(int(match[1])) if counted else sino(int(match[1]))


def _speed(match: re.Match[str]) -> str:
    """80km/h is 시속 80킬로미터; 시속 is not said twice."""
    lead = _PER.get(match["unit"], "")
    said = lead and match.string[: match.start()].rstrip().endswith(lead.strip())
    return f"{'' if said else lead}{_amount(match['n'])}{_UNITS[match['unit']]}"


def _date(match: re.Match[str]) -> str:
    year, month, day = map(int, match.groups())
    return f"{sino(year)}년 {_month(month)} {sino(day)}일"


def _month(number: int) -> str:
    return _MONTHS.get(number, f"{sino(number)}월")


_OFTEN = re.compile(r"((?:하루|일주일|한 달|일 년|매일|[주달년]|총|연)(?:에)?\s?)([1-9])번(?!호|째)")  # twice a day
_SCORES = re.compile(
    r"(?<![\d-])(\d{1,3})\s?[-–]\s?(\d{1,3})(?=\s?(?:으?로\s?)?(?:이겼|이기|졌|승리|승|패|꺾|비겼|완승|역전|앞서|무승부|제압|물리|완파))"
)

# Tried in this order.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(r"(?<![A-Za-z])([AaPp])[Mm]\.?\s?(?=\d{1,2}(?::|시))"), lambda m: "오전 " if m[1] in "Aa" else "오후 "),
    (re.compile(r"(?<!\d)(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?!\d)"), _clock),
    (re.compile(r"(?<!\d)(\d{1,3}):(\d{1,3})(?![\d:])"), lambda m: f"{sino(int(m[1]))} 대 {sino(int(m[2]))}"),
    (re.compile(r"(?<!\d)(0\d{1,2})-(\d{3,4})-(\d{4})(?!\d)"),
     lambda m: " ".join(digits(group, zero="공") for group in m.groups())),
    (re.compile(r"(?<!\d)(1[5-9]\d\d)-(\d{4})(?!\d)"), lambda m: f"{digits(m[1])} {digits(m[2])}"),
    (_SCORES, lambda m: f"{sino(int(m[1]))} 대 {sino(int(m[2]))}"),
    (re.compile(r"(?<=[가-힣])\s?/\s?(?=[가-힣])"), lambda m: " "),
    (re.compile(r"(?<![\w-])[-−](?=\d+(?:\.\d+)?\s?(?:℃|°C|도))"), lambda m: "영하 "),
    (re.compile(r"((?:비밀번호|인증번호|계좌번호|학번|사번|코드|PIN)(?:는|은|가|이|:)?\s?)(\d{3,})(?!\d)"),
     lambda m: m[1] + digits(m[2], zero="공")),
    (_OFTEN, lambda m: f"{m[1]}{native(int(m[2]))}번"),
    (re.compile(r"(?<=우편번호 )\d{5}(?!\d)"), lambda m: digits(m[0], zero="공")),
    (re.compile(r"(?<![\d.])([1-9])[.·](\d{1,2})(?=\s?(?:절|전쟁|운동|혁명|사태|민주화|항쟁|사변|광복|선언))"),
     lambda m: digits(m[1]) + sino(int(m[2])) if m[2] == "10" else digits(m[1] + m[2])),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), lambda m: ""),
    (re.compile(r"([$€£¥￥₩])\s?(\d+(?:\.\d+)?)([만억조]?)"), lambda m: f"{_amount(m[2])}{m[3]}{_CURRENCIES[m[1]]}"),
    (re.compile(r"(\d)(?:-|\s?[~～]\s?)(?=\d)"), lambda m: f"{m[1]}에서 "),
    (re.compile(r"(?<!\d)(\d{1,3})/(\d{1,3})(?!\d)"), lambda m: f"{sino(int(m[2]))}분의 {sino(int(m[1]))}"),
    (re.compile(r"(?<![\w-])[-−](?=\d)"), lambda m: "마이너스 "),
    (re.compile(rf"(?P<n>\d+(?:\.\d+)?)\s?(?P<unit>{_UNIT})(?![A-Za-z0-9])"), _speed),
    (re.compile(r"(\d+)((?:\.\d+){2,})"), lambda m: "점".join(map(digits, [m[1], *m[2][1:].split(".")]))),
    (re.compile(r"(\d+)\.(\d+)"), lambda m: _decimal(m[1], m[2])),
    (re.compile(r"(?<!\d)(1[0-2]|[1-9])월"), lambda m: _month(int(m[1]))),
    (re.compile(r"(?<!\d)1번째"), lambda m: "첫 번째"),
    (re.compile(r"제\s?(\d+)"), lambda m: f"제{sino(int(m[1]))}"),
    (re.compile(r"(?<!\d)(\d{1,2})(?=\s?시(?!속|간))"), lambda m: _hour(int(m[1]))),
    (re.compile(r"(?<!\d)([1-9]0)(?=대(?!\s?\d))"), _tens),
    (re.compile(r"(?<=\d)\s?대\s?(?=\d)"), lambda m: " 대 "),
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
