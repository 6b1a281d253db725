"""The harness itself: what it prints, when it fails, and what its parts compute. Its results are in test_parity.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.parity import derive
from tests.parity.__main__ import main
from tests.parity.registry import Fixture, close, close_all, equal, load_cases, run

SMALL = Path(__file__).parent / "golden" / "set_small"


def test_vectors_stay_small() -> None:
    assert sum(path.stat().st_size for path in SMALL.rglob("*") if path.is_file()) < 3_000_000


def _spoiled_copy(folder: Path) -> Path:
    """A set with one passing and one damaged case, one unknown and one of an unsupported version."""
    sources = {"dsp": "dsp", "resample": "resample", "something_new": "dsp", "s2_official_v3": "dsp"}
    for name, source in sources.items():
        (folder / name).mkdir()
        for path in (SMALL / source).iterdir():
            (folder / name / path.name).write_bytes(path.read_bytes())
    tensors = load_file(folder / "dsp" / "io.safetensors")
    tensors["sola.out"][3000] += 2e-4
    save_file(tensors, folder / "dsp" / "io.safetensors")
    return folder


def test_report_and_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _spoiled_copy(tmp_path)
    assert main([str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{sum(line.startswith('passed') for line in lines)} passed, 1 failed, 2 skipped"
    assert [line.split()[:3] for line in lines if line.startswith("failed")] == [["failed", "dsp", "sola.out"]]

    assert main([str(folder), "--json", "--only", "resample"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failed"] == report["skipped"] == 0
    assert report["passed"] == len(report["rows"]) > 0
    assert set(report["rows"][0]) == {"case", "name", "status", "error", "tolerance", "note"}


def test_a_case_that_raises_is_a_failed_row(tmp_path: Path) -> None:
    folder = tmp_path / "resample"
    folder.mkdir()
    (folder / "meta.json").write_text('{"seed": 1}')
    load_cases()
    (check,) = run(Fixture(folder))
    assert check.status == "failed" and "io.safetensors" in check.note


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path)])


def test_checks_fail_when_they_should() -> None:
    assert close("x", [1.0], [1.0 + 2e-4]).status == "failed"
    assert close("x", [1000.0], [1000.05], relative=True).status == "passed"
    assert close("x", [float("nan")], [1.0]).status == "failed"
    assert close("x", [1.0, 2.0], [1.0]).status == "failed"
    assert close("x", torch.ones(2) + 5e-4, torch.ones(2, dtype=torch.float16)).tolerance == 1e-3
    assert equal("x", torch.tensor([1, 2]), torch.tensor([1, 3])).error == 1
    assert equal("x", [[1], [2]], [[1, 2]]).status == "failed"
    assert close_all("x", {"a": (1.0, 1.0), "b": (float("nan"), 1.0)}).status == "failed"


def test_derived_weights_follow_their_rules() -> None:
    first = derive.weight(7, "dec.ups.0.weight_v", (4, 3, 5))
    assert first.dtype == np.float32 and np.array_equal(first, derive.weight(7, "dec.ups.0.weight_v", (4, 3, 5)))
    assert not np.array_equal(first, derive.weight(8, "dec.ups.0.weight_v", (4, 3, 5)))
    assert abs(derive.weight(7, "a.norm.weight", (1000,)).mean() - 1) < 0.02
    assert abs(derive.weight(7, "a.conv.weight", (64, 50, 2)).std() - 0.1) < 0.005
    assert derive.weight(7, "bn.num_batches_tracked", ()).dtype == np.int64
    assert not derive.is_derived("act.filter")
