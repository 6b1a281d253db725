"""`python -m tests.parity DIR [--json]`: compare this package with recorded results of the official one."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.parity.registry import Check, Fixture, load_cases, run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="a set of fixtures: one folder for each case")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    parser.add_argument("--only", metavar="TEXT", default="", help="only the cases whose name contains TEXT")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    folders = sorted(path.parent for path in options.folder.glob("*/meta.json") if options.only in path.parent.name)
    if not folders:
        parser.error(f"{options.folder} holds no cases (folders with a meta.json)")

    load_cases()
    rows = []
    for folder in folders:
        for check in run(Fixture(folder)):
            rows.append({"case": folder.name, **asdict(check)})
            if not options.json:
                print(_line(folder.name, check), flush=True)
    counts = Counter(row["status"] for row in rows)
    closing = f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
    if options.json:
        summary = {status: counts[status] for status in ("passed", "failed", "skipped")}
        print(json.dumps({"folder": str(options.folder), "rows": rows, **summary}, ensure_ascii=False))
        print(closing, file=sys.stderr)
    else:
        print(closing)
    return 1 if counts["failed"] else 0


def _line(case: str, check: Check) -> str:
    error = "-" if check.error is None else f"{check.error:.2e}"
    tolerance = "-" if check.tolerance is None else f"{check.tolerance:.0e}" if check.tolerance else "exact"
    return f"{check.status:8}{case:22}{check.name:44}{error:>10} / {tolerance:7}{check.note}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
