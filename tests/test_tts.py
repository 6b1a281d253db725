"""The whole path on a tiny model with random weights: what it says is noise, how it behaves is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sovits_tts import voices
from sovits_tts.audio import Audio
from sovits_tts.balance import balance
from sovits_tts.checkpoints.build import load_model
from sovits_tts.errors import AudioError, ConfigError, InputError, TextError, VoiceError
from sovits_tts.models.bert import BertFeatures
from sovits_tts.models.generate import generate
from sovits_tts.models.gpt import GPT
from sovits_tts.models.source import Melody
from sovits_tts.specs import BertConfig
from sovits_tts.tts import TTS, Chunk, SynthesisOptions
from sovits_tts.voice import Voice
from tests.tiny_model import SPEC, WITHOUT_HEADS, speech, write_model

TEXT = (
    "Good morning, my dear old friend, how are you today? 你好，今天的天气很好，我们去公园吧。\n"
    "There we can sit and talk."
)
ONCE = SynthesisOptions(retries=0)


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


def test_liveliness_is_what_suits_the_model_unless_the_caller_says(tmp_path: Path, voice: Voice) -> None:
    calm = replace(SPEC, sampling=replace(SPEC.sampling, noise_scale=0.1))
    usual, other = (TTS.load(write_model(tmp_path / str(n), spec)) for n, spec in enumerate((SPEC, calm)))

    def samples(tts: TTS, noise_scale: float | None) -> np.ndarray:
        return tts.synthesize(
            "Hello there.", tts.voice(voice), "en", replace(ONCE, noise_scale=noise_scale)
        ).audio.samples

    assert not np.allclose(samples(usual, None), samples(other, None), atol=1e-4)
    np.testing.assert_allclose(samples(usual, 0.1), samples(other, None), atol=1e-6)


def changed(folder: Path, eos: float) -> TTS:
    """A model that ends sentences as soon as it may (eos > 0), or never (eos < 0), and does not follow its text."""
    model = load_model(write_model(folder, replace(SPEC, gpt=replace(SPEC.gpt, follows_text=False))))
    with torch.no_grad():  # the first channel becomes a constant that only EOS listens to
        model.gpt.layers[-1].feed_forward_norm.bias[0] = 10
        model.gpt.head.weight[:, 0] = 0
        model.gpt.head.weight[SPEC.gpt.eos] = 0
        model.gpt.head.weight[SPEC.gpt.eos, 0] = eos
    return TTS(model, TTS.load(folder, device="cpu").runtime)


# --- sameness --------------------------------------------------------------------------------------------------------


def test_the_stream_is_the_whole(tts: TTS, voice: Voice) -> None:
    chunks = list(tts.stream(TEXT, voice, options=ONCE))
    whole = tts.synthesize(TEXT, voice, options=ONCE)
    assert [chunk.text for chunk in chunks] == [chunk.text for chunk in whole.chunks]
    assert len(chunks) > 1
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), whole.audio.samples)
    assert whole.audio.sample_rate == tts.sample_rate == 16000
    assert whole.audio.peak <= 1
    assert whole.notes == voice.notes


def test_same_seed_same_samples_whatever_else_runs(tts: TTS, voice: Voice) -> None:
    first = tts.synthesize(TEXT, voice, options=ONCE)
    torch.manual_seed(123)
    np.random.seed(5)
    tts.synthesize("Something else.", voice, options=replace(ONCE, seed=9))
    again = tts.synthesize(TEXT, voice, options=ONCE)
    assert np.array_equal(first.audio.samples, again.audio.samples)
    other = tts.synthesize(TEXT, voice, options=replace(ONCE, seed=1))
    assert [c.tokens for c in other.chunks] != [c.tokens for c in first.chunks]


def test_threads_share_a_model(tts: TTS, voice: Voice) -> None:
    texts = [TEXT, "Another text. 再见，我的朋友。"] * 2
    alone = [tts.synthesize(text, voice, options=ONCE).audio.samples for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: tts.synthesize(text, voice, options=ONCE).audio.samples, texts))
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a, b)


def test_batches_change_no_token(tts: TTS, voice: Voice) -> None:
    text = "\n".join(f"This is sentence number {n}, and it ends here." for n in ("one", "two", "three", "four", "five"))
    results = [tts.synthesize(text, voice, options=replace(ONCE, batch_size=n)) for n in (1, 2, 64)]
    assert len(results[0].chunks) >= 3
    for a, b in pairwise(results):
        assert [c.tokens for c in a.chunks] == [c.tokens for c in b.chunks]
        assert np.allclose(a.audio.samples, b.audio.samples, atol=1e-4)


# --- guards on the real path -----------------------------------------------------------------------------------------


def test_attempts_are_counted_and_the_best_is_kept(tts: TTS, voice: Voice) -> None:
    one, all_four = (
        tts.synthesize("The weather is nice today.", voice, options=SynthesisOptions(retries=n)).chunks[0]
        for n in (0, 3)
    )
    assert one.failed
    assert one.problems
    assert one.attempts == 1
    assert 1 < all_four.attempts <= 4
    assert all_four.failed == (all_four.attempts == 4 and bool(all_four.problems))
    assert len(all_four.problems) <= len(one.problems)
    assert json.loads(json.dumps(one.as_dict()))["problems"] == list(one.problems)


def test_each_further_attempt_is_warmer(tmp_path: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    curt = changed(tmp_path, 50.0)  # no attempt passes
    heats: list[float] = []

    def watched(*arguments: Any, **named: Any) -> Any:
        heats.append(named["options"].temperature)
        return generate(*arguments, **named)

    monkeypatch.setattr("sovits_tts.synthesis.generate", watched)
    for wanted, then in ((0.3, [0.5, 0.7, 0.9]), (0.7, [0.9, 1.0, 1.0]), (1.5, [1.5, 1.5, 1.5])):
        heats.clear()
        options = SynthesisOptions(retries=3, temperature=wanted)
        curt.synthesize("The weather is very nice today, and so I would like to walk.", voice, options=options)
        assert heats == pytest.approx([wanted, *then])


def test_a_model_that_never_ends_is_stopped(tmp_path: Path, voice: Voice) -> None:
    endless = changed(tmp_path, -50.0)
    chunk = endless.synthesize("The weather is nice.", voice, options=ONCE).chunks[0]
    assert chunk.reason == "stopped"
    assert "runaway" in chunk.problems
    assert len(chunk.tokens) < 400


def test_a_model_that_ends_at_once_is_noticed(tmp_path: Path, voice: Voice) -> None:
    curt = changed(tmp_path, 50.0)
    text = "The weather is very nice today, and so I would like to walk to the river."
    result = curt.synthesize(text, voice, options=replace(ONCE, retries=1))
    assert "early_stop" in result.chunks[0].problems
    assert result.chunks[0].attempts == 2
    assert result.failed == (result.chunks[0].text,)


def test_exact_mode_has_no_guards(tts: TTS, voice: Voice) -> None:
    options = SynthesisOptions(exact=True, cut="cut5", pause=0.5)
    chunk = tts.synthesize("The weather is nice today", voice, "en", options).chunks[0]
    assert chunk.attempts == 1
    assert not chunk.failed
    assert not chunk.samples[-16000:].any()  # 0.5 s counted at 32 kHz, as upstream does


def test_coverage_comes_from_the_head_there_is(tmp_path: Path, voice: Voice) -> None:
    heard = replace(SPEC, gpt=replace(SPEC.gpt, follows_text=False))
    for spec, known in ((WITHOUT_HEADS, False), (heard, True)):
        other = TTS.load(write_model(tmp_path / str(known), spec), device="cpu")
        chunk = other.synthesize("The weather is nice.", other.voice(voice), options=ONCE).chunks[0]
        assert (chunk.coverage is not None) == known


# --- text and options ------------------------------------------------------------------------------------------------


def seconds(chunk: Chunk) -> float:
    return len(chunk.samples) / chunk.sample_rate


def test_pauses_stand_between_sentences(tts: TTS, voice: Voice) -> None:
    def spoken(chunk: Chunk) -> float:
        return 2 * 320 * len(chunk.tokens) / 16000

    text = "The first sentence is here.\nThe second sentence is here."
    first, second = tts.stream(text, voice, options=replace(ONCE, pause=0.7))
    assert seconds(first) == pytest.approx(spoken(first))
    assert seconds(second) == pytest.approx(spoken(second) + 0.7)
    assert not second.samples[: int(0.7 * 16000)].any()

    lead, first, second = tts.stream("[pause:0.5] The first one. [pause:1.5] The second one.", voice, options=ONCE)
    assert (lead.text, seconds(lead), lead.samples.any()) == ("", 0.5, False)
    assert seconds(first) == pytest.approx(spoken(first) + 1.5)
    assert seconds(second) == pytest.approx(spoken(second))


def test_speed(tts: TTS, voice: Voice) -> None:
    usual, fast, tagged = (
        tts.synthesize(text, voice, options=replace(ONCE, speed=speed)).audio.seconds
        for text, speed in [
            ("How are you today?", 1.0),
            ("How are you today?", 2.0),
            ('<prosody rate="200%">How are you today?</prosody>', 1.0),
        ]
    )
    assert fast == tagged == pytest.approx(usual / 2, abs=0.05)


def test_a_stream_of_text_is_spoken_as_it_comes(tts: TTS, voice: Voice) -> None:
    taken = 0

    def parts() -> Iterator[str]:
        nonlocal taken
        for _ in range(400):
            taken += 1
            yield "This is a sentence of usual length, which somebody is still writing. "

    first = next(tts.stream(parts(), voice, options=ONCE))
    assert first.tokens
    assert taken < 300


@pytest.mark.parametrize("text", ["Hi.", "嗯。", "A " * 300, "I ♥ 你 🎉!", "word" * 30, "3.14 + 1 = 4.14"])
def test_odd_texts_are_spoken(tts: TTS, voice: Voice, text: str) -> None:
    result = tts.synthesize(text, voice, options=ONCE)
    assert result.audio.seconds > 0.3
    assert np.isfinite(result.audio.samples).all()


@pytest.mark.parametrize("text", ["", "   \n", "…!?", "🎉"])
def test_texts_without_a_word(tts: TTS, voice: Voice, text: str) -> None:
    with pytest.raises(TextError, match="nothing to speak"):
        tts.stream(text, voice)


def test_languages_the_model_does_not_speak(tts: TTS, voice: Voice) -> None:
    english = TTS(replace(tts.model, spec=replace(SPEC, languages=("en",))), tts.runtime)
    with pytest.raises(TextError, match="does not speak zh"):
        english.synthesize("你好，我的朋友。", replace(voice, features=None), options=ONCE)
    with pytest.raises(InputError):
        tts.synthesize("こんにちは、元気ですか。", voice)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"speed": 0.0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"pause": -1}, "pause"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"top_p": 2}, "top_p"),
        ({"temperature": -1}, "temperature"),
        ({"noise_scale": 9}, "noise_scale"),
        ({"batch_size": 0}, "batch_size"),
        ({"retries": 11}, "retries"),
        ({"cut": "cut9"}, "cut"),
    ],
)
def test_options_out_of_range(change: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SynthesisOptions(**change)
    with pytest.raises(TextError, match="language"):
        SynthesisOptions(language="klingon")


# --- voices ----------------------------------------------------------------------------------------------------------


def test_every_source_of_a_voice(tts: TTS, voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    clip = speech(4)
    path = clip.save(tmp_path / "clip.flac")
    for source in (str(path), path, path.read_bytes(), path.open("rb"), Audio.load(path)):
        found = tts.voice(source, "Hello there, my friend.", "en")
        assert found.features.phonemes.tolist() == voice.features.phonemes.tolist()
    saved = voice.save(tmp_path / "a.voice")
    assert torch.equal(tts.voice(saved).features.tokens, voice.features.tokens)
    voices.add(voice, "Ada")
    assert tts.voice("Ada").text == voice.text
    assert tts.voice("Ada", "Another text.", "en").text == "Another text."
    for wrong in ("Bob", "none.wav", tmp_path / "none"):
        with pytest.raises((VoiceError, AudioError), match=r"no (voice|file)"):
            tts.voice(wrong)


def test_without_a_transcript_it_speaks_without_a_prompt(tts: TTS, voice: Voice) -> None:
    silent = tts.voice(speech(4))
    assert "without a transcript" in silent.notes[-1]
    result = tts.synthesize("How are you?", silent, options=ONCE)
    assert result.audio.seconds > 0.3
    assert result.chunks[0].tokens != tts.synthesize("How are you?", voice, options=ONCE).chunks[0].tokens


def test_without_a_voice_the_bundled_one_speaks(tts: TTS) -> None:
    result = tts.synthesize("How are you?", options=ONCE)
    bundled = tts.voice(voices.bundled_for("en"))
    assert np.array_equal(result.audio.samples, tts.synthesize("How are you?", bundled, options=ONCE).audio.samples)


def test_bert_features_reach_the_gpt_stage(tts: TTS) -> None:
    torch.manual_seed(0)
    bert = BertConfig(n_vocabulary=30, d_model=8, n_layers=4, n_heads=2, d_ff=16)
    spec = replace(SPEC, gpt=replace(SPEC.gpt, d_bert=8), bert=bert)
    words = {char: i for i, char in enumerate(["[UNK]", "[CLS]", "[SEP]", *"今天气很好你吗我的朋友"])}
    gpt = GPT(spec.gpt)
    gpt.bert_projection.weight.data.mul_(20)
    models = [
        replace(tts.model, spec=spec, gpt=gpt, bert=network, vocabulary=words)
        for network in (BertFeatures(bert), BertFeatures(bert))
    ]
    tokens = []
    for model in models:
        other = TTS(model, tts.runtime)
        mandarin = other.voice(speech(4), "你好，我的朋友。", "zh")
        said = [other.synthesize(t, mandarin, options=ONCE).chunks[0].tokens for t in ("今天天气很好吗。", "Good day.")]
        tokens.append(said)
    assert tokens[0][0] != tokens[1][0]


def test_copy_synthesis_and_saving(tts: TTS, voice: Voice, tmp_path: Path) -> None:
    clip = speech(3)
    copied = tts.copy(clip, "Hello there.", voice, "en", seed=3)
    assert copied.seconds == pytest.approx(3, abs=0.1)
    assert np.array_equal(copied.samples, tts.copy(clip, "Hello there.", voice, "en", seed=3).samples)
    assert not np.array_equal(copied.samples, tts.copy(clip, "Hello there.", None, "en", seed=3).samples)
    path = tts.synthesize("How are you?", voice, options=ONCE).save(tmp_path / "out.wav")
    assert Audio.load(path).sample_rate == 16000


def test_the_waveform_stage_hears_where_the_gpt_stage_reads(
    tts: TTS, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[torch.Tensor | None] = []
    plain = tts.model.vits.decode

    def decode(tokens, phonemes, style, *, spoken=None, **options):
        assert options["melody"] is None  # it has no source
        heard.append(spoken)
        assert spoken.shape == tokens.shape and int(spoken.min()) >= 0 and int(spoken.max()) < phonemes.shape[1]
        return plain(tokens, phonemes, style, spoken=spoken, **options)

    monkeypatch.setattr(tts.model.vits, "decode", decode)
    tts.synthesize("One river.", voice, options=ONCE)
    tts.copy(speech(3), "Hello there.", voice, "en")
    assert len(heard) == 2 and all((positions.diff() >= 0).all() for positions in heard)


def test_a_decoder_with_a_source_is_told_the_pitch_of_the_clip(
    tmp_path: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounding = replace(SPEC.vits, upsample_rates=(4,), upsample_kernels=(8,), istft_size=320, source=True)
    one = TTS.load(write_model(tmp_path / "m", replace(SPEC, vits=sounding)))
    told: list[Melody | None] = []
    plain = one.model.vits.decode

    def decode(*args, melody=None, **options):
        told.append(melody)
        return plain(*args, melody=melody, **options)

    monkeypatch.setattr(one.model.vits, "decode", decode)
    deep, bright = (one.voice(Voice(speech(4.0, f0=f0), "Hello there.", "en")) for f0 in (110.0, 220.0))
    for options in (SynthesisOptions(retries=0), SynthesisOptions(retries=0, timbre=((bright, 0.5),))):
        one.synthesize("One river.", deep, options=options)
    assert told[0].level == pytest.approx(np.log2(110 / 150), abs=0.1)
    assert told[1].level == pytest.approx(told[0].level + 0.5, abs=0.05)
    assert (told[0].spread, told[1].spread) == pytest.approx(
        (deep.pitch_spread, (deep.pitch_spread + bright.pitch_spread) / 2)
    )
    one.synthesize("One river.", deep, options=SynthesisOptions(exact=True))
    assert told[2] is None


def test_a_model_that_matches_the_balance_sounds_nearer_to_the_clip(tmp_path: Path, voice: Voice) -> None:
    matching = TTS.load(write_model(tmp_path / "m", replace(SPEC, matches_balance=True)))
    plain = TTS.load(write_model(tmp_path / "p"))
    target = balance(matching.voice(voice).audio)
    said = [one.copy(speech(3), "Hello there.", one.voice(voice), "en") for one in (matching, plain)]
    near, far = (np.abs(balance(audio) - target).mean() for audio in said)
    assert near < 0.7 * far and len(said[0]) == len(said[1])


def test_half_precision_keeps_the_tokens_of_a_clip(folder: Path, tts: TTS, voice: Voice) -> None:
    half = TTS.load(folder, device="cpu", precision="bf16")
    clip = half.voice(speech(4), "Hello there, my friend.", "en")
    assert torch.equal(clip.features.tokens, voice.features.tokens)
    result = half.synthesize("How are you?", clip, options=ONCE)
    assert result.audio.seconds > 0.3
    again = half.copy(speech(3), "Hello there.", clip, "en").samples
    same = tts.copy(speech(3), "Hello there.", voice, "en").samples
    assert np.corrcoef(again, same)[0, 1] > 0.9


def test_loading_says_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    for source, options in [("no such model", {}), (folder, {"device": "gpu"}), (folder, {"precision": "fp8"})]:
        with pytest.raises(ConfigError):
            TTS.load(source, **options)
