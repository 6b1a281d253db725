"""One step of the GPT stage: upstream's losses and gradients, windows, preference, LoRA, recomputation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_tts.checkpoints.build import read_model
from sovits_tts.checkpoints.official_names import GPT as NAMES
from sovits_tts.errors import ConfigError
from sovits_tts.models.gpt import GPT
from sovits_tts.training.state import load_state, save_state
from sovits_tts.training.team import Accelerated, half_precision
from sovits_tts.training.tune_config import GPTTune
from sovits_tts.training.tune_data import TuneData
from sovits_tts.training.tune_gpt import GPTTuneBatch, GPTTuneData, GPTTuneStage
from tests.parity.gpt_cases import _network, _official
from tests.parity.registry import Fixture
from tests.tune_set import GPT_TUNE, tune_data

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = [
    ROOT / "tests/golden/set_small/s1_tiny",
    pytest.param(ROOT.parent / "shared/reference/fixtures/set_a/s1_official_v2", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TuneData, dict[str, torch.Tensor]]:
    data, model = tune_data(tmp_path_factory.mktemp("tune"), count=6, seconds=1.0)
    return data, read_model(model).part("gpt")


def stage(made: Any, epoch_steps: int = 10, **settings: Any) -> GPTTuneStage:
    data, weights = made
    return GPTTuneStage(data.spec.gpt, weights, replace(GPT_TUNE, **settings), epoch_steps, Accelerated("cpu"))


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.name)
def test_an_exact_step_has_upstreams_loss_and_gradients(folder: Path) -> None:
    """Loss and preference term within 1e-4, each parameter's gradient norm within 1e-3, both relative."""
    if not folder.is_dir():
        pytest.skip("the recorded results are not here")
    fixture = Fixture(folder)
    network = _network(fixture)
    tune = GPTTune(exact=True, dropout=0.0, precision="fp32", dpo=True)
    ours = GPTTuneStage(network.config, network.state_dict(), tune, 10, Accelerated("cpu"))
    for name, expected in fixture.meta["losses"].items():
        if f"{name}.x" not in fixture.io:
            continue
        io = {key.removeprefix(f"{name}."): value for key, value in fixture.io.items() if key.startswith(name)}
        batch = GPTTuneBatch(
            io["x"], io["x_lens"], io["bert"].float().transpose(1, 2), io["y"], io["y_lens"],
            rejected=io.get("dpo_reject_y"), rejected_lengths=io.get("dpo_reject_y_lens"),
        )  # fmt: skip
        loss, values = ours.loss(batch)
        assert values["loss"] == pytest.approx(expected["loss_ce_sum"], rel=1e-4)
        if "dpo_reject_y" in io:
            assert loss.item() == pytest.approx(expected["dpo_total"], rel=1e-4)
        norms = fixture.meta.get("grad_l2", {}).get(name)
        if norms:
            plain, _ = ours.loss(replace(batch, rejected=None))
            ours.precision.backward(plain)
            grads = {_official(key): p.grad for key, p in ours.network.named_parameters()}
            found = {key: float(grads[key].double().norm()) for key in norms}
            assert found == pytest.approx(norms, rel=1e-3, abs=1e-4)
            assert ours._window(4) == (1, True)
        for parameter in ours.network.parameters():
            parameter.grad = None
    assert NAMES.to_theirs("head.weight")  # the names above are the table's


def test_when_the_optimiser_steps(made: Any) -> None:
    exact = stage(made, epoch_steps=11, exact=True, accumulate=4)
    assert [step for step in range(22) if exact._window(step)[1]] == [4, 8, 15, 19]  # five batches, then four
    assert [exact._rate(update) for update in range(3)] == [0.01, 0.001, 0.001]
    ours = stage(made, epoch_steps=10, accumulate=4, warmup=3)
    assert [step for step in range(20) if ours._window(step)[1]] == [3, 7, 9, 13, 17, 19]
    assert [ours._window(step)[0] for step in (0, 3, 8, 9)] == [4, 4, 2, 2]
    assert [ours._rate(update) for update in range(5)] == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3])


def test_accumulated_batches_are_one_large_batch(made: Any) -> None:
    """Gradients of two batches of one clip against one batch of both; equal lengths, so that the means agree."""
    data, _ = made
    batch = GPTTuneData(data, replace(GPT_TUNE, batch_size=2)).batch(0)
    shortest = int(batch.token_lengths.min())
    lengths = torch.full_like(batch.token_lengths, shortest)
    batch = replace(batch, tokens=batch.tokens[:, :shortest], token_lengths=lengths, spoken=None)

    def row(i: int) -> GPTTuneBatch:
        own = {name: getattr(batch, name)[i : i + 1] for name in ("phonemes", "phoneme_lengths", "tokens")}
        return replace(batch, **own, token_lengths=lengths[:1])

    whole, parts = stage(made), stage(made, accumulate=2)
    whole.step(batch, 0)
    parts.step(row(0), 0)
    assert parts.updates == 0 and parts.precision.gathered()
    parts.step(row(1), 1)
    assert parts.updates == whole.updates == 1
    for a, b in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_waiting_gradient_survives_saving(made: Any, tmp_path: Path) -> None:
    data, _ = made
    examples = GPTTuneData(data, GPT_TUNE)
    first = stage(made, accumulate=2)
    first.step(examples.batch(0), 0)
    second = stage(made, accumulate=2)
    save_state(tmp_path / "state.safetensors", first.state_dict())
    second.load_state_dict(load_state(tmp_path / "state.safetensors"))
    for one in (first, second):
        one.step(examples.batch(1), 1)
    assert all(torch.equal(a, b) for a, b in zip(first.weights().values(), second.weights().values(), strict=True))


