#!/usr/bin/env python
"""Fine-tune a model on a minute of some speakers of a corpus, and measure before and after on lines it never met.

    python scripts/finetune_figures.py --root CORPUS [--speakers ls_8629 ...] [--seconds 60] [--lines 40] [--out DIR]

CORPUS holds manifest.csv (path, speaker, language, text, seconds, split). Of the dev speakers, the two in English and
the one in Mandarin with the most speech are taken unless others are named. For each: a minute goes through
`finetune`, further lines (as many as there are: few tell little) are spoken by the base with the same clip alone and by
the fine-tuned voice, and judged. Every speaker has a process of its own, whose peak memory counts. Prints a table, and
writes it with all figures to DIR/figures.json. A run that was stopped goes on: speakers that are done are not done
again, and the time of a speaker counts all calls (processor time the last one).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

SHORTEST, LONGEST = 2.5, 12.0  # seconds of a clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--speakers", nargs="*", help="of its manifest")
    parser.add_argument("--seconds", type=float, default=60.0, help="of recordings to train on")
    parser.add_argument("--lines", type=int, default=40, help="to measure on, at most")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--minutes-budget", type=float, default=0.0)
    parser.add_argument("--config", type=Path, help="as configs/finetune.yaml")
    parser.add_argument("--out", type=Path, default=Path("out/finetune_figures"))
    options = parser.parse_args()
    rows = dev_rows(options.root)
    found = []
    for speaker in options.speakers or most_heard(rows):
        train, lines = divide(rows[speaker], options.seconds, options.lines)
        found.append(known_or_measured(options, speaker, train, lines))
        (options.out / "figures.json").write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")
        sys.stderr.write(f"{speaker}: {found[-1]['chosen']}\n")
    sys.stdout.write(table(found))


def known_or_measured(
    options: argparse.Namespace, speaker: str, train: list[dict[str, str]], lines: list[dict[str, str]]
) -> dict[str, Any]:
    """Figures of a speaker, from a process of its own, unless those of the same model, lines and settings lie there."""
    from sovits_tts.checkpoints.build import read_model

    kept, fingerprint = options.out / speaker / "figures.json", read_model(options.model).fingerprint
    config = options.config.read_text(encoding="utf-8") if options.config else ""
    asked = [fingerprint, options.minutes_budget, config, [row["path"] for row in (*train, *lines)]]
    if kept.is_file():
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["asked"] == asked:
            return known["figures"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        job = pool.submit(measure, options.root, options.out, speaker, train, lines, options.model,
                          options.minutes_budget, options.config)  # fmt: skip
        figures = job.result()
    kept.write_text(json.dumps({"asked": asked, "figures": figures}, ensure_ascii=False, indent=1), encoding="utf-8")
    return figures


def dev_rows(root: Path) -> dict[str, list[dict[str, str]]]:
    """Speaker -> clips of a fit length, in the order of the manifest."""
    rows = defaultdict(list)
    with (root / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "dev" and SHORTEST <= float(row["seconds"]) <= LONGEST:
                rows[row["speaker"]].append(row)
    return rows


def most_heard(rows: dict[str, list[dict[str, str]]]) -> list[str]:
    order = sorted(rows, key=lambda name: -sum(float(row["seconds"]) for row in rows[name]))
    by_language = {code: [n for n in order if rows[n][0]["language"] == code] for code in ("en", "zh")}
    return by_language["en"][:2] + by_language["zh"][:1]


def divide(rows: list[dict[str, str]], seconds: float, lines: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Clips for training until `seconds` are full, and the lines after them."""
    train: list[dict[str, str]] = []
    while rows and sum(float(row["seconds"]) for row in train) < seconds:
        train.append(rows.pop(0))
    return train, rows[:lines]


