"""A real page on a tiny model, and Chromium to open it. `scripts/browser_tests` runs these."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import write_model

# Random networks hear nothing and say nothing: the limits and the judges are set for that.
TUNING: dict[str, Any] = {
    "prepare": {"limits": {"heard": [0.0, 0.0]}},
    "gpt": {"epochs": 1, "fill": 0},
    "vits": {"epochs": 1, "fill": 0, "adversarial": 0.0},
    "evaluate": {"lines": 1, "checkpoints": 1, "recogniser": "own", "speaker": "own"},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", help="folder for pictures of every tab")


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = request.config.getoption("--screenshots", default=None)
    folder = Path(asked) if asked else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not any("browser" in argument for argument in request.config.args):
        pytest.skip("scripts/browser_tests runs these")
    pytest.importorskip("gradio", reason="the web page needs gradio")
    pytest.importorskip("selenium", reason="scripts/browser_tests installs selenium")
    if not shutil.which("chromedriver"):
        pytest.skip("there is no chromedriver; scripts/browser_tests installs it")
    from sovits_tts.app.webui.launch import serve
    from sovits_tts.tts import TTS

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOVITS_TTS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("cache")))
        model = write_model(tmp_path_factory.mktemp("model"))
        begun = time.monotonic()
        blocks, url = serve(TTS.load(model), source=str(model), tuning=TUNING, block=False)
        request.config.stash[STARTED] = time.monotonic() - begun
        yield url
        blocks.close()


STARTED = pytest.StashKey[float]()  # seconds from a model folder to a page that can be opened
FIGURES = pytest.StashKey[str]()  # what the first test measured
OPENED = pytest.StashKey[list[Any]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """What a failed test's windows showed goes into the report."""
    report = yield
    if report.when == "call" and report.failed:
        for number, driver in enumerate(item.config.stash.get(OPENED, [])):
            text = driver.execute_script("return document.body.innerText")
            log = "\n".join(entry["message"] for entry in driver.get_log("browser")[-10:])
            report.sections.append((f"window {number}", f"{text[-3000:]}\n--- console\n{log}"))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if FIGURES in config.stash:
        load = " ".join(f"{value:.1f}" for value in os.getloadavg())
        cores = os.cpu_count()
        terminalreporter.write_line(f"figures: {config.stash[FIGURES]} (load {load} on {cores} cores)")


@pytest.fixture(scope="session")
def browsers(request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    opened: list[Any] = []
    request.config.stash[OPENED] = opened
    yield opened
    for driver in opened:
        driver.quit()


@pytest.fixture
def window(address: str, browsers: list[Any]) -> Callable[..., Any]:
    """Opens the page in a browser window of this size that this test has not used; windows are used again later."""
    from selenium import webdriver

    used = 0

    def open_page(width: int = 1280, height: int = 800) -> Any:
        nonlocal used
        if used == len(browsers):
            options = webdriver.ChromeOptions()
            for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en"):
                options.add_argument(flag)
            options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
            service = webdriver.ChromeService(shutil.which("chromedriver"))
            browsers.append(webdriver.Chrome(options=options, service=service))
            browsers[-1].set_script_timeout(300)  # a busy machine is slow, not broken
        driver = browsers[used]
        used += 1
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(address)
        return driver

    return open_page
