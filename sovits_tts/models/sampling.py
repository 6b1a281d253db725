"""From logits to a token: the filters of the GPT stage, in the order the official models were tuned with.

A filter takes logits (B, V) and `seen` (B, V), True for tokens of the row so far (prompt included), and returns logits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sovits_tts.errors import ConfigError

Filter = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class SamplingOptions:
    """How the next token is chosen. Raises ConfigError for a value out of range."""

    top_k: int = 15  # candidates kept; 1 is greedy, 0 keeps all
    top_p: float = 1.0  # probability mass kept, 0..1; 1 keeps all
    temperature: float = 1.0  # 0 is (nearly) greedy
    repetition_penalty: float = 1.35  # 1 is none
    min_tokens: int = 11  # EOS is not offered before this many tokens

    def __post_init__(self) -> None:
        _check("top_k", self.top_k, self.top_k >= 0, "0 (keep all) or more")
        _check("top_p", self.top_p, 0 <= self.top_p <= 1, "between 0 and 1")
        _check("temperature", self.temperature, 0 <= self.temperature <= 10, "between 0 and 10")
        _check("repetition_penalty", self.repetition_penalty, 0 < self.repetition_penalty <= 10, "above 0, at most 10")
        _check("min_tokens", self.min_tokens, self.min_tokens >= 0, "0 or more")


def _check(name: str, value: float, good: bool, allowed: str) -> None:
    if not good:  # also for NaN: every comparison with it is False
        raise ConfigError(f"{name} is {value}.", hint=f"It must be {allowed}.")


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens that already occurred less likely (CTRL, Keskar et al. 2019, section 4.1)."""
    penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
    return torch.where(seen, penalised, logits)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens while their summed probability is at most p, and always the first.

    The token that crosses p is dropped (the nucleus of Holtzman et al. keeps it): official behaviour, and the official
    defaults were chosen with it.
    """
    ordered, order = logits.sort(dim=-1, descending=True)
    drop = ordered.softmax(dim=-1).cumsum(dim=-1) > p
    drop[..., 0] = False
    return logits.masked_fill(drop.scatter(-1, order, drop), float("-inf"))


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k likeliest tokens, and those as likely as the k-th."""
    k = min(k, logits.shape[-1])
    return logits.masked_fill(logits < logits.topk(k, dim=-1).values[..., -1:], float("-inf"))


def filters(options: SamplingOptions) -> list[Filter]:
    """The filters after the repetition penalty; top-p looks at logits before the temperature, as upstream's does."""
    chain: list[Filter] = []
    if options.top_p < 1:
        chain.append(lambda logits, seen: keep_top_p(logits, options.top_p))
    if options.temperature != 1:
        chain.append(lambda logits, seen: logits / max(options.temperature, 1e-5))
    if options.top_k:
        chain.append(lambda logits, seen: keep_top_k(logits, options.top_k))
    return chain


def probabilities(logits: Tensor, seen: Tensor, options: SamplingOptions) -> Tensor:
    """(B, V) what a token is drawn from."""
    return _filtered(penalise_repetition(logits, seen, options.repetition_penalty), seen, options)


def _filtered(logits: Tensor, seen: Tensor, options: SamplingOptions) -> Tensor:
    for apply in filters(options):
        logits = apply(logits, seen)
    return logits.softmax(dim=-1)


def draw(probability: Tensor, noise: Tensor) -> Tensor:
    """One token per row. argmax(p / Exp(1)) is a draw from p: Gumbel-max without the logarithms."""
    return (probability / noise).argmax(dim=-1)


def exponential_noise(generators: Sequence[torch.Generator], size: int) -> Tensor:
    """(B, size) fp32 on the CPU. A generator per row: what a row draws does not depend on who shares its batch."""
    return torch.stack([torch.empty(size).exponential_(generator=generator) for generator in generators])


@dataclass(frozen=True)
class Choice:
    """The tokens of one step."""

    tokens: Tensor  # (B,)
    ended: Tensor  # (B,) True where EOS was drawn or was the likeliest token after the repetition penalty


def choose(logits: Tensor, seen: Tensor, step: int, options: SamplingOptions, noise: Tensor, eos: int) -> Choice:
    """Pick the next token of every row. logits (B, V) fp32, noise (B, V) from `exponential_noise`; `step` from 0."""
    if step < options.min_tokens:
        logits = logits.clone()
        logits[:, eos] = float("-inf")
    penalised = penalise_repetition(logits, seen, options.repetition_penalty)
    tokens = draw(_filtered(penalised, seen, options), noise.to(logits.device))
    return Choice(tokens, (tokens == eos) | (penalised.argmax(dim=-1) == eos))
