"""What a user gives -> rows: a folder of sound, a GPT-SoVITS .list, LJSpeech's metadata.csv, sidecar texts, subtitles.

Reading never stops at the first fault: every problem is kept with its file, line, cause and remedy, so that all of
them can be shown at once. `check` adds what the sound files' headers tell. Neither computes anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sovits_tts import media
from sovits_tts.errors import DataError, TextError
from sovits_tts.text.languages import language_code

SOUND = media.SUFFIXES | {
    ".wav",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".aif",
    ".aiff",
    ".au",
    ".caf",
    ".w64",
    ".rf64",
}
SIDECARS = (".lab", ".txt")
_TIME = r"(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_SPAN = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
_MAX_TEXT_BYTES = 64 << 20


@dataclass(frozen=True)
class Problem:
    """One fault of the input. error: the row is left out; else it is used, and the user should look.

    file, line: where it stands (line 0: the file as a whole)
    """

    code: str
    file: str
    line: int
    cause: str
    fix: str
    error: bool = True

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.cause} {self.fix}"


@dataclass(frozen=True)
class Row:
    """A stretch of one recording and what it says. text "": not known. end None: to the end. Times in seconds."""

    path: Path
    speaker: str = ""
    language: str = "auto"
    text: str = ""
    start: float = 0.0
    end: float | None = None
    file: str = ""  # where the row was read, and in which line
    line: int = 0


@dataclass(frozen=True)
class Manifest:
    """Every row that could be read, and everything that could not."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()
    root: Path = field(default_factory=Path)


def read_manifest(source: str | os.PathLike[str], *, language: str = "auto", speaker: str = "") -> Manifest:
    """Rows of a folder, a .list, a metadata.csv, an .srt or one recording.

    language, speaker: for rows that name none. Raises DataError when there is nothing to read at all, TextError for an
    unknown language.
    """
    source = Path(source)
    default = Row(source, speaker=speaker, language=language if language == "auto" else language_code(language))
    problems: list[Problem] = []
    if source.is_dir():
        rows = list(_folder(source, default, problems))
        root = source
    elif source.is_file():
        rows = list(_file(source, default, problems))
        root = source.parent
    else:
        raise DataError(f"There is no file or folder {source}.", hint="Give the folder of your recordings.")
    if not rows and not problems:
        raise DataError(
            f"There are no recordings in {source}.",
            hint=f"It should hold sound files ({', '.join(sorted(SOUND))}) or a .list that names some.",
        )
    return Manifest(tuple(rows), tuple(problems), root)


def check(manifest: Manifest) -> tuple[Problem, ...]:
    """Every problem of the manifest, with those that the headers of its sound files show. Nothing is computed.

    A row is usable when no problem with `error` names its file and line; `usable` tells.
    """
    from sovits_tts.data.soundcheck import check_rows

    return (*manifest.problems, *check_rows(manifest.rows))


def usable(manifest: Manifest, problems: tuple[Problem, ...]) -> list[Row]:
    """The rows that no error speaks against."""
    bad = {(p.file, p.line) for p in problems if p.error}
    return [row for row in manifest.rows if (row.file, row.line) not in bad]


def read_text(path: Path, problems: list[Problem]) -> str | None:
    """A text file as UTF-8, with or without a mark at its start, else as GB 18030 with a warning; None with a problem.

    Line ends become "\\n".
    """
    if path.stat().st_size > _MAX_TEXT_BYTES:
        problems.append(Problem("text_file", str(path), 0, "This is too large for a text file.", "Remove it."))
        return None
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", errors="replace").encode()  # as Windows' Notepad once saved "Unicode"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError as error:
            at = data[: error.start].count(b"\n") + 1
            cause = "This is neither UTF-8 nor GB 18030 text."
            problems.append(Problem("encoding", str(path), at, cause, "Save the file as UTF-8."))
            return None
        cause = "This is not UTF-8; it was read as GB 18030."
        problems.append(Problem("encoding_guessed", str(path), 0, cause, "Save the file as UTF-8.", error=False))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _file(path: Path, default: Row, problems: list[Problem]) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix == ".list":
        yield from _list(path, default, problems)
    elif suffix == ".csv":
        yield from _metadata(path, default, problems)
    elif suffix == ".srt":
        recording = _sound_beside(path)
        if recording is None:
            cause = f"There is no recording named {path.stem} beside it."
            problems.append(Problem("orphan", str(path), 0, cause, "Name the recording like the subtitles."))
        else:
            yield from _subtitles(path, recording, default, problems)
    elif suffix in SOUND:
        yield from _recording(path, default, problems)
    else:
        raise DataError(
            f"{path} is no recording and no list of any.",
            hint="Give a folder, a .list, an LJSpeech metadata.csv, an .srt, or a sound file.",
        )


def _folder(folder: Path, default: Row, problems: list[Problem]) -> Iterator[Row]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p, folder))
    lists = [p for p in files if p.suffix.lower() == ".list" or p.name.lower() == "metadata.csv"]
    if lists:
        for path in lists:
            yield from _file(path, default, problems)
        return
    stems = set()
    for path in files:
        suffix = path.suffix.lower()
        if suffix in SOUND:
            stems.add(path.with_suffix(""))
            yield from _recording(path, default, problems)
    for path in files:
        if path.suffix.lower() in (".lab", ".srt") and path.with_suffix("") not in stems:
            cause = f"There is no recording named {path.stem} beside it."
            problems.append(Problem("orphan", str(path), 0, cause, "Add the recording or remove this file."))


