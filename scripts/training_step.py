#!/usr/bin/env python3
"""What one optimiser step of fine-tuning costs: seconds and memory, with random weights of a model's sizes.

    python scripts/training_step.py v2ProPlus [--stage vits] [--steps 2] [--batch 2] [--seconds 4] [--device auto]

No weights are needed. Prints one JSON object. On a CPU, `peak_gib` is the most memory the process ever held; on CUDA,
the most that PyTorch held there.
"""

import argparse
import json
import resource
import time

import torch

from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.specs import ModelSpec, get_spec
from sovits_tts.training.team import Accelerated
from sovits_tts.training.tune_config import GPTTune, VITSTune
from sovits_tts.training.tune_gpt import GPTTuneBatch, GPTTuneStage
from sovits_tts.training.tune_vits import VITSTuneStage
from sovits_tts.training.tune_vits_data import VITSTuneBatch


def gpt_batch(spec: ModelSpec, rows: int, seconds: float) -> GPTTuneBatch:
    tokens, phonemes = int(seconds * spec.token_rate), int(seconds * 12)
    bert = torch.randn(rows, phonemes, spec.gpt.d_bert) if spec.gpt.d_bert else None
    return GPTTuneBatch(
        torch.randint(spec.gpt.n_phonemes, (rows, phonemes)), torch.full((rows,), phonemes), bert,
        torch.randint(spec.gpt.eos, (rows, tokens)), torch.full((rows,), tokens),
    )  # fmt: skip


def vits_batch(spec: ModelSpec, rows: int, seconds: float, slice_frames: int) -> VITSTuneBatch:
    c = spec.vits
    tokens, phonemes = int(seconds * spec.token_rate), int(seconds * 12)
    frames = tokens * c.token_frames
    return VITSTuneBatch(
        0.1 * torch.randn(rows, 1, frames * c.hop), torch.rand(rows, c.n_bins, frames), torch.full((rows,), frames),
        torch.randint(c.n_phonemes, (rows, phonemes)), torch.full((rows,), phonemes),
        torch.randint(c.codebook_size, (rows, tokens)), None, None, torch.zeros(rows, dtype=torch.bool),
        torch.randn(rows, c.d_speaker) if c.d_speaker else None, torch.randn(rows, c.d_latent, frames),
        torch.randint(frames - slice_frames, (rows,)),
    )  # fmt: skip


def parameters(stage: GPTTuneStage | VITSTuneStage) -> int:
    networks = [stage.network] if isinstance(stage, GPTTuneStage) else [stage.generator, stage.discriminator]
    return sum(p.numel() for network in networks if network is not None for p in network.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--stage", choices=("gpt", "vits"), default="vits")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each clip")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--checkpointing", action="store_true")
    options = parser.parse_args()

    torch.manual_seed(0)
    spec, team = get_spec(options.model), Accelerated(options.device)
    settings = {"precision": options.precision, "checkpointing": options.checkpointing, "accumulate": 1}
    stage: GPTTuneStage | VITSTuneStage
    batch: GPTTuneBatch | VITSTuneBatch
    if options.stage == "gpt":
        stage = GPTTuneStage(spec.gpt, GPT(spec.gpt).state_dict(), GPTTune(**settings), 1, team)
        batch = gpt_batch(spec, options.batch, options.seconds)
    else:
        c = spec.vits
        critics = Discriminators(c.periods, c.scale_channels, c.period_channels).state_dict()
        tune = VITSTune(**settings)
        stage = VITSTuneStage(c, VITS(c).state_dict(), critics, tune, 1, team)
        del critics
        batch = vits_batch(spec, options.batch, options.seconds, tune.slice_frames)

    cuda = team.device.startswith("cuda")
    wall, spent = [], []
    values: dict[str, float] = {}
    for step in range(options.steps):
        began, used = time.perf_counter(), time.process_time()
        values = stage.step(batch, step)  # type: ignore[arg-type]
        wall.append(round(time.perf_counter() - began, 3))
        spent.append(round(time.process_time() - used, 3))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({
        "model": options.model, "stage": options.stage, "device": team.device, "precision": options.precision,
        "threads": torch.get_num_threads(), "batch": options.batch, "seconds": options.seconds,
        "parameters": parameters(stage), "wall_s": wall, "cpu_s": spent,
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30 if cuda else resident, 2),
        "losses": {name: round(value, 4) for name, value in values.items()},
    }))  # fmt: skip


if __name__ == "__main__":
    main()
