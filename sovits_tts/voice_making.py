"""A voice as a model takes it: the best part of a recording, the features of one model, mixed timbres."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sovits_tts.assets import EMBEDDED, embedded_model
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel, load_model
from sovits_tts.clip import SILENT_DB, Window, best_windows
from sovits_tts.errors import ReferenceAudioError, VoiceError
from sovits_tts.features import bert_features, prompt_tokens, style
from sovits_tts.models.reference import Reference
from sovits_tts.models.vits import Style
from sovits_tts.specs import ModelSpec
from sovits_tts.text.frontend import read
from sovits_tts.text.presplit import SPLITS
from sovits_tts.transcript import align_transcript
from sovits_tts.voice import MAX_TEXT, MOST_FURTHER, Voice, VoiceFeatures, fingerprint, seconds_of

_FURTHER_RATE = 48_000  # Hz at most, so that a file stays small
SHORTEST_FURTHER = 1.0  # seconds of one further recording
_FURTHER_CLIPS = 64
_FINAL = frozenset("。.！!？?…")
_OPEN = ",，、;；:： "  # a prompt cut in mid-sentence ends like a sentence: that is what the models heard


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
    if len(text) > MAX_TEXT:
        raise VoiceError(f"The transcript has {len(text)} characters; at most {MAX_TEXT} are allowed.")
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
        notes.append(f"It sounds like {len(known_too)} further recordings too, {seconds_of(known_too):.1f} s.")
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
        left = MOST_FURTHER - seconds_of(kept)
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
    return voice.audio.seconds / seconds_of(voice.recordings)


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
