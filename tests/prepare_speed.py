"""Hours of audio prepared per hour: `python -m tests.prepare_speed FOLDER [--workers N] [--language en]`.

FOLDER (or a .list, a metadata.csv) is prepared into a folder that is deleted afterwards. Two figures are shown: per
hour on the clock, which counts waiting for processors that others use, and per hour of processor time, which does not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from itertools import pairwise

from sovits_tts.data.prepare import PrepareConfig, prepare
from sovits_tts.progress import Event


def used() -> float:
    """Seconds of processor time of this process and its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(source: str, config: PrepareConfig) -> dict[str, float | int]:
    """Times in seconds, of the whole and of each stage; "audio": seconds of the clips."""
    begun: dict[str, tuple[float, float]] = {}

    def note(event: Event) -> None:
        begun.setdefault(event.stage, (time.perf_counter(), used()))

    start, spent = time.perf_counter(), used()
    with tempfile.TemporaryDirectory() as out:
        report = prepare(source, out, config, on_event=note).report
        end = (time.perf_counter(), used())
    marks = [*begun.items(), ("judge", end)]
    stages = {f"{name} (s)": later[1] - now[1] for (name, now), (_, later) in pairwise(marks)}
    wall, processor = end[0] - start, end[1] - spent
    return {
        "clips": report["clips"], "audio (s)": report["seconds"], "workers": config.workers,
        "clock (s)": wall, "processor (s)": processor, **stages,
        "hours per hour on the clock": report["seconds"] / wall,
        "hours per hour of processor time": report["seconds"] / processor,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--language", default="auto")
    parser.add_argument("--model", default="mini")
    given = parser.parse_args()
    settings = PrepareConfig(language=given.language, workers=given.workers, model=given.model)
    for name, value in measure(given.source, settings).items():
        sys.stdout.write(f"{name:36}{value:10.1f}\n")
