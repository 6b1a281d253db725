"""The loss of what a content encoder hears."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sovits_tts.audio import Audio
from sovits_tts.models.content import ContentEncoder
from sovits_tts.training.perceptual import Hearing, resample
from tests.tiny_model import SPEC, speech

RATE = 24_000


@pytest.fixture(scope="module")
def hearing() -> Hearing:
    torch.manual_seed(0)
    return Hearing(ContentEncoder(SPEC.content), low=False)


def waves(seconds: float = 0.64) -> torch.Tensor:
    """(2, 1, N) of two pitches."""
    found = [speech(1.0, f0, seed=seed).resample(RATE).samples for seed, f0 in enumerate((120, 190))]
    return torch.tensor(np.stack(found))[:, None, : round(seconds * RATE)]


def test_the_same_is_no_distance_and_worse_is_farther(hearing: Hearing) -> None:
    torch.manual_seed(1)
    real = waves()
    noise = torch.randn_like(real)
    near, far = (hearing.loss(real, real + level * noise, RATE).item() for level in (0.003, 0.03))
    assert hearing.loss(real, real, RATE).item() == 0.0
    assert 0 < near < far
    assert far < hearing.loss(real, real.flip(0), RATE).item(), "another voice is farther than noise"


def test_the_gradient_reaches_the_generated_wave_and_nothing_else(hearing: Hearing) -> None:
    real = waves().requires_grad_()
    fake = (waves() + 0.01 * torch.randn_like(real)).detach().requires_grad_()
    before = {name: value.clone() for name, value in hearing._network.state_dict().items()}
    first = hearing.loss(real, fake, RATE)
    first.backward()
    assert real.grad is None and fake.grad is not None and fake.grad.abs().max() > 0
    assert all(p.grad is None for p in hearing._network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in hearing._network.state_dict().items())
    with torch.no_grad():  # downhill is closer
        closer = fake - 1e-3 * fake.grad / fake.grad.abs().max()
        assert hearing.loss(real, closer, RATE) < first


def test_half_precision_hears_nearly_the_same() -> None:
    torch.manual_seed(0)
    network = ContentEncoder(SPEC.content)
    state = network.state_dict()
    full, low = Hearing(network, low=False), ContentEncoder(SPEC.content)
    low.load_state_dict(state)
    real = waves()
    fake = real + 0.03 * torch.randn_like(real)
    assert Hearing(low, low=True).loss(real, fake, RATE).item() == pytest.approx(
        full.loss(real, fake, RATE).item(), rel=0.1
    )


def test_resampling_keeps_what_both_rates_hold() -> None:
    seconds = np.arange(RATE) / RATE
    wave = sum(np.sin(2 * np.pi * f * seconds) for f in (100, 1500, 7000))
    beyond = np.sin(2 * np.pi * 10_000 * seconds)
    found = resample(torch.tensor(wave + beyond)[None].float(), RATE, 16_000)[0].numpy()
    expected = Audio(wave.astype(np.float32), RATE).resample(16_000).samples
    assert found.shape == expected.shape
    middle = slice(500, -500)  # its ends meet, those of the other do not
    assert np.abs(found[middle] - expected[middle]).max() < 2e-3
    torch.testing.assert_close(resample(torch.ones(1, 480), 48_000, 16_000), torch.ones(1, 160))
