"""English: CMUdict, heteronyms by grammar, a letter-to-sound model for the rest; ARPAbet with stress."""

from __future__ import annotations

from collections.abc import Mapping

from sovits_tts.text.base import Normalized, Reading


class English:
    """The plug-in; see `sovits_tts.text.base.Language`."""

    code = "en"

    def normalize(self, text: str) -> Normalized:
        from sovits_tts.text.en.normalize import normalize

        return normalize(text)

    def phonemize(
        self, text: str, symbols: str = "v2", *, overrides: Mapping[int, tuple[int, str]] | None = None
    ) -> Reading:
        """ARPAbet is the same in both tables. An override's reading is ARPAbet with spaces."""
        from sovits_tts.text.en.reader import phonemize

        return phonemize(text, symbols, overrides)


LANGUAGE = English()
