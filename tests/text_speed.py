"""`python -m tests.text_speed [--json]`: how fast text is read, on one core.

For each language, in processes of their own: characters per second over the texts of `tests/readings` (long after the
tables are loaded), seconds from the start of Python to the first sentence read, seconds of that inside `read`, and
the largest memory. `book` streams a text of 300,000 characters through `sentences`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import cycle
from typing import Any

FIRST = {
    "zh": "今天天气真不错，我们一起去公园散步吧。", "en": "The weather is lovely today, so let us go for a walk.",
    "ja": "今日はいい天気ですね。", "ko": "오늘은 날씨가 좋네요.", "yue": "今日天氣好好，我哋去公園行下啦。",
}  # fmt: skip
SECONDS = 3.0  # of reading, for each language
BOOK = 300_000  # characters
STARTS = 3  # the quickest counts: others share the machine

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def measure(job: str, language: str) -> dict[str, Any]:
    """One job of this file in a fresh process, and the seconds until it ended."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tests.text_speed", "--job", job, language],
        env=os.environ | _ONE_THREAD, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        return {"skipped": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"process_s": seconds, **found}


def figures() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for language in FIRST:
        starts = [measure("first", language) for _ in range(STARTS)]
        if "skipped" in starts[0]:
            found[language] = starts[0]
            continue
        best = min(starts, key=lambda start: start["process_s"])
        speed = measure("speed", language)
        found[language] = {
            "characters_per_s": round(speed["characters_per_s"]),
            "first_sentence_s": round(best["process_s"], 3),
            "first_sentence_in_read_s": round(best["read_s"], 3),
            "memory_mb": round(max(speed["memory_mb"], best["memory_mb"])),
        }
    for language in ("zh", "en"):
        book = measure("book", language)
        found[f"book_{language}"] = {
            "characters_per_s": round(book["characters_per_s"]),
            "memory_mb": round(book["memory_mb"]),
            "growth_mb": round(book["growth_mb"], 1),
        }
    return found


def memory_mb() -> float:
    """The largest memory of this process so far; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def first(language: str) -> dict[str, Any]:
    start = time.perf_counter()
    from sovits_tts.text.frontend import read

    read(FIRST[language], language)
    return {"read_s": time.perf_counter() - start, "memory_mb": memory_mb()}


def speed(language: str) -> dict[str, Any]:
    from sovits_tts.text.frontend import read
    from tests.readings.cases import load

    read(FIRST[language], language)
    characters, start = 0, time.process_time()
    for case in cycle([case for case in load() if case.language == language]):
        text = case.text.replace("*", "")
        read(text, language)
        characters += len(text)
        if time.process_time() - start > SECONDS:
            break
    return {"characters_per_s": characters / (time.process_time() - start), "memory_mb": memory_mb()}


def book(language: str) -> dict[str, Any]:
    """growth_mb: memory of the second half beyond that of the first."""
    from sovits_tts.text.frontend import sentences

    text = FIRST[language] + (" " if language == "en" else "")
    parts = (text for _ in range(BOOK // len(text)))
    half, done, before = BOOK // 2, 0, 0.0
    start = time.process_time()
    for sentence in sentences(parts, language):
        done += len(sentence.text)
        if done < half:
            before = memory_mb()
    spent = time.process_time() - start
    return {"characters_per_s": BOOK / spent, "memory_mb": memory_mb(), "growth_mb": memory_mb() - before}


_JOBS = {"first": first, "speed": speed, "book": book}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.text_speed", description="How fast is text read?")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--job", nargs=2, metavar=("JOB", "LANGUAGE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(_JOBS[options.job[0]](options.job[1])))
        return 0
    found = figures()
    if options.json:
        print(json.dumps(found))
        return 0
    for name, numbers in found.items():
        print(f"{name:8}", "  ".join(f"{key} {value}" for key, value in numbers.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
