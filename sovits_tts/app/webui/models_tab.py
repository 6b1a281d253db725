"""The Models tab: what is installed, getting more, and files of GPT-SoVITS made into models of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts import assets
from sovits_tts.app.webui.catalogue import say, tell
from sovits_tts.app.webui.layout import Page
from sovits_tts.checkpoints.convert import convert
from sovits_tts.errors import ConfigError, SovitsError
from sovits_tts.progress import Cancelled, Event
from sovits_tts.tts import TTS

_LICENCES = {assets.EMBEDDED: "CC BY 4.0"}
_USUAL = "MIT"  # of all official weights, and of g2pW


def build(page: Page) -> Any:
    """Lay the tab out; returns the table, which the page fills when it is opened."""
    put, at = page.put, SimpleNamespace()
    at.table = gr.HTML(elem_id="sv-models")
    with put(gr.Accordion, "models.download", open=False):
        with gr.Row(elem_classes="sv-beside"):
            at.which = put(gr.Dropdown, "models.which", choices=missing(), scale=2, min_width=150)
            at.get = put(gr.Button, "models.get_it", scale=1, min_width=100)
            at.stop = put(gr.Button, "speak.stop", scale=1, min_width=80)
        at.status = gr.HTML()
    with put(gr.Accordion, "models.convert", open=False):
        put(gr.Markdown, "models.convert.how")
        gr.Markdown(f"`{incoming()}`")
        with gr.Row(elem_classes="sv-beside"):
            at.gpt = put(gr.Dropdown, "models.gpt", choices=files(".ckpt"), min_width=150)
            at.vits = put(gr.Dropdown, "models.vits", choices=files(".pth"), min_width=150)
        with gr.Row(elem_classes="sv-beside"):
            at.name = put(gr.Textbox, "models.name_it", max_length=64, scale=2, min_width=150)
            at.look = put(gr.Button, "models.look", scale=1, min_width=100)
            at.convert = put(gr.Button, "models.convert_it", scale=1, min_width=100)
        at.made = gr.Markdown()
    _wire(page, at)
    return at.table


def _wire(page: Page, at: SimpleNamespace) -> None:
    def download(name: str | None, language: str) -> Iterator[tuple[Any, ...]]:
        if not name:
            raise ConfigError("No model is chosen.", hint="Choose one in the list.")
        for event in fetching(name):
            yield bar(event, language), gr.update(), gr.update()
        yield "", table(page.tts, language), gr.update(choices=missing(), value=None)

    def make(gpt: str | None, vits: str | None, name: str, language: str) -> str:
        return say(language, "models.made", folder=str(make_model(gpt, vits, name)))

    def look() -> tuple[Any, ...]:
        return gr.update(choices=files(".ckpt")), gr.update(choices=files(".pth"))

    hidden = {"show_progress": "hidden"}
    running = page.on(
        at.get.click, download, [at.which, page.language], [at.status, at.table, at.which], **hidden
    )  # fmt: skip
    stopped = lambda language: f'<p class="sv-note">{escape(say(language, "speak.stopped"))}</p>'
    page.on(at.stop.click, stopped, page.language, at.status, cancels=[running], **hidden)
    page.on(at.look.click, look, None, [at.gpt, at.vits], **hidden)
    page.on(at.convert.click, make, [at.gpt, at.vits, at.name, page.language], at.made)


def table(tts: TTS, language: str) -> str:
    """What is installed, how large, under which licence, where missing files go, and where the model runs."""
    columns = ("name", "here", "size", "licence", "get")
    labels = {column: escape(say(language, f"models.{column}")) for column in columns}
    rows = []
    for model in assets.listing():
        size = "?" if model["bytes"] is None else f"{model['bytes'] / 1e6:.0f} MB"
        paths = "<br>".join(escape(str(assets.download_folder() / path)) for path in model["missing"])
        by_hand = escape(say(language, "models.by_hand"))
        cells = {
            "name": f"<b>{escape(model['name'])}</b>",
            "here": say(language, "models.yes" if model["installed"] else "models.no"),
            "size": size,
            "licence": _LICENCES.get(model["name"], _USUAL),
            "get": f"<details><summary>{by_hand}</summary>{paths}</details>" if paths else "–",
        }
        rows.append("".join(f'<td data-label="{labels[key]}">{cells[key]}</td>' for key in columns))
    heads = "".join(f"<th>{labels[column]}</th>" for column in columns)
    run = tts.runtime
    kinds = {"GPT": run.gpt, "VITS": run.vits, "BERT": run.bert, "content": run.content}
    precision = ", ".join(f"{name} {str(kind).removeprefix('torch.')}" for name, kind in kinds.items())
    facts = say(
        language, "models.device", model=tts.spec.name, device=str(run.device), reason=tell(language, run.reason)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<p><b>{escape(facts)}</b><br><span class="sv-note">{escape(precision)}</span></p>'
        f'<table class="sv-table sv-cards"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def missing() -> list[str]:
    return [model["name"] for model in assets.listing() if not model["installed"]]


def fetching(name: str) -> Iterator[Event]:
    """Download a model in a thread of its own; closing the iterator stops it, and another one goes on from there."""
    events: Queue[Event | SovitsError | None] = Queue()
    over = threading.Event()

    def sink(event: Event) -> None:
        if over.is_set():
            raise Cancelled
        events.put(event)

    def work() -> None:
        try:
            assets.download([name], on_event=sink)
        except SovitsError as error:
            events.put(error)
        except Cancelled:
            return
        finally:
            events.put(None)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (found := _next(events)) is not None:
            if isinstance(found, SovitsError):
                raise found
            yield found
    finally:
        over.set()


def _next(events: Queue[Event | SovitsError | None]) -> Event | SovitsError | None:
    """The latest event, or the first thing that is none."""
    found = events.get()
    while isinstance(found, Event) and not events.empty():
        found = events.get()
    return found


def bar(event: Event, language: str) -> str:
    """How far a download is."""
    share = 100 * event.done / event.total if event.total else 0
    text = say(language, "models.progress", file=event.message or event.stage, done=event.done / 1e6, share=share)
    return (
        f'<progress class="sv-progress" max="100" value="{share:.1f}"></progress><p class="sv-note">{escape(text)}</p>'
    )


def incoming() -> Path:
    """Where the owner of this machine puts files of GPT-SoVITS to be converted."""
    return assets.home() / "official"


def files(suffix: str) -> list[str]:
    """Names of the files that lie there."""
    return sorted(path.name for path in incoming().glob(f"*{suffix}") if path.is_file())


def make_model(gpt: str | None, vits: str | None, name: str) -> Path:
    """A model folder from two of those files. Raises ConfigError for a file or a name that cannot be."""
    if gpt not in files(".ckpt") or vits not in files(".pth"):
        raise ConfigError(
            "Choose a .ckpt and a .pth file.", hint="Put them into {folder} and press Look again.", folder=incoming()
        )
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError("{name!r} cannot be the name of a model.", hint="Use letters, digits, - and _.", name=name)
    folder = assets.home() / "models" / name
    convert([incoming() / str(gpt), incoming() / str(vits)], folder, name=name)
    return folder
