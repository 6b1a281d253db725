"""Losses and figures of the GPT stage, all in fp32."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from sovits_tts.models.gpt import GPTOutput


def token_loss(output: GPTOutput, *, exact: bool = False) -> Tensor:
    """Cross-entropy of the next token, the EOS included.

    Default: mean over real positions, so that neither padding nor the size of a batch changes the step.
    exact: upstream's sum over every position, padding included (where the target is EOS).
    """
    each = F.cross_entropy(output.logits.transpose(1, 2), output.targets, reduction="none")  # (B, S + 1)
    return each.sum() if exact else each[output.mask].mean()


def top_k_accuracy(output: GPTOutput, eos: int, k: int = 3) -> Tensor:
    """Share of tokens, EOS and padding left out, that are among the k best guesses."""
    best = output.logits.topk(k, dim=-1).indices  # (B, S + 1, k)
    hit = (best == output.targets[..., None]).any(dim=-1)
    counted = output.targets != eos
    return hit[counted].float().mean()


def reading_loss(output: GPTOutput) -> Tensor:
    """Cross-entropy of how far the reading position moves after each token whose position and the next are known.

    0 where none is known; `output.moves` must not be None.
    """
    assert output.moves is not None and output.positions is not None
    here, ahead = output.positions[:, :-1], output.positions[:, 1:]
    target = (ahead - here).clamp(0, output.moves.shape[-1] - 1).masked_fill((here < 0) | (ahead < 0), -1)
    each = F.cross_entropy(output.moves.transpose(1, 2), target, ignore_index=-1, reduction="sum")
    return each / (target >= 0).sum().clamp(min=1)


def preference_loss(chosen: GPTOutput, rejected: GPTOutput, *, beta: float = 0.2, exact: bool = False) -> Tensor:
    """Direct preference optimisation without a reference model (Rafailov et al. 2023, eq. 7, reference terms dropped).

    exact: the log-likelihoods include the padding, as upstream's do.
    """
    margin = _log_likelihood(chosen, exact) - _log_likelihood(rejected, exact)
    return -F.logsigmoid(beta * margin).mean()


def _log_likelihood(output: GPTOutput, exact: bool) -> Tensor:
    """(B,) sum over positions."""
    each = -F.cross_entropy(output.logits.transpose(1, 2), output.targets, reduction="none")
    return each.sum(dim=1) if exact else (each * output.mask).sum(dim=1)


def spoil_tokens(tokens: Sequence[int], rng: random.Random) -> list[int]:
    """A worse version of a sentence, for `preference_loss`: a random span said twice or left out."""
    tokens = list(tokens)
    start, end = sorted(rng.randrange(len(tokens)) for _ in range(2))
    if rng.random() < 0.5:
        return tokens[:end] + tokens[start:end] + tokens[end:]
    return tokens[:start] + tokens[end:]
