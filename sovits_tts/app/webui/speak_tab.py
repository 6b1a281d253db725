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
    current_speaker,
    fitting,
    line_view,
    make_options,
    message,
    titles,
    with_timbre,
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
    page.lists += [(at.voice, False), (at.timbre[1], True)]
    return {name: getattr(at, name) for name in ("voice", "text", "card", "transcript", "clip_language", "clip")}


def _voice_side(page: Page, at: SimpleNamespace, languages: list[str]) -> None:
    put = page.put
    at.voice = put(gr.Dropdown, "speak.voice", choices=page.voices(), value=bundled("en"), elem_id="sv-choice")
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
        with gr.Row(equal_height=True):
            at.count = put(gr.Slider, "lines.count", minimum=1, maximum=4, step=1, value=1, min_width=150)
            at.again = put(gr.Button, "lines.again", min_width=150, elem_id="sv-again")
        with gr.Row(equal_height=True):
            at.kind = put(gr.Dropdown, "lines.format", choices=list(FORMATS), value="wav", min_width=150)
            at.join = put(gr.Button, "lines.join", min_width=150, elem_id="sv-join")
        at.files = put(gr.File, "lines.files", file_count="multiple", interactive=False, visible=False)
    at.view = [at.player, at.take, at.edited, at.read]
    with put(gr.Accordion, "speak.more", open=False):
        at.settings = _settings(page, languages)
        at.timbre = _timbre(page)


def _wire_voice(page: Page, at: SimpleNamespace) -> None:
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
        made = current_speaker(page, session, name, transcript, clip_language).voice
        voices.add(Voice(made.audio, made.text, made.language, new, consent or made.consent, made.licence, made.notes,
                         made.features), new)  # fmt: skip
        gr.Info(say(language, "speak.saved", name=new))
        return gr.update(choices=page.voices())

    facts = [at.session, at.card, at.transcript, at.clip_language]
    at.clip.change(show_clip, [at.session, at.clip, at.voice, page.language], facts, **_PRIVATE)
    given = [at.session, at.voice, at.text, page.language]
    at.voice.input(show_voice, given, [*facts, at.text, at.clip], **_PRIVATE)
    given = [at.session, at.voice, at.transcript, at.clip_language, at.name, at.consent, page.language]
    at.keep.click(save_voice, given, at.voice, **_PRIVATE)


