"""Japanese: OpenJTalk's readings with pitch marks, in the symbols of the official phoneme tables."""

from __future__ import annotations

import re

from sovits_tts.errors import TextError
from sovits_tts.text.base import Normalized, Reading
from sovits_tts.text.ja.normalize import SPOKEN_RANGE, UNREAD_MARKS, normalize
from sovits_tts.text.ja.prosody import phonemes_of
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids

_PIECE = re.compile(f"[{SPOKEN_RANGE}]+|.", re.DOTALL)


class Japanese:
    code = "ja"

    def normalize(self, text: str) -> Normalized:
        """Numbers, units and signs as OpenJTalk reads them; what it cannot read is named in a warning."""
        return normalize(text)

    def phonemize(self, text: str, symbols: str = "v2") -> Reading:
        """Raises TextError when there is nothing to read, MissingDependency without pyopenjtalk.

        The models were trained with the unknown symbol wherever the table lacks one: at the border of accent phrases
        (v1: at every pitch mark) and for brackets. They take it for a short pause, so it stays.
        """
        known = symbol_ids(symbols)
        phonemes: list[str] = []
        for piece in _PIECE.findall(text):
            if piece in PUNCTUATION:
                phonemes.append(piece)
            elif piece in UNREAD_MARKS:
                phonemes.append("UNK")
            elif not piece.isspace():
                phonemes += (p if p in known else "UNK" for p in phonemes_of(piece))
        if not phonemes or all(p in ("UNK", "_") for p in phonemes):
            raise TextError(f"There is no Japanese to read in {text[:40]!r}.", hint="Give at least one word.")
        return Reading(text, tuple(phonemes))


LANGUAGE = Japanese()
