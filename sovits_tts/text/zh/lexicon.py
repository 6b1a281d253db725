"""The tables of words and characters: counts, parts of speech, readings."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_ADDED_WEIGHT = 3.0  # words of the corrections that the counts lack
LONGEST_WORD = 8  # characters; longer entries are names of offices, which read the same in parts
_LEFT, _RIGHT = 16, 24  # how far a context pattern sees
_OPEN = "?"  # marks a word that no dictionary reads
_BEYOND = "\0"  # stands for text cut off, so that ^ and $ do not match there


@dataclass(frozen=True)
class Entry:
    """One word: its part of speech in jieba's letters, and one syllable per character if a dictionary reads it."""

    tag: str
    reading: tuple[str, ...] | None


@dataclass(frozen=True)
class Context:
    """`reading` of a character whose surroundings match."""

    reading: str
    left: re.Pattern[str]
    right: re.Pattern[str]


class Lexicon:
    """Everything the tables say about words and characters. Read-only once built."""

    def __init__(self) -> None:
        text, counts, tags, readings = (line.split("\t") for line in _text("zh_words.gz").split("\n"))
        self._index = dict(zip(text, range(len(text)), strict=True))
        self._counts, self._tags, self._readings = counts, tags, readings
        self._chars = dict(line.split("\t") for line in _text("zh_chars.gz").split("\n"))
        self._fixed = dict(_rows("zh_corrections.txt"))
        self._patterns: dict[str, list[tuple[str, str]]] = {}
        for char, reading, pattern in _rows("zh_contexts.txt"):
            self._patterns.setdefault(char, []).append((reading, pattern))
        self._contexts: dict[str, list[Context]] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._index or word in self._fixed

    def entry(self, word: str) -> Entry | None:
        index = self._index.get(word)
        if index is None and word not in self._fixed:
            return None
        return Entry("n" if index is None else self._tags[index], self._reading(word, index))

    def weight(self, word: str) -> float | None:
        """log10 of how often jieba's corpus has `word`, None for no word."""
        index = self._index.get(word)
        if index is not None:
            return float(self._counts[index])
        return _ADDED_WEIGHT if word in self._fixed else None

    def usual(self, char: str) -> str:
        """The commonest reading of one hanzi, "" when it has none."""
        return self._fixed.get(char) or self._first(char)

    def is_ambiguous(self, char: str) -> bool:
        return " " in self._chars.get(char, "")

    def in_context(self, text: str, at: int) -> str | None:
        """The reading that the words around text[at] call for, None when they say nothing."""
        contexts = self._of(text[at])
        if not contexts:
            return None
        left = text[max(0, at - _LEFT) : at]
        right = text[at + 1 : at + 1 + _RIGHT]
        left = left if at <= _LEFT else _BEYOND + left
        right = right if at + 1 + _RIGHT >= len(text) else right + _BEYOND
        return next((c.reading for c in contexts if c.left.search(left) and c.right.match(right)), None)

    def _of(self, char: str) -> list[Context]:
        """The contexts of a character, compiled when it is first met: all of them would take half a second."""
        if char in self._patterns and char not in self._contexts:
            self._contexts[char] = [_context(*row) for row in self._patterns[char]]
        return self._contexts.get(char, [])

    def _reading(self, word: str, index: int | None) -> tuple[str, ...] | None:
        if len(word) == 1:
            return None
        unknown = _OPEN if index is None else self._readings[index]
        reading = self._fixed.get(word, unknown)
        if reading == _OPEN:
            return None
        return tuple(reading.split()) if reading else tuple(map(self._first, word))

    def _first(self, char: str) -> str:
        """The reading that the word table takes for granted."""
        return self._chars.get(char, "").partition(" ")[0]


def _context(reading: str, pattern: str) -> Context:
    left, right = pattern.split("_")
    return Context(reading, re.compile(f"(?:{left})$"), re.compile(f"(?:{right})"))


@cache
def lexicon() -> Lexicon:
    """The one lexicon of the process, read at the first call."""
    return Lexicon()


def _text(name: str) -> str:
    return gzip.decompress((files("sovits_tts.text") / "data" / name).read_bytes()).decode("utf-8")


def _rows(name: str) -> Iterator[list[str]]:
    text = (files("sovits_tts.text") / "data" / name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
