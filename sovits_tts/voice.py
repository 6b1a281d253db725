"""A voice: a few seconds of somebody speaking, what they say, and what a model reads from it. Immutable and savable.

A `.voice` file is one safetensors file with JSON in its header: numbers and text, nothing that could run.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from sovits_tts.audio import Audio
from sovits_tts.balance import Balance, balance
from sovits_tts.checkpoints.build import LoadedModel
from sovits_tts.errors import AudioError, VoiceError
from sovits_tts.models.reference import Reference
from sovits_tts.models.source import MIDDLE, pitch_spread
from sovits_tts.models.vits import Style
from sovits_tts.pitch import pitch

FORMAT = 1
FEATURES = 1  # raised whenever features.py or the reading of text changes what it makes of a clip
_MAX_BYTES = 64 << 20
_MAX_SECONDS = 60.0
MOST_FURTHER = 60.0  # seconds of further recordings: what is looked up is kept and compared with every frame
MAX_TEXT = 20_000  # characters
_VOICED = 20  # frames of 10 ms: fewer say too little about a voice's pitch


@dataclass(frozen=True, eq=False)
class VoiceFeatures:
    """What one model reads from a voice.

    fingerprint: of the model and of the way the features are made
    tokens:      (S,) semantic tokens of the clip and of the silence after it; the first `own` are the clip's
    phonemes:    (P,) ids of the transcript, none without one
    bert:        (P, d_bert) or None for zeros
    style:       (d_style,), style_text: (d_mrte,): mean of all recordings
    reference:   (d_latent, R) latents of all recordings, for a prior that attends to them
    more:        `Voice.more_key` of the recordings beside the clip that went in
    """

    fingerprint: str
    tokens: Tensor
    own: int
    phonemes: Tensor
    bert: Tensor | None
    style: Tensor
    style_text: Tensor
    reference: Tensor | None = None
    more: str = ""

    def style_for(self, like: Tensor) -> Style:
        """As the VITS stage takes it, on the device and in the type of `like`."""
        style = Style(self.style.to(like)[None, :, None], self.style_text.to(like)[None, :, None])
        if self.reference is not None:
            latent = self.reference.to(like)[None]
            style.reference = Reference(latent, torch.ones_like(latent[:, :1]))
        return style

    def fits(self, model: LoadedModel) -> bool:
        """Made by this model, and nothing in it out of the model's range: a file may claim anything."""
        spec = model.spec
        return (
            self.fingerprint == fingerprint(model)
            and _in_range(self.tokens, spec.vits.codebook_size)
            and _in_range(self.phonemes, min(spec.gpt.n_phonemes, spec.vits.n_phonemes))
            and 0 <= self.own <= len(self.tokens)
            and self.style.shape == (spec.vits.d_style,)
            and self.style_text.shape == (spec.vits.d_mrte,)
            and (self.reference is not None) == bool(spec.vits.d_reference)
            and (self.reference is None or _frames_of(self.reference, spec.vits.d_latent) > 0)
            and (self.bert is None or self.bert.shape == (len(self.phonemes), spec.gpt.d_bert))
        )


