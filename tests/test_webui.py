"""The web page: its plain functions, and one end-to-end run through a real server."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the web page needs gradio")

from sovits_tts import errors, voices
from sovits_tts.app.cli import run
from sovits_tts.app.webui import (
    catalogue,
    clips,
    comparing,
    drawer,
    inspect_tab,
    models_tab,
    speaking,
    speech,
    voices_tab,
)
from sovits_tts.app.webui.launch import build, check_access, serve
from sovits_tts.app.webui.layout import Page
from sovits_tts.app.webui.session import Line, Session, Take
from sovits_tts.audio import Audio, join
from sovits_tts.clip import inspect
from sovits_tts.errors import AudioError, ConfigError, DownloadError, TextError, VoiceError
from sovits_tts.finetune.choose import Candidate
from sovits_tts.finetune.config import VoiceFacts
from sovits_tts.finetune.package import Made, write_package
from sovits_tts.options import SynthesisOptions
from sovits_tts.pitch_shift import shift_pitch
from sovits_tts.tts import TTS
from tests.tiny_model import speech as buzz
from tests.tiny_model import write_model

DRAWER = ("auto", 5, 1, 0, None, 0.3, 1, 1.35, 15, 1, "auto", 4)  # language, seed, speed …
SRT = "1\n00:00:02,000 --> 00:00:03,000\nHello there.\n\n2\n00:00:02,500 --> 00:00:04,000\nAnd\nagain.\n"


@pytest.fixture(scope="module")
def tts(tmp_path_factory: pytest.TempPathFactory) -> TTS:
    return TTS.load(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOVITS_TTS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_catalogues_say_the_same_things() -> None:
    english = catalogue.catalogue("en")
    for language in catalogue.LANGUAGES:
        texts = catalogue.catalogue(language)
        assert texts.keys() == english.keys()
        assert all(texts.values())
        for key, text in english.items():
            assert sorted(part.split("}")[0] for part in text.split("{")[1:]) == sorted(
                part.split("}")[0] for part in texts[key].split("{")[1:]
            ), (language, key)
    parts = {key.rsplit(".", 1)[0] for key in english}
    for path in Path(catalogue.__file__).parent.glob("*.py"):
        for key in re.findall(
            r'"((?:set|lines|speak|create|voices|models|inspect|compare|convert)\.[a-z_.]+)"', path.read_text()
        ):
            assert key in english or key in parts, key


def test_what_the_library_says_is_translated() -> None:
    """Translations are found by the English sentence: one that is reworded must not lose them unseen."""
    package = Path(catalogue.__file__).parents[2]
    said = {
        node.value
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    known = catalogue.sentences("zh")
    assert len(known) > 90
    assert known.keys() <= said, sorted(known.keys() - said)
    for language in set(catalogue.LANGUAGES) - {"en"}:
        texts = catalogue.sentences(language)
        assert texts.keys() == known.keys()
        for english, text in texts.items():
            assert set(re.findall(r"{\w+", text)) <= set(re.findall(r"{\w+", english)), english
            assert not re.search(r"[A-Z][a-z]+ [a-z]+ [a-z]+", text), text  # nothing left in English


def test_errors_are_told_in_the_page_language() -> None:
    with pytest.raises(VoiceError) as missing:
        voices.get("nobody")
    assert "没有叫 'nobody' 的声音" in catalogue.explain("zh", missing.value)
    assert "Known are: english-woman" in catalogue.explain("en", missing.value)
    other = AudioError("Something {odd}.", hint="Look.")
    assert catalogue.explain("ja", other) == "この音声は使えません：Something {odd}. Look."
    assert catalogue.explain("en", other) == str(other)
    short = buzz(0.2)
    assert "只有 0.2 秒" in clips.card(short, inspect(short), "zh")
    quiet = Audio(buzz(5).samples * 0.01, 24000)
    assert "LUFS" in clips.card(quiet, inspect(quiet), "ko")
    assert "very quiet" not in clips.card(quiet, inspect(quiet), "ko")
    codes = {error.code for error in [errors.SovitsError, *_below(errors.SovitsError)]}
    assert all(f"error.{code}" in catalogue.catalogue("en") for code in codes)


def _below(kind: type[errors.SovitsError]) -> list[type[errors.SovitsError]]:
    return [found for child in kind.__subclasses__() for found in (child, *_below(child))]


def test_handlers_tell_their_errors(tts: TTS) -> None:
    import gradio as gr

    def fail(path: str) -> str:
        raise TextError("There is nothing to say.") if path else ValueError("<b>")

    found = []
    with gr.Blocks():
        page = Page(tts, language=gr.Dropdown(["en", "zh"]))
        box, button = gr.Textbox(), gr.Button()
        page.on(lambda fn, inputs, outputs, **settings: found.append((fn, inputs)), fail, box, box)
        page.on(button.click, fail, [page.language], box)
    call, inputs = found[0]
    assert inputs == [box, page.language]
    with pytest.raises(gr.Error, match="没有要说的文字"):
        call("x", "zh")
    with pytest.raises(gr.Error, match="Something went wrong in the program"):
        call("", "made up")


def test_one_speaker_or_two() -> None:
    one = buzz(8)
    assert "sounds like one speaker" in clips.card(one, inspect(one), "en")
    rng = np.random.default_rng(0)
    noise = Audio(np.convolve(rng.normal(size=4 * 24000), np.ones(8) / 8, "same").astype(np.float32) * 0.2, 24000)
    other = Audio(buzz(4, f0=240, seed=1).samples + noise.samples * 0.2, 24000)
    two = join([buzz(4), other])
    assert "perhaps two speakers" in clips.card(two, inspect(two), "en")
    tiny = buzz(2.6)
    padded = join([tiny, Audio(np.zeros(24000, np.float32) + 1e-4, 24000)])
    assert "too short to tell" in clips.card(padded, inspect(padded), "en")


def test_every_field_has_a_label_and_a_help(tts: TTS) -> None:
    import gradio as gr

    kinds = (gr.Textbox, gr.Dropdown, gr.Slider, gr.Number, gr.Radio, gr.Checkbox)
    fields = [block for block in build(tts).blocks.values() if isinstance(block, kinds) and block.visible != "hidden"]
    assert len(fields) > 40
    for field in fields:
        assert field.label, field
        assert field.info or field.elem_id == "sv-language", field.label  # which is small, in the page's corner


@pytest.mark.parametrize(("header", "code"), [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("fr, ko;q=0.5", "ko"), ("", "en")])
def test_page_language_follows_the_browser(header: str, code: str) -> None:
    assert catalogue.preferred(header) == code


def test_subtitles_are_read_and_placed() -> None:
    first, second = speech.cues(SRT)
    assert (first.text, first.start, second.text, second.start) == ("Hello there.", 2.0, "And again.", 2.5)
    sound = Audio(np.ones(16000, np.float32) * 0.1, 16000)
    lines = [Line(cue.text, 0.0, [Take(sound, 1)], start=cue.start) for cue in (first, second)]
    audio, times = speech.whole(lines)
    assert times == [(2.0, 3.0), (3.0, 4.0)]  # the second waits for the first
    assert audio.seconds == 4.0
    assert not audio.samples[:32000].any()
    assert speech.cues(speech.subtitles(lines, times))[1].start == 3.0


@pytest.mark.parametrize("text", ["", "  \n", "a" * (speech.MAX_TEXT + 1)])
def test_texts_that_cannot_be_spoken(text: str) -> None:
    with pytest.raises(TextError):
        speech.cues(text)


def test_lines_join_to_what_synthesize_gives(tts: TTS) -> None:
    voice = tts.voice("english-woman")
    options = SynthesisOptions(seed=3, retries=0, batch_size=1, cut="cut5")
    text = "Hello there, my friend, how are you."
    lines = list(speech.speak(tts, voice, text, options))
    assert len(lines) > 1
    audio, times = speech.whole(lines)
    expected = tts.synthesize(text, voice, options=options).audio
    assert abs(len(audio) - len(expected)) <= len(lines)
    assert len(times) == len(lines)


def test_one_sentence_again_keeps_the_best(tts: TTS) -> None:
    voice = tts.voice("english-woman")
    options = SynthesisOptions(seed=3, retries=0)
    line = next(speech.speak(tts, voice, "Hello.", options))
    made = list(speech.regenerate(tts, voice, line, "Hello.", options, count=2))
    assert len(line.takes) == 3
    assert line.take is speech.best(made)
    again = tts.synthesize("Hello.", voice, options=SynthesisOptions(seed=line.take.seed, retries=0)).audio
    assert np.array_equal(again.samples, line.take.audio.samples)  # the seed that is shown is reusable
    list(speech.regenerate(tts, voice, line, "Bye.", options))
    assert (line.text, len(line.takes)) == ("Bye.", 1)


def test_bad_uploads_get_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "fake.wav"
    path.write_text("not a sound", encoding="utf-8")
    with pytest.raises(AudioError, match="cannot be read as sound") as error:
        clips.read_clip(path)
    assert str(tmp_path) not in str(error.value)
    long = tmp_path / "long.wav"
    Audio(np.zeros(int(4000 * (clips.MAX_SECONDS + 1)), np.float32), 4000).save(long)
    with pytest.raises(AudioError, match="longer than 20 minutes"):
        clips.read_clip(long)
    short = buzz(0.2)
    assert "0.2 s long" in clips.card(short, inspect(short), "en")


def test_a_clip_is_shown_with_its_window() -> None:
    audio = buzz(5)
    report = inspect(audio)
    card = clips.card(audio, report, "zh")
    assert "sv-window" in card
    assert "sv-badge" in card
    assert "Hz" in clips.plain_words(report, "ko")
    assert "polyline" in clips.spectrum(audio, report, "ja")


def test_files_of_a_window_go_with_it(home: Path) -> None:
    session, other = Session(), Session()
    session.lines = [Line("Hi.", 0.0, [Take(buzz(1), 1)])]
    for kind in speaking.FORMATS:
        sound, subtitles = speaking.write_files(session, kind)
        assert Audio.load(sound).seconds == pytest.approx(1, abs=0.1)
        assert "Hi." in subtitles.read_text(encoding="utf-8")
    assert session.file("a").parent != other.file("a").parent
    session.clean()
    assert not sound.exists()


def test_voices_are_renamed_but_not_the_bundled(tts: TTS) -> None:
    voices.add(tts.voice("english-woman"), "mine")
    voices.rename("mine", "yours")
    assert [entry.name for entry in voices.entries() if not entry.bundled] == ["yours"]
    with pytest.raises(VoiceError):
        voices.rename("english-woman", "hers")
    assert "CC0" in voices_tab.facts(voices.get("yours"), False, "en")


def test_others_need_a_password() -> None:
    check_access("127.0.0.1", False, "")
    check_access("0.0.0.0", True, "long enough")
    for host, share, password in (("0.0.0.0", False, ""), ("127.0.0.1", True, "short"), ("example.org", False, "")):
        with pytest.raises(ConfigError, match="password"):
            check_access(host, share, password)
    assert run(["webui", "--host", "0.0.0.0"]) == 2


def test_a_password_is_asked_for(tts: TTS) -> None:
    import httpx

    blocks, url = serve(tts, password="long enough", block=False)
    try:
        login = f"{url}login"
        assert httpx.get(f"{url}config", timeout=60).status_code == 401
        assert httpx.post(login, data={"username": "sovits", "password": "wrong"}, timeout=60).status_code == 400
        assert httpx.post(login, data={"username": "sovits", "password": "long enough"}, timeout=60).status_code == 200
    finally:
        blocks.close()


@pytest.fixture
def address(tts: TTS) -> Iterator[str]:
    blocks, url = serve(tts, block=False)
    yield url
    blocks.close()


def test_two_windows_get_their_own(address: str) -> None:
    import httpx
    from gradio_client import Client

    windows = [Client(address, verbose=False, httpx_kwargs={"timeout": 60}) for _ in range(2)]
    jobs = [
        window.submit(voice, None, "", "auto", "Hello there.", "en", None, "", 0.5, *DRAWER, api_name="/generate")
        for window, voice in zip(windows, ("english-woman", "mandarin-man"), strict=True)
    ]  # fmt: skip
    sounds = [json.loads(job.result(timeout=60)[0])["src"] for job in jobs]
    assert all(sound.startswith("data:audio/wav;base64,") and len(sound) > 5000 for sound in sounds)
    assert sounds[0] != sounds[1]
    # A path that a visitor makes up, past the page's own upload, is not opened.
    secret = str(voices.find("english-woman").path)
    forged = [{"path": secret, "meta": {"_type": "gradio.FileData"}}]
    given = ["english-woman", None, "", "auto", "Hi.", "en", forged, "", 0.5, *DRAWER]
    call = f"{address}gradio_api/call/generate"
    event = httpx.post(call, json={"data": given}, timeout=60).json()["event_id"]
    answer = httpx.get(f"{call}/{event}", timeout=60).text
    assert "event: error" in answer
    assert "data:audio" not in answer


def test_a_new_clip_never_speaks_with_the_last_ones_voice(tts: TTS) -> None:
    page, session = Page(tts), Session(clip=buzz(5))
    given = ("english-woman", "", "", "auto")
    first = speaking.current_speaker(page, session, *given).voice
    assert speaking.current_speaker(page, session, *given).voice is first
    session.forget_clip()
    session.clip = buzz(6, f0=200)
    assert speaking.current_speaker(page, session, *given).voice.audio.seconds > first.audio.seconds
    session.forget_clip()
    assert speaking.current_speaker(page, session, *given).voice.name == "english-woman"


def test_extra_clips_outlive_the_clip_and_go_with_the_window(tts: TTS, tmp_path: Path) -> None:
    page, session = Page(tts), Session()
    extra = buzz(4).save(tmp_path / "extra.wav")
    drawer.with_timbre(page, session, SynthesisOptions(), [str(extra)], "", 0.5)
    session.forget_clip()
    assert extra.exists()
    session.clean()
    assert not extra.exists()


def test_more_clips_and_another_voice_share_the_timbre(tts: TTS, tmp_path: Path) -> None:
    page, session = Page(tts), Session()
    clips_of_it = [str(buzz(4, f0=f0).save(tmp_path / f"{f0}.wav")) for f0 in (150, 160)]
    plain = SynthesisOptions()
    made = drawer.with_timbre(page, session, plain, clips_of_it, "mandarin-man", 0.4)
    assert [round(share, 3) for _, share in made.timbre] == [0.2, 0.2, 0.4]  # the voice itself keeps 0.2
    again = drawer.with_timbre(page, session, plain, clips_of_it, "", 0.4)
    assert [round(share, 3) for _, share in again.timbre] == [0.333, 0.333]
    assert again.timbre[0][0] is made.timbre[0][0]  # clips are prepared once
    assert drawer.with_timbre(page, session, plain, None, "", 0.5).timbre == ()
    with pytest.raises(ConfigError, match="extra clips"):
        drawer.with_timbre(page, session, plain, clips_of_it * 5, "", 0.5)


def test_a_corrected_reading_stays_with_its_sentence(tts: TTS) -> None:
    voice, options = tts.voice("mandarin-man"), SynthesisOptions(seed=3, retries=0)
    line = next(speech.speak(tts, voice, "银行<yin2 hang2>在哪里？", options))
    assert (line.text, line.source) == ("银行在哪里？", "银行<yin2 hang2>在哪里？")
    list(speech.regenerate(tts, voice, line, "银行<yin2 xing2>在哪里？", options))
    assert (line.text, len(line.takes)) == ("银行在哪里？", 1)  # another reading drops the takes of the old one
    assert "x ing2" in speech.phonemes(tts, line.source, "auto")


def test_a_tuned_voice_brings_its_model_and_a_path_brings_nothing(tts: TTS, tmp_path: Path) -> None:
    page = Page(tts)
    assert page.model_for("english-woman") is tts
    for wrong in (str(tmp_path), "../../etc", "/etc/passwd"):
        with pytest.raises(VoiceError, match="no voice called"):
            page.model_for(wrong)


def test_a_tuned_voice_brings_its_styles_and_what_it_prefers(tts: TTS, tmp_path: Path) -> None:
    facts = VoiceFacts(defaults={"speed": 1.5, "top_k": 5, "retries": 2})
    clip, angry = tts.voice(buzz(4)), tts.voice(buzz(5, f0=200))
    write_package(
        Made("alice", str(write_model(tmp_path / "base")), facts, clip, {"angry": angry}, Candidate(), {}, "a run"), tts
    )
    page, session = Page(tts), Session()
    shown = page.styles("alice")
    assert (shown["choices"], shown["value"], shown["visible"]) == (["normal", "angry"], "normal", True)
    assert page.styles("english-woman")["visible"] is False

    def seconds(style: str) -> float:
        return speaking.current_speaker(page, session, "alice", style, "", "auto").voice.audio.seconds

    assert seconds("angry") > seconds("normal") + 0.5
    fields = dict(zip(drawer.NAMES, drawer.taken_over(page, session, "alice"), strict=True))
    assert (fields["speed"]["value"], fields["top_k"]["value"]) == (1.5, 5)
    assert "value" not in fields["pitch"]  # the visitor's own choice stays
    options = drawer.make_options(DRAWER, drawer.preferences("alice"))
    assert (options.speed, options.retries) == (1, 2)  # the drawer decides; what has no field there is taken over
    fields = dict(zip(drawer.NAMES, drawer.taken_over(page, session, "english-woman"), strict=True))
    assert (fields["speed"]["value"], fields["top_k"]["value"]) == (1, tts.spec.sampling.top_k)
    assert "value" not in fields["pause"]


def test_two_clips_are_compared(tts: TTS) -> None:
    judge, clip = comparing.StyleVectors(tts), buzz(4)
    table = comparing.comparison(
        judge, clip, shift_pitch(clip, 3), "en", ("inspect.clip.label", "inspect.second.label")
    )
    assert "-3.0 st" in table or "-2.9 st" in table
    assert "Likeness of the voices" in table
    assert "Likeness" not in comparing.comparison(judge, clip, clip.cut(0, 0.02), "en", ("convert.made",) * 2)


def test_a_clip_gets_another_pitch_loudness_and_timbre(tts: TTS) -> None:
    page, clip = Page(tts), buzz(4)
    louder = inspect_tab.changed(page, clip, 2.0, -30.0, "", 0.5)
    assert louder.loudness() == pytest.approx(-30, abs=0.5)
    mixed = inspect_tab.changed(page, clip, 0.0, None, "mandarin-man", 0.5)
    assert mixed.seconds == pytest.approx(clip.seconds, abs=0.2)
    with pytest.raises(ConfigError):
        inspect_tab.changed(page, clip, 20.0, None, "", 0.0)


def test_models_are_listed_and_only_files_of_the_folder_converted(tts: TTS) -> None:
    table = models_tab.table(tts, "ko")
    assert "v2ProPlus" in table
    assert 'data-label="' in table
    models_tab.incoming().mkdir(parents=True)
    (models_tab.incoming() / "a.ckpt").write_bytes(b"no model")
    assert models_tab.files(".ckpt") == ["a.ckpt"]
    for gpt, vits in (("../a.ckpt", "a.pth"), ("a.ckpt", None)):
        with pytest.raises(ConfigError, match=r"\.ckpt and a \.pth"):
            models_tab.make_model(gpt, vits, "mine")


def test_a_download_that_is_not_allowed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("sovits_tts.assets.folders", lambda: [])
    with pytest.raises(DownloadError, match="by hand"):
        list(models_tab.fetching("v2"))
