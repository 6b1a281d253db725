#!/usr/bin/env python3
"""A corpus and the work folder of its pretraining, in parts that travel to a machine that takes so much at a time.

    python scripts/carry_corpus.py pack WORK OUT --corpus CORPUS [--megabytes 50] [--first 25]
    python scripts/carry_corpus.py unpack OUT WORK          # there, as often as a part arrives

Recordings travel as they are and are decoded there, by all processors. Every part holds about the same share of each
speaker, so training may begin with what has arrived: what is said in recordings that have not, is left out. Afterwards,
there: `sovits-tts pretrain restore --from MODEL --work WORK`, and then any of gpt, vits, prior and decoder, with
`device: cuda`, `anneal: time` and more `workers`. It needs soundfile and soxr beside what training needs.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import random
import tarfile
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from sovits_tts.data.contours import Contours
from sovits_tts.data.corpus import Corpus, decode
from sovits_tts.data.pieces import read_pieces

RATE = 24000
SMALL = ("clips.jsonl", "pieces.jsonl", "tokens.npz", "codebook.safetensors", "pitch.f16", "labels.jsonl")
DEV_CLIPS = 10  # of each dev speaker
ABSENT = "not here"  # the split of pieces whose recording has not arrived


def pack(work: Path, out: Path, corpus: Path, most: float, first: float) -> None:
    """Write `small.tar.xz` and `part0.zip`, `part1.zip`, ..."""
    known = Corpus(work)
    Contours(known, work)
    out.mkdir(parents=True)
    with tarfile.open(out / "small.tar.xz", "w:xz") as tar:
        for name in SMALL:
            tar.add(work / name, name)
    files = {clip.id: next(corpus.glob(f"{clip.id}.*")) for clip in known}
    room, number = first, 0
    archive = zipfile.ZipFile(out / "part0.zip", "w")
    for name in _order(work):
        size = files[name].stat().st_size + 3 * len(name)
        if size > room:
            archive.close()
            number, room = number + 1, most
            archive = zipfile.ZipFile(out / f"part{number}.zip", "w")
        archive.write(files[name], name)
        room -= size
    archive.close()


def _order(work: Path) -> list[str]:
    """Clips that training reads, some of every speaker first; before them a few of each dev speaker."""
    dev: dict[str, list[str]] = defaultdict(list)
    train: dict[str, list[str]] = defaultdict(list)
    for piece in read_pieces(work / "pieces.jsonl"):
        clips = (dev if piece.split == "dev" else train)[piece.speaker]
        if piece.clip not in clips:
            clips.append(piece.clip)
    draw, placed = random.Random(0), []
    for clips in train.values():
        draw.shuffle(clips)
        placed += [((number + draw.random()) / len(clips), clip) for number, clip in enumerate(clips)]
    return [clip for clips in dev.values() for clip in clips[:DEV_CLIPS]] + [clip for _, clip in sorted(placed)]


def unpack(parts: Path, work: Path) -> None:
    """Decode what has arrived and is not there yet, and say which pieces can be heard."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "all_pieces.jsonl").is_file():
        with tarfile.open(parts / "small.tar.xz") as tar:
            tar.extractall(work, filter="data")
        (work / "pieces.jsonl").rename(work / "all_pieces.jsonl")
    flat = work / f"audio_{RATE // 1000}k.i16"
    if not flat.is_file():
        clips = Corpus(work).clips
        with flat.open("wb") as file:  # with holes, where nothing has arrived
            file.truncate(2 * max(clip.offset[str(RATE)] + clip.length[str(RATE)] for clip in clips))
    arrived = work / "arrived.txt"
    here = set(arrived.read_text().split("\n")) if arrived.is_file() else set()
    for path in sorted(parts.glob("part*.zip")):
        names = [name for name in zipfile.ZipFile(path).namelist() if name not in here]
        jobs = [(path, work, names[start::64]) for start in range(64)]
        with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
            pool.starmap(_decode, jobs)
        here |= set(names)
        arrived.write_text("\n".join(sorted(here)))
    rows = [json.loads(line) for line in (work / "all_pieces.jsonl").open(encoding="utf-8")]
    lines = [json.dumps(row | ({} if row["clip"] in here else {"split": ABSENT})) + "\n" for row in rows]
    (work / "pieces.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(here)} recordings are here.")


def _decode(part: Path, work: Path, names: list[str]) -> None:
    known = Corpus(work).by_id
    flat = np.memmap(work / f"audio_{RATE // 1000}k.i16", np.int16, "r+")
    with zipfile.ZipFile(part) as archive:
        for name in names:
            first, length = known[name].offset[str(RATE)], known[name].length[str(RATE)]
            found = decode(io.BytesIO(archive.read(name)), (RATE,))[RATE][:length]
            flat[first : first + len(found)] = found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pack", "unpack"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--megabytes", type=float, default=50, help="of a part")
    parser.add_argument("--first", type=float, default=25, help="megabytes of the first, which travels with the rest")
    options = parser.parse_args()
    if options.what == "unpack":
        unpack(options.source, options.target)
    elif options.corpus is None:
        parser.error("pack needs --corpus")
    else:
        pack(options.source, options.target, options.corpus, options.megabytes * 1e6, options.first * 1e6)


if __name__ == "__main__":
    main()
