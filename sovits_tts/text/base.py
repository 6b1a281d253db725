"""What every language plug-in gives: a normaliser and a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class TextWarning:
    """Something in the text that could not be read as written. `position` counts characters of the input run."""

    message: str
    position: int
    span: str


@dataclass(frozen=True)
class Normalized:
    """Speakable text, and what was left out on the way."""

    text: str
    warnings: tuple[TextWarning, ...] = ()


@dataclass(frozen=True)
class Reading:
    """One run of text, read.

    phonemes: symbols of the phoneme table
    per_char: phonemes of each character of `text` where the language aligns them (zh, yue), else None;
              then len(per_char) == len(text) and sum(per_char) == len(phonemes)
    """

    text: str
    phonemes: tuple[str, ...]
    per_char: tuple[int, ...] | None = None
    warnings: tuple[TextWarning, ...] = ()


class Language(Protocol):
    """A plug-in. Its package exposes one as `LANGUAGE`; heavy imports happen at the first call."""

    code: str

    def normalize(self, text: str) -> Normalized:
        """Raw text -> speakable text (numbers, units, dates in words; punctuation reduced to ! ? … , . -)."""
        ...

    def phonemize(
        self, text: str, symbols: str = "v2", *, overrides: Mapping[int, tuple[int, str]] | None = None
    ) -> Reading:
        """Normalised text -> phonemes of the table `symbols` ("v1" or "v2").

        overrides: start position in `text` -> (end position, pronunciation in the notation of the language: ARPAbet
        with spaces for en, pinyin for zh)

        Raises TextError on empty text and on a pronunciation that cannot be read.
        """
        ...
