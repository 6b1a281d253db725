"""One difference between a recorded line and ours, named. Rules for punctuation, which all languages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sovits_tts.text.symbols import PUNCTUATION
from tests.golden_text.align import blocks

MARKS = frozenset(PUNCTUATION)
_PAUSES = frozenset(',;:，；：、—–-()（）"“”…!?！？.。\n「」')


@dataclass(frozen=True)
class Finding:
    """verdict: better, equal or worse; reason: a word that stands for the rule; detail: both readings."""

    verdict: str
    reason: str
    detail: str


def verdict(findings: Sequence[Finding]) -> str:
    """Of a line: worse if anything is; better if anything is and nothing is worse."""
    found = {finding.verdict for finding in findings}
    return next((v for v in ("worse", "better") if v in found), "equal" if found else "worse")


def without_marks(phonemes: Iterable[str]) -> tuple[str, ...]:
    return tuple(p for p in phonemes if p not in MARKS)


def marks(text: str, theirs: Sequence[str], ours: Sequence[str]) -> list[Finding]:
    """Why the punctuation differs, where nothing but punctuation does."""
    found: list[Finding] = []
    for same, part, mine in blocks(theirs, ours):
        if same:
            continue
        lost, added = list(theirs[part]), list(ours[mine])
        before, after = (theirs[part.start - 1] if part.start else ""), (theirs[part.stop : part.stop + 1] or ("",))[0]
        detail = f"upstream {' '.join(lost) or 'nothing'}, ours {' '.join(added) or 'nothing'}"
        if any(p not in MARKS for p in lost + added):
            found.append(Finding("worse", "sounds", detail))
        elif added and not lost:
            written = bool(_PAUSES & set(text))
            found.append(
                Finding("better" if written else "worse", "pause_kept", f"a mark in the text is a pause: {detail}")
            )
        elif added:
            found.append(Finding("equal", "other_mark", detail))
        elif before in MARKS or after in MARKS or len(lost) > 1:
            found.append(Finding("equal", "run_of_marks", f"a run of marks is one pause: {detail}"))
        elif lost == [","] and part.start == 0 and not text.lstrip().startswith((",", "，", "、")):
            found.append(Finding("equal", "invented_pause", f"nothing is written before the first word: {detail}"))
        elif lost == ["-"]:
            found.append(
                Finding("better", "no_pause_in_word", f"an apostrophe or hyphen in a word is silent: {detail}")
            )
        else:
            found.append(Finding("worse", "pause_lost", detail))
    return found
