"""Batches for the fine-tuning of the VITS stage: whole clips, and for each a clip that gives the voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from sovits_tts.data.batching import upstream_vits_padding
from sovits_tts.errors import DataError
from sovits_tts.mel import spectrogram
from sovits_tts.models.frames import starts_at
from sovits_tts.models.matching import DRAWS, spread_times, starts
from sovits_tts.training.precision import Precision
from sovits_tts.training.tune_config import VALIDATED, VITSTune
from sovits_tts.training.tune_data import ClipFeatures, TuneData
from sovits_tts.training.tune_plan import Plan, share_of, similar_length, upstream_vits
from sovits_tts.training.vits_batch import VITSBatch, frame_pitch

_SECONDS = (0.6, 54.0)  # shorter and longer clips are left out
_STYLE_SECONDS = 5.0  # at most, of the clip that gives the voice


@dataclass(frozen=True)
class VITSTuneBatch(VITSBatch):
    """This process's rows of a batch, all that is random in them, and the part of the whole batch that they are."""

    speaker: Tensor | None  # (B, d_speaker) of the clip that gives the voice
    noise: Tensor  # (B, d_latent, T) of the posterior
    slice_start: Tensor  # (B,) first frame that is decoded
    row_share: float = 1.0  # rows here over rows in the mean process
    frame_share: float = 1.0
    # as `models.matching` takes them, for a flow that is one
    matching_time: Tensor | None = field(default=None, kw_only=True)  # (B, K)
    matching_noise: Tensor | None = field(default=None, kw_only=True)  # (B, K, d_latent, T)
    finish_from: Tensor | None = field(default=None, kw_only=True)  # (B,); None: the decoder speaks the recording's own

    def inputs(self, precision: Precision) -> dict[str, Tensor | None]:
        return super().inputs(precision) | {
            "speaker": None if self.speaker is None else precision.input(self.speaker),
            "noise": precision.input(self.noise), "slice_start": self.slice_start.to(precision.device),
            "matching_time": None if self.matching_time is None else self.matching_time.to(precision.device),
            "finish_from": None if self.finish_from is None else self.finish_from.to(precision.device),
            "matching_noise": None if self.matching_noise is None else self.matching_noise.to(precision.device),
        }  # fmt: skip


@dataclass(frozen=True)
class _Item:
    clip: ClipFeatures
    voice: ClipFeatures  # the same, or another clip of the speaker
    spec: Tensor  # (n_bins, T)
    style: Tensor | None  # (n_bins, R)
    narrow: bool
    noise: Tensor  # (d_latent, T)
    start: int
    moments: tuple[Tensor, Tensor, Tensor] | None  # (K,), (K, d_latent, T) and () for `models.matching`


