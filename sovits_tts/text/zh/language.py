"""The Mandarin plug-in: normalisation, readings, tone rules and phonemes put together."""

from __future__ import annotations

import re

from sovits_tts.errors import TextError
from sovits_tts.text.base import Normalized, Reading, TextWarning
from sovits_tts.text.symbols import PUNCTUATION
from sovits_tts.text.zh import sandhi
from sovits_tts.text.zh.hanzi import is_hanzi
from sovits_tts.text.zh.normalize import normalize
from sovits_tts.text.zh.phonemes import initial_final
from sovits_tts.text.zh.readings import read
from sovits_tts.text.zh.words import words

_STRETCH = re.compile("[^" + re.escape("".join(PUNCTUATION)) + "]+|.", re.DOTALL)


class Mandarin:
    code = "zh"

    def normalize(self, text: str) -> Normalized:
        """Raw text -> simplified hanzi and ! ? … , . - ; what cannot be read is named in a warning."""
        return normalize(text)

    def phonemize(self, text: str, symbols: str = "v2") -> Reading:
        """Two phonemes per hanzi, one per punctuation mark. Raises TextError when nothing in `text` can be read."""
        kept: list[str] = []
        phonemes: list[str] = []
        per_char: list[int] = []
        warnings: list[TextWarning] = []
        for match in _STRETCH.finditer(text):
            if match[0] in PUNCTUATION:
                kept.append(match[0])
                phonemes.append(match[0])
                per_char.append(1)
                continue
            spoken = self._spoken(match[0])
            for offset, (char, syllable) in enumerate(zip(match[0], spoken, strict=True)):
                if not syllable:
                    message = f"{char!r} has no Mandarin reading and was left out."
                    warnings.append(TextWarning(message, match.start() + offset, char))
                    continue
                kept.append(char)
                phonemes += initial_final(syllable)
                per_char.append(2)
        if not phonemes:
            raise TextError(f"Nothing in {text[:40]!r} can be read as Mandarin.", hint="Give at least one hanzi.")
        return Reading("".join(kept), tuple(phonemes), tuple(per_char), tuple(warnings))

    def _spoken(self, stretch: str) -> list[str]:
        readable = [i for i, char in enumerate(stretch) if is_hanzi(char)]
        text = "".join(stretch[i] for i in readable)
        spoken = [""] * len(stretch)
        if text:
            for i, syllable in zip(readable, sandhi.apply(words(text), read(text)), strict=True):
                spoken[i] = syllable
        return spoken
