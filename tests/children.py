"""Processes that tests start and kill. They are forked from one that has loaded PyTorch, so each costs a moment only.

What a function here needs of this process's environment is handed to it: the one they are forked from keeps its own.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_LOADED = ["sovits_tts.finetune.flow", "tests.tune_set"]
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def start(function: Callable[..., None], *arguments: Any, **environment: str) -> BaseProcess:
    """Run a function of this file in a process of its own, with one thread."""
    context = multiprocessing.get_context(_METHOD)
    if _METHOD == "forkserver":
        context.set_forkserver_preload(_LOADED)
    process = context.Process(target=_run, args=(function, arguments, environment))
    process.start()
    return process


def _run(function: Callable[..., None], arguments: tuple[Any, ...], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    import torch

    torch.set_num_threads(1)
    function(*arguments)


def tune(model: str, prepared: str, out: str) -> None:
    """Fine-tune both stages with the settings of tests/tune_set.py."""
    from sovits_tts.training import tune as training
    from sovits_tts.training.tune_data import extract_features
    from tests.tune_set import GPT_TUNE, VITS_TUNE

    training.draw_curves = _nothing
    data = extract_features(Path(prepared), model, device="cpu")
    training.tune_gpt(data, model, Path(out) / "gpt", GPT_TUNE, device="cpu")
    training.tune_vits(data, model, Path(out) / "vits", VITS_TUNE, device="cpu")


def _nothing(*arguments: Any) -> None:
    """In place of drawing and of loading a speaker judge, which take longer than all the rest."""


def finetune(source: str, name: str, settings: str, work: str) -> None:
    """The whole way. settings: a YAML file"""
    from sovits_tts.config import load
    from sovits_tts.finetune import flow
    from sovits_tts.finetune.config import FinetuneConfig
    from sovits_tts.training import tune

    flow._speaker_vectors = tune.draw_curves = _nothing
    flow.finetune(source, name, load(FinetuneConfig, settings), work)


def prepare(source: str, out: str, model: str) -> None:
    from sovits_tts.data.prepare import PrepareConfig
    from sovits_tts.data.prepare import prepare as run

    run(source, out, PrepareConfig(model=model, language="en"))


def read_as_the_original_does(folder: str) -> None:
    """folder: holds a.pth and a module `utils` with the class that GPT-SoVITS pickles; writes facts.json there."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    import torch

    data = b"PK" + Path("a.pth").read_bytes()[2:]
    file = torch.load(io.BytesIO(data), weights_only=False)
    settings, weights = file["config"], file["weight"]
    facts = {
        "file": [type(file).__name__, *file], "info": file["info"],
        "settings": [type(settings.model).__name__, settings.model.version, settings.data.filter_length],
        "dtypes": sorted({str(value.dtype) for value in weights.values()}),
        "sum": sum(value.double().sum().item() for value in weights.values()),
        "posterior": any("enc_q" in key for key in weights),
    }  # fmt: skip
    Path("facts.json").write_text(json.dumps(facts), encoding="utf-8")
