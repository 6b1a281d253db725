"""What a step of the waveform stage reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_tts.audio import Audio
from sovits_tts.models.source import MIDDLE
from sovits_tts.pitch import FRAME_RATE, pitch
from sovits_tts.specs import VITSConfig
from sovits_tts.training.precision import Precision


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
