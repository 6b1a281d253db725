"""What every tab needs: components that change their language with the page, and errors as one sentence."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui.catalogue import DEFAULT, catalogue
from sovits_tts.app.webui.comparing import best_judge
from sovits_tts.errors import SovitsError
from sovits_tts.evaluation.similarity import SpeakerJudge
from sovits_tts.tts import TTS
from sovits_tts.voicepack import open_package

_FIELDS = ("label", "info", "value", "placeholder")
_MOST_TUNED = 2  # models beside the page's own that stay in memory


@dataclass
class Page:
    """The model, the language switch, and every component that carries a text."""

    tts: TTS
    source: str = ""  # what `tts` was loaded from, as `finetune` takes it; "": it cannot be fine-tuned
    tuning: Mapping[str, Any] = field(default_factory=dict)  # a FinetuneConfig as plain data, to start from
    language: Any = None
    texts: list[tuple[Any, str]] = field(default_factory=list)
    lists: list[tuple[Any, bool]] = field(default_factory=list)  # components that list voices; True: also none of them
    tuned: dict[tuple[str, str], TTS] = field(default_factory=dict)  # the last few models of fine-tuned voices
    judges: list[SpeakerJudge] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self) -> SpeakerJudge:
        """Who tells voices apart; loaded when first asked."""
        with self.lock:
            if not self.judges:
                self.judges.append(best_judge(self.tts))
            return self.judges[0]

    def model_for(self, name: str) -> TTS:
        """The model that speaks a saved voice: the page's own, or one with the weights fine-tuned for that voice."""
        entry = voices.find(name)
        package = open_package(entry.path) if entry.tuned else None
        if package is None or not package.stages:
            return self.tts
        key = (name, package.manifest.fingerprint)
        with self.lock:
            found = self.tuned.pop(key, None) or TTS.load(entry.path, device=str(self.tts.runtime.device))
            self.tuned[key] = found
            while len(self.tuned) > _MOST_TUNED:
                self.tuned.pop(next(iter(self.tuned)))
        return found

    def voices(self, *, none: bool = False) -> list[tuple[str, str]]:
        """Choices: every voice by name, with a first one for no voice where asked."""
        return [*([("–", "")] if none else []), *((entry.name, entry.name) for entry in voices.entries())]

    def fresh_lists(self) -> list[Any]:
        """Updates for all of `lists`."""
        return [gr.update(choices=self.voices(none=none)) for _, none in self.lists]

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