def test_batches(made: Any) -> None:
    data, _ = made
    alone = GPTTuneData(data, GPT_TUNE)
    assert len(alone.held_out()) == 1 and set(alone.held).isdisjoint(alone.train)
    batch = alone.batch(0)
    assert batch.inputs is None and batch.spoken is not None
    assert (batch.spoken >= 0).sum(1).tolist() == (batch.token_lengths + 1).tolist()  # EOS has one: the end
    assert batch.tokens.equal(alone.batch(0).tokens) and (batch.token_share, batch.row_share) == (1, 1)

    joined = GPTTuneData(data, replace(GPT_TUNE, joined=0.9, corrupt=0.2, dpo=True))
    rows = [joined.batch(step) for step in range(joined.plan.epoch_steps)]
    longest = max(data.rows[i].tokens for i in joined.train)
    assert max(int(row.token_lengths.max()) for row in rows) > longest
    for row in rows:
        assert row.spoken is not None and row.inputs is not None and row.rejected is not None
        assert int(row.spoken.max()) == int(row.phoneme_lengths.max()) and not row.inputs.equal(row.tokens)
    halves = [GPTTuneData(data, GPT_TUNE, rank, 2).batch(0) for rank in (0, 1)]
    assert sum(half.token_share for half in halves) == pytest.approx(2)


def test_preference_moves_away_from_the_spoilt(made: Any) -> None:
    data, weights = made
    with pytest.raises(ConfigError, match="follows its text"):
        stage(made, dpo=True)
    plain = {name: value for name, value in weights.items() if not name.startswith("reader.")}
    tune = replace(GPT_TUNE, dpo=True, dpo_beta=1.0, learning_rate=3e-3)
    ours = GPTTuneStage(replace(data.spec.gpt, follows_text=False), plain, tune, 10, Accelerated("cpu"))
    batch = GPTTuneData(data, replace(GPT_TUNE, dpo=True)).batch(0)
    first = ours.step(batch, 0)["preference"]
    for step in range(1, 9):
        last = ours.step(batch, step)["preference"]
    assert last < first or last < 1e-3


def test_recomputed_activations_give_the_same_gradients(made: Any) -> None:
    data, _ = made
    batch = GPTTuneData(data, GPT_TUNE).batch(0)
    plain, saved = stage(made), stage(made, checkpointing=True)
    assert plain.step(batch, 0) == pytest.approx(saved.step(batch, 0))
    assert plain.weights().keys() == saved.weights().keys()


def test_low_rank_additions_are_merged(made: Any) -> None:
    pytest.importorskip("peft")
    data, weights = made
    batch = GPTTuneData(data, GPT_TUNE).batch(0)
    ours = stage(made, lora_rank=2, learning_rate=1e-2)
    for step in range(3):
        ours.step(batch, step)
    merged = ours.weights()
    assert merged.keys() == weights.keys()
    changed = {name for name in weights if not torch.equal(merged[name], weights[name])}
    assert changed and all(name.startswith("layers.") and name.endswith("weight") for name in changed)
    plain = GPT(replace(data.spec.gpt, dropout=0.0)).eval()
    plain.load_state_dict(merged)
    ours.network.eval()
    inputs = (batch.phonemes, batch.phoneme_lengths, None, batch.tokens, batch.token_lengths)
    assert torch.allclose(plain(*inputs).logits, ours.network(*inputs).logits, atol=1e-4)
    again = stage(made, lora_rank=2, learning_rate=1e-2)
    again.load_state_dict(ours.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(again.weights().values(), merged.values(), strict=True))


def test_frozen_parts_and_precisions(made: Any) -> None:
    data, weights = made
    batch = GPTTuneData(data, GPT_TUNE).batch(0)
    ours = stage(made, frozen=("phoneme_embedding", "layers.0"), precision="bf16")
    values = ours.step(batch, 0)
    assert values["loss"] == pytest.approx(stage(made).step(batch, 0)["loss"], rel=0.03)
    changed = {name for name, value in ours.weights().items() if not torch.equal(value, weights[name])}
    assert changed and not any(name.startswith(("phoneme_embedding", "layers.0")) for name in changed)
    with pytest.raises(ConfigError, match="CUDA"):
        half_precision("fp16", "cpu")
    assert half_precision("fp32", "cuda") is None and half_precision("auto", "mps") is None
