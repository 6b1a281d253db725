"""Words and how they sound, kept in a file.

One entry a line: language, word and pronunciation with a tab between them, in the notations of `pronounce.py`:

    # our product names
    en	Nerevar	N EH1 R AH0 V AA2 R
    zh	重庆	chong2 qing4

Empty lines and lines that start with "#" say nothing. Words match whole words in English and Korean (in English any
case, unless the file has the very spelling), any stretch of characters elsewhere; the longest entry wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sovits_tts.errors import TextError
from sovits_tts.text.languages import language_code
from sovits_tts.text.pronounce import check as check_notation
from sovits_tts.text.scripts import HAN, HANGUL_RANGE, LATIN_RANGE, script

_WORD = re.compile(rf"[{LATIN_RANGE}\d]+|[{HANGUL_RANGE}]+")
_SHOWN = 20  # problems listed in an error
_SIBILANTS = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_VOICELESS = frozenset(("P", "T", "K", "F", "TH", "HH"))


@dataclass(frozen=True)
class Match:
    """text[start:end] sounds like `pronunciation`."""

    start: int
    end: int
    pronunciation: str


@dataclass(frozen=True)
class Lexicon:
    """language -> word -> pronunciation."""

    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Raises TextError that lists every bad line."""
        words, problems = _read(Path(path))
        if problems:
            more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            listed = "".join(f"\n  {problem}" for problem in problems[:_SHOWN])
            raise TextError(f"The lexicon {path} has {len(problems)} bad lines:{listed}{more}")
        return cls(words)

    def __or__(self, other: Lexicon) -> Lexicon:
        """Both; where they differ, `other`."""
        languages = {*self.words, *other.words}
        return Lexicon({la: {**self.words.get(la, {}), **other.words.get(la, {})} for la in languages})

    def matches(self, language: str, text: str) -> Iterator[Match]:
        """The entries that `text` contains, from left to right, none over another."""
        words = self.words.get(language, {})
        if not words:
            return
        spaced = language in ("en", "ko")
        starts = [m.start() for m in _WORD.finditer(text)] if spaced else range(len(text))
        ends = {m.end() for m in _WORD.finditer(text)} if spaced else None
        at = 0
        for start in starts:
            if start < at:
                continue
            for end in range(min(len(text), start + self._longest[language]), start, -1):
                found = self._lookup(language, text[start:end]) if ends is None or end in ends else None
                if found:
                    match = Match(start, end, found)
                    yield _possessive(match, text) if language == "en" else match
                    at = end
                    break

    def _lookup(self, language: str, word: str) -> str | None:
        words = self.words[language]
        return words.get(word) or (self._folded.get(word.casefold()) if language == "en" else None)

    @cached_property
    def _longest(self) -> dict[str, int]:
        return {language: max(map(len, words), default=0) for language, words in self.words.items()}

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {word.casefold(): sound for word, sound in self.words.get("en", {}).items()}


def check(path: str | Path) -> list[str]:
    """Everything that is wrong with a lexicon file, one sentence each with its line number; empty when nothing is."""
    return _read(Path(path))[1]


def _possessive(match: Match, text: str) -> Match:
    if text[match.end : match.end + 2] not in ("'s", "’s") or text[match.end + 2 : match.end + 3].isalpha():
        return match
    last = match.pronunciation.split()[-1]
    ending = "AH0 Z" if last in _SIBILANTS else "S" if last in _VOICELESS else "Z"
    return Match(match.start, match.end + 2, f"{match.pronunciation} {ending}")


def _read(path: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    words: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise TextError(f"The lexicon {path} cannot be opened: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TextError(f"The lexicon {path} is not UTF-8 text.", hint="Save it as UTF-8.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            language, word, sound = _entry(line)
            if words.get(language, {}).get(word, sound) != sound:
                raise TextError(f"{word!r} was given another pronunciation above.")
            words.setdefault(language, {})[word] = sound
        except TextError as error:
            problems.append(f"line {number}: {error}")
    return words, problems


def _entry(line: str) -> tuple[str, str, str]:
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) != 3:
        raise TextError(f"There are {len(columns)} columns; write language, word, pronunciation with tabs between.")
    language, word, sound = language_code(columns[0]), columns[1], " ".join(columns[2].split())
    if not word:
        raise TextError("The word is empty.")
    check_notation(language, sound)
    han = sum(script(c) == HAN for c in word)
    if language in ("zh", "yue") and han == len(word) != len(sound.split()):
        raise TextError(f"{word!r} has {len(word)} characters but {len(sound.split())} syllables.")
    return language, word, sound
