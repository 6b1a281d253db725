"""The table of commands. Importing it loads typer, but no library that a command needs."""

from __future__ import annotations

from typing import Annotated

import typer

from sovits_tts import __version__
from sovits_tts.app.cli import console
from sovits_tts.app.cli.batch import batch
from sovits_tts.app.cli.convert import convert
from sovits_tts.app.cli.evaluate import bench, evaluate
from sovits_tts.app.cli.finetune import finetune, train
from sovits_tts.app.cli.inspect import inspect
from sovits_tts.app.cli.lexicon import app as lexicon
from sovits_tts.app.cli.models import app as models
from sovits_tts.app.cli.phonemize import phonemize
from sovits_tts.app.cli.prepare import prepare
from sovits_tts.app.cli.pretrain import pretrain
from sovits_tts.app.cli.say import say
from sovits_tts.app.cli.voices import app as voices
from sovits_tts.app.cli.webui import webui

app = typer.Typer(
    name="sovits-tts",
    help="Speak a text in the voice of a short clip.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        console.show(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Speak a text in the voice of a short clip."""


for command in (say, batch, convert, phonemize, inspect, prepare, finetune, evaluate, bench, pretrain, webui):
    app.command()(command)
app.add_typer(models, name="models")
app.add_typer(train, name="train")
app.add_typer(lexicon, name="lexicon")
app.add_typer(voices, name="voices")
