"""Batches for the waveform stage of `mini`: short crops at phoneme boundaries, and a voice sample from elsewhere.

A batch is planned from texts and times alone, anywhere, and then filled with sound where the recordings lie: in main
memory, or all of them on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_tts.data.batching import pad_rows
from sovits_tts.data.contours import Contours
from sovits_tts.data.corpus import Corpus
from sovits_tts.data.pieces import Piece, SpeakerSampler
from sovits_tts.data.tokens import TokenStore
from sovits_tts.errors import DataError
from sovits_tts.mel import framed_spectrogram
from sovits_tts.specs import VITSConfig
from sovits_tts.training.vits_batch import VITSBatch, contour_frames

_UNTOLD = 0.1  # of the crops: synthesis must also do without positions, where nothing can align
_DULL = 0.5  # of the crops are heard without treble: the decoder must learn it from the voice, not from the posterior
_MOST_DRAWS = 50  # for one crop: too short, or of a speaker who says nothing else
NARROW = 8.5  # kHz: a recording that holds nothing above this must not teach what treble sounds like


@dataclass(frozen=True)
class Span:
    """Samples of the decoded corpus: `there` of them from `first` on, and zeros up to `count`."""

    first: int
    there: int
    count: int


@dataclass(frozen=True)
class Crop:
    wave: Span
    tokens: NDArray[np.int64]
    phonemes: NDArray[np.int64]
    spoken: NDArray[np.int64]  # per token, -1 unknown
    style: Span
    narrow: bool
    dull: bool
    contour: NDArray[np.float32]  # Hz at FRAME_RATE; empty where nobody asks


@dataclass(frozen=True)
class Plan:
    """A batch but for its sound; padded as `VITSBatch`."""

    wave: list[Span]
    style: list[Span]
    tokens: NDArray[np.int64]  # (B, S)
    spoken: NDArray[np.int64]  # (B, S)
    token_lengths: NDArray[np.int64]  # (B,)
    phonemes: NDArray[np.int64]  # (B, P)
    phoneme_lengths: NDArray[np.int64]  # (B,)
    narrow: NDArray[np.bool_]  # (B,)
    dull: NDArray[np.bool_]  # (B,)
    pitch: NDArray[np.float32] | None  # (B, 2, T)


class VITSData:
    """Draws crops of `shortest`..`longest` seconds, speaker by speaker.

    contours: pitch of the corpus, for a decoder with a source; longest_style: seconds of what gives the voice
    device: where batches are filled; anything but "cpu" takes all recordings there
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
        device: str = "cpu",
    ) -> None:
        self.corpus, self.config, self.contours, self._all = corpus, config, contours, (pieces, store)
        self.items, self.shortest, self.longest, self.seed = items, shortest, longest, seed
        self.token_samples, self.longest_style = config.hop * config.token_frames, longest_style
        self._take(indices)
        self.samples = torch.from_numpy(corpus.flat(config.sample_rate)).to(device)

    def _take(self, indices: list[int]) -> None:
        pieces, store = self._all
        self.pieces, self.tokens = [pieces[i] for i in indices], [store[i] for i in indices]
        self.sampler = SpeakerSampler(self.pieces)

    def of(self, indices: list[int]) -> VITSData:
        """Batches of other pieces, from the same recordings where they lie."""
        other = copy(self)
        other._take(indices)
        return other

    def batch(self, step: int) -> VITSBatch:
        return self.fill(self.plan(step))

    def plan(self, step: int) -> Plan:
        rng = np.random.default_rng((self.seed, step))
        crops: list[Crop] = []
        for _ in range(_MOST_DRAWS * self.items):
            crop = self._draw(rng)
            if crop is not None:
                crops.append(crop)
            if len(crops) == self.items:
                return self._plan(crops)
        raise DataError("Hardly a speaker of the corpus has two pieces.", hint="Train on more recordings of each.")

    def _span_of(self, piece: Piece, first: int, count: int) -> Span:
        """`count` samples at the model's rate from sample `first` of the piece."""
        rate = self.config.sample_rate
        clip = self.corpus.by_id[piece.clip]
        length = clip.length[str(rate)]
        begin = min(max(round(piece.start * rate) + first, 0), length)
        return Span(clip.offset[str(rate)] + begin, min(count, length - begin), count)

    def _draw(self, rng: np.random.Generator) -> Crop | None:
        speaker, index = self.sampler.draw(rng)
        piece, tokens = self.pieces[index], self.tokens[index]
        first, last = self._phonemes_of(piece, rng)
        begin, end = self._tokens_of(piece, first, last, len(tokens))
        if end - begin < self.shortest * self.config.sample_rate / self.token_samples:
            return None
        wave = self._span_of(piece, begin * self.token_samples, (end - begin) * self.token_samples)
        style = self._style(speaker, index, begin, end, len(tokens), rng)
        if style is None:
            return None
        clip = self.corpus.by_id[piece.clip]
        contour = np.zeros(0, np.float32)
        if self.contours is not None:
            start = piece.start + begin * self.token_samples / self.config.sample_rate
            contour = self.contours.cut(clip, start, start + wave.count / self.config.sample_rate)
        phonemes = np.array(piece.phonemes[first:last])
        spoken = piece.spoken(len(tokens), self.config.sample_rate // self.token_samples)[begin:end] - first
        spoken = spoken.clip(0, len(phonemes) - 1)
        if rng.random() < _UNTOLD:
            spoken[:] = -1
        narrow = clip.bandwidth < NARROW
        dull = not narrow and rng.random() < _DULL
        return Crop(wave, tokens[begin:end], phonemes, spoken, style, narrow, dull, contour)

    def _phonemes_of(self, piece: Piece, rng: np.random.Generator) -> tuple[int, int]:
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

    def _style(
        self, speaker: int, index: int, begin: int, end: int, n_tokens: int, rng: np.random.Generator
    ) -> Span | None:
        """2 s and more of the same voice saying something else: another piece, or the larger rest of this one. None
        where the speaker said nothing else: a prior that hears the target itself learns to copy it."""
        seconds = rng.uniform(2.0, self.longest_style)
        wanted = int(seconds * self.config.sample_rate)
        before, after = begin * self.token_samples, (n_tokens - end) * self.token_samples
        other = self.sampler.draw_from(speaker, rng)
        if (other == index or rng.random() < 0.5) and max(before, after) > self.config.sample_rate:
            start = 0 if before >= after else end * self.token_samples
            return self._span_of(self.pieces[index], start, min(wanted, max(before, after)))
        if other == index:
            return None
        total = int(self.pieces[other].seconds * self.config.sample_rate)
        start = int(rng.integers(0, max(1, total - wanted)))
        return self._span_of(self.pieces[other], start, min(wanted, total))

    def _plan(self, crops: list[Crop]) -> Plan:
        n_tokens = max(len(crop.tokens) for crop in crops)
        n_frames = n_tokens * self.config.token_frames
        pitch = None
        if self.contours is not None:
            pitch = contour_frames([crop.contour for crop in crops], n_frames, self.config).numpy()
        return Plan(
            [crop.wave for crop in crops], [crop.style for crop in crops],
            pad_rows([crop.tokens for crop in crops], 0), pad_rows([crop.spoken for crop in crops], -1),
            np.array([len(crop.tokens) for crop in crops]),
            pad_rows([crop.phonemes for crop in crops], 0), np.array([len(crop.phonemes) for crop in crops]),
            np.array([crop.narrow for crop in crops]), np.array([crop.dull for crop in crops]), pitch,
        )  # fmt: skip

    def fill(self, plan: Plan) -> VITSBatch:
        """The batch, on the device of the recordings."""
        c = self.config
        wave, spec, _ = self._heard(plan.wave)
        _, style_spec, style_lengths = self._heard(plan.style)
        highest = int(8000 / (c.sample_rate / 2) * (c.n_bins - 1))
        spec[:, highest:] *= ~self._there(plan.dull)[:, None, None]
        return VITSBatch(
            wave[:, None], spec, self._there(plan.token_lengths) * c.token_frames,
            self._there(plan.phonemes), self._there(plan.phoneme_lengths), self._there(plan.tokens),
            style_spec, style_lengths, self._there(plan.narrow),
            pitch=None if plan.pitch is None else self._there(plan.pitch),
            spoken=self._there(plan.spoken) if c.follows_text else None,
        )  # fmt: skip

    def _there(self, values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(values).to(self.samples.device, non_blocking=True)

    def _heard(self, spans: Sequence[Span]) -> tuple[Tensor, Tensor, Tensor]:
        """Waves (B, N), their spectrograms (B, n_bins, T), each of its own length and mirrored at its own ends as
        `spectrogram` does it, and the numbers of frames (B,)."""
        c = self.config
        margin, longest = (c.n_fft - c.hop) // 2, max(span.count for span in spans)
        n_frames = -(-longest // c.hop)
        samples = self.samples.new_zeros(len(spans), n_frames * c.hop + 2 * margin)
        for row, span in zip(samples, spans, strict=True):
            row[margin : margin + span.there] = self.samples[span.first : span.first + span.there]
        waves = samples.float() / 32767
        out = waves[:, margin:-margin].clone()
        count = self._there(np.array([span.count for span in spans]))[:, None]
        beyond = torch.arange(margin, device=count.device)
        waves[:, :margin] = waves[:, margin + 1 : 2 * margin + 1].flip(1)
        waves.scatter_(1, margin + count + beyond, waves.gather(1, margin + count - 2 - beyond))
        spec = framed_spectrogram(waves, c.n_fft, c.hop, c.win)
        lengths = count[:, 0] // c.hop
        spec *= (torch.arange(n_frames, device=lengths.device) < lengths[:, None])[:, None]
        return out, spec, lengths
