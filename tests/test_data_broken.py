"""Broken input is named, whatever shows it: the manifest, the reading, or the verdict on the clip."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sovits_tts import media
from tests.broken_input import KINDS, Kind, said
from tests.tiny_model import write_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


def without_numbers(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_it_is_named(kind: Kind, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "installed", lambda: False)  # with it, other words follow from other decoders
    assert without_numbers(kind.said) in without_numbers(said(kind, tmp_path / "录音 x", model))


def test_the_documents_show_these() -> None:
    page = (ROOT / "docs" / "dataset.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| (.+?) \| (?:problem|left out|clip) \| (.+) \|$", page, re.MULTILINE))
    assert list(shown) == [kind.what for kind in KINDS]
    for kind in KINDS:
        assert without_numbers(kind.said.replace("|", "\\|")) in without_numbers(shown[kind.what])
