"""A voice: a few seconds of somebody speaking, what they say, and what a model reads from it. Immutable and savable.

A `.voice` file is one safetensors file with JSON in its header: numbers and text, nothing that could run.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Sequence
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

from sovits_tts.assets import EMBEDDED, embedded_model
from sovits_tts.audio import Audio
from sovits_tts.balance import Balance, balance
from sovits_tts.checkpoints.build import LoadedModel, load_model
from sovits_tts.clip import SILENT_DB, Window, best_windows
from sovits_tts.errors import AudioError, ReferenceAudioError, VoiceError
from sovits_tts.features import bert_features, prompt_tokens, style
from sovits_tts.models.reference import Reference
from sovits_tts.models.source import MIDDLE, pitch_spread
from sovits_tts.models.vits import Style
from sovits_tts.pitch import pitch
from sovits_tts.specs import ModelSpec
from sovits_tts.text.frontend import read
from sovits_tts.text.presplit import SPLITS
from sovits_tts.transcript import align_transcript

FORMAT = 1
FEATURES = 1  # raised whenever features.py or the reading of text changes what it makes of a clip
_MAX_BYTES = 64 << 20
_MAX_SECONDS = 60.0
_MOST_FURTHER = 60.0  # of further recordings: what is looked up is kept in memory and compared with every frame
_FURTHER_RATE = 48_000  # Hz at most, so that a file stays small
SHORTEST_FURTHER = 1.0  # seconds of one
_FURTHER_CLIPS = 64
_MAX_TEXT = 2000  # characters
_VOICED = 20  # frames of 10 ms: fewer say too little about a voice's pitch
_FINAL = frozenset("。.！!？?…")
_OPEN = ",，、;；:： "  # a prompt cut in mid-sentence ends like a sentence: that is what the models heard


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


def make_voice(
    model: LoadedModel,
    audio: Audio,
    text: str = "",
    language: str = "auto",
    *,
    name: str = "",
    consent: str = "",
    licence: str = "",
    more: Iterable[Audio] = (),
) -> Voice:
    """The best 3 to 10 s of a recording as a voice, with the part of its transcript that they say.

    more: further recordings of the same speaker
    Raises ReferenceAudioError for a recording that cannot serve, TextError for a transcript that cannot be read,
    VoiceError where the model needs a transcript and there is none.
    """
    text = " ".join(text.split())
    if len(text) > _MAX_TEXT * 10:
        raise VoiceError(f"The transcript has {len(text)} characters; at most {_MAX_TEXT * 10} are allowed.")
    windows = best_windows(audio)
    window, notes = windows[0], []
    if text and not window.whole:
        known = align_transcript(aligner(model), audio, text, language)
        cuts = [known.cut(each.start, each.end) for each in windows]
        window, cut = next(((w, c) for w, c in zip(windows, cuts, strict=True) if c.text), (window, cuts[0]))
        text = cut.text
        notes.append(f"It says: {text}" if text else f"Speaking without a prompt, because {cut.reason}.")
    elif not text:
        notes.append("Speaking without a prompt, because the clip came without a transcript.")
    notes.insert(0, _window_note(audio, window))
    known_too = further(more)
    if known_too:
        notes.append(f"It sounds like {len(known_too)} further recordings too, {_total(known_too):.1f} s.")
    part = audio.cut(window.start, window.end)
    part = Audio(part.samples.copy(), part.sample_rate)  # a view would keep the whole recording in memory
    return adopt(model, Voice(part, text, language, name, consent, licence, tuple(notes), more=known_too))


def further(recordings: Iterable[Audio]) -> tuple[Audio, ...]:
    """What a voice keeps of further recordings: in their order, until 60 s are full; the last may be cut.

    Raises ReferenceAudioError for one that is silent or shorter than 1 s.
    """
    kept: list[Audio] = []
    for number, audio in enumerate(recordings, 1):
        if audio.seconds < SHORTEST_FURTHER or audio.peak_db < SILENT_DB:
            what = f"{audio.seconds:.1f} s long" if audio.seconds < SHORTEST_FURTHER else "silent"
            raise ReferenceAudioError(f"Further recording {number} is {what}.", hint="Leave it out.")
        left = _MOST_FURTHER - _total(kept)
        if left < SHORTEST_FURTHER or len(kept) == _FURTHER_CLIPS:
            break
        part = audio.cut(0.0, min(left, audio.seconds)).resample(min(audio.sample_rate, _FURTHER_RATE))
        kept.append(Audio(part.samples.copy(), part.sample_rate))  # a view would keep the whole recording in memory
    return tuple(kept)


def adopt(model: LoadedModel, voice: Voice, *, exact: bool = False) -> Voice:
    """The voice with features for this model: its own if they fit, else made now.

    exact: made as upstream makes them. Raises VoiceError where the model needs a transcript and there is none.
    """
    if not voice.text and not model.spec.reference_free:
        raise VoiceError(
            f"The model {model.spec.name} needs to know what the clip says.", hint="Give the transcript of the clip."
        )
    known = voice.features
    if not exact and known is not None and known.fits(model) and known.more == voice.more_key:
        return voice
    tokens, own = prompt_tokens(model, voice.audio, exact=exact)
    sounds = _sounds(model, voice, exact=exact)
    phonemes, bert = _read_prompt(model, voice, exact)
    made = VoiceFeatures(
        fingerprint(model) if not exact else "",
        tokens, own, phonemes, bert, sounds.vector[0, :, 0].float().cpu(), sounds.text[0, :, 0].float().cpu(),
        None if sounds.reference is None else sounds.reference.latent[0].float().cpu(), voice.more_key,
    )  # fmt: skip
    return replace(voice, features=made)


def _sounds(model: LoadedModel, voice: Voice, *, exact: bool = False) -> Style:
    """How the voice sounds: of its clip, or the mean of all its recordings, with the latents of all to look up in."""
    found = [style(model, audio, exact=exact) for audio in voice.recordings]
    return model.vits.mean_style(found) if voice.more else found[0]


def blend(model: LoadedModel, voice: Voice, others: Sequence[tuple[Voice, float]]) -> Style:
    """The timbre of a voice, adopted already, with a share of others: the weighted mean of their style vectors.

    others: voices with shares whose sum is at most 1; `voice` has the rest
    """
    assert voice.features is not None
    like = model.vits.style_encoder.projection.weight
    own = voice.features.style_for(like)
    vector, text = own.vector, own.text
    if not others:
        return own
    heard = [(own.reference, (1 - sum(share for _, share in others)) * _per_frame(voice))]
    for other, share in others:
        known = other.features
        usable = known is not None and known.fits(model) and known.more == other.more_key
        sound = known.style_for(like) if known and usable else _sounds(model, other)
        vector, text = vector + share * (sound.vector - own.vector), text + share * (sound.text - own.text)
        heard.append((sound.reference, share * _per_frame(other)))
    parts = [(reference, share) for reference, share in heard if reference is not None and share > 0]
    return Style(vector, text, Reference.blended(parts) if parts else None)


def _per_frame(voice: Voice) -> float:
    """So that all recordings of a voice together weigh in a blend as its clip alone would."""
    return voice.audio.seconds / _total(voice.recordings)


def fingerprint(model: LoadedModel) -> str:
    """Of a model and of the way features are made."""
    return f"{model.fingerprint}/{FEATURES}"


def aligner(model: LoadedModel) -> LoadedModel:
    """What aligns text with sound: the model itself if it can, else the embedded one, where that is installed."""
    if model.content_encoder.ctc_head is None and embedded_model() is not None:
        return load_model(EMBEDDED)
    return model


def _read_prompt(model: LoadedModel, voice: Voice, exact: bool) -> tuple[Tensor, Tensor | None]:
    if not voice.text:
        return torch.zeros(0, dtype=torch.long), None
    text = voice.text if exact else voice.text.rstrip(_OPEN)
    if text[-1:] not in (SPLITS if exact else _FINAL):
        text += "."
    sentence = read(text, voice.language, model.spec.symbols, exact=exact)
    _check_languages(model.spec, {run.language for run in sentence.runs})
    return torch.tensor(sentence.ids), bert_features(model, [sentence.runs])[0]


def _check_languages(spec: ModelSpec, found: set[str]) -> None:
    unknown = sorted(found - set(spec.languages))
    if unknown:
        raise VoiceError(
            "The clip's transcript is in {unknown}, which the model {model} does not speak.",
            hint="It speaks {known}; or leave the transcript out.",
            model=spec.name,
            unknown=", ".join(unknown),
            known=", ".join(spec.languages),
        )


def _window_note(audio: Audio, window: Window) -> str:
    kept = f"{window.start:.1f} to {window.end:.1f} s of {audio.seconds:.1f} s"
    return f"The voice is {kept}: {', '.join(window.reasons)}."


def _total(recordings: Iterable[Audio]) -> float:
    """Seconds."""
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
    if not all(isinstance(value, str) and len(value) <= _MAX_TEXT * 10 for value in texts.values()):
        raise ValueError("one of its texts is too long, or no text")
    tensors = load_tensors(data)
    audio = _recording(tensors["samples"], facts["sample_rate"], _MAX_SECONDS)
    more: list[Audio] = []
    for index, rate in enumerate(facts.get("more", ())):  # files of earlier versions have none
        more.append(_recording(tensors[_more_name(index)], rate, _MOST_FURTHER + 0.1 - _total(more)))
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