def measure(
    root: Path, out: Path, speaker: str, train: list[dict[str, str]], lines: list[dict[str, str]], model: str,
    minutes: float, config: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """In a process of its own."""
    folder = out / speaker
    os.environ["SOVITS_TTS_HOME"] = str((out / "home").resolve())
    from sovits_tts.audio import Audio
    from sovits_tts.config import load
    from sovits_tts.evaluation.speed import peak_memory_mb
    from sovits_tts.finetune.choose import Line, speak
    from sovits_tts.finetune.config import FinetuneConfig
    from sovits_tts.finetune.flow import finetune
    from sovits_tts.finetune.panel import Panel, figures
    from sovits_tts.tts import TTS, SynthesisOptions

    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    for row in train:
        clip = source / Path(row["path"]).name
        shutil.copyfile(root / row["path"], clip)
        clip.with_suffix(".txt").write_text(row["text"], encoding="utf-8")
    language = train[0]["language"]
    settings = load(FinetuneConfig, config) if config else FinetuneConfig()
    settings = replace(settings, model=model, minutes=minutes, prepare=replace(settings.prepare, language=language))
    began, worked = time.monotonic(), time.process_time()
    result = finetune(source, speaker, settings, folder / "work", on_event=log(began))
    worked, memory = time.process_time() - worked, peak_memory_mb()

    todo = [Line(Path(row["path"]).stem, row["text"], language, root / row["path"]) for row in lines]
    base, tuned = TTS.load(model), TTS.load(result.package)
    voice = tuned.voice(result.package)
    panel = Panel(base, [language])
    panel.learn_voice([Audio.load(root / row["path"]) for row in train])
    options = SynthesisOptions(retries=settings.evaluate.retries)
    takes = settings.evaluate.takes
    clip = replace(voice, more=(), features=None)  # without training there is the clip alone
    before, _ = speak(base, clip, todo, panel, options, folder / "before", takes=takes)
    own = replace(tuned.defaults, retries=options.retries)
    after, _ = speak(tuned, voice, todo, panel, own, folder / "after", takes=takes)
    real = figures([panel.judge(line.id, line.text, line.language, Audio.load(line.path)) for line in todo])
    return {
        "speaker": speaker, "language": language, "seconds_trained": sum(float(row["seconds"]) for row in train),
        "lines": len(todo), "wall_seconds": result.report["seconds"]["total"], "cpu_seconds": round(worked, 1),
        "peak_memory_mb": memory,
        "chosen": result.report["chosen"]["name"], "steps": result.report["seconds"], "judges": panel.describe(),
        "before": before.as_dict(), "after": after.as_dict(), "natural": real.as_dict(),
        "held_out": {"before": result.report["baseline"], "after": result.report["tuned"]},
    }  # fmt: skip


def log(began: float) -> Any:
    """A line on stderr whenever a step begins."""

    def tell(event: Any) -> None:
        if event.values.get("state") == "begin":
            sys.stderr.write(f"{time.monotonic() - began:7.1f} s  {event.stage}\n")

    return tell


COLUMNS = (
    "speaker", "trained on", "lines", "likeness before", "after", "recordings", "error rate before", "after",
    "recordings", "wall time", "processor time", "peak memory", "chosen",
)  # fmt: skip


def table(found: list[dict[str, Any]]) -> str:
    """All speakers in Markdown, and whether what was asked of all of them holds."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS)]
    for it in found:
        systems = (it["before"], it["after"], it["natural"])
        memory = f"{it['peak_memory_mb']:.0f} MB" if it["peak_memory_mb"] else "unknown"
        rows.append((
            f"{it['speaker']} ({it['language']})", f"{it['seconds_trained']:.0f} s", str(it["lines"]),
            *(f"{system['similarity']:.3f}" for system in systems), *(percent(s["error_rate"]) for s in systems),
            f"{it['wall_seconds'] / 60:.1f} min", f"{it['cpu_seconds'] / 60:.1f} min", memory, it["chosen"],
        ))  # fmt: skip
    risen = sum(it["after"]["similarity"] > it["before"]["similarity"] for it in found)
    kept = sum((it["after"]["error_rate"] or 0) <= (it["before"]["error_rate"] or 0) for it in found)
    judges = sorted({f"{judge['name']} ({judge['unit']})" for it in found for judge in it["judges"]})
    closing = (
        f"Likeness rose for {risen} of {len(found)} speakers, the error rate rose for {len(found) - kept}. "
        f"Lines that the run never met; judges: {', '.join(judges)}."
    )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + f"\n\n{closing}\n"


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


if __name__ == "__main__":
    main()
