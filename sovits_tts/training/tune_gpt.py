"""Fine-tuning of the GPT stage: what one step is, and the batches it takes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sovits_tts.errors import ConfigError, DataError
from sovits_tts.models.gpt import GPT, GPTOutput
from sovits_tts.specs import GPTConfig
from sovits_tts.training.checkpointing import recompute
from sovits_tts.training.gpt_losses import (
    preference_loss,
    reading_loss,
    spoil_tokens,
    token_loss,
    top_k_accuracy,
)
from sovits_tts.training.lora import add_lora, merged
from sovits_tts.training.optim import ScaledAdam, upstream_gpt_rate
from sovits_tts.training.precision import Precision
from sovits_tts.training.schedule import set_learning_rate
from sovits_tts.training.team import Accelerated, half_precision
from sovits_tts.training.tune_config import VALIDATED, GPTTune
from sovits_tts.training.tune_data import TuneData
from sovits_tts.training.tune_plan import Plan, share_of, similar_length, upstream_gpt

_MOST_TOKENS, _MOST_PHONEMES = 1350, 540  # 54 s
_RATE = (3.0, 25.0)  # phonemes per second; outside, text and recording do not belong together


@dataclass(frozen=True)
class GPTTuneBatch:
    """This process's rows of a batch, and the part of the whole batch that they are."""

    phonemes: Tensor  # (B, P)
    phoneme_lengths: Tensor  # (B,)
    bert: Tensor | None  # (B, P, d_bert); None: zeros
    tokens: Tensor  # (B, S)
    token_lengths: Tensor  # (B,)
    inputs: Tensor | None = None  # (B, S) tokens with some replaced at random
    spoken: Tensor | None = None  # (B, S + 1) phoneme that each token speaks, their number for EOS, -1 unknown
    rejected: Tensor | None = None  # (B, S') worse versions, for the preference loss
    rejected_lengths: Tensor | None = None
    token_share: float = 1.0  # tokens here over tokens in the mean process: makes means over processes means over rows
    row_share: float = 1.0


@dataclass(frozen=True)
class _Example:
    phonemes: Tensor
    tokens: Tensor
    spoken: Tensor  # (S + 1,): that of EOS is the number of phonemes; -1 unknown
    bert: Tensor | None


