"""Rules that name differences in Japanese and Korean lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.golden_text.align import blocks
from tests.golden_text.findings import Finding, without_marks
from tests.golden_text.rows import Spoken

_PITCH = frozenset("[]")
_SIGNS = "%％℃°$€£¥￥&@+=×÷#"
_TE_IRU = re.compile(r"(?<= [td] e) UNK i \[")


def japanese(text: str, theirs: Spoken, ours: Spoken) -> Iterator[Finding]:
    """The findings for one run whose phonemes differ in more than punctuation."""
    upstream, mine = _sounds(theirs.phonemes), _sounds(ours.phonemes)
    if upstream == mine:
        written = " ".join(theirs.phonemes)
        if _TE_IRU.search(written) and not _TE_IRU.search(" ".join(ours.phonemes)):
            yield Finding("better", "te_iru", "ている belongs to the phrase of its verb: no border, no second rise")
            written = _TE_IRU.sub(" i", written)
        if [p for p in written.split() if p not in _PITCH] != [p for p in ours.phonemes if p not in _PITCH]:
            yield Finding("equal", "phrase_borders", "the same sounds in other accent phrases")
        elif written.split() != list(ours.phonemes):
            yield Finding("equal", "accent", "the same sounds, another accent: the dictionaries differ")
        return
    for same, part, own in blocks(upstream, mine):
        if same:
            continue
        lost, added = " ".join(upstream[part]), " ".join(mine[own])
        detail = f"upstream {lost or 'nothing'}, ours {added or 'nothing'}"
        if not lost and any(c in text for c in _SIGNS):
            yield Finding("better", "sign_named", detail)
        elif (lost, added) == ("n i", "N") and re.search("何(?:です|でし|だ|の)", text):
            yield Finding("better", "nan", f"何 is なん before です, だ and の: {detail}")
        elif re.search("[A-Za-z]{2}", text):
            yield Finding("equal", "latin_letters", f"Latin letters in Japanese: {detail}")
        else:
            yield Finding("worse", "reading", detail)


def _sounds(phonemes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(p for p in without_marks(phonemes) if p not in _PITCH and p not in ("UNK", "_"))


def korean(theirs: Spoken, ours: Spoken) -> Iterator[Finding]:
    """Differences of spaces are names of pauses; everything else has to be judged."""
    upstream, mine = without_marks(theirs.phonemes), without_marks(ours.phonemes)
    if [p for p in upstream if p not in "空停"] == [p for p in mine if p not in "空停"]:
        yield Finding("equal", "spaces", "the same sounds, other pauses")
        return
    for same, part, own in blocks(upstream, mine):
        if not same:
            detail = f"upstream {' '.join(upstream[part]) or 'nothing'}, ours {' '.join(mine[own]) or 'nothing'}"
            yield Finding("worse", "reading", detail)
