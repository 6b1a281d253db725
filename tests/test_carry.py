"""A work folder that travels in parts gives the batches that it gave at home."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from sovits_tts.data.corpus import Corpus
from sovits_tts.data.pieces import read_pieces
from tests.test_pretrain import work as work

SCRIPT = Path(__file__).parents[1] / "scripts" / "carry_corpus.py"


def carry(*arguments: object) -> str:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_what_arrived_is_there_and_the_rest_is_left_out(work: Path, tmp_path: Path) -> None:
    packed, arrived, there = tmp_path / "packed", tmp_path / "arrived", tmp_path / "there"
    carry("pack", work, packed, "--corpus", work.parent / "corpus", "--megabytes", 0.2, "--first", 0.2)
    parts = sorted(packed.glob("part*.zip"))
    assert len(parts) > 2 and all(part.stat().st_size < 0.25e6 for part in parts)
    arrived.mkdir()
    seen = []
    for path in (packed / "small.tar.xz", *parts):
        shutil.move(path, arrived / path.name)
        if path in parts:
            carry("unpack", arrived, there)
            (arrived / path.name).unlink()  # what was unpacked may go
            seen.append([piece.split for piece in read_pieces(there / "pieces.jsonl")].count("not here"))
    assert seen == sorted(seen, reverse=True) and seen[0] > seen[-1] == 0
    assert read_pieces(there / "pieces.jsonl") == read_pieces(work / "pieces.jsonl")
    here, home = Corpus(there), Corpus(work)
    for name in {piece.clip for piece in read_pieces(work / "pieces.jsonl")}:
        assert np.array_equal(here.audio(here.by_id[name], 24000), home.audio(home.by_id[name], 24000))
    assert (there / "pitch.f16").read_bytes() == (work / "pitch.f16").read_bytes()
