"""Mandarin: text to the initial and final symbols of the official phoneme tables."""

from __future__ import annotations

from sovits_tts.text.zh.language import Mandarin

LANGUAGE = Mandarin()
