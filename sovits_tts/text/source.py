"""Text that is read piece by piece, and errors that point into it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from sovits_tts.errors import TextError

_BLOCK = 8192  # characters
_EXCERPT = 40  # characters shown on either side of a mistake


class Source:
    """A window onto a text. `buffer` is what has been read and not dropped; it starts at `position` of the text."""

    def __init__(self, text: str | Iterable[str]) -> None:
        self._parts: Iterator[str] = _blocks(text) if isinstance(text, str) else iter(text)
        self.buffer = ""
        self.position = 0
        self.exhausted = False
        self._line = 1
        self._column = 1  # of buffer[0]
        self._head = ""  # the last dropped characters of its line

    def fill(self, size: int) -> bool:
        """Reads on until the buffer holds `size` characters or the text ends. False when nothing is left."""
        while len(self.buffer) < size and not self.exhausted:
            part = next(self._parts, None)
            if part is None:
                self.exhausted = True
            else:
                self.buffer += part.replace("\r\n", "\n")
        return bool(self.buffer)

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Drops `pattern` from the start of the text."""
        self.fill(_BLOCK)
        match = pattern.match(self.buffer)
        if match:
            self.drop(match.end())

    def drop(self, count: int) -> None:
        dropped = self.buffer[:count]
        self.buffer = self.buffer[count:]
        self.position += count
        lines, newline, last = dropped.rpartition("\n")
        self._line += lines.count("\n") + bool(newline)
        self._column = len(last) + (1 if newline else self._column)
        self._head = (last if newline else self._head + last)[-_EXCERPT:]

    def error(self, at: int, message: str) -> TextError:
        return self.complaint(at)(message)

    def complaint(self, at: int) -> Callable[[str], TextError]:
        """An error about buffer[at] whose message is not known yet: a tag that turns out not to be closed."""
        lines, newline, last = self.buffer[:at].rpartition("\n")
        line = self._line + lines.count("\n") + bool(newline)
        column = len(last) + (1 if newline else self._column)
        shown = (last if newline else self._head + last)[-_EXCERPT:]
        tail = self.buffer[at : at + _EXCERPT].partition("\n")[0]
        wide = "".join("\u3000" if unicodedata.east_asian_width(c) in "WF" else " " for c in shown)

        def complain(message: str) -> TextError:
            return TextError(
                "Line {line}, column {column}: {problem}\n  {shown}\n  {wide}^",
                line=line, column=column, problem=message, shown=shown + tail, wide=wide,
            )  # fmt: skip

        return complain


def _blocks(text: str) -> Iterator[str]:
    for start in range(0, len(text), _BLOCK):
        yield text[start : start + _BLOCK]
