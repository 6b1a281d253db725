"""`sovits-tts phonemize`: how a text will be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sovits_tts.app.cli import console


def phonemize(
    text: Annotated[str | None, typer.Argument(help="What to read; - reads stdin.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the text from this UTF-8 file.")] = None,
    language: Annotated[str, typer.Option("--language", "-l", help="auto, zh, en, ja, ko, yue.")] = "auto",
    symbols: Annotated[str, typer.Option(help="Phoneme table: v1 or v2.")] = "v2",
    cut: Annotated[str, typer.Option(help="How to cut into sentences: auto, or cut0 to cut5.")] = "auto",
    lexicon: Annotated[Path | None, typer.Option(help="Your own pronunciations.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The phonemes of a text, run by run, and what in it cannot be read."""
    from sovits_tts.text.frontend import Lexicon, describe, sentences

    known = Lexicon.load(lexicon) if lexicon else None
    found = describe(sentences(console.read_text(text, file), language, symbols, cut, known))
    if json:
        console.show_json(found)
        return
    for segment in found["segments"]:
        console.show(f"{segment['language']}  {segment['text']}\n    {' '.join(segment['phonemes'])}")
    for warning in found["warnings"]:
        console.note(f"Warning: {warning['message']}")
