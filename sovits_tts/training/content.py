"""The content encoder of `mini`: frame cross-entropy on aligned, toned phonemes, with a little CTC.

CTC alone peaks: most frames become blank and the tokens made from them collapse, so it only helps here. The input is
perturbed (speed, equaliser, room, noise), the targets are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sovits_tts.data.augment import perturb, stretch
from sovits_tts.data.corpus import Corpus
from sovits_tts.data.pieces import Piece, SpeakerSampler
from sovits_tts.models.content import ContentEncoder
from sovits_tts.specs import ContentConfig
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids
from sovits_tts.training.precision import Precision
from sovits_tts.training.schedule import set_learning_rate, warmup_cosine

RATE = 16000
FRAME, FIELD = 320, 400  # hop and receptive field of the encoder, samples


@dataclass(frozen=True)
class ContentBatch:
    wave: Tensor  # (B, N) at 16 kHz
    frames: Tensor  # (B, T50) phoneme id + 1, 0 silence
    targets: Tensor  # concatenated phoneme id + 1
    target_lengths: Tensor  # (B,)


class ContentData:
    """Crops of a fixed length cut from pieces of one speaker laid end to end, so that nothing is ever padded."""

    def __init__(
        self, corpus: Corpus, pieces: list[Piece], items: int, seconds: float = 4.0, augment: bool = True
    ) -> None:
        self.corpus, self.pieces, self.items, self.augment = corpus, pieces, items, augment
        self.samples = int(seconds * RATE)
        self.sampler = SpeakerSampler(pieces)
        ids = symbol_ids("v2")
        self.punctuation = np.array(sorted(ids[p] for p in PUNCTUATION))

    def batch(self, step: int) -> ContentBatch:
        rng = np.random.default_rng((77, step))
        rows = [self._crop(rng) for _ in range(self.items)]
        targets = [row[2] for row in rows]
        return ContentBatch(
            torch.from_numpy(np.stack([row[0] for row in rows])),
            torch.from_numpy(np.stack([row[1] for row in rows])),
            torch.from_numpy(np.concatenate(targets)),
            torch.tensor([len(t) for t in targets]),
        )

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        factor = rng.uniform(0.85, 1.18) if self.augment else 1.0
        needed = int(self.samples * factor)
        speaker, index = self.sampler.draw(rng)
        waves, starts, ends, labels, total = [], [], [], [], 0
        while total < needed + RATE // 4:
            piece = self.pieces[index]
            wave = self.corpus.audio(self.corpus.by_id[piece.clip], RATE, piece.start, piece.end)
            waves.append(wave)
            times = np.array(piece.times) + total / RATE
            starts.append(times[:, 0])
            ends.append(times[:, 1])
            labels.append(np.array(piece.phonemes))
            total += len(wave)
            index = self.sampler.draw_from(speaker, rng)
        offset = int(rng.integers(0, total - needed + 1))
        wave = np.concatenate(waves)[offset : offset + needed]
        start, end, label = np.concatenate(starts), np.concatenate(ends), np.concatenate(labels)
        spoken = ~np.isin(label, self.punctuation)
        start, end, label = start[spoken] - offset / RATE, end[spoken] - offset / RATE, label[spoken] + 1
        n_frames = ContentEncoder.n_frames(self.samples)
        centres = (np.arange(n_frames) * FRAME + FIELD / 2) / RATE * factor
        place = np.searchsorted(start, centres, "right") - 1
        inside = (place >= 0) & (centres < end[np.maximum(place, 0)])
        frames = np.where(inside, label[np.maximum(place, 0)], 0)
        middle = (start + end) / 2
        whole = (middle > 0) & (middle < needed / RATE)
        if self.augment:
            wave = perturb(stretch(wave, self.samples), RATE, rng)
        return wave, frames, label[whole]


class ContentStage:
    """Frame cross-entropy + 0.3 CTC on the last layer, 0.3 frame cross-entropy on the layer the tokens come from."""

    name = "content"

    def __init__(
        self,
        config: ContentConfig,
        total_steps: int,
        peak_lr: float = 1e-3,
        device: str = "cpu",
        low: bool | None = None,
    ) -> None:
        self.config, self.device = config, device
        self.network = ContentEncoder(config, dropout=0.0).to(device)
        if device == "cpu":  # the fused kernel's backward pass is slower than plain products at these lengths
            self.network.hubert.set_attn_implementation("eager")
        self.inner_head = nn.Linear(config.d_model, config.ctc_symbols).to(device)
        self.precision = Precision(nn.ModuleList([self.network, self.inner_head]), device, low)
        self.optimizer = torch.optim.AdamW(
            self.precision.parameters, lr=peak_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.schedule = warmup_cosine(peak_lr, warmup=min(300, total_steps // 8), total=total_steps)

    def step(self, batch: ContentBatch, step: int) -> dict[str, float]:
        self.network.train()
        lr = set_learning_rate(self.optimizer, self.schedule(step))
        frames = batch.frames.to(self.device)
        with self.precision.autocast():
            states = self.network.hidden_states(self.precision.input(batch.wave))
            inner = self.inner_head(states[self.config.output_layer].transpose(1, 2))
            frame = self.network.frame_symbols(states[-1])
            ctc = self.network.ctc(states[-1])
        inner_loss = F.cross_entropy(inner.float().transpose(1, 2), frames)
        frame_loss = F.cross_entropy(frame.float().transpose(1, 2), frames)
        log_probs = ctc.float().log_softmax(2).transpose(0, 1)
        lengths = torch.full((frames.shape[0],), frames.shape[1])
        ctc_loss = F.ctc_loss(log_probs, batch.targets, lengths, batch.target_lengths, zero_infinity=True)
        loss = frame_loss + 0.3 * inner_loss + 0.3 * ctc_loss
        loss.backward()
        self.precision.update(self.optimizer, max_norm=1.0)
        with torch.no_grad():
            accuracy = (inner.argmax(2) == frames).float().mean()
        return {
            "frame": frame_loss.item(), "inner": inner_loss.item(), "ctc": ctc_loss.item(),
            "accuracy": accuracy.item(), "lr": lr,
        }  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        return {"networks": self.precision.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.precision.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])
