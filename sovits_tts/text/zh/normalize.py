"""Written Mandarin -> speakable Mandarin: simplified hanzi and the marks ! ? … , .

One pass over the text, so that every warning has the position of the character it speaks of. Numbers and signs are said
by the patterns of dates, codes and quantities; what nothing can say is left out with a warning.
"""

from __future__ import annotations

import re
import unicodedata

from sovits_tts.text.base import Normalized, TextWarning
from sovits_tts.text.zh import codes, dates, quantities
from sovits_tts.text.zh.hanzi import is_hanzi, simplified
from sovits_tts.text.zh.lexicon import lexicon
from sovits_tts.text.zh.numbers import cardinal, number
from sovits_tts.text.zh.units import CURRENCY, PER, PRICED, SIGNS, UNIT, UNITS

_MARKS = {
    **dict.fromkeys("，、；：;:·・‧•,→|", ","),
    **dict.fromkeys("。．｡.\n\r\u2028\u2029", "."),
    **dict.fromkeys("！!", "!"),
    **dict.fromkeys("？?", "?"),
    **dict.fromkeys("…⋯～~", "…"),
}
# Marks that only set words apart or dress them.
_SILENT = frozenset("《》〈〉「」『』【】〔〕〖〗〘〙（）()[]{}<>“”‘’\"'`´＂＇«»‹›„‚_*#^﹏﹁﹂﹃﹄︿﹀¨ˉ")
_DASHES = frozenset("—–―─-‐‑‒−－")
_DAY_DASHES = _DASHES | frozenset("~～")
_DAY_BEFORE, _DAY_AFTER = re.compile("(?:周|星期|礼拜)[一二三四五六日天]$"), re.compile("周|星期|礼拜")
_RUN = re.compile(r"([!?…,.])[!?…,.]+")
_WEB = re.compile(r"(?:https?://|www\.)[!-~]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_NUMERIC = re.compile(rf"[第双(~<>.+\-−^]{{0,2}}\s?[-−]?(?:{CURRENCY}\s?)?\(?\.?\d|[aApP][mM]\.?\s?\d|⁻?[⁰¹²³⁴-⁹]")
_PATTERNS = (*dates.PATTERNS, *codes.PATTERNS, *quantities.PATTERNS)
_UNIT = re.compile(UNIT)
_DATED = re.compile("[一二三四五六七八九十]")
_TYPE = re.compile(r"\d{1,3}(?![\d\-.:%])")
_PRICE = re.compile(r"[$€£¥￥]\s?\d[\d.,]{0,12}$")
_UNSPEAKABLE = re.compile(r"[^\W\d_]+", re.ASCII)
# Traditional words whose character is not the usual match of its simplified form.
_TRADITIONAL = re.compile(
    "(?<=[了明])瞭|瞭(?=[解然若])|乾(?![隆坤卦元符封宁寧道嘉陵县縣])|著(?=[急火凉涼迷慌手想眼重落实實])"
)
_TRADITIONAL_FORMS = {"瞭": "了", "乾": "干", "著": "着"}


def normalize(text: str) -> Normalized:
    """Speakable text: hanzi and ! ? … , . with a warning for everything that has no reading."""
    folded = _fold(text)
    out: list[str] = []
    warnings: list[TextWarning] = []
    at, end = len(text) - len(text.lstrip()), len(text.rstrip())
    while at < end:
        at += _step(folded, at, out, warnings)
    return Normalized(_RUN.sub(r"\1", "".join(out)), tuple(_joined(warnings)))


def unreadable(span: str, position: int) -> TextWarning:
    return TextWarning(f"{span!r} has no Mandarin reading and was left out.", position, span)


def _fold(text: str) -> str:
    """Half-width letters, digits and signs, simplified hanzi; as long as `text`."""
    text = _TRADITIONAL.sub(lambda m: _TRADITIONAL_FORMS[m[0]], text)
    return "".join(map(_fold_char, text))


def _fold_char(char: str) -> str:
    if char < "\u0250":
        return char
    if is_hanzi(char):
        return simplified(char)
    if "\uff10" <= char <= "\uff5a" or char in "％＋－＝／．：＄￥＠＆＃（）～＜＞＾﹣﹢﹪﹕":
        return unicodedata.normalize("NFKC", char).replace("¥", "￥")
    if "\uf900" <= char <= "\ufaff":  # compatibility forms of hanzi
        return simplified(unicodedata.normalize("NFC", char)[0])
    return char


def _step(text: str, at: int, out: list[str], warnings: list[TextWarning]) -> int:
    """Say what stands at `at`; returns how many characters that was."""
    char = text[at]
    if is_hanzi(char) and char not in "第双":
        return _hanzi(char, at, out, warnings)
    if web := _WEB.match(text, at):
        warnings.append(unreadable(web[0], at))
        return len(web[0])
    if _NUMERIC.match(text, at):
        for expression, speaker in _PATTERNS:
            match = expression.match(text, at)
            words = speaker(match) if match and match[0] else None
            if match and words is not None:
                out.append(words)
                return len(match[0])
    if letters := _UNSPEAKABLE.match(text, at):
        warnings.append(unreadable(letters[0], at))
        return len(letters[0])
    return _sign(text, at, out, warnings)


def _hanzi(char: str, at: int, out: list[str], warnings: list[TextWarning]) -> int:
    if "\u4e00" <= char <= "\u9fa5" or lexicon().usual(char):
        out.append(char)
    else:
        warnings.append(unreadable(char, at))
    return 1


def _sign(text: str, at: int, out: list[str], warnings: list[TextWarning]) -> int:
    char = text[at]
    if is_hanzi(char):
        return _hanzi(char, at, out, warnings)
    if char == "/":
        if text[max(0, at - 1) : at] in PRICED and (unit := _UNIT.match(text, at + 1)):
            out.append("每" + UNITS[unit[0]])
            return 1 + len(unit[0])
        out.append(_slash(text, at))
    elif char in _DAY_DASHES and _DAY_BEFORE.search(text, max(0, at - 3), at) and _DAY_AFTER.match(text, at + 1):
        out.append("到")  # 周一-周五
    elif char in _DASHES:
        return _dash(text, at, out)
    elif char in SIGNS:
        out.append(SIGNS[char])
    elif char in "·•・" and _DATED.search(text, at - 1, at) and _DATED.match(text, at + 1):
        return 1  # 一二·九
    elif char in _MARKS:
        out.append(_MARKS[char])
    elif char == "々" and out and is_hanzi(out[-1][-1:]):
        out.append(out[-1][-1])
    elif numeral := _numeral(char):
        out.append(numeral)
    elif char not in _SILENT and unicodedata.category(char) not in ("Zs", "Cf", "Cc", "Mn"):
        warnings.append(unreadable(char, at))
    return 1


def _slash(text: str, at: int) -> str:
    before, after = text[max(0, at - 1) : at], text[at + 1 : at + 2]
    if (before in PRICED or _PRICE.search(text, 0, at)) and text.startswith(PER, at + 1):
        return "每"
    if before + after == "他她":
        return "或"
    return "," if (is_hanzi(before or "/") and is_hanzi(after or "/")) or before.isalnum() else "斜杠"


def _dash(text: str, at: int, out: list[str]) -> int:
    """A pause; between digits that no pattern took, nothing is lost by one either."""
    end = at
    while end < len(text) and text[end] in _DASHES:
        end += 1
    if (
        end == at + 1
        and is_hanzi(text[at - 1 : at] or " ")
        and not text[at - 2 : at - 1].isdigit()
        and _TYPE.match(text, end)
    ):
        return 1  # 歼-20, 东风-41: a name
    out.append(",")
    return end - at


def _numeral(char: str) -> str:
    """①, ㈠, Ⅷ, ½ in words; "" for anything else."""
    if not char.isnumeric():
        return ""
    plain = unicodedata.normalize("NFKC", char)
    if "\u2044" in plain:  # ½ -> 1⁄2
        above, below = plain.split("\u2044")
        return f"{cardinal(below)}分之{cardinal(above or '1')}"
    value = unicodedata.numeric(char)
    return number(str(int(value))) if value.is_integer() and value >= 0 else ""


def _joined(warnings: list[TextWarning]) -> list[TextWarning]:
    """Neighbouring characters that cannot be read make one warning."""
    joined: list[TextWarning] = []
    for warning in warnings:
        last = joined[-1] if joined else None
        if last and last.position + len(last.span) == warning.position:
            joined[-1] = unreadable(last.span + warning.span, last.position)
        else:
            joined.append(warning)
    return joined
