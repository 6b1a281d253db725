"""A tiny model with all that training needs, and a small prepared data set for it: real classes, random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from sovits_tts.checkpoints import store
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.training.tune_config import GPTTune, VITSTune
from sovits_tts.training.tune_data import TuneData, extract_features
from tests.tiny_model import SPEC as TINY
from tests.tiny_model import speech

SPEC = replace(
    TINY, vits=replace(TINY.vits, dropout=0.0, dropout_style=0.0, periods=(2, 3), scale_channels=(4,) * 6,
                       period_channels=(2,) * 5)
)  # fmt: skip
TEXTS = ("Good morning to you all.", "The red bird sings.", "We walk home, and it rains.", "Nobody came after nine.")
COMMON = {"precision": "fp32", "batch_size": 2, "fill": 0, "log_steps": 1, "sample": False, "validation": 0.2}
GPT_TUNE = GPTTune(**COMMON, epochs=2, optimizer="adamw", learning_rate=1e-3, accumulate=1, dropout=0.0)  # type: ignore[arg-type]
VITS_TUNE = VITSTune(**COMMON, epochs=2, slice_frames=8, learning_rate=1e-3)  # type: ignore[arg-type]


def write_model(folder: Path) -> Path:
    """A model folder with posterior and discriminators."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        c = SPEC.vits
        networks = {
            "content": ContentEncoder(SPEC.content), "gpt": GPT(SPEC.gpt), "vits": VITS(c),
            "discriminators": Discriminators(c.periods, c.scale_channels, c.period_channels),
        }  # fmt: skip
        networks["vits"].quantizer.embedding.copy_(0.05 * torch.randn_like(networks["vits"].quantizer.embedding))
    weights = {f"{name}.{key}": value for name, net in networks.items() for key, value in net.state_dict().items()}
    store.save(folder, SPEC, weights)
    return folder


def write_set(folder: Path, count: int = 6, seconds: float = 1.6) -> Path:
    """A folder as `prepare` leaves it. Clips last `seconds` and a little more each."""
    rows = []
    for number in range(count):
        path = f"clips/{number}.flac"
        speech(seconds + 0.15 * number, 110 + 15 * number, seed=number).save(folder / path)
        rows.append(
            {
                "id": f"clip{number}",
                "path": path,
                "speaker": "ann",
                "language": "en",
                "text": TEXTS[number % len(TEXTS)],
            }
        )
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def tune_data(folder: Path, **sizes: float) -> tuple[TuneData, str]:
    """Features of a small set, and the model they are for."""
    model = str(write_model(folder / "model"))
    return extract_features(write_set(folder / "set", **sizes), model, device="cpu"), model  # type: ignore[arg-type]
