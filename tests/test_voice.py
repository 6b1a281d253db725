"""Voices: made from clips, saved, loaded, damaged, named; and the features they carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sovits_tts import transcript, voice_making, voices
from sovits_tts.alignment import Alignment
from sovits_tts.audio import Audio, join
from sovits_tts.checkpoints.build import LoadedModel, load_model
from sovits_tts.errors import ReferenceAudioError, VoiceError
from sovits_tts.features import (
    bert_features,
    ctc_log_probs,
    leveled,
    prompt_tokens,
    semantic_tokens,
    style,
)
from sovits_tts.models.bert import BertFeatures
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.speaker import SpeakerEncoder
from sovits_tts.models.vits import VITS
from sovits_tts.specs import BertConfig, SpeakerConfig
from sovits_tts.text.frontend import read
from sovits_tts.voice import Voice
from sovits_tts.voice_making import adopt, further, make_voice
from tests.tiny_model import SPEC, WITHOUT_HEADS, speech, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def made(model: LoadedModel) -> Voice:
    return make_voice(model, speech(4), "Hello there, my friend", "en", name="Ada", consent="mine", licence="CC0")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# --- features ------------------------------------------------------------------------------------------------------


def test_level_does_not_depend_on_the_recording(model: LoadedModel) -> None:
    clip = speech(3)
    quiet = Audio(clip.samples * 0.03, clip.sample_rate)
    assert np.allclose(leveled(clip, SPEC).samples, leveled(quiet, SPEC).samples, rtol=1e-3, atol=1e-6)
    assert torch.equal(prompt_tokens(model, clip)[0], prompt_tokens(model, quiet)[0])
    official = replace(SPEC, speech_level=0.0)
    peak = clip.peak
    assert leveled(clip, official).peak == pytest.approx(0.475 + 0.5 * peak, rel=1e-4)
    assert leveled(Audio(np.zeros(9000), 16000), SPEC).peak == 0


def test_prompt_tokens_tell_the_clip_from_the_silence_after_it(model: LoadedModel) -> None:
    clip = speech(3, rate=16000)
    tokens, own = prompt_tokens(model, clip)
    assert own == ContentEncoder.n_frames(len(clip)) // 2 == 74
    assert len(tokens) == ContentEncoder.n_frames(len(clip) + 4800) // 2
    exact, own = prompt_tokens(model, clip, exact=True)
    assert len(exact) == ContentEncoder.n_frames(len(clip) + 9600) // 2
    assert len(semantic_tokens(model, clip)) == own


def test_style_is_of_the_models_width_and_of_the_voice(model: LoadedModel) -> None:
    low, high = style(model, speech(3, 100)), style(model, speech(3, 220))
    assert low.vector.shape == (1, 16, 1)
    assert not torch.allclose(low.vector, high.vector, atol=1e-4)


def test_a_speaker_network_adds_its_vector(model: LoadedModel) -> None:
    config = SpeakerConfig(n_mels=80, channels=16, blocks=(1, 1, 1, 1), base_width=32, scale=2, expansion=2)
    spec = replace(SPEC, vits=replace(SPEC.vits, d_speaker=config.d_vector), speaker=config)
    torch.manual_seed(0)
    bigger = replace(model, spec=spec, vits=VITS(spec.vits).eval(), speaker=SpeakerEncoder(config).eval())
    assert style(bigger, speech(3)).text.shape == (1, 16, 1)


def test_ctc_of_a_long_recording_is_that_of_its_parts(model: LoadedModel) -> None:
    long = speech(43, rate=16000)
    found = ctc_log_probs(model, long)
    assert len(found) == ContentEncoder.n_frames(len(long))
    assert np.allclose(np.exp(found).sum(axis=1), 1, atol=1e-4)
    assert len(ctc_log_probs(model, Audio(np.zeros(100), 16000))) == 0


def test_bert_rows_follow_their_characters(model: LoadedModel) -> None:
    torch.manual_seed(0)
    config = BertConfig(n_vocabulary=60, d_model=8, n_layers=4, n_heads=2, d_ff=16, max_tokens=512)
    chars = ["[UNK]", "[CLS]", "[SEP]", *"今天天气很好我们去公园吧你是谁，。！？"]
    vocabulary = {char: index for index, char in enumerate(dict.fromkeys(chars))}
    network = BertFeatures(config).eval()
    bigger = replace(model, bert=network, vocabulary=vocabulary)
    chinese, english, mixed = (
        read("今天天气很好。", "zh"),
        read("Good morning.", "en"),
        read("我们去 the park 吧。", "auto"),
    )
    alone = bert_features(bigger, [chinese.runs])[0]
    assert alone is not None
    assert alone.shape == (chinese.n_phonemes, 8)
    run = chinese.runs[0]
    ids = torch.tensor([vocabulary["[CLS]"], *(vocabulary.get(c, 0) for c in run.text), vocabulary["[SEP]"]])
    rows = network(ids[None], torch.ones(1, len(ids), dtype=torch.bool))[0, 1:-1].detach()
    at = 0
    for row, count in zip(rows, run.per_char, strict=True):
        assert torch.allclose(alone[at : at + count], row.expand(count, -1), atol=1e-5)
        at += count

    batch = bert_features(bigger, [english.runs, mixed.runs, chinese.runs])
    assert batch[0] is None
    assert torch.allclose(batch[2], alone, atol=1e-5)
    spans = np.cumsum([0] + [len(run.ids) for run in mixed.runs])
    for run, a, b in zip(mixed.runs, spans, spans[1:], strict=False):
        assert bool(batch[1][a:b].any()) == (run.language == "zh")
    long = read("今天天气很好我们去公园吧" * 60 + "。", "zh")
    assert bert_features(bigger, [long.runs])[0].shape == (long.n_phonemes, 8)


# --- voices --------------------------------------------------------------------------------------------------------


def test_a_voice_knows_its_prompt(model: LoadedModel, made: Voice) -> None:
    assert made.features.fits(model)
    assert made.features.phonemes.tolist() == list(read("Hello there, my friend.", "en").ids)
    clause = adopt(model, Voice(made.audio, "Hello there, my friend,", "en")).features.phonemes
    assert torch.equal(clause, made.features.phonemes)
    assert 0 < made.features.own < len(made.features.tokens)
    assert "4.0 s" in made.notes[0]
    assert make_voice(model, speech(4)).features.phonemes.tolist() == []


def test_saved_and_loaded(tmp_path: Path, model: LoadedModel, made: Voice) -> None:
    path = made.save(tmp_path / "deep" / "a.voice")
    back = Voice.load(path)
    assert (back.text, back.language, back.name, back.consent, back.licence, back.notes) == (
        "Hello there, my friend", "en", "Ada", "mine", "CC0", made.notes,
    )  # fmt: skip
    assert np.array_equal(back.audio.samples, made.audio.samples)
    assert adopt(model, back) is back
    for name in ("tokens", "phonemes", "style", "style_text"):
        assert torch.equal(getattr(back.features, name), getattr(made.features, name))
    with pytest.raises(VoiceError, match="exists"):
        made.save(path)
    made.save(path, overwrite=True)
    with pytest.raises(VoiceError, match=r"\.voice"):
        made.save(tmp_path / "a.wav")
    assert [p.name for p in path.parent.iterdir()] == ["a.voice"]


def test_further_recordings_are_kept_and_go_with_the_voice(tmp_path: Path, model: LoadedModel, made: Voice) -> None:
    more = [speech(3, 150, seed=1), speech(4, 110, rate=16000, seed=2)]
    voice = make_voice(model, speech(4), "Hello there, my friend", "en", more=more)
    assert [len(audio) for audio in voice.more] == [len(audio) for audio in more]
    assert "2 further recordings too, 7.0 s" in voice.notes[-1]
    back = Voice.load(voice.save(tmp_path / "a.voice"))
    assert [audio.sample_rate for audio in back.more] == [24000, 16000]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(back.more, more, strict=True))
    assert back.more_key == voice.more_key != made.more_key == ""
    assert adopt(model, back) is back, "what was made of all of them is read back"
    alone = adopt(model, replace(back, more=()))
    assert torch.equal(alone.features.style, made.features.style), "features of other recordings do not count"
    again = adopt(model, replace(made, more=voice.more))
    assert torch.equal(again.features.style, voice.features.style)
    assert not torch.equal(again.features.style, made.features.style)


def test_a_minute_of_further_recordings_is_enough() -> None:
    kept = further([speech(25, rate=8000, seed=seed) for seed in range(4)])
    assert [round(audio.seconds) for audio in kept] == [25, 25, 10]
    assert further([speech(2, rate=96000)])[0].sample_rate == 48000
    with pytest.raises(ReferenceAudioError, match=r"recording 2 is 0\.5 s long"):
        further([speech(2), speech(0.5)])
    with pytest.raises(ReferenceAudioError, match="recording 1 is silent"):
        further([Audio(np.zeros(48000), 16000)])


def test_files_of_earlier_versions_are_read(tmp_path: Path, model: LoadedModel, made: Voice) -> None:
    path = made.save(tmp_path / "a.voice")
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    facts = json.loads(header["__metadata__"]["voice"])
    del facts["more"], facts["features_more"]
    save_file(load_file(path), path, {"voice": json.dumps(facts)})
    back = Voice.load(path)
    assert back.more == () and adopt(model, back) is back


def test_another_model_makes_its_own_features(tmp_path: Path, model: LoadedModel, made: Voice) -> None:
    other = load_model(write_model(tmp_path / "other", seed=1))
    again = adopt(other, made)
    assert again.features.fingerprint != made.features.fingerprint
    assert not torch.equal(again.features.tokens, made.features.tokens)


@pytest.mark.parametrize(
    "change",
    [
        {"tokens": torch.tensor([64])},
        {"tokens": torch.tensor([-1])},
        {"phonemes": torch.tensor([100000])},
        {"own": 10**9},
        {"style": torch.zeros(3)},
        {"bert": torch.zeros(1, 1)},
    ],
)
def test_features_out_of_range_are_made_anew(model: LoadedModel, made: Voice, change: dict[str, object]) -> None:
    hostile = replace(made, features=replace(made.features, **change))
    assert not hostile.features.fits(model)
    assert torch.equal(adopt(model, hostile).features.tokens, made.features.tokens)


def test_a_model_that_needs_a_transcript_says_so(model: LoadedModel) -> None:
    strict = replace(model, spec=replace(SPEC, reference_free=False))
    with pytest.raises(VoiceError, match="needs to know what the clip says"):
        make_voice(strict, speech(4))


def test_a_transcript_in_a_language_the_model_lacks(model: LoadedModel) -> None:
    english = replace(model, spec=replace(SPEC, languages=("en",)))
    with pytest.raises(VoiceError, match="zh"):
        make_voice(english, speech(4), "你好，我的朋友。", "zh")


def test_short_clips_are_refused(model: LoadedModel) -> None:
    with pytest.raises(ReferenceAudioError, match=r"2\.0 s long"):
        make_voice(model, speech(2), "Too short.")


def rewrite(path: Path, tensors: dict[str, torch.Tensor] | None = None, **facts: object) -> None:
    found = load_file(path) | (tensors or {})
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    save_file(found, path, {"voice": json.dumps(json.loads(header["__metadata__"]["voice"]) | facts)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:-1000]),
        lambda path: path.write_bytes((10**6).to_bytes(8, "little") + b"[" * 10**6),
        lambda path: save_file({"samples": torch.zeros(3)}, path),
        lambda path: rewrite(path, format=2),
        lambda path: rewrite(path, sample_rate="fast"),
        lambda path: rewrite(path, sample_rate=10),
        lambda path: rewrite(path, text=["no text"]),
        lambda path: rewrite(path, text="x" * 10**6),
        lambda path: rewrite(path, {"samples": torch.full((40000,), float("nan"))}),
        lambda path: rewrite(path, {"samples": torch.zeros(24000 * 61)}),
        lambda path: rewrite(path, {"samples": torch.zeros(100, dtype=torch.int64)}),
        lambda path: rewrite(path, more=[24000]),
        lambda path: rewrite(path, more=7),
        lambda path: rewrite(path, {"more_0": torch.zeros(24000 * 61)}, more=[24000]),
        lambda path: rewrite(path, {f"more_{i}": torch.zeros(24000 * 40) for i in range(2)}, more=[24000, 24000]),
        lambda path: rewrite(path, {"more_0": torch.zeros(9000, dtype=torch.int32)}, more=[24000]),
        lambda path: rewrite(path, {"tokens": torch.zeros(5)}),
        lambda path: rewrite(path, {"style": torch.full((16,), float("inf"))}),
    ],
)
def test_damaged_files_are_voice_errors(tmp_path: Path, made: Voice, damage: Callable[[Path], object]) -> None:
    path = made.save(tmp_path / "a.voice")
    damage(path)
    with pytest.raises(VoiceError, match=r"a\.voice"):
        Voice.load(path)


def test_missing_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="cannot be read"):
        Voice.load(tmp_path / "none.voice")
    with (tmp_path / "huge.voice").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(VoiceError, match="65 MB"):
        Voice.load(tmp_path / "huge.voice")


# --- names ---------------------------------------------------------------------------------------------------------


def test_saved_voices_by_name(home: Path, made: Voice) -> None:
    assert voices.folder() == home / "voices"
    path = voices.add(made, "Grand-mère 2")
    assert path.parent == home / "voices"
    assert voices.get("Grand-mère 2").name == "Grand-mère 2"
    assert "Grand-mère 2" in [entry.name for entry in voices.entries()]
    with pytest.raises(VoiceError, match="exists"):
        voices.add(made, "Grand-mère 2")
    voices.remove("Grand-mère 2")
    with pytest.raises(VoiceError, match="no voice called"):
        voices.get("Grand-mère 2")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "/abs", ".hidden", "a\0b", "a\nb", "NUL", "com1.x", "x" * 65, "a."]
)
def test_names_that_lead_elsewhere_are_refused(home: Path, made: Voice, name: str) -> None:
    with pytest.raises(VoiceError, match="cannot be the name"):
        voices.add(made, name)
    with pytest.raises(VoiceError, match="no voice called"):
        voices.find(name)
    assert not home.exists()


def test_bundled_voices(home: Path) -> None:
    place = home / "pretrained" / "voices"
    place.mkdir(parents=True)
    for name, language in [("anna", "zh"), ("ben", "en")]:
        speech(3).save(place / f"{name}.flac")
        (place / f"{name}.json").write_text(json.dumps({"text": "Hi.", "language": language, "licence": "CC0"}))
    assert voices.bundled_for("en").name == "ben"
    assert voices.bundled_for("zh").licence == "CC0"
    assert voices.bundled_for("ja").name == "anna"
    with pytest.raises(VoiceError, match="ships with"):
        voices.remove("ben")
    (place / "ben.json").write_text("[")
    with pytest.raises(VoiceError, match="damaged"):
        voices.get("ben")


# --- transcripts of windows ------------------------------------------------------------------------------------------


def spoken_at(times: list[tuple[float, float]], score: float = -0.1) -> Alignment:
    start = np.array([round(a * 50) for a, _ in times])
    end = np.array([round(b * 50) for _, b in times])
    return Alignment(start, end, np.full(len(times), score), np.zeros(0), score, 0.0)


def words_of(text: str, language: str) -> list[transcript._Word]:
    return [word for run in read(text, language).runs for word in transcript._words(run, "v2")]


def test_words_keep_their_punctuation_and_phonemes() -> None:
    words = words_of("Hello there, my friend.", "en")
    assert [word.text for word in words] == ["Hello", "there,", "my", "friend."]
    assert [len(word.phonemes) for word in words] == [4, 3, 2, 5]
    characters = words_of("今天，天气很好。", "zh")
    assert [word.text for word in characters] == ["今", "天,", "天", "气", "很", "好."]
    assert all(len(word.phonemes) == 2 for word in characters)


def test_the_transcript_is_cut_between_words() -> None:
    words = words_of("One two. Three four five. Six.", "en")
    spans = [(0, 0.4), (0.5, 1), (2, 2.4), (2.5, 3), (3.1, 3.6), (5, 5.5)]
    times = [
        (a + (b - a) * i / n, a + (b - a) * (i + 1) / n)
        for (a, b), word in zip(spans, words, strict=True)
        for n in [len(word.phonemes)]
        for i in range(n)
    ]
    cut = transcript._inside(words, spoken_at(times), 1.5, 4.3)
    assert cut == transcript.Cut("Three four five.")
    assert "passes the cut" in transcript._inside(words, spoken_at(times), 2.2, 4.3).reason
    assert "passes the cut" in transcript._inside(words, spoken_at(times), 1.5, 3.3).reason
    assert "unsure" in transcript._inside(words, spoken_at(times, -9.0), 1.5, 4.3).reason
    assert "no word" in transcript._inside(words, spoken_at(times), 7, 9).reason


def test_a_cut_clip_without_a_sure_alignment_drops_its_prompt(home: Path, model: LoadedModel) -> None:
    clip = join([speech(4, seed=i) for i in range(4)], pause=0.5)
    text = "One two three four. Five six seven eight. Nine ten eleven twelve. Thirteen fourteen."
    unsure = make_voice(model, clip, text, "en")
    assert unsure.text == ""
    assert unsure.notes[-1].startswith("Speaking without a prompt, because")
    assert make_voice(model, clip.cut(0, 4), text, "en").text == text


def test_a_model_that_cannot_align_asks_the_embedded_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = load_model(write_model(home / "deaf", WITHOUT_HEADS))
    clip = join([speech(4, seed=i) for i in range(4)], pause=0.5)
    monkeypatch.setattr(voice_making, "embedded_model", lambda: None)
    assert "cannot align" in make_voice(deaf, clip, "One two three.", "en").notes[-1]
    monkeypatch.undo()
    monkeypatch.setenv("SOVITS_TTS_HOME", str(home))
    write_model(home / "pretrained" / "mini")
    assert "cannot align" not in make_voice(deaf, clip, "One two three.", "en").notes[-1]
