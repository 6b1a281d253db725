"""What is said about clips whose truth is known, because they are made here."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from sovits_tts.audio import Audio, join
from sovits_tts.clip import best_window, best_windows, inspect
from sovits_tts.errors import ReferenceAudioError
from sovits_tts.pitch import pitch

RATE = 24000


def speech(seconds: float, f0: float = 120.0, seed: int = 0, syllables_per_second: float = 4.0) -> Audio:
    """A buzz with formants, gliding in pitch, in syllables: as much like speech as the analysis can tell."""
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    rng = np.random.default_rng(seed)
    melody = f0 * 2 ** (0.15 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(melody) / RATE
    wave = np.zeros(n)
    for k in range(1, 40):
        hz = k * f0
        if hz < RATE / 2:
            gain = 1 / (1 + ((hz - 600) / 200) ** 2) + 0.5 / (1 + ((hz - 1500) / 300) ** 2) + 0.02
            wave += gain * np.sin(k * phase)
    envelope = np.clip(np.sin(np.pi * syllables_per_second * t) ** 2 * 1.3 - 0.1, 0.02, 1)
    return Audio(0.3 * wave / np.abs(wave).max() * envelope, RATE)


def pause(seconds: float) -> Audio:
    return Audio(np.zeros(int(seconds * RATE)), RATE)


def with_noise(audio: Audio, level: float, seed: int = 1) -> Audio:
    return Audio(audio.samples + level * np.random.default_rng(seed).normal(size=len(audio)), audio.sample_rate)


@pytest.mark.parametrize("f0", [90.0, 150.0, 240.0])
def test_pitch_of_a_known_voice(f0: float) -> None:
    contour = pitch(with_noise(speech(2, f0), 0.001))
    voiced = contour[contour > 0]
    assert len(voiced) > 100
    assert np.median(voiced) == pytest.approx(f0, rel=0.08)
    assert ((voiced > f0 * 0.8) & (voiced < f0 * 1.25)).mean() > 0.97


def test_noise_and_silence_have_no_pitch() -> None:
    assert (pitch(with_noise(pause(1), 0.1)) > 0).mean() < 0.05
    assert not pitch(pause(1)).any()
    assert len(pitch(Audio(np.zeros(10), RATE))) == 1


def test_report_of_a_clean_clip() -> None:
    clip = with_noise(join([pause(0.5), speech(2.5), pause(0.6), speech(2.0, seed=3), pause(0.7)]), 3e-4)
    report = inspect(clip)
    assert report.seconds == pytest.approx(6.3)
    assert [(round(s.start, 1), round(s.end, 1)) for s in report.speech] == [(0.5, 3.0), (3.6, 5.6)]
    assert report.f0_median_hz == pytest.approx(120, rel=0.08)
    assert report.f0_low_hz < report.f0_median_hz < report.f0_high_hz
    assert report.snr_db == pytest.approx(10 * np.log10(np.mean(speech(2.5).samples ** 2) / (3e-4**2)), abs=5)
    assert report.clipped_share == 0
    assert report.warnings == ()
    assert report.window is not None
    assert report.window.whole
    assert (report.window.start, report.window.end) == pytest.approx((0.35, 5.75), abs=0.1)
    assert json.loads(json.dumps(report.as_dict()))["window"]["whole"] is True


def test_noise_clipping_and_telephone_bandwidth_are_said() -> None:
    noisy = inspect(with_noise(join([speech(4), pause(1)]), 0.03))
    assert noisy.snr_db < 15
    assert any("noisy" in warning for warning in noisy.warnings)
    clean = join([speech(4), pause(1)])
    clipped = inspect(Audio(np.clip(clean.samples * 8, -0.9, 0.9), RATE))
    assert 2e-3 < clipped.clipped_share < 0.05
    assert any("clipped" in warning for warning in clipped.warnings)
    dull = inspect(with_noise(clean, 1e-3).resample(8000).resample(RATE))
    assert dull.bandwidth_hz < 4500
    assert any("dull" in warning for warning in dull.warnings)


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [
        (pause(5), "silent"),
        (Audio(np.zeros(0), RATE), "silent"),
        (speech(1.5), r"1\.5 s long"),
        (join([pause(2), speech(1.0), pause(2)]), r"only 1\.0 s of speech"),
        (with_noise(pause(5), 0.1), "no speech"),
        (Audio(sum(0.1 * np.sin(np.arange(5 * RATE) * 0.013 * k) for k in (1, 2, 3)), RATE), "no speech"),  # hum
        (Audio(np.clip(speech(5).samples * 100, -1, 1), RATE), "ruined by clipping"),
    ],
)
def test_clips_that_cannot_be_a_voice(clip: Audio, sentence: str) -> None:
    with pytest.raises(ReferenceAudioError, match=sentence) as caught:
        best_window(clip)
    assert caught.value.hint
    report = inspect(clip)
    assert report.window is None
    assert report.problem == str(caught.value)


def test_the_window_avoids_noise_and_clipping_and_cuts_at_pauses() -> None:
    good = join([speech(2.5, seed=1), speech(2.0, seed=2), speech(2.5, seed=3)], pause=0.4)
    noisy = with_noise(join([speech(3, seed=4), speech(3, seed=5)], pause=0.4), 0.05)
    loud = join([speech(3, seed=6), speech(3, seed=7)], pause=0.4)
    loud = Audio(loud.samples * 30, RATE)
    clip = with_noise(join([noisy, good, loud], pause=0.5), 2e-4)
    clip = Audio(np.clip(clip.samples, -0.9, 0.9), RATE)
    window = best_window(clip)
    start = noisy.seconds + 0.5
    assert start - 0.3 < window.start < window.end < start + good.seconds + 0.6
    assert window.seconds > 5
    assert not window.whole
    assert "cut at pauses" in window.reasons
    levels = [np.abs(clip.cut(t - 0.02, t + 0.02).samples).max() for t in (window.start, window.end)]
    assert max(levels) < 0.01


def test_without_pauses_the_cut_is_at_a_weak_moment_and_said() -> None:
    clip = with_noise(speech(20), 2e-4)
    window = best_window(clip)
    assert 3 <= window.seconds <= 10
    assert any("for want of pauses" in reason for reason in window.reasons)


def test_any_rate_gives_the_same_window() -> None:
    parts = [speech(3, seed=i) for i in range(5)]
    parts[0], parts[1], parts[4] = (with_noise(part, 0.02) for part in (parts[0], parts[1], parts[4]))
    clip = with_noise(join(parts, pause=0.4), 3e-4)
    windows = [best_window(clip.resample(rate)) for rate in (8000, 22050, 48000)]
    for a, b in pairwise(windows):
        assert (a.start, a.end) == pytest.approx((b.start, b.end), abs=0.15)


def test_other_windows_share_no_cut() -> None:
    clip = with_noise(join([speech(3, seed=i) for i in range(9)], pause=0.4), 3e-4)
    found = best_windows(clip, count=4)
    assert found[0] == best_window(clip)
    assert len(found) > 1
    cuts = [time for window in found for time in (window.start, window.end)]
    assert len(set(cuts)) == len(cuts)
    assert [w.score for w in found] == sorted((w.score for w in found), reverse=True)
    assert len(best_windows(clip.cut(0, 6))) == 1


def test_the_picture() -> None:
    pytest.importorskip("matplotlib")
    from sovits_tts.app.plots import plot_clip

    clip = with_noise(join([speech(3, seed=i) for i in range(12)], pause=0.4), 3e-4)
    figure = plot_clip(clip, inspect(clip))
    figure.canvas.draw()
    assert "LUFS" in figure.axes[0].get_title()
    silent = pause(0.1)
    assert "silent" in plot_clip(silent, inspect(silent)).axes[0].get_title()
