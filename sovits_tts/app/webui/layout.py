"""What every tab needs: components that change their language with the page, and errors as one sentence."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from sovits_tts.app.webui.catalogue import DEFAULT, catalogue
from sovits_tts.errors import SovitsError
from sovits_tts.tts import TTS

_FIELDS = ("label", "info", "value", "placeholder")


@dataclass
class Page:
    """The model, the language switch, and every component that carries a text."""

    tts: TTS
    language: Any = None
    texts: list[tuple[Any, str]] = field(default_factory=list)

    def put(self, make: Callable[..., Any], key: str, **settings: Any) -> Any:
        """A component whose label, help, value and placeholder stand in the catalogue under `key`."""
        component = make(**_words(DEFAULT, key), **settings)
        self.texts.append((component, key))
        return component

    def relabel(self, language: str) -> list[Any]:
        """Updates for all of `texts`."""
        return [gr.update(**dict[str, Any](_words(language, key))) for _, key in self.texts]


def _words(language: str, key: str) -> dict[str, str]:
    texts = catalogue(language)
    return {name: texts[f"{key}.{name}"] for name in _FIELDS if f"{key}.{name}" in texts}


def shown(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose deliberate errors the visitor reads as one sentence; others stay in the server's log."""
    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def stream(*values: Any) -> Any:
            try:
                yield from fn(*values)
            except SovitsError as error:
                raise gr.Error(str(error), duration=15, print_exception=False) from error

        return stream

    @functools.wraps(fn)
    def call(*values: Any) -> Any:
        try:
            return fn(*values)
        except SovitsError as error:
            raise gr.Error(str(error), duration=15, print_exception=False) from error

    return call


def samples(audio: Any) -> tuple[int, Any]:
    """As Gradio's player takes a sound: 16 bit, so that it does not change its level."""
    return audio.sample_rate, (audio.samples.clip(-1, 1) * 32767).astype("int16")
