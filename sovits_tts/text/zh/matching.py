"""What the patterns of written numbers share."""

from __future__ import annotations

import re
from collections.abc import Callable

# A speaker turns a match into words; None lets the next pattern try.
Speaker = Callable[[re.Match[str]], str | None]
Pattern = tuple[re.Pattern[str], Speaker]

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
DASH = r"\s?(?:——|--|[-~–—−])\s?"
START = r"(?<![\d.A-Za-z])"  # not in the middle of a number or a code
_BEFORE = 14  # characters

_SCORE_BEFORE = re.compile(
    r"(?:以|比分|比数|总分|比|胜|负|平|领先|战成|打成|赔率|比例|按|配比|逆转)[^，。,.]{0,4}"
    r"(?:\d{1,3}[-–:：比]\d{1,3}[、，,和及 ]*)*$"  # scores one after the other
)
_SCORE_AFTER = re.compile(
    "[，,]?的?(?:获胜|击败|战胜|领先|落后|大胜|逆转|取胜|险胜|完胜|比分|胜出|负于|不敌|惜败|告负|战平|打平|夺冠|晋级|淘汰|大比分|比例|屏幕?|宽屏|画幅|显示器|的?(?:分辨率|长宽比))"
)


def pattern(expression: str, speaker: Speaker) -> Pattern:
    return re.compile(expression), speaker


def before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - _BEFORE) : match.start()]


def after(match: re.Match[str], size: int = 6) -> str:
    return match.string[match.end() : match.end() + size]


def is_score(match: re.Match[str]) -> bool:
    """Do the words around say that two numbers are a score or a proportion?"""
    said = match.string[max(0, match.start() - 3 * _BEFORE) : match.start()]
    return bool(_SCORE_BEFORE.search(said) or _SCORE_AFTER.match(after(match)))
