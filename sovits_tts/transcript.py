"""The part of a transcript that a part of the recording says: forced alignment by the content encoder's CTC head."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from sovits_tts.alignment import Alignment, ctc_align
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel
from sovits_tts.errors import DataError
from sovits_tts.features import ctc_log_probs
from sovits_tts.text.frontend import Run, sentences
from sovits_tts.text.languages import plugin
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids, to_ids

_FRAME_RATE = 50  # CTC frames per second
_HEARD = log(0.02)  # mean log-probability above which an aligned phoneme counts as heard
# Share of a window's phonemes. With an early encoder (60 % phoneme errors), of 60 dev clips 95 % heard at least 0.76 of
# their own transcript, and 95 % at most 0.65 of another's.
_ENOUGH_HEARD = 0.7
_REACH = 0.1  # seconds by which a word may seem to pass the cut


@dataclass(frozen=True)
class Cut:
    """The transcript of a window; or "" and why it cannot be told."""

    text: str
    reason: str = ""


@dataclass(frozen=True)
class _Word:
    text: str  # with the punctuation behind it
    spaced: bool  # a space stands before it
    phonemes: tuple[int, ...]  # ids without punctuation


@dataclass(frozen=True, eq=False)
class Transcript:
    """What a recording says, word by word, and when; or why that cannot be told."""

    words: tuple[_Word, ...]
    alignment: Alignment | None
    reason: str = ""

    def cut(self, start: float, end: float) -> Cut:
        """What is said between two times, in seconds, if both fall between words and these were heard.

        A transcript must never describe sound that is not there, so a doubt gives no text.
        """
        if self.alignment is None:
            return Cut("", self.reason)
        return _inside(self.words, self.alignment, start, end)


def align_transcript(model: LoadedModel, audio: Audio, text: str, language: str) -> Transcript:
    """Align `text`, the transcript of all of `audio`. Raises TextError for a text that cannot be read."""
    if model.content_encoder.ctc_head is None:
        return Transcript((), None, "this model cannot align text with sound")
    words: list[_Word] = []
    for sentence in sentences(text, language, model.spec.symbols):
        for run in sentence.runs:
            if run.language not in model.spec.languages:
                return Transcript((), None, f"this model cannot align {run.language}")
            words += _words(run, model.spec.symbols)
    targets = [phoneme + 1 for word in words for phoneme in word.phonemes]
    try:
        return Transcript(tuple(words), ctc_align(ctc_log_probs(model, audio), targets))
    except DataError as error:
        return Transcript((), None, f"its transcript does not fit ({error.message})")


def _words(run: Run, symbols: str) -> Iterator[_Word]:
    """The run in pieces that may be parted: characters where the language aligns them, else words."""
    marks = {symbol_ids(symbols)[mark] for mark in PUNCTUATION}
    pieces: list[tuple[str, bool, list[int]]] = []
    if run.per_char is not None:
        at = 0
        for index, (char, count) in enumerate(zip(run.text, run.per_char, strict=True)):
            pieces.append((char, index == 0, list(run.ids[at : at + count])))
            at += count
    else:
        reader = plugin(run.language)
        for word in re.findall(r"\S+", run.text):
            spoken = any(char.isalnum() for char in word)
            pieces.append((word, True, to_ids(reader.phonemize(word, symbols).phonemes, symbols) if spoken else []))
    held: _Word | None = None
    for text, spaced, ids in pieces:
        phonemes = tuple(i for i in ids if i not in marks)
        if held is not None and not phonemes:
            held = _Word(held.text + text, held.spaced, held.phonemes)
            continue
        if held is not None:
            yield held
        held = _Word(text, spaced, phonemes)
    if held is not None and held.phonemes:
        yield held


def _inside(words: Sequence[_Word], found: Alignment, start: float, end: float) -> Cut:
    """The words whose middle lies between the two times, if both cuts fall between words and they were heard."""
    last = np.cumsum([len(word.phonemes) for word in words])
    first = last - [len(word.phonemes) for word in words]
    starts, ends = found.start[first] / _FRAME_RATE, found.end[last - 1] / _FRAME_RATE
    middles = (starts + ends) / 2
    kept = np.flatnonzero((middles >= start) & (middles <= end))
    if not len(kept):
        return Cut("", "no word of the transcript lies in it")
    a, b = int(kept[0]), int(kept[-1])
    if starts[a] < start - _REACH or ends[b] > end + _REACH:
        return Cut("", "a word passes the cut")
    if (a and ends[a - 1] > start + _REACH) or (b + 1 < len(words) and starts[b + 1] < end - _REACH):
        return Cut("", "a word passes the cut")
    heard = float((found.score[first[a] : last[b]] > _HEARD).mean())
    if heard < _ENOUGH_HEARD:
        return Cut("", f"the alignment is unsure ({heard:.0%} of the phonemes were heard)")
    text = "".join((" " if word.spaced else "") + word.text for word in words[a : b + 1])
    return Cut(text.strip())