class VITSTuneData:
    """Those to train on are a function of the step, those held out a list of single clips."""

    def __init__(self, data: TuneData, config: VITSTune, rank: int = 0, size: int = 1) -> None:
        self.data, self.config, self.rank, self.size, self.vits = data, config, rank, size, data.spec.vits
        usable = {i for i, row in enumerate(data.rows) if _SECONDS[0] < row.seconds < _SECONDS[1]}
        train, held = data.split(config.validation)
        self.train, self.held = [i for i in train if i in usable], [i for i in held if i in usable]
        if not self.train:
            raise DataError(
                f"None of the {len(train)} clips can train the VITS stage: they must last {_SECONDS[0]} to "
                f"{_SECONDS[1]:g} s."
            )
        self.mates: dict[str, list[int]] = {}
        for index in self.train:
            self.mates.setdefault(data.rows[index].speaker, []).append(index)
        self.plan: Plan = (
            upstream_vits(
                self.train, [data.rows[i].samples for i in self.train], self.vits.hop, config.batch_size, config.fill
            )
            if config.exact
            else similar_length(
                self.train, [data.rows[i].tokens for i in self.train], config.batch_size, config.fill, config.seed
            )
        )

    def frames(self, index: int) -> int:
        """Of a clip that its tokens cover; exact: all, since the tokens were padded for that."""
        row = self.data.rows[index]
        whole = row.samples // self.vits.hop
        return whole if self.config.exact else min(whole, row.tokens * self.vits.token_frames)

    def batch(self, step: int) -> VITSTuneBatch:
        """Of this process."""
        indices = self.plan(step)
        mine = share_of(len(indices), self.rank, self.size)
        frames = [self.frames(i) for i in indices]
        batch = self._collate([self._item(indices[k], (self.config.seed, step, k)) for k in mine or [0]])
        part = sum(frames[k] for k in mine) / sum(frames)
        return replace(batch, row_share=len(mine) / len(indices) * self.size, frame_share=part * self.size)

    def held_out(self) -> list[VITSTuneBatch]:
        """The held-out clips to validate, each alone, in the voice of a clip to train on where that is asked for."""
        items = (self._item(index, (self.config.seed, 0, index)) for index in self.held[:VALIDATED])
        return [self._collate([item]) for item in items]

    def _item(self, index: int, seed: tuple[int, ...]) -> _Item:
        """Whatever is random comes from `seed`, so that a row is the same in any process."""
        rng, c = np.random.default_rng(seed), self.vits
        clip = voice = self.data.load(index)
        frames = self.frames(index)
        style = None
        if self.config.other_style:
            mates = [i for i in self.mates.get(self.data.rows[index].speaker, self.train) if i != index]
            if mates:
                voice = self.data.load(int(rng.choice(mates)))
            style = self._style(voice.wave, rng)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        noise = torch.randn(c.d_latent, frames, generator=generator)
        place = torch.tensor([rng.random()])
        start = int(starts_at(place, torch.tensor([frames]), self.config.slice_frames))
        spec = spectrogram(clip.wave, c.n_fft, c.hop, c.win)[0][:, :frames]
        narrow = self.config.narrow and not self.config.exact and self.data.rows[index].narrow
        moments = None
        if c.d_matching:
            moments = (
                spread_times(1, DRAWS, generator)[0], torch.randn(DRAWS, *noise.shape, generator=generator),
                starts(1, generator)[0],
            )  # fmt: skip
        return _Item(clip, voice, spec, style, narrow, noise, start, moments)

    def _tokens(self, clip: ClipFeatures) -> Tensor:
        if not self.config.exact:
            return clip.tokens
        if clip.padded is None:
            raise DataError("Exact training needs exact features.", hint="Use extract_features(..., exact=True).")
        return clip.padded

    def _style(self, wave: Tensor, rng: np.random.Generator) -> Tensor:
        """Spectrogram of a stretch of it."""
        c = self.vits
        wanted = min(len(wave), int(_STYLE_SECONDS * c.sample_rate))
        first = int(rng.integers(0, len(wave) - wanted + 1))
        return spectrogram(wave[first : first + wanted], c.n_fft, c.hop, c.win)[0]

    def _collate(self, items: Sequence[_Item]) -> VITSTuneBatch:
        c = self.vits
        frames = [item.spec.shape[1] for item in items]
        longest = upstream_vits_padding(max(frames)) if self.config.exact else max(frames)
        tokens = -(-longest // c.token_frames)
        styles = [item.style for item in items if item.style is not None]
        speakers = [item.voice.speaker for item in items if item.voice.speaker is not None]
        moments = [item.moments for item in items if item.moments is not None]
        waves = [_fit(item.clip.wave[: item.spec.shape[1] * c.hop], longest * c.hop) for item in items]
        return VITSTuneBatch(
            torch.stack(waves)[:, None],
            torch.stack([_fit(item.spec, longest) for item in items]), torch.tensor(frames),
            pad_sequence([item.clip.phonemes for item in items], batch_first=True),
            torch.tensor([len(item.clip.phonemes) for item in items]),
            torch.stack([_fit(self._tokens(item.clip)[:tokens], tokens) for item in items]),
            torch.stack([_fit(s, max(x.shape[1] for x in styles)) for s in styles]) if styles else None,
            torch.tensor([s.shape[1] for s in styles]) if styles else None,
            torch.tensor([item.narrow for item in items]),
            torch.stack(speakers) if speakers else None,
            torch.stack([_fit(item.noise, longest) for item in items]),
            torch.tensor([item.start for item in items]),
            pitch=frame_pitch(torch.stack(waves), c) if c.source else None,
            spoken=torch.stack([_spoken(item.clip, tokens) for item in items]) if c.follows_text else None,
            matching_time=torch.stack([time for time, _, _ in moments]) if moments else None,
            matching_noise=torch.stack([_fit(noise, longest) for _, noise, _ in moments]) if moments else None,
            finish_from=torch.stack([start for *_, start in moments]) if moments and self.config.finish else None,
        )  # fmt: skip


def _spoken(clip: ClipFeatures, n_tokens: int) -> Tensor:
    """(n_tokens,) phoneme that each token speaks, -1 unknown."""
    known = torch.zeros(0, dtype=torch.long) if clip.spoken is None else clip.spoken[: min(n_tokens, len(clip.tokens))]
    return F.pad(known, (0, n_tokens - len(known)), value=-1)


def _fit(x: Tensor, length: int) -> Tensor:
    """Zeros on the right."""
    return F.pad(x, (0, length - x.shape[-1]))
