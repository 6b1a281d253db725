"""From chunks of speech to a sound file and the facts about it: what `say` and `convert` have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_tts.app.cli import console
from sovits_tts.progress import Event

if TYPE_CHECKING:
    from sovits_tts.tts import TTS, Chunk
    from sovits_tts.voice import Voice


def write_speech(
    chunks: Iterable[Chunk], output: Path, force: bool, told: Callable[[list[Chunk]], Event]
) -> tuple[list[Chunk], dict[str, Any]]:
    """Let the chunks be made, save them as one file, and say what it holds.

    told: the event after a chunk, from those there are
    """
    from sovits_tts.audio import Audio, join

    done: list[Chunk] = []
    begun = time.perf_counter()
    with console.progress() as on_event:
        for chunk in chunks:
            done.append(chunk)
            on_event(told(done))
    spent = time.perf_counter() - begun
    audio = join([Audio(chunk.samples, chunk.sample_rate) for chunk in done])
    audio.save(output, overwrite=force)
    return done, {
        "path": str(output),
        "seconds": audio.seconds,
        "sample_rate": audio.sample_rate,
        "real_time_factor": spent / max(audio.seconds, 1e-9),
    }


def who_spoke(tts: TTS, voice: Voice | None, given: str | None, seed: int) -> dict[str, Any]:
    """The facts about model and voice. given: the voice as the command line names it"""
    return {
        "model": tts.spec.name,
        "voice": (voice.name or given) if voice else "bundled",
        "seed": seed,
        "notes": list(voice.notes) if voice else [],
    }


def tell(facts: dict[str, Any], json: bool) -> None:
    """The facts of `write_speech` and `who_spoke`, and of every sentence where there are some."""
    if json:
        console.show_json(facts)
        return
    for remark in facts["notes"]:
        console.note(remark)
    for sentence in facts.get("sentences", ()):
        for warning in sentence["warnings"]:
            console.note(f"Warning: {warning}")
        if sentence["failed"]:
            console.note(f"Warning: this may not be right ({', '.join(sentence['problems'])}): {sentence['text']}")
    console.note(f"{facts['seconds']:.2f} s of sound, real-time factor {facts['real_time_factor']:.2f}")
    console.show(facts["path"])
