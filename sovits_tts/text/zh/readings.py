"""Pinyin of each character in its context, before the tone rules."""

from __future__ import annotations

from sovits_tts.text.zh.phonemes import plain_pinyin


def read(text: str) -> list[str]:
    """One syllable ("hang2", neutral as 5) per character of a stretch of hanzi; "" where none is known."""
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors=lambda run: [""] * len(run))
    return [plain_pinyin(s) if s else "" for s in syllables]
