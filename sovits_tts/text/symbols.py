"""The phoneme tables of the official checkpoints, in order. v2 continues v1: the first 322 ids agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sovits_tts.errors import TextError

TABLES = ("v1", "v2")
PUNCTUATION = ("!", "?", "…", ",", ".", "-")


@cache
def symbols(table: str = "v2") -> tuple[str, ...]:
    """All symbols of `table` ("v1": 322, "v2": 732), index = id. Raises TextError for another table."""
    if table not in TABLES:
        raise TextError(f"There is no phoneme table {table!r}.", hint=f"Choose one of: {', '.join(TABLES)}.")
    path = files("sovits_tts.text") / "data" / f"symbols_{table}.json"
    return tuple(json.loads(path.read_text(encoding="utf-8")))


@cache
def symbol_ids(table: str = "v2") -> dict[str, int]:
    return {symbol: index for index, symbol in enumerate(symbols(table))}


def to_ids(phonemes: Sequence[str], table: str = "v2") -> list[int]:
    """Ids of `phonemes`. Raises TextError naming the first one that the table lacks."""
    known = symbol_ids(table)
    try:
        return [known[p] for p in phonemes]
    except KeyError as error:
        raise TextError(f"The phoneme {error.args[0]!r} is not in the {table} table of {len(known)} symbols.") from None
