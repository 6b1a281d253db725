"""The Inspect tab: what a clip holds in pictures and plain words, a second one beside it, and its three properties."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import clips
from sovits_tts.app.webui.comparing import comparison
from sovits_tts.app.webui.layout import Page
from sovits_tts.app.webui.session import KEPT_SECONDS, Session
from sovits_tts.audio import Audio
from sovits_tts.clip import ClipReport, inspect
from sovits_tts.errors import AudioError, MissingDependency
from sovits_tts.options import SynthesisOptions
from sovits_tts.pitch_shift import shift_pitch


def build(page: Page) -> None:
    put, at = page.put, SimpleNamespace()
    at.session = gr.State(Session(), time_to_live=KEPT_SECONDS, delete_callback=Session.clean)
    at.sides = []
    with gr.Row():
        for key in ("inspect.clip", "inspect.second"):
            with gr.Column(min_width=300):
                clip = put(
                    gr.Audio, key, sources=["upload", "microphone"], type="filepath", buttons=["download"],
                    elem_classes="sv-drop", elem_id=f"sv-{key.replace('.', '-')}",
                )  # fmt: skip
                words = gr.HTML()
                picture = put(gr.Image, "inspect.picture", interactive=False, visible=False, buttons=["fullscreen"])
                at.sides.append((clip, words, picture))
    at.together = gr.HTML(elem_id="sv-together")
    with put(gr.Accordion, "inspect.change", open=False):
        with gr.Row(elem_classes="sv-beside"):
            at.pitch = put(gr.Slider, "set.pitch", minimum=-12, maximum=12, step=0.5, value=0, min_width=150)
            at.loudness = put(gr.Number, "set.loudness", value=None, minimum=-60, maximum=-5, min_width=150)
        with gr.Row(elem_classes="sv-beside"):
            at.mix = put(gr.Dropdown, "set.mix", choices=page.voices(none=True), value="", min_width=150)
            at.share = put(gr.Slider, "set.share", minimum=0, maximum=1, step=0.05, value=0.5, min_width=150)
        at.apply = put(gr.Button, "inspect.apply")
    page.lists.append((at.mix, True))
    _wire(page, at)


def _wire(page: Page, at: SimpleNamespace) -> None:
    def show(path: str | None, language: str) -> tuple[Any, ...]:
        if path is None:
            return "", gr.update(visible=False)
        audio = clips.read_clip(Path(path))
        report = inspect(audio)
        parts = clips.card(audio, report, language) + clips.plain_words(report, language)
        if report.speech:
            parts += clips.spectrum(audio, report, language)
        return parts, gr.update(value=draw(audio, report), visible=True)

    def together(session: Session, first: str | None, second: str | None, language: str) -> tuple[Any, ...]:
        for path in (first, second):
            if path and Path(path) not in session.uploads:
                session.uploads.append(Path(path))
        if not first or not second:
            return session, ""
        a, b = (clips.read_clip(Path(path)) for path in (first, second))
        names = ("inspect.clip.label", "inspect.second.label")
        return session, comparison(page.judge(), a, b, language, names)

    def apply(session: Session, path: str | None, pitch: float, loudness: float | None, mix: str, share: float) -> str:
        if path is None:
            raise AudioError("There is no clip yet.", hint="Drop a file on the left, or record a sentence.")
        audio = changed(page, clips.read_clip(Path(path)), pitch, loudness, mix, share)
        return str(audio.save(session.file("changed.wav"), overwrite=True))

    first, second = (side[0] for side in at.sides)
    for clip, words, picture in at.sides:
        seen = page.on(clip.change, show, [clip, page.language], [words, picture])
        page.on(seen.then, together, [at.session, first, second, page.language], [at.session, at.together])
    given = [at.session, first, at.pitch, at.loudness, at.mix, at.share]
    page.on(at.apply.click, apply, given, second, concurrency_limit=2, concurrency_id="model")


def changed(page: Page, audio: Audio, pitch: float, loudness: float | None, mix: str, share: float) -> Audio:
    """A clip with another pitch and loudness; with a share of another voice it is spoken anew in the mixed voice."""
    if mix and share:
        options = SynthesisOptions(timbre=((page.tts.voice(voices.get(mix)), share),))
        audio = page.tts.convert(audio, page.tts.voice(audio), options=options).audio
    checked = SynthesisOptions(pitch=pitch, loudness=loudness)  # raises out of range
    audio = shift_pitch(audio, checked.pitch)
    return audio if checked.loudness is None else audio.at_loudness(checked.loudness)


def draw(audio: Audio, report: ClipReport) -> Any:
    """Waveform, mel spectrum and pitch as a picture; None without matplotlib, which the page can do without."""
    from PIL import Image

    from sovits_tts.app.plots import plot_clip

    try:
        figure = plot_clip(audio, report, (6.4, 4.4))
    except MissingDependency:
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return Image.open(buffer)
