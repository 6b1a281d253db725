"""Spans -> the text with the markup that makes them: what `markup.parse` reads, the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sovits_tts.errors import TextError
from sovits_tts.text.markup import Pause, Span, parse

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\<>[]"})


def written(spans: Sequence[Span]) -> str:
    """One sentence as its author would have to write it to get exactly these spans."""
    merged: list[Span] = []
    for span in spans:  # an escaped character is a span of its own
        last = merged[-1] if merged else None
        if last and not last.whole and not span.whole and last.language == span.language:
            merged[-1] = replace(last, text=last.text + span.text)
        else:
            merged.append(span)
    text = "".join(_one(span) for span in merged).strip()
    rate = spans[0].rate if spans else 1.0
    return text if rate == 1 or not text else f'<prosody rate="{rate:.0%}">{text}</prosody>'


def _one(span: Span) -> str:
    if span.alias:
        text = f'<sub alias="{span.alias}">{span.text}</sub>'
    elif span.pronunciation:
        text = f'<phoneme ph="{span.pronunciation}">{span.text}</phoneme>'
        short = f"{span.text}<{span.pronunciation}>"
        if _reads_as(short, span.text):  # shorter, where it is clear which word is meant
            text = short
    elif span.say_as:
        way, _, order = span.say_as.partition(":")
        text = f'<say-as interpret-as="{way}" format="{order}">{span.text}</say-as>'
        text = text.replace(' format=""', "")
    else:
        text = span.text if _reads_as(span.text, span.text) else span.text.translate(_MARKS)
    return f"<lang {span.language}>{text}</lang>" if span.language else text


def _reads_as(text: str, word: str) -> bool:
    """Whether `text` alone is one span of this text."""
    try:
        found = [piece for piece in parse(text) if isinstance(piece, Pause) or piece.text]
    except TextError:
        return False
    return len(found) == 1 and isinstance(found[0], Span) and found[0].text == word
