"""The GPT stage of `mini`: cross-entropy of the next token and of the next move of the reading position.

A share of the examples are two pieces of one speaker with the prompt's silence between them: exactly what synthesis
asks for, the first piece without positions. Some input tokens are replaced at random, so that the network learns to
leave its own mistakes behind and to trust its text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_tts.data.batching import pad_rows
from sovits_tts.data.pieces import Piece
from sovits_tts.data.tokens import TokenStore
from sovits_tts.models.gpt import GPT, GPTOutput
from sovits_tts.specs import GPTConfig
from sovits_tts.training.ema import Average
from sovits_tts.training.gpt_losses import reading_loss, token_loss, top_k_accuracy
from sovits_tts.training.precision import Precision
from sovits_tts.training.schedule import Schedule, set_learning_rate, warmup_cosine

Ints = NDArray[np.int64]
MAX_SECONDS = 20.0


@dataclass(frozen=True)
class GPTBatch:
    phonemes: Tensor  # (B, P)
    phoneme_lengths: Tensor  # (B,)
    tokens: Tensor  # (B, S)
    token_lengths: Tensor  # (B,)
    inputs: Tensor  # (B, S) tokens with some replaced at random
    positions: Tensor  # (B, S + 1) phoneme that each token speaks, their number for EOS, -1 in a prompt and in padding


class GPTData:
    """Examples from pieces and their tokens, in batches of similar length."""

    def __init__(
        self,
        pieces: list[Piece],
        store: TokenStore,
        indices: list[int],
        config: GPTConfig,
        tokens_per_batch: int = 4000,
        joined: float = 0.5,
        corrupt: float = 0.1,
        token_rate: int = 25,
        seed: int = 5,
    ) -> None:
        self.pieces, self.store, self.indices, self.config = pieces, store, indices, config
        self.tokens_per_batch, self.joined, self.corrupt = tokens_per_batch, joined, corrupt
        self.token_rate, self.seed = token_rate, seed
        self.mates: dict[str, list[int]] = {}
        for index in indices:
            self.mates.setdefault(pieces[index].speaker, []).append(index)

    def batch(self, step: int) -> GPTBatch:
        rng = np.random.default_rng((self.seed, step))
        pool = [self._plan(rng) for _ in range(200)]
        lengths = np.array([sum(len(self.store[i]) for i in plan) for plan in pool])
        order = np.argsort(lengths)
        first = int(rng.integers(0, len(order)))
        chosen: list[tuple[int, ...]] = []
        for place in order[first:]:
            if chosen and lengths[place] * (len(chosen) + 1) > self.tokens_per_batch:
                break
            chosen.append(pool[place])
        return self.collate(chosen, rng)

    def _plan(self, rng: np.random.Generator) -> tuple[int, ...]:
        index = int(rng.choice(self.indices))
        if rng.random() >= self.joined:
            return (index,)
        mates = self.mates[self.pieces[index].speaker]
        mate = int(rng.choice(mates))
        if mate == index or self.pieces[mate].seconds + self.pieces[index].seconds > MAX_SECONDS:
            return (index,)
        return mate, index

    def example(self, plan: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
        """Phonemes, tokens and positions (S + 1); every piece but the last is a prompt and keeps its silence."""
        *before, last = plan
        phonemes = [np.array(self.pieces[index].phonemes) for index in plan]
        prompts = [self.store.with_tail(index) for index in before]
        said = self.store[last]
        offset = sum(map(len, phonemes[:-1]))
        spoken = self.pieces[last].spoken(len(said), self.token_rate) + offset
        unknown = np.full(sum(map(len, prompts)), -1)
        positions = np.concatenate([unknown, spoken, [offset + len(phonemes[-1])]])
        return np.concatenate(phonemes), np.concatenate([*prompts, said]), positions

    def collate(self, plans: list[tuple[int, ...]], rng: np.random.Generator) -> GPTBatch:
        rows = [self.example(plan) for plan in plans]
        phonemes = pad_rows([row[0] for row in rows], 0)
        tokens = pad_rows([row[1] for row in rows], 0)
        inputs = tokens.copy()
        replaced = rng.random(tokens.shape) < self.corrupt
        inputs[replaced] = rng.integers(0, self.config.eos, int(replaced.sum()))
        positions = pad_rows([row[2] for row in rows], -1)
        return GPTBatch(
            torch.from_numpy(phonemes), torch.tensor([len(row[0]) for row in rows]),
            torch.from_numpy(tokens), torch.tensor([len(row[1]) for row in rows]),
            torch.from_numpy(inputs), torch.from_numpy(positions),
        )  # fmt: skip


class GPTStage:
    """One step."""

    name = "gpt"

    def __init__(
        self,
        config: GPTConfig,
        total_steps: int,
        peak_lr: float = 1e-3,
        device: str = "cpu",
        dropout: float = 0.0,
        schedule: Schedule | None = None,
    ) -> None:
        self.device = device
        self.network = GPT(replace(config, dropout=dropout)).to(device)
        self.precision = Precision(self.network, device)
        self.optimizer = torch.optim.AdamW(
            self.precision.parameters, lr=peak_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.schedule = schedule or warmup_cosine(peak_lr, warmup=min(500, total_steps // 10), total=total_steps)
        self.average = Average(self.precision, 0.999)

    def forward(self, batch: GPTBatch) -> GPTOutput:
        to = self.device
        with self.precision.autocast():
            return self.network(
                batch.phonemes.to(to), batch.phoneme_lengths.to(to), None,
                batch.tokens.to(to), batch.token_lengths.to(to), inputs=batch.inputs.to(to),
                positions=batch.positions.to(to),
            )  # fmt: skip

    def step(self, batch: GPTBatch, step: int) -> dict[str, float]:
        self.network.train()
        lr = set_learning_rate(self.optimizer, self.schedule(step))
        output = self.forward(batch)
        loss = token_loss(output)
        values = {"loss": loss.item(), "top3": top_k_accuracy(output, self.network.config.eos).item(), "lr": lr}
        if output.moves is not None:
            reading = reading_loss(output)
            values["reading"] = reading.item()
            loss = loss + reading
        loss.backward()
        self.precision.update(self.optimizer, max_norm=1.0)
        self.average.update()
        return values

    @torch.no_grad()
    def evaluate(self, data: GPTData, batches: int = 8) -> dict[str, float]:
        """Dev cross-entropy of tokens with the right text and with the phonemes in another order, and of the moves.

        The gap between the first two says how much is taken from the text.
        """
        self.network.eval()
        right = wrong = moves = 0.0
        for step in range(batches):
            batch = data.batch(step)
            output = self.forward(batch)
            right += token_loss(output).item() / batches
            if output.moves is not None:
                moves += reading_loss(output).item() / batches
            order = torch.randperm(batch.phonemes.shape[1], generator=torch.Generator().manual_seed(step))
            wrong += token_loss(self.forward(replace(batch, phonemes=batch.phonemes[:, order]))).item() / batches
        return {"dev": right, "gap": wrong - right, "dev_reading": moves}

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.precision.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.precision.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
