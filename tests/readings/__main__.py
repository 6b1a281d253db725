"""`python -m tests.readings [--json]`: how many texts are read as they should be, and which are not."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

from sovits_tts.errors import MissingDependency
from tests.readings.cases import Case, check, load


def figures(cases: Iterable[Case]) -> dict[str, Any]:
    """By language: cases, right, share, failures, and the same counts by file. Without its package: skipped."""
    found: dict[str, Any] = {}
    for case in cases:
        numbers = found.setdefault(
            case.language, {"cases": 0, "right": 0, "share": None, "skipped": "", "files": {}, "failures": []}
        )
        counts = numbers["files"].setdefault(case.file, {"cases": 0, "right": 0})
        numbers["cases"] += 1
        counts["cases"] += 1
        try:
            outcome = check(case)
        except MissingDependency as error:
            numbers["skipped"] = str(error)
            continue
        numbers["right"] += outcome.right
        counts["right"] += outcome.right
        if not outcome.right:
            numbers["failures"].append(
                {
                    "file": case.file, "text": case.text, "heard": outcome.heard, "readings": list(case.readings),
                    "phonemes": outcome.phonemes, "wanted": outcome.wanted,
                }
            )  # fmt: skip
    for numbers in found.values():
        if not numbers["skipped"]:
            numbers["share"] = round(numbers["right"] / numbers["cases"], 4)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.readings", description="Are texts read as they should be?")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the report")
    parser.add_argument("--only", default="", metavar="FILE", help="only the files whose name starts so")
    options = parser.parse_args(arguments)
    found = figures(case for case in load() if case.file.startswith(options.only))
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    for numbers in found.values():
        for failure in numbers["failures"]:
            print(f"{failure['file']}: {failure['text']}\n    heard   {failure['heard']}")
            print(f"    wanted  {' | '.join(failure['readings'])}")
            if failure["phonemes"] != failure["heard"]:
                print(f"    heard   {failure['phonemes']}\n    wanted  {failure['wanted']}")
    for language, numbers in found.items():
        share = numbers["skipped"] or f"{100 * numbers['share']:.1f} %"
        print(f"{language:6}{numbers['right']:5} of {numbers['cases']:4}   {share}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
