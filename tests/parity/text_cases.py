"""Cutting of text: the official ways, exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sovits_tts.errors import TextError
from sovits_tts.text.presplit import collapse_punctuation, cutter, merge_short, presplit, split_long
from tests.parity.registry import Check, Fixture, case, equal

REFUSED = "refused: nothing to speak"


@case("text_split")
def text_split(fixture: Fixture) -> Iterator[Check]:
    for index, row in enumerate(fixture.meta["cases"]):
        text = row["text"]
        collapsed = row["replace_consecutive_punctuation"]
        yield equal(f"{index}.collapse_punctuation", collapse_punctuation(text), collapsed)
        for method, expected in row["cuts"].items():
            yield equal(f"{index}.{method}", cutter(method)(text), expected)
        for language in ("zh", "en"):
            for method, expected in row[f"pre_seg_{language}"].items():
                ours = _presplit(text, method, language == "en")
                yield equal(f"{index}.presplit_{language}.{method}", ours, _expected(expected))
    long = fixture.meta["split_big_text"]
    yield equal("split_long", split_long(long["input"], long["max_len"]), long["out"])
    for index, row in enumerate(fixture.meta["merge_short"]):
        yield equal(f"merge_short.{index}", merge_short(row["in"], row["threshold"]), row["out"])


def _presplit(text: str, method: str, english: bool) -> list[str] | str:
    try:
        return presplit(text, method, english)
    except TextError:
        return REFUSED


def _expected(recorded: Any) -> Any:
    """Upstream raises ValueError where we raise TextError."""
    return REFUSED if isinstance(recorded, dict) and "error" in recorded else recorded
