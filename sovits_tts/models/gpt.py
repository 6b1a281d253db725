"""The GPT stage: phonemes and a prompt of semantic tokens in, the next semantic token out.

What is notable about this network:
- one sequence [phonemes | tokens]: phonemes see all phonemes, tokens see all phonemes and the tokens before them
- post-norm transformer layers with ReLU, no final norm, untied output head without bias
- sinusoidal positions, one trainable strength for phonemes and one for tokens; both count from zero
- BERT features are added to the phoneme embeddings; the bias of their projection is added even without features
- optionally, it is told which phoneme each token speaks and says when to move on (`follows_text`, `models.reading`)

Shapes: `B` batch, `P` phonemes, `S` semantic tokens, `L` = P + S, `H` heads, `V` token vocabulary with EOS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from sovits_tts.models.kv_cache import KVCache
from sovits_tts.models.reading import Reader, ReadingPosition, tokens_since
from sovits_tts.specs import GPTConfig


@dataclass(frozen=True)
class GPTOutput:
    """A training forward."""

    logits: Tensor  # (B, S + 1, V) fp32; position s predicts token s, position token_length predicts EOS
    targets: Tensor  # (B, S + 1) tokens, then EOS up to the end
    mask: Tensor  # (B, S + 1) True on tokens and the first EOS; if positions are given, where they are known
    moves: Tensor | None = None  # (B, S, 1 + MOST_STEPS) how far the reading position goes after each token
    positions: Tensor | None = None  # (B, S + 1) as given


@dataclass(frozen=True)
class NextToken:
    """One step of generation."""

    logits: Tensor  # (B, V) fp32
    hidden: Tensor  # (B, d_model) what they were made from


class SinusoidalPosition(nn.Module):
    """x + alpha * sin/cos positions ("Attention Is All You Need", 3.5), sine and cosine interleaved."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """x: (..., L, d_model); positions: (..., L) counted from zero."""
        table = sinusoids(positions, x.shape[-1])
        return self.dropout(x + (self.alpha.float() * table).to(x.dtype))


def sinusoids(positions: Tensor, d_model: int) -> Tensor:
    """(...,) positions -> (..., d_model) in fp32: half precision cannot hold the phase of a late position."""
    even = torch.arange(0, d_model, 2, device=positions.device, dtype=torch.float32)
    phase = positions.float().unsqueeze(-1) * torch.exp(even * (-math.log(10000.0) / d_model))
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(-2)


class Attention(nn.Module):
    """Multi-head self-attention with one fused projection for queries, keys and values."""

    def __init__(self, d_model: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        self.dropout = dropout
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KVCache | None = None, layer: int = 0) -> Tensor:
        """x: (B, L, d_model); mask: broadcastable to (B, H, L, keys), True where a query may look."""
        qkv = self.qkv(x).unflatten(-1, (3, self.n_heads, self.d_head))  # (B, L, 3, H, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, L, D)
        if cache is not None:
            k, v = cache.extend(layer, k, v)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)
        return self.out(y.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Post-norm transformer layer: x = norm(x + attention(x)), x = norm(x + feed_forward(x))."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        d_model = config.d_model
        self.attention = Attention(d_model, config.n_heads, config.dropout)
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)
        self.attention_norm = nn.LayerNorm(d_model)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KVCache | None = None, layer: int = 0) -> Tensor:
        x = self.attention_norm(x + self.dropout(self.attention(x, mask, cache, layer)))
        hidden = self.down(self.dropout(F.relu(self.up(x))))
        return self.feed_forward_norm(x + self.dropout(hidden))


class GPT(nn.Module):
    """The whole stage. `forward_train` is teacher forcing; `prefill` and `step` generate with a `KVCache`."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.d_model
        self.bert_projection = nn.Linear(config.d_bert, d_model) if config.d_bert else None
        self.phoneme_embedding = nn.Embedding(config.n_phonemes, d_model)
        self.phoneme_position = SinusoidalPosition(config.dropout)
        self.token_embedding = nn.Embedding(config.n_tokens, d_model)
        self.token_position = SinusoidalPosition(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.head = nn.Linear(d_model, config.n_tokens, bias=False)
        self.reader = Reader(d_model) if config.follows_text else None

    def forward_train(
        self,
        phonemes: Tensor,
        phoneme_lengths: Tensor,
        bert: Tensor | None,
        tokens: Tensor,
        token_lengths: Tensor,
        *,
        inputs: Tensor | None = None,
        positions: Tensor | None = None,
        exact: bool = False,
    ) -> GPTOutput:
        """Teacher forcing over a right-padded batch. Calling the module is the same.

        phonemes: (B, P) ids; bert: (B, P, d_bert) or None for zeros
        tokens:   (B, S) semantic tokens without EOS; what stands in the padding does not matter
        inputs:   (B, S) what the network reads in place of `tokens`, for training on corrupted history
        positions: (B, S + 1) phoneme that each token speaks, P of the row for its EOS, -1 unknown; for a network that
                  follows its text, others ignore it
        exact:    hide the phonemes upstream hides in a ragged batch (the first ones instead of the padding) and
                  predict token 0 from the last column; only for comparisons and for upstream-identical training.
        """
        n_phonemes, n_tokens = phonemes.shape[1], tokens.shape[1]
        targets, mask = self._targets(tokens, token_lengths)
        text = self.embed_text(phonemes, bert)
        speech = self.embed_tokens(targets[:, :-1] if inputs is None else inputs)
        if self.reader is None:
            positions = None
        if self.reader is not None and positions is not None:
            contexts = self.reader.contexts(text, phoneme_lengths)
            speech = speech + self._guide(self.reader, contexts, positions, tokens_since(positions))[:, 1:]
            known = positions >= 0
            mask = mask & (known | ~known.any(dim=1, keepdim=True))
        x = torch.cat([self._placed(text), speech], dim=1)  # (B, L, d_model)
        attention_mask = training_mask(phoneme_lengths, n_phonemes, token_lengths, n_tokens, exact=exact)
        for layer in self.layers:
            x = layer(x, attention_mask)

        # Rows whose output predicts a token: the last phoneme, then every token.
        last = torch.full_like(phoneme_lengths, n_phonemes) if exact else phoneme_lengths
        columns = torch.arange(n_phonemes, n_phonemes + n_tokens, device=x.device)
        rows = torch.cat([(last - 1)[:, None], columns.expand(len(x), -1)], dim=1)  # (B, S + 1)
        x = _take(x, rows)
        moves = None
        if self.reader is not None and positions is not None:
            moves = self.reader.moves(x[:, :-1], self.token_embedding(tokens))
        return GPTOutput(self._logits(x), targets, mask, moves, positions)

    forward = forward_train

    def prefill(
        self,
        phonemes: Sequence[Tensor],
        bert: Sequence[Tensor | None],
        prompts: Sequence[Tensor],
        cache: KVCache,
        reading: ReadingPosition | None = None,
    ) -> NextToken:
        """Read texts and prompts into an empty cache; rows of different lengths are padded on the left.

        Each row is embedded before padding, so its positions are those it has alone.
        phonemes: B x (P,); bert: B x (P, d_bert) or None; prompts: B x (S,), S may be 0
        reading:  from `start_reading`, for a network that follows its text
        """
        n_text = [len(row) for row in phonemes]
        n_total = [len(text) + len(prompt) for text, prompt in zip(phonemes, prompts, strict=True)]
        x = self.head.weight.new_zeros(len(n_text), max(n_total), self.config.d_model)
        guides = None if reading is None else self._guide_now(reading)
        for row, (ids, features, prompt) in enumerate(zip(phonemes, bert, prompts, strict=True)):
            text = self.embed_phonemes(ids[None], None if features is None else features[None])
            x[row, -n_total[row] :] = torch.cat([text, self.embed_tokens(prompt[None])], dim=1)[0]
            if guides is not None and len(prompt):
                x[row, -1] += guides[row]
        mask = cache.begin(n_text, n_total)
        return self._next(x, mask, cache)

    def step(self, tokens: Tensor, cache: KVCache, reading: ReadingPosition | None = None) -> NextToken:
        """tokens: (B,) the newest token of each row; `reading` stands at the phoneme to speak next."""
        x = self.token_embedding(tokens)[:, None]
        x = self.token_position(x, cache.token_positions[:, None])
        if reading is not None:
            x = x + self._guide_now(reading)[:, None]
        cache.token_positions += 1
        return self._next(x, cache.step_mask(), cache)

    def start_reading(
        self, phonemes: Sequence[Tensor], bert: Sequence[Tensor | None], n_text: Sequence[int]
    ) -> ReadingPosition | None:
        """Before the first of the last `n_text` phonemes of each row; None if this network does not."""
        if self.reader is None:
            return None
        rows = []
        for ids, features in zip(phonemes, bert, strict=True):
            text = self.embed_text(ids[None], None if features is None else features[None])
            rows.append(self.reader.contexts(text, torch.tensor([len(ids)], device=ids.device))[0])
        ends = [len(ids) for ids in phonemes]
        starts = [end - own for end, own in zip(ends, n_text, strict=True)]
        return ReadingPosition(pad_sequence(rows, batch_first=True), starts, ends)

    def move_on(self, reading: ReadingPosition, hidden: Tensor, tokens: Tensor, draws: Tensor) -> None:
        """After `tokens` (B,) were chosen from `hidden` (B, d_model); draws (B,) from `duration_draws`."""
        reader = cast(Reader, self.reader)
        reading.move(reader.moves(hidden, self.token_embedding(tokens)), draws)

    def embed_text(self, phonemes: Tensor, bert: Tensor | None) -> Tensor:
        """(B, P) and (B, P, d_bert) -> (B, P, d_model), without positions."""
        x: Tensor = self.phoneme_embedding(phonemes)
        if self.bert_projection is not None:
            x = x + (self.bert_projection.bias if bert is None else self.bert_projection(bert.to(x.dtype)))
        return x

    def embed_tokens(self, tokens: Tensor) -> Tensor:
        """(B, S) -> (B, S, d_model)."""
        return self.token_position(self.token_embedding(tokens), torch.arange(tokens.shape[1], device=tokens.device))

    def embed_phonemes(self, phonemes: Tensor, bert: Tensor | None) -> Tensor:
        """(B, P) and (B, P, d_bert) -> (B, P, d_model), with positions."""
        return self._placed(self.embed_text(phonemes, bert))

    def _placed(self, text: Tensor) -> Tensor:
        return cast(Tensor, self.phoneme_position(text, torch.arange(text.shape[1], device=text.device)))

    def _guide(self, reader: Reader, contexts: Tensor, positions: Tensor, held: Tensor) -> Tensor:
        place = self.phoneme_position.alpha.float() * sinusoids(positions, self.config.d_model)
        return reader.guide(contexts, positions, held, place)

    def _guide_now(self, reading: ReadingPosition) -> Tensor:
        """(B, d_model)"""
        at, held = reading.position[:, None], reading.held[:, None]
        return self._guide(cast(Reader, self.reader), reading.contexts, at, held)[:, 0]

    def _next(self, x: Tensor, mask: Tensor | None, cache: KVCache) -> NextToken:
        for index, layer in enumerate(self.layers):
            x = layer(x, mask, cache, index)
        cache.advance(x.shape[1])
        return NextToken(self._logits(x[:, -1]), x[:, -1])

    def _logits(self, x: Tensor) -> Tensor:
        """In fp32 whatever the layers run in: in half precision the best two tokens tie too easily."""
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.float(), self.head.weight.float())

    def _targets(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S + 1) tokens followed by EOS, and True up to the first EOS."""
        column = torch.arange(tokens.shape[1] + 1, device=tokens.device)
        targets = F.pad(tokens, (0, 1)).masked_fill(column >= lengths[:, None], self.config.eos)
        return targets, column <= lengths[:, None]


def training_mask(
    phoneme_lengths: Tensor, n_phonemes: int, token_lengths: Tensor, n_tokens: int, *, exact: bool = False
) -> Tensor:
    """(B, 1, L, L), True where a row may look: padding is hidden, phonemes do not see tokens, tokens are causal.

    exact: upstream takes right-padded text for left-padded, so the first phonemes of a short row are hidden instead.
    """
    device = phoneme_lengths.device
    text, speech = torch.arange(n_phonemes, device=device), torch.arange(n_tokens, device=device)
    real_text = text >= n_phonemes - phoneme_lengths[:, None] if exact else text < phoneme_lengths[:, None]
    real = torch.cat([real_text, speech < token_lengths[:, None]], dim=1)  # (B, L)
    column = torch.cat([text, speech + n_phonemes])
    order = (column < n_phonemes) | (column <= column[:, None]) & (column[:, None] >= n_phonemes)  # (L, L)
    return (order & real[:, None, :])[:, None]


def _take(x: Tensor, rows: Tensor) -> Tensor:
    """x: (B, L, C), rows: (B, R) -> (B, R, C)."""
    return x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1]))
