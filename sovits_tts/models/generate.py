"""Generating semantic tokens for a batch of sentences.

`generate` runs to the end; `Generation` is the same loop one token at a time. All state lives in the `Generation`: its
cache, its rows, the caller's random generators. A row gets the tokens it would get alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from sovits_tts.models.gpt import GPT, NextToken
from sovits_tts.models.kv_cache import KVCache
from sovits_tts.models.reading import ReadingPosition, duration_draws
from sovits_tts.models.sampling import SamplingOptions, choose, exponential_noise

MAX_TOKENS = 1500  # a minute of speech at 25 tokens per second

Reason = Literal["eos", "stopped", "length"]
OnToken = Callable[[int, Sequence[int]], bool]


@dataclass(frozen=True)
class Generated:
    """The tokens of one sentence, without prompt and EOS."""

    tokens: list[int]
    reason: Reason  # the model ended it; the caller's hook did; `max_new` tokens were reached
    focus: list[int] | None  # per token, the phoneme it speaks; None where the network does not follow its text
    coverage: float | None  # share of the last `n_text` phonemes that were reached; None likewise

    @property
    def reached_eos(self) -> bool:
        return self.reason == "eos"


@dataclass
class _Row:
    index: int  # of the sentence in the caller's order
    generator: torch.Generator
    tokens: list[int] = field(default_factory=list)
    focus: list[int] = field(default_factory=list)
    reason: Reason | None = None


class Generation:
    """A batch being generated. Iterating (once) yields (sentence, token) as they come; `stop` ends one sentence.

    gpt:        in eval mode
    phonemes:   per sentence (P,): those of the prompt, then those of the text
    prompts:    per sentence (S,) semantic tokens, possibly none; None means no prompt for anyone
    bert:       per sentence (P, d_bert) or None for zeros; None means none for anyone
    generators: one per sentence, on the CPU, seeded by the caller
    max_new:    tokens after which a sentence is cut
    n_text:     per sentence, how many phonemes at the end are to be spoken; None means all
    """

    def __init__(
        self,
        gpt: GPT,
        phonemes: Sequence[Tensor],
        prompts: Sequence[Tensor] | None = None,
        bert: Sequence[Tensor | None] | None = None,
        *,
        generators: Sequence[torch.Generator],
        options: SamplingOptions | None = None,
        max_new: int = MAX_TOKENS,
        n_text: Sequence[int] | None = None,
    ) -> None:
        weight = gpt.head.weight
        self.gpt = gpt
        self.options = options or SamplingOptions()
        if gpt.config.follows_text:  # the text says when a sentence is over
            self.options = replace(self.options, min_tokens=0)
        self.max_new = max_new
        self.n_text = [len(ids) for ids in phonemes] if n_text is None else list(n_text)
        self._phonemes = [ids.to(weight.device) for ids in phonemes]
        prompts = prompts or [torch.zeros(0, dtype=torch.long)] * len(phonemes)
        self._prompts = [ids.to(weight.device) for ids in prompts]
        features = bert or [None] * len(phonemes)
        self._bert = [None if row is None else row.to(weight.device) for row in features]
        self._rows = [_Row(index, generator) for index, generator in enumerate(generators)]
        if not len(self._phonemes) == len(self._prompts) == len(self._bert) == len(self._rows):
            raise ValueError("phonemes, prompts, bert and generators must have one entry per sentence")

    def stop(self, sentence: int) -> None:
        """End a sentence that is still being generated; its tokens so far stay."""
        row = self._rows[sentence]
        row.reason = row.reason or "stopped"

    def __iter__(self) -> Iterator[tuple[int, int]]:
        # 1. Read texts and prompts.
        gpt, active = self.gpt, list(self._rows)
        cache, seen, ahead, reading = self._prefill()
        for step in range(self.max_new):
            # 2. Choose a token for every row.
            generators = [row.generator for row in active]
            noise = exponential_noise(generators, gpt.config.n_tokens)
            with torch.inference_mode():
                logits = ahead.logits
                if reading is not None:
                    logits = reading.warmed(reading.offer(logits, gpt.config.eos), self.options.temperature)
                choice = choose(logits, seen, step, self.options, noise, gpt.config.eos)
                seen.scatter_(1, choice.tokens[:, None], True)
            focus = [None] * len(active) if reading is None else reading.position.tolist()
            chosen = zip(active, choice.tokens.tolist(), choice.ended.tolist(), focus, strict=True)
            # 3. Record and hand out.
            for row, token, ended, phoneme in chosen:
                if ended:
                    row.reason = "eos"
                    continue
                row.tokens.append(token)
                if phoneme is not None:
                    row.focus.append(phoneme)
                yield row.index, token
            # 4. Finished rows leave the batch.
            going = [position for position, row in enumerate(active) if row.reason is None]
            if not going or step + 1 == self.max_new:
                break
            with torch.inference_mode():
                if reading is not None:
                    gpt.move_on(reading, ahead.hidden, choice.tokens, duration_draws(generators))
                tokens = choice.tokens
                if len(going) < len(active):
                    cache.keep(going)
                    index = torch.tensor(going, device=seen.device)
                    seen, tokens = seen[index], tokens[index]
                    active = [active[position] for position in going]
                    if reading is not None:
                        reading.keep(going)
                # 5. Look one token ahead.
                ahead = gpt.step(tokens, cache, reading)

    def results(self) -> list[Generated]:
        """What was generated, in the caller's order."""
        results = []
        for row, phonemes in zip(self._rows, self._phonemes, strict=True):
            focus = row.focus if self.gpt.config.follows_text else None
            coverage = None if focus is None else reading_coverage(focus, len(phonemes), self.n_text[row.index])
            results.append(Generated(row.tokens, row.reason or "length", focus, coverage))
        return results

    @torch.inference_mode()
    def _prefill(self) -> tuple[KVCache, Tensor, NextToken, ReadingPosition | None]:
        gpt, weight = self.gpt, self.gpt.head.weight
        longest = max(len(p) + len(s) for p, s in zip(self._phonemes, self._prompts, strict=True))
        cache = KVCache(gpt.config, len(self._rows), longest + self.max_new, weight.device, weight.dtype)
        reading = gpt.start_reading(self._phonemes, self._bert, self.n_text)
        ahead = gpt.prefill(self._phonemes, self._bert, self._prompts, cache, reading)
        seen = torch.zeros_like(ahead.logits, dtype=torch.bool)
        for row, prompt in enumerate(self._prompts):
            seen[row, prompt] = True
        return cache, seen, ahead, reading


