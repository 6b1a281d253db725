"""Flow matching: it begins as the prior alone, learns what belongs together, and is the same whatever the padding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sovits_tts.models.matching import FlowMatching, spread_times
from sovits_tts.models.prior import Prior
from sovits_tts.models.vits import VITS
from tests.tiny_model import SPEC

CONFIG = SPEC.vits


def _prior(rows: int, frames: int, lengths: list[int] | None = None) -> Prior:
    generator = torch.Generator().manual_seed(3)
    mask = torch.ones(rows, 1, frames)
    for row, length in enumerate(lengths or []):
        mask[row, :, length:] = 0
    mean = torch.randn(rows, 2, frames, generator=generator)
    hidden = torch.randn(rows, 4, frames, generator=generator)
    return Prior(mean * mask, torch.full_like(mean, -0.5), mask, hidden * mask)


def _network(steps: int = 8) -> FlowMatching:
    torch.manual_seed(0)
    return FlowMatching(2, 4, 16, 2, 3, steps)


def test_an_untrained_network_leaves_a_sample_of_the_prior() -> None:
    prior, noise = _prior(2, 11), torch.randn(2, 2, 11)
    torch.testing.assert_close(
        _network().sample(prior, torch.randn(2, 3, 1), noise, 0.7), prior.sample(noise, 0.7), atol=1e-6, rtol=1e-5
    )


def test_it_learns_that_two_numbers_move_together() -> None:
    """Each is spread like the prior says, but the second is minus the first: samples of the prior cannot know that."""
    network, prior, style = _network(), _prior(16, 12), torch.zeros(16, 3, 1)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    generator, losses = torch.Generator().manual_seed(1), []
    for _ in range(300):
        one = torch.randn(16, 1, 12, generator=generator)
        z = prior.mean + torch.cat([one, -one], dim=1) * prior.log_std.exp()
        noise = torch.randn(16, 4, 2, 12, generator=generator)
        loss = network.loss(prior, z, style, spread_times(16, 4, generator), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    with torch.no_grad():
        made = network.eval().sample(prior, style, torch.randn(16, 2, 12, generator=generator), 1.0)
    first, second = ((made - prior.mean) * torch.exp(-prior.log_std)).unbind(dim=1)
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1] < -0.8
    assert first.std() == pytest.approx(1, abs=0.35)


def test_padding_and_other_rows_change_neither_sample_nor_loss() -> None:
    network, style = _network(), torch.randn(2, 3, 1)
    torch.nn.init.normal_(network.output_projection.weight)
    both, noise = _prior(2, 11, [11, 7]), torch.randn(2, 2, 11)
    short = Prior(*(x[1:, :, :7] for x in (both.mean, both.log_std, both.mask, both.hidden)))
    torch.testing.assert_close(
        network.sample(both, style, noise, 1.0)[1:, :, :7], network.sample(short, style[1:], noise[1:, :, :7], 1.0)
    )
    z, time, moved = torch.randn(2, 2, 11), spread_times(2, 3), torch.randn(2, 3, 2, 11)
    whole = network.loss(both, z, style, time, moved)
    first = network.loss(Prior(both.mean[:1], both.log_std[:1], both.mask[:1], both.hidden[:1]),
                         z[:1], style[:1], time[:1], moved[:1])  # fmt: skip
    second = network.loss(short, z[1:, :, :7], style[1:], time[1:], moved[1:, :, :, :7])
    torch.testing.assert_close(whole, (first * 11 + second * 7) / 18)


def test_a_latent_is_finished_from_where_it_was_taken_back_to() -> None:
    network, prior, style = _network(3), _prior(2, 11, [11, 7]), torch.randn(2, 3, 1)
    torch.nn.init.normal_(network.output_projection.weight)
    z, noise = prior.mean + 0.3 * torch.randn(2, 2, 11) * prior.mask, torch.randn(2, 2, 11)
    there = network.finish(prior, z, style, noise, torch.ones(2))
    torch.testing.assert_close(there, z * prior.mask)
    from_noise = network.finish(prior, z, style, noise, torch.zeros(2))
    torch.testing.assert_close(from_noise, network.sample(prior, style, noise, 0.3) * prior.mask)
    half = network.finish(prior, z, style, noise, torch.full((2,), 0.5))
    assert 0 < (half - z * prior.mask).abs().mean() < (from_noise - z * prior.mask).abs().mean()


def test_moments_cover_the_way_from_noise_to_speech() -> None:
    times = spread_times(50, 3)
    assert times.shape == (50, 3)
    for part in range(3):
        assert (times[:, part] >= part / 3).all() and (times[:, part] < (part + 1) / 3).all()


def test_the_waveform_stage_trains_it_but_not_through_it_the_latent() -> None:
    torch.manual_seed(0)
    vits = VITS(CONFIG)
    spec = torch.rand(2, CONFIG.n_bins, 20)
    tokens, phonemes = torch.randint(0, CONFIG.codebook_size, (2, 10)), torch.randint(0, 30, (2, 5))
    output = vits(
        None, spec, torch.tensor([20, 14]), phonemes, torch.tensor([5, 4]), slice_frames=0, tokens=tokens,
    )  # fmt: skip
    assert output.wave_slice.shape == (2, 1, 0) and output.z_p is output.z
    output.matching.backward()
    learns = {name.split(".")[0] for name, p in vits.named_parameters() if p.grad is not None and p.grad.any()}
    assert learns == {"flow"}  # its last layer is zero at first, so nothing passes it yet
    torch.nn.init.normal_(vits.flow.output_projection.weight)
    vits(
        None, spec, torch.tensor([20, 14]), phonemes, torch.tensor([5, 4]), slice_frames=0, tokens=tokens,
    ).matching.backward()  # fmt: skip
    learns = {name.split(".")[0] for name, p in vits.named_parameters() if p.grad is not None and p.grad.any()}
    assert "prior_encoder" in learns and "posterior_encoder" not in learns
    vits.zero_grad()
    vits(
        None, spec, torch.tensor([20, 14]), phonemes, torch.tensor([5, 4]), slice_frames=8, tokens=tokens,
        finish_from=torch.tensor([0.3, 0.6]),
    ).wave_slice.square().sum().backward()  # fmt: skip
    learns = {name.split(".")[0] for name, p in vits.named_parameters() if p.grad is not None and p.grad.any()}
    assert learns == {"decoder", "style_encoder"}


def test_synthesis_at_another_speed_follows_it_all_the_way() -> None:
    torch.manual_seed(0)
    vits = VITS(replace(CONFIG, matching_steps=2)).for_inference()
    style = vits.style(torch.rand(1, CONFIG.n_bins, 20))
    tokens, phonemes = torch.randint(0, CONFIG.codebook_size, (1, 10)), torch.randint(0, 30, (1, 5))
    for speed in (1.0, 1.3, 0.8):
        wave = vits.decode(tokens, phonemes, style, speed=speed)
        assert wave.shape[-1] == vits.frames(10, speed) * CONFIG.hop and wave.isfinite().all()
