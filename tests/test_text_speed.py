"""`python -m tests.text_speed`: its jobs at small sizes."""

from __future__ import annotations

import pytest

from tests import text_speed


def test_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_speed, "SECONDS", 0.05)
    monkeypatch.setattr(text_speed, "BOOK", 4000)
    assert text_speed.speed("en")["characters_per_s"] > 50
    assert text_speed.book("zh")["characters_per_s"] > 50
    assert text_speed.measure("first", "en")["read_s"] < 10
    assert "skipped" in text_speed.measure("first", "xx")
