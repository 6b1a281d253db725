"""Recorded lines, and the same lines read by us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_tts.errors import TextError
from sovits_tts.text.frontend import read
from sovits_tts.text.presplit import collapse_punctuation, presplit
from sovits_tts.text.reading import Part, Run, read_run

_SHORT_ENGLISH = 4  # phonemes


@dataclass(frozen=True)
class Spoken:
    """A run of one language: raw text (None: unknown), its normal form, phonemes, and their number per character."""

    language: str
    text: str | None
    norm: str
    phonemes: tuple[str, ...]
    per_char: tuple[int, ...] | None


@dataclass(frozen=True)
class Row:
    """One recorded line in one phoneme table.

    group:    the key of its figures: zh, zh_v1, en, ja, ja_v1, ko, yue, mixed, mixed_auto
    language: a language, or the mode of a mixed line
    open:     hanzi whose recorded reading is a stand-in for upstream's model
    choices:  English words for which upstream has two readings, (one, other)
    """

    group: str
    language: str
    text: str
    table: str
    phonemes: tuple[str, ...]
    runs: tuple[Spoken, ...]
    open: frozenset[str]
    choices: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def load(folder: Path) -> tuple[list[Row], list[dict[str, Any]]]:
    """The lines to read, and those to cut."""
    rows: list[Row] = []
    cuts: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if "method" in record:
                cuts.append(record)
            elif "phones" in record:
                rows += _rows(record)
    return rows, cuts


def _rows(record: dict[str, Any]) -> Iterator[Row]:
    if "mode" in record:
        mode = record["mode"]
        group = "mixed_auto" if mode.startswith("auto") else "mixed"
        yield _row(record, group, mode, "v2", record["phones"], _segments(record))
        return
    language = record["lang"]
    for table, suffix in (("v2", ""), ("v1", "_v1")):
        phones = record.get(f"phones{suffix}")
        if phones is None:
            continue
        counts = record.get(f"word2ph{suffix}")
        run = Spoken(language, record["text"], record["norm_text"], tuple(phones), counts and tuple(counts))
        yield _row(record, language + suffix, language, table, phones, (run,))


def _row(
    record: dict[str, Any], group: str, language: str, table: str, phones: list[str], runs: tuple[Spoken, ...]
) -> Row:
    choices = tuple((tuple(h["if_pos"]), tuple(h["else"])) for h in record.get("heteronyms") or ())
    stand_ins = frozenset(record.get("g2pw_open_chars") or "") if table != "v1" else frozenset()
    return Row(group, language, record["text"], table, tuple(phones), runs, stand_ins, choices)


def _segments(record: dict[str, Any]) -> tuple[Spoken, ...]:
    """The runs of a mixed line. Upstream reads a short line twice and keeps the second; both are recorded."""
    segments = record["segments"]
    while segments and sum(s["n_phones"] for s in segments) > len(record["phones"]):
        segments = segments[1:]
    runs, at = [], 0
    for s in segments:
        phones = tuple(record["phones"][at : at + s["n_phones"]])
        counts = s.get("word2ph")
        runs.append(Spoken(s["lang"], s["text"], s["norm"], phones, tuple(counts) if counts else None))
        at += s["n_phones"]
    return tuple(runs)


def ours(row: Row) -> tuple[Spoken, ...]:
    """Our runs of the line; none where we say that there is nothing to speak. Raises MissingDependency."""
    try:
        if row.group.startswith("mixed"):
            return tuple(_spoken(run) for run in read(row.text, row.language, row.table, exact=True).runs)
        run, _ = read_run(row.language, [Part(row.text, 0)], row.table, None)
    except TextError:
        return ()
    if run is None:
        return ()
    if run.language == "en" and len(run.phonemes) < _SHORT_ENGLISH:
        run = run.with_leading(",", row.table, in_text=False)
    if run.language == "ko" and run.phonemes[-1].isalpha():
        run = run.with_trailing(".", row.table)
    return (_spoken(run),)


def _spoken(run: Run) -> Spoken:
    return Spoken(run.language, None, run.text, run.phonemes, run.per_char)


def cut_as_recorded(record: dict[str, Any]) -> bool:
    text = collapse_punctuation(record["text"])
    try:
        pieces = presplit(text, record["method"], record["lang"] == "en")
    except TextError:
        return "error" in record
    return text == record["after_collapse"] and pieces == record.get("segments")
