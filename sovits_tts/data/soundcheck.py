"""What the header of a sound file tells before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from sovits_tts import media
from sovits_tts.audio import MAX_RATE, MAX_SECONDS
from sovits_tts.data.manifest import Problem, Row
from sovits_tts.errors import AudioError, MissingDependency
from sovits_tts.text.languages import plugin

LOWEST_RATE = 8000  # Hz
SHORTEST = 0.6  # seconds: shorter clips hold no sentence; the official training drops them too
_MOST_PER_SECOND = 40.0  # letters; fast English has about 20
_FEWEST_PER_SECOND = 0.5


@dataclass(frozen=True)
class _Header:
    rate: int
    seconds: float
    channels: int
    fault: str = ""


def check_rows(rows: Sequence[Row]) -> Iterator[Problem]:
    """Problems of the recordings that rows name, from their headers; of spans, of languages, and of repeated rows."""
    headers: dict[Path, _Header] = {}
    seen: dict[tuple[Path, float, float | None], Row] = {}
    languages: dict[str, MissingDependency | None] = {}
    for row in rows:
        if row.path not in headers:
            headers[row.path] = _header(row.path)
        yield from _row(row, headers[row.path])
        first = seen.setdefault((row.path.resolve(), row.start, row.end), row)
        if first is not row:
            cause = f"{row.path.name} stands in line {first.line} already."
            yield Problem("repeated", row.file, row.line, cause, "Remove one of the two lines.")
        if row.language not in languages:
            languages[row.language] = _missing(row.language)
        if absent := languages[row.language]:
            yield Problem("language_extra", row.file, row.line, absent.message, absent.hint)


def _row(row: Row, header: _Header) -> Iterator[Problem]:
    if row.path.suffix.lower() in media.SUFFIXES and not media.installed():
        cause = f"{row.path.name}: reading {row.path.suffix} files needs PyAV, which is not installed."
        yield Problem("format", row.file, row.line, cause, f"{media.INSTALL}, or convert it to WAV or FLAC.")
        return
    if header.fault:
        yield Problem("damaged", row.file, row.line, f"{row.path.name}: {header.fault}", "Export the recording again.")
        return
    if not LOWEST_RATE <= header.rate <= MAX_RATE:
        cause = f"{row.path.name} has a sample rate of {header.rate} Hz; {LOWEST_RATE} Hz is the least."
        yield Problem("rate", row.file, row.line, cause, "Use the original recording.")
        return
    end = header.seconds if row.end is None else row.end
    if end > header.seconds + 0.5:
        cause = f"The line ends at {end:.1f} s, but {row.path.name} has only {header.seconds:.1f} s."
        yield Problem("beyond_end", row.file, row.line, cause, "These may be subtitles of another recording.")
        return
    seconds = end - row.start
    if seconds > MAX_SECONDS:
        cause = f"{row.path.name} is {seconds / 3600:.1f} h long; at most {MAX_SECONDS / 3600:.0f} h are read at once."
        yield Problem("long", row.file, row.line, cause, "Cut the recording into parts.")
    elif seconds < SHORTEST:
        cause = f"{row.path.name} is {seconds:.2f} s long; {SHORTEST} s is the least."
        yield Problem("short", row.file, row.line, cause, "Leave it out, or join it with the next.")
    elif row.text:
        yield from _pace(row, seconds)


def _pace(row: Row, seconds: float) -> Iterator[Problem]:
    letters = sum(char.isalnum() for char in row.text)
    if letters / seconds > _MOST_PER_SECOND:
        cause = f"{letters} letters in {seconds:.1f} s of {row.path.name}: nobody speaks so fast."
        yield Problem("pace", row.file, row.line, cause, "Check that the text belongs to this recording.")
    elif letters / seconds < _FEWEST_PER_SECOND:
        cause = f"{letters} letters in {seconds:.1f} s of {row.path.name}: most of it cannot be what is said."
        yield Problem("pace", row.file, row.line, cause, "Check that the text belongs to this recording.")


def _header(path: Path) -> _Header:
    try:
        if path.stat().st_size == 0:
            return _Header(0, 0, 0, "the file is empty.")
        info = soundfile.info(str(path))
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        if media.installed():
            return _media_header(path)
        reason = str(error).rsplit(":", 1)[-1].strip().rstrip(".")
        return _Header(0, 0, 0, f"it cannot be read as audio ({reason}).")
    if info.frames <= 0:
        return _Header(info.samplerate, 0, info.channels, "it holds no samples.")
    return _Header(info.samplerate, info.frames / info.samplerate, info.channels)


def _media_header(path: Path) -> _Header:
    try:
        facts = media.probe(str(path), "it")
    except AudioError as error:
        return _Header(0, 0, 0, error.message)
    return _Header(facts.rate, facts.seconds, facts.channels)


def _missing(language: str) -> MissingDependency | None:
    if language == "auto":
        return None
    try:
        plugin(language)
    except MissingDependency as error:
        return error
    return None
