"""`sovits-tts evaluate` and `sovits-tts bench`: quality and speed, as tables or JSON."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from sovits_tts.app.cli import console
from sovits_tts.app.cli.options import Device, Force, Json, Model, Precision, load


def evaluate(
    rows: Annotated[Path, typer.Argument(metavar="SET", help="JSONL: id, text, language, reference, …")],
    root: Annotated[Path, typer.Option(help="Folder that the clips of the set are in.")] = Path("."),
    model: Model = None,
    systems: Annotated[str, typer.Option(help="Of natural, copy, synthesis, with commas.")] = "natural,copy,synthesis",
    closed_set: Annotated[bool, typer.Option("--closed-set", help="Also: which of these sentences was heard?")] = False,
    seed: Annotated[int, typer.Option(help="Of the synthesis.")] = 0,
    limit: Annotated[int, typer.Option(help="Only the first rows of each language; 0: all.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Folder to keep everything spoken in.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also write the JSON to this file.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    json: Json = False,
    force: Force = False,
) -> None:
    """Error rate, speaker similarity, pitch, loudness and speed, next to natural recordings and copy-synthesis."""
    from sovits_tts.evaluation.run import evaluate as run
    from sovits_tts.evaluation.run import find_judges
    from sovits_tts.evaluation.sets import check_files, first_of_each_language, read_set
    from sovits_tts.tts import SynthesisOptions

    if output:
        console.refuse_overwrite(output, force)
    chosen = first_of_each_language(read_set(rows), limit)
    check_files(chosen, root)
    tts = load(model, device, precision)
    judges = find_judges(tts, chosen, closed_set=closed_set)
    with console.progress(log=True) as on_event:
        report = run(
            tts, chosen, root, judges,
            options=SynthesisOptions(seed=seed), systems=systems.split(","), keep=keep, on_event=on_event,
        ).as_dict()  # fmt: skip
    report = {"set": str(rows)} | report
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json_format.dumps(console.plain(report), ensure_ascii=False, indent=1), encoding="utf-8")
    if json:
        console.show_json(report)
        return
    for judge in report["judges"]:
        if not judge["independent"]:
            console.note(f"{judge['name']} is not independent of the model.")
    for language, (columns, table) in figures(report["systems"]).items():
        console.show_table(f"{report['model']} on {rows}: {language}", columns, table, numbers=True)


def figures(systems: dict[str, dict[str, Any]]) -> dict[str, tuple[list[str], list[list[str]]]]:
    """language -> a table with one column per system and one row per figure that anything is known of."""
    tables = {}
    for language in dict.fromkeys(language for languages in systems.values() for language in languages):
        columns = {system: _flat(languages[language]) for system, languages in systems.items() if language in languages}
        names = dict.fromkeys(name for found in columns.values() for name, value in found.items() if value is not None)
        table = [[name, *(_shown(name, found.get(name)) for found in columns.values())] for name in names]
        tables[language] = (["", *columns], table)
    return tables


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        label = f"{before} {name.replace('_', ' ')}".strip()
        flat |= _flat(value, label) if isinstance(value, dict) else {label: value}
    return flat


def _shown(name: str, value: float | int | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    is_share = name.startswith(("error rate", "closed set", "retried", "failed")) or name.endswith("is nearest")
    return f"{value:.1%}" if is_share else f"{value:.3g}"


def bench(
    model: Model = None,
    repeats: Annotated[int, typer.Option(help="Measured runs; their median counts.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads of PyTorch; 0: its choice.")] = 0,
    file: Annotated[Path | None, typer.Option(help="Speak this text instead.")] = None,
    language: Annotated[str, typer.Option("--language", "-l", help="Of the text.")] = "en",
    device: Device = "auto",
    precision: Precision = "auto",
    json: Json = False,
) -> None:
    """Load time, time to the first sound, real-time factor and memory; of several models (--model …) side by side."""
    from sovits_tts.assets import EMBEDDED
    from sovits_tts.evaluation import speed

    with console.progress() as on_event:
        results = speed.bench(
            model or [EMBEDDED], device=device, precision=precision, threads=threads, repeats=repeats,
            text=console.read_text(None, file) if file else speed.TEXT, language=language, on_event=on_event,
        )  # fmt: skip
    compared = speed.compare(results)
    if json:
        console.show_json({"models": compared})
        return
    names = [name for name in compared[0] if name not in ("model", "vs_first")]
    table = [[name.replace("_", " "), *(_bench_cell(row, name) for row in compared)] for name in names]
    console.show_table("Speed", ["", *(row["model"] for row in compared)], table, numbers=True)


def _bench_cell(row: dict[str, Any], name: str) -> str:
    value, ratio = row[name], row["vs_first"].get(name)
    shown = "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
    return shown if ratio in (None, 1.0) else f"{shown} (×{ratio:.2f})"
