"""What the Speak tab asks for and shows, as plain values."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import speech
from sovits_tts.app.webui.catalogue import LANGUAGES, say
from sovits_tts.app.webui.clips import read_clip
from sovits_tts.app.webui.layout import Page, samples
from sovits_tts.app.webui.session import Line, Session, Speaker
from sovits_tts.errors import ConfigError
from sovits_tts.options import SynthesisOptions
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

FORMATS = ("wav", "mp3", "flac", "ogg")
MAX_CLIPS = 8  # extra ones for the timbre


def make_options(
    language: str, seed: int | None, speed: float, pitch: float, loudness: float | None, pause: float,
    temperature: float, top_k: int, top_p: float, repetition: float, cut: str, batch: int,
) -> SynthesisOptions:  # fmt: skip
    """What the drawer says; no seed, or one below 0, draws a new one. Raises ConfigError out of range."""
    number = speech.new_seed() if seed is None or seed < 0 else int(seed)
    return SynthesisOptions(
        language=language, seed=number, speed=speed, pitch=pitch, loudness=loudness, pause=pause,
        temperature=temperature, top_k=int(top_k), top_p=top_p, repetition_penalty=repetition, cut=cut,
        batch_size=int(batch),
    )  # fmt: skip


def with_timbre(
    page: Page, session: Session, options: SynthesisOptions, clips: list[str] | None, mix: str | None, share: float
) -> SynthesisOptions:
    """Extra clips of the same voice count as much as its own; `mix` is another voice with a share of the whole.

    Raises AudioError for a clip that cannot be read, ReferenceAudioError for one that holds no voice.
    """
    paths = tuple(clips or ())
    if len(paths) > MAX_CLIPS:
        raise ConfigError(f"There are {len(paths)} extra clips.", hint=f"At most {MAX_CLIPS} can be used.")
    if session.others[0] != paths:
        session.kept += [Path(path) for path in paths]
        session.others = paths, tuple(page.tts.voice(read_clip(Path(path))) for path in paths)
    share = share if mix else 0.0
    each = (1 - share) / (1 + len(paths))
    timbre = [(voice, each) for voice in session.others[1]]
    if mix and share:
        timbre.append((page.tts.voice(voices.get(mix)), share))
    return replace(options, timbre=tuple(timbre))


def bundled(language: str) -> str:
    """The name of the bundled voice for a page in this language."""
    return voices.bundled_for(language).name


def fitting(voice: Voice, text: str) -> str:
    """The text to say: the visitor's own, else a sample sentence in the voice's language."""
    if text.strip() and text not in {say(code, "speak.sample") for code in LANGUAGES}:
        return text
    return say(voice.language, "speak.sample")


def current_speaker(page: Page, session: Session, name: str, transcript: str, language: str) -> Speaker:
    """The visitor's clip if there is one, else the voice of this name; prepared once for each of them."""
    key = (id(session.clip) if session.clip else name, transcript, language)
    if session.speaker is None or session.speaker_key != key:
        if session.clip is not None:
            session.speaker = Speaker(page.tts, page.tts.voice(session.clip, transcript, language))
        else:
            tts, known = page.model_for(name), voices.get(name)
            changed = transcript.strip() and (transcript.strip(), language) != (known.text, known.language)
            session.speaker = Speaker(tts, tts.voice(known, transcript, language) if changed else tts.voice(known))
        session.speaker_key = key
    return session.speaker


def message(line: Line, number: int) -> str:
    """What the page's player takes: the sentence as a sound of its own."""
    data = base64.b64encode(line.take.audio.encode(".wav")).decode()
    return json.dumps({"n": number, "src": f"data:audio/wav;base64,{data}"})


def titles(lines: list[Line]) -> list[tuple[str, int]]:
    return [
        (f"{number + 1}. {'⚠ ' if line.take.problems else ''}{line.text[:70]} ({line.take.audio.seconds:.1f} s)",
         number)
        for number, line in enumerate(lines)
    ]  # fmt: skip


def line_view(
    tts: TTS, lines: list[Line], index: int | None, language: str, reading: str, play: bool = False
) -> tuple[Any, ...]:
    """Player, takes, text and phonemes of one sentence. reading: language of the text; play: at once."""
    if index is None or not 0 <= index < len(lines):
        return None, gr.update(choices=[], value=None), "", ""
    line = lines[index]
    takes = [
        (say(language, "lines.one", n=n + 1, seed=take.seed, seconds=take.audio.seconds)
         + (f" ⚠ {', '.join(take.problems)}" if take.problems else ""), n)
        for n, take in enumerate(line.takes)
    ]  # fmt: skip
    return (
        gr.update(value=samples(line.take.audio), autoplay=play), gr.update(choices=takes, value=line.chosen),
        line.source, speech.phonemes(tts, line.source, reading),
    )  # fmt: skip


def write_files(session: Session, kind: str) -> list[Path]:
    """The joined sound and its subtitles, in the visitor's folder."""
    audio, times = speech.whole(session.lines)
    sound = audio.save(session.file(f"speech.{kind}"), overwrite=True)
    subtitles = session.file("speech.srt")
    subtitles.write_text(speech.subtitles(session.lines, times), encoding="utf-8")
    return [sound, subtitles]
