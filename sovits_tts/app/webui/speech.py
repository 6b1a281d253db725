"""From text and a voice to a list of sentences, and from those to files. No Gradio in here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import randbelow

import numpy as np

from sovits_tts.app.webui.session import Line, Take
from sovits_tts.audio import Audio, join
from sovits_tts.errors import TextError
from sovits_tts.options import SynthesisOptions
from sovits_tts.text.frontend import sentences
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

MAX_TEXT = 20_000  # characters at once
MAX_TAKES = 12  # of one sentence
MAX_FILE = 1 << 20  # bytes of a text file
_TIMES = re.compile(r"(\d{1,3}):(\d\d):(\d\d)[,.](\d{3})\s*-->\s*\d{1,3}:\d\d:\d\d[,.]\d{3}")


@dataclass(frozen=True)
class Cue:
    """A piece of text, and when it should be heard, in seconds, where that matters."""

    text: str
    start: float | None = None


def new_seed() -> int:
    return randbelow(2**31)


def cues(text: str) -> list[Cue]:
    """The subtitles of an SRT text, or a plain text as it is. Raises TextError for an empty or too long one."""
    if len(text) > MAX_TEXT:
        raise TextError(
            "The text has {count} characters; at most {most} can be spoken at once.",
            hint="Cut it into parts, or use `sovits-tts say --file`.",
            count=len(text),
            most=MAX_TEXT,
        )
    found = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()):
        times = _TIMES.search(block)
        spoken = " ".join(block[times.end() :].split()) if times else ""
        if times and spoken:
            hours, minutes, seconds, milliseconds = map(int, times.groups())
            found.append(Cue(spoken, hours * 3600 + minutes * 60 + seconds + milliseconds / 1000))
    if found:
        return found
    if not text.strip():
        raise TextError("There is nothing to say.", hint="Write a sentence into the text box.")
    return [Cue(text)]


def read_text_file(path: Path) -> str:
    """A text or SRT file that was uploaded. Raises TextError for one that is too large or not UTF-8."""
    if path.stat().st_size > MAX_FILE:
        raise TextError(
            "The file is larger than {size} MB.", hint="At most {most} characters can be spoken at once.",
            size=MAX_FILE >> 20, most=MAX_TEXT,
        )  # fmt: skip
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError("The file is not UTF-8 text.", hint="Save it as UTF-8 and try again.") from error


def speak(tts: TTS, voice: Voice, text: str, options: SynthesisOptions) -> Iterator[Line]:
    """Sentence by sentence; a subtitle is one sentence."""
    for cue in cues(text):
        if cue.start is None:
            yield from _lines(tts, voice, cue.text, options)
        else:
            yield Line(cue.text, 0.0, [_take(tts, voice, cue.text, options)[1]], start=cue.start, source=cue.text)


def _lines(tts: TTS, voice: Voice, text: str, options: SynthesisOptions) -> Iterator[Line]:
    silence = 0.0
    for chunk in tts.stream(text, voice, options=options):
        audio = Audio(chunk.samples, chunk.sample_rate)
        if not chunk.text:
            silence += audio.seconds
            continue
        lead = _leading_silence(audio, options.pause)
        take = Take(audio.cut(lead, audio.seconds), options.seed, chunk.problems, chunk.coverage)
        yield Line(chunk.text, silence + lead, [take], source=chunk.source)
        silence = 0.0


def _leading_silence(audio: Audio, at_most: float) -> float:
    """Seconds of nothing before the sentence: the pause that stands between it and the last."""
    sounds = np.flatnonzero(audio.samples)
    return min(at_most, (int(sounds[0]) if len(sounds) else 0) / audio.sample_rate)


def _take(tts: TTS, voice: Voice, text: str, options: SynthesisOptions) -> tuple[str, Take]:
    """What was read, without the markup, and how it sounds."""
    result = tts.synthesize(text, voice, options=options)
    problems = tuple(dict.fromkeys(problem for chunk in result.chunks for problem in chunk.problems))
    reached = [chunk.coverage for chunk in result.chunks if chunk.coverage is not None]
    read = " ".join(chunk.text for chunk in result.chunks if chunk.text)
    return read, Take(result.audio, options.seed, problems, min(reached) if reached else None)


def regenerate(
    tts: TTS, voice: Voice, line: Line, source: str, options: SynthesisOptions, count: int = 1
) -> Iterator[Take]:
    """Speak one sentence again, `count` times with new seeds, and choose the best of the new takes in `line`.

    source: what to say, with markup. Another one drops the takes of the old. Raises TextError for an empty one.
    """
    source = " ".join(source.split())
    cues(source)
    fresh: list[Take] = []
    for _ in range(count):
        text, take = _take(tts, voice, source, replace(options, seed=new_seed()))
        fresh.append(take)
        kept = line.takes if source == line.source else []
        line.text, line.source, line.takes = text, source, [*kept, take][-MAX_TAKES:]
        line.chosen = line.takes.index(best(fresh))
        yield take


def best(takes: Sequence[Take]) -> Take:
    """The take with the fewest problems, and of those the one that says most of the text."""
    return min(takes, key=lambda take: (len(take.problems), -(take.coverage or 0.0)))


def phonemes(tts: TTS, text: str, language: str) -> str:
    """How a sentence will be read."""
    runs = [run for sentence in sentences(text, language, tts.spec.symbols) for run in sentence.runs]
    return " ".join(symbol for run in runs for symbol in run.phonemes)


def whole(lines: Sequence[Line]) -> tuple[Audio, list[tuple[float, float]]]:
    """All sentences as one sound, and when each begins and ends. A subtitle waits for its time, or for the last one."""
    if not lines:
        raise TextError("There is no sentence yet.", hint="Press Generate first.")
    rate = lines[0].take.audio.sample_rate
    parts, times, now = [], [], 0.0
    for line in lines:
        begin = max(now + line.lead, line.start or 0.0)
        parts += [Audio(np.zeros(round((begin - now) * rate), np.float32), rate), line.take.audio]
        now = begin + line.take.audio.seconds
        times.append((begin, now))
    return join(parts), times


def subtitles(lines: Sequence[Line], times: Sequence[tuple[float, float]]) -> str:
    """The SRT of the sentences."""
    blocks = [
        f"{number}\n{_clock(begin)} --> {_clock(end)}\n{line.text}\n"
        for number, (line, (begin, end)) in enumerate(zip(lines, times, strict=True), 1)
    ]
    return "\n".join(blocks)


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"
