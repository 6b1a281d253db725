"""What a user types first: the names exported, the time an import costs, and the code in the README."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sovits_tts
from sovits_tts import voices
from sovits_tts.app.cli.commands import app
from sovits_tts.assets import embedded_model

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
HEAVY = {"torch", "transformers", "librosa", "scipy", "numba", "gradio", "fastapi"}


def modules_after(*argv: str) -> set[str]:
    """Top-level modules a fresh interpreter has loaded after running `argv`."""
    lines = subprocess.run(
        [sys.executable, "-X", "importtime", *argv], cwd=ROOT, check=True, capture_output=True, text=True
    ).stderr.splitlines()
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines if line.startswith("import time:")}


def test_all_names_exist_and_nothing_else_is_listed() -> None:
    assert sorted(sovits_tts.__all__) == dir(sovits_tts)
    for name in sovits_tts.__all__:
        assert getattr(sovits_tts, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        sovits_tts.nothing_like_it  # noqa: B018


STARTS = [("-c", "import sovits_tts"), ("-m", "sovits_tts.app.cli", "--help")]


@pytest.mark.parametrize("argv", STARTS, ids=["import", "help"])
def test_starting_loads_nothing_heavy(argv: tuple[str, ...]) -> None:
    loaded = modules_after(*argv)
    assert "sovits_tts" in loaded
    assert loaded & HEAVY == set()


def test_import_is_quick() -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import sovits_tts"], cwd=ROOT, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3, times


def test_version_is_the_package_version() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{sovits_tts.__version__}"' in project


def test_readme_has_code_and_it_parses() -> None:
    assert BLOCKS
    for block in BLOCKS:
        ast.parse(block)


@pytest.mark.skipif(embedded_model() is None, reason="the embedded model is not in this checkout")
def test_readme_postcard_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block as it stands, with a real clip called clip.wav and a `play` that keeps what it is given."""
    sample = voices.get("english-woman")
    sample.audio.save(tmp_path / "clip.wav")
    played: list[int] = []
    block = BLOCKS[0].replace("What the clip says.", sample.text)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"play": lambda samples, sample_rate: played.append(len(samples))})
    assert (tmp_path / "out.wav").stat().st_size > 20_000
    assert sum(played) > 10_000


def test_readme_names_every_command_and_no_other() -> None:
    shown = set(re.findall(r"^sovits-tts (\w+)", README, flags=re.MULTILINE))
    assert shown == {getattr(c, "name", None) or c.callback.__name__ for c in app.registered_commands} | {
        group.name for group in app.registered_groups
    }


def test_readme_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and [link for link in links if not (ROOT / link).exists()] == []
