"""`sovits-tts webui`: the web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sovits_tts.app.cli.options import Device, Model, Precision, load, source


def webui(
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's need a password.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int | None, typer.Option(help="Port; the first free one from 7860 by default.")] = None,
    share: Annotated[bool, typer.Option("--share", help="A public address through Gradio's relay.")] = False,
    password_file: Annotated[Path | None, typer.Option(help="File with the password, for the user sovits.")] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    finetune_config: Annotated[Path | None, typer.Option(help="YAML that Create a voice starts from.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Open the web page: a voice, a text, and what they sound like."""
    from sovits_tts.errors import ConfigError, MissingDependency

    try:
        from sovits_tts.app.webui.launch import check_access, serve
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise MissingDependency(
            "The web page needs Gradio.", hint="Install it: pip install 'sovits-tts[webui]'"
        ) from None
    try:
        password = password_file.read_text(encoding="utf-8").strip() if password_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{password_file} cannot be read: {error}") from error
    check_access(host, share, password)  # before the model takes its time
    tuning: dict[str, Any] = {}
    if finetune_config:
        from sovits_tts.config import as_dict
        from sovits_tts.config import load as read_settings
        from sovits_tts.finetune.config import FinetuneConfig

        tuning = as_dict(read_settings(FinetuneConfig, finetune_config))
    known = source(model)
    name = known if isinstance(known, str) else ""  # a pair of official files cannot be fine-tuned
    serve(
        load(model, device, precision), source=name, tuning=tuning, host=host, port=port, share=share,
        password=password, browser=browser,
    )  # fmt: skip
