"""What is to be spoken, a row per sound file, and everything that is wrong with it before any of it is spoken.

    .jsonl  an object a line: text, and what else a row may have (below)
    .tsv    a first line with the names of the columns; without one: text, or id and text, or id, text and language …
    .txt    a text a line; its number becomes the id

A row may have id, language, voice, voice_text, voice_language, style, and every number of SynthesisOptions by its name.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from sovits_tts import voices
from sovits_tts.audio import Audio
from sovits_tts.clip import best_windows
from sovits_tts.data.manifest import Problem, read_text
from sovits_tts.errors import DataError, SovitsError
from sovits_tts.options import SynthesisOptions
from sovits_tts.specs import ModelSpec
from sovits_tts.text.frontend import sentences
from sovits_tts.voice import Voice

_ID = re.compile(r"[^\W_](?:[\w .-]{0,98}[\w-])?")  # nothing that could lead out of the folder or hide
_OWN = ("id", "text", "language", "voice", "voice_text", "voice_language", "style")
_POSITIONS = ("id", "text", "language", "voice", "voice_text")
OPTIONS = {
    item.name: float if item.name == "loudness" else type(item.default)
    for item in fields(SynthesisOptions)
    if item.default is not MISSING and item.name not in ("language", "lexicon", "timbre")
}


@dataclass(frozen=True)
class Line:
    """One row. voice "": the bundled one of its language; options: fields of SynthesisOptions; number: its line."""

    id: str
    text: str
    language: str = "auto"
    voice: str = ""
    voice_text: str = ""
    voice_language: str = ""
    style: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    number: int = 0


def read_lines(path: Path, default: Line | None = None) -> tuple[list[Line], list[Problem]]:
    """Rows and problems of a file. default: what rows have that say nothing of it.

    Raises DataError when there is no such file, or it is of another kind.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.", hint="Give a .jsonl, .tsv or .txt file of texts.")
    kinds = {".jsonl": _objects, ".tsv": _cells, ".txt": _texts}
    if path.suffix.lower() not in kinds:
        raise DataError(f"{path.name} is of no kind that is known.", hint="Give a .jsonl, .tsv or .txt file of texts.")
    problems: list[Problem] = []
    text = read_text(path, problems) or ""
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    width = max(4, len(str(len(numbered))))
    default = default or Line("", "")
    lines = []
    for number, values in kinds[path.suffix.lower()](numbered, path, problems):
        line = _line(values, replace(default, id=f"{number:0{width}}", number=number), path, problems)
        if line:
            lines.append(_placed(line, path.parent))
    if not lines and not problems:
        raise DataError(f"{path} holds no texts.", hint="Write a text on each line.")
    return lines, problems


def check_lines(lines: Sequence[Line], path: Path, spec: ModelSpec) -> list[Problem]:
    """Everything that would stop a row: ids, options, voices that are not there, texts that cannot be read."""
    problems: list[Problem] = []
    seen: dict[str, Line] = {}
    faults: dict[tuple[str, ...], SovitsError | None] = {}
    for line in lines:

        def tell(code: str, cause: str, fix: str, number: int = line.number) -> None:
            problems.append(Problem(code, str(path), number, cause, fix))

        if not _ID.fullmatch(line.id):
            tell("id", f"The id {line.id!r} cannot name a file.", "Use letters, digits, spaces, dots and hyphens.")
        first = seen.setdefault(line.id.casefold(), line)
        if first is not line:
            tell("repeated", f"The id {line.id!r} stands in line {first.number} already.", "Give each row its own id.")
        voice = (line.voice, line.style)
        if voice not in faults:
            faults[voice] = _voice_fault(*voice)
        for fault in (faults[voice], _text_fault(line, spec)):
            if fault:
                tell(fault.code, fault.message, fault.hint)
    return problems


def options_of(line: Line) -> SynthesisOptions:
    """Raises ConfigError or TextError for a value out of range."""
    return SynthesisOptions(language=line.language, **line.options)


