"""Figures over all lines, and a verdict with its reason for each line that differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from sovits_tts.errors import MissingDependency
from sovits_tts.text.frontend import read
from tests.golden_text.align import distance
from tests.golden_text.chinese import chinese
from tests.golden_text.english import english
from tests.golden_text.findings import Finding, marks, verdict, without_marks
from tests.golden_text.mixed import languages, paired
from tests.golden_text.others import japanese, korean
from tests.golden_text.rows import Row, Spoken, ours

JUDGEMENTS = Path(__file__).with_name("judgements.tsv")


@dataclass
class Figures:
    """Of one group of lines. unread: lines whose language this installation cannot read."""

    lines: int = 0
    identical: int = 0
    better: int = 0
    equal: int = 0
    worse: int = 0
    unread: int = 0
    errors: int = 0
    phonemes: int = 0
    differing: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        counted = self.lines - self.unread
        rest = counted - self.better
        return {
            "lines": self.lines, "identical": self.identical, "better": self.better, "equal": self.equal,
            "worse": self.worse, "unread": self.unread,
            "identical_share": round(self.identical / counted, 4) if counted else None,
            "identical_share_without_better": round(self.identical / rest, 4) if rest else None,
            "phoneme_error_rate": round(self.errors / self.phonemes, 4) if self.phonemes else None,
            "differing": self.differing,
        }  # fmt: skip


def compare(rows: Iterable[Row]) -> dict[str, Figures]:
    figures: dict[str, Figures] = {}
    for row in rows:
        group = figures.setdefault(row.group, Figures())
        group.lines += 1
        try:
            mine = ours(row)
        except MissingDependency:
            group.unread += 1
            continue
        phonemes = tuple(chain.from_iterable(run.phonemes for run in mine))
        group.errors += distance(row.phonemes, phonemes)
        group.phonemes += len(row.phonemes)
        if phonemes == row.phonemes:
            group.identical += 1
            continue
        found, source = judged(row, phonemes), "judged"
        if found is None:
            found, source = explained(row, mine), "rule"
        result = verdict(found)
        setattr(group, result, getattr(group, result) + 1)
        group.differing.append(
            {
                "text": row.text, "verdict": result, "by": source,
                "reasons": [{"verdict": f.verdict, "reason": f.reason, "detail": f.detail} for f in found],
                "upstream": " ".join(row.phonemes), "ours": " ".join(phonemes),
                "upstream_text": "|".join(run.norm for run in row.runs), "our_text": "|".join(run.norm for run in mine),
            }
        )  # fmt: skip
    return figures


@dataclass(frozen=True)
class Judgement:
    """reading: what should be heard, in plain words with pronunciations in markup, or /phonemes/."""

    verdict: str
    reading: str
    reason: str


@cache
def judgements() -> dict[tuple[str, str], list[Judgement]]:
    """By language (or mode) and text; several where dictionaries of a language differ."""
    found: dict[tuple[str, str], list[Judgement]] = {}
    for line in JUDGEMENTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            language, text, judgement, reading, reason = line.split("\t")
            key = language, text.replace("\\n", "\n")
            found.setdefault(key, []).append(Judgement(judgement, reading, reason))
    return found


def judged(row: Row, phonemes: tuple[str, ...]) -> list[Finding] | None:
    """What the table says about this line, if it still is about these phonemes."""
    entries = judgements().get((row.language, row.text), [])
    found = next((entry for entry in entries if _is(row, entry.reading, phonemes)), None)
    return [Finding(found.verdict, "judged", f"{found.reason} [{found.reading}]")] if found else None


def _is(row: Row, reading: str, phonemes: tuple[str, ...]) -> bool:
    """Are these the sounds of the reading? Punctuation aside, and in v1 aside from its own way with 儿 and pitch."""
    if reading == "nothing":
        return not without_marks(phonemes)
    if reading.startswith("/"):
        wanted = tuple(reading.strip("/").split())
        return wanted == phonemes or (row.table == "v1" and tuple(_in_v1(p) for p in wanted) == phonemes)
    spoken = read(reading, row.language, row.table, exact=True)
    return without_marks(spoken.phonemes) == without_marks(phonemes)


def _in_v1(phoneme: str) -> str:
    return "UNK" if phoneme in "[]" else phoneme


def explained(row: Row, mine: tuple[Spoken, ...]) -> list[Finding]:
    """What the rules make of a line that nobody has judged."""
    if not mine:
        spoken = any(without_marks(run.phonemes) for run in row.runs)
        detail = "we say that there is nothing to speak"
        return [Finding("worse" if spoken else "equal", "nothing_to_speak", detail)]
    found: list[Finding] = []
    pairs = paired(row.runs, mine)
    if row.group.startswith("mixed"):
        found += languages(row, mine)
        if pairs is None:
            return found or [Finding("worse", "runs", "other runs")]
    for theirs, run in pairs or []:
        if theirs.phonemes != run.phonemes:
            found += _run(row, theirs, run)
    return found


def _run(row: Row, theirs: Spoken, run: Spoken) -> Iterable[Finding]:
    text = theirs.text or row.text
    if without_marks(theirs.phonemes) == without_marks(run.phonemes):
        return marks(text, theirs.phonemes, run.phonemes)
    if run.language in ("zh", "yue"):
        stand_ins = row.open if run.language == "zh" else frozenset("")
        return chinese(text, theirs, run, stand_ins)
    if run.language == "en":
        return english(text, theirs, run, row.choices)
    return japanese(text, theirs, run) if run.language == "ja" else korean(theirs, run)
