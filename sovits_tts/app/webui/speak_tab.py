"""The Speak tab: a voice, a text, and the sentences made of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import clips, speech
from sovits_tts.app.webui.catalogue import say
from sovits_tts.app.webui.layout import Page, samples, shown
from sovits_tts.app.webui.session import KEPT_SECONDS, Session
from sovits_tts.app.webui.speaking import (
    FORMATS,
    bundled,
    current_voice,
    fitting,
    line_view,
    make_options,
    message,
    titles,
    write_files,
)
from sovits_tts.clip import inspect
from sovits_tts.errors import TextError
from sovits_tts.options import CUTS
from sovits_tts.voice import Voice

_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def build(page: Page) -> dict[str, Any]:
    """Lay the tab out and wire it. Returns the components that other parts of the page update."""
    at = SimpleNamespace()
    at.session = gr.State(Session(), time_to_live=KEPT_SECONDS, delete_callback=Session.clean)
    languages = ["auto", *page.tts.spec.languages]
    with gr.Row():
        with gr.Column(min_width=300, elem_id="sv-voice"):
            _voice_side(page, at, languages)
        with gr.Column(min_width=300):
            _text_side(page, at, languages)
    _wire_voice(page, at)
    _wire_generate(page, at)
    _wire_lines(page, at)
    return {name: getattr(at, name) for name in ("voice", "text", "card", "transcript", "clip_language")}


def _voice_side(page: Page, at: SimpleNamespace, languages: list[str]) -> None:
    put = page.put
    names = [entry.name for entry in voices.entries()]
    at.voice = put(gr.Dropdown, "speak.voice", choices=names, value=bundled("en"))
    at.card = gr.HTML()
    at.clip = put(
        gr.Audio,
        "speak.clip",
        sources=["upload", "microphone"],
        type="filepath",
        elem_id="sv-clip",
        buttons=["download"],
    )
    at.transcript = put(gr.Textbox, "speak.transcript", lines=2, max_length=2000)
    at.clip_language = put(gr.Dropdown, "speak.clip_language", choices=languages, value="auto")
    with put(gr.Accordion, "speak.keep", open=False):
        at.name = put(gr.Textbox, "speak.name", max_length=64)
        at.consent = put(gr.Textbox, "speak.consent", max_length=500)
        at.keep = put(gr.Button, "speak.save")


def _text_side(page: Page, at: SimpleNamespace, languages: list[str]) -> None:
    put = page.put
    at.text = put(gr.Textbox, "speak.text", lines=4, max_lines=14, value=say("en", "speak.sample"))
    at.go = put(gr.Button, "speak.go", variant="primary", elem_id="sv-go")
    gr.HTML('<div id="sv-player"><audio controls></audio></div>')
    at.sound = gr.Textbox(visible="hidden", elem_id="sv-sound", label="sound")
    at.status = gr.Markdown()
    at.stop = put(gr.Button, "speak.stop", size="sm")
    with gr.Column(visible=False) as at.result:
        at.chosen = put(gr.Radio, "lines.list", choices=[], elem_id="sv-lines")
        at.player = put(gr.Audio, "lines.player", interactive=False, buttons=["download"])
        at.take = put(gr.Radio, "lines.take", choices=[])
        at.edited = put(gr.Textbox, "lines.text", lines=2)
        at.read = gr.Markdown(elem_classes="sv-phonemes")
        with gr.Row():
            at.count = put(gr.Slider, "lines.count", minimum=1, maximum=4, step=1, value=1, min_width=150)
            at.again = put(gr.Button, "lines.again", min_width=150)
        with gr.Row():
            at.kind = put(gr.Dropdown, "lines.format", choices=list(FORMATS), value="wav", min_width=150)
            at.join = put(gr.Button, "lines.join", min_width=150)
        at.files = put(gr.File, "lines.files", file_count="multiple", interactive=False, visible=False)
    at.view = [at.player, at.take, at.edited, at.read]
    with put(gr.Accordion, "speak.more", open=False):
        at.upload = put(gr.UploadButton, "speak.file", file_types=[".txt", ".srt"], size="sm")
        at.settings = _settings(page, languages)


def _wire_voice(page: Page, at: SimpleNamespace) -> None:
    tts = page.tts

    @shown
    def show_clip(session: Session, path: str | None, name: str, language: str) -> tuple[Any, ...]:
        session.forget_clip()
        if path is None:
            found = voices.get(name)
            return session, clips.card(found.audio, inspect(found.audio), language), found.text, found.language
        session.uploads.append(Path(path))
        session.clip = clips.read_clip(Path(path))
        return session, clips.card(session.clip, inspect(session.clip), language), "", "auto"

    @shown
    def show_voice(session: Session, name: str, text: str, language: str) -> tuple[Any, ...]:
        session.forget_clip()
        found = voices.get(name)
        card = clips.card(found.audio, inspect(found.audio), language)
        return session, card, found.text, found.language, fitting(found, text), None

    @shown
    def save_voice(
        session: Session, name: str, transcript: str, clip_language: str, new: str, consent: str, language: str
    ) -> Any:
        made = current_voice(tts, session, name, transcript, clip_language)
        voices.add(Voice(made.audio, made.text, made.language, new, consent or made.consent, made.licence, made.notes,
                         made.features), new)  # fmt: skip
        gr.Info(say(language, "speak.saved", name=new))
        return gr.update(choices=[entry.name for entry in voices.entries()])

    facts = [at.session, at.card, at.transcript, at.clip_language]
    at.clip.change(show_clip, [at.session, at.clip, at.voice, page.language], facts, **_PRIVATE)
    given = [at.session, at.voice, at.text, page.language]
    at.voice.input(show_voice, given, [*facts, at.text, at.clip], **_PRIVATE)
    given = [at.session, at.voice, at.transcript, at.clip_language, at.name, at.consent, page.language]
    at.keep.click(save_voice, given, at.voice, **_PRIVATE)


def _wire_generate(page: Page, at: SimpleNamespace) -> None:
    tts = page.tts

    @shown
    def generate(
        session: Session, name: str, transcript: str, clip_language: str, text: str, language: str, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        options = make_options(*values)
        speaking = current_voice(tts, session, name, transcript, clip_language)
        session.lines, begun = [], time.perf_counter()
        for line in speech.speak(tts, speaking, text, options):
            session.lines.append(line)
            n = len(session.lines)
            note = say(language, "speak.progress", n=n, seconds=time.perf_counter() - begun, seed=options.seed)
            yield (
                session,
                message(line, n - 1),
                note,
                gr.update(choices=titles(session.lines), value=0),
                gr.update(visible=True),
            )

    @shown
    def show_line(session: Session, index: int | None, language: str) -> tuple[Any, ...]:
        return line_view(tts, session.lines, index, language)

    given = [at.session, at.voice, at.transcript, at.clip_language, at.text, page.language, *at.settings]
    made = [at.session, at.sound, at.status, at.chosen, at.result]
    running = at.go.click(
        generate, given, made, api_name="generate", concurrency_limit=2, concurrency_id="model",
        show_progress="minimal", show_progress_on=at.status,
    )  # fmt: skip
    running.then(show_line, [at.session, at.chosen, page.language], at.view, **_PRIVATE)
    at.stop.click(None, cancels=[running], **_PRIVATE)
    at.sound.change(None, at.sound, None, js="(message) => window.sovitsPlay(message)", **_PRIVATE)
    at.chosen.input(show_line, [at.session, at.chosen, page.language], at.view, **_PRIVATE)
    at.upload.upload(shown(lambda path: speech.read_text_file(Path(path))), at.upload, at.text, **_PRIVATE)


def _wire_lines(page: Page, at: SimpleNamespace) -> None:
    tts = page.tts

    @shown
    def choose_take(session: Session, index: int | None, number: int | None) -> Any:
        if index is None or number is None or not 0 <= index < len(session.lines):
            return gr.update()
        line = session.lines[index]
        line.chosen = min(number, len(line.takes) - 1)
        return samples(line.take.audio)

    @shown
    def speak_again(
        session: Session, index: int | None, text: str, count: int, language: str, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        if index is None or not 0 <= index < len(session.lines) or session.voice is None:
            raise TextError("No sentence is chosen.", hint="Choose one in the list.")
        line = session.lines[index]
        for _ in speech.regenerate(tts, session.voice, line, text, make_options(*values), int(count)):
            yield gr.update(choices=titles(session.lines), value=index), *line_view(tts, session.lines, index, language)

    @shown
    def save_joined(session: Session, kind: str) -> Any:
        return gr.update(value=[str(path) for path in write_files(session, kind)], visible=True)

    at.take.input(choose_take, [at.session, at.chosen, at.take], at.player, **_PRIVATE)
    given = [at.session, at.chosen, at.edited, at.count, page.language, *at.settings]
    at.again.click(speak_again, given, [at.chosen, *at.view], concurrency_limit=2, concurrency_id="model", **_PRIVATE)
    at.join.click(save_joined, [at.session, at.kind], at.files, **_PRIVATE)


def _settings(page: Page, languages: list[str]) -> list[Any]:
    """The drawer, in the order of `make_options`."""
    put = page.put
    return [
        put(gr.Dropdown, "set.language", choices=languages, value="auto"),
        put(gr.Number, "set.seed", value=-1, precision=0),
        put(gr.Slider, "set.speed", minimum=0.5, maximum=2, step=0.05, value=1),
        put(gr.Slider, "set.pause", minimum=0, maximum=3, step=0.05, value=0.3),
        put(gr.Slider, "set.temperature", minimum=0, maximum=2, step=0.05, value=1),
        put(gr.Slider, "set.top_k", minimum=0, maximum=100, step=1, value=15),
        put(gr.Slider, "set.top_p", minimum=0.05, maximum=1, step=0.05, value=1),
        put(gr.Slider, "set.repetition", minimum=1, maximum=3, step=0.05, value=1.35),
        put(gr.Dropdown, "set.cut", choices=list(CUTS), value="auto"),
        put(gr.Slider, "set.batch", minimum=1, maximum=16, step=1, value=4),
    ]
