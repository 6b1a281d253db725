"""The GPT stage: teacher forcing, losses and gradients, sampling, and generation in all of upstream's manners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from sovits_tts.checkpoints.official_names import GPT as NAMES
from sovits_tts.models.generate import Generated, Generation, generate
from sovits_tts.models.gpt import GPT, GPTOutput, sinusoids, training_mask
from sovits_tts.models.kv_cache import KVCache
from sovits_tts.models.sampling import SamplingOptions, draw, probabilities
from sovits_tts.models.upstream_returns import batched_return, naive_return, stream_chunks
from sovits_tts.specs import GPTConfig
from sovits_tts.training.gpt_losses import preference_loss, token_loss, top_k_accuracy
from tests.parity.registry import Check, Fixture, case, close, close_all, derived, equal


def _official(name: str) -> str:
    return NAMES.to_theirs(name).removeprefix("model.")


def _network(fixture: Fixture) -> GPT:
    sizes = fixture.meta["config"]
    d_bert = next(value.shape[-2] for name, value in fixture.io.items() if ".bert" in name)
    config = GPTConfig(
        d_model=sizes["embedding_dim"],
        n_layers=sizes["n_layer"],
        n_heads=sizes["head"],
        n_phonemes=sizes["phoneme_vocab_size"],
        n_tokens=sizes["vocab_size"],
        d_bert=d_bert,
    )
    with torch.device("meta"):
        gpt = GPT(config)
    state = {name: derived(fixture.seed, _official(name), value.shape) for name, value in gpt.state_dict().items()}
    gpt.load_state_dict(state, assign=True)
    return gpt.eval()


@case("s1_*")
def gpt_stage(fixture: Fixture) -> Iterator[Check]:
    io, gpt = fixture.io, _network(fixture)
    yield equal("eos", gpt.config.eos, fixture.meta["config"]["EOS"])
    stored = fixture.stored("weights")
    if stored is not None:
        ours, renamed = gpt.state_dict(), NAMES.rename_to_ours(stored)
        same = ours.keys() == renamed.keys() and all(torch.equal(ours[name], renamed[name]) for name in ours)
        yield equal("weights", same, True)
    if "pos_emb_64" in io:
        expected = io["pos_emb_64"][0]
        yield close("positions", sinusoids(torch.arange(len(expected)), expected.shape[1]), expected)
    for name in fixture.meta["losses"]:
        if f"{name}.x" in io:
            yield from _teacher_forcing(fixture, gpt, name)
    if "inf.x" in io:
        yield from _one_by_one(fixture, gpt)
        yield from _step_logits(fixture, gpt)
    if "batch.x0" in io:
        yield from _batched(fixture, gpt)
    for name in fixture.meta.get("stream", {}):
        yield _streamed(fixture, gpt, name)
    if "sampling.logits" in io:
        yield from _sampling(fixture)


# --- training --------------------------------------------------------------------------------------------------


def _teacher_forcing(fixture: Fixture, gpt: GPT, name: str) -> Iterator[Check]:
    io, losses = fixture.io, fixture.meta["losses"][name]
    phonemes, phoneme_lengths = io[f"{name}.x"], io[f"{name}.x_lens"]
    bert = io[f"{name}.bert"].float().transpose(1, 2)

    def forward(tokens: str) -> GPTOutput:
        return gpt(phonemes, phoneme_lengths, bert, io[tokens], io[f"{tokens}_lens"], exact=True)

    output = forward(f"{name}.y")
    yield equal(f"{name}.targets", output.targets, io[f"{name}.targets"])
    if f"{name}.xy_pos" in io:
        x = torch.cat([gpt.embed_phonemes(phonemes, bert), gpt.embed_tokens(output.targets[:, :-1])], dim=1)
        yield close(f"{name}.xy_pos", x, io[f"{name}.xy_pos"])
    if f"{name}.attn_mask_additive" in io:
        tokens, token_lengths = io[f"{name}.y"], io[f"{name}.y_lens"]
        mask = training_mask(phoneme_lengths, phonemes.shape[1], token_lengths, tokens.shape[1], exact=True)
        mask = mask.expand(-1, gpt.config.n_heads, -1, -1).flatten(0, 1)
        yield equal(f"{name}.mask", mask, io[f"{name}.attn_mask_additive"] == 0)
    yield close(f"{name}.logits", output.logits, io[f"{name}.logits"])

    rejected = forward(f"{name}.dpo_reject_y") if f"{name}.dpo_reject_y" in io else None
    loss = token_loss(output, exact=True)
    with torch.no_grad():
        scalars = {
            "loss_ce_sum": (loss.item(), losses["loss_ce_sum"]),
            "top3": (top_k_accuracy(output, gpt.config.eos).item(), losses["top3_acc_ignore_eos"]),
        }
        if rejected is not None:
            preference = preference_loss(output, rejected, exact=True).item()
            scalars["dpo_term"] = (preference, losses["dpo_term"])
            scalars["dpo_total"] = (loss.item() + preference, losses["dpo_total"])
    yield close_all(f"{name}.losses", scalars)

    expected = fixture.meta.get("grad_l2", {}).get(name)
    if expected:
        names, parameters = zip(*gpt.named_parameters(), strict=True)
        grads = torch.autograd.grad(loss, parameters)
        norms = {_official(key): grad.double().norm().item() for key, grad in zip(names, grads, strict=True)}
        yield close_all(f"{name}.gradients", {key: (norms[key], value) for key, value in expected.items()})


# --- generation ------------------------------------------------------------------------------------------------


def _generate(gpt: GPT, texts: list[Tensor], prompts: list[Tensor] | None, bert: list[Tensor], **options: Any) -> list[
    Generated
]:  # fmt: skip
    early_stop = options.pop("early_stop")
    generators = [torch.Generator().manual_seed(row) for row in range(len(texts))]
    return generate(
        gpt, texts, prompts, [row.float().T for row in bert],
        generators=generators, options=SamplingOptions(**options), max_new=early_stop + 1,
    )  # fmt: skip


def _one_by_one(fixture: Fixture, gpt: GPT) -> Iterator[Check]:
    io = fixture.io
    for name, run in fixture.meta["inference"].items():
        if f"inf.{name}.y" not in io:
            continue
        prompt = io[f"inf.{run['prompt']}"][0] if run["prompt"] else None
        [generated] = _generate(
            gpt, [io["inf.x"][0]], None if prompt is None else [prompt], [io["inf.bert"][0]],
            top_k=1, repetition_penalty=run["repetition_penalty"], early_stop=run["early_stop_num"],
        )  # fmt: skip
        y, idx = naive_return(None if prompt is None else prompt.tolist(), generated)
        yield equal(f"inf.{name}.y", y, io[f"inf.{name}.y"][0].tolist())
        yield equal(f"inf.{name}.idx", (idx, len(y)), (run["idx"], run["n_total"]))


def _step_logits(fixture: Fixture, gpt: GPT) -> Iterator[Check]:
    """With the recorded tokens fed back, so that every step is compared."""
    io = fixture.io
    for name in [name for name in io if name.startswith("inf.step_logits_")]:
        run = name.removeprefix("inf.step_logits_")
        prompt = io[f"inf.prompt{run[1 : run.index('_')]}"][0]
        tokens = io[f"inf.greedy_{run}.y"][0][len(prompt) :]
        expected = io[name]
        cache = KVCache(gpt.config, 1, io["inf.x"].shape[1] + len(prompt) + len(expected), "cpu", torch.float32)
        with torch.inference_mode():
            logits = [gpt.prefill([io["inf.x"][0]], [io["inf.bert"][0].float().T], [prompt], cache).logits]
            logits += [gpt.step(token[None], cache).logits for token in tokens[: len(expected) - 1]]
        yield close(name, torch.cat(logits), expected)


def _batched(fixture: Fixture, gpt: GPT) -> Iterator[Check]:
    io, run = fixture.io, fixture.meta["batch"]
    rows = range(len(run["idx_list"]))
    prompt = io[run["prompt"].split()[0]]
    prompt = prompt.reshape(-1)
    for key in [key for key in run if key.endswith("idx_list")]:
        kind = key.removesuffix("idx_list")  # "", "rp2.5_" or "naive_"
        penalty = re.fullmatch(r"rp([\d.]+)_", kind)
        options = {
            "top_k": run["top_k"],
            "repetition_penalty": float(penalty[1]) if penalty else run["repetition_penalty"],
            "early_stop": run["early_stop_num"],
        }
        texts, bert = [io[f"batch.x{row}"] for row in rows], [io[f"batch.bert{row}"] for row in rows]
        if kind == "naive_":
            alone = [
                _generate(gpt, [x], [prompt], [features], **options) for x, features in zip(texts, bert, strict=True)
            ]
            returned = [naive_return(prompt.tolist(), generated) for [generated] in alone]
        else:
            together = _generate(gpt, texts, [prompt] * len(rows), bert, **options)
            returned = [batched_return(prompt.tolist(), generated) for generated in together]
        for row, (y, _) in zip(rows, returned, strict=True):
            yield equal(f"batch.{kind}y{row}", y, io[f"batch.{kind}y{row}"].tolist())
        yield equal(f"batch.{key}", [idx for _, idx in returned], run[key])


def _streamed(fixture: Fixture, gpt: GPT, name: str) -> Check:
    io, run = fixture.io, fixture.meta["stream"][name]
    generation = Generation(
        gpt, [io["inf.x"][0]], [io["inf.prompt0"][0]], [io["inf.bert"][0].float().T],
        generators=[torch.Generator()], options=SamplingOptions(top_k=1), max_new=run["early_stop_num"] + 1,
    )  # fmt: skip
    similarity = io[f"stream.{name}_sim"].tolist() if f"stream.{name}_sim" in io else None
    tokens = (token for _, token in generation)
    chunks = [[*chunk] for chunk in stream_chunks(tokens, run["chunk_length"], similarity, run["threshold"])]
    return equal(f"stream.{name}", chunks, run["chunks"])


def _sampling(fixture: Fixture) -> Iterator[Check]:
    io = fixture.io
    logits = io["sampling.logits"]
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, io["sampling.prev"], True)
    for index, run in enumerate(fixture.meta["sampling_cases"]):
        options = SamplingOptions(
            top_k=run["top_k"] or 0,
            top_p=1.0 if run["top_p"] is None else run["top_p"],
            temperature=run["temperature"],
            repetition_penalty=run["repetition_penalty"],
        )
        probability = probabilities(logits, seen, options)
        if f"sampling.probs{index}" in io:
            yield close(f"sampling.probs{index}", probability, io[f"sampling.probs{index}"])
        if f"sampling.token_case{index}" in io:
            tokens = draw(probability, io["sampling.exp_noise"])
            yield equal(f"sampling.token_case{index}", tokens, io[f"sampling.token_case{index}"])
