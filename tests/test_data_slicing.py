"""Cuts lie in pauses, lengths near the target, and nothing spoken is lost without a word."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sovits_tts.activity import Segment
from sovits_tts.audio import Audio, join
from sovits_tts.data.slicing import SliceSettings, detector, slice_recording
from sovits_tts.errors import ConfigError, MissingDependency
from tests.tiny_model import speech

RATE = 24000


def pause(seconds: float) -> Audio:
    return Audio(2e-4 * np.random.default_rng(3).normal(size=round(seconds * RATE)), RATE)


def talk(*seconds: float) -> tuple[Audio, list[tuple[float, float]]]:
    """Speech and pauses by turns, beginning with a pause; and where the speech is."""
    parts = [pause(s) if i % 2 == 0 else speech(s, seed=i) for i, s in enumerate(seconds)]
    ends = np.cumsum(seconds)
    return join(parts), [(ends[i - 1], ends[i]) for i in range(1, len(seconds), 2)]


def test_cuts_lie_in_pauses() -> None:
    audio, spoken = talk(*[0.5, 2.0] * 12, 0.5)
    found = slice_recording(audio)
    assert found.left_out == ()
    assert all(3.0 <= s.end - s.start <= 10.0 for s in found.kept)
    assert all(left.end <= right.start for left, right in pairwise(found.kept))
    for edge in (time for s in found.kept for time in (s.start, s.end)):
        assert not any(a + 0.05 < edge < b - 0.05 for a, b in spoken), f"{edge} s is inside speech"
    assert all(any(s.start <= a + 0.05 and b - 0.05 <= s.end for s in found.kept) for a, b in spoken)
    assert 4.5 < np.mean([s.end - s.start for s in found.kept]) < 8.0


def test_long_pauses_part_and_short_bits_are_named() -> None:
    audio, _ = talk(0.5, 4.0, 2.5, 1.0, 2.5, 4.0, 0.5)
    found = slice_recording(audio)
    assert len(found.kept) == 2
    ((_, why),) = found.left_out
    assert "speech between long pauses" in why


def test_endless_speech_is_left_out_rather_than_cut() -> None:
    drone = Audio(0.2 * np.sin(2 * np.pi * 150 * np.arange(25 * RATE) / RATE), RATE)
    found = slice_recording(join([pause(4), drone, pause(4)]), detect=lambda audio: (Segment(4.0, 29.0),))
    assert found.kept == ()
    assert "without a pause to cut in" in found.left_out[0][1]


def test_silence_gives_nothing() -> None:
    assert slice_recording(pause(20)) == slice_recording(Audio(np.zeros(RATE), RATE))
    assert slice_recording(pause(20)).kept == ()


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="make no sense"):
        SliceSettings(shortest=5, longest=4)
    with pytest.raises(ConfigError, match="no speech detector 'x'"):
        detector("x")
    if not find_spec("silero_vad"):
        with pytest.raises(MissingDependency, match="silero-vad"):
            detector("silero")


@pytest.mark.skipif(not find_spec("silero_vad"), reason='silero-vad is not installed: pip install "sovits-tts[vad]"')
def test_silero_finds_people_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its network comes with its package: nothing is fetched."""

    def refuse(*address: object) -> None:
        raise AssertionError(f"it wants to connect to {address}")

    monkeypatch.setattr("socket.socket.connect", refuse)
    folder = Path(__file__).resolve().parent.parent / "pretrained" / "voices"
    voice = Audio.load(next(p for p in sorted(folder.iterdir()) if p.suffix in (".flac", ".ogg"))).resample(RATE)
    audio = join([pause(2), voice, pause(3), voice, pause(2)])
    spans = [(2.0, 2 + voice.seconds), (5 + voice.seconds, 5 + 2 * voice.seconds)]
    found = detector("silero")(audio)
    assert all(any(a - 0.1 <= s.start and s.end <= b + 0.1 for a, b in spans) for s in found)
    level = sum(s.end - s.start for s in detector("level")(audio))
    assert 0.7 * level < sum(s.end - s.start for s in found) < 1.3 * level
    slices = slice_recording(audio, SliceSettings(detector="silero"))
    assert slices.kept and all(any(a - 0.3 <= s.start and s.end <= b + 0.3 for a, b in spans) for s in slices.kept)
