"""The reading position: which phoneme each semantic token speaks.

A GPT stage that follows its text (`GPTConfig.follows_text`) is told, with every token it reads, which phoneme the next
token is to speak, and says after each token how far to move on. So it can neither skip nor repeat a phoneme nor lose
its place, and learns to read from hours of speech. Explicit monotonic alignment as in VALL-E R (arXiv 2406.07855).

What is notable:
- how long a phoneme lasts is decided by the chance, token after token, that it is not over yet
- the sentence ends when the reading position passes its last phoneme, never before and never later
- tokens of unknown position (a prompt) are read without a position

Shapes: `B` batch, `P` phonemes, `S` semantic tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_STEPS = 3  # phonemes that one move may pass; a short one may have no token of its own
LONGEST = 64  # tokens for which a phoneme may last: 2.6 s
_CENTRE = 0.45  # of the chance below which a phoneme is over: with 0.5, English was 8 % shorter than recorded
_HELD = 5  # tokens after which a phoneme is a held sound: 0.2 s
_WARM = 0.8  # the least temperature of a held sound
_NEIGHBOURS = 2  # phonemes either side that colour the one being spoken


class Reader(nn.Module):
    """What the position adds to the network's input, and the head that moves it."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.context = nn.Conv1d(d_model, d_model, 2 * _NEIGHBOURS + 1, padding=_NEIGHBOURS)
        self.held = nn.Embedding(LONGEST, d_model)
        self.mix = nn.Linear(d_model, d_model)
        self.move = nn.Linear(d_model, 1 + MOST_STEPS)
        nn.init.normal_(self.held.weight, std=0.02)

    def contexts(self, text: Tensor, lengths: Tensor) -> Tensor:
        """Embedded phonemes (B, P, d_model), without positions -> (B, P + 1, d_model); the last row is past the end."""
        real = torch.arange(text.shape[1], device=text.device) < lengths[:, None]
        padded = F.pad(text * real[..., None], (0, 0, 0, 1))
        return cast(Tensor, self.context(padded.transpose(1, 2))).transpose(1, 2)

    def guide(self, contexts: Tensor, positions: Tensor, held: Tensor, place: Tensor) -> Tensor:
        """(B, S) phoneme of each token (-1 unknown) and tokens since it began -> (B, S, d_model) to add to the input.

        place: (B, S, d_model) sinusoids of the positions
        """
        at = positions.clamp(0, contexts.shape[1] - 1)
        spoken = contexts.gather(1, at[..., None].expand(-1, -1, contexts.shape[-1]))
        x = spoken + self.held(held.clamp(max=LONGEST - 1)) + place.to(spoken.dtype)
        return x * (positions >= 0)[..., None]

    def moves(self, hidden: Tensor, token: Tensor) -> Tensor:
        """Last hidden state and embedding of the token it became, (..., d_model) -> logits (..., 1 + MOST_STEPS)."""
        with torch.autocast(hidden.device.type, enabled=False):
            mixed = F.relu(F.linear((hidden + token).float(), self.mix.weight.float(), self.mix.bias.float()))
            return F.linear(mixed, self.move.weight.float(), self.move.bias.float())


def tokens_since(positions: Tensor) -> Tensor:
    """(B, S) positions -> (B, S) tokens since each phoneme began, from zero."""
    index = torch.arange(positions.shape[1], device=positions.device).expand_as(positions)
    began = F.pad(positions[:, 1:] != positions[:, :-1], (1, 0), value=True)
    return index - torch.where(began, index, 0).cummax(dim=1).values


class ReadingPosition:
    """Where each row of a generation reads.

    contexts: (B, P + 1, d_model) of the reader, rows padded on the right
    starts:   per row, its first phoneme to speak; ends: its number of phonemes
    """

    def __init__(self, contexts: Tensor, starts: Sequence[int], ends: Sequence[int]) -> None:
        device = contexts.device
        self.contexts = contexts
        self.position = torch.tensor(starts, device=device)  # (B,)
        self.ends = torch.tensor(ends, device=device)
        self.held = torch.zeros_like(self.position)
        self.staying = torch.ones(len(starts), device=device)  # chance that the phoneme would have lasted so long
        self.limit = torch.full((len(starts),), 0.5, device=device)  # it is over when the chance is below this

    def offer(self, logits: Tensor, eos: int) -> Tensor:
        """Only EOS where the text is finished, anything else where it is not. logits: (B, V)"""
        is_eos = torch.arange(logits.shape[1], device=logits.device) == eos
        return logits.masked_fill(is_eos != (self.position >= self.ends)[:, None], float("-inf"))

    def warmed(self, logits: Tensor, temperature: float) -> Tensor:
        """(B, V) to be divided by `temperature`, so that held sounds are drawn at `_WARM` at least. At low ones
        they feed on themselves: pauses of half a second became some of two and a half."""
        usual = max(temperature, 1e-5)
        return torch.where((self.held >= _HELD)[:, None], logits * min(1.0, usual / _WARM), logits)

    def move(self, logits: Tensor, draws: Tensor) -> None:
        """After a token: logits (B, 1 + MOST_STEPS) of the reader; draws (B,) in 0..1, how long the next one lasts."""
        chance = logits.softmax(dim=-1)
        staying = self.staying * chance[:, 0]
        over = ((staying < self.limit) | (self.held + 1 >= LONGEST)) & (self.position < self.ends)
        steps = chance[:, 1:].argmax(dim=-1) + 1
        self.position = torch.where(over, torch.minimum(self.position + steps, self.ends), self.position)
        self.held = torch.where(over, 0, self.held + 1)
        self.staying = torch.where(over, 1.0, staying)
        self.limit = torch.where(over, draws.to(self.limit), self.limit)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but `rows`."""
        index = torch.tensor(rows, device=self.ends.device)
        for name in ("contexts", "position", "ends", "held", "staying", "limit"):
            setattr(self, name, getattr(self, name)[index])


def duration_draws(generators: Sequence[torch.Generator], spread: float = 0.2) -> Tensor:
    """(B,) a little under one half: a phoneme lasts about its mean time, which is above the median.

    A generator per row, on the CPU.
    """
    drawn = torch.stack([torch.rand((), generator=generator) for generator in generators])
    return _CENTRE + spread * (2 * drawn - 1)
