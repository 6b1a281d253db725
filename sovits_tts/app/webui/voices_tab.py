"""The Voices tab: what there is, what is known about each, and keeping order among them."""

from __future__ import annotations

from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui.catalogue import say
from sovits_tts.app.webui.layout import Page, samples
from sovits_tts.app.webui.session import KEPT_SECONDS, Session
from sovits_tts.errors import VoiceError
from sovits_tts.voice import Voice
from sovits_tts.voicepack import VoicePackage, open_package


def build(page: Page) -> None:
    put, at = page.put, SimpleNamespace()
    at.session = gr.State(Session(), time_to_live=KEPT_SECONDS, delete_callback=Session.clean)
    with gr.Row():
        with gr.Column(min_width=300):
            at.choice = put(gr.Radio, "voices.list", choices=page.voices(), value=None, elem_classes="sv-list")
            at.bring = put(gr.UploadButton, "voices.import", file_types=[".voice"])
        with gr.Column(min_width=300):
            with gr.Column(visible=False) as at.details:
                at.table = gr.HTML()
                at.style = put(gr.Dropdown, "voices.style", choices=[], visible=False)
                at.player = put(gr.Audio, "voices.player", interactive=False, buttons=["download"])
                with gr.Row(elem_classes="sv-actions"):
                    at.export = put(gr.Button, "voices.export", min_width=100)
                    at.delete = put(gr.Button, "voices.delete", variant="stop", min_width=100)
                at.file = put(gr.File, "voices.file", interactive=False, visible=False)
                with gr.Group(visible=False) as at.asked:
                    at.question = gr.Markdown(container=True)
                    with gr.Row():
                        at.sure = put(gr.Button, "voices.sure", variant="stop", min_width=100)
                        at.no = put(gr.Button, "voices.no", min_width=100)
                with gr.Row(elem_classes="sv-beside") as at.renaming:
                    at.new = put(gr.Textbox, "voices.new", max_length=64, scale=2, min_width=150)
                    at.change = put(gr.Button, "voices.rename", scale=1, min_width=100)
            at.none = put(gr.Markdown, "voices.none")
    page.lists.append((at.choice, False))
    _wire(page, at)


def _wire(page: Page, at: SimpleNamespace) -> None:
    off, on = gr.update(visible=False), gr.update(visible=True)
    known = [component for component, _ in page.lists]  # of the tabs built before, and this one's last

    def listed(value: str | None) -> list[Any]:
        return [*page.fresh_lists()[: len(known) - 1], gr.update(choices=page.voices(), value=value)]

    def show(name: str | None, language: str) -> tuple[Any, ...]:
        if not name:
            return off, on, "", gr.update(), None, off, gr.update(value=None, visible=False), off
        entry = voices.find(name)
        voice, package = voices.get(name), open_package(entry.path) if entry.tuned else None
        table = facts(voice, entry.bundled, language) + (figures(package, language) if package else "")
        styles = package.styles if package else []
        style = gr.update(choices=styles, value=styles[0] if styles else None, visible=len(styles) > 1)
        mine = off if entry.bundled else on
        return on, off, table, style, samples(voice.audio), off, gr.update(value=None, visible=False), mine

    def do_import(path: str) -> list[Any]:
        source = Path(path)
        try:
            entry = voices.import_voice(source)
        finally:
            source.unlink(missing_ok=True)
        return listed(entry.name)

    def do_rename(old: str, new: str) -> list[Any]:
        voices.rename(old, new)
        return [*listed(new), ""]

    def do_export(session: Session, name: str | None) -> Any:
        if not name:
            raise VoiceError("No voice is chosen.", hint="Choose one in the list.")
        target = session.file(f"{voices.find(name).name}.voice")
        return session, gr.update(value=str(voices.export_voice(name, target, overwrite=True)), visible=True)

    def do_delete(name: str) -> list[Any]:
        voices.remove(name)
        return listed(None)

    def ask(name: str | None, language: str) -> tuple[Any, ...]:
        return gr.update(visible=bool(name)), say(language, "voices.ask", name=name)

    view = [at.details, at.none, at.table, at.style, at.player, at.asked, at.file, at.renaming]
    hidden = {"show_progress": "hidden"}
    page.on(at.choice.change, show, [at.choice, page.language], view, **hidden)
    say_style = lambda name, style: samples(voices.get(name, style).audio)
    page.on(at.style.input, say_style, [at.choice, at.style], at.player)
    page.on(at.bring.upload, do_import, at.bring, known)
    page.on(at.change.click, do_rename, [at.choice, at.new], [*known, at.new])
    page.on(at.export.click, do_export, [at.session, at.choice], [at.session, at.file])
    page.on(at.delete.click, ask, [at.choice, page.language], [at.asked, at.question], **hidden)
    page.on(at.sure.click, do_delete, at.choice, known)
    page.on(at.no.click, lambda: off, None, at.asked, **hidden)


def facts(voice: Voice, bundled: bool, language: str) -> str:
    """A voice in a table."""
    rows = [
        ("name", voice.name + (f" ({say(language, 'voices.bundled')})" if bundled else "")),
        ("seconds", f"{voice.audio.seconds:.1f} s"), ("language", voice.language), ("text", voice.text or "–"),
        ("consent", voice.consent or "–"), ("licence", voice.licence or "–"),
    ]  # fmt: skip
    cells = "".join(f"<tr><th>{escape(say(language, f'voices.{k}'))}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    return f'<table class="sv-table">{cells}</table>'


def figures(package: VoicePackage, language: str) -> str:
    """Before and after fine-tuning, as the run that made the voice measured it."""
    metrics = package.metrics()
    trained = ", ".join(package.stages) or "–"
    note = say(language, "voices.tuned", model=package.manifest.base.name, stages=trained)
    return f'<p class="sv-note">{escape(note)}</p>{before_and_after(metrics, language)}'


def before_and_after(metrics: dict[str, Any], language: str) -> str:
    """A table of error rate and similarity: the base with the clip, the fine-tuned voice, the real recordings."""
    columns = [name for name in ("baseline", "tuned", "natural") if isinstance(metrics.get(name), dict)]
    if not columns:
        return ""

    def cell(value: Any, share: bool) -> str:
        if not isinstance(value, int | float):
            return "–"
        return f"{value:.1%}" if share else f"{value:.3f}"

    head = "".join(f"<th>{escape(say(language, f'figures.{name}'))}</th>" for name in columns)
    rows = "".join(
        f"<tr><th>{escape(say(language, f'figures.{key}'))}</th>"
        + "".join(f"<td>{cell(metrics[name].get(key), share)}</td>" for name in columns)
        for key, share in (("error_rate", True), ("similarity", False), ("failed", True))
    )
    reason = escape(str(metrics.get("reason", "")))
    return f'<table class="sv-table"><tr><th></th>{head}</tr>{rows}</table><p class="sv-note">{reason}</p>'
