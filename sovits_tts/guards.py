"""What goes wrong in generated tokens, and which attempt is best.

The GPT stage stops early, runs on, falls into a loop, repeats its prompt, or skips text. Each has a sign in the tokens:

early_stop  fewer than half the tokens that the text should take at the prompt's pace
runaway     more than twice those and 25; generation is stopped there
loop        the same four or more tokens again and again, for 1.5 s
leak        25 tokens that stand in the prompt in the same order, without a break
unread      less than 90 % of the phonemes were reached, as the model's alignment or CTC head tells

Silence counts for neither loop nor leak.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from sovits_tts.alignment import ctc_align
from sovits_tts.errors import DataError

PACE_RANGE = (1.2, 8.0)  # tokens per phoneme that a prompt may suggest
USUAL_PACE = 2.6  # without a prompt; medians of read speech: 2.3 English, 2.9 Mandarin
_LOOP_SECONDS = 1.5
_SHORTEST_LOOP = 4  # tokens
_LEAK_TOKENS = 25
_SHARED_PHONEMES = 10  # text that has this many of the prompt's phonemes in a row may sound like it
_COVERAGE = 0.9
_UNHEARD = log(0.02)  # mean log-probability below which an aligned phoneme was not spoken


@dataclass(frozen=True)
class Guard:
    """What to expect of one sentence.

    n_phonemes:   of the sentence, without the prompt
    prompt:       semantic tokens of the prompt, without the silence after it; empty without a prompt
    silence:      tokens that mean silence
    token_rate:   tokens per second
    says_prompt:  the sentence repeats words of the prompt, so that sounding like it proves nothing
    pace:         tokens per phoneme
    """

    n_phonemes: int
    prompt: tuple[int, ...]
    silence: frozenset[int]
    token_rate: int
    says_prompt: bool
    pace: float

    @property
    def expected(self) -> float:
        """Tokens that the sentence should take."""
        return self.n_phonemes * self.pace

    @property
    def longest(self) -> int:
        """Tokens after which it is a runaway."""
        return int(2 * self.expected + 25)

    def runs_away(self, tokens: Sequence[int]) -> bool:
        return len(tokens) > self.longest

    def problems(self, tokens: Sequence[int], coverage: float | None = None) -> tuple[str, ...]:
        """Names of what is wrong with a finished sentence. coverage: share of its phonemes that were reached."""
        found = []
        read = coverage is not None and coverage >= _COVERAGE  # then only haste could make it short, not a slow prompt
        if len(tokens) < 0.5 * self.n_phonemes * (min(self.pace, USUAL_PACE) if read else self.pace):
            found.append("early_stop")
        if self.runs_away(tokens):
            found.append("runaway")
        if loop_length(tokens, self.silence) >= _LOOP_SECONDS * self.token_rate:
            found.append("loop")
        if not self.says_prompt and longest_shared(tokens, self.prompt, self.silence) >= _LEAK_TOKENS:
            found.append("leak")
        if coverage is not None and coverage < _COVERAGE:
            found.append("unread")
        return tuple(found)

    def badness(self, tokens: Sequence[int], problems: Sequence[str], coverage: float | None) -> tuple[float, ...]:
        """To compare attempts: fewer problems first, then more text reached, then the likelier length."""
        length = abs(log(max(1, len(tokens)) / max(1.0, self.expected)))
        return len(problems), -(coverage or 0.0), length


def make_guard(
    phonemes: Sequence[int],
    prompt_phonemes: Sequence[int],
    prompt_tokens: Sequence[int],
    silence: Collection[int],
    token_rate: int,
) -> Guard:
    """The guard of a sentence; prompt_tokens without the silence that is appended to them."""
    pace = USUAL_PACE
    if prompt_phonemes and prompt_tokens:
        pace = min(max(len(prompt_tokens) / len(prompt_phonemes), PACE_RANGE[0]), PACE_RANGE[1])
    return Guard(
        n_phonemes=len(phonemes),
        prompt=tuple(prompt_tokens),
        silence=frozenset(silence),
        token_rate=token_rate,
        says_prompt=longest_shared(phonemes, prompt_phonemes) >= _SHARED_PHONEMES,
        pace=pace,
    )


def loop_length(tokens: Sequence[int], silence: Collection[int] = ()) -> int:
    """Non-silent tokens inside the longest stretch that repeats a group of four or more tokens at least once.

    A held sound (one token again and again) is such a stretch too.
    """
    row = np.asarray(tokens)
    spoken = np.pad(np.cumsum(~np.isin(row, list(silence))), (1, 0))
    worst = 0
    for period in range(_SHORTEST_LOOP, len(row) // 2 + 1):
        same = np.pad((row[period:] == row[:-period]).astype(np.int8), 1)
        edges = np.flatnonzero(np.diff(same))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= period:
                worst = max(worst, int(spoken[end + period] - spoken[start]))
    return worst


def longest_shared(a: Sequence[int], b: Sequence[int], ignored: Collection[int] = ()) -> int:
    """Length of the longest run of items that stands in both, items in `ignored` not counted."""
    if not len(a) or not len(b):
        return 0
    other = np.asarray(b)
    counted = ~np.isin(other, list(ignored))
    run = np.zeros(len(other), dtype=np.int64)
    longest = 0
    for item in a:
        before = np.concatenate([[0], run[:-1]])
        run = np.where(other == item, before + counted, 0)
        longest = max(longest, int(run.max()))
    return longest


def share_heard(log_probs: np.ndarray, targets: Sequence[int]) -> float:
    """Share of phonemes that a CTC head hears where they should be, 0 to 1.

    log_probs: (T, V) of the spoken sentence; targets: symbols of the head, without pauses
    """
    if not targets:
        return 1.0
    try:
        found = ctc_align(log_probs, targets)
    except DataError:  # more phonemes than frames: most of them cannot have been spoken
        return 0.0
    return float((found.score > _UNHEARD).mean())
