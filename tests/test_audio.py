"""Sound files in and out, loudness against the standard's own values, and refusals."""

from __future__ import annotations

import io
from math import inf
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_tts.audio import Audio, _k_weighting, join
from sovits_tts.errors import AudioError


def tone(hz: float = 440.0, seconds: float = 1.0, rate: int = 24000, level: float = 0.5) -> Audio:
    return Audio(level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate), rate)


@pytest.mark.parametrize(("suffix", "error"), [(".wav", 1e-4), (".flac", 1e-4), (".ogg", 0.05), (".mp3", 0.05)])
def test_save_and_load(tmp_path: Path, suffix: str, error: float) -> None:
    sound = tone()
    path = sound.save(tmp_path / "new" / f"a{suffix}")
    back = Audio.load(path)
    assert back.sample_rate == 24000
    middle = slice(6000, 18000)
    assert np.sqrt(np.mean((back.samples[middle] - sound.samples[middle]) ** 2)) < error
    assert np.array_equal(Audio.load(path.read_bytes()).samples, back.samples)
    with path.open("rb") as file:
        assert np.array_equal(Audio.load(file).samples, back.samples)
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no temporary file stays


def test_opus_is_written_at_its_own_rates(tmp_path: Path) -> None:
    assert Audio.load(tone(rate=48000).encode(".opus")).sample_rate == 48000
    with pytest.raises(AudioError, match="22050"):
        tone(rate=22050).encode(".opus")


def test_long_vorbis_is_written(tmp_path: Path) -> None:
    path = tone(seconds=120, rate=32000).save(tmp_path / "long.ogg")
    assert Audio.load(path).seconds == pytest.approx(120, abs=0.1)


def test_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tone().save(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="exists"):
        tone(880).save(path)
    before = path.read_bytes()
    tone(880).save(path, overwrite=True)
    assert path.read_bytes() != before


def test_full_scale_clips_and_does_not_wrap(tmp_path: Path) -> None:
    path = Audio(np.array([1.0, 2.0, -1.0, -3.0]), 16000).save(tmp_path / "a.wav")
    assert soundfile.read(path, dtype="int16")[0].tolist() == [32767, 32767, -32768, -32768]


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(300).samples, tone(500).samples
    soundfile.write(tmp_path / "s.wav", np.stack([left, right, 0 * left], 1), 24000, subtype="FLOAT")
    assert np.allclose(Audio.load(tmp_path / "s.wav").samples, (left + right) / 3, atol=1e-6)


def wav_bytes(samples: list[float] | np.ndarray, rate: int = 16000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.asarray(samples, dtype=np.float32), rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "cannot be read"),
        (b"not a sound at all" * 100, "cannot be read"),
        (wav_bytes([]), "no samples"),
        (wav_bytes([0.0, np.nan]), "not numbers"),
        (wav_bytes([0.0, np.inf]), "not numbers"),
        (wav_bytes([0.0, 12345.0]), "peak"),
        (wav_bytes([0.0, 0.1], rate=100), "100 Hz"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(AudioError, match=sentence):
        Audio.load(data)
    (tmp_path / "bad.wav").write_bytes(data)
    with pytest.raises(AudioError, match=r"bad\.wav.*" + sentence):
        Audio.load(tmp_path / "bad.wav")


def test_paths_that_are_no_sound_file(tmp_path: Path) -> None:
    (tmp_path / "headerless.raw").write_bytes(bytes(1000))
    for path, sentence in [("none.wav", "no file"), (".", "not a file"), ("headerless.raw", "cannot be read")]:
        with pytest.raises(AudioError, match=sentence):
            Audio.load(tmp_path / path)
    with pytest.raises(AudioError, match=r"\.wav"):
        tone().save(tmp_path / "a.xyz")
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioError, match="Cannot write"):
        tone().save(tmp_path / "file" / "a.wav")


