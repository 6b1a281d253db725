"""What the Speak tab asks for and shows, as plain values."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import clips, speech
from sovits_tts.app.webui.catalogue import LANGUAGES, say
from sovits_tts.app.webui.drawer import taken_over
from sovits_tts.app.webui.layout import Page, samples
from sovits_tts.app.webui.session import Line, Session, Speaker, Take
from sovits_tts.clip import inspect
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

FORMATS = ("wav", "mp3", "flac", "ogg")


def bundled(language: str) -> str:
    """The name of the bundled voice for a page in this language."""
    return voices.bundled_for(language).name


def fitting(voice: Voice, text: str) -> str:
    """The text to say: the visitor's own, else a sample sentence in the voice's language."""
    if text.strip() and text not in {say(code, "speak.sample") for code in LANGUAGES}:
        return text
    return say(voice.language, "speak.sample")


def voice_view(page: Page, session: Session, name: str, text: str, language: str) -> list[Any]:
    """What is shown when a voice is chosen: picture, transcript, its language, text, no clip, styles, the drawer."""
    session.forget_clip()
    found = voices.get(name)
    return [
        clips.card(found.audio, inspect(found.audio), language), found.text, found.language, fitting(found, text), None,
        page.styles(name), *taken_over(page, session, name),
    ]  # fmt: skip


def current_speaker(
    page: Page, session: Session, name: str, style: str | None, transcript: str, language: str
) -> Speaker:
    """The visitor's clip if there is one, else the voice of this name and style; prepared once for each of them."""
    key = (id(session.clip) if session.clip else (name, style), transcript, language)
    if session.speaker is None or session.speaker_key != key:
        if session.clip is not None:
            session.speaker = Speaker(page.tts, page.tts.voice(session.clip, transcript, language))
        else:
            tts, known = page.model_for(name), voices.get(name, style or "")
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
        (say(language, "lines.one", n=n + 1, seed=take.seed, seconds=take.audio.seconds) + _problems(take, language), n)
        for n, take in enumerate(line.takes)
    ]
    return (
        gr.update(value=samples(line.take.audio), autoplay=play), gr.update(choices=takes, value=line.chosen),
        line.source, speech.phonemes(tts, line.source, reading),
    )  # fmt: skip


def _problems(take: Take, language: str) -> str:
    names = ", ".join(say(language, f"problem.{problem}") for problem in take.problems)
    return f" ⚠ {names}" if names else ""


def write_files(session: Session, kind: str) -> list[Path]:
    """The joined sound and its subtitles, in the visitor's folder."""
    audio, times = speech.whole(session.lines)
    sound = audio.save(session.file(f"speech.{kind}"), overwrite=True)
    subtitles = session.file("speech.srt")
    subtitles.write_text(speech.subtitles(session.lines, times), encoding="utf-8")
    return [sound, subtitles]
