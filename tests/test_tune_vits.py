"""One step of the VITS stage: upstream's losses and gradients, groups, frozen parts, critics, validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_tts.checkpoints import official_names, store
from sovits_tts.checkpoints.build import read_model
from sovits_tts.errors import CheckpointError, ConfigError
from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.frames import starts_at
from sovits_tts.models.vits import VITS
from sovits_tts.specs import get_spec
from sovits_tts.training.team import Accelerated
from sovits_tts.training.tune import tune_vits
from sovits_tts.training.tune_config import VITSTune
from sovits_tts.training.tune_data import TuneData, extract_features
from sovits_tts.training.tune_files import find_critics
from sovits_tts.training.tune_vits import VITSTuneStage
from sovits_tts.training.tune_vits_data import VITSTuneBatch, VITSTuneData
from tests.parity.registry import Fixture, load_derived
from tests.parity.vits_cases import _batch, config_of
from tests.tune_set import VITS_TUNE, tune_data

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared/reference/fixtures/set_a"  # every recorded version, where it lies beside the project
FIXTURES = [
    pytest.param(folder, marks=pytest.mark.slow)  # official sizes: half a minute, 3 GiB
    for folder in (
        ROOT / "tests/golden/set_train/s2_official_v2ProPlus",
        *(SHARED / f"s2_official_{version}" for version in ("v1", "v2", "v2Pro")),
    )
    if folder.is_dir()
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TuneData, store.Checkpoint, str]:
    data, model = tune_data(tmp_path_factory.mktemp("tune"), count=6, seconds=1.0)
    return data, read_model(model), model


def stage(made: Any, epoch_steps: int = 10, **settings: Any) -> VITSTuneStage:
    data, checkpoint, _ = made
    tune = replace(VITS_TUNE, **settings)
    critics = find_critics(checkpoint, tune)
    return VITSTuneStage(data.spec.vits, checkpoint.part("vits"), critics, tune, epoch_steps, Accelerated("cpu"))


class TokenVITS(VITSTuneStage):
    """Fixtures hold content features where our batches hold tokens."""

    content: torch.Tensor

    def generate(self, batch: VITSTuneBatch) -> Any:
        with torch.no_grad():
            tokens = self.generator.tokenize(self.content)
        return super().generate(replace(batch, tokens=tokens))


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.name)
def test_an_exact_step_has_upstreams_losses_and_gradients(folder: Path) -> None:
    """Every loss of both sides within 1e-4, each parameter's gradient norm within 1e-3 of its size or 1e-5.

    Recorded from the official networks at their sizes, with weights that a seed gives: losses, the length of every
    parameter's gradient in generator and discriminators, and which parameters have none. No updated weights: what the
    optimiser does is AdamW, its rates are compared in tests/parity/optim_cases.py.
    """
    fixture = Fixture(folder)
    io, inputs, config = fixture.io, fixture.sibling("s2_inputs").io, config_of(fixture.meta["config"])
    vits = load_derived(VITS(config), fixture.seed, official_names.VITS.to_theirs)
    critics = Discriminators(config.periods, config.scale_channels, config.period_channels)
    load_derived(critics, fixture.seed, official_names.DISCRIMINATORS.to_theirs, prefix="D.")
    tune = VITSTune(exact=True, precision="fp32", slice_frames=io["train.y_hat"].shape[-1] // config.hop)
    ours = TokenVITS(config, vits.state_dict(), critics.state_dict(), tune, 10, Accelerated("cpu"))
    ours.content = inputs["train.ssl"].float()
    given = _batch(inputs, config)
    start = starts_at(io["train.rand_u"], given.spec_lengths, tune.slice_frames)
    batch = VITSTuneBatch(
        given.wave, given.spec, given.spec_lengths, inputs["train.text"], inputs["train.text_lengths"],
        torch.zeros(2, 0, dtype=torch.long), None, None, torch.zeros(2, dtype=torch.bool),
        inputs["train.sv_emb"] if config.d_speaker else None, io["train.z_noise"], start,
    )  # fmt: skip
    ours.generator.eval()
    output = ours.generate(batch)
    real, fake = ours._compared(batch, output)
    judged = ours.critic_loss(real, fake.detach())
    ours.d_precision.backward(judged)
    losses = ours.learn(batch, output, real, fake, 1)
    expected = fixture.meta["train_losses"]
    names = {"adversarial": "gen", "feature": "fm", "mel": "mel_x45", "kl": "kl"}
    assert losses.keys() == names.keys()
    found = {name: losses[key] for key, name in names.items()}
    found |= {"disc": judged.item(), "gen_total": sum(losses.values())}
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-4)
    assert torch.equal(output.slice_start, io["train.ids_slice"])
    for network, table, recorded in (
        (ours.generator, official_names.VITS, fixture.meta["grad_l2_G_on_gen_total"]),
        (ours.discriminator, official_names.DISCRIMINATORS, fixture.meta["grad_l2_D_on_disc"]),
    ):
        norms = {
            table.to_theirs(key): None if p.grad is None else float(p.grad.double().norm())
            for key, p in network.named_parameters()
        }
        assert {key for key, norm in norms.items() if norm is None} == {k for k, n in recorded.items() if n is None}
        assert {key: norms[key] or 0 for key in norms} == pytest.approx(
            {key: recorded[key] or 0 for key in norms}, rel=1e-3, abs=1e-5
        )


def test_text_learns_slower_and_the_rate_decays(made: Any) -> None:
    ours = stage(made, epoch_steps=4, decay=0.5, learning_rate=1e-3)
    data, _, _ = made
    ours.step(VITSTuneData(data, VITS_TUNE).batch(0), 0)
    text = {id(p) for name, p in ours.generator.named_parameters() if name.startswith("prior_encoder.mrte")}
    rates = {id(p): group["lr"] for group in ours.g_optimizer.param_groups for p in group["params"]}
    assert [rates[key] for key in text] == pytest.approx([4e-4] * len(text))
    assert max(rates.values()) == pytest.approx(1e-3)
    assert ours._rate(2) == pytest.approx(5e-4)
    assert stage(made, exact=True, decay=0.5)._rate(1) == pytest.approx(5e-4)
    official = VITSTuneStage._rate(ours, 1)
    ours.rate_factor = 0.5
    assert ours._rate(1) == pytest.approx(official / 2)


def test_frozen_parts_stay(made: Any) -> None:
    data, checkpoint, _ = made
    before = checkpoint.part("vits")
    ours = stage(made, frozen=("style_encoder", "posterior_encoder"))
    for step in range(2):
        ours.step(VITSTuneData(data, VITS_TUNE).batch(step), step)
    assert not ours.generator.style_encoder.training and ours.generator.decoder.training
    changed = {name.split(".")[0] for name, value in ours.weights().items() if not torch.equal(value, before[name])}
    assert changed == {"prior_encoder", "flow", "decoder"}
    kept = any(name.startswith("posterior_encoder") for name in ours.weights())
    assert kept == ours.config.speaks_with_posterior


def test_settings_reach_the_losses(made: Any) -> None:
    data, _, _ = made
    tune = replace(VITS_TUNE, other_style=True, stft=2.0)
    examples = VITSTuneData(data, tune)
    batch = examples.batch(0)
    assert batch.style_spec is not None and batch.style_lengths is not None
    assert int(batch.style_lengths.max()) <= 5 * data.spec.vits.sample_rate // data.spec.vits.hop
    assert batch.narrow.all()  # buzzes at 24 kHz in a 16 kHz model: nothing above 8 kHz
    values = stage(made, other_style=True, stft=2.0).step(batch, 0)
    assert {"d", "mel", "stft", "kl", "matching", "adversarial", "feature", "norm", "norm_d", "lr"} == values.keys()
    read_so = extract_features(data.rows[0].path.parent.parent, data.model, device="cpu", exact=True)
    exact = VITSTuneData(read_so, replace(tune, exact=True, other_style=False, fill=20)).batch(0)
    assert exact.style_spec is None and not exact.narrow.any()
    assert exact.spec.shape[2] == 2 * (int(exact.spec_lengths.max()) // 2 + 1)
    stage(made, exact=True).step(exact, 0)
    without = stage(made, adversarial=0.0)
    assert without.discriminator is None and {"mel", "kl", "matching", "norm", "lr"} == without.step(batch, 0).keys()


def test_recomputed_activations_and_accumulation(made: Any) -> None:
    data, _, _ = made
    examples = VITSTuneData(data, VITS_TUNE)
    assert stage(made).step(examples.batch(0), 0) == pytest.approx(
        stage(made, checkpointing=True).step(examples.batch(0), 0), rel=1e-4
    )
    slow = stage(made, accumulate=2)
    first = slow.step(examples.batch(0), 0)
    assert "lr" not in first and "lr" in slow.step(examples.batch(1), 1)


def test_steps_make_it_better(made: Any) -> None:
    data, _, _ = made
    examples, ours = VITSTuneData(data, VITS_TUNE), stage(made, learning_rate=3e-3)
    before = ours.evaluate(examples.held_out())
    for step in range(8):
        ours.step(examples.batch(step % examples.plan.epoch_steps), step)
    after = ours.evaluate(examples.held_out())
    assert after["val_mel"] < before["val_mel"] and after == ours.evaluate(examples.held_out())


def test_half_precision_on_a_cpu(made: Any) -> None:
    data, _, _ = made
    batch = VITSTuneData(data, VITS_TUNE).batch(0)
    low, full = stage(made, precision="bf16").step(batch, 0), stage(made).step(batch, 0)
    assert low["mel"] == pytest.approx(full["mel"], rel=0.1) and low["kl"] == pytest.approx(full["kl"], rel=0.1)


@pytest.fixture
def no_critics(made: Any, tmp_path: Path) -> Iterator[tuple[store.Checkpoint, Path]]:
    _, checkpoint, _ = made
    kept = {name: value for name, value in checkpoint.weights.items() if not name.startswith("discriminators.")}
    store.save(tmp_path / "bare", checkpoint.spec, kept)
    yield store.load(tmp_path / "bare"), tmp_path / "bare"


def test_where_critics_come_from(made: Any, no_critics: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, checkpoint, model = made
    bare, folder = no_critics
    assert find_critics(bare, replace(VITS_TUNE, adversarial=0.0)) is None
    with pytest.raises(CheckpointError, match="without discriminators"):
        find_critics(bare, VITS_TUNE)
    found = find_critics(bare, replace(VITS_TUNE, discriminators=model))
    assert found is not None and found.keys() == checkpoint.part("discriminators").keys()
    with pytest.raises(CheckpointError, match="no discriminators"):
        find_critics(checkpoint, replace(VITS_TUNE, discriminators=str(folder)))
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path))
    official = replace(bare, spec=get_spec("v2"))
    with pytest.raises(ConfigError, match="s2D2333k"):
        find_critics(official, VITS_TUNE)
    thin = {name: value for name, value in bare.weights.items() if ".posterior_encoder." not in name}
    store.save(tmp_path / "thin", bare.spec, thin)
    with pytest.raises(CheckpointError, match="posterior"):
        tune_vits(data, str(tmp_path / "thin"), tmp_path / "out", VITS_TUNE, device="cpu")
