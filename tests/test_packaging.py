"""A wheel built from the checkout carries everything the first sentence needs, and nothing that was downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"]


def test_lock_pins_exactly_and_names_no_host() -> None:
    lines = [
        line
        for lock in ROOT.glob("requirements*.lock")
        for line in lock.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert "torch==2.13.0" in lines
    assert [line for line in lines if line.count("==") != 1 or "/" in line or "+" in line] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(ROOT / name, source / name)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sovits_tts", source / "sovits_tts", ignore=ignore)
    for bundled in ("mini", "voices"):
        shutil.copytree(ROOT / "pretrained" / bundled, source / "pretrained" / bundled)
    downloaded = source / "pretrained" / "v2Pro" / "weights.pth"
    downloaded.parent.mkdir()
    downloaded.touch()
    (source / "pretrained" / "loose.ckpt").touch()
    pip = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "-w", source / "dist", source], check=True, cwd=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_wheel_carries_every_table_and_the_bundled_model(wheel: Path) -> None:
    package = [p for p in (ROOT / "sovits_tts").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    expected = {str(p.relative_to(ROOT)) for p in package}
    for bundled in ("mini", "voices"):
        files = [p for p in (ROOT / "pretrained" / bundled).rglob("*") if p.is_file()]
        assert files, f"pretrained/{bundled} is empty"
        expected |= {f"sovits_tts/{p.relative_to(ROOT)}" for p in files}
    assert expected - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_wheel_leaves_downloaded_weights_out(wheel: Path) -> None:
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".pth", ".ckpt"))] == []


def test_an_installed_wheel_finds_what_it_carries(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    code = "from sovits_tts import assets; print(assets.find('mini/config.yaml'), assets.find('voices'), sep='\\n')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "SOVITS_TTS_HOME": str(tmp_path / "home")}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    inside = tmp_path / "installed" / "sovits_tts" / "pretrained"
    assert run.stdout.split() == [str(inside / "mini" / "config.yaml"), str(inside / "voices")]
