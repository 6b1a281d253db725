"""What upstream returns for generated tokens, for comparisons. `generate` itself keeps every token and drops only EOS.

Upstream stops after more than `early_stop` tokens, so run `generate` with `max_new=early_stop + 1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sovits_tts.models.generate import Generated


def naive_return(prompt: Sequence[int] | None, generated: Generated) -> tuple[list[int], int]:
    """(y, idx) of the one-by-one decoder; its caller keeps y[-idx:].

    idx counts from zero, so a sentence cut by the length limit loses its first token there; EOS makes up for it.
    Without a prompt idx is 0, and [-0:] is everything.
    """
    y = [*(prompt or []), *generated.tokens]
    if prompt is None:
        return y, 0
    return y, len(generated.tokens) - (not generated.reached_eos)


def batched_return(prompt: Sequence[int], generated: Generated) -> tuple[list[int], int]:
    """(y, idx) of one row of the batched decoder, which drops the last token whether or not it is EOS."""
    y, idx = naive_return(prompt, generated)
    return (y if generated.reached_eos else y[:-1]), idx


def stream_chunks(
    tokens: Iterable[int], length: int, similarity: Sequence[float] | None = None, threshold: float = 0.0
) -> Iterator[tuple[list[int] | None, bool]]:
    """(chunk, is_last) as upstream's streaming decoder yields them; the last chunk may be None.

    similarity: per token id, how much it sounds like silence. Chunks then end between two silent tokens, at the best
    place at least `length` tokens in. The chunk handed out still holds all tokens so far: those after the split come
    again.
    """
    waiting: list[int] = []
    for token in tokens:
        waiting.append(token)
        if similarity is None:
            if len(waiting) >= length:
                yield list(waiting), False
                waiting = []
        elif len(waiting) >= length + 2:
            split = _quiet_split([similarity[t] - threshold for t in waiting])
            if split is not None and split >= length:
                yield list(waiting), False
                waiting = waiting[split:]
    yield (waiting or None), True


def _quiet_split(margins: Sequence[float]) -> int | None:
    """How many tokens lie before the most silent place, or None. Tokens are judged in pairs, the last one alone."""
    alone = [margin if margin >= 0 else -1.0 for margin in margins]
    paired = [a + b for a, b in zip(alone, [*alone[1:], 0.0], strict=True)]
    best = max(range(len(paired)), key=paired.__getitem__)
    return best + 1 if paired[best] >= 0 else None
