"""`python -m tests.tune_child MODEL SET OUT [JSON]`: fine-tune both stages; what tests kill, and start twice at once.

JSON: settings that differ from those of tests/tune_set.py
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from sovits_tts.training.tune import tune_gpt, tune_vits
from sovits_tts.training.tune_data import extract_features
from tests.tune_set import GPT_TUNE, VITS_TUNE


def main(model: str, prepared: str, out: str, settings: str = "{}") -> None:
    torch.set_num_threads(1)
    data, changed = extract_features(Path(prepared), model, device="cpu"), json.loads(settings)
    tune_gpt(data, model, Path(out) / "gpt", replace(GPT_TUNE, **changed), device="cpu")
    tune_vits(data, model, Path(out) / "vits", replace(VITS_TUNE, **changed), device="cpu")


if __name__ == "__main__":
    main(*sys.argv[1:])
