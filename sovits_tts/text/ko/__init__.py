"""Korean: standard pronunciation in the jamo of the official v2 table."""

from __future__ import annotations

from sovits_tts.errors import TextError
from sovits_tts.text.base import Normalized, Reading
from sovits_tts.text.ko import rules
from sovits_tts.text.ko.hangul import Syllable, decompose, is_jamo, is_syllable, symbols_of
from sovits_tts.text.ko.insertion import insert
from sovits_tts.text.ko.morphemes import mark
from sovits_tts.text.ko.normalize import normalize
from sovits_tts.text.symbols import PUNCTUATION

_SPACE, _UNREAD = "空", "停"


class Korean:
    code = "ko"

    def normalize(self, text: str) -> Normalized:
        """Numbers, units and Latin letters in hangul; what cannot be read is named in a warning."""
        return normalize(text)

    def phonemize(self, text: str, symbols: str = "v2") -> Reading:
        """Spaces have a symbol of their own. Raises TextError when there is nothing to read, MissingDependency."""
        if not any(is_syllable(char) or is_jamo(char) for char in text):
            raise TextError(f"There is no Korean to read in {text[:40]!r}.", hint="Give at least one word.")
        items: list[rules.Item] = [decompose(char) if is_syllable(char) else char for char in text]
        mark(text, items)
        insert(text, items)
        rules.apply(items)
        return Reading(text, tuple(symbol for item in items for symbol in _symbols(item)))


def _symbols(item: rules.Item) -> str:
    if isinstance(item, Syllable):
        return item.onset + symbols_of(item.vowel) + item.coda
    if item in PUNCTUATION:
        return item
    if is_jamo(item):
        return symbols_of(item)
    return _SPACE if item == " " else _UNREAD


LANGUAGE = Korean()
