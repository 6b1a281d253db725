"""A prepared data set as a model reads it: made once for each clip, by the same functions as a voice, and kept.

In the prepared folder: work/features/<key>.safetensors, named by the clip, its text, the model and the way of making.

So nothing is done twice, a killed run goes on where it was, and another model makes files of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel, load_model, read_model
from sovits_tts.data.batching import upstream_vits_padding
from sovits_tts.data.quality import measure_sound
from sovits_tts.device import choose
from sovits_tts.errors import AudioError, DataError, TextError
from sovits_tts.features import (
    CONTENT_RATE,
    content_wave,
    leveled,
    prompt_tokens,
    semantic_tokens,
    spoken_phonemes,
    style_wave,
    transcript_ids,
)
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.resample import resample
from sovits_tts.specs import ModelSpec

FORMAT = 2  # raised whenever a clip's features would differ
ROWS = "rows.jsonl"
NARROW = 8500.0  # Hz: a recording that holds nothing above this must not teach what treble sounds like


@dataclass(frozen=True)
class TuneRow:
    """A clip to train on. key: of its features file; tokens, phonemes, samples: how many it has."""

    id: str
    key: str
    speaker: str
    language: str
    text: str
    path: Path
    seconds: float
    tokens: int
    phonemes: int
    samples: int
    narrow: bool


@dataclass(frozen=True)
class ClipFeatures:
    """What the networks read of one clip, on the CPU.

    wave:      (N,) float32 at the model's rate, at the training level
    tokens:    (S,) semantic tokens; tail: (S',) the same and those of the silence that follows a prompt
    phonemes:  (P,) ids; spoken: (S',) index of the phoneme in each token, None where the model cannot align
    bert:      (P, d_bert) or None for zeros
    speaker:   (d_speaker,) verification vector, for models that use one
    padded:    (S'',) tokens of content features that were padded to the whole spectrogram; exact features only
    """

    wave: Tensor
    tokens: Tensor
    tail: Tensor
    phonemes: Tensor
    spoken: Tensor | None
    bert: Tensor | None
    speaker: Tensor | None
    padded: Tensor | None = None


@dataclass(frozen=True)
class TuneData:
    """The clips of a data set, made for one model. Rows are in the order of the data set.

    left_out: clip id -> why it cannot be used
    """

    folder: Path  # of the features
    model: str  # as it was given
    spec: ModelSpec
    fingerprint: str  # of the model
    rows: tuple[TuneRow, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def split(self, share: float) -> tuple[list[int], list[int]]:
        """Indices of the rows to train on, and of those held out: about `share`, none of fewer than four clips.

        Which ones depends on their ids alone, and a smaller share holds out a part of a larger one.
        """
        count = max(1, round(share * len(self.rows))) if share and len(self.rows) > 3 else 0
        order = sorted(range(len(self.rows)), key=lambda i: hashlib.sha256(self.rows[i].id.encode()).hexdigest())
        return sorted(order[count:]), sorted(order[:count])

    def load(self, index: int) -> ClipFeatures:
        """Read one clip's features. Raises DataError when the file is gone."""
        row = self.rows[index]
        try:
            found = load_file(self.folder / f"{row.key}.safetensors")
        except (SafetensorError, OSError) as error:
            raise DataError(f"The features of {row.id} cannot be read: {error}.", hint="Make them again.") from error
        long = {
            name: found[name].long() for name in ("tokens", "tail", "phonemes", "spoken", "padded") if name in found
        }
        return ClipFeatures(
            found["wave"].float() / 32767, long["tokens"], long["tail"], long["phonemes"], long.get("spoken"),
            found.get("bert"), found.get("speaker"), long.get("padded"),
        )  # fmt: skip

    @cached_property
    def key(self) -> str:
        """Of all features together."""
        return _key([self.fingerprint, *(row.key for row in self.rows)])


def extract_features(
    prepared: Path, model: str, *, device: str = "auto", exact: bool = False, on_event: OnEvent = silent
) -> TuneData:
    """The features of every row of a prepared data set, as `model` reads them.

    prepared: the folder that `prepare` wrote; model: as for `TTS.load`
    exact:    features as upstream makes them
    Clips that cannot be read, or whose text the model cannot speak, are left out and reported. Raises DataError when
    there are no rows, or none can be used.
    """
    rows = _read_rows(Path(prepared) / ROWS)
    checkpoint = read_model(model)
    folder = Path(prepared) / "work" / "features"
    folder.mkdir(parents=True, exist_ok=True)
    maker: _Maker | None = None
    done: list[TuneRow] = []
    left_out: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        path = Path(prepared) / row["path"]
        try:
            key = _key([FORMAT, checkpoint.fingerprint, exact, _content(path), row["text"], row["language"]])
            facts = _facts(folder / f"{key}.safetensors")
            if facts is None:
                maker = maker or _Maker(model, device, exact)
                facts = maker.make(path, row, folder / f"{key}.safetensors")
            done.append(TuneRow(row["id"], key, row["speaker"], row["language"], row["text"], path, **facts))
        except (AudioError, TextError, DataError, OSError) as error:
            left_out[row["id"]] = str(error)
        on_event(Event("features", number, len(rows), "clips", values={"left_out": len(left_out)}))
    if not done:
        name, why = next(iter(left_out.items()))
        raise DataError(f"No clip can be used. {name}: {why}", hint="Look at the transcripts and the languages.")
    return TuneData(folder, model, checkpoint.spec, checkpoint.fingerprint, tuple(done), left_out)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"{path} is missing.", hint="Run `sovits-tts prepare` first.") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}.", hint="Run `sovits-tts prepare` again.") from error
    wanted = {"id", "path", "speaker", "language", "text"}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not wanted <= row.keys():
            raise DataError(f"Line {number} of {path} is no row of a data set.", hint="Run `sovits-tts prepare` again.")
    if not rows:
        raise DataError(f"{path} has no rows.", hint="Every clip was left out: see transcripts.tsv beside it.")
    return rows


