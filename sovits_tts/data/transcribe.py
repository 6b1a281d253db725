"""What clips say, where nobody wrote it down; and the table in which a person corrects it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from math import exp
from pathlib import Path
from typing import Protocol

from sovits_tts.audio import Audio
from sovits_tts.data.atomic import write_text
from sovits_tts.errors import ConfigError, DataError, MissingDependency

COLUMNS = ("id", "keep", "confidence", "verdict", "language", "text", "why")
_YES, _NO = frozenset({"yes", "y", "1", "true"}), frozenset({"no", "n", "0", "false", "x"})
_RATE = 16_000


@dataclass(frozen=True)
class Heard:
    """What a recogniser made of a clip. confidence: 0 to 1."""

    text: str
    language: str
    confidence: float


class Transcriber(Protocol):
    name: str

    def transcribe(self, audio: Audio, language: str) -> Heard:
        """language: a code, or "auto"."""
        ...


class FasterWhisper:
    """faster-whisper (extra `asr`) from a model folder on this machine; nothing is downloaded.

    Raises MissingDependency without the package, ConfigError without the folder.
    """

    @staticmethod
    def check(model: Path) -> None:
        """Raises as the constructor does, without loading anything."""
        if not find_spec("faster_whisper"):
            raise MissingDependency("faster-whisper is not installed.", hint='pip install "sovits-tts[asr]"')
        if not model.is_dir():
            raise ConfigError(f"There is no faster-whisper model in {model}.", hint="Name the folder that holds it.")

    def __init__(self, model: Path, device: str = "auto") -> None:
        self.check(model)
        from faster_whisper import WhisperModel

        self.name = f"faster-whisper {model.name}"
        self._model = WhisperModel(str(model), device=device, local_files_only=True)

    def transcribe(self, audio: Audio, language: str) -> Heard:
        asked = None if language == "auto" else language
        parts, info = self._model.transcribe(audio.resample(_RATE).samples, language=asked, beam_size=5)
        found = list(parts)
        seconds = sum(part.end - part.start for part in found)
        logs = sum(part.avg_logprob * (part.end - part.start) for part in found)
        text = "".join(part.text for part in found).strip()
        return Heard(text, asked or info.language, exp(logs / seconds) if seconds else 0.0)


@dataclass(frozen=True)
class ReviewRow:
    """A line of transcripts.tsv. keep: "yes" and "no" overrule the verdict, "" follows it. confidence None: unknown."""

    id: str
    keep: str
    confidence: float | None
    verdict: str
    language: str
    text: str
    why: str = ""


def write_review(path: Path, rows: Iterable[ReviewRow]) -> None:
    """Worst confidence first; those without a transcript before all."""
    ordered = sorted(rows, key=lambda row: (bool(row.text), row.confidence if row.confidence is not None else -1.0))
    buffer = StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    writer.writerow(COLUMNS)
    for row in ordered:
        confidence = "" if row.confidence is None else f"{row.confidence:.3f}"
        cells = (row.id, row.keep, confidence, row.verdict, row.language, row.text, row.why)
        writer.writerow(" ".join(cell.split()) for cell in cells)
    write_text(path, "\ufeff" + buffer.getvalue())  # spreadsheets take it for UTF-8 only with the mark


def read_review(path: str | os.PathLike[str]) -> dict[str, ReviewRow]:
    """id -> row. Raises DataError that lists every line that cannot be understood."""
    path = Path(path)
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8.", hint="Save it as UTF-8 text with tabs.") from error
    if not lines or lines[0].split("\t")[: len(COLUMNS)] != list(COLUMNS):
        raise DataError(
            f"{path}:1: the first line should name the columns {', '.join(COLUMNS)}, parted by tabs.",
            hint="Save it as text with tabs, or delete it to get a new one.",
        )
    rows: dict[str, ReviewRow] = {}
    faults = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        cells += [""] * (len(COLUMNS) - len(cells))
        keep = "yes" if cells[1].lower() in _YES else "no" if cells[1].lower() in _NO else cells[1]
        if keep not in ("", "yes", "no"):
            faults.append(f"line {number}: keep is {keep!r}; it can be yes, no or empty.")
        elif cells[0] in rows:
            faults.append(f"line {number}: {cells[0]} stands twice.")
        else:
            confidence = float(cells[2]) if cells[2].replace(".", "", 1).isdigit() else None
            rows[cells[0]] = ReviewRow(cells[0], keep, confidence, *cells[3:7])
    if faults:
        raise DataError(f"{path}: {' '.join(faults)}", hint="Correct these lines; nothing was changed.")
    return rows
