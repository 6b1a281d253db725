"""The Voices, Models and Inspect tabs."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts import assets, voices
from sovits_tts.app.webui import clips
from sovits_tts.app.webui.catalogue import say
from sovits_tts.app.webui.layout import Page, samples, shown
from sovits_tts.app.webui.session import KEPT_SECONDS, Session
from sovits_tts.clip import inspect
from sovits_tts.errors import MissingDependency
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def names() -> list[str]:
    return [entry.name for entry in voices.entries()]


def facts(voice: Voice, bundled: bool, language: str) -> str:
    """A voice in a table."""
    rows = [
        ("name", voice.name + (f" ({say(language, 'voices.bundled')})" if bundled else "")),
        ("seconds", f"{voice.audio.seconds:.1f} s"), ("language", voice.language), ("text", voice.text or "–"),
        ("consent", voice.consent or "–"), ("licence", voice.licence or "–"),
    ]  # fmt: skip
    cells = "".join(f"<tr><th>{escape(say(language, f'voices.{k}'))}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    return f'<table class="sv-table">{cells}</table>'


def rename(old: str, new: str) -> None:
    """Give a saved voice another name. Raises VoiceError for a bundled one, or a name that is taken or none."""
    entry = voices.find(old)
    if entry.bundled:
        voices.remove(old)  # raises, with the reason
    voices.add(voices.get(old), new)
    voices.remove(old)


def voices_tab(page: Page, speak_voice: Any) -> None:
    put = page.put
    session = gr.State(Session(), time_to_live=KEPT_SECONDS, delete_callback=Session.clean)
    with gr.Row():
        with gr.Column(min_width=300):
            choice = put(gr.Dropdown, "voices.list", choices=names(), value=None)
            bring = put(gr.UploadButton, "voices.import", file_types=[".voice"])
            new = put(gr.Textbox, "voices.new", max_length=64)
            change = put(gr.Button, "voices.rename")
            export = put(gr.Button, "voices.export")
            file = put(gr.File, "voices.file", interactive=False, visible=False)
            delete = put(gr.Button, "voices.delete", variant="stop")
            with gr.Group(visible=False) as asked:
                question = gr.Markdown()
                sure = put(gr.Button, "voices.sure", variant="stop")
                no = put(gr.Button, "voices.no")
        with gr.Column(min_width=300):
            table = gr.HTML()
            player = put(gr.Audio, "voices.player", interactive=False, buttons=["download"])

    def refreshed(value: str | None = None) -> tuple[Any, Any]:
        return gr.update(choices=names(), value=value), gr.update(choices=names())

    @shown
    def show(name: str | None, language: str) -> tuple[Any, ...]:
        if not name:
            return "", None, gr.update(visible=False), gr.update(value=None, visible=False)
        voice = voices.get(name)
        table = facts(voice, voices.find(name).bundled, language)
        return table, samples(voice.audio), gr.update(visible=False), gr.update(value=None, visible=False)

    @shown
    def do_import(path: str) -> tuple[Any, Any]:
        source = Path(path)
        try:
            voices.add(Voice.load(source), source.stem)
        finally:
            source.unlink(missing_ok=True)
        return refreshed(source.stem)

    @shown
    def do_rename(old: str, new: str) -> tuple[Any, Any]:
        rename(old, new)
        return refreshed(new)

    @shown
    def do_export(session: Session, name: str) -> Any:
        target = session.file(f"{voices.find(name).name}.voice")
        return gr.update(value=str(voices.get(name).save(target, overwrite=True)), visible=True)

    @shown
    def do_delete(name: str) -> tuple[Any, ...]:
        voices.remove(name)
        return *refreshed(), gr.update(visible=False)

    def ask(name: str | None, language: str) -> tuple[Any, ...]:
        return gr.update(visible=bool(name)), say(language, "voices.ask", name=name)

    lists = [choice, speak_voice]
    choice.change(show, [choice, page.language], [table, player, asked, file], **_PRIVATE)
    bring.upload(do_import, bring, lists, **_PRIVATE)
    change.click(do_rename, [choice, new], lists, **_PRIVATE)
    export.click(do_export, [session, choice], file, **_PRIVATE)
    delete.click(ask, [choice, page.language], [asked, question], **_PRIVATE)
    sure.click(do_delete, choice, [*lists, asked], **_PRIVATE)
    no.click(lambda: gr.update(visible=False), None, asked, **_PRIVATE)


def models_page(tts: TTS, language: str) -> str:
    """What is installed, how large, under which licence, where missing files go, and where the model runs."""
    rows = []
    for model in assets.listing():
        here = say(language, "models.yes" if model["installed"] else "models.no")
        size = "?" if model["bytes"] is None else f"{model['bytes'] / 1e6:.0f} MB"
        licence = "CC BY 4.0" if model["name"] == assets.EMBEDDED else "MIT"
        paths = "<br>".join(escape(str(assets.download_folder() / path)) for path in model["missing"])
        command = f"<code>sovits-tts models download {escape(model['name'])}</code>"
        by_hand = escape(say(language, "models.by_hand"))
        where = f"{command}<details><summary>{by_hand}</summary>{paths}</details>" if paths else "–"
        rows.append(f"<tr><th>{escape(model['name'])}</th><td>{here}</td><td>{size}</td><td>{licence}</td><td>{where}")
    columns = ("name", "here", "size", "licence", "get")
    heads = "".join(f"<th>{escape(say(language, f'models.{column}'))}</th>" for column in columns)
    run = tts.runtime
    kinds = {"GPT": run.gpt, "VITS": run.vits, "BERT": run.bert, "content": run.content}
    precision = ", ".join(f"{name} {str(kind).removeprefix('torch.')}" for name, kind in kinds.items())
    facts = say(language, "models.device", model=tts.spec.name, device=str(run.device), reason=run.reason)
    return (
        f'<p><b>{escape(facts)}</b><br>{escape(precision)}</p><div class="sv-scroll"><table class="sv-table">'
        f"<tr>{heads}</tr>{''.join(rows)}</table></div>"
    )


def inspect_tab(page: Page) -> None:
    clip = page.put(gr.Audio, "inspect.clip", sources=["upload", "microphone"], type="filepath", buttons=["download"])
    words = gr.HTML()
    picture = page.put(gr.Image, "inspect.picture", interactive=False, visible=False, buttons=["fullscreen"])

    @shown
    def show(path: str | None, language: str) -> tuple[Any, ...]:
        if path is None:
            return "", gr.update(visible=False)
        audio = clips.read_clip(Path(path))
        report = inspect(audio)
        parts = clips.card(audio, report, language) + clips.plain_words(report, language)
        if report.speech:
            parts += clips.spectrum(audio, report, language)
        return parts, gr.update(value=draw(audio, report), visible=True)

    clip.change(show, [clip, page.language], [words, picture], **_PRIVATE)


def draw(audio: Any, report: Any) -> Any:
    """Waveform, mel spectrum and pitch as a picture; None without matplotlib, which the page can do without."""
    from PIL import Image

    from sovits_tts.app.plots import plot_clip

    try:
        figure = plot_clip(audio, report)
    except MissingDependency:
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer)
