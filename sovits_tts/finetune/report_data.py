"""What is known about a voice after a run, as plain data: for the voice itself, and for `report.json`."""

from __future__ import annotations

import os
from typing import Any

from sovits_tts.data.prepare import Prepared
from sovits_tts.evaluation.speed import peak_memory_mb
from sovits_tts.finetune.choose import Choice, Line, Scored
from sovits_tts.finetune.entry import Entry
from sovits_tts.finetune.panel import Figures
from sovits_tts.finetune.run import STEPS, Run
from sovits_tts.training.tune_data import TuneData


def figures_of(
    data: TuneData, prepared: Prepared, entry: Entry, choice: Choice, real: Figures, notes: list[str]
) -> dict[str, Any]:
    """What is known about the voice, for the voice itself and for the report."""
    return {
        "model": data.spec.name, "fingerprint": data.fingerprint, "improved": choice.improved, "reason": choice.reason,
        "baseline": choice.baseline.figures.as_dict(), "tuned": choice.best.figures.as_dict(),
        "natural": real.as_dict(), "chosen": choice.best.as_dict(), "judges": entry.panel.describe(),
        "data": {
            "clips": len(data.rows), "held_out": len(data.split(entry.share)[1]), "lines": len(entry.lines),
            "seconds": round(sum(row.seconds for row in data.rows), 2), "left_out": data.left_out,
            "untranscribed": prepared.report["untranscribed"],
            "in_voice": len(entry.contest.voice_of(choice.best.candidate).recordings),
        },
        "notes": notes,
    }  # fmt: skip


def report_of(run: Run, figures: dict[str, Any], choice: Choice, lines: list[Line]) -> dict[str, Any]:
    def sound(scored: Scored, line: Line) -> str:
        return os.path.relpath(scored.folder / f"{line.id}.flac", run.work)

    samples = [
        {"id": line.id, "text": line.text, "baseline": sound(choice.baseline, line), "tuned": sound(choice.best, line),
         "natural": os.path.relpath(line.path, run.work)}
        for line in lines
        if line.path
    ]  # fmt: skip
    order = [step for step in STEPS if step in run.seconds]
    training = {stage: os.path.relpath(folder, run.work) for stage, folder in run.folders.items()}
    return {
        "name": run.name, "source": str(run.source), "work": str(run.work), **figures,
        "consent": run.config.voice.consent, "licence": run.config.voice.licence,
        "checkpoints": [item.as_dict() for item in (choice.baseline, *choice.tried)],
        "lines": {"baseline": choice.baseline.lines, "tuned": choice.best.lines}, "samples": samples,
        "training": training,
        "seconds": {step: run.seconds[step] for step in order} | {"total": round(sum(run.seconds.values()), 2)},
        "peak_memory_mb": peak_memory_mb(),
    }  # fmt: skip
