"""Who listens: recognisers behind one small interface, so that an error rate can name its judge.

A recogniser that shares nothing with the model under test is independent. Our own CTC head is not: it was trained on
the same recordings and the same phonemes, so a sentence it understands need not be clear to people.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from sovits_tts.audio import Audio
from sovits_tts.errors import ConfigError, MissingDependency
from sovits_tts.evaluation.listener import MandarinListener
from sovits_tts.text.languages import plugin

RATE = 16_000  # Hz, what every recogniser here hears
SPEECH_RMS = 0.1  # level of the recording as a recogniser gets it
_SHORT = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint"}


class Recogniser(Protocol):
    """`wanted` and `heard` cut into the same items (`unit`), which an error rate counts."""

    name: str
    unit: str  # "word", "character", "phoneme"
    independent: bool
    languages: tuple[str, ...]

    def wanted(self, text: str, language: str) -> list[str]:
        """What a perfect recording of `text` is heard as."""
        ...

    def heard(self, audio: Audio, language: str) -> list[str]:
        """What this recording is heard as."""
        ...


def words(text: str) -> list[str]:
    """English words in lower case, apostrophes kept, abbreviated titles spelled out."""
    found = re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower().replace("’", "'"))
    return [_SHORT.get(word, word) for word in found]


def characters(text: str) -> list[str]:
    """Letters and ideographs, without punctuation and spaces; Latin words count as one item."""
    return re.findall(r"[a-z0-9]+|[^\W\d_a-z]", text.lower())


def pcm16(audio: Audio) -> bytes:
    """16 kHz 16-bit samples at speech level: recognisers are sensitive to both."""
    samples = audio.resample(RATE).samples
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    scaled = samples * (SPEECH_RMS / rms) if rms > 0 else samples
    return (np.clip(scaled, -1, 1) * 32767).astype(np.int16).tobytes()


class PocketSphinx:
    """English words, offline: CMU Sphinx with the acoustic and language model its package carries.

    A weak judge by today's measure: about every fourth word of a natural reading is heard wrongly. Compare with the
    natural recordings, not with zero. Given `sentences`, it hears one of exactly those, or nothing.
    Raises MissingDependency without the package, ConfigError for a word its dictionary lacks.
    """

    unit = "word"
    independent = True
    languages: tuple[str, ...] = ("en",)

    def __init__(self, sentences: list[str] | None = None) -> None:
        self.name = "pocketsphinx" if sentences is None else "pocketsphinx, closed set"
        try:
            from pocketsphinx import Decoder
        except ImportError:
            raise MissingDependency(
                "The English recogniser pocketsphinx is not installed.", hint="pip install --no-deps pocketsphinx"
            ) from None
        if sentences is None:
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL")
            return
        self._decoder = Decoder(samprate=RATE, loglevel="FATAL", lm=None)
        choices = [[self._known(word) for word in words(sentence)] for sentence in sentences]
        grammar = " | ".join(" ".join(choice) for choice in choices)
        self._decoder.add_jsgf_string("set", f"#JSGF V1.0;\ngrammar set;\npublic <set> = {grammar};")
        self._decoder.activate_search("set")

    def pronunciation(self, word: str) -> str | None:
        """ARPAbet without stress, as "G AA R D AH N"; None for a word that is not in its dictionary."""
        found: str | None = self._decoder.lookup_word(word)
        return found

    def _known(self, word: str) -> str:
        if self.pronunciation(word) is None:
            raise ConfigError(f"pocketsphinx has no pronunciation of {word!r}.", hint="Choose another sentence.")
        return word

    def wanted(self, text: str, language: str) -> list[str]:
        return words(plugin("en").normalize(text).text)

    def heard(self, audio: Audio, language: str) -> list[str]:
        self._listen(audio)
        found = self._decoder.hyp()
        return words(found.hypstr) if found else []

    def _listen(self, audio: Audio) -> None:
        self._decoder.reinit_feat()  # else the mean of earlier clips is still taken away from this one
        self._decoder.start_utt()
        self._decoder.process_raw(pcm16(audio), no_search=False, full_utt=True)
        self._decoder.end_utt()

    def align(self, audio: Audio, text: str) -> list[tuple[str, float, float]]:
        """Words of `text` with start and end in seconds, "<sil>" for pauses. Empty when they do not fit the sound."""
        self._decoder.set_align_text(" ".join(words(text)))
        self._listen(audio)
        if not self._decoder.hyp():
            return []
        times = [(s.word.split("(")[0], s.start_frame / 100, (s.end_frame + 1) / 100) for s in self._decoder.seg()]
        return [("<sil>" if word in ("<s>", "</s>") else word, start, end) for word, start, end in times]


class Whisper:
    """Words or characters in any of our languages by faster-whisper, from a model folder on this machine.

    model: a folder in CTranslate2 format. Nothing is downloaded. Raises MissingDependency, ConfigError.
    """

    independent = True
    languages: tuple[str, ...] = ("en", "zh", "ja", "ko", "yue")

    def __init__(self, model: Path, unit: str) -> None:
        if not find_spec("faster_whisper"):
            raise MissingDependency("faster-whisper is not installed.", hint="pip install sovits-tts[asr]")
        if not model.is_dir():
            raise ConfigError(f"There is no faster-whisper model in {model}.", hint="Name the folder that holds it.")
        from faster_whisper import WhisperModel

        self.name = f"faster-whisper {model.name}"
        self.unit = unit
        self._model = WhisperModel(str(model), local_files_only=True)

    def _items(self, text: str) -> list[str]:
        return words(text) if self.unit == "word" else characters(text)

    def wanted(self, text: str, language: str) -> list[str]:
        return self._items(text)

    def heard(self, audio: Audio, language: str) -> list[str]:
        segments, _ = self._model.transcribe(audio.resample(RATE).samples, language=language, temperature=0.0)
        return self._items(" ".join(segment.text for segment in segments))


class PhonemeHead:
    """Phonemes by the CTC head of the model's own content encoder, in any language it was trained on.

    transcribe: audio -> phonemes; phonemize: text, language -> phonemes, both without punctuation and pauses
    """

    name = "own CTC head"
    unit = "phoneme"
    independent = False

    def __init__(
        self,
        transcribe: Callable[[Audio], list[str]],
        phonemize: Callable[[str, str], list[str]],
        languages: tuple[str, ...],
    ) -> None:
        self._transcribe, self._phonemize, self.languages = transcribe, phonemize, languages

    def wanted(self, text: str, language: str) -> list[str]:
        return self._phonemize(text, language)

    def heard(self, audio: Audio, language: str) -> list[str]:
        return self._transcribe(audio)


def independent_recogniser(language: str) -> Recogniser | None:
    """The best independent judge of a language that is installed here, or None.

    faster-whisper is used where `SOVITS_TTS_WHISPER` names a model folder, a Mandarin listener (`evaluation.listener`)
    where `SOVITS_TTS_MANDARIN` names its file.
    """
    folder = os.environ.get("SOVITS_TTS_WHISPER")
    if folder:
        return Whisper(Path(folder), "word" if language == "en" else "character")
    if language in PocketSphinx.languages and find_spec("pocketsphinx"):
        return PocketSphinx()
    if language == "zh" and (listener := os.environ.get("SOVITS_TTS_MANDARIN")):
        return MandarinListener(Path(listener))
    return None
