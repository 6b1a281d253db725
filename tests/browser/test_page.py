"""What a visitor does, in a real browser."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.audio import Audio
from tests.tiny_model import speech

PATIENCE = 60.0  # seconds
Window = Callable[..., Any]


def until(check: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.1)
    pytest.fail(f"waited {PATIENCE:g} s for {what}")


def text_of(page: Any) -> str:
    return str(page.execute_script("return document.body.innerText"))


def ready(page: Any) -> None:
    until(lambda: "no clipping" in text_of(page), "the bundled voice's badges")


def generate(page: Any) -> None:
    until(lambda: page.find_elements("id", "sv-go"), "the button")[0].click()


def heard(page: Any) -> Audio:
    script = "return (document.querySelector('#sv-player audio') || {}).src || ''"
    source = until(lambda: page.execute_script(script), "sound")
    return Audio.load(base64.b64decode(source.partition(",")[2]))


def tab(page: Any, name: str) -> None:
    buttons = page.find_elements("css selector", "button[role=tab]")
    next(button for button in buttons if button.is_displayed() and button.text.strip() == name).click()
    time.sleep(0.5)


def test_one_click_from_the_page_to_sound(window: Window) -> None:
    page = window()
    ready(page)
    generate(page)
    audio = heard(page)
    assert audio.seconds > 0.3
    assert audio.peak > 0.01
    until(lambda: "Join and download" in text_of(page), "the sentence list")


def test_a_clip_is_judged_at_once_and_a_bad_one_refused(window: Window, tmp_path: Path) -> None:
    page = window()
    ready(page)
    fake = tmp_path / "fake.wav"
    fake.write_text("not a sound", encoding="utf-8")
    page.find_element("css selector", "#sv-clip input[type=file]").send_keys(str(fake))
    until(lambda: "cannot be read as sound" in text_of(page), "the refusal")
    page = window()
    ready(page)
    page.find_element("css selector", "#sv-clip input[type=file]").send_keys(str(speech(14).save(tmp_path / "a.wav")))
    until(lambda: "of 14.0 s" in text_of(page), "the chosen window")
    assert page.find_element("css selector", "#sv-voice textarea").get_attribute("value") == ""
    generate(page)
    assert heard(page).seconds > 0.3


def test_two_windows_generate_at_once(window: Window) -> None:
    pages = [window(), window()]
    for page in pages:
        ready(page)
    for page in pages:
        generate(page)
    first, second = (heard(page) for page in pages)
    assert first.samples.tobytes() != second.samples.tobytes()  # each drew its own seed


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_every_tab_fits_the_screen(window: Window, size: tuple[int, int], pictures: Path) -> None:
    page = window(*size)
    ready(page)
    for name in ("Speak", "Voices", "Models", "Inspect"):
        tab(page, name)
        assert page.execute_script("return document.documentElement.scrollWidth") <= size[0] + 1
        page.save_screenshot(str(pictures / f"{name.lower()}-{size[0]}x{size[1]}.png"))
