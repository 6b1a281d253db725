"""Loudness, pitch and timbre as choices, and speech in another voice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from sovits_tts import voices
from sovits_tts.app.cli import run
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import load_model
from sovits_tts.conversion import pieces
from sovits_tts.errors import AudioError, ConfigError, VoiceError
from sovits_tts.evaluation.acoustics import compare, measure
from sovits_tts.pitch import pitch
from sovits_tts.pitch_shift import shift_pitch
from sovits_tts.tts import TTS, SynthesisOptions
from sovits_tts.voice import Voice
from sovits_tts.voice_making import blend
from tests.tiny_model import WITHOUT_HEADS, speech, write_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def tts(folder: Path) -> TTS:
    return TTS.load(folder, device="cpu")


@pytest.fixture(scope="module")
def voice(tts: TTS) -> Voice:
    return tts.voice(speech(4), "Hello there, my friend.", "en")


def vowel(
    f0: float, formants: tuple[float, ...] = (600, 1700, 2900), seconds: float = 1.5, rate: int = 16_000
) -> Audio:
    """Pulses at `f0` through resonances: where the envelope of its spectrum peaks is known."""
    pulses = np.zeros(int(seconds * rate))
    pulses[np.arange(0, len(pulses), rate / f0).astype(int)] = 1
    wave = pulses
    for hz in formants:
        radius = np.exp(-np.pi * 90 / rate)
        wave = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hz / rate), radius**2], wave)
    return Audio(0.5 * wave / np.abs(wave).max(), rate)


def formants(audio: Audio) -> list[float]:
    """Three strongest resonances of a linear prediction, in Hz."""
    samples = np.diff(audio.samples[4000:-4000].astype(np.float64))
    row = np.correlate(samples, samples, "full")[len(samples) - 1 :][:9]
    matrix = row[np.abs(np.subtract.outer(np.arange(8), np.arange(8)))]
    roots = np.roots(np.concatenate([[1], -np.linalg.solve(matrix + 1e-6 * row[0] * np.eye(8), row[1:])]))
    strong = sorted((root for root in roots if root.imag > 0), key=abs)[-3:]
    return sorted(float(np.angle(root)) * 16_000 / 2 / np.pi for root in strong)


def test_a_voice_may_be_cut_off_anywhere() -> None:
    whole = vowel(130, seconds=0.4)
    for left_out in range(0, 130, 9):  # a period is 123 samples
        clip = Audio(whole.samples[: len(whole) - left_out], whole.sample_rate)
        assert len(shift_pitch(clip, 7)) == len(clip)


@pytest.mark.parametrize("semitones", [-7, -3, 4, 9])
def test_pitch_moves_and_formants_stay(semitones: float) -> None:
    before = vowel(130)
    after = shift_pitch(before, semitones)
    contour = pitch(after)[20:-20]
    assert np.median(contour) == pytest.approx(130 * 2 ** (semitones / 12), rel=0.02)
    assert len(after) == len(before)
    assert after.loudness() == pytest.approx(before.loudness(), abs=1.5)
    assert np.allclose(formants(after), formants(before), rtol=0.08)
    naive = Audio(before.samples, round(16_000 * 2 ** (semitones / 12))).resample(16_000)  # what a tape does
    assert not np.allclose(formants(naive), formants(before), rtol=0.15)


def test_a_real_voice_keeps_its_timbre() -> None:
    clip = voices.get("mandarin-man").audio
    for semitones in (-5, 5):
        moved = compare(measure(shift_pitch(clip, semitones)), measure(clip))
        assert moved.f0_semitones == pytest.approx(semitones, abs=0.3)
        assert moved.timbre_db is not None
        assert moved.timbre_db < 1.5  # played faster or slower: 3 dB and more


def test_what_has_no_pitch_is_left_alone() -> None:
    noise = Audio(0.1 * np.random.default_rng(0).normal(size=16_000), 16_000)
    assert shift_pitch(noise, 5) is noise
    assert shift_pitch(vowel(130), 0).samples is not None
    with pytest.raises(AudioError, match="-12 to 12"):
        shift_pitch(noise, 13)


def test_every_sentence_has_the_loudness(tts: TTS, voice: Voice) -> None:
    made = [chunk for chunk in tts.stream("Hello there. How are you?", voice, options=SynthesisOptions(
        retries=0, loudness=-30.0))]  # fmt: skip
    for chunk in made:
        assert Audio(chunk.samples, chunk.sample_rate).loudness() == pytest.approx(-30, abs=1)


def test_pitch_of_synthesis_changes_sound_but_not_tokens(tts: TTS, voice: Voice) -> None:
    plain = tts.synthesize("Hello there.", voice, options=SynthesisOptions(retries=0))
    high = tts.synthesize("Hello there.", voice, options=SynthesisOptions(retries=0, pitch=5))
    assert [chunk.tokens for chunk in plain.chunks] == [chunk.tokens for chunk in high.chunks]
    assert len(plain.audio) == len(high.audio)


def test_timbre_is_a_weighted_mean(tts: TTS, voice: Voice) -> None:
    other = tts.voice(speech(4, f0=220, seed=3))
    assert voice.features is not None and other.features is not None
    mixed = blend(tts.model, voice, [(other, 0.25)])
    expected = 0.75 * voice.features.style + 0.25 * other.features.style
    assert torch.allclose(mixed.vector[0, :, 0], expected, atol=1e-6)
    alone = blend(tts.model, voice, [(Voice(other.audio), 1.0)])  # a voice that no model has prepared
    assert torch.allclose(alone.vector[0, :, 0], other.features.style, atol=1e-5)
    sounds = [
        tts.synthesize("Hello.", voice, options=SynthesisOptions(retries=0, timbre=mix)).audio.samples
        for mix in ((), ((other, 0.5),))
    ]
    assert not np.array_equal(*sounds)


@pytest.mark.parametrize(
    "wrong",
    [{"pitch": 13}, {"loudness": 0}, {"loudness": float("nan")}, {"timbre": ((None, 0.6), (None, 0.6))},
     {"timbre": ((None, -0.1),)}],
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SynthesisOptions(**wrong)  # type: ignore[arg-type]


# --- another voice -----------------------------------------------------------------------------------------------


def test_conversion_keeps_the_timing(tts: TTS, voice: Voice) -> None:
    source = speech(30, f0=200, seed=5)
    made = tts.convert(source, voice)
    assert made.audio.seconds == pytest.approx(source.seconds, abs=0.3)
    assert len(made.chunks) > 2  # in pieces, so that memory does not grow with the square
    assert made.audio.peak > 1e-4  # random weights may whisper
    quick = tts.convert(source, voice, options=SynthesisOptions(speed=2))
    assert quick.audio.seconds == pytest.approx(source.seconds / 2, abs=0.6)
    other = tts.convert(source, tts.voice(speech(4, f0=250, seed=8)))
    assert [c.tokens for c in other.chunks] == [c.tokens for c in made.chunks]
    assert not np.array_equal(other.audio.samples, made.audio.samples)


def test_pauses_stay_silent_and_pieces_do_not_overlap(tts: TTS) -> None:
    pause = Audio(np.zeros(48_000, np.float32), 24_000)
    source = Audio(np.concatenate([speech(9).samples, pause.samples, speech(9, seed=2).samples]), 24_000)
    found = pieces(tts.model, source, "", "auto")
    assert len(found) == 2
    assert found[0].end <= 9.2
    assert found[1].start >= 10.8
    assert all(piece.ids for piece in found)


def test_a_transcript_is_read_and_a_silent_recording_refused(tts: TTS, voice: Voice) -> None:
    (piece,) = pieces(tts.model, speech(5), "Hello there.", "en")
    assert piece.text == "Hello there."
    with pytest.raises(AudioError, match="no speech"):
        tts.convert(Audio(np.zeros(48_000, np.float32), 24_000), voice)


def test_a_model_that_cannot_listen_asks_for_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = load_model(write_model(tmp_path, WITHOUT_HEADS))
    monkeypatch.setattr("sovits_tts.voice_making.embedded_model", lambda: None)
    with pytest.raises(VoiceError, match="transcript"):
        pieces(deaf, speech(5), "", "auto")
    (piece,) = pieces(deaf, speech(30), "Hello there.", "en")
    assert piece.end - piece.start > 25


def test_commands(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = speech(4, f0=180).save(tmp_path / "clip.wav")
    out = tmp_path / "out.flac"
    model = ["--model", str(folder), "--device", "cpu"]
    assert run(["convert", str(clip), "--voice", "english-woman", "-o", str(out), "--json", *model]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["voice"] == "english-woman"
    assert Audio.load(out).seconds == pytest.approx(4, abs=0.2)
    assert run(["convert", str(clip), "--voice", "english-woman", "-o", str(out), *model]) == 2  # exists
    said = tmp_path / "said.wav"
    line = ["say", "Hello.", "-o", str(said), "--pitch", "3", "--loudness", "-20", "--mix", "mandarin-man=0.5"]
    assert run([*line, *model]) == 0
    assert Audio.load(said).loudness() < -19
    assert run(["say", "Hello.", "-o", str(tmp_path / "b.wav"), "--mix", "mandarin-man", *model]) == 2
