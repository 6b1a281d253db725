"""Strict settings, and the choice of a device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from sovits_tts import config
from sovits_tts.device import choose
from sovits_tts.errors import ConfigError
from sovits_tts.specs import SPECS, ModelSpec


@dataclass(frozen=True)
class Optim:
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)


@dataclass(frozen=True)
class Run:
    steps: int
    folder: Path = Path(".")
    seed: int | None = None
    optim: Optim = field(default_factory=Optim)


def read(tmp_path: Path, text: str) -> Run:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    return config.load(Run, tmp_path / "run.yaml")


def test_values_reach_their_fields(tmp_path: Path) -> None:
    run = read(
        tmp_path, "steps: 5\nfolder: out\noptim:\n  learning_rate: 2e-4  # YAML reads this as text\n  betas: [0, 1]"
    )
    assert run == Run(5, Path("out"), None, Optim(2e-4, (0.0, 1.0)))


@pytest.mark.parametrize("name", SPECS)
def test_specs_survive_yaml(tmp_path: Path, name: str) -> None:
    config.dump(SPECS[name], tmp_path / "spec.yaml")
    assert config.load(ModelSpec, tmp_path / "spec.yaml") == SPECS[name]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("stepz: 5", ["stepz is unknown", "did you mean steps?"]),
        ("steps: 5\noptim: {learning_rat: 1}", ["optim.learning_rat is unknown", "optim.learning_rate?"]),
        ("steps: 5\nqqq: 1\nxyzw: 2", ["2 problems", "qqq is unknown: known are steps", "xyzw"]),
        ("steps: five\noptim: {betas: [1]}", ["steps is 'five'", "optim.betas"]),
        ("folder: a", ["steps is missing"]),
        ("", ["steps is missing"]),
        ("steps: 1\nsteps: 2", ["stands twice"]),
        ("- 1\n- 2", ["holds a list"]),
        ("? [a]\n: 1", ["must be a name"]),
        ("steps: [", ["not readable YAML"]),
        ("steps: !!python/object/apply:os.system ['true']", ["not readable YAML"]),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, sentences: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert "run.yaml" in str(caught.value)
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_a_missing_or_huge_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no settings file"):
        config.load(Run, tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="at most"):
        read(tmp_path, "#" * (1 << 20) + "\nsteps: 1")


def test_auto_finds_a_device_and_says_why() -> None:
    runtime = choose("auto")
    assert runtime.device.type in ("cpu", "cuda", "mps")
    assert runtime.reason
    assert runtime.gpt == runtime.content == torch.float32


def test_cpu_and_its_precisions() -> None:
    assert choose("cpu").device == torch.device("cpu")
    assert choose("CPU", "bf16").vits == torch.bfloat16
    assert choose("cpu", "bf16").content == torch.float32
    with pytest.raises(ConfigError, match="fp16 needs a CUDA device"):
        choose("cpu", "fp16")
    with pytest.raises(ConfigError, match="no precision 'int8'"):
        choose("cpu", "int8")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:", "tpu", ""])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(ConfigError, match="no device"):
        choose(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="CUDA is not available"):
        choose("cuda")
