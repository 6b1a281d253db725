"""Thirteen kinds of broken input and what is said of each. `python -m tests.broken_input` prints the table of the docs.

Every kind is made in a folder of its own, beside a good recording.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from sovits_tts.data.manifest import check, read_manifest
from sovits_tts.data.prepare import PrepareConfig, prepare
from tests.tiny_model import speech, write_model

RATE = 24000
TEXT = "Hello there, my friend."


@dataclass(frozen=True)
class Kind:
    """where: "problem" of the input, "left out" while reading it, or the "clip"'s verdict."""

    what: str
    make: Callable[[Path], None]
    where: str
    said: str


def clip(folder: Path, wave: np.ndarray | None = None, text: str = TEXT, subtype: str = "PCM_16") -> Path:
    soundfile.write(folder / "b.wav", speech(3, seed=2).samples if wave is None else wave, RATE, subtype=subtype)
    (folder / "b.lab").write_text(text, encoding="utf-8")
    return folder / "b.wav"


def raw(folder: Path, data: bytes) -> None:
    (folder / "b.wav").write_bytes(data)


def half_a_flac(folder: Path) -> None:
    speech(3, seed=2).save(folder / "b.flac")
    data = (folder / "b.flac").read_bytes()
    (folder / "b.flac").write_bytes(data[: len(data) // 2])
    (folder / "b.lab").write_text(TEXT, encoding="utf-8")


def a_list(folder: Path, data: str | bytes) -> None:
    good = b"good.wav|me|EN|Hello there, my friend.\n"
    (folder / "rows.list").write_bytes(good + (data if isinstance(data, bytes) else data.encode()))


def not_a_number(folder: Path) -> None:
    wave = speech(3, seed=2).samples.copy()
    wave[RATE] = np.nan
    clip(folder, wave, subtype="FLOAT")


KINDS = [
    Kind("text under the name of a recording", lambda d: raw(d, b"no sound at all " * 99), "problem",
         "b.wav: it cannot be read as audio (Format not recognised)."),
    Kind("an empty file", lambda d: raw(d, b""), "problem", "b.wav: the file is empty."),
    Kind("a FLAC file that breaks off", half_a_flac, "left out",
         "b.flac cannot be read as audio: Error : flac decoder lost sync."),
    Kind("a clip of a tenth of a second", lambda d: clip(d, speech(0.1).samples) and None, "problem",
         "b.wav is 0.10 s long; 0.6 s is the least."),
    Kind("silence", lambda d: clip(d, np.zeros(3 * RATE)) and None, "clip",
         "No speech was found in it. It is silent."),
    Kind("a clip that is clipped", lambda d: clip(d, np.clip(speech(3, seed=2).samples * 40, -0.9, 0.9)) and None,
         "clip", "62.8% of it is clipped."),
    Kind("samples that are no numbers", not_a_number, "left out",
         "b.wav holds samples that are not numbers (NaN or infinity)."),
    Kind("a .list line whose recording is not there", lambda d: a_list(d, "nobody.wav|me|EN|Hello.\n"), "problem",
         "There is no recording 'nobody.wav'."),
    Kind("a .list line with too few fields", lambda d: a_list(d, "good.wav|Hello.\n"), "problem",
         "The line has 2 of 4 fields (path|speaker|language|text)."),
    Kind("a .list line in a language nobody knows", lambda d: a_list(d, "good.wav|me|XX|Hello.\n"), "problem",
         "There is no language 'XX'."),
    Kind("one recording in two .list lines", lambda d: a_list(d, "good.wav|me|EN|Hello again.\n"), "problem",
         "good.wav stands in line 1 already."),
    Kind("a list that is no UTF-8", lambda d: a_list(d, b"good.wav|me|EN|\xff\xff\x81\n"), "problem",
         "This is neither UTF-8 nor GB 18030 text."),
    Kind("a transcript that says more than its clip", lambda d: clip(d, text=TEXT * 5) and None, "clip",
         "phonemes per second: the text says more than the clip."),
]  # fmt: skip


def said(kind: Kind, folder: Path, model: str) -> str:
    """Make it beside a good recording, look at it as a user would, and return what is said of it."""
    folder.mkdir(parents=True)
    speech(3, seed=1).save(folder / "good.wav")
    (folder / "good.lab").write_text(TEXT, encoding="utf-8")
    kind.make(folder)
    if kind.where == "problem":  # --check shows it
        return " ".join(problem.cause for problem in check(read_manifest(folder)))
    made = prepare(folder, folder.with_name(f"{folder.name} out"), PrepareConfig(model=model, language="en"))
    if kind.where == "left out":
        return " ".join(entry["why"].replace(f"{folder}{os.sep}", "") for entry in made.report["left_out"])
    reasons = [reason for clip in made.clips if Path(clip["source"]).stem == "b" for reason in clip["reasons"]]
    return " ".join(
        reason for reason in reasons if "were heard" not in reason
    )  # a model of random weights hears nothing


def table() -> str:
    """Markdown, with what is really said."""
    rows = ["| input | where it shows | message |", "| --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as name:
        model = str(write_model(Path(name) / "model"))
        for number, kind in enumerate(KINDS):
            message = said(kind, Path(name) / str(number), model).replace("|", "\\|")
            rows.append(f"| {kind.what} | {kind.where} | {message} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
