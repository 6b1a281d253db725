"""Resampling, joining of pieces, 16-bit output, batch planning."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sovits_tts.dsp import plan_batches, restore_order, sola_join, to_int16, with_pauses
from sovits_tts.resample import resample
from tests.parity import derive
from tests.parity.registry import Check, Fixture, case, close, equal


@case("resample")
def windowed_sinc(fixture: Fixture) -> Iterator[Check]:
    for key in sorted(key for key in fixture.io if key.endswith(".in")):
        rates = key.removesuffix(".in")
        source, target = map(int, rates.split("_"))
        yield close(rates, resample(fixture.io[key][None], source, target), fixture.io[f"{rates}.out"])


@case("dsp")
def finishing(fixture: Fixture) -> Iterator[Check]:
    io, meta = fixture.io, fixture.meta
    pieces = [io[key].numpy() for key in sorted(io, key=_number) if key.startswith("sola.in")]
    joined = sola_join(pieces, meta["sola"]["overlap_len"], meta["sola"]["search_len"])
    yield close("sola.out", joined, io["sola.out"])
    yield equal("post.out_int16", _finished(fixture), io["post.out_int16"])
    for name, expected in meta["to_batch"]["result"].items():
        size, threshold = _groups(r"bs(\d+)_thr([\d.]+)", name)
        planned = plan_batches(meta["to_batch"]["text_lens"], int(size), float(threshold))
        yield equal(f"to_batch.{name}", planned, expected)


def _finished(fixture: Fixture) -> np.ndarray:
    """The fixture describes its input in words: sizes of f0, f1, ..., their grouping, the order and the pause."""
    text = fixture.meta["post"]
    pieces = {name: derive.wave(fixture.seed, name, int(size)) for name, size in re.findall(r"(f\d+):(\d+)", text)}
    groups, order = _groups(r"fragments (\[\[.*?\]\]).*?batch_index_list (\[\[.*?\]\])", text)
    results = [
        [pieces[name] * np.float32(factor or 1) for name, factor in re.findall(r"(f\d+)(?:\*([\d.]+))?", group)]
        for group in re.findall(r"\[([^\[\]]+)\]", groups)
    ]
    batches = [[int(index) for index in group.split(",")] for group in re.findall(r"\[([^\[\]]+)\]", order)]
    (seconds,) = _groups(r"fragment_interval ([\d.]*\d)", text)
    return to_int16(with_pauses(restore_order(batches, results), int(32000 * float(seconds))), exact=True)


def _number(key: str) -> int:
    return int(re.sub(r"\D", "", key) or 0)


def _groups(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"{text!r} does not fit {pattern!r}")
    return match.groups()
