"""Text under rewriting that remembers where each character came from."""

from __future__ import annotations

import re
from collections.abc import Callable

Replace = Callable[[re.Match[str]], "str | None"]


_REACH = 48  # characters; rules that look around need no more, and whole books stay linear


def text_before(match: re.Match[str]) -> str:
    """The text just before `match`."""
    return match.string[max(0, match.start() - _REACH) : match.start()]


def text_after(match: re.Match[str]) -> str:
    """The text just after `match`."""
    return match.string[match.end() : match.end() + _REACH]


class Draft:
    """`origin[i]` is the position in the source of `text[i]`, so that a late warning can still point at the source."""

    def __init__(self, text: str, origin: list[int]) -> None:
        self.text = text
        self.origin = origin

    def sub(self, pattern: re.Pattern[str], replace: Replace) -> None:
        """Rewrite every match; `replace` returns None to leave one as it is."""
        pieces: list[str] = []
        origin: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            new = replace(match)
            if new is None:
                continue
            pieces += (self.text[done : match.start()], new)
            origin += self.origin[done : match.start()]
            at = self.origin[match.start()] if match.start() < len(self.origin) else len(self.origin)
            origin += [at] * len(new)
            done = match.end()
        if pieces:
            self.text = "".join(pieces) + self.text[done:]
            self.origin = origin + self.origin[done:]