@dataclass(frozen=True, eq=False)
class Voice:
    """A clip of 3 to 10 s and its facts.

    text:     what the clip says; "" where that is not known: then a model speaks without a prompt
    language: of `text`
    consent:  who allowed the use of this voice, and for what; licence: of the recording
    notes:    how the clip was made from what the user gave
    features: of one model; another model makes its own
    more:     further recordings of the speaker: the voice sounds like all of them, the clip alone is the prompt
    """

    audio: Audio
    text: str = ""
    language: str = "auto"
    name: str = ""
    consent: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    features: VoiceFeatures | None = field(default=None, repr=False)
    more: tuple[Audio, ...] = field(default=(), repr=False)

    @property
    def recordings(self) -> tuple[Audio, ...]:
        """The clip, then the further ones."""
        return (self.audio, *self.more)

    @cached_property
    def more_key(self) -> str:
        """Tells the further recordings from others; "" without any."""
        if not self.more:
            return ""
        key = hashlib.sha256()
        for audio in self.more:
            key.update(struct.pack("<II", audio.sample_rate, len(audio)))
            key.update(audio.samples.tobytes())
        return key.hexdigest()[:16]

    @cached_property
    def balance(self) -> Balance:
        """Spectral balance of the clip."""
        return balance(self.audio)

    @cached_property
    def pitch_level(self) -> float | None:
        """Octaves above `source.MIDDLE` of the voice's middle pitch; None where too little is voiced to tell."""
        octaves = self._octaves
        return None if octaves is None else float(np.median(octaves))

    @cached_property
    def pitch_spread(self) -> float | None:
        """How far the voice's melody moves, in octaves (`source.pitch_spread`); None where too little is voiced."""
        octaves = self._octaves
        return None if octaves is None else pitch_spread(torch.from_numpy(octaves))

    @cached_property
    def _octaves(self) -> np.ndarray | None:
        """Of all voiced frames of all recordings."""
        contour = np.concatenate([pitch(audio) for audio in self.recordings])
        voiced = contour[contour > 0]
        return np.log2(voiced / MIDDLE) if len(voiced) >= _VOICED else None

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a `.voice` file, whole or not at all. Raises VoiceError if it exists or cannot be written."""
        path = Path(path)
        if path.suffix != ".voice":
            raise VoiceError(f"A voice is saved as a .voice file, not {path.name!r}.")
        if path.exists() and not overwrite:
            raise VoiceError(f"{path} exists already.", hint="Choose another name, or allow overwriting.")
        temporary = path.with_name(f".{token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(self.encode())
            temporary.replace(path)
        except OSError as error:
            if temporary.exists():
                temporary.unlink()
            raise VoiceError(f"Cannot write {path}: {error}") from error
        return path

    def encode(self) -> bytes:
        """The bytes of a `.voice` file."""
        return save_tensors(self._tensors(), {"voice": json.dumps(self._facts(), ensure_ascii=False)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Voice:
        """Read a `.voice` file. Raises VoiceError when it is missing, too large, damaged, or not a voice."""
        path = Path(path)
        try:
            size = path.stat().st_size
            if size > _MAX_BYTES:
                raise VoiceError(f"{path} has {size >> 20} MB; a voice has at most {_MAX_BYTES >> 20}.")
            data = path.read_bytes()
        except OSError as error:
            raise VoiceError(f"The voice {path} cannot be read: {error}") from error
        return cls.decode(data, str(path))

    @classmethod
    def decode(cls, data: bytes, what: str) -> Voice:
        """A voice from the bytes of a `.voice` file. what: its name in messages. Raises VoiceError as `load` does."""
        try:
            return _parse(data)
        except (SafetensorError, LookupError, TypeError, ValueError, RecursionError, AudioError, struct.error) as error:
            raise VoiceError(f"{what} is damaged or not a voice: {error}", hint="Make the voice again.") from error

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {"samples": torch.tensor(self.audio.samples)}
        tensors |= {_more_name(index): torch.tensor(audio.samples) for index, audio in enumerate(self.more)}
        if self.features:
            made = self.features
            tensors |= {"tokens": made.tokens.int(), "phonemes": made.phonemes.int()}
            tensors |= {"style": made.style.float(), "style_text": made.style_text.float()}
            if made.bert is not None:
                tensors["bert"] = made.bert.float()
            if made.reference is not None:
                tensors["reference"] = made.reference.float()
        return {name: tensor.contiguous().clone() for name, tensor in tensors.items()}

    def _facts(self) -> dict[str, Any]:
        return {
            "format": FORMAT, "sample_rate": self.audio.sample_rate, "text": self.text, "language": self.language,
            "name": self.name, "consent": self.consent, "licence": self.licence, "notes": list(self.notes),
            "fingerprint": self.features.fingerprint if self.features else "",
            "own": self.features.own if self.features else 0,
            "more": [audio.sample_rate for audio in self.more],
            "features_more": self.features.more if self.features else "",
        }  # fmt: skip


def fingerprint(model: LoadedModel) -> str:
    """Of a model and of the way features are made."""
    return f"{model.fingerprint}/{FEATURES}"


def seconds_of(recordings: Iterable[Audio]) -> float:
    """All of them together."""
    return sum(audio.seconds for audio in recordings)


def _more_name(index: int) -> str:
    """Of the tensor in a file."""
    return f"more_{index}"


def _parse(data: bytes) -> Voice:
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    facts = json.loads(header["__metadata__"]["voice"])
    if facts["format"] != FORMAT:
        raise ValueError(f"it has format {facts['format']}, and this version reads {FORMAT}")
    texts = {key: facts[key] for key in ("text", "language", "name", "consent", "licence")}
    if not all(isinstance(value, str) and len(value) <= MAX_TEXT for value in texts.values()):
        raise ValueError("one of its texts is too long, or no text")
    tensors = load_tensors(data)
    audio = _recording(tensors["samples"], facts["sample_rate"], _MAX_SECONDS)
    more: list[Audio] = []
    for index, rate in enumerate(facts.get("more", ())):  # files of earlier versions have none
        more.append(_recording(tensors[_more_name(index)], rate, MOST_FURTHER + 0.1 - seconds_of(more)))
    voice = Voice(audio, notes=tuple(map(str, facts["notes"])), more=tuple(more), **texts)
    return replace(voice, features=_features(tensors, facts)) if facts["fingerprint"] else voice


def _recording(samples: Tensor, rate: int, longest: float) -> Audio:
    """Raises ValueError for what is no float32 audio of at most so many seconds."""
    if samples.dtype != torch.float32 or not len(samples) or len(samples) > longest * rate:
        raise ValueError(f"one of its recordings is no float32 audio of at most {longest:.0f} s")
    return Audio(samples.numpy(), rate)


def _features(tensors: dict[str, Tensor], facts: dict[str, Any]) -> VoiceFeatures:
    integers = {key: tensors[key] for key in ("tokens", "phonemes")}
    floats = {key: tensors[key] for key in ("style", "style_text", "bert", "reference") if key in tensors}
    if any(t.dtype != torch.int32 or t.ndim != 1 for t in integers.values()):
        raise ValueError("its tokens are no list of integers")
    if any(t.dtype != torch.float32 or not torch.isfinite(t).all() for t in floats.values()):
        raise ValueError("its features are no finite float32 numbers")
    return VoiceFeatures(
        str(facts["fingerprint"]), integers["tokens"].long(), int(facts["own"]), integers["phonemes"].long(),
        floats.get("bert"), floats["style"], floats["style_text"], floats.get("reference"),
        str(facts.get("features_more", "")),
    )  # fmt: skip


def _frames_of(latent: Tensor, d_latent: int) -> int:
    """0 for what is no (d_latent, frames)."""
    return latent.shape[1] if latent.ndim == 2 and latent.shape[0] == d_latent else 0


def _in_range(ids: Tensor, size: int) -> bool:
    return not len(ids) or (int(ids.min()) >= 0 and int(ids.max()) < size)
