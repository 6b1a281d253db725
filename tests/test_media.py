"""Sound in formats that libsndfile lacks, through PyAV where it is installed."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_tts import media
from sovits_tts.audio import Audio
from sovits_tts.data.manifest import check, read_manifest
from sovits_tts.errors import AudioError
from tests.tiny_model import speech

RATE, SECONDS = 48000, 3.0
needs_pyav = pytest.mark.skipif(not media.installed(), reason=f"PyAV is not installed: {media.INSTALL}")
KINDS = [("a.m4a", "aac"), ("b.aac", "aac"), ("录音 c.mp4", "aac"), ("d.webm", "libopus"), ("e.wma", "wmav2")]


def encode(path: Path, codec: str, channels: int = 2) -> Audio:
    """Write a file as other programs would; returns what went in."""
    av: Any = pytest.importorskip("av")
    sound = speech(SECONDS, rate=RATE)
    layout = "stereo" if channels == 2 else "mono"
    planes = np.tile(sound.samples, (channels, 1)) * np.array([[1.5], [0.5]][:channels], dtype=np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        stream.bit_rate = 128000
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        queue = av.AudioFifo()
        queue.write(frame)
        while (part := queue.read(1024, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return sound


def likeness(left: np.ndarray, right: np.ndarray) -> float:
    """Best correlation over shifts of 50 ms: encoders put some silence in front."""
    n = min(len(left), len(right)) - 4800
    spectrum = np.fft.rfft(left[:n], 2 * n) * np.conj(np.fft.rfft(right[:n], 2 * n))
    found = np.fft.irfft(spectrum)
    near = np.concatenate([found[:2400], found[-2400:]])
    return float(near.max() / np.sqrt((left[:n] ** 2).sum() * (right[:n] ** 2).sum()))


@needs_pyav
@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_what_was_encoded_is_heard(name: str, codec: str, tmp_path: Path) -> None:
    sound = encode(tmp_path / name, codec)
    back = Audio.load(tmp_path / name)
    assert back.sample_rate == RATE
    assert back.seconds == pytest.approx(SECONDS, abs=0.1)
    assert likeness(back.samples, sound.samples) > 0.97  # the mean of the channels
    facts = media.probe(str(tmp_path / name), name)
    assert (facts.rate, facts.channels) == (RATE, 2)
    assert facts.seconds == pytest.approx(SECONDS, abs=0.3)
    assert np.array_equal(Audio.load((tmp_path / name).read_bytes()).samples, back.samples)


@needs_pyav
@pytest.mark.parametrize(("name", "codec"), [KINDS[0], KINDS[3]])
def test_a_stretch_is_the_same_as_cut_from_the_whole(name: str, codec: str, tmp_path: Path) -> None:
    encode(tmp_path / name, codec)
    whole = Audio.load(tmp_path / name).cut(1.5, 2.5)
    part = Audio.load_span(tmp_path / name, 1.5, 2.5)
    assert len(part) == len(whole)
    assert likeness(part.samples, whole.samples) > 0.99


@needs_pyav
def test_faults_of_such_files_are_named(tmp_path: Path) -> None:
    encode(tmp_path / "a.m4a", "aac", channels=1)
    data = (tmp_path / "a.m4a").read_bytes()
    with pytest.raises(AudioError, match=r"longer than 1 s"):
        Audio.load(data, max_seconds=1)
    (tmp_path / "half.m4a").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match=r"half\.m4a cannot be read as audio"):
        Audio.load(tmp_path / "half.m4a")
    assert [problem.code for problem in check(read_manifest(tmp_path))] == ["damaged"]


@needs_pyav
def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    """A file that names other files is no sound, whatever its suffix."""
    encode(tmp_path / "a.aac", "aac")
    for text in ("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\na.aac\n#EXT-X-ENDLIST\n",
                 "ffconcat version 1.0\nfile a.aac\n"):  # fmt: skip
        (tmp_path / "list.m4a").write_text(text)
        with pytest.raises(AudioError, match="cannot be read as audio"):
            Audio.load(tmp_path / "list.m4a")
    with pytest.raises(AudioError, match="cannot be read as audio"):
        Audio.load(BytesIO(b"some text, and no sound"))


def test_without_pyav_the_way_to_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "installed", lambda: False)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(AudioError) as caught:
        Audio.load(tmp_path / "a.m4a")
    assert media.INSTALL in str(caught.value)
    (problem,) = check(read_manifest(tmp_path))
    assert problem.cause == "a.m4a: reading .m4a files needs PyAV, which is not installed."
    assert problem.fix.startswith(media.INSTALL)
