from __future__ import annotations

import math

import pytest
import torch

from sovits_tts.errors import AudioError
from sovits_tts.mel import log_mel, mel_filterbank, mel_spectrogram, spectrogram
from sovits_tts.resample import resample


def tone(frequency: float, samples: int, rate: int) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * frequency / rate * torch.arange(samples))


def test_frames_are_samples_over_hop_and_peak_at_the_tone() -> None:
    spec = spectrogram(tone(3000, 24000 + 100, 24000), 1024, 480)
    assert spec.shape == (1, 513, 50)
    assert (spec.argmax(dim=1) == round(3000 / 24000 * 1024)).all()


def test_batch_and_single_agree() -> None:
    waves = torch.stack([tone(200, 9600, 24000), tone(900, 9600, 24000)])
    both = mel_spectrogram(waves, 24000, 1024, 480, 100)
    assert both.shape == (2, 100, 20)
    torch.testing.assert_close(both[1:], mel_spectrogram(waves[1], 24000, 1024, 480, 100))


def test_silence_has_finite_gradient() -> None:
    wave = torch.zeros(1, 9600, requires_grad=True)
    mel_spectrogram(wave, 24000, 1024, 480, 100).sum().backward()
    assert torch.isfinite(wave.grad).all()


def test_fp32_under_autocast_and_after_inference_mode() -> None:
    mel_filterbank.cache_clear()
    with torch.inference_mode():  # what the caches hold now must still serve training
        mel_spectrogram(torch.zeros(9600), 22050, 1024, 256, 64)
    wave = tone(300, 9600, 22050).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        spec = spectrogram(wave.bfloat16(), 1024, 256)
        mel = log_mel(spec, 22050, 64)
    mel.sum().backward()
    assert spec.dtype == mel.dtype == torch.float32 and wave.grad.abs().sum() > 0


def test_too_short_a_sound_is_an_error() -> None:
    with pytest.raises(AudioError, match="272 samples"):
        spectrogram(torch.zeros(272), 1024, 480)


@pytest.mark.parametrize(("source", "target"), [(16000, 32000), (44100, 32000), (48000, 24000), (22050, 16000)])
def test_resampling_keeps_a_tone(source: int, target: int) -> None:
    out = resample(tone(440, source, source), source, target)
    assert out.shape == (target,)
    inner = slice(target // 10, -target // 10)  # the ends fade into the silence around
    torch.testing.assert_close(out[inner], tone(440, target, target)[inner], atol=2e-3, rtol=0)


def test_resampling_keeps_leading_axes_and_rounds_length_up() -> None:
    wave = torch.randn(2, 3, 1001)
    out = resample(wave, 44100, 32000)
    assert out.shape == (2, 3, math.ceil(1001 * 32000 / 44100))
    torch.testing.assert_close(out[1, 2], resample(wave[1, 2], 44100, 32000))
    assert torch.equal(resample(wave, 8000, 8000), wave)


def test_resampling_removes_what_does_not_fit() -> None:
    assert resample(tone(11000, 32000, 32000), 32000, 16000)[100:-100].abs().max() < 0.01


def test_resampling_equals_torchaudio() -> None:
    torchaudio = pytest.importorskip("torchaudio", exc_type=Exception)
    wave = torch.randn(1, 5000)
    expected = torchaudio.functional.resample(wave, 44100, 32000)
    torch.testing.assert_close(resample(wave, 44100, 32000), expected, atol=1e-5, rtol=0)
