"""What a visitor does, in a real browser."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

from sovits_tts.app import jobs
from sovits_tts.audio import Audio
from tests.browser.conftest import STARTED
from tests.tiny_model import speech

PATIENCE = 300.0  # seconds; what counts is that it comes
Window = Callable[..., Any]
TABS = ("Speak", "Create a voice", "Convert", "Voices", "Models", "Inspect")
SIZES = [(1280, 800), (390, 844)]


def until(check: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.1)
    pytest.fail(f"waited {PATIENCE:g} s for {what}")


def text_of(page: Any) -> str:
    return str(page.execute_script("return document.body.innerText"))


def reads(page: Any, words: str) -> None:
    until(lambda: words in text_of(page), repr(words))


def ready(page: Any) -> None:
    reads(page, "no clipping")  # the badges of the bundled voice


def press(page: Any, name: str) -> None:
    until(lambda: page.find_elements("id", name), name)
    page.execute_script("document.getElementById(arguments[0]).click()", name)


def source_of(page: Any, place: str) -> str:
    script = "const a = document.querySelector(arguments[0]); return (a && (a.src || a.currentSrc)) || ''"
    return str(page.execute_script(script, f"{place} audio"))


def heard(page: Any) -> Audio:
    source = until(lambda: source_of(page, "#sv-player"), "sound")
    return Audio.load(base64.b64decode(source.partition(",")[2]))


def audible(audio: Audio) -> bool:
    return audio.seconds > 0.3 and audio.peak > 0.01


def download(link: str) -> bytes:
    with urlopen(link, timeout=PATIENCE) as answer:  # of the page's own server
        return bytes(answer.read())


def give(page: Any, place: str, *files: Path) -> None:
    """Upload as a visitor does, without the dialogue."""
    field = until(lambda: page.find_elements("css selector", f"{place} input[type=file]"), place)[0]
    field.send_keys("\n".join(map(str, files)))


def tab(page: Any, name: str) -> None:
    """Open a tab; on a phone some hide behind a menu."""
    script = """
        const named = () => [...document.querySelectorAll('button[role=tab], .overflow-dropdown button')]
            .find(b => b.offsetParent && b.innerText.trim() === arguments[0]);
        if (!named()) { const more = document.querySelector('.overflow-menu > button'); if (more) more.click(); }
        const found = named(); if (found) found.click(); return !!found;"""
    until(lambda: page.execute_script(script, name), f"the tab {name}")
    time.sleep(0.5)


def shoot(page: Any, pictures: Path, name: str, size: tuple[int, int]) -> None:
    assert page.execute_script("return document.documentElement.scrollWidth") <= size[0] + 1, name
    page.save_screenshot(str(pictures / f"{name}-{size[0]}x{size[1]}.png"))


def test_one_click_from_the_page_to_sound_and_a_sentence_again(
    window: Window, pictures: Path, request: pytest.FixtureRequest
) -> None:
    begun = time.monotonic()
    page = window()
    ready(page)
    opened = time.monotonic()
    press(page, "sv-go")
    assert audible(heard(page))
    done = time.monotonic()
    (pictures / "figures.txt").write_text(
        f"start of the page's server {request.config.stash[STARTED]:.1f} s; opening it in a new browser "
        f"{opened - begun:.1f} s; 1 click; from the click to sound {done - opened:.1f} s\n",
        encoding="utf-8",
    )
    reads(page, "Join and download")
    until(lambda: len(page.find_elements("css selector", "#sv-lines input[type=radio]")) == 1, "the sentence list")
    first = text_of(page)
    seed = re.search(r"1: [\d.]+ s, seed \d+", first)
    assert seed and "2: " not in first
    press(page, "sv-again")
    until(lambda: re.search(r"2: [\d.]+ s, seed \d+", text_of(page)), "the second take")
    shoot(page, pictures, "sentences", SIZES[0])
    press(page, "sv-join")
    links = "return [...document.querySelectorAll('a')].map(a => a.href).filter(h => h.includes('/speech.'))"
    files = {link.rpartition(".")[2]: link for link in until(lambda: page.execute_script(links), "the files")}
    assert audible(Audio.load(download(files["wav"])))
    assert b" --> " in download(files["srt"])


def test_a_clip_is_judged_at_once_and_speaks(window: Window, tmp_path: Path) -> None:
    page = window()
    ready(page)
    give(page, "#sv-clip", speech(14).save(tmp_path / "a.wav"))
    reads(page, "of 14.0 s")
    assert page.find_element("css selector", "#sv-voice textarea").get_attribute("value") == ""
    press(page, "sv-go")
    assert audible(heard(page))


def test_bad_uploads_get_a_sentence(window: Window, tmp_path: Path) -> None:
    fake = tmp_path / "fake.wav"
    fake.write_text("not a sound", encoding="utf-8")
    short = speech(0.2).save(tmp_path / "short.wav")
    long = Audio(np.zeros(30 * 60 * 4000, np.float32), 4000).save(tmp_path / "long.wav")
    page = window()
    for file, words in ((fake, "cannot be read as sound"), (short, "0.2 s long"), (long, "longer than 20 minutes")):
        ready(page)
        give(page, "#sv-clip", file)
        reads(page, words)
        page.refresh()


def test_two_windows_at_once_with_different_voices(window: Window) -> None:
    pages = [window(), window()]
    for page in pages:
        ready(page)
    box = pages[1].find_element("css selector", "#sv-choice input")
    box.click()
    until(lambda: pages[1].find_elements("css selector", "#sv-choice ul li, ul.options li"), "the list of voices")
    chosen = [o for o in pages[1].find_elements("css selector", "ul.options li") if "mandarin-man" in o.text]
    pages[1].execute_script("arguments[0].dispatchEvent(new MouseEvent('mousedown', {bubbles: true}))", chosen[0])
    until(
        lambda: "你好" in pages[1].find_element("css selector", "#sv-text textarea").get_attribute("value"), "its text"
    )
    for page in pages:
        press(page, "sv-go")
    first, second = (heard(page) for page in pages)
    assert audible(first) and audible(second)
    assert first.samples.tobytes() != second.samples.tobytes()
    reads(pages[0], "Hello!")
    reads(pages[1], "你好")


def test_speech_in_another_voice(window: Window, tmp_path: Path) -> None:
    page = window()
    ready(page)
    tab(page, "Convert")
    give(page, "#sv-source", speech(4, f0=200).save(tmp_path / "a.wav"))
    time.sleep(1)
    press(page, "sv-convert")
    reads(page, "Likeness of the voices")
    assert page.find_elements("css selector", "#sv-converted [data-testid*=waveform]")


def test_the_page_in_another_language(window: Window) -> None:
    page = window()
    ready(page)
    page.find_element("css selector", "#sv-language input").click()
    until(lambda: page.find_elements("css selector", "ul.options li"), "the languages")
    chosen = [option for option in page.find_elements("css selector", "ul.options li") if option.text.strip() == "中文"]
    page.execute_script("arguments[0].dispatchEvent(new MouseEvent('mousedown', {bubbles: true}))", chosen[0])
    for words in ("创建声音", "生成", "打开文件"):
        reads(page, words)
    tab(page, "模型")
    reads(page, "许可")


def test_a_voice_is_created(window: Window, tmp_path: Path, pictures: Path) -> None:
    page = window()
    ready(page)
    tab(page, "Create a voice")
    files = []
    for number in range(6):
        files.append(speech(5, f0=150, seed=number).save(tmp_path / f"{number}.wav"))
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text("Hello there, my old friend, how are you?", encoding="utf-8")
    give(page, "#sv-recordings", *files)
    until(lambda: "5.wav" in "".join(text_of(page).split()), "the list of files")
    page.find_element("css selector", "#sv-name input, #sv-name textarea").send_keys("ann")
    press(page, "sv-create")
    reads(page, "Waiting for you")
    reads(page, "Hello there, my old friend")
    shoot(page, pictures, "review", SIZES[0])
    page.refresh()  # the browser finds its work again
    ready(page)
    tab(page, "Create a voice")
    reads(page, "Waiting for you")
    press(page, "sv-train")
    over = lambda: "is ready" in text_of(page) or "could not go on" in text_of(page)
    until(over, "the end of the training")
    (job,) = jobs.everything()
    assert job.state().state == "done", job.state().error
    shoot(page, pictures, "created", SIZES[0])
    tab(page, "Voices")
    until(lambda: "ann" in text_of(page).split(), "the voice in the list")


@pytest.mark.parametrize("size", SIZES)
def test_every_tab_fits_the_screen(window: Window, size: tuple[int, int], pictures: Path) -> None:
    page = window(*size)
    ready(page)
    for name in TABS:
        tab(page, name)
        shoot(page, pictures, name.lower().replace(" ", "-"), size)