class _Maker:
    """The networks that read a clip, loaded when the first one is needed."""

    def __init__(self, source: str, device: str, exact: bool) -> None:
        self.model, self.exact = load_model(source), exact
        place = choose(device).device
        for network in (self.model.content_encoder, self.model.vits, self.model.bert, self.model.speaker):
            if network is not None:
                network.to(place).requires_grad_(False)

    @torch.no_grad()
    def make(self, path: Path, row: dict[str, Any], target: Path) -> dict[str, Any]:
        """Write the features of one clip and return the facts of its row."""
        model, exact = self.model, self.exact
        known = {*model.spec.languages, "auto"}  # asked first: reading another language may need a package
        unknown = sorted({row["language"]} - known)
        if not unknown:
            phonemes, bert, languages = transcript_ids(model, row["text"], row["language"], exact=exact)
            unknown = sorted(languages - known)
        if unknown:
            raise DataError(f"The model does not speak {', '.join(unknown)}, which its transcript is in.")
        audio = Audio.load(path)
        level = leveled(audio, model.spec)
        wave = style_wave(level, model.spec.vits.sample_rate)
        tail, own = prompt_tokens(model, audio, exact=exact)
        tensors = {
            "wave": (wave[0].clamp(-1, 1) * 32767).round().to(torch.int16),
            "tokens": semantic_tokens(model, level).int() if exact else tail[:own].int(),
            "tail": tail.int(), "phonemes": phonemes.int(),
        }  # fmt: skip
        if not len(tensors["tokens"]):
            raise DataError("The clip is too short.")
        if exact:
            tensors["padded"] = padded_tokens(model, level, wave.shape[-1] // model.spec.vits.hop).int()
        spoken = spoken_phonemes(model, audio, phonemes.tolist(), len(tail))
        if spoken is not None:
            tensors["spoken"] = spoken.int()
        if bert is not None:
            tensors["bert"] = bert.float()
        if model.speaker is not None:
            at_16k = resample(wave, model.spec.vits.sample_rate, CONTENT_RATE)[0]
            tensors["speaker"] = model.speaker.vector(at_16k.to(next(model.speaker.parameters()).device)).float().cpu()
        facts = {
            "seconds": round(audio.seconds, 3), "tokens": len(tensors["tokens"]), "phonemes": len(phonemes),
            "samples": wave.shape[-1], "narrow": measure_sound(audio).bandwidth_hz < NARROW,
        }  # fmt: skip
        partial = target.with_name(f".{token_hex(8)}.part")
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial, {"row": json.dumps(facts)})
        partial.replace(target)
        return facts


def padded_tokens(model: LoadedModel, audio: Audio, frames: int) -> Tensor:
    """Tokens (S,) that cover a spectrogram of so many frames, made as upstream's training of the VITS stage makes them.

    Of the content features, where there are fewer, the last is repeated once; zeros follow.
    """
    content = model.content_encoder(content_wave(audio).to(next(model.content_encoder.parameters()).device)).float()
    if content.shape[-1] != frames:
        content = F.pad(content, (0, 1), mode="replicate")
    return model.vits.tokenize(F.pad(content, (0, upstream_vits_padding(frames) - content.shape[-1])))[0].cpu()


def _facts(path: Path) -> dict[str, Any] | None:
    """What was written beside the features; None where they are not there, or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["row"])
            return facts
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:24]
