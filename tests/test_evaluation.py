"""Evaluation: error counting, sets, judges. The judges are the real ones, on sounds made here and bundled clips."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sovits_tts.audio import Audio
from sovits_tts.errors import AudioError, ConfigError, DataError
from sovits_tts.evaluation.acoustics import compare, measure
from sovits_tts.evaluation.closed_set import ClosedSet
from sovits_tts.evaluation.error_rate import Errors, count_errors
from sovits_tts.evaluation.judging import spoken_seconds
from sovits_tts.evaluation.recognise import PocketSphinx, characters, words
from sovits_tts.evaluation.sets import check_files, read_set
from sovits_tts.evaluation.similarity import Resemblyzer, centroids, likeness, unit

ROOT = Path(__file__).resolve().parent.parent
SETS = ROOT / "configs" / "eval"
VOICES = ROOT / "pretrained" / "voices"
WHOLE = "That Longfellow chap most likely had written countless books of poetry."
GOOD = {"id": "1", "text": "Hello.", "language": "en", "reference": "a/b.wav", "reference_text": "Good day."}


def buzz(f0: float, seconds: float = 1.5, rate: int = 24000) -> Audio:
    """A voice-like sound: harmonics of f0 that fall off with frequency."""
    t = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in range(1, 30) if f0 * k < rate / 2)
    return Audio(np.asarray(0.1 * tone, dtype=np.float32), rate)


@pytest.mark.parametrize(
    ("wanted", "heard", "errors"),
    [
        ("a b c", "a b c", Errors(0, 0, 0, 3)),
        ("a b c", "a x c", Errors(1, 0, 0, 3)),
        ("a b c", "a c", Errors(0, 1, 0, 3)),
        ("a b c", "a b b c", Errors(0, 0, 1, 3)),
        ("a b c", "", Errors(0, 3, 0, 3)),
        ("", "a b", Errors(0, 0, 2, 0)),
        ("a b c d", "b c d e", Errors(0, 1, 1, 4)),
    ],
)
def test_fewest_edits(wanted: str, heard: str, errors: Errors) -> None:
    assert count_errors(wanted.split(), heard.split()) == errors


def test_errors_add_up_by_length() -> None:
    both = count_errors("abcdefghi", "abcdefghi") + count_errors("x", "y")
    assert (both.total, both.rate) == (1, 0.1)
    assert Errors().rate == 0 and Errors(insertions=2).rate == 1


def test_words_and_characters() -> None:
    spoken = "mister o'brien's dog rex didn't bark twice"
    assert " ".join(words("Mr. O’Brien's dog, “Rex”, didn't bark - twice!")) == spoken
    assert characters("用 GPT 说，你好！") == ["用", "gpt", "说", "你", "好"]


def test_a_bad_set_names_every_bad_line(tmp_path: Path) -> None:
    bad = [
        json.dumps(GOOD),
        "{",
        json.dumps(GOOD),
        json.dumps(GOOD | {"id": "2", "txt": "x"}),
        json.dumps({"id": "3", "text": "x"}),
        json.dumps(GOOD | {"id": "4", "start": "1"}),
        json.dumps(GOOD | {"id": "5", "text": "  "}),
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(bad), encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_set(tmp_path / "set.jsonl")
    for line, what in ((2, "no JSON"), (3, "used before"), (4, "'txt'"), (5, "missing"), (6, "number"), (7, "empty")):
        assert re.search(rf"line {line}: .*{what}", str(error.value))
    assert "6 bad rows" in str(error.value)


def test_missing_recordings_are_named(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(json.dumps(GOOD), encoding="utf-8")
    rows = read_set(tmp_path / "set.jsonl")
    assert rows[0].who == "a"
    with pytest.raises(DataError, match=r"1 of 1 .*a/b\.wav"):
        check_files(rows, tmp_path)


def test_committed_sets_keep_their_rules() -> None:
    sentences = read_set(SETS / "dev_sentences.jsonl")
    assert [r.language for r in sentences].count("en") == [r.language for r in sentences].count("zh") == 20
    assert all(r.recording and r.recording != r.reference for r in sentences)
    many = read_set(SETS / "dev_sentences_60.jsonl")
    assert [r.language for r in many].count("en") == [r.language for r in many].count("zh") == 60
    assert len({r.recording for r in many}) == 120 and {r.who for r in many} == {r.who for r in sentences}
    further = read_set(SETS / "dev_sentences_80.jsonl")
    assert len(further) + len(many) == 200 and not {r.recording for r in further} & {r.recording for r in many}
    listener = PocketSphinx()
    for name in ("closed_set", "closed_set_written"):
        rows = read_set(SETS / f"{name}.jsonl")
        assert len({r.text for r in rows}) == 20
        assert all(5 <= len(words(r.text)) <= 8 for r in rows)
        sounds = [" ".join(listener.pronunciation(w) or "" for w in words(r.text)) for r in rows]
        syllables = [len(re.findall(r"\b[AEIOU][A-Z]\b", sound)) for sound in sounds]
        assert max(syllables) - min(syllables) <= 2


def test_closed_set_hears_nothing_in_noise_and_refuses_unknown_words() -> None:
    sentences = {"a": "The old baker sold warm bread at noon.", "b": "My sister painted the garden gate."}
    noise = Audio(np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32), 16000)
    result = ClosedSet(sentences).test({"a": noise, "b": Audio(np.zeros(16000, np.float32), 16000)})
    assert result.heard == {"a": None, "b": None} and result.rate == 0
    with pytest.raises(ConfigError, match="ronicky"):
        ClosedSet({"a": "ronicky drew his gun"})


def test_recognisers_understand_a_real_recording() -> None:
    clip, text = Audio.load(VOICES / "english-woman.flac"), "That Longfellow chap most likely had written books."
    heard = PocketSphinx().heard(clip, "en")
    assert {"most", "likely", "countless", "books", "poetry"} <= set(heard)
    listener = ClosedSet({"right": WHOLE, "a": text, "b": "My sister painted the garden gate."})
    assert listener.recognise(clip) == "right"
    times = PocketSphinx().align(clip, WHOLE)
    spoken = [word for word, _, _ in times if word != "<sil>"]
    assert spoken[0] == "that" and spoken[-1] == "poetry" and times[-1][2] == pytest.approx(clip.seconds, abs=0.1)


def test_what_is_heard_does_not_depend_on_what_was_heard_before() -> None:
    clip, listener = Audio.load(VOICES / "english-woman.flac"), PocketSphinx()
    noise = Audio(np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32), 16000)
    found = []
    for sound in (clip, noise, clip):
        heard = listener.heard(sound, "en")
        found.append((heard, listener._decoder.hyp().score))
    assert found[0] == found[2] and found[0][0]


def test_similarity_knows_the_nearest_speaker() -> None:
    known = centroids({"ann": [np.array([1.0, 0.0]), np.array([1.0, 0.2])], "bob": [np.array([0.0, 1.0])]})
    heard = unit(np.array([1.0, 0.3]))
    found = likeness(heard, unit(np.array([1.0, 0.0])), "ann", known)
    assert found.is_right and found.nearest == "ann"
    assert found.to_target > 0.9 > 0.4 > found.to_others
    assert not likeness(heard, unit(np.array([0.0, 1.0])), "bob", known).is_right


def test_speaker_judge_needs_sound() -> None:
    judge = Resemblyzer()
    with pytest.raises(AudioError):
        judge.embed(Audio(np.zeros(16000, np.float32), 16000))
    low, again, high = (judge.embed(buzz(f0)) for f0 in (100, 100, 260))
    assert np.linalg.norm(low) == pytest.approx(1)
    assert low @ again > low @ high


def test_silence_around_speech_is_no_speaking_time() -> None:
    said = Audio.load(VOICES / "english-woman.flac")
    silence = np.zeros(2 * said.sample_rate, np.float32)
    padded = Audio(np.concatenate([silence, said.samples, silence]), said.sample_rate)
    assert spoken_seconds(padded) == pytest.approx(spoken_seconds(said), abs=0.05)
    assert spoken_seconds(said) > 0.8 * said.seconds
    assert spoken_seconds(Audio(silence, said.sample_rate)) == 2


def test_acoustic_distances_are_in_their_units() -> None:
    low = buzz(120)
    high = Audio(buzz(240, seconds=3.0).samples * np.float32(0.5), 24000)
    distance = compare(measure(high), measure(low))
    assert distance.f0_semitones == pytest.approx(12, abs=0.2)
    assert distance.duration_ratio == pytest.approx(2, abs=0.01)
    assert distance.loudness_db is not None and -9 < distance.loudness_db < -3
    assert distance.timbre_db is not None and distance.timbre_db > 1
    itself = compare(measure(low), measure(low))
    assert (itself.f0_semitones, itself.timbre_db, itself.duration_ratio) == (0, 0, 1)
    with pytest.raises(AudioError):
        measure(Audio(np.zeros(0, np.float32), 24000))
    assert measure(Audio(np.zeros(24000, np.float32), 24000)).f0_hz is None
