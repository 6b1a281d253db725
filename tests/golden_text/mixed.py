"""Rules that name differences in mixed lines: first which language each piece was given, then the pieces."""

from __future__ import annotations

from collections.abc import Iterator

from sovits_tts.text.scripts import DIGIT, HAN, KANA, NEUTRAL, script
from sovits_tts.text.segment import segment
from tests.golden_text.findings import Finding
from tests.golden_text.rows import Row, Spoken


def languages(row: Row, ours: tuple[Spoken, ...]) -> Iterator[Finding]:
    """Where upstream gives a piece of the text to another language than we do."""
    theirs = _of_characters(row.text, [(run.language, run.text or "") for run in row.runs])
    mine = _of_characters(row.text, [(s.language, s.text) for s in segment(row.text, row.language)])
    at = 0
    while at < len(row.text):
        start, pair = at, (theirs[at], mine[at])
        while at < len(row.text) and (theirs[at], mine[at]) == pair:
            at += 1
        piece = row.text[start:at]
        if pair[0] == pair[1] or all(script(c) == NEUTRAL for c in piece):
            continue
        yield _named(row.text, piece, *pair)


def _named(text: str, piece: str, theirs: str, ours: str) -> Finding:
    detail = f"{piece!r}: upstream {theirs or 'nothing'}, ours {ours}"
    scripts = {script(c) for c in piece}
    kana = any(script(c) == KANA for c in text)
    if theirs == "ja" and ours in ("zh", "yue") and scripts <= {HAN, NEUTRAL, DIGIT}:
        if len([c for c in text if script(c) == HAN]) > len(piece) and not kana:
            return Finding("better", "chinese_taken_for_japanese", detail)
        return Finding("equal", "han_alone", detail)
    if DIGIT in scripts and scripts <= {DIGIT, NEUTRAL}:
        return Finding("equal", "digits", detail)
    return Finding("worse", "language", detail)


def _of_characters(text: str, pieces: list[tuple[str, str]]) -> list[str]:
    """The language of each character; "" for one that no piece has."""
    found = [""] * len(text)
    at = 0
    for language, piece in pieces:
        for char in piece:
            where = text.find(char, at)
            if 0 <= where < at + 8:
                found[where], at = language, where + 1
    return found


def paired(theirs: tuple[Spoken, ...], ours: tuple[Spoken, ...]) -> list[tuple[Spoken, Spoken]] | None:
    """Runs side by side where both have the same languages in the same order, else None."""
    theirs = tuple(run for run in theirs if run.phonemes)
    if [run.language for run in theirs] != [run.language for run in ours]:
        return None
    return list(zip(theirs, ours, strict=True))
