"""Source and filter of the decoder: pulses at the pitch, loudness, learning, and the same sound every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from sovits_tts.audio import Audio
from sovits_tts.errors import ConfigError
from sovits_tts.models.hifigan import HiFiGAN
from sovits_tts.models.source import MIDDLE, Melody, PitchHead, SourceFilter, pitch_loss, pitch_spread, pulses
from sovits_tts.pitch import pitch
from sovits_tts.training.vits_batch import frame_pitch
from sovits_tts.voice import Voice
from tests.tiny_model import SPEC, speech

RATE = 16000


def glide(frames: int, low: float, high: float) -> torch.Tensor:
    octaves = torch.linspace(np.log2(low / MIDDLE), np.log2(high / MIDDLE), frames)
    return torch.stack([octaves, torch.ones(frames)])[None]


def test_the_level_of_a_voice_is_the_middle_of_its_pitch() -> None:
    low, high = (Voice(speech(3.0, f0=f0)).pitch_level for f0 in (110.0, 220.0))
    assert low == pytest.approx(np.log2(110 / MIDDLE), abs=0.1) and high - low == pytest.approx(1, abs=0.05)
    assert Voice(Audio(np.zeros(16000, np.float32), RATE)).pitch_level is None


def test_pulses_have_the_pitch_and_loudness_asked_for() -> None:
    wave = pulses(glide(100, 120, 200), 100 * 320, RATE)[0].numpy()
    assert np.sqrt((wave**2).mean()) == pytest.approx(1, rel=0.05)
    soft = lfilter([1], [1, -0.95], wave).astype(np.float32)  # as a voice: less treble, or the tracker finds no period
    heard = pitch(Audio(0.02 * soft, RATE))[20:180]
    wanted = np.interp((np.arange(200) + 0.5) / 2 - 0.5, np.arange(100), np.geomspace(120, 200, 100))[20:180]
    assert (heard > 0).mean() > 0.95
    assert np.median(np.abs(heard[heard > 0] / wanted[heard > 0] - 1)) < 0.02


def test_nothing_sounds_where_nothing_is_voiced_and_long_sounds_stay_in_tune() -> None:
    silent = glide(10, 120, 120)
    silent[:, 1] = 0
    assert pulses(silent, 3200, RATE).abs().max() == 0
    long = pulses(glide(3000, 100, 100), 3000 * 320, RATE)[0]  # a minute: a period is 160 samples throughout
    assert long[-160:].argmax() == long[:160].argmax()


def test_filters_shape_pulses_and_noise() -> None:
    source = SourceFilter(64, RATE).eval()
    low, high = torch.full((1, 33), -20.0), torch.full((1, 33), -20.0)
    low[0, :8] = 0.0
    filters = torch.cat([low, high], dim=1)[..., None].expand(-1, -1, 200)
    wave = source(filters, glide(10, 150, 150))
    assert wave.shape == (1, 1, 200 * 16)
    spectrum = torch.fft.rfft(wave[0, 0]).abs().square()
    assert spectrum[: len(spectrum) // 3].sum() > 100 * spectrum[len(spectrum) // 2 :].sum()
    assert torch.equal(wave, source(filters, glide(10, 150, 150)))


def test_a_decoder_with_a_source_repeats_itself_and_speaks_without_being_told_the_pitch() -> None:
    torch.manual_seed(0)
    decoder = HiFiGAN(8, 4, 16, (2,), (4,), 2, (3,), ((1, 3),), istft_size=160, source_rate=RATE).eval()
    z, style = torch.randn(2, 8, 20), torch.randn(2, 4, 1)
    state = torch.get_rng_state()
    wave = decoder(z, style)
    assert wave.shape == (2, 1, 20 * 80) and wave.isfinite().all()
    assert torch.equal(wave, decoder(z, style)) and torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(wave, decoder(z, style, glide(20, 90, 90).expand(2, -1, -1)))


def test_contrast_widens_what_the_filters_do_in_synthesis_only() -> None:
    torch.manual_seed(0)
    plain, wide = SourceFilter(64, RATE), SourceFilter(64, RATE, contrast=(1.5, 1.2))
    filters = torch.randn(1, 66, 40)
    moved = wide.widened(filters)
    assert moved.std(dim=2).mean() > 1.4 * filters.std(dim=2).mean()
    level = torch.zeros(1, 66, 40) - 2
    torch.testing.assert_close(wide.widened(level), level)
    assert torch.equal(plain.widened(filters), filters)
    formant = torch.zeros(1, 66, 4)
    formant[0, 10] = 1.0  # of the pulses; nothing of it reaches the noise
    lifted = SourceFilter(64, RATE, contrast=(1.0, 1.5)).widened(formant)
    assert lifted[0, 10, 0] > 1.2 and lifted[0, 33:].abs().max() == 0
    pitch = glide(10, 100, 100)
    torch.manual_seed(1)
    trained = wide.train()(filters, pitch)
    torch.manual_seed(1)
    assert torch.equal(trained, plain.train()(filters, pitch))
    assert not torch.allclose(wide.eval()(filters, pitch), plain.eval()(filters, pitch))


def test_a_wider_pitch_range_moves_the_melody_about_its_mean() -> None:
    torch.manual_seed(0)
    flat, lively = PitchHead(4, 4), PitchHead(4, 4, pitch_range=2.0)
    lively.load_state_dict(flat.state_dict())
    z, style = 3 * torch.randn(1, 4, 200), torch.randn(1, 4, 1)
    with torch.no_grad():
        a, b = flat.decided(z, style), lively.decided(z, style)
    voiced = a[0, 1] > 0
    assert torch.equal(a[:, 1], b[:, 1]) and 0 < int(voiced.sum()) < 200
    assert float(b[0, 0][voiced].std()) == pytest.approx(2 * float(a[0, 0][voiced].std()), rel=0.05)
    assert float(b[0, 0][voiced].mean()) == pytest.approx(float(a[0, 0][voiced].mean()), abs=0.01)
    with torch.no_grad():
        c = flat.decided(z, style, Melody(0.5, 0.1))
    assert float(c[0, 0][voiced].mean()) == pytest.approx(0.5, abs=0.01)
    assert pitch_spread(c[0, 0][voiced]) == pytest.approx(0.1, rel=0.15) != pytest.approx(pitch_spread(a[0, 0][voiced]))


def test_a_melody_becomes_as_wide_as_the_voices_if_it_is_long_enough_to_tell() -> None:
    torch.manual_seed(0)
    head, style = PitchHead(4, 4, pitch_range=2.0), torch.randn(1, 4, 1)
    z = 3 * torch.randn(1, 4, 400)

    def widening(n: int, spread: float) -> float:
        with torch.no_grad():
            octaves, _ = head(z[..., :n], style).chunk(2, dim=1)
            return float(head._widening(octaves, torch.ones(1, 1, n), spread))

    own = pitch_spread(head(z, style)[0, 0].detach())
    assert widening(400, 3 * own) == pytest.approx(3, rel=0.05) and widening(400, own) == pytest.approx(1, rel=0.05)
    assert widening(400, 100.0) < 4.1 and widening(400, 0.0) > 0.5  # bounded
    assert widening(1, own) == pytest.approx(2, rel=0.1)  # one frame has no melody: as `pitch_range` says
    with torch.no_grad():
        silent = head.decided(torch.zeros(1, 4, 9) * z[..., :9], style, Melody(0.0, 0.1))
    assert silent.isfinite().all()


def test_an_octave_slip_hardly_widens_a_melody() -> None:
    rng = np.random.default_rng(0)
    steady = torch.from_numpy(rng.normal(0.3, 0.2, 1000)).float()
    slips = torch.cat([steady, torch.full((50,), 1.4)])
    assert pitch_spread(steady) == pytest.approx(0.2, rel=0.1)
    assert pitch_spread(slips) < 1.15 * pitch_spread(steady) < 0.8 * float(slips.std())


def test_the_head_learns_pitch_and_voicing() -> None:
    torch.manual_seed(0)
    head = PitchHead(4, 4)
    z, style = torch.randn(16, 4, 30), torch.zeros(16, 4, 1)
    target = torch.stack([z[:, 0].clamp(-1, 1), (z[:, 1] > 0).float()], dim=1)
    optimizer = torch.optim.AdamW(head.parameters(), 3e-3)
    for _ in range(200):
        loss = pitch_loss(head(z, style), target, torch.ones(16, 1, 30))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3
    decided = head.decided(z, style)
    assert (decided[:, 1] == target[:, 1]).float().mean() > 0.95
    assert pitch_loss(head(z, style), target, torch.zeros(16, 1, 30) + 1e-9).isfinite()


def test_the_pitch_of_a_recording_goes_on_through_what_is_not_voiced() -> None:
    config = replace(SPEC.vits, istft_size=0)
    tone = lfilter([1], [1, -0.95], pulses(glide(50, 200, 200), 16000, RATE)[0].numpy()) * 0.02
    tone[6000:10000] = 0
    found = frame_pitch(torch.from_numpy(np.stack([tone, np.zeros(16000)])).float(), config)
    assert found.shape == (2, 2, 50)
    assert found[0, 1, 5:15].all() and not found[0, 1, 22:28].any() and not found[1].any()
    assert torch.allclose(found[0, 0, 5:45], torch.full((40,), float(np.log2(200 / MIDDLE))), atol=0.03)


def test_a_source_needs_an_inverse_stft() -> None:
    with pytest.raises(ConfigError, match="inverse STFT"):
        replace(SPEC.vits, source=True)
