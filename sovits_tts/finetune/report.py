"""The report of a fine-tuning as one HTML file that needs nothing else: figures, curves, and sound to compare."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from sovits_tts.audio import Audio

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;border-bottom:1px solid #ccc;text-align:left}"
    ".best{background:#e7f4ea;font-weight:600}audio{height:2em;width:16em}img{max-width:100%}.note{color:#a16207}"
)
_SAMPLES = 3  # lines to listen to
_KEYS = ("error_rate", "similarity", "failed")
_NAMES = {"error_rate": "error rate", "similarity": "likeness", "failed": "failed lines"}


def html_report(report: dict[str, Any], work: Path) -> str:
    """One page from `report.json`. work: the run's folder, which sound and curves are read from. All is escaped."""
    judges = "; ".join(
        f"{judge['name']} ({judge['unit']}{'' if judge['independent'] else ', not independent of the model'})"
        for judge in report["judges"]
    )
    data = report["data"]
    title = f"The voice {report['name']}"
    facts = [
        ("base model", f"{report['model']} ({report['fingerprint'][:12]})"),
        ("recordings", f"{data['clips']} clips, {data['seconds'] / 60:.1f} minutes; {data['held_out']} clips held out"),
        ("judges", judges),
        ("consent", report["consent"] or "nobody said who allowed the use of this voice"),
        ("time", _clock(report["seconds"]["total"])),
        ("memory", f"{report['peak_memory_mb']:.0f} MB at most" if report["peak_memory_mb"] else "not known"),
    ]
    return "".join([
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>",
        f"<p>{escape(report['reason'])}</p>",
        *(f"<p class=note>{escape(note)}</p>" for note in report["notes"]),
        _table("Before and after", ["", "before", "after", "the speaker's own recordings"], _comparison(report)),
        _samples(report, work),
        _table("Every checkpoint", ["", *_NAMES.values()], _checkpoints(report), report["chosen"]["name"]),
        *(_curve(work / folder / "curves.png", stage) for stage, folder in report["training"].items()),
        _table("The run", ["", ""], [[name, value] for name, value in facts]),
        _table("Time", ["step", ""], [[step, _clock(spent)] for step, spent in report["seconds"].items()]),
    ])  # fmt: skip


def summary(report: dict[str, Any]) -> list[list[str]]:
    """Rows of before and after, for a table on a terminal."""
    return _comparison(report)


def _comparison(report: dict[str, Any]) -> list[list[str]]:
    systems = [report["baseline"], report["tuned"], report["natural"]]
    return [[_NAMES[key], *(_shown(key, system) for system in systems)] for key in _KEYS]


def _checkpoints(report: dict[str, Any]) -> list[list[str]]:
    return [[item["name"], *(_shown(key, item) for key in _KEYS)] for item in report["checkpoints"]]


def _shown(key: str, figures: dict[str, Any]) -> str:
    value = figures.get(key)
    if value is None:
        return "–"
    return f"{value:.3f}" if key == "similarity" else f"{value:.1%}"


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], best: str = "") -> str:
    head = "".join(f"<th>{escape(column)}" for column in columns)
    body = "".join(
        f"<tr{' class=best' if best and row[0] == best else ''}>" + "".join(f"<td>{escape(cell)}" for cell in row)
        for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}{body}</table>"


def _samples(report: dict[str, Any], work: Path) -> str:
    rows = []
    for line in report["samples"][:_SAMPLES]:
        sounds = "".join(f"<td>{_player(work / line[key])}" for key in ("baseline", "tuned", "natural"))
        rows.append(f"<tr><td>{escape(line['text'])}{sounds}")
    head = "<tr><th>line<th>before<th>after<th>the speaker"
    return f"<h2>Listen</h2><table>{head}{''.join(rows)}</table>" if rows else ""


def _player(path: Path) -> str:
    if not path.is_file():
        return "–"
    data = base64.b64encode(Audio.load(path).encode(".ogg")).decode()
    return f"<audio controls preload=none src='data:audio/ogg;base64,{data}'></audio>"


def _curve(path: Path, stage: str) -> str:
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<h2>Training of the {stage} stage</h2><img alt='losses' src='data:image/png;base64,{data}'>"


def read_report(work: Path) -> dict[str, Any] | None:
    """`report.json` of a run; None where it is not finished."""
    try:
        found = json.loads((work / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