def generate(
    gpt: GPT,
    phonemes: Sequence[Tensor],
    prompts: Sequence[Tensor] | None = None,
    bert: Sequence[Tensor | None] | None = None,
    *,
    generators: Sequence[torch.Generator],
    options: SamplingOptions | None = None,
    max_new: int = MAX_TOKENS,
    n_text: Sequence[int] | None = None,
    on_token: OnToken | None = None,
) -> list[Generated]:
    """Generate every sentence to its end; arguments as for `Generation`.

    on_token: called with (sentence, its tokens so far) after each token; True stops the sentence there.
    """
    generation = Generation(
        gpt, phonemes, prompts, bert, generators=generators, options=options, max_new=max_new, n_text=n_text
    )
    so_far: list[list[int]] = [[] for _ in phonemes]
    for sentence, token in generation:
        so_far[sentence].append(token)
        if on_token is not None and on_token(sentence, so_far[sentence]):
            generation.stop(sentence)
    return generation.results()


def reading_coverage(focus: Sequence[int], n_phonemes: int, n_text: int) -> float:
    """Share of the last `n_text` phonemes that the reading position passed, 0..1.

    A position never goes back, and what it steps over is too short for a token of its own: all up to the last one are
    read. So is one after that: a final full stop makes no sound.
    """
    if n_text == 0:
        return 1.0
    if not focus:
        return 0.0
    last = focus[-1]
    return (last + 1 - (n_phonemes - n_text) + (last == n_phonemes - 2)) / n_text
