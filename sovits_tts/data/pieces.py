"""Aligned recordings, cut at pauses into pieces of a breath: the training examples of every later stage.

A piece carries its phonemes with their times. Punctuation is made to say what the speaker did: a comma where a pause
was made, none where the text had one and the speaker did not stop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sovits_tts.data.corpus import Corpus
from sovits_tts.errors import DataError
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids

ALIGNED_FRAME = 0.03  # seconds per frame of the alignment
KEPT_PAUSE = 0.09  # a shorter gap at punctuation means the speaker read over it
NEW_COMMA = 0.25  # a longer gap without punctuation gets a comma
EDGE = 0.1  # seconds kept before the first and after the last phoneme
FINAL = (".", "!", "?", "…")


@dataclass(frozen=True)
class Piece:
    """`start` and `end` are seconds in the clip; `times` are (start, end) of each phoneme, seconds from `start`."""

    clip: str
    speaker: str
    language: str
    split: str
    start: float
    end: float
    phonemes: tuple[int, ...]  # ids of the v2 table
    times: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def spoken(self, n_tokens: int, token_rate: int) -> NDArray[np.int64]:
        """(n_tokens,) index of the phoneme at the middle of each token; before the first one: the first."""
        middles = (np.arange(n_tokens) + 0.5) / token_rate
        starts = np.array([start for start, _ in self.times])
        return np.maximum(np.searchsorted(starts, middles, "right") - 1, 0).astype(np.int64)


Timed = tuple[str, float, float]


def _timed(phonemes: Sequence[str], row: dict[str, Any]) -> list[Timed]:
    """Phonemes with times; punctuation takes the pause it stands for, or goes."""
    spans = [(s * ALIGNED_FRAME, e * ALIGNED_FRAME) for s, e in zip(row["starts"], row["ends"], strict=True)]
    out: list[Timed] = []
    mark: str | None = None
    k = 0
    for phoneme in phonemes:
        if phoneme in PUNCTUATION:
            mark = mark if mark in FINAL else phoneme
            continue
        start, end = spans[k]
        if out:
            gap = start - out[-1][2]
            if mark is None and gap >= NEW_COMMA:
                mark = ","
            if mark is not None and gap >= KEPT_PAUSE:
                out.append((mark, out[-1][2], start))
        out.append((phoneme, start, end))
        mark = None
        k += 1
    if out:
        out.append((mark if mark in FINAL else ".", out[-1][2], out[-1][2] + EDGE))
    return out


def _cut(timed: list[Timed], longest: float) -> list[list[Timed]]:
    """Cut at pauses so that pieces stay within `longest` seconds where the speaker paused often enough."""
    parts: list[list[Timed]] = [[]]
    for item in timed:
        parts[-1].append(item)
        if item[0] in PUNCTUATION and item[2] - item[1] >= NEW_COMMA:
            parts.append([])
    pieces: list[list[Timed]] = []
    for part in filter(None, parts):
        if pieces and part[-1][2] - pieces[-1][0][1] <= longest:
            pieces[-1].extend(part)
        else:
            pieces.append(list(part))
    return pieces


def make_pieces(
    corpus: Corpus,
    labels: dict[str, list[str]],
    alignments: dict[str, dict[str, Any]],
    worst: float = 0.04,
    longest: float = 8.0,
    shortest: float = 0.8,
) -> list[Piece]:
    """Pieces of all aligned clips, without the `worst` share of the train split by score in each language."""
    ids = symbol_ids("v2")
    floor = {}
    for language in {clip.language for clip in corpus}:
        train = (c.id for c in corpus if c.language == language and c.split == "train")
        rows = [alignments[name]["score"] for name in train if name in alignments]
        floor[language] = float(np.quantile(rows, worst)) if rows else 0.0
    pieces = []
    for clip in corpus:
        row = alignments.get(clip.id)
        if row is None or (clip.split == "train" and row["score"] < floor[clip.language]):
            continue
        for timed in _cut(_timed(labels[clip.id], row), longest):
            start = max(0.0, timed[0][1] - EDGE)
            end = min(clip.seconds, timed[-2][2] + EDGE) if len(timed) > 1 else clip.seconds
            if not shortest <= end - start <= 20.0 or len(timed) < 4:
                continue
            pieces.append(
                Piece(
                    clip=clip.id,
                    speaker=clip.speaker,
                    language=clip.language,
                    split=clip.split,
                    start=round(start, 3),
                    end=round(end, 3),
                    phonemes=tuple(ids[symbol] for symbol, _, _ in timed),
                    times=tuple((round(s - start, 3), round(e - start, 3)) for _, s, e in timed),
                )
            )
    return pieces


def write_pieces(path: Path, pieces: Sequence[Piece]) -> None:
    path.write_text("".join(json.dumps(asdict(p)) + "\n" for p in pieces), encoding="utf-8")


def read_pieces(path: Path, split: str | None = None) -> list[Piece]:
    """Pieces of one split, or all. Raises DataError when they were not made yet."""
    if not path.is_file():
        raise DataError(f"{path} is missing.", hint="Run the earlier parts of `sovits-tts pretrain` first.")
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Piece(**{**row, "phonemes": tuple(row["phonemes"]), "times": tuple(map(tuple, row["times"]))})
        for row in rows
        if split is None or row["split"] == split
    ]


class SpeakerSampler:
    """Draws a speaker with probability ∝ √(seconds), no source above `cap`; then a piece ∝ seconds."""

    def __init__(self, pieces: Sequence[Piece], cap: float = 0.4) -> None:
        by_speaker: dict[str, list[int]] = {}
        for index, piece in enumerate(pieces):
            by_speaker.setdefault(piece.speaker, []).append(index)
        seconds = np.array([p.seconds for p in pieces])
        self.groups = list(by_speaker.values())
        weights = np.sqrt([seconds[group].sum() for group in self.groups])
        weights /= weights.sum()
        sources = np.array([pieces[group[0]].clip.split("/")[0] for group in self.groups])
        for _ in range(10):  # capping one source lifts the others: a few rounds settle it
            for source in set(sources):
                share = weights[sources == source].sum()
                if share > cap and share < 1:
                    weights[sources == source] *= cap / share
            weights /= weights.sum()
        self.weights = weights
        self.within = [seconds[group] / seconds[group].sum() for group in self.groups]

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """(speaker index, piece index)."""
        speaker = int(rng.choice(len(self.groups), p=self.weights))
        return speaker, self.draw_from(speaker, rng)

    def draw_from(self, speaker: int, rng: np.random.Generator) -> int:
        return int(rng.choice(self.groups[speaker], p=self.within[speaker]))
