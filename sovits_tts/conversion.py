"""Speech in one voice -> the same speech in another: the tokens of the recording, the style of the voice.

recording -> pieces between pauses -> semantic tokens ─┐
transcript, or what the CTC head hears -> phonemes ────┼─> VITS stage -> the same words, timing and melody
voice -> style ────────────────────────────────────────┘

The tokens fix what is said and when; the phonemes only sharpen the pronunciation (see `models/prior.py`), so a wrong
one here and there does little harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from sovits_tts.activity import FRAME_RATE, find_speech, measure
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel
from sovits_tts.errors import AudioError, VoiceError
from sovits_tts.features import ctc_log_probs, leveled, timed_tokens
from sovits_tts.synthesis import Call, Chunk
from sovits_tts.text.frontend import read
from sovits_tts.text.symbols import symbol_ids, symbols
from sovits_tts.transcript import align_transcript
from sovits_tts.voice_making import aligner

_LONGEST = 12.0  # seconds in one piece: attention grows with its square
_SHORTEST = 6.0  # before this a piece without pauses is not cut
_EDGE = 0.1  # seconds kept around speech
_NOTHING = "."  # what the prior reads where no phoneme is known


@dataclass(frozen=True)
class Piece:
    """A stretch of the recording, in seconds, and the phonemes (ids) said in it. text: "" where it is not known."""

    start: float
    end: float
    ids: tuple[int, ...]
    text: str = ""


def convert(call: Call, audio: Audio, text: str = "", language: str = "auto") -> Iterator[Chunk]:
    """The recording in the voice of `call`, piece by piece; pauses stay as long as they are, divided by the speed.

    text: what the recording says; "": the phonemes that a CTC head hears
    Raises AudioError for a recording without speech, TextError for a text that cannot be read, VoiceError where the
    phonemes can only come from a transcript and there is none.
    """
    model, speed = call.model, call.options.speed
    loud = leveled(audio, model.spec)
    now = 0.0
    for index, piece in enumerate(pieces(model, audio, text, language)):
        tokens, spoken = timed_tokens(model, loud.cut(piece.start, piece.end), piece.ids)
        if not len(tokens):  # shorter than one of them
            continue
        samples = call.sound(tokens.tolist(), piece.ids, speed, call.generator(index, 0, 1), piece.text, spoken)
        samples = call.shaped(samples)
        gap = call.silent(max(0.0, piece.start - now) / speed)
        now = piece.end
        yield Chunk(np.concatenate([gap, samples]), call.rate, piece.text, tuple(tokens.tolist()), 1)
    if audio.seconds > now:
        yield Chunk(call.silent((audio.seconds - now) / speed), call.rate, "")


def pieces(model: LoadedModel, audio: Audio, text: str, language: str) -> list[Piece]:
    """Where the recording is cut, and what is said in each part."""
    spans = _spans(audio)
    text = " ".join(text.split())
    table = model.spec.symbols
    if text and len(spans) == 1:
        return [Piece(*spans[0], read(text, language, table).ids, text)]
    listener = aligner(model)
    if listener.content_encoder.ctc_head is None:
        if not text:
            raise VoiceError(
                f"The model {model.spec.name} cannot hear what the recording says.", hint="Give its transcript."
            )
        return [Piece(spans[0][0], spans[-1][1], read(text, language, table).ids, text)]
    known = align_transcript(listener, audio, text, language) if text else None
    found = []
    for start, end in spans:
        words = known.cut(start, end).text if known else ""
        ids = read(words, language, table).ids if words else _heard(listener, audio.cut(start, end), table)
        found.append(Piece(start, end, ids or (symbol_ids(table)[_NOTHING],), words))
    return found


def _heard(model: LoadedModel, audio: Audio, table: str) -> tuple[int, ...]:
    """Phonemes by the likeliest CTC symbol of each frame, repetitions and blanks dropped, in the ids of `table`."""
    best = torch.tensor(ctc_log_probs(model, audio).argmax(axis=1)).unique_consecutive().tolist()
    names, ids = symbols(model.spec.symbols), symbol_ids(table)
    return tuple(ids[names[symbol - 1]] for symbol in best if symbol and names[symbol - 1] in ids)


def _spans(audio: Audio) -> list[tuple[float, float]]:
    """Speech in stretches of at most 12 s, cut in pauses where there are any."""
    frames = measure(audio)
    parts: list[tuple[float, float]] = []
    for segment in find_speech(frames):
        start = segment.start
        while segment.end - start > _LONGEST:
            a, b = (round((start + t) * FRAME_RATE) for t in (_SHORTEST, _LONGEST))
            cut = (a + int(np.argmin(np.convolve(frames.level[a:b], np.ones(5) / 5, "same")))) / FRAME_RATE
            parts.append((start, cut))
            start = cut
        parts.append((start, segment.end))
    if not parts:
        raise AudioError("There is no speech in this recording.", hint="Choose one in which somebody speaks.")
    joined = [parts[0]]
    for start, end in parts[1:]:
        if end - joined[-1][0] <= _LONGEST:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [_with_edges(joined, index, audio.seconds) for index in range(len(joined))]


def _with_edges(spans: list[tuple[float, float]], index: int, seconds: float) -> tuple[float, float]:
    """A little more on both sides, but never into the next span."""
    start, end = spans[index]
    before = spans[index - 1][1] if index else 0.0
    after = spans[index + 1][0] if index + 1 < len(spans) else seconds
    return max(0.0, start - min(_EDGE, (start - before) / 2)), min(seconds, end + min(_EDGE, (after - end) / 2))
