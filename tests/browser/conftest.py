"""A real page on a tiny model, and Chromium to open it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import write_model


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", help="folder for pictures of every tab")


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = request.config.getoption("--screenshots", default=None)
    folder = Path(asked) if asked else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gradio", reason="the web page needs gradio")
    pytest.importorskip("selenium", reason="scripts/browser_tests installs selenium")
    if not shutil.which("chromedriver"):
        pytest.skip("there is no chromedriver; scripts/browser_tests installs it")
    from sovits_tts.app.webui.launch import serve
    from sovits_tts.tts import TTS

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOVITS_TTS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("cache")))
        blocks, url = serve(TTS.load(write_model(tmp_path_factory.mktemp("model"))), block=False)
        yield url
        blocks.close()


@pytest.fixture
def window(address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page in a new browser of this size; all are closed afterwards."""
    from selenium import webdriver

    opened = []

    def open_page(width: int = 1280, height: int = 800) -> Any:
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en"):
            options.add_argument(flag)
        options.add_argument(f"--window-size={width},{height}")
        size = {"width": width, "height": height, "pixelRatio": 1.0}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": size})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        opened.append(driver)
        driver.get(address)
        return driver

    yield open_page
    for driver in opened:
        driver.quit()