class GPTTuneData:
    """Batches of a data set. Those to train on are a function of the step, those held out a list."""

    def __init__(self, data: TuneData, config: GPTTune, rank: int = 0, size: int = 1) -> None:
        self.data, self.config, self.rank, self.size = data, config, rank, size
        usable = {i for i, row in enumerate(data.rows) if self._usable(row.tokens, row.phonemes)}
        train, held = data.split(config.validation)
        self.train, self.held = [i for i in train if i in usable], [i for i in held if i in usable]
        if not self.train:
            raise DataError(
                f"None of the {len(train)} clips can train the GPT stage: each is longer than 54 s, or has too few or "
                "too many phonemes for its length.",
                hint="Look at the transcripts.",
            )
        self.mates: dict[str, list[int]] = {}
        for index in self.train:
            self.mates.setdefault(data.rows[index].speaker, []).append(index)
        lengths = [data.rows[i].tokens for i in self.train]
        batch_size = max(1, config.batch_size // 2) if config.dpo and config.exact else config.batch_size
        self.plan: Plan = (
            upstream_gpt(self.train, [n / data.spec.token_rate for n in lengths], batch_size, config.fill)
            if config.exact
            else similar_length(self.train, lengths, batch_size, config.fill, config.seed)
        )

    def _usable(self, tokens: int, phonemes: int) -> bool:
        rate = phonemes / (tokens / self.data.spec.token_rate)
        return tokens <= _MOST_TOKENS and phonemes <= _MOST_PHONEMES and _RATE[0] <= rate <= _RATE[1]

    def batch(self, step: int) -> GPTTuneBatch:
        """Of this process."""
        config, rng = self.config, np.random.default_rng((self.config.seed, step))
        examples = [self._example(index, rng) for index in self.plan(step)]
        inputs = [self._spoilt_inputs(example.tokens, rng) for example in examples] if config.corrupt else None
        rejected = None
        if config.dpo:
            coin = random.Random(config.seed * 1_000_003 + step)
            rejected = [torch.tensor(spoil_tokens(e.tokens.tolist(), coin), dtype=torch.long) for e in examples]
        mine = share_of(len(examples), self.rank, self.size)
        batch = collate(examples, mine or [0], inputs, rejected)
        counts = [len(e.tokens) + 1 for e in examples]
        part = sum(counts[i] for i in mine) / sum(counts)
        return replace(batch, token_share=part * self.size, row_share=len(mine) / len(examples) * self.size)

    def held_out(self) -> list[GPTTuneBatch]:
        """The held-out clips to validate, as they are."""
        size, held = self.config.batch_size, self.held[:VALIDATED]
        parts = [held[first : first + size] for first in range(0, len(held), size)]
        return [collate([self._alone(i) for i in part], list(range(len(part)))) for part in parts]

    def _example(self, index: int, rng: np.random.Generator) -> _Example:
        """The clip, or another one of its speaker, the prompt's silence, and the clip."""
        own = self._alone(index)
        if rng.random() >= self.config.joined:
            return own
        mate = int(rng.choice(self.mates[self.data.rows[index].speaker]))
        first = self._alone(mate, tail=True)
        if mate == index or len(first.tokens) + len(own.tokens) > _MOST_TOKENS:
            return own
        width = self.data.spec.gpt.d_bert
        bert = None
        if own.bert is not None or first.bert is not None:
            bert = torch.cat([torch.zeros(len(e.phonemes), width) if e.bert is None else e.bert for e in (first, own)])
        before = torch.full_like(first.tokens, -1)  # a prompt is read without positions
        spoken = torch.where(own.spoken >= 0, own.spoken + len(first.phonemes), own.spoken)
        return _Example(
            torch.cat([first.phonemes, own.phonemes]), torch.cat([first.tokens, own.tokens]),
            torch.cat([before, spoken]), bert,
        )  # fmt: skip

    def _alone(self, index: int, tail: bool = False) -> _Example:
        clip = self.data.load(index)
        tokens = clip.tail if tail else clip.tokens
        spoken = torch.full((len(tokens) + 1,), -1)
        if clip.spoken is not None:
            known = clip.spoken[: len(tokens)]
            spoken[: len(known)] = known
            spoken[len(tokens)] = len(clip.phonemes)
        return _Example(clip.phonemes, tokens, spoken, clip.bert)

    def _spoilt_inputs(self, tokens: Tensor, rng: np.random.Generator) -> Tensor:
        replaced = torch.from_numpy(rng.random(len(tokens)) < self.config.corrupt)
        noise = torch.from_numpy(rng.integers(0, self.data.spec.gpt.eos, len(tokens)))
        return torch.where(replaced, noise, tokens)


def collate(
    examples: Sequence[_Example],
    rows: Sequence[int],
    inputs: Sequence[Tensor] | None = None,
    rejected: Sequence[Tensor] | None = None,
) -> GPTTuneBatch:
    """Pad the chosen rows of a batch on the right."""
    kept = [examples[i] for i in rows]
    bert = None
    width = next((e.bert.shape[1] for e in kept if e.bert is not None), 0)
    if width:
        bert = _pad([e.bert if e.bert is not None else torch.zeros(len(e.phonemes), width) for e in kept])
    worse = None if rejected is None else [rejected[i] for i in rows]
    return GPTTuneBatch(
        _pad([e.phonemes for e in kept]), torch.tensor([len(e.phonemes) for e in kept]), bert,
        _pad([e.tokens for e in kept]), torch.tensor([len(e.tokens) for e in kept]),
        None if inputs is None else _pad([inputs[i] for i in rows]),
        _pad([e.spoken for e in kept], -1),
        None if worse is None else _pad(worse),
        None if worse is None else torch.tensor([len(row) for row in worse]),
    )  # fmt: skip


def _pad(rows: Sequence[Tensor], value: int = 0) -> Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=value)


