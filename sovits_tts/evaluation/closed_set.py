"""Closed-set recognition: which of N known sentences was spoken?

A grammar of exactly N sentences takes the language model out of the question and leaves the sound, so the rate is
comparable between models that an open recogniser barely understands. Guessing scores 1 / N. The sentences should be
of like length, or counting syllables is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sovits_tts.audio import Audio
from sovits_tts.evaluation.recognise import PocketSphinx


@dataclass(frozen=True)
class ClosedSetResult:
    """heard: per id the id of the sentence that was recognised, None where none fitted."""

    heard: Mapping[str, str | None]

    @property
    def rate(self) -> float:
        return sum(got == wanted for wanted, got in self.heard.items()) / max(1, len(self.heard))


class ClosedSet:
    """English sentences by id, and a listener that knows no others.

    Raises ConfigError for a word without a pronunciation, MissingDependency without pocketsphinx.
    """

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self.sentences = dict(sentences)
        self._listener = PocketSphinx(list(self.sentences.values()))
        self._ids = {tuple(self._listener.wanted(text, "en")): id for id, text in self.sentences.items()}

    def recognise(self, audio: Audio) -> str | None:
        """The id of the sentence heard, or None."""
        return self._ids.get(tuple(self._listener.heard(audio, "en")))

    def test(self, recordings: Mapping[str, Audio]) -> ClosedSetResult:
        """recordings: the id of the sentence that was to be spoken -> its sound"""
        return ClosedSetResult({wanted: self.recognise(audio) for wanted, audio in recordings.items()})
