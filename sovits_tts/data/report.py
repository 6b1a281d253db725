"""The report of a prepared data set as one HTML file that needs nothing else: figures, histograms, every clip."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from sovits_tts.data.prepare import Prepared

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;border-bottom:1px solid #ccc;text-align:left}"
    ".keep{color:#17803d}.warn{color:#a16207}.exclude{color:#b91c1c}svg{margin-right:1em}"
)
_WIDTH, _HEIGHT, _BINS = 300, 120, 24


def html_report(prepared: Prepared) -> str:
    """One page. Everything from files is escaped."""
    report, clips = prepared.report, prepared.clips
    plots = [
        _histogram("length (s)", [clip["sound"]["seconds"] for clip in clips]),
        _histogram("signal to noise (dB)", [clip["sound"]["snr_db"] for clip in clips]),
        _histogram("loudness (LUFS)", [clip["sound"]["loudness_lufs"] for clip in clips]),
        _histogram("phonemes per second", [(clip.get("match") or {}).get("rate") for clip in clips]),
        _histogram("share of phonemes heard", [(clip.get("match") or {}).get("heard") for clip in clips]),
        _histogram("distance from the usual voice", [clip["stranger"] for clip in clips]),
    ]
    problems = [[f"{p.file}:{p.line}" if p.line else p.file, p.cause, p.fix] for p in prepared.problems]
    lost = [[entry["source"], f"{entry['start']:g}", entry["why"]] for entry in report["left_out"]]
    order = {"exclude": 0, "warn": 1, "keep": 2}
    rows = [
        [clip["verdict"], clip["id"], f"{clip['sound']['seconds']:.1f}", clip["text"], " ".join(clip["reasons"])]
        for clip in sorted(clips, key=lambda clip: order[clip["verdict"]])
    ]
    return "".join([
        "<!doctype html><meta charset=utf-8><title>Data set</title><style>", _STYLE, "</style><h1>Data set</h1>",
        f"<p>{escape(summary(report))}</p>", *plots,
        _table("Problems of the input", ["where", "what", "what to do"], problems),
        _table("Left out while cutting", ["recording", "from (s)", "why"], lost),
        _table("Clips", ["verdict", "clip", "seconds", "text", "why"], rows),
    ])  # fmt: skip


def summary(report: dict[str, Any]) -> str:
    """The figures in a line."""
    verdicts = report["verdicts"]
    return (
        f"{report['used']} of {report['clips']} clips are used, {report['used_seconds'] / 60:.1f} of "
        f"{report['seconds'] / 60:.1f} minutes: {verdicts['keep']} good, {verdicts['warn']} with a warning, "
        f"{verdicts['exclude']} bad. {len(report['left_out'])} stretches were left out, and the input has "
        f"{len(report['problems'])} problems."
    )


def _histogram(title: str, values: Sequence[float | None]) -> str:
    known = np.array([value for value in values if value is not None], dtype=float)
    if not len(known):
        return ""
    counts, edges = np.histogram(known, bins=_BINS)
    width = _WIDTH / _BINS
    bars = "".join(
        f'<rect x="{i * width:.1f}" y="{_HEIGHT * (1 - n / counts.max()):.1f}" width="{width - 1:.1f}" '
        f'height="{_HEIGHT * n / counts.max():.1f}" fill="#4f7cac"/>'
        for i, n in enumerate(counts.tolist())
    )
    labels = (
        f'<text x="0" y="{_HEIGHT + 14}">{edges[0]:.3g}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{edges[-1]:.3g}</text>'
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 14}" text-anchor="middle">{escape(title)}</text>'
    )
    size = f'width="{_WIDTH}" height="{_HEIGHT + 20}"'
    return f'<svg {size} font-size="12" role="img" aria-label="{escape(title)}">{bars}{labels}</svg>'


def _table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(column)}" for column in columns)
    kinds = {"keep", "warn", "exclude"}
    body = "".join(
        f"<tr{f' class={row[0]}' if row[0] in kinds else ''}>" + "".join(f"<td>{escape(cell)}" for cell in row)
        for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}{body}</table>"
