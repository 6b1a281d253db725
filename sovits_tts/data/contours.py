"""Pitch contours of a decoded corpus, computed once: as long to find in every crop as a fifth of a training step."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sovits_tts.audio import Audio
from sovits_tts.data.corpus import Clip, Corpus
from sovits_tts.pitch import FRAME_RATE, pitch
from sovits_tts.progress import Event, OnEvent, silent

_RATE = 16000


def _contour(work: Path, clip: Clip) -> NDArray[np.float16]:
    key = str(_RATE)
    samples = np.fromfile(work / "audio_16k.i16", np.int16, clip.length[key], offset=2 * clip.offset[key])
    return pitch(Audio(samples.astype(np.float32) / 32767, _RATE)).astype(np.float16)


class Contours:
    """F0 of every clip in Hz, FRAME_RATE values a second, 0 where unvoiced; `work/pitch.f16`, made when missing."""

    def __init__(self, corpus: Corpus, work: Path, on_event: OnEvent = silent, workers: int = 2) -> None:
        counts = [-(-clip.length[str(_RATE)] * FRAME_RATE // _RATE) for clip in corpus]
        ends = np.cumsum(counts)
        self._span = {
            clip.id: (int(end) - count, int(end)) for clip, count, end in zip(corpus, counts, ends, strict=True)
        }
        path = work / "pitch.f16"
        if not path.is_file() or path.stat().st_size != 2 * sum(counts):
            self._make(corpus, work, path, on_event, workers)
        self._values = np.memmap(path, np.float16, "r")

    def _make(self, corpus: Corpus, work: Path, path: Path, on_event: OnEvent, workers: int) -> None:
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file, ProcessPoolExecutor(workers) as pool:
            found = pool.map(partial(_contour, work), corpus.clips, chunksize=16)
            for number, contour in enumerate(found, 1):
                contour.tofile(file)
                if number % 100 == 0:
                    on_event(Event("pitch", number, len(corpus.clips), "clips"))
        unfinished.rename(path)

    def cut(self, clip: Clip, start: float, end: float) -> NDArray[np.float32]:
        """Between two times in seconds, as far as the clip goes."""
        first, last = self._span[clip.id]
        begin = min(first + max(0, round(start * FRAME_RATE)), last)
        return self._values[begin : min(first + round(end * FRAME_RATE), last)].astype(np.float32)
