"""A speech corpus on disk, decoded once: every clip at 16 and 24 kHz in two flat int16 arrays.

The work folder holds `clips.jsonl` (one row per clip, in order) and `audio_16k.i16`, `audio_24k.i16`. Training reads
these through memory maps and needs nothing but NumPy, so the folder can be carried to a machine without soundfile.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sovits_tts.errors import DataError
from sovits_tts.progress import Event, OnEvent, silent

RATES = (16000, 24000)
ACTIVE_RMS = 0.07  # speech level after normalisation, about -23 dBFS
PEAK = 0.95


@dataclass(frozen=True)
class Clip:
    """One recording. `offset` and `length` count samples of the flat array of each rate."""

    id: str
    speaker: str
    language: str
    text: str
    split: str
    gender: str
    bandwidth: float  # kHz: nothing above it in the recording
    seconds: float
    offset: dict[str, int]
    length: dict[str, int]


def active_gain(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Factor that brings the level of the loud half of the frames to ACTIVE_RMS without passing PEAK."""
    frame = sample_rate // 50
    n = len(samples) // frame
    if n == 0:
        return 0.0
    energy = np.square(samples[: n * frame].reshape(n, frame)).mean(axis=1)
    level = math.sqrt(float(np.mean(energy[energy >= np.median(energy)])))
    peak = float(np.abs(samples).max())
    if level < 1e-5:
        return 0.0
    return min(ACTIVE_RMS / level, PEAK / peak)


def decode(source: Path | BinaryIO, rates: Sequence[int] = RATES) -> dict[int, NDArray[np.int16]]:
    """One recording at each of the rates, mono, at the level of training."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(source, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    mono = mono * active_gain(mono, rate)
    return {r: np.round(np.clip(soxr.resample(mono, rate, r), -1, 1) * 32767).astype(np.int16) for r in rates}


def read_manifest(corpus: Path, languages: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of `corpus/manifest.csv` in the given languages. Raises DataError when there is no manifest."""
    manifest = corpus / "manifest.csv"
    if not manifest.is_file():
        raise DataError(f"There is no manifest.csv in {corpus}.", hint="Point --corpus at the folder that holds it.")
    with manifest.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["language"] in languages]


def decode_corpus(
    corpus: Path, work: Path, languages: tuple[str, ...] = ("zh", "en"), workers: int = 2, on_event: OnEvent = silent
) -> int:
    """Decode the corpus into `work`; returns the number of clips. Does nothing when it is already complete."""
    done = work / "clips.jsonl"
    if done.is_file():
        return sum(1 for _ in done.open(encoding="utf-8"))
    rows = read_manifest(corpus, languages)
    work.mkdir(parents=True, exist_ok=True)
    position = dict.fromkeys(RATES, 0)
    clips = []
    files = {rate: (work / f"audio_{rate // 1000}k.i16").open("wb") for rate in RATES}
    with ProcessPoolExecutor(workers) as pool:
        paths = [corpus / row["path"] for row in rows]
        for row, audio in zip(rows, pool.map(decode, paths, chunksize=16), strict=True):
            for rate, samples in audio.items():
                samples.tofile(files[rate])
            clips.append(
                Clip(
                    id=row["path"].rsplit(".", 1)[0],
                    speaker=row["speaker"],
                    language=row["language"],
                    text=row["text"],
                    split=row["split"],
                    gender=row["gender"],
                    bandwidth=float(row["bandwidth_khz"] or 8),
                    seconds=len(audio[RATES[0]]) / RATES[0],
                    offset={str(rate): position[rate] for rate in RATES},
                    length={str(rate): len(audio[rate]) for rate in RATES},
                )
            )
            for rate in RATES:
                position[rate] += len(audio[rate])
            if len(clips) % 100 == 0:
                on_event(Event("decode", len(clips), len(rows), "clips"))
    for file in files.values():
        file.close()
    partial = done.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as out:
        for clip in clips:
            out.write(json.dumps(asdict(clip), ensure_ascii=False) + "\n")
    partial.rename(done)
    return len(clips)


class Corpus:
    """Clips and their audio, read in place."""

    def __init__(self, work: Path) -> None:
        if not (work / "clips.jsonl").is_file():
            raise DataError(f"{work} holds no decoded corpus.", hint="Run `sovits-tts pretrain decode` first.")
        names = {f.name for f in fields(Clip)}
        with (work / "clips.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.clips = [Clip(**{k: v for k, v in row.items() if k in names}) for row in rows]
        self.by_id = {clip.id: clip for clip in self.clips}
        self._work = work
        self._flat: dict[int, NDArray[np.int16]] = {}

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    def flat(self, rate: int) -> NDArray[np.int16]:
        """All samples at 16000 or 24000 Hz, where the offsets of the clips lead; in place, so nothing is written."""
        if rate not in self._flat:  # "c": PyTorch takes no array that is read-only
            self._flat[rate] = np.memmap(self._work / f"audio_{rate // 1000}k.i16", np.int16, "c")
        return self._flat[rate]

    def audio(self, clip: Clip, rate: int, start: float = 0.0, end: float | None = None) -> NDArray[np.float32]:
        """Samples of `clip` between `start` and `end` seconds, in [-1, 1], at 16000 or 24000 Hz."""
        offset, length = clip.offset[str(rate)], clip.length[str(rate)]
        first = min(max(round(start * rate), 0), length)
        last = length if end is None else min(max(round(end * rate), first), length)
        samples = self.flat(rate)[offset + first : offset + last]
        return samples.astype(np.float32) * np.float32(1 / 32767)
