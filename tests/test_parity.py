"""Same numbers as the official program: a selection of its recorded results, one test for each folder.

The whole sets are compared with `python -m tests.parity DIR`.
"""

from pathlib import Path

import pytest

from tests.parity.registry import Fixture, load_cases, run

FOLDERS = sorted(path.parent for path in (Path(__file__).parent / "golden" / "set_small").glob("*/meta.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_recorded_results(folder: Path) -> None:
    load_cases()
    checks = list(run(Fixture(folder)))
    assert any(check.status == "passed" for check in checks)
    assert [check for check in checks if check.status == "failed"] == []
