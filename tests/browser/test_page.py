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
from tests.browser.conftest import FIGURES, STARTED
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
    """Wait for the badges of the bundled voice, and for what Gradio does after it has shown them."""
    reads(page, "no clipping")
    until(lambda: page.execute_script("return document.documentElement.dataset.ready === '1'"), "the page")


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
    """Random weights speak softly, a broken path not at all."""
    return audio.seconds > 0.3 and audio.peak > 1e-3


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


def choose(page: Any, place: str, name: str) -> None:
    """Choose in a list, whose options the page shows elsewhere once it is opened."""
    until(lambda: page.find_elements("css selector", f"{place} input"), place)[0].click()
    found = until(lambda: page.find_elements("css selector", f'[role=option][aria-label="{name}"]'), name)
    page.execute_script("arguments[0].dispatchEvent(new MouseEvent('mousedown', {bubbles: true}))", found[0])


def value(page: Any, place: str) -> str:
    return str(page.find_element("css selector", f"{place} textarea, {place} input").get_attribute("value"))


def write(page: Any, place: str, text: str) -> None:
    """Replace what stands in a field, and leave it."""
    field = until(lambda: page.find_elements("css selector", f"{place} textarea, {place} input"), place)[0]
    script = """
        const [field, text] = arguments;
        Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, text);
        for (const kind of ['input', 'blur']) field.dispatchEvent(new Event(kind, {bubbles: true}));"""
    page.execute_script(script, field, text)


def takes(page: Any) -> int:
    return len(re.findall(r"\d: [\d.]+ s, seed \d+", text_of(page)))


def resize(page: Any, size: tuple[int, int]) -> None:
    facts = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", facts)
    until(lambda: page.execute_script("return window.innerWidth") == size[0], "the new size")


def shoot(page: Any, pictures: Path, name: str, size: tuple[int, int]) -> None:
    resize(page, size)
    time.sleep(0.3)  # the page lays itself out anew
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
    request.config.stash[FIGURES] = (
        f"start of the page's server with a loaded model {request.config.stash[STARTED]:.1f} s; opening it in a new "
        f"browser {opened - begun:.1f} s; 1 click; from the click to sound {done - opened:.1f} s"
    )
    until(lambda: len(page.find_elements("css selector", "#sv-lines input[type=radio]")) == 1, "the sentence list")
    until(lambda: takes(page) == 1, "the first take")
    write(page, "#sv-count", "2")
    press(page, "sv-again")
    until(lambda: takes(page) == 3, "two more takes")
    for size in SIZES:
        page.execute_script("document.getElementById('sv-result').scrollIntoView()")
        shoot(page, pictures, "sentences", size)
    resize(page, SIZES[0])
    write(page, "#sv-edited", "tomato<T AH0 M AA1 T OW2>")
    reads(page, "T AH0 M AA1 T OW2")  # the phoneme view
    press(page, "sv-again")
    reads(page, "1. tomato")
    press(page, "sv-join")
    links = "return [...document.querySelectorAll('a')].map(a => a.href).filter(h => h.includes('/speech.'))"
    files = {link.rpartition(".")[2]: link for link in until(lambda: page.execute_script(links), "the files")}
    assert audible(Audio.load(download(files["wav"])))
    assert b" --> " in download(files["srt"])


