"""The Convert tab: the same speech in another voice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui.catalogue import say
from sovits_tts.app.webui.clips import read_clip
from sovits_tts.app.webui.comparing import comparison
from sovits_tts.app.webui.layout import Page, samples
from sovits_tts.app.webui.session import KEPT_SECONDS, Session
from sovits_tts.app.webui.speech import new_seed
from sovits_tts.audio import Audio, join
from sovits_tts.errors import AudioError
from sovits_tts.options import SynthesisOptions


def build(page: Page) -> None:
    put, at = page.put, SimpleNamespace()
    names = page.voices()
    at.session = gr.State(Session(), time_to_live=KEPT_SECONDS, delete_callback=Session.clean)
    with gr.Row():
        with gr.Column(min_width=300):
            at.source = put(
                gr.Audio, "convert.source", sources=["upload", "microphone"], type="filepath", elem_id="sv-source",
                elem_classes="sv-drop", buttons=["download"],
            )  # fmt: skip
            at.voice = put(
                gr.Dropdown, "convert.voice", choices=names, value=names[0][1] if names else None, elem_id="sv-target"
            )
            at.style = put(gr.Dropdown, "voices.style", choices=[], value=None, visible=False)
            with put(gr.Accordion, "speak.more", open=False):
                at.text = put(gr.Textbox, "convert.text", lines=2, max_length=20_000)
                with gr.Row():
                    at.pitch = put(gr.Slider, "set.pitch", minimum=-12, maximum=12, step=0.5, value=0, min_width=150)
                    at.speed = put(gr.Slider, "set.speed", minimum=0.5, maximum=2, step=0.05, value=1, min_width=150)
                at.loudness = put(gr.Number, "set.loudness", value=None, minimum=-60, maximum=-5)
        with gr.Column(min_width=300):
            with gr.Row(elem_classes="sv-actions"):
                at.go = put(gr.Button, "convert.go", variant="primary", elem_id="sv-convert", scale=3, min_width=150)
                at.stop = put(gr.Button, "speak.stop", scale=1, min_width=80)
            at.status = gr.Markdown(elem_classes="sv-note")
            at.result = put(gr.Audio, "convert.result", interactive=False, buttons=["download"], elem_id="sv-converted")
            at.facts = gr.HTML()
    page.lists.append((at.voice, False))
    _wire(page, at)


def _wire(page: Page, at: SimpleNamespace) -> None:
    def convert(
        session: Session, path: str | None, name: str, style: str, text: str, pitch: float, speed: float,
        loudness: float | None, language: str,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        if path is None:
            raise AudioError("There is no recording yet.", hint="Drop a file, or record a sentence.")
        begun = time.perf_counter()
        if Path(path) not in session.uploads:
            session.uploads.append(Path(path))
        source, tts = read_clip(Path(path)), page.model_for(name)
        voice = tts.voice(voices.get(name, style or ""))
        options = SynthesisOptions(seed=new_seed(), pitch=pitch, speed=speed, loudness=loudness)
        parts: list[Audio] = []
        for chunk in tts.convert_stream(source, voice, text, "auto", options):
            parts.append(Audio(chunk.samples, chunk.sample_rate))
            done = min(1.0, sum(part.seconds for part in parts) * speed / source.seconds)
            note = say(language, "convert.progress", share=100 * done, seconds=time.perf_counter() - begun)
            yield session, note, gr.update(), gr.update()
        made = join(parts)
        facts = comparison(page.judge(), made, voice.audio, language, ("convert.made", "convert.target"))
        yield session, gr.update(), samples(made), facts

    given = [
        at.session, at.source, at.voice, at.style, at.text, at.pitch, at.speed, at.loudness, page.language,
    ]  # fmt: skip
    made = [at.session, at.status, at.result, at.facts]
    running = page.on(
        at.go.click, convert, given, made, concurrency_limit=2, concurrency_id="model", show_progress="minimal",
        show_progress_on=at.status,
    )  # fmt: skip
    page.on(at.stop.click, lambda language: say(language, "speak.stopped"), page.language, at.status, cancels=[running])
    page.on(at.voice.change, page.styles, at.voice, at.style, show_progress="hidden")
