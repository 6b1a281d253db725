"""`python -m tests.golden_text DIR [--json]`; see the package."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.golden_text.compare import compare
from tests.golden_text.rows import cut_as_recorded, load


def figures(folder: Path) -> dict[str, Any]:
    """Everything that --json prints: per group of lines its figures, and `presplit`."""
    rows, cuts = load(folder)
    found: dict[str, Any] = {group: numbers.as_dict() for group, numbers in compare(rows).items()}
    if cuts:
        wrong = [record for record in cuts if not cut_as_recorded(record)]
        found["presplit"] = {
            "lines": len(cuts), "identical": len(cuts) - len(wrong),
            "differing": [{"text": record["text"], "method": record["method"]} for record in wrong],
        }  # fmt: skip
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden_text", description="Compare with upstream's readings."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder of recorded lines (*.jsonl)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the report")
    options = parser.parse_args(arguments)
    found = figures(options.folder) if options.folder.is_dir() else {}
    if not found:
        parser.error(f"{options.folder} holds no recorded lines")
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _report(found)
    return 0


def _report(found: dict[str, Any]) -> None:
    for group, numbers in found.items():
        for line in numbers["differing"]:
            if "verdict" not in line:
                print(f"{group}: {line['text']!r} is cut differently by {line['method']}")
                continue
            print(f"{group} {line['verdict']} ({line['by']}): {line['text']!r}")
            for reason in line["reasons"]:
                print(f"    {reason['verdict']} {reason['reason']}: {reason['detail']}")
            print(f"    upstream  {line['upstream']}\n    ours      {line['ours']}")
    print(
        f"\n{'':11}"
        + "".join(f"{title:>{width}}" for title, width in zip(_TITLES, (6, 6, 7, 6, 6, 7), strict=True))
        + "   same, same without better, PER"
    )
    for group, numbers in found.items():
        if group == "presplit":
            print(f"{group:11}{numbers['lines']:>6}{numbers['identical']:>6}")
            continue
        counts = "".join(f"{numbers[key]:>{width}}" for key, width in _COLUMNS)
        print(f"{group:11}{counts}   {' '.join(_percent(numbers[key]) for key in _SHARES)}")


_TITLES = ("lines", "same", "better", "equal", "worse", "unread")
_COLUMNS = (("lines", 6), ("identical", 6), ("better", 7), ("equal", 6), ("worse", 6), ("unread", 7))
_SHARES = ("identical_share", "identical_share_without_better", "phoneme_error_rate")


def _percent(share: float | None) -> str:
    return f"{'-':>7}" if share is None else f"{100 * share:6.1f}%"


if __name__ == "__main__":
    sys.exit(main())