def _wire_generate(page: Page, at: SimpleNamespace) -> None:
    @shown
    def generate(
        session: Session, name: str, transcript: str, clip_language: str, text: str, language: str,
        clips: list[str] | None, mix: str | None, share: float, *values: Any,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        options = with_timbre(page, session, make_options(*values), clips, mix, share)
        speaker = current_speaker(page, session, name, transcript, clip_language)
        session.lines, begun = [], time.perf_counter()
        for line in speech.speak(speaker.tts, speaker.voice, text, options):
            session.lines.append(line)
            n = len(session.lines)
            note = say(language, "speak.progress", n=n, seconds=time.perf_counter() - begun, seed=options.seed)
            yield (
                session, message(line, n - 1), note, gr.update(choices=titles(session.lines), value=0),
                gr.update(visible=True),
            )  # fmt: skip

    @shown
    def show_line(session: Session, index: int | None, language: str, reading: str) -> tuple[Any, ...]:
        return line_view(page.tts, session.lines, index, language, reading)

    @shown
    def choose_line(session: Session, index: int | None, language: str, reading: str) -> tuple[Any, ...]:
        return line_view(page.tts, session.lines, index, language, reading, play=True)

    given = [at.session, at.voice, at.transcript, at.clip_language, at.text, page.language, *at.timbre, *at.settings]
    made = [at.session, at.sound, at.status, at.chosen, at.result]
    running = at.go.click(
        generate, given, made, api_name="generate", concurrency_limit=2, concurrency_id="model",
        show_progress="minimal", show_progress_on=at.status,
    )  # fmt: skip
    line = [at.session, at.chosen, page.language, at.settings[0]]
    running.then(show_line, line, at.view, show_progress="hidden", **_PRIVATE)
    at.stop.click(None, cancels=[running], **_PRIVATE)
    at.sound.change(None, at.sound, None, js="(message) => window.sovitsPlay(message)", **_PRIVATE)
    at.chosen.input(choose_line, line, at.view, show_progress="hidden", **_PRIVATE)
    at.upload.upload(shown(lambda path: speech.read_text_file(Path(path))), at.upload, at.text, **_PRIVATE)


def _wire_lines(page: Page, at: SimpleNamespace) -> None:
    @shown
    def choose_take(session: Session, index: int | None, number: int | None) -> Any:
        if index is None or number is None or not 0 <= index < len(session.lines):
            return gr.update(), gr.update()
        line = session.lines[index]
        line.chosen = min(number, len(line.takes) - 1)
        return gr.update(value=samples(line.take.audio), autoplay=True), gr.update(choices=titles(session.lines))

    @shown
    def speak_again(
        session: Session, index: int | None, source: str, count: int, language: str, clips: list[str] | None,
        mix: str | None, share: float, *values: Any,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        if index is None or not 0 <= index < len(session.lines) or session.speaker is None:
            raise TextError("No sentence is chosen.", hint="Choose one in the list.")
        line, speaker = session.lines[index], session.speaker
        options = with_timbre(page, session, make_options(*values), clips, mix, share)
        for _ in speech.regenerate(speaker.tts, speaker.voice, line, source, options, int(count)):
            view = line_view(speaker.tts, session.lines, index, language, options.language, play=True)
            yield gr.update(choices=titles(session.lines), value=index), *view

    @shown
    def save_joined(session: Session, kind: str) -> Any:
        return gr.update(value=[str(path) for path in write_files(session, kind)], visible=True)

    at.take.input(choose_take, [at.session, at.chosen, at.take], [at.player, at.chosen], **_PRIVATE)
    given = [at.session, at.chosen, at.edited, at.count, page.language, *at.timbre, *at.settings]
    at.again.click(speak_again, given, [at.chosen, *at.view], concurrency_limit=2, concurrency_id="model", **_PRIVATE)
    at.join.click(save_joined, [at.session, at.kind], at.files, **_PRIVATE)
    read = shown(lambda source, reading: speech.phonemes(page.tts, source, reading) if source.strip() else "")
    at.edited.blur(read, [at.edited, at.settings[0]], at.read, show_progress="hidden", **_PRIVATE)


def _settings(page: Page, languages: list[str]) -> list[Any]:
    """The drawer, in the order of `make_options`."""
    put = page.put
    with gr.Row():
        language = put(gr.Dropdown, "set.language", choices=languages, value="auto", min_width=150)
        seed = put(gr.Number, "set.seed", value=-1, precision=0, min_width=150)
    with gr.Row():
        speed = put(gr.Slider, "set.speed", minimum=0.5, maximum=2, step=0.05, value=1, min_width=150)
        pitch = put(gr.Slider, "set.pitch", minimum=-12, maximum=12, step=0.5, value=0, min_width=150)
    with gr.Row():
        loudness = put(gr.Number, "set.loudness", value=None, minimum=-60, maximum=-5, min_width=150)
        pause = put(gr.Slider, "set.pause", minimum=0, maximum=3, step=0.05, value=0.3, min_width=150)
    with gr.Row():
        temperature = put(gr.Slider, "set.temperature", minimum=0, maximum=2, step=0.05, value=1, min_width=150)
        repetition = put(gr.Slider, "set.repetition", minimum=1, maximum=3, step=0.05, value=1.35, min_width=150)
    with gr.Row():
        top_k = put(gr.Slider, "set.top_k", minimum=0, maximum=100, step=1, value=15, min_width=150)
        top_p = put(gr.Slider, "set.top_p", minimum=0.05, maximum=1, step=0.05, value=1, min_width=150)
    with gr.Row():
        cut = put(gr.Dropdown, "set.cut", choices=list(CUTS), value="auto", min_width=150)
        batch = put(gr.Slider, "set.batch", minimum=1, maximum=16, step=1, value=4, min_width=150)
    return [language, seed, speed, pitch, loudness, pause, temperature, top_k, top_p, repetition, cut, batch]


def _timbre(page: Page) -> list[Any]:
    """Extra clips, another voice, and its share, in the order of `with_timbre`."""
    put = page.put
    clips = put(gr.File, "set.clips", file_count="multiple", file_types=["audio"], height=110)
    with gr.Row():
        mix = put(gr.Dropdown, "set.mix", choices=page.voices(none=True), value="", min_width=150)
        share = put(gr.Slider, "set.share", minimum=0, maximum=1, step=0.05, value=0.5, min_width=150)
    return [clips, mix, share]
