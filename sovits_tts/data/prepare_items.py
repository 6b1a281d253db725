"""What a worker does with one item: a recording into clips, a transcript into phonemes. Plain data in and out."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from sovits_tts.activity import Segment
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel, load_model
from sovits_tts.data.quality import measure_match, measure_sound
from sovits_tts.data.separate import SeparateSettings, separator
from sovits_tts.data.slicing import SliceSettings, by_level, slice_recording
from sovits_tts.data.timbre import timbre
from sovits_tts.data.transcribe import FasterWhisper
from sovits_tts.errors import AudioError, SovitsError, TextError
from sovits_tts.text.frontend import read
from sovits_tts.text.symbols import PUNCTUATION
from sovits_tts.transcript import align_transcript

_WHOLE = 20.0  # seconds: a longer clip is not kept whole, even if its transcript cannot be cut
_LEAST_VOICE = 0.5  # seconds, below which nobody can be recognised


@lru_cache(maxsize=1)  # a worker process loads its model once
def _model(source: str) -> LoadedModel:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)  # the workers share the cores
    return load_model(source)


def cut_item(facts: dict[str, Any]) -> dict[str, Any]:
    """A recording, or a stretch of one, into clips under OUT/clips, measured; and what was left out, with why."""
    path, out = Path(facts["path"]), Path(facts["out"])
    left_out: list[dict[str, Any]] = []
    clips: list[dict[str, Any]] = []
    try:
        audio = Audio.load_span(path, facts["start"], facts["end"])
        if "separate" in facts:
            audio = separator(SeparateSettings(**facts["separate"])).vocals(audio)
    except AudioError as error:
        return {"clips": [], "left_out": [_lost(facts, 0.0, None, error.message)]}
    stem = re.sub(r"[^\w-]+", "_", path.stem)[:40]
    for number, (part, text) in enumerate(_parts(audio, facts, left_out)):
        piece = audio.cut(part.start, part.end)
        if facts["sample_rate"]:
            piece = piece.resample(facts["sample_rate"])
        name = f"{stem}-{facts['key'][:10]}-{number:03}"
        saved = piece.save(out / "clips" / f"{name}.flac", overwrite=True)
        vector: list[float] = timbre(piece).tolist() if piece.seconds >= _LEAST_VOICE and piece.peak > 1e-4 else []
        clips.append({
            "id": name, "path": f"clips/{saved.name}", "speaker": facts["speaker"], "language": facts["language"],
            "text": text, "source": str(path), "start": round(facts["start"] + part.start, 3),
            "end": round(facts["start"] + part.end, 3), "sound": asdict(measure_sound(piece)),
            "vector": [round(float(x), 5) for x in vector],
        })  # fmt: skip
    return {"clips": clips, "left_out": left_out}


def read_item(facts: dict[str, Any]) -> dict[str, Any]:
    """A clip's transcript into phonemes, held against its sound; or "error": why it cannot be read."""
    model = _model(facts["model"])
    try:
        sentence = read(facts["text"], facts["language"], model.spec.symbols)
    except TextError as error:
        return {"error": f"Its transcript cannot be read: {error.message}"}
    unknown = sorted({run.language for run in sentence.runs} - set(model.spec.languages))
    if unknown:
        return {"error": f"The model does not speak {', '.join(unknown)}, which its transcript is in."}
    spoken = [i for p, i in zip(sentence.phonemes, sentence.ids, strict=True) if p not in PUNCTUATION]
    if not spoken:
        return {"error": "Its transcript has nothing to speak."}
    match = measure_match(model, Audio.load(Path(facts["out"]) / facts["path"]), spoken, facts["speech_seconds"])
    return {
        "phonemes": list(sentence.phonemes), "ids": list(sentence.ids),
        "runs": [{"language": run.language, "text": run.text, "phonemes": len(run.ids),
                  "per_char": None if run.per_char is None else list(run.per_char)} for run in sentence.runs],
        "match": asdict(match), "text_warnings": [warning.message for warning in sentence.warnings],
    }  # fmt: skip


def hear_item(facts: dict[str, Any]) -> dict[str, Any]:
    """What a recogniser makes of a clip that came without a transcript."""
    heard = _recogniser(facts["whisper"]).transcribe(Audio.load(Path(facts["out"]) / facts["path"]), facts["language"])
    return asdict(heard)


@lru_cache(maxsize=1)
def _recogniser(folder: str) -> FasterWhisper:
    return FasterWhisper(Path(folder))


def _parts(audio: Audio, facts: dict[str, Any], left_out: list[dict[str, Any]]) -> Iterator[tuple[Segment, str]]:
    """Stretches to keep, each with the part of the transcript that it says."""
    settings = SliceSettings(**facts["slices"])
    text = facts["text"]
    if text and audio.seconds <= settings.longest:
        yield _trimmed(audio, settings.edge), text
        return
    slices = slice_recording(audio, settings)
    left_out += [_lost(facts, part.start, part.end, why) for part, why in slices.left_out]
    if not text:
        yield from ((part, "") for part in slices.kept)
        return
    try:
        known = align_transcript(_model(facts["model"]), audio, text, facts["language"])
        cuts = [(part, known.cut(part.start, part.end)) for part in slices.kept]
    except SovitsError as error:
        left_out.append(_lost(facts, 0.0, None, error.message))
        return
    if not any(cut.text for _, cut in cuts) and audio.seconds <= _WHOLE:
        left_out.clear()  # nothing is lost after all
        yield _trimmed(audio, settings.edge), text
        return
    for part, cut in cuts:
        if cut.text:
            yield part, cut.text
        else:
            left_out.append(_lost(facts, part.start, part.end, f"Its part of the transcript is unsure: {cut.reason}"))


def _trimmed(audio: Audio, edge: float) -> Segment:
    speech = by_level(audio)
    if not speech:
        return Segment(0.0, audio.seconds)
    return Segment(max(0.0, speech[0].start - edge), min(audio.seconds, speech[-1].end + edge))


def _lost(facts: dict[str, Any], start: float, end: float | None, why: str) -> dict[str, Any]:
    last = facts["end"] if end is None else round(facts["start"] + end, 2)
    return {"source": facts["path"], "start": round(facts["start"] + start, 2), "end": last, "why": why}
