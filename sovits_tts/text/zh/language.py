"""The Mandarin plug-in: normalisation, readings, tone rules and phonemes put together."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sovits_tts.errors import TextError
from sovits_tts.text.base import Normalized, Reading, TextWarning
from sovits_tts.text.symbols import PUNCTUATION
from sovits_tts.text.zh import sandhi
from sovits_tts.text.zh.hanzi import is_hanzi
from sovits_tts.text.zh.normalize import normalize, unreadable
from sovits_tts.text.zh.phonemes import initial_final, plain_pinyin
from sovits_tts.text.zh.readings import Chooser, read
from sovits_tts.text.zh.words import words

# Were models of the table trained with the 儿 of 玩儿 in the tone before it, or in its own?
_RHOTIC = {"v1": False, "v2": True}
_STRETCH = re.compile("[^" + re.escape("".join(PUNCTUATION)) + "]+|.", re.DOTALL)


class Mandarin:
    """The plug-in. `chooser` may decide characters that the dictionary leaves open (see readings.Chooser)."""

    code = "zh"

    def __init__(self, chooser: Chooser | None = None) -> None:
        self._chooser = chooser

    def normalize(self, text: str) -> Normalized:
        """Raw text -> simplified hanzi and ! ? … , . - ; what cannot be read is named in a warning."""
        return normalize(text)

    def phonemize(
        self, text: str, symbols: str = "v2", *, overrides: Mapping[int, tuple[int, str]] | None = None
    ) -> Reading:
        """Two phonemes per hanzi, one per punctuation mark.

        overrides: start position in `text` -> (end position, pinyin such as "hang2 zhang3", one syllable a character);
                   spoken exactly as given
        Raises TextError when nothing in `text` can be read, or an override does not fit its characters.
        """
        given = _given(text, overrides or {})
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
            spoken = self._spoken(match[0], match.start(), given, rhotic=_RHOTIC[symbols])
            for at, syllable in enumerate(spoken, match.start()):
                if not syllable:
                    warnings.append(unreadable(text[at], at))
                    continue
                kept.append(text[at])
                phonemes += initial_final(syllable)
                per_char.append(2)
        if not phonemes:
            raise TextError(f"Nothing in {text[:40]!r} can be read as Mandarin.", hint="Give at least one hanzi.")
        return Reading("".join(kept), tuple(phonemes), tuple(per_char), tuple(warnings))

    def syllables(self, text: str) -> list[str]:
        """Pinyin of each character of a stretch of hanzi before the tone rules, "" where none is known."""
        return read(words(text), self._chooser)

    def _spoken(self, stretch: str, offset: int, given: Mapping[int, str], rhotic: bool) -> list[str]:
        """One syllable per character of a stretch without punctuation, "" for what is no hanzi."""
        readable = [i for i, char in enumerate(stretch) if is_hanzi(char) or offset + i in given]
        text = "".join(stretch[i] for i in readable)
        fixed = {n: given[offset + i] for n, i in enumerate(readable) if offset + i in given}
        found = words(text)
        syllables = read(found, self._chooser)
        for n, syllable in fixed.items():
            syllables[n] = syllable
        spoken = [""] * len(stretch)
        for i, syllable in zip(readable, sandhi.apply(found, syllables, fixed, rhotic), strict=True):
            spoken[i] = syllable
        return spoken


def _given(text: str, overrides: Mapping[int, tuple[int, str]]) -> dict[int, str]:
    """Position -> forced syllable."""
    given = {}
    for start, (end, pronunciation) in overrides.items():
        syllables = [plain_pinyin(s) for s in pronunciation.split()]
        if len(syllables) != end - start:
            raise TextError(
                "{pronunciation!r} has {count} syllables for {word!r}.",
                hint="Give one syllable per character, such as 银行<yin2 hang2>.",
                pronunciation=pronunciation,
                count=len(syllables),
                word=text[start:end],
            )
        for at, syllable in enumerate(syllables, start):
            initial_final(syllable)
            given[at] = syllable
    return given
