"""Recordings and text -> what the networks read. A voice and a dataset go through the same functions.

Two resamplers, as in the official training: soxr into the content encoder, windowed sinc into the spectrogram.

exact: the recording as it is, with the official tail; else at the level of the training recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sovits_tts.activity import louder_half
from sovits_tts.alignment import ctc_align
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel
from sovits_tts.errors import DataError
from sovits_tts.mel import spectrogram
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.vits import Style
from sovits_tts.resample import resample
from sovits_tts.specs import ModelSpec
from sovits_tts.text.bert import char_index_per_phoneme, windows
from sovits_tts.text.frontend import Run, read
from sovits_tts.text.presplit import SPLITS
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids

CONTENT_RATE = 16_000  # Hz
PROMPT_SILENCE = 0.3  # seconds of zeros after a prompt: its last word ends before the text begins
OFFICIAL_SILENCE = 0.6  # upstream counts its 0.3 s at 32 kHz, but appends them at 16 kHz
_PEAK = 0.95
_CTC_BLOCK, _CTC_CONTEXT = 20.0, 1.0  # seconds: attention over a whole recording would grow with its square
_PAUSE = 4  # frames of 20 ms after a phoneme, from where on a mark's silence begins
_FINAL = frozenset("。.！!？?…")
_OPEN = ",，、;；:： "  # a transcript cut in mid-sentence ends like a sentence: that is what the models heard
BERT_LANGUAGE = "zh"  # the GPT stage saw BERT features of Mandarin only


def leveled(audio: Audio, spec: ModelSpec) -> Audio:
    """The recording at the level of the training recordings; silence stays as it is.

    Where `spec.speech_level` is given, the louder half gets that RMS. Else the official mix: half of the recording as
    it is, half of it scaled to a peak of 0.95.
    """
    peak = audio.peak
    level = louder_half(audio.samples, audio.sample_rate)
    if level < 1e-5:
        return audio
    gain = (
        min(spec.speech_level / level, _PEAK / peak) if spec.speech_level else 0.5 * (_PEAK / peak + min(1, 1 / peak))
    )
    return Audio(audio.samples * np.float32(gain), audio.sample_rate)


def prompt_tokens(model: LoadedModel, audio: Audio, *, exact: bool = False) -> tuple[Tensor, int]:
    """Semantic tokens (S,) of a recording and of the silence appended to it, and how many are the recording's own."""
    audio = audio if exact else leveled(audio, model.spec)
    tokens = semantic_tokens(model, audio, OFFICIAL_SILENCE if exact else PROMPT_SILENCE)
    own = ContentEncoder.n_frames(len(audio.resample(CONTENT_RATE))) // model.spec.vits.token_frames
    return tokens, min(own, len(tokens))


def semantic_tokens(model: LoadedModel, audio: Audio, tail: float = 0.0) -> Tensor:
    """Semantic tokens (S,) on the CPU of a recording followed by `tail` seconds of silence."""
    wave = content_wave(audio, tail).to(_device(model.content_encoder))
    with torch.no_grad():
        return model.vits.tokenize(model.content_encoder(wave).float())[0].cpu()


def timed_tokens(model: LoadedModel, audio: Audio, phonemes: Sequence[int]) -> tuple[Tensor, Tensor | None]:
    """Semantic tokens (S,) of a recording, and for a VITS stage that follows its text the phoneme of each, if known."""
    tokens = semantic_tokens(model, audio)
    return tokens, spoken_phonemes(model, audio, phonemes, len(tokens)) if model.spec.vits.follows_text else None


def content_wave(audio: Audio, tail: float = 0.0) -> Tensor:
    """(1, N) at 16 kHz, as the content encoder reads it, with `tail` seconds of zeros after it."""
    samples = audio.resample(CONTENT_RATE).samples
    return torch.from_numpy(np.pad(samples, (0, int(tail * CONTENT_RATE))))[None]


def style_wave(audio: Audio, sample_rate: int) -> Tensor:
    """(1, N) at the model's rate, as the style encoder reads it. A peak over 1 is lowered, as upstream does."""
    wave = resample(torch.tensor(audio.samples)[None], audio.sample_rate, sample_rate)
    peak = float(wave.abs().max())
    return wave / min(2.0, peak) if peak > 1 else wave


def style(model: LoadedModel, audio: Audio, *, exact: bool = False) -> Style:
    """The voice of a recording, on the model's device."""
    config = model.spec.vits
    audio = audio if exact else leveled(audio, model.spec)
    weight = model.vits.style_encoder.projection.weight
    wave = style_wave(audio, config.sample_rate)
    spec = spectrogram(wave.to(weight.device), config.n_fft, config.hop, config.win).to(weight.dtype)
    vector = None
    if model.speaker is not None:
        vector = model.speaker.vector(resample(wave, config.sample_rate, CONTENT_RATE)[0]).to(weight)
    with torch.no_grad():
        return model.vits.style(spec, speaker=vector)