def _recording(path: Path, default: Row, problems: list[Problem]) -> Iterator[Row]:
    """One recording with the text beside it, if there is one."""
    subtitles = path.with_suffix(".srt")
    if subtitles.is_file():
        yield from _subtitles(subtitles, path, default, problems)
        return
    row = replace(default, path=path, file=str(path))
    for sidecar in (path.with_suffix(suffix) for suffix in SIDECARS):
        if sidecar.is_file():
            text = read_text(sidecar, problems)
            if text is not None and not text.strip():
                cause, fix = "The transcript is empty.", "Write what the recording says, or remove this file."
                problems.append(Problem("empty_text", str(sidecar), 0, cause, fix, error=False))
            row = replace(row, text=" ".join((text or "").split()))
            break
    yield row


def _list(path: Path, default: Row, problems: list[Problem]) -> Iterator[Row]:
    """`path|speaker|language|text`, as GPT-SoVITS writes it."""
    for number, line in _lines(path, problems):
        fields = line.split("|", 3)
        if len(fields) < 4:
            cause = f"The line has {len(fields)} of 4 fields (path|speaker|language|text)."
            problems.append(Problem("fields", str(path), number, cause, "Part the fields with | ."))
            continue
        name, speaker, language, text = (item.strip() for item in fields)
        try:
            code = language_code(language) if language else default.language
        except TextError as error:
            problems.append(Problem("language", str(path), number, error.message, error.hint))
            continue
        row = _named(path, number, name, default, problems)
        if row:
            yield _with_text(replace(row, speaker=speaker or default.speaker, language=code), text, problems)


def _metadata(path: Path, default: Row, problems: list[Problem]) -> Iterator[Row]:
    """LJSpeech: `id|text as written|text as spoken`, recordings in wavs/."""
    for number, line in _lines(path, problems):
        fields = line.split("|")
        if len(fields) < 2:
            cause = "The line has 1 field; LJSpeech has id|text or id|text|normalised text."
            problems.append(Problem("fields", str(path), number, cause, "Part the fields with | ."))
            continue
        row = _named(path, number, fields[0].strip(), default, problems, folder="wavs")
        if row:
            yield _with_text(row, (fields[2] if len(fields) > 2 and fields[2].strip() else fields[1]).strip(), problems)


def _subtitles(path: Path, recording: Path, default: Row, problems: list[Problem]) -> Iterator[Row]:
    """SRT: blocks of a number, `start --> end`, and lines of text."""
    text = read_text(path, problems)
    first, before = 1, 0.0
    for block in re.split(r"\n[ \t]*\n", text or ""):
        lines = block.split("\n")
        index = next((i for i, line in enumerate(lines) if "-->" in line), 0)
        at, first = first + index, first + len(lines) + 1
        if not block.strip():
            continue
        found = _SPAN.match(lines[index])
        if not found:
            cause = "This block has no line like 00:00:01,000 --> 00:00:04,000."
            problems.append(Problem("subtitle", str(path), at, cause, "Correct its times."))
            continue
        start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        if end <= start:
            cause = f"The subtitle ends ({end:g} s) before it begins ({start:g} s)."
            problems.append(Problem("subtitle_times", str(path), at, cause, "Correct its times."))
            continue
        if start < before - 0.05:
            cause = f"The subtitle begins at {start:g} s, before the one above it ends ({before:g} s)."
            problems.append(Problem("subtitle_overlap", str(path), at, cause, "Correct its times.", error=False))
        before = end
        row = replace(default, path=recording, start=start, end=end, file=str(path), line=at)
        yield _with_text(row, _TAG.sub("", " ".join(lines[index + 1 :])), problems)


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    text = read_text(path, problems)
    for number, line in enumerate((text or "").split("\n"), 1):
        if line.strip():
            yield number, line


def _named(path: Path, number: int, name: str, default: Row, problems: list[Problem], folder: str = "") -> Row | None:
    """A row for the recording that a line names: as it is, beside the list, or by its bare name beside the list."""
    given = Path(name.replace("\\", "/")) if "\\" in name and not Path(name).exists() else Path(name)
    places = [path.parent / folder / given, path.parent / given, given, path.parent / folder / given.name]
    suffixes = [""] if given.suffix.lower() in SOUND else ["", ".wav", ".flac", ".mp3", ".ogg", ".m4a"]
    for place in places:
        for suffix in suffixes:
            candidate = place.with_name(place.name + suffix) if place.name else place
            if candidate.is_file():
                return replace(default, path=candidate, file=str(path), line=number)
    cause = f"There is no recording {name!r}."
    problems.append(Problem("missing", str(path), number, cause, f"Put it beside {path.name}, or correct the path."))
    return None


def _with_text(row: Row, text: str, problems: list[Problem]) -> Row:
    text = " ".join(text.split())
    if not any(char.isalnum() for char in text):
        cause = "The transcript is empty." if not text else f"The transcript {text[:20]!r} has nothing to speak."
        fix = "Write what the recording says; without it, it has to be recognised."
        problems.append(Problem("empty_text", row.file, row.line, cause, fix, error=False))
        text = ""
    return replace(row, text=text)


def _sound_beside(path: Path) -> Path | None:
    found = sorted(p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix.lower() in SOUND)
    return found[0] if found else None


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
