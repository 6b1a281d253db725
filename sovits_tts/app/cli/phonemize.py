"""`sovits-tts phonemize`: how a text will be read, or each row of a file."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Polyphones
from sovits_tts.errors import ConfigError, SovitsError, TextError

Read = Callable[[str, str], dict[str, Any]]  # text, language -> what is printed


def phonemize(
    text: Annotated[str | None, typer.Argument(help="What to read; - reads stdin.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the text from this UTF-8 file.")] = None,
    batch: Annotated[
        str | None,
        typer.Option(help='Read rows like {"text": "Hi", "language": "en"} from this JSON lines file (- for stdin).'),
    ] = None,
    language: Annotated[str, typer.Option("--language", "-l", help="auto, zh, en, ja, ko, yue.")] = "auto",
    symbols: Annotated[str, typer.Option(help="Phoneme table: v1 or v2.")] = "v2",
    cut: Annotated[str, typer.Option(help="How to cut into sentences: auto, or cut0 to cut5.")] = "auto",
    lexicon: Annotated[Path | None, typer.Option(help="Your own pronunciations.")] = None,
    polyphones: Polyphones = "table",
    exact: Annotated[bool, typer.Option("--exact", help="The short-text rules of GPT-SoVITS.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object; with --batch one for each row.")] = False,
) -> None:
    """The phonemes of a text, run by run, with their numbers, and what in it cannot be read."""
    from sovits_tts.text.frontend import Lexicon, describe, sentences

    known = Lexicon.load(lexicon) if lexicon else None

    def read(given: str, asked: str) -> dict[str, Any]:
        return describe(sentences(given, asked, symbols, cut, known, exact=exact, polyphones=polyphones))

    if batch is not None:
        if text is not None or file is not None:
            raise ConfigError("--batch takes the place of a text and of --file.")
        for line in _lines(batch):
            _show_row(_answer(line, language, read))
        return
    found = read(console.read_text(text, file), language)
    if json:
        console.show_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    pauses = {pause["after_segment"]: pause["seconds"] for pause in found["pauses"]}
    if 0 in pauses:
        console.show(f"pause  {pauses[0]:g} s")
    for number, segment in enumerate(found["segments"], 1):
        console.show(f"{segment['language']}  {segment['text']}")
        console.show(f"    phonemes  {' '.join(segment['phonemes'])}")
        console.show(f"    ids       {' '.join(map(str, segment['ids']))}")
        if segment["per_char"] is not None:
            counts = zip(segment["text"], segment["per_char"], strict=True)
            console.show(f"    per char  {' '.join(f'{char}{count}' for char, count in counts)}")
        if number in pauses:
            console.show(f"pause  {pauses[number]:g} s")
    for warning in found["warnings"]:
        console.note(f"Warning: character {warning['position'] + 1}: {warning['message']}")


def _lines(source: str) -> Iterator[str]:
    """The lines of a file or of stdin, one at a time. Raises TextError where it cannot be read."""
    try:
        if source == "-":
            sys.stdin.reconfigure(encoding="utf-8-sig") if hasattr(sys.stdin, "reconfigure") else None
        with nullcontext(sys.stdin) if source == "-" else Path(source).open(encoding="utf-8-sig") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TextError(f"{source} cannot be read as UTF-8 text: {error}.") from error


def _answer(line: str, language: str, read: Read) -> dict[str, Any]:
    """What is printed for one row. A row at fault, or a bug of ours, must not cost the rows behind it."""
    answer: dict[str, Any] = {}
    try:
        row = jsonlib.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise TextError("A row must be an object with a text.", hint='Write {"text": "Hi", "language": "en"}.')
        if "id" in row:
            answer["id"] = row["id"]
        asked = row.get("language") or language
        if not isinstance(asked, str):
            raise TextError(f"The language is {asked!r}.", hint="Write a name such as zh.")
        return answer | read(row["text"], asked)
    except jsonlib.JSONDecodeError as error:
        return _error("text", f"This line is not JSON: {error}.", 'Write {"text": "Hi", "language": "en"}.')
    except SovitsError as error:
        return answer | _error(error.code, error.message, error.hint)
    except Exception as error:
        return answer | _error("internal", f"{type(error).__name__}: {error}", "This is a bug; please report it.")


def _error(code: str, message: str, hint: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": hint}}


def _show_row(row: dict[str, Any]) -> None:
    line = jsonlib.dumps(console.plain(row), ensure_ascii=False)
    if any("\ud800" <= char <= "\udfff" for char in line):  # half a character, which no encoding can write
        line = jsonlib.dumps(console.plain(row))
    console.show(line)