def _objects(lines: list[tuple[int, str]], path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            fix = 'Write an object such as {"text": "Hello."}.'
            problems.append(Problem("json", str(path), number, f"This is no JSON: {error}.", fix))
            continue
        if not isinstance(values, dict) or not isinstance(values.get("options", {}), dict):
            fix = 'Write an object such as {"text": "Hello.", "options": {"speed": 1.1}}.'
            problems.append(Problem("json", str(path), number, "This is no JSON object.", fix))
            continue
        yield number, {k: v for k, v in values.items() if k != "options"} | values.get("options", {})


def _cells(lines: list[tuple[int, str]], path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in lines]
    names: Sequence[str] = ()
    if rows and "text" in rows[0][1]:
        names = rows.pop(0)[1]
    for number, cells in rows:
        columns = names or (("text",) if len(cells) == 1 else _POSITIONS)
        if len(cells) > len(columns):
            cause = f"The line has {len(cells)} cells, but there are {len(columns)} columns ({', '.join(columns)})."
            problems.append(Problem("fields", str(path), number, cause, "Part the cells with single tabs."))
            continue
        yield number, {name: cell for name, cell in zip(columns, cells, strict=False) if cell}


def _texts(lines: list[tuple[int, str]], path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from ((number, {"text": line}) for number, line in lines)


def _line(values: dict[str, Any], default: Line, path: Path, problems: list[Problem]) -> Line | None:
    """None with problems, of which there may be several in a row."""
    before = len(problems)
    own: dict[str, str] = {}
    options = dict(default.options)
    for name, value in values.items():
        if name in _OWN and (isinstance(value, str) or (name == "id" and isinstance(value, int))):
            own[name] = str(value).strip()
        elif name in OPTIONS:
            try:
                options[name] = _value(OPTIONS[name], value)
            except (TypeError, ValueError):
                cause = f"{name} is {value!r}, but should be a {OPTIONS[name].__name__}."
                problems.append(Problem("value", str(path), default.number, cause, "Correct the value."))
        elif name in _OWN:
            cause = f"{name} is {value!r}, but should be a text."
            problems.append(Problem("value", str(path), default.number, cause, "Put it in quotation marks."))
        else:
            near = difflib.get_close_matches(name, (*_OWN, *OPTIONS), n=1, cutoff=0.5)
            fix = f"Did you mean {near[0]}?" if near else f"Known are {', '.join((*_OWN, *OPTIONS))}."
            problems.append(Problem("unknown", str(path), default.number, f"{name!r} is unknown.", fix))
    if not own.get("text") and isinstance(values.get("text", ""), str):
        problems.append(Problem("empty_text", str(path), default.number, "There is no text.", "Write what to say."))
    return None if len(problems) > before else replace(default, **own, options=options)  # type: ignore[arg-type]


def _value(kind: type, value: Any) -> Any:
    """Raises TypeError or ValueError. Cells of a table are texts; JSON has types of its own."""
    if kind is bool:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return value if isinstance(value, bool) else known[value.lower()] if value in known else int("no bool")
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        raise TypeError
    return int(str(value)) if kind is int else kind(value)


def _placed(line: Line, folder: Path) -> Line:
    """A clip's path as it is, or beside the file of texts; other machines and working folders find it too."""
    for place in (Path(line.voice), folder / line.voice):
        if line.voice and place.is_file():
            return replace(line, voice=str(place.absolute()))
    return line


def _voice_fault(voice: str, style: str) -> SovitsError | None:
    try:
        package = voices.package_of(voice) if voice else None
        if package is not None:
            package.voice(style)
        elif Path(voice).suffix == ".voice":
            Voice.load(voice)
        elif Path(voice).is_file():
            best_windows(Audio.load(voice))
        elif voice:
            voices.get(voice, style)
    except SovitsError as error:
        return error
    return None


def _text_fault(line: Line, spec: ModelSpec) -> SovitsError | None:
    try:
        options = options_of(line)
        found = {
            run.language
            for sentence in sentences(
                line.text,
                options.language,
                spec.symbols,
                options.cut,
                exact=options.exact,
                polyphones=options.polyphones,
            )
            for run in sentence.runs
        }
    except SovitsError as error:
        return error
    unknown = sorted(found - set(spec.languages))
    if unknown:
        return DataError(
            f"{spec.name} does not speak {', '.join(unknown)}.", hint=f"It speaks {', '.join(spec.languages)}."
        )
    return None
