"""Evaluation sets: JSONL files that say which sentences to speak, in whose voice, and where people said them.

One row per line. Paths are relative to a root folder that the caller names, so that a set can be shared without its
recordings.
  id, text, language         what to say
  reference, reference_text  a clip of 3 to 10 s to say it like, and its transcript
  recording                  optional: somebody saying just this, for the two baselines
  start, end                 optional: the part of `recording` that counts, in seconds
  speaker                    optional: who speaks in `reference` and `recording`; the folder of `reference` if absent
"""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from sovits_tts.audio import Audio
from sovits_tts.errors import DataError


@dataclass(frozen=True)
class Row:
    id: str
    text: str
    language: str
    reference: str
    reference_text: str
    recording: str = ""
    start: float = 0.0
    end: float = 0.0  # 0: to the end of the recording
    speaker: str = ""

    @property
    def who(self) -> str:
        return self.speaker or PurePosixPath(self.reference).parent.as_posix()


_KNOWN = {field.name: float if field.type == "float" else str for field in fields(Row)}
_NEEDED = {field.name for field in fields(Row) if field.default is MISSING}


def read_set(path: Path) -> list[Row]:
    """Rows of a set. Raises DataError with everything that is wrong with it, line by line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The evaluation set {path} cannot be read: {error}.") from error
    rows: list[Row] = []
    wrong: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            if row.id in seen:
                raise DataError(f"the id {row.id!r} was used before")
            seen.add(row.id)
            rows.append(row)
        except DataError as error:
            wrong.append(f"line {number}: {error.message}")
    if wrong:
        raise DataError(f"{path} has {len(wrong)} bad rows:\n  " + "\n  ".join(wrong))
    if not rows:
        raise DataError(f"{path} has no rows.", hint="Give one JSON object per line; README.md lists the fields.")
    return rows


def _row(line: str) -> Row:
    try:
        values: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"no JSON ({error})") from error
    if not isinstance(values, dict):
        raise DataError("not a JSON object")
    if unknown := set(values) - set(_KNOWN):
        raise DataError(f"unknown field {sorted(unknown)[0]!r}; known are {', '.join(_KNOWN)}")
    if missing := _NEEDED - set(values):
        raise DataError(f"{', '.join(sorted(missing))} missing")
    for name, value in values.items():
        kinds = (int, float) if _KNOWN[name] is float else (str,)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise DataError(f"{name} is {value!r}, not a {'number' if kinds != (str,) else 'text'}")
    if not values["text"].strip():
        raise DataError("the text is empty")
    return Row(**values)


def check_files(rows: list[Row], root: Path) -> None:
    """Raises DataError naming every file that a set needs and `root` lacks."""
    needed = sorted({name for row in rows for name in (row.reference, row.recording) if name})
    missing = [name for name in needed if not (root / name).is_file()]
    if missing:
        shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        raise DataError(
            f"{len(missing)} of {len(needed)} clips are not in {root}: {shown}",
            hint="Say where they are with --root.",
        )


def natural(row: Row, root: Path) -> Audio:
    """The recording of a row, cut to the part that counts."""
    audio = Audio.load(root / row.recording)
    return audio.cut(row.start, row.end or audio.seconds) if row.start or row.end else audio


def first_of_each_language(rows: list[Row], count: int) -> list[Row]:
    """The first `count` rows of each language; all for 0."""
    taken: dict[str, int] = {}
    kept = []
    for row in rows:
        taken[row.language] = taken.get(row.language, 0) + 1
        if not count or taken[row.language] <= count:
            kept.append(row)
    return kept
