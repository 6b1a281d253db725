"""`sovits-tts lexicon`: files of the user's own pronunciations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Json

app = typer.Typer(help="Files of your own pronunciations.", no_args_is_help=True)


@app.callback()
def lexicon() -> None:
    """Files of your own pronunciations."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Lines of language, word, pronunciation, with tabs between.")],
    json: Json = False,
) -> None:
    """Every mistake in a lexicon with its line; exit code 2 if there is one."""
    from sovits_tts.text.lexicon import Lexicon
    from sovits_tts.text.lexicon import check as problems_of

    problems = problems_of(file)
    words = {} if problems else {language: len(found) for language, found in Lexicon.load(file).words.items()}
    if json:
        console.show_json({"file": str(file), "words": words, "problems": problems})
    else:
        for problem in problems:
            console.show(problem)
        counts = ", ".join(f"{count} in {language}" for language, count in words.items()) or "none"
        console.note(f"{len(problems)} bad lines." if problems else f"No mistakes. Words: {counts}.")
    if problems:
        raise typer.Exit(2)
