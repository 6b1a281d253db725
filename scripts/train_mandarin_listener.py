#!/usr/bin/env python3
"""Train the Mandarin recogniser that judges the embedded model: `evaluation/listener.py` says why it is independent.

    python scripts/train_mandarin_listener.py --root CORPUS --out listener.safetensors [--minutes 40] [--threads 1]

CORPUS holds manifest.csv. Its Mandarin train clips are learnt, its dev clips tell the error rate. Afterwards:

    SOVITS_TTS_MANDARIN=listener.safetensors sovits-tts evaluate configs/eval/dev_sentences.jsonl --root CORPUS
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from sovits_tts.audio import Audio
from sovits_tts.data.corpus import read_manifest
from sovits_tts.evaluation.error_rate import Errors, count_errors
from sovits_tts.evaluation.listener import LABELS, RATE, ListenerNetwork, MandarinListener, labels_of, mel_bands
from sovits_tts.text.languages import plugin

Example = tuple[Tensor, Tensor]  # mel bands (N_MELS, T), labels (L,)


def read(root: Path, split: str) -> list[Example]:
    found = []
    for row in read_manifest(root, ("zh",)):
        labels = [LABELS.index(label) for label in labels_of(plugin("zh").normalize(row["text"]).text)]
        if row["split"] == split and labels and float(row["seconds"]) < 15:
            samples = Audio.load(root / row["path"]).resample(RATE).samples
            found.append((mel_bands(torch.tensor(samples)).half(), torch.tensor(labels)))
    return found


def masked(bands: Tensor) -> Tensor:
    """Without two bands of frequencies and two of time (SpecAugment, Park et al. 2019)."""
    bands = bands.clone()
    for size, axis in ((15, 0), (15, 0), (40, 1), (40, 1)):
        width = random.randrange(size)
        first = random.randrange(max(1, bands.shape[axis] - width))
        bands.narrow(axis, first, min(width, bands.shape[axis] - first)).zero_()
    return bands


def batches(examples: list[Example], size: int) -> list[list[Example]]:
    """Of similar length, in random order."""
    order = sorted(examples, key=lambda it: it[0].shape[1] * random.uniform(0.9, 1.1))
    cut = [order[i : i + size] for i in range(0, len(order), size)]
    random.shuffle(cut)
    return cut


def error_rate(network: ListenerNetwork, examples: list[Example]) -> float:
    network.eval()
    total = Errors()
    with torch.inference_mode():
        for bands, labels in examples:
            best = network(bands.float()[None])[0].argmax(dim=-1).unique_consecutive().tolist()
            total += count_errors([LABELS[i] for i in labels.tolist()], [LABELS[i] for i in best if i])
    network.train()
    return total.rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=20261)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    train, dev = read(options.root, "train"), read(options.root, "dev")
    print(f"{len(train)} clips to learn, {len(dev)} to test", flush=True)
    network = ListenerNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    began, step, done = time.monotonic(), 0, 0.0
    while done < 1:
        for batch in batches(train, 16):
            done = (time.monotonic() - began) / (60 * options.minutes)
            if done >= 1:
                break
            for group in optimizer.param_groups:  # warm up, then a cosine down to nothing at the last minute
                group["lr"] = 2e-3 * min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
            bands = pad_sequence([masked(b.float()).T for b, _ in batch], batch_first=True).transpose(1, 2)
            lengths = torch.tensor([-(-b.shape[1] // 4) for b, _ in batch])
            labels = [label for _, label in batch]
            loss = F.ctc_loss(
                network(bands).transpose(0, 1), torch.cat(labels), lengths, torch.tensor([len(it) for it in labels]),
                zero_infinity=True,
            )  # fmt: skip
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            step += 1
            if step % 100 == 0:
                print(f"step {step}, {done:.0%}: loss {loss.item():.3f}", flush=True)
    save_file(network.state_dict(), options.out)
    MandarinListener(options.out)  # it can be read
    print(f"{step} steps; phoneme error on dev {error_rate(network, dev):.1%}; {options.out}", flush=True)


if __name__ == "__main__":
    main()
