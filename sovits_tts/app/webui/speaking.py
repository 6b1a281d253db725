"""What the Speak tab asks for and shows, as plain values."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import gradio as gr

from sovits_tts import voices
from sovits_tts.app.webui import speech
from sovits_tts.app.webui.catalogue import LANGUAGES, say
from sovits_tts.app.webui.layout import samples
from sovits_tts.app.webui.session import Line, Session
from sovits_tts.options import SynthesisOptions
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

FORMATS = ("wav", "mp3", "flac", "ogg")


def make_options(
    language: str, seed: int | None, speed: float, pause: float, temperature: float, top_k: int, top_p: float,
    repetition: float, cut: str, batch: int,
) -> SynthesisOptions:  # fmt: skip
    """What the drawer says; no seed, or one below 0, draws a new one. Raises ConfigError out of range."""
    number = speech.new_seed() if seed is None or seed < 0 else int(seed)
    return SynthesisOptions(
        language=language, seed=number, speed=speed, pause=pause, temperature=temperature, top_k=int(top_k),
        top_p=top_p, repetition_penalty=repetition, cut=cut, batch_size=int(batch),
    )  # fmt: skip


def bundled(language: str) -> str:
    """The name of the bundled voice for a page in this language."""
    return voices.bundled_for(language).name


def fitting(voice: Voice, text: str) -> str:
    """The text to say: the visitor's own, else a sample sentence in the voice's language."""
    if text.strip() and text not in {say(code, "speak.sample") for code in LANGUAGES}:
        return text
    return say(voice.language, "speak.sample")


def current_voice(tts: TTS, session: Session, name: str, transcript: str, language: str) -> Voice:
    """The visitor's clip if there is one, else the voice of this name; prepared once for each of them."""
    key = (id(session.clip) if session.clip else name, transcript, language)
    if session.voice is None or session.voice_key != key:
        if session.clip is not None:
            session.voice = tts.voice(session.clip, transcript, language)
        else:
            known = voices.get(name)
            changed = (transcript.strip(), language) != (known.text, known.language) and transcript.strip()
            session.voice = tts.voice(known, transcript, language) if changed else tts.voice(known)
        session.voice_key = key
    return session.voice


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


def line_view(tts: TTS, lines: list[Line], index: int | None, language: str) -> tuple[Any, ...]:
    """Player, takes, text and phonemes of one sentence."""
    if index is None or not 0 <= index < len(lines):
        return None, gr.update(choices=[], value=None), "", ""
    line = lines[index]
    takes = [
        (say(language, "lines.one", n=n + 1, seed=take.seed, seconds=take.audio.seconds)
         + (f" ⚠ {', '.join(take.problems)}" if take.problems else ""), n)
        for n, take in enumerate(line.takes)
    ]  # fmt: skip
    return (
        samples(line.take.audio), gr.update(choices=takes, value=line.chosen), line.text,
        speech.phonemes(tts, line.text, "auto"),
    )  # fmt: skip


def write_files(session: Session, kind: str) -> list[Path]:
    """The joined sound and its subtitles, in the visitor's folder."""
    audio, times = speech.whole(session.lines)
    sound = audio.save(session.file(f"speech.{kind}"), overwrite=True)
    subtitles = session.file("speech.srt")
    subtitles.write_text(speech.subtitles(session.lines, times), encoding="utf-8")
    return [sound, subtitles]
