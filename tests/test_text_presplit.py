"""The official pre-splitting against its recorded results, and upstream's oddities one by one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.presplit import collapse_punctuation, cutter, merge_short, presplit, split_long

GOLDEN = Path(__file__).parent / "golden" / "text" / "presplit.jsonl.gz"
ROWS = [json.loads(line) for line in gzip.decompress(GOLDEN.read_bytes()).decode("utf-8").splitlines()]


@pytest.mark.parametrize("method", [f"cut{n}" for n in range(6)])
def test_golden(method: str) -> None:
    rows = [row for row in ROWS if row["method"] == method]
    assert len(rows) == 21
    for row in rows:
        text = collapse_punctuation(row["text"])
        assert text == row["after_collapse"]
        if "error" in row:
            with pytest.raises(TextError):
                presplit(text, method, row["lang"] == "en")
        else:
            assert presplit(text, method, row["lang"] == "en") == row["segments"], row["text"]


def test_by_four_joins_the_last_two_groups() -> None:
    nine = "".join(f"{n}。" for n in range(1, 10))
    assert cutter("cut1")(nine) == "1。2。3。4。\n5。6。7。8。9。"
    assert "\n" not in cutter("cut1")("".join(f"{n}。" for n in range(1, 9)))


def test_full_stop_cut_keeps_decimals() -> None:
    assert cutter("cut4")("Pi is 3.14. Good") == "Pi is 3.14. Good"  # a digit on one side is enough
    assert cutter("cut4")("One. Two.") == "One\n Two"


def test_short_pieces_join() -> None:
    assert merge_short(["ab", "c", "defg", "h"], 5) == ["abcdefgh"]
    assert split_long("甲" * 6 + "，" + "乙" * 6, 7) == ["甲" * 6 + "，", "乙" * 6]


def test_unknown_method() -> None:
    with pytest.raises(TextError, match="cut0, cut1"):
        presplit("你好", "cut9", False)
