"""Pretraining, first part: labels -> teacher (CTC, then frames) -> alignments of the whole corpus."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sovits_tts.data.corpus import Corpus
from sovits_tts.data.labels import label_table, phonemize_corpus, read_labels
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.training.loop import LoopSettings, run
from sovits_tts.training.teacher import TeacherStage
from sovits_tts.training.teacher_data import (
    TeacherData,
    align_corpus,
    frame_targets,
    phoneme_error,
    read_alignments,
)


@dataclass(frozen=True)
class TeacherRun:
    """Settings of the alignment teacher."""

    ctc_steps: int = 1500
    frame_steps: int = 500
    frame_clips: int = 2500  # clips aligned by the first pass for the second
    seconds_per_batch: float = 160.0  # audio in one batch
    ctc_lr: float = 2e-3
    frame_lr: float = 5e-4
    save_seconds: float = 300.0


def pretrain_teacher(work: Path, settings: TeacherRun, on_event: OnEvent = silent) -> Path:
    """Train both passes in `work` and write `alignments.jsonl`; finished parts are not done again."""
    out = work / "alignments.jsonl"
    if out.is_file():
        return out
    corpus = Corpus(work)
    if not (work / "labels.jsonl").is_file():
        counts = phonemize_corpus(corpus, work / "labels.jsonl", on_event)
        on_event(Event("label", message=json.dumps(counts)))
    labels = read_labels(work / "labels.jsonl")
    n_labels = len(label_table())
    dev = TeacherData(corpus, labels, "dev", settings.seconds_per_batch, augment=False)

    def report(stage: TeacherStage, step: int) -> None:
        on_event(Event("teacher dev", step, values=phoneme_error(stage.network, dev, max_items=60)))

    first = work / "alignments_ctc.jsonl"
    train = TeacherData(corpus, labels, "train", settings.seconds_per_batch)
    stage = TeacherStage(n_labels, settings.ctc_steps, settings.ctc_lr)
    loop = LoopSettings(settings.ctc_steps, save_seconds=settings.save_seconds)
    run(stage, train.batch, work / "teacher_ctc", loop, on_event, on_save=lambda step: report(stage, step))
    if not first.is_file():
        align_corpus(stage.network, train, "ctc", first, settings.frame_clips, on_event)
    targets = frame_targets(read_alignments(first), train.items)
    second = TeacherStage(n_labels, settings.frame_steps, settings.frame_lr)
    second.precision.load_state_dict(stage.precision.state_dict())
    framed = TeacherData(corpus, labels, "train", settings.seconds_per_batch, seed=2, frame_targets=targets)
    loop = LoopSettings(settings.frame_steps, seed=4321, save_seconds=settings.save_seconds)
    run(second, framed.batch, work / "teacher_frame", loop, on_event, on_save=lambda step: report(second, step))
    parts = [work / "alignments_train.jsonl", work / "alignments_dev.jsonl"]
    for part, data in zip(parts, (train, dev), strict=True):
        align_corpus(second.network, data, "frame", part, on_event=on_event)
    out.write_text("".join(part.read_text(encoding="utf-8") for part in parts), encoding="utf-8")
    return out
