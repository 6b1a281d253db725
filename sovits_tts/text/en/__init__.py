"""English: dictionary, heteronyms, words unknown, in ARPAbet with stress."""

from __future__ import annotations

import re

from sovits_tts.errors import TextError
from sovits_tts.text.base import Normalized, Reading, TextWarning
from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.normalize import normalize
from sovits_tts.text.en.oov import guess

_TOKEN = re.compile(r"[A-Za-z']*[A-Za-z][A-Za-z']*|[!?…,.]|-")


class English:
    code = "en"

    def normalize(self, text: str) -> Normalized:
        return normalize(text)

    def phonemize(self, text: str, symbols: str = "v2") -> Reading:
        """See `Language.phonemize`. ARPAbet is the same in both tables."""
        phonemes: list[str] = []
        warnings: list[TextWarning] = []
        for token in _TOKEN.finditer(text):
            word = token[0]
            if word == "-":
                joins = text[token.start() - 1 : token.start()].isalnum() and text[token.end() : token.end() + 1].isalnum()
                phonemes += () if joins else ("-",)
            elif len(word) == 1 and not word.isalpha():
                phonemes.append(word)
            else:
                phonemes += self._word(word, last=not text[token.end() :].strip(" .!?,…-"))
        if not phonemes:
            raise TextError(f"There is nothing to read in {text[:40]!r}.", hint="Give at least one word.")
        return Reading(text, tuple(phonemes), None, tuple(warnings))

    def _word(self, word: str, last: bool) -> tuple[str, ...]:
        known, lower = dictionary(), word.lower()
        if word == "A" and last:
            return ("EY1",)
        return known.get(lower) or known.get(lower.strip("'")) or guess(lower.strip("'") or lower)


LANGUAGE = English()
