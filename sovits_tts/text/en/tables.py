"""Reading the plain tables under text/data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def words(text: str) -> tuple[str, ...]:
    """The words of a list written as one string."""
    return tuple(text.split())


@cache
def lines(name: str) -> tuple[str, ...]:
    """Lines of text/data/`name` that are neither empty nor comments."""
    text = (files("sovits_tts.text") / "data" / name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def pairs(name: str, kind: str) -> dict[str, str]:
    """ "kind: a = b" lines of one kind, as {a: b}."""
    prefix = f"{kind}: "
    entries = [line.removeprefix(prefix).split(" = ") for line in lines(name) if line.startswith(prefix)]
    return {short: long for short, long in entries}