def test_too_long_is_refused_before_it_is_read_whole() -> None:
    with pytest.raises(AudioError, match=r"longer than 0\.5 s"):
        Audio.load(tone().encode(), max_seconds=0.5)


def test_values_are_checked_and_read_only() -> None:
    for samples, rate in [(np.zeros((2, 3)), 16000), (np.array([np.nan]), 16000), (np.zeros(3), 0)]:
        with pytest.raises(AudioError):
            Audio(samples, rate)
    mine = np.zeros(3, dtype=np.float32)
    with pytest.raises(ValueError, match="read-only"):
        Audio(mine, 16000).samples[0] = 1
    mine[0] = 1  # the caller's own array stays writable


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_resample_as_librosa_does(rate: int) -> None:
    import librosa

    sound = Audio(np.random.default_rng(0).normal(size=24001) * 0.1, 24000)
    ours = sound.resample(rate)
    theirs = librosa.resample(sound.samples, orig_sr=24000, target_sr=rate)
    assert ours.samples.shape == theirs.shape
    assert np.allclose(ours.samples, theirs, atol=1e-6)
    assert sound.resample(24000) is sound


def test_join_and_cut() -> None:
    a, b = tone(300, 0.5), tone(500, 0.25)
    both = join([a, b], pause=0.1)
    assert both.seconds == pytest.approx(0.85)
    assert np.array_equal(both.cut(0, 0.5).samples, a.samples)
    assert np.array_equal(both.cut(0.6, 9).samples, b.samples)
    assert both.cut(0.5, 0.6).peak == 0
    for parts in ([], [a, tone(rate=16000)]):
        with pytest.raises(AudioError, match="one sample rate"):
            join(parts)


def test_k_weighting_is_the_table_of_the_standard() -> None:
    shelf, high_pass = _k_weighting(48000)
    assert np.allclose(shelf[0], [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-9)
    assert np.allclose(shelf[1], [1, -1.69065929318241, 0.73248077421585], atol=1e-9)
    assert np.allclose(high_pass[1], [1, -1.99004745483398, 0.99007225036621], atol=1e-9)


@pytest.mark.parametrize("rate", [16000, 24000, 32000, 44100, 48000])
def test_loudness_of_known_tones(rate: int) -> None:
    # BS.1770: a 997 Hz sine at 0 dBFS in one front channel reads -3.01.
    assert tone(997, 5, rate, level=1.0).loudness() == pytest.approx(-3.01, abs=0.05)
    assert tone(997, 5, rate, level=0.1).loudness() == pytest.approx(-23.01, abs=0.05)
    # EBU Tech 3341, case 3: the gate forgets the quiet parts.
    quiet, loud = tone(997, 10, rate, 10 ** (-36 / 20)), tone(997, 60, rate, 10 ** (-23 / 20))
    assert join([quiet, loud, quiet]).loudness() == pytest.approx(-26.01, abs=0.1)


def test_loudness_at_the_edges() -> None:
    assert Audio(np.zeros(48000), 48000).loudness() == -inf
    assert Audio(np.zeros(0), 48000).loudness() == -inf
    assert tone(997, 0.1, 48000, 1.0).loudness() == pytest.approx(-3, abs=0.5)
    assert tone(997, 2, 48000, 0.02).at_loudness(-20).loudness() == pytest.approx(-20, abs=0.05)
    assert tone(997, 2, 48000, 0.02).at_loudness(0).peak == pytest.approx(0.95, abs=1e-3)
    assert Audio(np.zeros(100), 48000).at_loudness(-20).peak == 0


def test_trim_silence() -> None:
    noise = Audio(1e-4 * np.random.default_rng(0).normal(size=24000), 24000)
    trimmed = join([noise, tone(seconds=0.5), noise]).trim_silence(keep=0.1)
    assert trimmed.seconds == pytest.approx(0.7, abs=0.05)
    assert len(Audio(np.zeros(1000), 24000).trim_silence()) == 0
