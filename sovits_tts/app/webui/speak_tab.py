"""The Speak tab: a voice, a text, and the sentences made of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import clips, speech
from sovits_tts.app.webui.catalogue import say
from sovits_tts.app.webui.drawer import make_options, preferences, settings, timbre, with_timbre
from sovits_tts.app.webui.layout import Page, samples
from sovits_tts.app.webui.session import KEPT_SECONDS, Session
from sovits_tts.app.webui.speaking import (
    FORMATS,
    bundled,
    current_speaker,
    line_view,
    message,
    titles,
    voice_view,
    write_files,
)
from sovits_tts.clip import inspect
from sovits_tts.errors import TextError
from sovits_tts.options import SynthesisOptions


def build(page: Page) -> dict[str, Any]:
    """Lay the tab out and wire it. Returns what to show when a voice is chosen from elsewhere, and the session."""
    at = SimpleNamespace()
    at.session = gr.State(Session(), time_to_live=KEPT_SECONDS, delete_callback=Session.clean)
    languages = ["auto", *page.tts.spec.languages]
    with gr.Row():
        with gr.Column(min_width=300, elem_id="sv-voice"):
            _voice_side(page, at, languages)
        with gr.Column(min_width=300):
            _text_side(page, at, languages)
    at.chosen_voice = [at.card, at.transcript, at.clip_language, at.text, at.clip, at.style, *at.settings]
    _wire_voice(page, at)
    _wire_generate(page, at)
    _wire_lines(page, at)
    page.lists += [(at.voice, False), (at.timbre[1], True)]
    return {"session": at.session, "text": at.text, "view": [at.voice, *at.chosen_voice]}


def _voice_side(page: Page, at: SimpleNamespace, languages: list[str]) -> None:
    put = page.put
    at.voice = put(gr.Dropdown, "speak.voice", choices=page.voices(), value=bundled("en"), elem_id="sv-choice")
    at.style = put(gr.Dropdown, "voices.style", choices=[], value=None, visible=False, elem_id="sv-style")
    at.card = gr.HTML()
    at.clip = put(
        gr.Audio, "speak.clip", sources=["upload", "microphone"], type="filepath", elem_id="sv-clip",
        elem_classes="sv-drop", buttons=["download"],
    )  # fmt: skip
    with gr.Row():
        at.transcript = put(gr.Textbox, "speak.transcript", lines=2, max_length=2000, scale=3, min_width=220)
        at.clip_language = put(
            gr.Dropdown, "speak.clip_language", choices=languages, value="auto", scale=1, min_width=140
        )
    with put(gr.Accordion, "speak.keep", open=False):
        at.name = put(gr.Textbox, "speak.name", max_length=64)
        at.consent = put(gr.Textbox, "speak.consent", max_length=500)
        at.keep = put(gr.Button, "speak.save")


def _text_side(page: Page, at: SimpleNamespace, languages: list[str]) -> None:
    put = page.put
    at.text = put(gr.Textbox, "speak.text", lines=4, max_lines=14, value=say("en", "speak.sample"), elem_id="sv-text")
    with gr.Row(elem_classes="sv-actions"):
        at.go = put(gr.Button, "speak.go", variant="primary", elem_id="sv-go", scale=3, min_width=120)
        at.stop = put(gr.Button, "speak.stop", scale=1, min_width=70)
        at.upload = put(gr.UploadButton, "speak.file", file_types=[".txt", ".srt"], scale=1, min_width=110)
    gr.HTML('<div id="sv-player"><audio controls></audio></div>', padding=False)
    at.sound = gr.Textbox(visible="hidden", elem_id="sv-sound", label="sound")
    at.status = gr.Markdown(elem_classes="sv-note")
    with gr.Column(visible=False, elem_id="sv-result") as at.result:
        at.chosen = put(gr.Radio, "lines.list", choices=[], elem_id="sv-lines")
        at.player = put(gr.Audio, "lines.player", interactive=False, buttons=["download"], elem_id="sv-line")
        at.take = put(gr.Radio, "lines.take", choices=[])
        at.edited = put(gr.Textbox, "lines.text", lines=2, elem_id="sv-edited")
        at.read = gr.Markdown(elem_classes="sv-phonemes")
        with gr.Row(elem_classes="sv-beside"):
            at.count = put(
                gr.Slider, "lines.count", minimum=1, maximum=4, step=1, value=1, min_width=150, elem_id="sv-count"
            )
            at.again = put(gr.Button, "lines.again", min_width=150, elem_id="sv-again")
        with gr.Row(elem_classes="sv-beside"):
            at.kind = put(gr.Dropdown, "lines.format", choices=list(FORMATS), value="wav", min_width=150)
            at.join = put(gr.Button, "lines.join", min_width=150, elem_id="sv-join")
        at.files = put(gr.File, "lines.files", file_count="multiple", interactive=False, visible=False)
    at.view = [at.player, at.take, at.edited, at.read]
    with put(gr.Accordion, "speak.more", open=False):
        at.settings = settings(page, languages)
        at.timbre = timbre(page)


def _wire_voice(page: Page, at: SimpleNamespace) -> None:
    def show_clip(session: Session, path: str | None, name: str, style: str, language: str) -> tuple[Any, ...]:
        session.forget_clip()
        if path is None:
            return show_style(session, name, style, language)
        session.uploads.append(Path(path))
        session.clip = clips.read_clip(Path(path))
        return session, clips.card(session.clip, inspect(session.clip), language), "", "auto"

    def show_style(session: Session, name: str, style: str, language: str) -> tuple[Any, ...]:
        found = voices.get(name, style or "")
        return session, clips.card(found.audio, inspect(found.audio), language), found.text, found.language

    def redraw(session: Session, name: str, style: str, language: str) -> str:
        audio = session.clip or voices.get(name, style or "").audio
        return clips.card(audio, inspect(audio), language)

    def show_voice(session: Session, name: str, text: str, language: str) -> list[Any]:
        return [session, *voice_view(page, session, name, text, language)]

    def save_voice(
        session: Session, name: str, style: str, transcript: str, clip_language: str, new: str, consent: str,
        language: str,
    ) -> Any:  # fmt: skip
        made = current_speaker(page, session, name, style, transcript, clip_language).voice
        voices.add(replace(made, consent=consent or made.consent), new)
        gr.Info(escape(say(language, "speak.saved", name=new)), title=say(language, "error.note"))
        return gr.update(choices=page.voices())

    quiet = {"show_progress": "hidden"}
    facts = [at.session, at.card, at.transcript, at.clip_language]
    page.on(at.clip.change, show_clip, [at.session, at.clip, at.voice, at.style, page.language], facts)
    given = [at.session, at.voice, at.text, page.language]
    page.on(at.voice.input, show_voice, given, [at.session, *at.chosen_voice])
    page.on(page.language.input, redraw, [at.session, at.voice, at.style, page.language], at.card, **quiet)
    page.on(at.style.input, show_style, [at.session, at.voice, at.style, page.language], facts)
    given = [at.session, at.voice, at.style, at.transcript, at.clip_language, at.name, at.consent, page.language]
    page.on(at.keep.click, save_voice, given, at.voice)


def _wire_generate(page: Page, at: SimpleNamespace) -> None:
    def generate(
        session: Session, name: str, style: str, transcript: str, clip_language: str, text: str, language: str,
        clips: list[str] | None, mix: str | None, share: float, *values: Any,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        options = _options(page, session, name, clips, mix, share, values)
        speaker = current_speaker(page, session, name, style, transcript, clip_language)
        session.lines, begun = [], time.perf_counter()
        for line in speech.speak(speaker.tts, speaker.voice, text, options):
            session.lines.append(line)
            n = len(session.lines)
            note = say(language, "speak.progress", n=n, seconds=time.perf_counter() - begun, seed=options.seed)
            yield (
                session, message(line, n - 1), note, gr.update(choices=titles(session.lines), value=0),
                gr.update(visible=True),
            )  # fmt: skip

    def show_line(session: Session, index: int | None, language: str, reading: str) -> tuple[Any, ...]:
        return line_view(page.tts, session.lines, index, language, reading)

    def choose_line(session: Session, index: int | None, language: str, reading: str) -> tuple[Any, ...]:
        return line_view(page.tts, session.lines, index, language, reading, play=True)

    given = [
        at.session, at.voice, at.style, at.transcript, at.clip_language, at.text, page.language, *at.timbre,
        *at.settings,
    ]  # fmt: skip
    made = [at.session, at.sound, at.status, at.chosen, at.result]
    running = page.on(
        at.go.click, generate, given, made, api_name="generate", api_visibility="public", concurrency_limit=2,
        concurrency_id="model", show_progress="minimal", show_progress_on=at.status,
    )  # fmt: skip
    line = [at.session, at.chosen, page.language, at.settings[0]]
    quiet = {"show_progress": "hidden"}
    page.on(running.then, show_line, line, at.view, **quiet)
    page.on(
        at.stop.click, lambda language: say(language, "speak.stopped"), page.language, at.status, cancels=[running],
        **quiet,
    )  # fmt: skip
    at.sound.change(None, at.sound, None, js="(message) => window.sovitsPlay(message)", api_visibility="private")
    page.on(at.chosen.input, choose_line, line, at.view, **quiet)
    page.on(at.upload.upload, lambda path: speech.read_text_file(Path(path)), at.upload, at.text)


def _options(
    page: Page, session: Session, name: str, clips: list[str] | None, mix: str | None, share: float, values: Any
) -> SynthesisOptions:
    """What the drawer says, and what the voice prefers of all else."""
    others = {} if session.clip else preferences(name)
    return with_timbre(page, session, make_options(values, others), clips, mix, share)


def _wire_lines(page: Page, at: SimpleNamespace) -> None:
    def choose_take(session: Session, index: int | None, number: int | None) -> Any:
        if index is None or number is None or not 0 <= index < len(session.lines):
            return gr.update(), gr.update()
        line = session.lines[index]
        line.chosen = min(number, len(line.takes) - 1)
        return gr.update(value=samples(line.take.audio), autoplay=True), gr.update(choices=titles(session.lines))

    def speak_again(
        session: Session, name: str, index: int | None, source: str, count: int, language: str,
        clips: list[str] | None, mix: str | None, share: float, *values: Any,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        if index is None or not 0 <= index < len(session.lines) or session.speaker is None:
            raise TextError("No sentence is chosen.", hint="Choose one in the list.")
        line, speaker = session.lines[index], session.speaker
        options = _options(page, session, name, clips, mix, share, values)
        for _ in speech.regenerate(speaker.tts, speaker.voice, line, source, options, int(count)):
            view = line_view(speaker.tts, session.lines, index, language, options.language, play=True)
            yield gr.update(choices=titles(session.lines), value=index), *view

    def save_joined(session: Session, kind: str) -> Any:
        return gr.update(value=[str(path) for path in write_files(session, kind)], visible=True)

    page.on(at.take.input, choose_take, [at.session, at.chosen, at.take], [at.player, at.chosen])
    given = [
        at.session, at.voice, at.chosen, at.edited, at.count, page.language, *at.timbre, *at.settings,
    ]  # fmt: skip
    limits = {"concurrency_limit": 2, "concurrency_id": "model"}
    page.on(at.again.click, speak_again, given, [at.chosen, *at.view], **limits)
    page.on(at.join.click, save_joined, [at.session, at.kind], at.files)
    page.on(
        at.edited.blur, lambda source, reading: speech.phonemes(page.tts, source, reading) if source.strip() else "",
        [at.edited, at.settings[0]], at.read, show_progress="hidden",
    )  # fmt: skip
