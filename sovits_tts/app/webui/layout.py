"""What every tab needs: components that change their language with the page, and errors as one sentence."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui.catalogue import DEFAULT, LANGUAGES, catalogue, explain, say
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

    def styles(self, name: str | None) -> Any:
        """Update of a list of styles when a voice is chosen: only several are shown."""
        package = voices.package_of(name) if name else None
        found = package.styles if package else []
        return gr.update(choices=found, value=found[0] if found else None, visible=len(found) > 1)

    def fresh_lists(self) -> list[Any]:
        """Updates for all of `lists`."""
        return [gr.update(choices=self.voices(none=none)) for _, none in self.lists]

    def on(
        self, listen: Callable[..., Any], fn: Callable[..., Any], inputs: Any = None, outputs: Any = None,
        **settings: Any,
    ) -> Any:  # fmt: skip
        """Have `fn` answer an event, such as `button.click`; what it raises is read as one sentence in the page's
        language, whether `inputs` have that or not. Raises nothing itself."""
        given = [] if inputs is None else list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        place = next((index for index, component in enumerate(given) if component is self.language), None)
        if place is None:
            given.append(self.language)
        return listen(_told(fn, place), given, outputs, **({"api_visibility": "private"} | settings))

    def put(self, make: Callable[..., Any], key: str, **settings: Any) -> Any:
        """A component whose label, help, value and placeholder stand in the catalogue under `key`."""
        if make is gr.Textbox:
            settings.setdefault("value", "")  # or an untouched one would give None
        component = make(**settings | _words(DEFAULT, key))
        self.texts.append((component, key))
        return component

    def relabel(self, language: str) -> list[Any]:
        """Updates for all of `texts`."""
        return [gr.update(**dict[str, Any](_words(language, key))) for _, key in self.texts]


def _words(language: str, key: str) -> dict[str, str]:
    texts = catalogue(language)
    return {name: texts[f"{key}.{name}"] for name in _FIELDS if f"{key}.{name}" in texts}


def _told(fn: Callable[..., Any], place: int | None) -> Callable[..., Any]:
    """`fn`, whose errors become a message.

    place: of the page's language among the values; None: it is the last one, and `fn` does not get it
    """

    def parts(values: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        language = values[-1 if place is None else place]
        return (language if language in LANGUAGES else DEFAULT), (values[:-1] if place is None else values)

    @functools.wraps(fn)
    def stream(*values: Any) -> Any:
        language, own = parts(values)
        try:
            yield from fn(*own)
        except Exception as error:
            raise _message(error, language) from error

    @functools.wraps(fn)
    def call(*values: Any) -> Any:
        language, own = parts(values)
        try:
            return fn(*own)
        except Exception as error:
            raise _message(error, language) from error

    made = stream if inspect.isgeneratorfunction(fn) else call
    if place is None:
        known = inspect.signature(fn)
        last = inspect.Parameter("page_language", inspect.Parameter.POSITIONAL_ONLY)
        made.__signature__ = known.replace(parameters=[*_positional(known), last])  # type: ignore[attr-defined]
    return made


def _positional(signature: inspect.Signature) -> list[inspect.Parameter]:
    """So that another parameter can follow."""
    return [parameter.replace(kind=inspect.Parameter.POSITIONAL_ONLY) for parameter in signature.parameters.values()]


def _message(error: Exception, language: str) -> gr.Error:
    """What the visitor reads: the reason of a deliberate error; of a fault of ours only that it was one."""
    title = say(language, "error.title")
    if isinstance(error, SovitsError):
        text = escape(explain(language, error)).replace("\n", "<br>")
        return gr.Error(text, duration=15, title=title, print_exception=False)
    logging.getLogger(__name__).error("The page failed.", exc_info=error)
    return gr.Error(say(language, "error.ours"), duration=15, title=title, print_exception=False)


def samples(audio: Any) -> tuple[int, Any]:
    """As Gradio's player takes a sound: 16 bit, so that it does not change its level."""
    return audio.sample_rate, (audio.samples.clip(-1, 1) * 32767).astype("int16")
