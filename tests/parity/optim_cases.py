"""Optimisers, learning rates, batch orders."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import nn

from sovits_tts.data.batching import (
    duration_buckets,
    pad_stack,
    upstream_gpt_order,
    upstream_vits_batches,
    upstream_vits_padding,
)
from sovits_tts.training.optim import ScaledAdam, upstream_gpt_rate, upstream_vits_rate
from sovits_tts.training.schedule import set_learning_rate
from tests.parity import derive
from tests.parity.registry import Check, Fixture, case, close, close_all, equal


@case("optim")
def optimisers(fixture: Fixture) -> Iterator[Check]:
    for name, run in fixture.meta.items():
        if isinstance(run, dict) and "lr_used_per_step" in run:
            yield from _scaled_adam(fixture, name)
    rates = fixture.meta.get("s2_adamw", {}).get("lr_per_epoch_starting_at_epoch1", [])
    ours = [upstream_vits_rate()(epoch) for epoch in range(1, len(rates) + 1)]
    for group, factor in (("base", 1.0), ("text", 0.4)):
        pairs = zip(ours, (row[group == "text"] for row in rates), strict=True)
        epochs = {f"epoch{index}": (rate * factor, expected) for index, (rate, expected) in enumerate(pairs, 1)}
        yield close_all(f"s2_adamw.{group}", epochs, tolerance=1e-9, floor=1e-5)


def _scaled_adam(fixture: Fixture, name: str) -> Iterator[Check]:
    run, io = fixture.meta[name], fixture.io
    parameters = {key: nn.Parameter(io[f"{name}.init.{key}"].clone()) for key in run["shapes"]}
    settings = {**run["kwargs"], "betas": tuple(run["kwargs"]["betas"])}
    optimizer = ScaledAdam(parameters.values(), **settings)
    rates = run["lr_used_per_step"]
    ours = [upstream_gpt_rate(settings["lr"])(step) for step in range(len(rates))]
    yield close_all(f"{name}.rates", {f"step{i}": pair for i, pair in enumerate(zip(ours, rates, strict=True))})

    spike = re.search(r"\* \((\d+) if it==(\d+)", run["grads"])
    factor, spike_step = (int(spike[1]), int(spike[2])) if spike else (1, -1)
    for step, rate in enumerate(rates):
        set_learning_rate(optimizer, rate)
        for key, parameter in parameters.items():
            grad = derive.normal(fixture.seed, f"opt.g.{step}.{key}", parameter.shape)
            parameter.grad = torch.from_numpy(grad) * (factor if step == spike_step else 1)
        optimizer.step()
        for key, parameter in parameters.items():
            if f"{name}.after{step + 1}.{key}" in io:
                yield close(f"{name}.after{step + 1}.{key}", parameter, io[f"{name}.after{step + 1}.{key}"])


@case("samplers")
def batch_orders(fixture: Fixture) -> Iterator[Check]:
    gpt = fixture.meta["s1_bucket"]
    yield equal("s1_bucket.buckets", duration_buckets(gpt["secs"]), gpt["buckets"])
    for epoch, order in gpt["epochs"].items():
        yield equal(f"s1_bucket.epoch{epoch}", upstream_gpt_order(gpt["secs"], gpt["batch_size"], int(epoch)), order)

    vits = fixture.meta["s2_bucket"]
    for epoch, batches in vits["epochs"].items():
        ours = upstream_vits_batches(vits["lengths"], vits["boundaries"], vits["batch_size"], int(epoch))
        yield equal(f"s2_bucket.epoch{epoch}", ours, batches)
        yield equal(f"s2_bucket.len{epoch}", len(ours), vits["len"])
    yield from _padding(fixture)


def _padding(fixture: Fixture) -> Iterator[Check]:
    """Three items of T frames: content (channels, T), spectrogram (bins, T), samples (1, 8 T), phonemes (T // 10)."""
    shapes = fixture.meta["s2_collate_shapes"]
    stated = re.search(r"T=([\d,]+)", fixture.meta["s2_collate_in"])
    assert stated is not None, "the fixture no longer states its item lengths"
    frames = sorted((int(n) for n in stated[1].strip(",").split(",")), reverse=True)
    yield equal("s2_collate.spec_len", frames, fixture.io["s2_collate.spec_len"].tolist())
    length = upstream_vits_padding(frames[0])
    for key in ("ssl", "spec"):
        rows = [torch.zeros(shapes[key][1], n) for n in frames]
        yield equal(f"s2_collate.{key}", list(pad_stack(rows, length).shape), shapes[key])
    rows = [torch.zeros(1, 8 * n) for n in frames]
    yield equal("s2_collate.wav", list(pad_stack(rows, 8 * frames[0]).shape), shapes["wav"])
    rows = [torch.arange(n // 10) for n in frames]
    yield equal("s2_collate.text", pad_stack(rows, frames[0] // 10), fixture.io["s2_collate.text"])
