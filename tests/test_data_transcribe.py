"""The review table survives a round trip, worst first, and what is wrong in it is named by line."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from sovits_tts.data.transcribe import COLUMNS, FasterWhisper, ReviewRow, read_review, write_review
from sovits_tts.errors import ConfigError, DataError, MissingDependency


def test_worst_first_and_back(tmp_path: Path) -> None:
    rows = [
        ReviewRow("good", "", 0.9, "keep", "en", 'He said "yes".', ""),
        ReviewRow("bad", "no", 0.2, "warn", "zh", "你好，\t世界", "It is noisy."),
        ReviewRow("silent", "", None, "exclude", "auto", "", "It has no transcript."),
        ReviewRow("unsure", "yes", None, "keep", "en", "'Tis so", ""),
    ]
    path = tmp_path / "审核.tsv"
    write_review(path, rows)
    back = read_review(path)
    assert list(back) == ["silent", "unsure", "bad", "good"]
    assert back["bad"] == ReviewRow("bad", "no", 0.2, "warn", "zh", "你好， 世界", "It is noisy.")
    assert back["good"].text == 'He said "yes".'


def test_faults_are_named_together(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("\t".join(COLUMNS) + "\r\na\tmaybe\r\nb\tX\r\nb\tyes\r\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2: keep is 'maybe'.*line 4: b stands twice"):
        read_review(path)
    path.write_text("id,keep,text\n", encoding="utf-8")
    with pytest.raises(DataError, match="parted by tabs"):
        read_review(path)
    path.write_bytes("\t".join(COLUMNS).encode() + "\n录音".encode("gb18030"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_review(path)


def test_a_recogniser_has_to_be_there(tmp_path: Path) -> None:
    expected = ConfigError if find_spec("faster_whisper") else MissingDependency
    with pytest.raises(expected, match="faster-whisper"):
        FasterWhisper(tmp_path / "nowhere")