def test_the_keyboard_alone_speaks_a_text_file(window: Window, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    page = window()
    ready(page)
    subtitles = tmp_path / "two.srt"
    subtitles.write_text(
        "1\n00:00:00,000 --> 00:00:01,000\nGood day to all of you here.\n\n2\n"
        "00:00:05,000 --> 00:00:06,000\nAnd good night to all of you there.\n",
        encoding="utf-8",
    )
    give(page, ".sv-actions", subtitles)
    until(lambda: "Good day" in value(page, "#sv-text"), "the text of the file")
    page.find_element("css selector", "#sv-text textarea").click()
    ActionChains(page).send_keys(Keys.TAB).perform()
    assert page.execute_script("return document.activeElement.id") == "sv-go"
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert audible(heard(page))
    until(lambda: len(page.find_elements("css selector", "#sv-lines input[type=radio]")) == 2, "two sentences")
    seen = set()
    for _ in range(60):
        ActionChains(page).send_keys(Keys.TAB).perform()
        seen.add(page.execute_script("return document.activeElement.id || document.activeElement.tagName"))
    assert {"sv-again", "sv-join"} <= seen


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
    choose(pages[1], "#sv-choice", "mandarin-man")
    until(lambda: "你好" in value(pages[1], "#sv-text"), "its text")
    for page in pages:
        press(page, "sv-go")
    first, second = (heard(page) for page in pages)
    assert audible(first) and audible(second)
    assert first.samples.tobytes() != second.samples.tobytes()
    reads(pages[0], "Hello!")
    reads(pages[1], "你好")


def test_speech_in_another_voice(window: Window, tmp_path: Path, pictures: Path) -> None:
    page = window()
    ready(page)
    tab(page, "Convert")
    press(page, "sv-convert")
    reads(page, "There is no recording yet.")
    give(page, "#sv-source", speech(4, f0=200).save(tmp_path / "a.wav"))
    until(lambda: page.find_elements("css selector", "#sv-source [data-testid*=waveform]"), "the recording")
    press(page, "sv-convert")
    reads(page, "Likeness of the voices")
    until(lambda: page.find_elements("css selector", "#sv-converted [data-testid*=waveform]"), "the result")
    for size in SIZES:
        shoot(page, pictures, "converted", size)


def test_two_clips_side_by_side(window: Window, tmp_path: Path, pictures: Path) -> None:
    page = window()
    ready(page)
    tab(page, "Inspect")
    for number, place in enumerate(("#sv-inspect-clip", "#sv-inspect-second")):
        give(page, place, speech(4, f0=120 + 60 * number, seed=number).save(tmp_path / f"{number}.wav"))
    reads(page, "Likeness of the voices")
    until(lambda: text_of(page).count("Signal to noise") == 2, "the facts of both clips")
    for size in SIZES:
        page.execute_script("window.scrollTo(0, 0)")
        shoot(page, pictures, "inspected", size)


def test_the_page_in_another_language(window: Window, tmp_path: Path) -> None:
    page = window()
    ready(page)
    choose(page, "#sv-language", "中文")
    for words in ("创建声音", "生成", "打开文件"):
        reads(page, words)
    reads(page, "无削波")  # the badges of the clip
    write(page, "#sv-text", " ")
    press(page, "sv-go")
    reads(page, "没有要说的文字。")
    fake = tmp_path / "fake.wav"
    fake.write_text("not a sound", encoding="utf-8")
    give(page, "#sv-clip", fake)
    reads(page, "这个文件不是可以读取的声音。")
    tab(page, "模型")
    reads(page, "许可")


def test_a_voice_is_created(window: Window, tmp_path: Path, pictures: Path) -> None:
    page = window()
    ready(page)
    tab(page, "Create a voice")
    files = []
    for number in range(4):  # the fewest
        files.append(speech(3.5, f0=150, seed=number).save(tmp_path / f"{number}.wav"))
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text("Hello there, my old friend.", encoding="utf-8")
    give(page, "#sv-recordings", *files)
    until(lambda: "3.wav" in "".join(text_of(page).split()), "the list of files")
    write(page, "#sv-name", "ann")
    press(page, "sv-create")
    reads(page, "Waiting for you")
    reads(page, "Hello there, my old friend")
    for size in SIZES:
        shoot(page, pictures, "review", size)
    resize(page, SIZES[0])
    page.refresh()  # the browser finds its work again
    ready(page)
    tab(page, "Create a voice")
    reads(page, "Waiting for you")
    press(page, "sv-train")
    until(lambda: "Working" in text_of(page), "the training to begin")
    until(lambda: "Train VITS" in now_doing(page) or over(page), "the second stage")
    if not over(page):
        for size in SIZES:
            shoot(page, pictures, "training", size)
    until(lambda: over(page), "the end of the training")
    (job,) = jobs.everything()
    assert job.state().state == "done", job.state().error
    for size in SIZES:
        shoot(page, pictures, "created", size)
    resize(page, SIZES[0])
    press(page, "sv-speak-with")
    until(lambda: value(page, "#sv-choice") == "ann", "the voice in Speak")


def now_doing(page: Any) -> str:
    return str(page.execute_script("return (document.querySelector('.sv-step-now') || {}).innerText || ''"))


def over(page: Any) -> bool:
    return "is ready" in text_of(page) or "could not go on" in text_of(page)


@pytest.mark.parametrize("size", SIZES)
def test_every_tab_fits_the_screen(window: Window, size: tuple[int, int], pictures: Path) -> None:
    page = window(*size)
    ready(page)
    for name in TABS:
        tab(page, name)
        shoot(page, pictures, name.lower().replace(" ", "-"), size)
