"""What commands say and how they end. Results go to stdout; messages, bars and errors to stderr."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from sovits_tts.errors import AudioError, ConfigError, TextError
from sovits_tts.progress import Cancelled, Event, OnEvent, silent

LOG_SECONDS = 30.0  # between two lines of one stage where there is no terminal


def show(text: str) -> None:
    """A line of the result, as it is."""
    print(text, flush=True)


def note(text: str) -> None:
    """Something the user should know that is no part of the result."""
    print(text, file=sys.stderr, flush=True)


def show_json(value: Any) -> None:
    """The one JSON object of `--json`. Numbers that JSON lacks (NaN, infinity) become null."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2), flush=True)


def plain(value: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") else value  # a NumPy number


def show_table(title: str, columns: list[str], rows: list[list[str]], *, numbers: bool = False) -> None:
    """A table on stdout. numbers: all columns but the first hold numbers."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if numbers and index else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)


@contextmanager
def progress(*, log: bool = False) -> Iterator[OnEvent]:
    """A sink that draws one bar per stage on stderr. Where that is no terminal: nothing, or with `log` some lines.

    The first Ctrl-C lets the work reach its next event, where it is cancelled and can save; a second stops it at once.
    """
    with _interruptible() as check, _drawing(log) as draw:

        def sink(event: Event) -> None:
            draw(event)
            check()

        yield sink


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """A function to call now and then, which raises Cancelled after Ctrl-C."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        note("Stopping; once more to stop at once.")

    def check() -> None:
        if asked:
            raise Cancelled

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _drawing(log: bool) -> AbstractContextManager[OnEvent]:
    if sys.stderr.isatty():
        return _bars()
    return nullcontext(_log_lines() if log else silent)


def _log_lines() -> OnEvent:
    """At most one line per stage every LOG_SECONDS."""
    last: dict[str, float] = {}

    def write(event: Event) -> None:
        if time.monotonic() - last.get(event.stage, -math.inf) >= LOG_SECONDS:
            last[event.stage] = time.monotonic()
            clock = time.strftime("%H:%M:%S")
            note(f"{clock} {event.stage} {_count(event)} {event.message or _values(event)}".rstrip())

    return write


def _count(event: Event) -> str:
    return f"{event.done:g}/{event.total:g} {event.unit}" if event.total else f"{event.done:g} {event.unit}"


def _values(event: Event) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in event.values.items() if isinstance(value, float))


@contextmanager
def _bars() -> Iterator[OnEvent]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("[dim]{task.fields[message]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def draw(event: Event) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(escape(event.stage), total=None, count="", message="")
            bars.update(
                tasks[event.stage], total=event.total or None, completed=event.done,
                count=_count(event), message=escape(event.message or _values(event)),
            )  # fmt: skip

        yield draw


def read_text(argument: str | None, file: Path | None) -> str:
    """The text to work on: the argument, `-` for stdin, or `--file`. Raises ConfigError, TextError."""
    if (argument is None) == (file is None):
        raise ConfigError("Give either a text or --file, not both or neither.", hint="A text of - reads stdin.")
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise TextError(f"{file} cannot be read as UTF-8 text: {error}.") from error
    else:
        text = sys.stdin.read() if argument == "-" else str(argument)
    if not text.strip():
        raise TextError("The text is empty.", hint="Give at least one word.")
    return text


def refuse_overwrite(path: Path, force: bool) -> None:
    """Before any work is done. Raises ConfigError where something would be lost."""
    if path.exists() and not force:
        raise ConfigError(f"{path} exists already.", hint="Choose another name, or use --force.")


def refuse_suffix(path: Path) -> None:
    """Before any work is done. Raises AudioError for a name that no sound format goes by."""
    from sovits_tts.audio import FORMATS

    if path.suffix.lower() not in FORMATS:
        raise AudioError(f"Cannot write {path.name!r}: its suffix names no format.", hint=f"Use {', '.join(FORMATS)}.")
