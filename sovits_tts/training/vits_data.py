"""Batches for the waveform stage of `mini`: short crops at phoneme boundaries, and a voice sample from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_tts.audio import Audio
from sovits_tts.data.contours import Contours
from sovits_tts.data.corpus import Corpus
from sovits_tts.data.pieces import Piece, SpeakerSampler
from sovits_tts.data.tokens import TokenStore
from sovits_tts.errors import DataError
from sovits_tts.mel import spectrogram
from sovits_tts.models.source import MIDDLE
from sovits_tts.pitch import FRAME_RATE, pitch
from sovits_tts.specs import VITSConfig
from sovits_tts.training.precision import Precision

_UNTOLD = 0.1  # of the crops: synthesis must also do without positions, where nothing can align
_MOST_DRAWS = 50  # for one crop: too short, or of a speaker who says nothing else
NARROW = 8.5  # kHz: a recording that holds nothing above this must not teach what treble sounds like


@dataclass(frozen=True)
class VITSBatch:
    """What a step of the VITS stage reads. Rows are padded on the right with zeros."""

    wave: Tensor  # (B, 1, T * hop)
    spec: Tensor  # (B, n_bins, T)
    spec_lengths: Tensor  # (B,) frames
    phonemes: Tensor  # (B, P)
    phoneme_lengths: Tensor  # (B,)
    tokens: Tensor  # (B, S)
    style_spec: Tensor | None  # (B, n_bins, R) of what gives the voice; None: the clip itself
    style_lengths: Tensor | None  # (B,)
    narrow: Tensor  # (B,) bool: compare only below 8 kHz
    # only for the networks that ask
    pitch: Tensor | None = field(default=None, kw_only=True)  # (B, 2, T) as `models.source` takes it
    spoken: Tensor | None = field(default=None, kw_only=True)  # (B, S) phoneme that each token speaks, -1 unknown

    def inputs(self, precision: Precision) -> dict[str, Tensor | None]:
        """Arguments of the network in training, on its device."""
        to, into = precision.device, precision.input
        return {
            "spec": into(self.spec), "spec_lengths": self.spec_lengths.to(to), "phonemes": self.phonemes.to(to),
            "phoneme_lengths": self.phoneme_lengths.to(to), "tokens": self.tokens.to(to),
            "style_spec": None if self.style_spec is None else into(self.style_spec),
            "style_lengths": None if self.style_lengths is None else self.style_lengths.to(to),
            "pitch": None if self.pitch is None else self.pitch.to(to),
            "spoken": None if self.spoken is None else self.spoken.to(to),
        }  # fmt: skip


def frame_pitch(waves: Tensor, config: VITSConfig) -> Tensor:
    """The pitch of recordings, (B, T * hop) -> (B, 2, T); see `contour_frames`."""
    contours = [pitch(Audio(wave.numpy(), config.sample_rate)) for wave in waves]
    return contour_frames(contours, waves.shape[1] // config.hop, config)


def contour_frames(contours: list[NDArray[np.float32]], n_frames: int, config: VITSConfig) -> Tensor:
    """Hz at FRAME_RATE, 0 unvoiced -> (B, 2, n_frames): octaves above the middle, in a line through what is unvoiced;
    voiced or not. Past the end of a contour nothing is voiced."""
    wanted = ((np.arange(n_frames) + 0.5) * config.hop / config.sample_rate * FRAME_RATE).round().astype(int)
    out = torch.zeros(len(contours), 2, n_frames)
    for row, contour in zip(out, contours, strict=True):
        at = np.minimum(wanted, len(contour) - 1)
        voiced = np.flatnonzero(contour)
        if len(voiced):
            octaves = np.interp(at, voiced, np.log2(contour[voiced] / MIDDLE))
            row[0] = torch.from_numpy(octaves)
            row[1] = torch.from_numpy((contour[at] > 0) & (wanted <= len(contour)))  # rounding may pass the end by one
    return out


@dataclass(frozen=True)
class Crop:
    wave: NDArray[np.float32]
    tokens: NDArray[np.int64]
    phonemes: NDArray[np.int64]
    spoken: NDArray[np.int64]  # per token, -1 unknown
    style: NDArray[np.float32]
    narrow: bool
    contour: NDArray[np.float32]  # Hz at FRAME_RATE; empty where nobody asks


class VITSData:
    """Draws crops of `shortest`..`longest` seconds, speaker by speaker.

    contours: pitch of the corpus, for a decoder with a source; longest_style: seconds of what gives the voice
    """

    def __init__(
        self,
        corpus: Corpus,
        pieces: list[Piece],
        store: TokenStore,
        config: VITSConfig,
        indices: list[int],
        contours: Contours | None = None,
        items: int = 8,
        shortest: float = 1.0,
        longest: float = 3.0,
        seed: int = 9,
        longest_style: float = 4.0,
    ) -> None:
        self.corpus, self.config, self.contours = corpus, config, contours
        self.pieces = [pieces[i] for i in indices]
        self.tokens = [store[i] for i in indices]
        self.items, self.shortest, self.longest, self.seed = items, shortest, longest, seed
        self.token_samples, self.longest_style = config.hop * config.token_frames, longest_style
        self.sampler = SpeakerSampler(self.pieces)

    def batch(self, step: int) -> VITSBatch:
        rng = np.random.default_rng((self.seed, step))
        crops: list[Crop] = []
        for _ in range(_MOST_DRAWS * self.items):
            crop = self._draw(rng)
            if crop is not None:
                crops.append(crop)
            if len(crops) == self.items:
                return self._collate(crops, rng)
        raise DataError("Hardly a speaker of the corpus has two pieces.", hint="Train on more recordings of each.")

    def _audio(self, piece: Piece, first: int, count: int) -> NDArray[np.float32]:
        """`count` samples at the model's rate from sample `first` of the piece, zeros past the clip's end."""
        rate = self.config.sample_rate
        clip = self.corpus.by_id[piece.clip]
        start = (round(piece.start * rate) + first) / rate
        wave = self.corpus.audio(clip, rate, start, start + count / rate)[:count]
        return np.pad(wave, (0, count - len(wave)))

    def _draw(self, rng: np.random.Generator) -> Crop | None:
        speaker, index = self.sampler.draw(rng)
        piece, tokens = self.pieces[index], self.tokens[index]
        first, last = self._span(piece, len(tokens), rng)
        begin, end = self._tokens_of(piece, first, last, len(tokens))
        if end - begin < self.shortest * self.config.sample_rate / self.token_samples:
            return None
        wave = self._audio(piece, begin * self.token_samples, (end - begin) * self.token_samples)
        style = self._style_wave(speaker, index, begin, end, len(tokens), rng)
        if style is None:
            return None
        clip = self.corpus.by_id[piece.clip]
        contour = np.zeros(0, np.float32)
        if self.contours is not None:
            start = piece.start + begin * self.token_samples / self.config.sample_rate
            contour = self.contours.cut(clip, start, start + len(wave) / self.config.sample_rate)
        phonemes = np.array(piece.phonemes[first:last])
        spoken = piece.spoken(len(tokens), self.config.sample_rate // self.token_samples)[begin:end] - first
        spoken = spoken.clip(0, len(phonemes) - 1)
        if rng.random() < _UNTOLD:
            spoken[:] = -1
        return Crop(wave, tokens[begin:end], phonemes, spoken, style, clip.bandwidth < NARROW, contour)

    def _span(self, piece: Piece, n_tokens: int, rng: np.random.Generator) -> tuple[int, int]:
        """First and one past the last phoneme of a random crop."""
        n = len(piece.phonemes)
        if piece.seconds <= self.longest:
            return 0, n
        latest = next(
            i for i in range(n - 1, -1, -1) if piece.times[-1][1] - piece.times[i][0] >= self.longest * 0.8 or i == 0
        )
        first = int(rng.integers(0, latest + 1))
        last = first + 1
        while last < n and piece.times[last][1] - piece.times[first][0] <= self.longest:
            last += 1
        return first, last

    def _tokens_of(self, piece: Piece, first: int, last: int, n_tokens: int) -> tuple[int, int]:
        rate = self.config.sample_rate / self.token_samples
        begin = 0 if first == 0 else int(piece.times[first][0] * rate)
        end = n_tokens if last == len(piece.phonemes) else min(n_tokens, int(np.ceil(piece.times[last - 1][1] * rate)))
        return begin, end

    def _style_wave(
        self, speaker: int, index: int, begin: int, end: int, n_tokens: int, rng: np.random.Generator
    ) -> NDArray[np.float32] | None:
        """2 s and more of the same voice saying something else: another piece, or the larger rest of this one. None
        where the speaker said nothing else: a prior that hears the target itself learns to copy it."""
        seconds = rng.uniform(2.0, self.longest_style)
        wanted = int(seconds * self.config.sample_rate)
        before, after = begin * self.token_samples, (n_tokens - end) * self.token_samples
        other = self.sampler.draw_from(speaker, rng)
        if (other == index or rng.random() < 0.5) and max(before, after) > self.config.sample_rate:
            start = 0 if before >= after else end * self.token_samples
            return self._audio(self.pieces[index], start, min(wanted, max(before, after)))
        if other == index:
            return None
        total = int(self.pieces[other].seconds * self.config.sample_rate)
        start = int(rng.integers(0, max(1, total - wanted)))
        return self._audio(self.pieces[other], start, min(wanted, total))

    def _collate(self, crops: list[Crop], rng: np.random.Generator) -> VITSBatch:
        c = self.config
        n_tokens = max(len(crop.tokens) for crop in crops)
        n_frames = n_tokens * c.token_frames
        wave = torch.zeros(len(crops), 1, n_frames * c.hop)
        spec = torch.zeros(len(crops), c.n_bins, n_frames)
        tokens = torch.zeros(len(crops), n_tokens, dtype=torch.long)
        spoken = torch.full((len(crops), n_tokens), -1)
        phonemes = torch.zeros(len(crops), max(len(crop.phonemes) for crop in crops), dtype=torch.long)
        styles = [spectrogram(torch.from_numpy(crop.style), c.n_fft, c.hop, c.win)[0] for crop in crops]
        style = torch.zeros(len(crops), c.n_bins, max(s.shape[1] for s in styles))
        highest = int(8000 / (c.sample_rate / 2) * (c.n_bins - 1))
        for i, crop in enumerate(crops):
            one = spectrogram(torch.from_numpy(crop.wave), c.n_fft, c.hop, c.win)[0]
            if not crop.narrow and rng.random() < 0.5:
                one[highest:] = 0  # the decoder must learn treble from the voice, not from the posterior
            wave[i, 0, : len(crop.wave)] = torch.from_numpy(crop.wave)
            spec[i, :, : one.shape[1]] = one
            tokens[i, : len(crop.tokens)] = torch.from_numpy(crop.tokens)
            spoken[i, : len(crop.spoken)] = torch.from_numpy(crop.spoken)
            phonemes[i, : len(crop.phonemes)] = torch.from_numpy(crop.phonemes)
            style[i, :, : styles[i].shape[1]] = styles[i]
        return VITSBatch(
            wave, spec, torch.tensor([len(crop.tokens) * c.token_frames for crop in crops]),
            phonemes, torch.tensor([len(crop.phonemes) for crop in crops]), tokens,
            style, torch.tensor([s.shape[1] for s in styles]), torch.tensor([crop.narrow for crop in crops]),
            pitch=contour_frames([crop.contour for crop in crops], n_frames, c) if self.contours else None,
            spoken=spoken if c.follows_text else None,
        )  # fmt: skip
