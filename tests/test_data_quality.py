"""Faults that were put into a clip are found, and a clip without them passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel, load_model
from sovits_tts.data.quality import Match, judge, measure_match, measure_sound, strangers, voice_vector
from sovits_tts.data.timbre import timbre
from tests.tiny_model import speech, write_model

GOOD = Match(rate=10.0, heard=0.95)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(str(write_model(tmp_path_factory.mktemp("model"))))


def clean() -> Audio:
    """Speech with pauses and some air above 5 kHz."""
    rng = np.random.default_rng(0)
    buzz = speech(4.0)
    wave = buzz.samples + 0.03 * np.abs(buzz.samples) * rng.normal(size=len(buzz))
    wave[48000:60000] *= 0.002
    return Audio(wave, buzz.sample_rate)


def test_a_clean_clip_is_kept() -> None:
    sound = measure_sound(clean())
    assert judge(sound, GOOD).verdict == "keep"
    assert (sound.seconds, sound.sample_rate) == (4.0, 24000)
    assert 0.1 < sound.silence_share < 0.5


def test_faults_are_named() -> None:
    audio = clean()
    rng = np.random.default_rng(1)
    samples = np.array(audio.samples)
    broken = {
        "noisy": samples + 0.05 * rng.normal(size=len(samples)),
        "clipped": np.clip(samples * 12, -0.9, 0.9),
        "(DC)": samples * 0.5 + 0.2,
        "very quiet": samples * 1e-2,
        "silent": samples * 1e-4,
        "silence": np.concatenate([samples[:24000], 1e-4 * rng.normal(size=24000 * 8)]),
        "No speech": 0.01 * rng.normal(size=48000),
        "above": np.array(audio.resample(8000).resample(24000).samples),
    }
    for sentence, wave in broken.items():
        verdict = judge(measure_sound(Audio(wave, 24000)), GOOD)
        assert verdict.verdict in ("warn", "exclude"), sentence
        assert any(sentence in reason for reason in verdict.reasons), (sentence, verdict)


def test_transcripts_that_do_not_fit() -> None:
    sound = measure_sound(clean())
    assert judge(sound, None).reasons == ("It has no transcript.",)
    assert judge(sound, None).verdict == "exclude"
    for match, word in [(Match(40.0, 0.9), "more than the clip"), (Match(1.0, 0.9), "may be missing"),
                        (Match(10.0, 0.2), "20% of the transcript")]:  # fmt: skip
        verdict = judge(sound, match)
        assert verdict.verdict == "exclude"
        assert word in verdict.reasons[0]
    assert judge(sound, replace(GOOD, heard=None)).verdict == "keep"


def test_match_asks_the_model(model: LoadedModel) -> None:
    match = measure_match(model, clean(), [10, 20, 30, 40], 2.0)
    assert match.rate == 2.0
    assert match.heard is not None and 0 <= match.heard <= 1
    assert measure_match(model, clean(), list(range(10, 700)), 2.0).heard == 0.0  # more phonemes than frames


def test_another_speaker_stands_out(model: LoadedModel) -> None:
    vectors = [voice_vector(model, speech(2.0, f0=120, seed=seed)) for seed in range(8)]
    found = strangers([*vectors, -vectors[0]])
    assert int(found.argmax()) == 8 and found[8] > max(12, 1.5 * strangers(vectors).max())  # weights are random
    assert strangers(vectors[:2]).tolist() == [0.0, 0.0]


def test_another_timbre_stands_out() -> None:
    clips = [speech(2.5, f0=120, seed=seed) for seed in range(8)]
    found = strangers([timbre(clip) for clip in [*clips, speech(2.5, f0=200, seed=9)]])
    assert int(found.argmax()) == 8 and found[8] > 12 and found[:8].max() < 3
    assert np.isfinite(timbre(Audio(np.zeros(24000), 24000))).all()


def test_limits_are_in_order() -> None:
    """The bundled clips are what good sound is."""
    voices = Path(__file__).resolve().parent.parent / "pretrained" / "voices"
    for path in voices.glob("*.flac"):
        assert judge(measure_sound(Audio.load(path)), GOOD).verdict != "exclude", path.name
