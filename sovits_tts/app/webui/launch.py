"""The page as a whole, and the server that shows it."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts.app import jobs
from sovits_tts.app.webui import (
    clips,
    convert_tab,
    create_tab,
    inspect_tab,
    models_tab,
    speak_tab,
    speaking,
    voices_tab,
)
from sovits_tts.app.webui.catalogue import DEFAULT, LANGUAGES, preferred
from sovits_tts.app.webui.layout import Page
from sovits_tts.app.webui.session import Session
from sovits_tts.assets import EMBEDDED
from sovits_tts.errors import ConfigError
from sovits_tts.tts import TTS

USER = "sovits"
TABS = ("speak", "create", "convert", "voices", "models", "inspect")
_HERE = Path(__file__).parent
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def build(tts: TTS, source: str = EMBEDDED, tuning: Mapping[str, Any] | None = None) -> gr.Blocks:
    """The page for a loaded model.

    source: what it was loaded from, as `finetune` takes it; "": it cannot be fine-tuned
    tuning: a FinetuneConfig as plain data, which Create a voice starts from
    """
    page = Page(tts, source, tuning or {})
    with gr.Blocks(title="sovits-tts", analytics_enabled=False, delete_cache=(600, 7200)) as blocks:
        with gr.Row(elem_id="sv-head"):
            page.put(gr.Markdown, "page.title")
            choices = [(name, code) for code, name in LANGUAGES.items()]
            page.language = page.put(
                gr.Dropdown, "page.language", choices=choices, value=DEFAULT, container=False, min_width=110,
                elem_id="sv-language",
            )  # fmt: skip
        tabs: list[Any] = []
        with gr.Tabs() as all_tabs:
            for name in TABS:
                with page.put(gr.Tab, f"tab.{name}", id=name) as tab:
                    tabs.append(tab)
                    if name == "speak":
                        speak = speak_tab.build(page)
                    elif name == "create":
                        create = create_tab.build(page)
                    elif name == "models":
                        models = models_tab.build(page)
                    else:
                        {"convert": convert_tab, "voices": voices_tab, "inspect": inspect_tab}[name].build(page)
        _wire(page, blocks, tabs, all_tabs, speak, create, models)
    return blocks.queue(max_size=32, default_concurrency_limit=4)


def _wire(
    page: Page, blocks: gr.Blocks, tabs: list[Any], all_tabs: Any, speak: dict[str, Any], create: dict[str, Any],
    models: Any,
) -> None:  # fmt: skip
    texts, lists = [component for component, _ in page.texts], [component for component, _ in page.lists]
    hidden = {"show_progress": "hidden", **_PRIVATE}

    def switch(language: str) -> list[Any]:
        return [*page.relabel(language), models_tab.table(page.tts, language)]

    def arrive(session: Session, request: gr.Request) -> list[Any]:
        language = preferred(request.headers.get("accept-language", ""))
        name = speaking.bundled(language)
        names = gr.update(choices=page.voices(), value=name)
        return [language, names, *speaking.voice_view(page, session, name, "", language)]

    def speak_with(session: Session, job_id: str, text: str, language: str) -> list[Any]:
        job = jobs.find(job_id or "")
        name = str(job.state().result.get("name") if job else "")
        view = speaking.voice_view(page, session, name, text, language)
        return [gr.Tabs(selected="speak"), gr.update(choices=page.voices(), value=name), *view]

    for tab in tabs:  # a voice may have come from another window, or from the command line
        tab.select(page.fresh_lists, None, lists, **hidden)
    # Work that goes on is found again when its tab is opened, and not before: Gradio's table, filled while it cannot be
    # seen, stops the whole page for good once it can.
    tabs[TABS.index("create")].select(create["look"], create["given"], create["view"], **hidden)
    page.language.change(switch, page.language, [*texts, models], **hidden)
    blocks.load(arrive, speak["session"], [page.language, *speak["view"]], **hidden).then(
        switch, page.language, [*texts, models], **hidden
    ).then(None, None, None, js="() => { document.documentElement.dataset.ready = '1'; }", **_PRIVATE)
    given = [speak["session"], create["job"], speak["text"], page.language]
    page.on(create["speak"].click, speak_with, given, [all_tabs, *speak["view"]], show_progress="hidden")


def check_access(host: str, share: bool, password: str) -> None:
    """Raises ConfigError for a page that others could reach without a password of 8 characters."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if (share or not local) and len(password) < 8:
        what = "--share" if share else f"--host {host}"
        raise ConfigError(
            f"{what} lets others reach the page, and there is no password of 8 characters or more.",
            hint="Add --password-file FILE, or leave it at 127.0.0.1.",
        )


def serve(
    tts: TTS, *, source: str = EMBEDDED, tuning: Mapping[str, Any] | None = None, host: str = "127.0.0.1",
    port: int | None = None, share: bool = False, password: str = "", block: bool = True, browser: bool = False,
) -> tuple[gr.Blocks, str]:  # fmt: skip
    """Show the page; returns it and its address. With `block`, stays until Ctrl-C. Raises ConfigError."""
    check_access(host, share, password)
    with tempfile.TemporaryDirectory(prefix="sovits-tts-", ignore_cleanup_errors=True) as folder:
        if block:
            os.environ["GRADIO_TEMP_DIR"] = folder  # uploads and results: gone when the server is
        jobs.clean()
        blocks = build(tts, source, tuning)
        script = (_HERE / "player.js").read_text(encoding="utf-8")
        try:
            # Gradio asks itself for the page first and gives up after seconds, which a busy machine may take.
            _, url, public = blocks.launch(
                _frontend=False,
                server_name=host, server_port=port, share=share, auth=(USER, password) if password else None,
                max_file_size=clips.MAX_BYTES, prevent_thread_lock=True, quiet=True, footer_links=[],
                run_history=False, enable_monitoring=False, ssr_mode=False, inbrowser=browser,
                theme=gr.themes.Default(primary_hue="indigo"), css=(_HERE / "page.css").read_text(encoding="utf-8"),
                head=f"<script>{script}</script>",
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(
                f"The page cannot listen on {host}:{port}: {error}", hint="Use another --port."
            ) from error
        if block:
            print(f"{public or url}" + (f"  (user {USER})" if password else ""), flush=True)
            blocks.block_thread()
        return blocks, str(public or url)
