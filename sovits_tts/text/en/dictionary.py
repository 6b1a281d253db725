"""The pronouncing dictionary: CMUdict, first pronunciation of each word, and en_extra.txt; ARPAbet with stress."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from sovits_tts.text.en.tables import lines


@dataclass(frozen=True)
class Dictionary:
    """Lower-case word -> phonemes. `words` holds one character per phoneme; `alphabet` decodes it."""

    words: dict[str, str] = field(repr=False)
    alphabet: dict[str, str] = field(repr=False)

    def __contains__(self, word: str) -> bool:
        return word in self.words

    def get(self, word: str) -> tuple[str, ...] | None:
        """Phonemes of a lower-case `word`, or None."""
        code = self.words.get(word)
        return None if code is None else tuple(map(self.alphabet.__getitem__, code))


@cache
def dictionary() -> Dictionary:
    packed = (files("sovits_tts.text") / "data" / "en_dictionary.gz").read_bytes()
    header, _, body = gzip.decompress(packed).decode("utf-8").partition("\n")
    alphabet = {chr(ord("0") + index): phoneme for index, phoneme in enumerate(header.split())}
    code = {phoneme: char for char, phoneme in alphabet.items()}
    flat = body.replace("\n", "\t").split("\t")
    words = dict(zip(flat[::2], flat[1::2], strict=True))
    for line in lines("en_extra.txt"):
        word, *phonemes = line.split()
        words[word] = "".join(code[p] for p in phonemes)
    return Dictionary(words, alphabet)
