"""Batches for the alignment teacher, and the alignments it makes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from sovits_tts.data.batching import EpochBatches
from sovits_tts.data.corpus import Clip, Corpus
from sovits_tts.data.labels import base_label, label_table
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.training.teacher import FRAME_RATE, LogMel, Teacher, TeacherBatch, spec_augment

STRIDE = 480  # samples of 16 kHz audio per teacher frame


def teacher_targets(phonemes: list[str], table: dict[str, int]) -> tuple[list[int], list[int]]:
    """Label ids of the spoken phonemes, and the index of each in `phonemes`."""
    ids, places = [], []
    for place, phoneme in enumerate(phonemes):
        name = base_label(phoneme)
        if name is not None:
            ids.append(table[name])
            places.append(place)
    return ids, places


def speakable(clip: Clip, n_targets: int) -> bool:
    """Whether text and audio can belong together: CTC needs frames, and nobody speaks outside these rates."""
    rate = n_targets / max(clip.seconds, 0.1)
    return 3.0 <= rate <= 25.0 and clip.seconds <= 20.0


class TeacherData:
    """Clips of `split` with labels; `times` (frame targets per clip) turns on the second pass."""

    def __init__(
        self,
        corpus: Corpus,
        labels: dict[str, list[str]],
        split: str,
        seconds_per_batch: float,
        seed: int = 1,
        augment: bool = True,
        frame_targets: dict[str, NDArray[np.int16]] | None = None,
    ) -> None:
        self.corpus, self.table, self.augment, self.seed = corpus, label_table(), augment, seed
        self.frame_targets = frame_targets
        self.items: list[tuple[Clip, list[int]]] = []
        for clip in corpus:
            if clip.split != split or clip.id not in labels:
                continue
            if frame_targets is not None and clip.id not in frame_targets:
                continue
            ids, _ = teacher_targets(labels[clip.id], self.table)
            if ids and speakable(clip, len(ids)):
                self.items.append((clip, ids))
        self.mel = LogMel()
        self.order = EpochBatches([clip.seconds for clip, _ in self.items], seconds_per_batch, seed)

    def batch(self, step: int) -> TeacherBatch:
        return self.collate(self.order(step), np.random.default_rng((self.seed, step)))

    def collate(self, indices: list[int], rng: np.random.Generator) -> TeacherBatch:
        waves = [self.corpus.audio(self.items[i][0], 16000) for i in indices]
        mels = [self.mel(torch.from_numpy(wave)[None])[0] for wave in waves]
        longest = -(-max(m.shape[1] for m in mels) // 3) * 3
        padded = torch.zeros(len(mels), mels[0].shape[0], longest)
        for row, mel in zip(padded, mels, strict=True):
            row[:, : mel.shape[1]] = mel
        if self.augment:
            padded = spec_augment(padded, rng)
        lengths = torch.tensor([-(-m.shape[1] // 3) for m in mels])
        frames = None
        if self.frame_targets is not None:
            frames = torch.full((len(mels), longest // 3), -100)
            for row, i in zip(frames, indices, strict=True):
                target = self.frame_targets[self.items[i][0].id]
                n = min(len(target), row.shape[0])
                row[:n] = torch.from_numpy(target[:n].astype(np.int64))
        targets = [self.items[i][1] for i in indices]
        return TeacherBatch(
            padded,
            lengths,
            torch.tensor([t for ids in targets for t in ids]),
            torch.tensor([len(t) for t in targets]),
            frames,
        )


@torch.inference_mode()
def phoneme_error(network: Teacher, data: TeacherData, max_items: int = 200) -> dict[str, float]:
    """Greedy CTC phoneme error rate by language on the first `max_items` items of each."""
    network.eval()
    errors: dict[str, list[int]] = {}
    for language in ("zh", "en"):
        chosen = [i for i, (clip, _) in enumerate(data.items) if clip.language == language][:max_items]
        wrong = total = 0
        for start in range(0, len(chosen), 8):
            indices = chosen[start : start + 8]
            batch = data.collate(indices, np.random.default_rng(0))
            best = network(batch.mel.to(network.ctc.weight.dtype))[0].argmax(2)
            for row, length, i in zip(best, batch.lengths, indices, strict=True):
                path = row[: int(length)].tolist()
                said = [p for n, p in enumerate(path) if p and (n == 0 or path[n - 1] != p)]
                wrong += edit_distance(said, data.items[i][1])
                total += len(data.items[i][1])
        errors[language] = [wrong, total]
    return {k: w / max(1, t) for k, (w, t) in errors.items()}


def edit_distance(a: list[int], b: list[int]) -> int:
    """Levenshtein distance."""
    row = np.arange(len(b) + 1)
    second = np.asarray(b)
    for i, x in enumerate(a, start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + (second != x))
        new = np.empty_like(row)
        new[0] = i
        # insertions run left to right: minimum over prefixes of best[k] + distance
        offsets = np.arange(1, len(b) + 1)
        new[1:] = np.minimum(np.minimum.accumulate(best - offsets) + offsets, i + offsets)
        row = new
    return int(row[-1])


def frame_path(
    scores: NDArray[np.float32], targets: list[int], silence_cost: float = 4.0
) -> tuple[NDArray[np.int32], float]:
    """Best left-to-right path through `targets` with optional silence between any two (Viterbi).

    scores: (T, n_labels + 1) log-probabilities, column 0 is silence
    Returns the state of each frame (2k + 1 is target k, even states are silence) and the mean score per frame.
    `silence_cost` is paid on entering a silence inside the utterance, so that a stop's closure is not taken for one.
    """
    states = np.zeros(2 * len(targets) + 1, np.int64)
    states[1::2] = targets
    emit = scores[:, states]  # (T, N)
    n = len(states)
    enter = np.zeros(n)
    enter[2:-1:2] = silence_cost
    skip = np.zeros(n, bool)
    skip[3::2] = True  # target to next target without silence
    total = np.full(n, -np.inf)
    total[0], total[1] = emit[0, 0], emit[0, 1]
    back = np.zeros((len(scores), n), np.int8)
    for t in range(1, len(scores)):
        stay = total
        step = np.concatenate(([-np.inf], total[:-1])) - enter
        jump = np.where(skip, np.concatenate(([-np.inf, -np.inf], total[:-2])), -np.inf)
        options = np.stack((stay, step, jump))
        choice = options.argmax(0)
        back[t] = choice
        total = options[choice, np.arange(n)] + emit[t]
    state = n - 1 if total[n - 1] > total[n - 2] else n - 2
    score = float(total[state]) / len(scores)
    path = np.empty(len(scores), np.int32)
    for t in range(len(scores) - 1, -1, -1):
        path[t] = state
        state -= int(back[t, state])
    return path, score


def spread_peaks(path: NDArray[np.int32], energy: NDArray[np.float32], floor: float) -> NDArray[np.int32]:
    """Turn a peaky CTC path into a full one: between two peaks, quiet frames are silence, the rest is shared.

    path: states as in `frame_path` (even: blank); energy: log energy per frame; frames below `floor` are quiet.
    """
    out = path.copy()
    spoken = np.flatnonzero(path % 2 == 1)
    quiet = energy < floor
    if len(spoken) == 0:
        return out
    gaps = np.flatnonzero(np.diff(spoken) > 1)
    for g in gaps:
        left, right = spoken[g], spoken[g + 1]
        inner = np.arange(left + 1, right)
        if quiet[inner].sum() >= 4:  # a real pause: quiet frames stay silence
            loud = inner[~quiet[inner]]
            first_quiet, last_quiet = inner[quiet[inner]][[0, -1]]
            out[loud[loud < first_quiet]] = path[left]
            out[loud[loud > last_quiet]] = path[right]
            continue
        middle = left + 1 + len(inner) // 2
        out[left + 1 : middle] = path[left]
        out[middle:right] = path[right]
    for edge, state in (
        (range(spoken[0] - 1, -1, -1), path[spoken[0]]),
        (range(spoken[-1] + 1, len(path)), path[spoken[-1]]),
    ):
        for t in edge:
            if quiet[t]:
                break
            out[t] = state
    return out


def align_corpus(
    network: Teacher, data: TeacherData, head: str, out: Path, limit: int | None = None, on_event: OnEvent = silent
) -> None:
    """Align the items of `data` (a spread of `limit` of them) with the "ctc" or the "frame" head.

    Writes `out`: JSON lines with id, score, and starts and ends of each target in teacher frames.
    """
    network.eval()
    items = data.items if limit is None else data.items[:: max(1, len(data.items) // limit)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # clips are independent: one thread for each of two clips beats two for one
    partial = out.with_suffix(".part")
    try:
        with partial.open("w", encoding="utf-8") as file, ThreadPoolExecutor(threads) as pool:
            for n, row in enumerate(pool.map(lambda item: _align_clip(network, data, item, head), items)):
                if row is not None:
                    file.write(json.dumps(row) + "\n")
                if n % 200 == 0:
                    on_event(Event("align", n, len(items), "clips"))
    finally:
        torch.set_num_threads(threads)
    partial.rename(out)


@torch.inference_mode()
def _align_clip(
    network: Teacher, data: TeacherData, item: tuple[Clip, list[int]], head: str
) -> dict[str, object] | None:
    clip, targets = item
    wave = torch.from_numpy(data.corpus.audio(clip, 16000))[None]
    mel = data.mel(wave)
    ctc, frame = network(F.pad(mel, (0, -mel.shape[2] % 3)).to(network.ctc.weight.dtype))
    scores = (ctc if head == "ctc" else frame)[0].float().log_softmax(1).numpy()
    if len(scores) < len(targets) + 2:
        return None
    path, score = frame_path(scores, targets, silence_cost=0.0 if head == "ctc" else 4.0)
    if head == "ctc":
        frames = wave[0, : len(scores) * STRIDE]
        frames = F.pad(frames, (0, len(scores) * STRIDE - len(frames)))
        energy = torch.log(frames.view(-1, STRIDE).square().mean(1) + 1e-8).numpy()
        floor = max(float(np.percentile(energy, 2)) + 1.5, float(np.percentile(energy, 90)) - 7.0)
        path = spread_peaks(path, energy, floor)
    states = 2 * np.arange(len(targets)) + 1
    return {
        "id": clip.id, "score": round(score, 4), "frames": len(path),
        "starts": np.searchsorted(path, states, "left").tolist(),
        "ends": np.searchsorted(path, states, "right").tolist(),
    }  # fmt: skip


def read_alignments(path: Path) -> dict[str, dict[str, object]]:
    with path.open(encoding="utf-8") as file:
        return {row["id"]: row for row in map(json.loads, file)}


def frame_targets(
    alignments: dict[str, dict[str, object]], items: list[tuple[Clip, list[int]]]
) -> dict[str, NDArray[np.int16]]:
    """Label id of every teacher frame, 0 where nobody speaks."""
    targets = {}
    for clip, ids in items:
        row = alignments.get(clip.id)
        if row is None:
            continue
        frames = np.zeros(row["frames"], np.int16)  # type: ignore[call-overload]
        for label, start, end in zip(ids, row["starts"], row["ends"], strict=True):  # type: ignore[call-overload]
            frames[start:end] = label
        targets[clip.id] = frames
    return targets


assert abs(FRAME_RATE - 16000 / STRIDE) < 1e-6
