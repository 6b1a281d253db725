"""The report of a prepared data set as one HTML file that needs nothing else: figures, histograms, every clip."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from typing import Any

from sovits_tts.data.prepare import Prepared

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;border-bottom:1px solid #ccc;text-align:left}"
    ".keep{color:#17803d}.warn{color:#a16207}.exclude{color:#b91c1c}img{max-width:100%}"
)
_COLUMNS, _BINS = 3, 24


def html_report(prepared: Prepared) -> str:
    """One page. Everything from files is escaped."""
    report, clips = prepared.report, prepared.clips
    plots = {
        "length (s)": [clip["sound"]["seconds"] for clip in clips],
        "signal to noise (dB)": [clip["sound"]["snr_db"] for clip in clips],
        "loudness (LUFS)": [clip["sound"]["loudness_lufs"] for clip in clips],
        "phonemes per second": [(clip.get("match") or {}).get("rate") for clip in clips],
        "share of phonemes heard": [(clip.get("match") or {}).get("heard") for clip in clips],
        "distance from the usual voice": [clip["stranger"] for clip in clips],
    }
    problems = [[f"{p.file}:{p.line}" if p.line else p.file, p.cause, p.fix] for p in prepared.problems]
    lost = [[entry["source"], f"{entry['start']:g}", entry["why"]] for entry in report["left_out"]]
    order = {"exclude": 0, "warn": 1, "keep": 2}
    rows = [
        [clip["verdict"], clip["id"], f"{clip['sound']['seconds']:.1f}", clip["text"], " ".join(clip["reasons"])]
        for clip in sorted(clips, key=lambda clip: order[clip["verdict"]])
    ]
    return "".join([
        "<!doctype html><meta charset=utf-8><title>Data set</title><style>", _STYLE, "</style><h1>Data set</h1>",
        f"<p>{escape(summary(report))}</p>", _histograms(plots),
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


def _histograms(plots: Mapping[str, Sequence[float | None]]) -> str:
    """How many clips have which value, as a picture inside the page. None: not known of a clip"""
    try:
        from matplotlib.figure import Figure  # not pyplot: that keeps figures in a module
    except ImportError:
        return '<p>Plots are left out: matplotlib is not installed (pip install "sovits-tts[plot]").</p>'
    known = {title: [value for value in values if value is not None] for title, values in plots.items()}
    shown = {title: values for title, values in known.items() if values}
    if not shown:
        return ""
    rows = -(-len(shown) // _COLUMNS)
    figure = Figure(figsize=(10, 2.2 * rows))
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.26 / rows, top=0.98, wspace=0.2, hspace=0.45)
    for place, (title, values) in enumerate(shown.items(), 1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        axes.hist(values, bins=_BINS, color="#4f7cac")
        axes.set_xlabel(title, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.locator_params(axis="y", integer=True)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    data = base64.b64encode(picture.getvalue()).decode()
    return f"<img alt='how many clips have which {escape(', '.join(shown))}' src='data:image/png;base64,{data}'>"


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
