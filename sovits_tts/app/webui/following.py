"""What the events of a fine-tuning say: which step it is at, how long that takes, how the losses fall. No Gradio."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from sovits_tts.app.webui.catalogue import catalogue, say
from sovits_tts.finetune.run import STEPS

_WIDTH, _HEIGHT = 300, 110  # units of a drawing
_MOST_LINES = 5  # losses in one picture
_COLOURS = ("#4f46e5", "#0e8f6e", "#b45309", "#be185d", "#475569")
_FEWEST_FOR_ETA = 2.0  # seconds of a step before it says how long it will take
# Shares of the time of a run, as they were with `mini` and a minute of recordings on a busy CPU. What has been done
# says how long one share takes here; the shares differ with the model and the settings, so the end is a guess.
_SHARES = {
    "check": 0.2, "slice": 1.4, "transcribe": 3.9, "features": 23, "gpt": 13.5, "vits": 25, "evaluate": 31, "save": 2,
}  # fmt: skip
_FEWEST_SHARES = 2.0  # that must be done before the end is guessed


@dataclass
class Step:
    """state: waiting, now, done. left: seconds until its end, where that can be told; spent: seconds so far."""

    state: str = "waiting"
    done: float = 0
    total: float = 0
    unit: str = ""
    left: float | None = None
    spent: float = 0.0
    _begun: float = field(default=0.0, repr=False)
    _before: float = field(default=0.0, repr=False)  # seconds that went into it before it began again
    _start: tuple[float, float] | None = field(default=None, repr=False)  # time and count when it was first counted


@dataclass
class Progress:
    """losses: stage -> name -> (step, value)"""

    steps: dict[str, Step] = field(default_factory=lambda: {name: Step() for name in STEPS})
    losses: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    message: str = ""


def follow(events: Iterable[Mapping[str, Any]]) -> Progress:
    """Read all events of a job, oldest first. A step that begins again, after a stop, counts from there."""
    found = Progress()
    for event in events:
        name, values = event["stage"], event["values"]
        step = found.steps.get(name)
        if step is None:
            continue
        if values.get("state") == "begin":
            found.steps[name] = Step("now", spent=step.spent, _begun=event["t"], _before=step.spent)
            found.message = ""
        elif values.get("state") == "done":
            step.state, step.left = "done", None
        else:
            _count(step, event)
            found.message = "" if name == "review" else event["message"]  # there it is the path of the table
        now = found.steps[name]
        now.spent = now._before + event["t"] - now._begun
        for key, value in values.items():
            if isinstance(value, float) and name in ("gpt", "vits"):
                curve = found.losses.setdefault(name, {}).setdefault(key, [])
                if curve and event["done"] < curve[-1][0]:  # it went back to where it had saved
                    curve[:] = [point for point in curve if point[0] < event["done"]]
                curve.append((event["done"], value))
    return found


def whole(progress: Progress, minutes: float = 0.0, seconds: float = 0.0) -> float | None:
    """Seconds until the very end, as far as can be told by now. minutes: the budget, 0: none; seconds: spent so far."""
    known = [(step, _SHARES[name]) for name, step in progress.steps.items() if name in _SHARES]
    shares = spent = left = 0.0
    for step, share in known:
        if step.state == "done" or (step.state == "now" and step.left is not None):
            shares, spent = shares + share, spent + step.spent + (step.left or 0.0)
            left += step.left or 0.0
    if shares < _FEWEST_SHARES or not spent:
        return None
    for step, share in known:
        if step.state == "waiting" or (step.state == "now" and step.left is None):
            left += max(0.0, share * spent / shares - step.spent)
    return min(left, max(0.0, minutes * 60 - seconds)) if minutes else left


def _count(step: Step, event: Mapping[str, Any]) -> None:
    step.state, step.done, step.total, step.unit = "now", event["done"], event["total"], event["unit"]
    if step._start is None or event["done"] < step._start[1]:
        step._start = event["t"], event["done"]
    spent, made = event["t"] - step._start[0], event["done"] - step._start[1]
    if spent >= _FEWEST_FOR_ETA and made > 0 and event["total"]:
        step.left = (event["total"] - event["done"]) * spent / made


def stepper(progress: Progress, state: str, language: str, end: float | None = None) -> str:
    """The steps as a list, the present one with how far it is. end: seconds until the end of all, where known."""
    items = []
    for number, (name, step) in enumerate(progress.steps.items(), 1):
        kind = step.state if state in ("starting", "running", "paused") or step.state == "done" else "waiting"
        mark = "✓" if kind == "done" else str(number)
        current = ' aria-current="step"' if kind == "now" else ""
        title = escape(say(language, f"create.step.{name}"))
        items.append(f'<li class="sv-step sv-step-{kind}"{current}><span>{mark}</span>{title}</li>')
    return f'<ol class="sv-steps">{"".join(items)}</ol>{_present(progress, state, language, end)}'


def _present(progress: Progress, state: str, language: str, end: float | None) -> str:
    parts = [escape(say(language, f"create.state.{state}"))]
    now = next((step for step in progress.steps.values() if step.state == "now"), None)
    bar = ""
    if now is not None and now.total and state in ("running", "paused"):
        parts.append(escape(f"{now.done:g} / {now.total:g} {unit(now.unit, language)}".rstrip()))
        if now.left is not None:
            parts.append(escape(say(language, "create.left", time=duration(now.left))))
        bar = f'<progress class="sv-progress" max="{now.total:g}" value="{now.done:g}"></progress>'
    if end is not None and state in ("running", "paused"):
        parts.append(escape(say(language, "create.left.all", time=duration(end))))
    if progress.message and state == "running":
        parts.append(escape(progress.message))
    return f'{bar}<p class="sv-note" role="status">{" · ".join(parts)}</p>'


def unit(name: str, language: str) -> str:
    """What a step counts, in the page's language."""
    return catalogue(language).get(f"unit.{name}", name)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def curves(progress: Progress, language: str) -> str:
    """One drawing per stage; every loss on a scale of its own, with its last value."""
    parts = []
    for stage, losses in progress.losses.items():
        shown = [(name, points) for name, points in losses.items() if len(points) > 1][:_MOST_LINES]
        if not shown:
            continue
        last = max(points[-1][0] for _, points in shown) or 1
        lines = "".join(
            f'<polyline stroke="{colour}" points="{_polyline(points, last)}"/>'
            for colour, (_, points) in zip(_COLOURS, shown, strict=False)
        )
        legend = "".join(
            f'<span class="sv-key"><i style="background:{colour}"></i>{escape(name)} {points[-1][1]:.3g}</span>'
            for colour, (name, points) in zip(_COLOURS, shown, strict=False)
        )
        title = escape(say(language, f"create.step.{stage}"))
        parts.append(
            f'<figure class="sv-curve"><figcaption>{title}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            f' preserveAspectRatio="none" role="img" aria-label="{title}">{lines}</svg>'
            f'<div class="sv-keys">{legend}</div></figure>'
        )
    return f'<div class="sv-curves">{"".join(parts)}</div>' if parts else ""


def _polyline(points: list[tuple[float, float]], last: float) -> str:
    values = [value for _, value in points]
    low, high = min(values), max(values)
    span = high - low or 1.0
    return " ".join(
        f"{x / last * _WIDTH:.1f},{4 + (high - y) / span * (_HEIGHT - 8):.1f}"
        for x, y in points[:: max(1, len(points) // 200)]
    )