def ctc_log_probs(model: LoadedModel, audio: Audio) -> np.ndarray:
    """(T50, ctc_symbols) natural-log probabilities of a recording of any length, from the content encoder's CTC head.

    Symbol 0 is the blank, symbol i + 1 the phoneme with id i. The content encoder must have the head.
    """
    wave = content_wave(leveled(audio, model.spec)).to(_device(model.content_encoder))
    block, context = int(_CTC_BLOCK * CONTENT_RATE), int(_CTC_CONTEXT * CONTENT_RATE)
    hop = CONTENT_RATE // 50
    parts: list[Tensor] = []
    done = 0  # frames
    while True:
        start = max(0, done * hop - context)
        piece = wave[:, start : done * hop + block + context]
        if ContentEncoder.n_frames(piece.shape[1]) == 0:
            break
        with torch.no_grad():
            logits = model.content_encoder.ctc(model.content_encoder.hidden_states(piece)[-1])
        first = done - start // hop
        ends = start + piece.shape[1] == wave.shape[1]
        last = logits.shape[1] if ends else first + block // hop
        parts.append(logits[0, first:last].float().log_softmax(-1).cpu())
        if ends:
            break
        done += block // hop
    return torch.cat(parts).numpy() if parts else np.zeros((0, model.spec.content.ctc_symbols), np.float32)


def spoken_phonemes(model: LoadedModel, audio: Audio, phonemes: Sequence[int], n_tokens: int) -> Tensor | None:
    """(n_tokens,) int64, index of the phoneme that is spoken in the middle of each token, by the encoder's frame head.

    None where the model has no such head, or the text does not fit the recording.
    """
    encoder = model.content_encoder
    if encoder.frame_head is None:
        return None
    marks = {symbol_ids(model.spec.symbols)[mark] for mark in PUNCTUATION}
    sounds = np.array([index for index, phoneme in enumerate(phonemes) if phoneme not in marks])
    wave = content_wave(leveled(audio, model.spec)).to(_device(encoder))
    with torch.no_grad():
        logits = encoder.frame_symbols(encoder.hidden_states(wave)[-1])[0]
    log_probs = logits.float().log_softmax(-1).cpu().numpy()
    try:
        found = ctc_align(log_probs, [phonemes[index] + 1 for index in sounds])
    except DataError:
        return None
    starts = np.zeros(len(phonemes))
    starts[sounds] = found.start
    for index in sorted(set(range(len(phonemes))) - set(sounds.tolist())):  # a mark is the silence after a sound
        after = int(np.searchsorted(sounds, index))
        silence = float(found.end[after - 1]) + _PAUSE if after else 0.0
        starts[index] = min(silence, float(found.start[after])) if after < len(sounds) else silence
    middles = (np.arange(n_tokens) + 0.5) * model.spec.vits.token_frames
    return torch.from_numpy(np.maximum(np.searchsorted(starts, middles, "right") - 1, 0))


def bert_features(model: LoadedModel, sentences: Sequence[Sequence[Run]]) -> list[Tensor | None]:
    """For each sentence (P, d_bert), a row per phoneme, zeros where the language has none; None for nothing but zeros.

    All sentences go through BERT together; runs over 510 characters in windows that overlap.
    """
    if model.bert is None or model.vocabulary is None:
        return [None] * len(sentences)
    reads = [
        (run.text, window) for runs in sentences for run in runs if _has_bert(run) for window in windows(len(run.text))
    ]
    ids = [_char_ids(text[window.start : window.end], model.vocabulary) for text, window in reads]
    rows = iter(model.bert.features(ids))
    width = model.bert.config.d_model
    found: list[Tensor | None] = []
    for runs in sentences:
        parts = []
        for run in runs:
            if not _has_bert(run):
                parts.append(torch.zeros(len(run.ids), width))
                continue
            assert run.per_char is not None
            kept = [next(rows)[w.first - w.start : w.last - w.start] for w in windows(len(run.text))]
            chars = torch.cat(kept).float().cpu()
            parts.append(chars[char_index_per_phoneme(run.per_char)])
        found.append(torch.cat(parts) if any(map(_has_bert, runs)) else None)
    return found


def transcript_ids(
    model: LoadedModel, text: str, language: str, *, exact: bool = False
) -> tuple[Tensor, Tensor | None, set[str]]:
    """What a recording says -> phoneme ids (P,), BERT features or None for zeros, and the languages it is in.

    The text ends like a sentence, as all that the models were trained on. exact: upstream's marks count as an end.
    Raises TextError for a text that cannot be read.
    """
    text = text if exact else text.rstrip(_OPEN)
    if text[-1:] not in (SPLITS if exact else _FINAL):
        text += "."
    sentence = read(text, language, model.spec.symbols, exact=exact)
    return torch.tensor(sentence.ids), bert_features(model, [sentence.runs])[0], {r.language for r in sentence.runs}


def _has_bert(run: Run) -> bool:
    return run.language == BERT_LANGUAGE and run.per_char is not None


def _char_ids(text: str, vocabulary: dict[str, int]) -> Tensor:
    """One id per character, so that rows and characters always agree, between [CLS] and [SEP]."""
    unknown = vocabulary["[UNK]"]
    inner = [vocabulary.get(char.lower(), unknown) for char in text]
    return torch.tensor([vocabulary["[CLS]"], *inner, vocabulary["[SEP]"]])


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
