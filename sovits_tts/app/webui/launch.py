"""The page as a whole, and the server that shows it."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import clips, other_tabs, speak_tab, speaking
from sovits_tts.app.webui.catalogue import DEFAULT, LANGUAGES, preferred
from sovits_tts.app.webui.layout import Page
from sovits_tts.clip import inspect
from sovits_tts.errors import ConfigError
from sovits_tts.tts import TTS

USER = "sovits"
_HERE = Path(__file__).parent
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def build(tts: TTS) -> gr.Blocks:
    """The page for a loaded model."""
    page = Page(tts)
    with gr.Blocks(title="sovits-tts", analytics_enabled=False, delete_cache=(600, 7200)) as blocks:
        with gr.Row(elem_id="sv-head"):
            page.put(gr.Markdown, "page.title")
            choices = [(name, code) for code, name in LANGUAGES.items()]
            page.language = page.put(gr.Dropdown, "page.language", choices=choices, value=DEFAULT, min_width=120)
        with page.put(gr.Tab, "tab.speak"):
            speak = speak_tab.build(page)
        with page.put(gr.Tab, "tab.voices"):
            other_tabs.voices_tab(page, speak["voice"])
        with page.put(gr.Tab, "tab.models"):
            models = gr.HTML()
        with page.put(gr.Tab, "tab.inspect"):
            other_tabs.inspect_tab(page)
        texts = [component for component, _ in page.texts]

        def switch(language: str) -> list[Any]:
            return [*page.relabel(language), other_tabs.models_page(tts, language)]

        def arrive(request: gr.Request) -> list[Any]:
            language = preferred(request.headers.get("accept-language", ""))
            voice = voices.bundled_for(language)
            names = gr.update(choices=other_tabs.names(), value=voice.name)
            card = clips.card(voice.audio, inspect(voice.audio), language)
            return [language, names, speaking.fitting(voice, ""), card, voice.text, voice.language]

        page.language.change(switch, page.language, [*texts, models], show_progress="hidden", **_PRIVATE)
        blocks.load(arrive, None, [page.language, *speak.values()], show_progress="hidden", **_PRIVATE).then(
            switch, page.language, [*texts, models], show_progress="hidden", **_PRIVATE
        )
    return blocks.queue(max_size=32, default_concurrency_limit=4)


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
    tts: TTS, *, host: str = "127.0.0.1", port: int | None = None, share: bool = False, password: str = "",
    block: bool = True, browser: bool = False,
) -> tuple[gr.Blocks, str]:  # fmt: skip
    """Show the page; returns it and its address. With `block`, stays until Ctrl-C. Raises ConfigError."""
    check_access(host, share, password)
    with tempfile.TemporaryDirectory(prefix="sovits-tts-", ignore_cleanup_errors=True) as folder:
        if block:
            os.environ["GRADIO_TEMP_DIR"] = folder  # uploads and results: gone when the server is
        blocks = build(tts)
        script = (_HERE / "player.js").read_text(encoding="utf-8")
        try:
            _, url, public = blocks.launch(
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