class GPTTuneStage:
    """Networks, optimiser and one step. `rate_factor` is lowered by the loop's rollbacks."""

    name = "train gpt"

    def __init__(
        self, config: GPTConfig, weights: Mapping[str, Tensor], tune: GPTTune, epoch_steps: int, team: Accelerated
    ) -> None:
        if tune.dpo and config.follows_text:
            raise ConfigError(
                "dpo does not go with this model: it follows its text, so it neither skips nor repeats.",
                hint="Set dpo: false.",
            )
        self.tune, self.team, self.epoch_steps, self.rate_factor, self.updates = tune, team, epoch_steps, 1.0, 0
        self.network = GPT(replace(config, dropout=tune.dropout))
        self.network.load_state_dict(dict(weights))
        if tune.lora_rank:
            torch.manual_seed(tune.seed)
            add_lora(self.network, tune.lora_rank, tune.lora_alpha)
        for name, parameter in self.network.named_parameters():
            if name.startswith(tune.frozen):
                parameter.requires_grad_(False)
        self.network.to(team.device)
        if tune.checkpointing:
            recompute(self.network.layers)
        half = half_precision(tune.precision, team.device)
        self.precision = Precision(self.network, team.device, half is not None, half or torch.bfloat16)
        self.optimizer: torch.optim.Optimizer = (
            ScaledAdam(self.precision.parameters, lr=tune.learning_rate)
            if tune.optimizer == "scaled_adam"
            else torch.optim.AdamW(
                self.precision.parameters, lr=tune.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
            )
        )

    def step(self, batch: GPTTuneBatch, step: int) -> dict[str, float]:
        self.network.train()
        loss, values = self.loss(batch)
        size, due = self._window(step)
        self.precision.backward(loss / size)
        values = self.team.average(values)
        if due:
            rate = set_learning_rate(self.optimizer, self._rate(self.updates) * self.rate_factor)
            norm = self.precision.update(self.optimizer, self.tune.max_norm or None, self.team.average_gradients)
            self.updates += 1
            values |= {"lr": rate} | gradient_values(norm, self.precision)
        return values

    def loss(self, batch: GPTTuneBatch) -> tuple[Tensor, dict[str, float]]:
        """What the gradients come from, and its parts."""
        tune, exact = self.tune, self.tune.exact
        output = self._forward(batch, batch.tokens, batch.token_lengths, batch.inputs)
        loss = token_loss(output, exact=exact) * (1.0 if exact else batch.token_share)
        values = {"loss": loss.item(), "top3": top_k_accuracy(output, self.network.config.eos).item()}
        if batch.rejected is not None and batch.rejected_lengths is not None:
            worse = self._forward(batch, batch.rejected, batch.rejected_lengths)
            preference = preference_loss(output, worse, beta=tune.dpo_beta, exact=exact) * batch.row_share
            values["preference"] = preference.item()
            loss = loss + preference
        if output.moves is not None:
            reading = reading_loss(output) * batch.token_share
            values["reading"] = reading.item()
            loss = loss + reading
        return loss, values

    def _forward(self, batch: GPTTuneBatch, tokens: Tensor, lengths: Tensor, inputs: Tensor | None = None) -> GPTOutput:
        to = self.team.device
        bert = None if batch.bert is None else self.precision.input(batch.bert)
        with self.precision.autocast():
            output: GPTOutput = self.network(
                batch.phonemes.to(to), batch.phoneme_lengths.to(to), bert, tokens.to(to), lengths.to(to),
                inputs=None if inputs is None else inputs.to(to),
                positions=None if batch.spoken is None else batch.spoken.to(to), exact=self.tune.exact,
            )  # fmt: skip
        return output

    def _window(self, step: int) -> tuple[int, bool]:
        """What the loss of this batch is divided by, and whether the optimiser steps after it."""
        place, width = step % self.epoch_steps, self.tune.accumulate
        if self.tune.exact:
            return 1, place > 0 and place % width == 0
        first = place - place % width
        size = min(width, self.epoch_steps - first)
        return size, place == first + size - 1

    def _rate(self, update: int) -> float:
        rate, warmup = self.tune.learning_rate, self.tune.warmup
        if self.tune.exact:
            return upstream_gpt_rate(later=rate)(update)
        return rate * min(1.0, (update + 1) / (warmup + 1))

    @torch.no_grad()
    def evaluate(self, batches: Sequence[GPTTuneBatch]) -> dict[str, float]:
        """Over held-out clips: mean cross-entropy of a token, and how often it is among the best three."""
        self.network.eval()
        loss = hits = tokens = 0.0
        for batch in batches:
            output = self._forward(batch, batch.tokens, batch.token_lengths)
            count = float(batch.token_lengths.sum())
            loss += token_loss(output).item() * count
            hits += top_k_accuracy(output, self.network.config.eos).item() * count
            tokens += count
        return {"val_loss": loss / tokens, "val_top3": hits / tokens} if tokens else {}

    def weights(self) -> dict[str, Tensor]:
        """The stage's parameters, under the names of a network without additions."""
        state = self.precision.state_dict()
        return merged(state, self.tune.lora_rank, self.tune.lora_alpha) if self.tune.lora_rank else state

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.precision.state_dict(), "optimizer": self.optimizer.state_dict(),
            "scaler": self.precision.scaler.state_dict(), "gathered": self.precision.gathered(),
            "updates": self.updates,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.precision.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.scaler.load_state_dict(state["scaler"])
        self.precision.gather(state["gathered"])
        self.updates = int(state["updates"])


def gradient_values(norm: float, precision: Precision, name: str = "norm") -> dict[str, float]:
    """The gradient's length to report; in fp16 an overflow is a step that was left out, and no fault."""
    overflow = precision.scaler.is_enabled() and not np.isfinite(norm)
    return {f"{name}_overflow": 1.0} if overflow else {name: norm}
