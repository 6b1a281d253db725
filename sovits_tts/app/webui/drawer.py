"""The closed drawer of the Speak tab: how to speak. Its fields, what a voice prefers, and the options made of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import speech
from sovits_tts.app.webui.clips import read_clip
from sovits_tts.app.webui.layout import Page
from sovits_tts.app.webui.session import Session
from sovits_tts.errors import ConfigError
from sovits_tts.options import CUTS, SynthesisOptions

MAX_CLIPS = 8  # extra ones for the timbre
NAMES = (
    "language", "seed", "speed", "pitch", "loudness", "pause", "temperature", "repetition_penalty", "top_k", "top_p",
    "cut", "batch_size",
)  # fmt: skip  # the fields, in the order they stand in the drawer
_WHOLE = frozenset({"seed", "top_k", "batch_size"})


def settings(page: Page, languages: list[str]) -> list[Any]:
    """The fields, in the order of NAMES."""
    put, usual = page.put, usual_values(page)
    ranges: dict[str, tuple[str, Any]] = {
        "language": ("set.language", gr.Dropdown), "seed": ("set.seed", gr.Number), "speed": ("set.speed", gr.Slider),
        "pitch": ("set.pitch", gr.Slider), "loudness": ("set.loudness", gr.Number), "pause": ("set.pause", gr.Slider),
        "temperature": ("set.temperature", gr.Slider), "repetition_penalty": ("set.repetition", gr.Slider),
        "top_k": ("set.top_k", gr.Slider), "top_p": ("set.top_p", gr.Slider), "cut": ("set.cut", gr.Dropdown),
        "batch_size": ("set.batch", gr.Slider),
    }  # fmt: skip
    limits: dict[str, dict[str, Any]] = {
        "language": {"choices": languages}, "seed": {"precision": 0, "elem_id": "sv-seed"},
        "speed": {"minimum": 0.5, "maximum": 2, "step": 0.05}, "pitch": {"minimum": -12, "maximum": 12, "step": 0.5},
        "loudness": {"minimum": -60, "maximum": -5}, "pause": {"minimum": 0, "maximum": 3, "step": 0.05},
        "temperature": {"minimum": 0, "maximum": 2, "step": 0.05},
        "repetition_penalty": {"minimum": 1, "maximum": 3, "step": 0.05},
        "top_k": {"minimum": 0, "maximum": 100, "step": 1}, "top_p": {"minimum": 0.05, "maximum": 1, "step": 0.05},
        "cut": {"choices": list(CUTS)}, "batch_size": {"minimum": 1, "maximum": 16, "step": 1},
    }  # fmt: skip
    fields = []
    for first in range(0, len(NAMES), 2):
        with gr.Row():
            for name in NAMES[first : first + 2]:
                key, make = ranges[name]
                fields.append(put(make, key, value=usual[name], min_width=150, **limits[name]))
    return fields


def usual_values(page: Page) -> dict[str, Any]:
    """What the fields say where no voice says otherwise: what suits the page's model."""
    plain, sampling = SynthesisOptions(), page.tts.spec.sampling
    found = {name: getattr(plain, name) for name in NAMES} | {"seed": -1}
    return {name: getattr(sampling, name) if hasattr(sampling, name) else value for name, value in found.items()}


def preferences(name: str) -> Mapping[str, Any]:
    """Fields of SynthesisOptions that a fine-tuned voice prefers. Raises VoiceError for a name that is none."""
    package = voices.package_of(name)
    return package.manifest.defaults if package else {}


def taken_over(page: Page, session: Session, name: str) -> list[Any]:
    """Updates of the fields when a voice is chosen: what it prefers; what only the last one preferred goes back."""
    usual, wished = usual_values(page), preferences(name)
    fields = [
        gr.update(value=wished[field]) if field in wished
        else gr.update(value=usual[field]) if field in session.preferred else gr.update()
        for field in NAMES
    ]  # fmt: skip
    session.preferred = tuple(wished)
    return fields


def make_options(values: Any, others: Mapping[str, Any] | None = None) -> SynthesisOptions:
    """What the drawer says, in the order of NAMES; no seed, or one below 0, draws a new one.

    others: what the voice prefers of what has no field
    Raises ConfigError out of range.
    """
    said = dict(zip(NAMES, values, strict=True))
    if said["seed"] is None or said["seed"] < 0:
        said["seed"] = speech.new_seed()
    said |= {name: int(said[name]) for name in _WHOLE}
    return SynthesisOptions(**dict(others or {}) | said)


def timbre(page: Page) -> list[Any]:
    """Extra clips, another voice, and its share, in the order of `with_timbre`."""
    put = page.put
    clips = put(
        gr.File, "set.clips", file_count="multiple", file_types=["audio"], height=110, elem_id="sv-more-clips",
    )  # fmt: skip
    with gr.Row():
        mix = put(gr.Dropdown, "set.mix", choices=page.voices(none=True), value="", min_width=150)
        share = put(gr.Slider, "set.share", minimum=0, maximum=1, step=0.05, value=0.5, min_width=150)
    return [clips, mix, share]


def with_timbre(
    page: Page, session: Session, options: SynthesisOptions, clips: list[str] | None, mix: str | None, share: float
) -> SynthesisOptions:
    """Extra clips of the same voice count as much as its own; `mix` is another voice with a share of the whole.

    Raises AudioError for a clip that cannot be read, ReferenceAudioError for one that holds no voice.
    """
    paths = tuple(clips or ())
    if len(paths) > MAX_CLIPS:
        raise ConfigError(
            "There are {count} extra clips.", hint="At most {most} can be used.", count=len(paths), most=MAX_CLIPS
        )
    if session.others[0] != paths:
        session.kept += [Path(path) for path in paths]
        session.others = paths, tuple(page.tts.voice(read_clip(Path(path))) for path in paths)
    share = share if mix else 0.0
    each = (1 - share) / (1 + len(paths))
    mixed = [(voice, each) for voice in session.others[1]]
    if mix and share:
        mixed.append((page.tts.voice(voices.get(mix)), share))
    return replace(options, timbre=tuple(mixed))
