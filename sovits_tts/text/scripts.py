"""Which script a character belongs to, and whether Han characters look Chinese or Japanese.

No language model: the national character sets tell them apart. A character that JIS X 0208 lacks (们, 說, 你) is not
Japanese; one that neither GB 2312 nor Big5 has (気, 円, 込) is not Chinese; a word that needs both a traditional and
a simplified form (電話番号) is Japanese. What is left is settled by kana, by Chinese function words and by the rest
of the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

HAN, KANA, HANGUL, LATIN, DIGIT, NEUTRAL = "han", "kana", "hangul", "latin", "digit", "neutral"

LATIN_RANGE = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
HAN_RANGE = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA_RANGE = r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
HANGUL_RANGE = r"\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"

_CLASSES = tuple(
    (re.compile(f"[{chars}]"), script)
    for chars, script in (
        (LATIN_RANGE, LATIN), (HAN_RANGE, HAN), (KANA_RANGE, KANA), (HANGUL_RANGE, HANGUL), ("0-9", DIGIT),
    )
)  # fmt: skip

# Weights of characters that carry Chinese grammar although Japanese has them too; cantonese ones included.
_CHINESE = {
    **dict.fromkeys("她很咱哪俩甭嘅係唔冇咗啲喺嘢睇咩嗰", 2.0),
    **dict.fromkeys("我是的了也那呢妳您怎么吃", 1.0),
    **dict.fromkeys("他它不在就去要想有和跟都着把得花", 0.5),
}
_WHOLE_JAPANESE = 1.5
_BOTH = frozenset("〇")  # a digit in both, though only the Japanese set has it among its Han characters
_PUNCTUATION = re.compile(r"[。！？!?，,、；;：:\n「」『』“”\"()（）《》〈〉【】…—]+")


@lru_cache(maxsize=8192)
def script(char: str) -> str:
    """HAN, KANA, HANGUL, LATIN, DIGIT, or NEUTRAL for everything else."""
    return next((name for pattern, name in _CLASSES if pattern.match(char)), NEUTRAL)


@lru_cache(maxsize=8192)
def _sets(char: str) -> tuple[bool, bool, bool, bool]:
    """Is the Han character in GB 2312, in Big5, in JIS X 0208, and in its rare second level?"""
    codes = []
    for charset in ("gb2312", "big5", "shift_jis"):
        try:
            codes.append(char.encode(charset))
        except UnicodeEncodeError:
            codes.append(b"")
    gb, big5, jis = codes
    return bool(gb), bool(big5), bool(jis), jis >= b"\x98\x9f"


@lru_cache(maxsize=8192)
def _lean(char: str) -> float:
    """> 0: Chinese, < 0: Japanese, 0: either."""
    gb, big5, jis, rare_in_japanese = _sets(char)
    if not jis or char in _BOTH:
        return 2.0 if (gb or big5) and not jis else 0.0
    if not gb and not big5:
        return -2.0
    return max(_CHINESE.get(char, 0.0), 0.5 if gb and rare_in_japanese else 0.0)


def clauses(text: str) -> list[tuple[int, int]]:
    """(start, end) of the stretches between punctuation marks."""
    spans, at = [], 0
    for mark in _PUNCTUATION.finditer(text):
        if mark.start() > at:
            spans.append((at, mark.start()))
        at = mark.end()
    if at < len(text):
        spans.append((at, len(text)))
    return spans


def chinese_evidence(clause: str) -> float:
    """How much more Chinese than Japanese the Han and kana of a clause look; 0 when nothing tells."""
    han = [c for c in clause if script(c) == HAN]
    kana = sum(script(c) == KANA for c in clause)
    score = sum(_lean(c) for c in han)
    if all(_sets(c)[2] for c in han):
        traditional = any(_sets(c)[1] and not _sets(c)[0] for c in han)
        simplified = any(_sets(c)[0] and not _sets(c)[1] for c in han)
        score -= _WHOLE_JAPANESE * (traditional and simplified)
    if kana:
        okurigana = len(re.findall(f"[{HAN_RANGE}][\u3041-\u3096]", clause))
        score -= 0.5 * kana + okurigana
    return score
