"""One run of the flow: its folder, its clock, its budget, and the sink that names every event after its step."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sovits_tts.data.atomic import write_json
from sovits_tts.finetune.budget import Budget
from sovits_tts.finetune.config import FinetuneConfig
from sovits_tts.progress import Event, OnEvent

STEPS = ("check", "slice", "transcribe", "review", "features", "gpt", "vits", "evaluate", "save")
_STEP_OF = {"read": "slice", "cut": "slice", "transcribe": "transcribe", "read text": "transcribe"}  # by prepare's


class Run:
    """What the steps share: the folder, the clock, the sink."""

    def __init__(
        self, source: str | os.PathLike[str], name: str, config: FinetuneConfig, work: Path, on_event: OnEvent
    ) -> None:
        self.source, self.name, self.config, self.work, self._on_event = source, name, config, work, on_event
        self.prepared = work / "prepared"
        self.review = self.prepared / "transcripts.tsv"
        self.budget = Budget(config.minutes, work)
        self.folders: dict[str, Path] = {}  # stage -> where its training lies
        self._clock = work / "seconds.json"
        self._now, self._began = "", 0.0
        self.seconds: dict[str, float] = read_json(self._clock)  # of earlier calls too, except what a kill cut off

    @contextmanager
    def step(self, name: str) -> Iterator[OnEvent]:
        """A sink whose events carry the step's name."""
        self.begin(name)
        yield lambda event: self._on_event(replace(event, stage=name))
        self.end()

    def begin(self, name: str) -> None:
        self._now, self._began = name, time.monotonic()
        self._on_event(Event(name, 0, 0, values={"state": "begin"}))

    def end(self) -> None:
        self.seconds[self._now] = round(self.seconds.get(self._now, 0.0) + time.monotonic() - self._began, 2)
        if self.work.is_dir():
            write_json(self._clock, self.seconds)
        self._on_event(Event(self._now, 1, 1, values={"state": "done"}))

    def of_prepare(self, event: Event) -> None:
        """A sink for `prepare`, which does two of our steps in one call."""
        step = _STEP_OF.get(event.stage, self._now)
        if step != self._now:
            self.end()
            self.begin(step)
        self._on_event(replace(event, stage=step))


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
