"""Letters to sounds: a joint-sequence n-gram model over letter-phoneme pairs (Bisani & Ney 2008), with beam search."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from struct import pack as to_bytes
from struct import unpack_from

Graphone = tuple[str, tuple[str, ...]]
END, START = 0, 1
_STEP = 0.07  # log probabilities are stored in a byte, in steps of this many nats
_BEAM = 24
_MARGIN = 9.0  # nats behind the best hypothesis at which one is given up


def table_path() -> Path:
    return Path(str(files("sovits_tts.text") / "data" / "en_letters.gz"))


@dataclass
class LetterModel:
    """Symbol i + 2 is `inventory[i]`; `prob`: log of an n-gram; `backoff`: log weight of a history."""

    inventory: list[Graphone]
    prob: dict[tuple[int, ...], float]
    backoff: dict[tuple[int, ...], float]
    _by_letters: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_letters = defaultdict(list)
        for index, (letters, _) in enumerate(self.inventory):
            self._by_letters[letters].append(index + 2)

    def _score(self, history: tuple[int, ...], symbol: int) -> tuple[float, tuple[int, ...]]:
        """Log probability of `symbol` after `history`, and the history that matters for what follows."""
        score = 0.0
        while (gram := (*history, symbol)) not in self.prob:
            if not history:
                return score - 12.0, ()
            score += self.backoff.get(history, 0.0)
            history = history[1:]
        score += self.prob[gram]
        while gram and gram not in self.backoff:
            gram = gram[1:]
        return score, gram

    def read(self, word: str) -> tuple[str, ...]:
        """The likeliest phonemes of `word` (letters a-z) with exactly one primary stress if it has a vowel."""
        stacks: list[dict[tuple, tuple[float, tuple]]] = [{} for _ in range(len(word) + 1)]
        stacks[0][(START,), 0] = (0.0, ())
        for at in range(len(word)):
            if not stacks[at]:
                continue
            ranked = sorted(stacks[at].items(), key=lambda item: -item[1][0])[:_BEAM]
            floor = ranked[0][1][0] - _MARGIN
            for (history, stresses), (score, path) in ranked:
                if score < floor:
                    break
                for size in (1, 2):
                    for symbol in self._by_letters.get(word[at : at + size], ()) if at + size <= len(word) else ():
                        gain, state = self._score(history, symbol)
                        sounds = self.inventory[symbol - 2][1]
                        count = stresses + sum(p[-1] == "1" for p in sounds)
                        if count > 1:
                            continue
                        key, new = (state, count), score + gain
                        if key not in stacks[at + size] or new > stacks[at + size][key][0]:
                            stacks[at + size][key] = (new, (path, sounds))
        ends = [
            (score + self._score(history, END)[0] - (6.0 if not stresses else 0.0), path)
            for (history, stresses), (score, path) in stacks[-1].items()
        ]
        if not ends:
            return ()
        path = max(ends, key=lambda end: end[0])[1]
        parts: list[tuple[str, ...]] = []
        while path:
            path, sounds = path
            parts.append(sounds)
        return tuple(p for sounds in reversed(parts) for p in sounds)

    @classmethod
    def unpack(cls, packed: bytes) -> LetterModel:
        data = gzip.decompress(packed)
        size, orders = unpack_from("<IB", data)
        head = json.loads(data[5 : 5 + size])
        inventory = [(letters, tuple(sounds.split())) for letters, sounds in head]
        prob: dict[tuple[int, ...], float] = {}
        backoff: dict[tuple[int, ...], float] = {}
        at = 5 + size
        parents: list[tuple[int, ...]] = [()]
        for _ in range(orders):
            parents, at = _read_level(data, at, parents, prob, backoff)
        return cls(inventory, prob, backoff)


def _byte(value: float) -> int:
    """A back-off weight may exceed 0 a little after pruning, hence the offset."""
    return max(0, min(255, round((4.0 - value) / _STEP)))


def pack(model: LetterModel) -> bytes:
    """Level by level: number of children of each history, their symbols as steps, probabilities, back-off weights."""
    head = json.dumps([[letters, " ".join(sounds)] for letters, sounds in model.inventory]).encode()
    orders = max(map(len, model.prob))
    out = [to_bytes("<IB", len(head), orders), head]
    children: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for gram in model.prob:
        children[gram[:-1]].append(gram[-1])
    # A history without a probability of its own (it starts a word) still needs a place in the level above.
    for history in list(children):
        for length in range(len(history), 0, -1):
            if history[length - 1] not in children[history[: length - 1]]:
                children[history[: length - 1]].append(history[length - 1])
    parents: list[tuple[int, ...]] = [()]
    for _ in range(orders):
        parents = _write_level(out, parents, children, model)
    return gzip.compress(b"".join(out), 9, mtime=0)


def _write_level(
    out: list[bytes], parents: list[tuple[int, ...]], children: dict[tuple[int, ...], list[int]], model: LetterModel
) -> list[tuple[int, ...]]:
    grams = [(*parent, symbol) for parent in parents for symbol in sorted(children.get(parent, ()))]
    counts = [len(children.get(parent, ())) for parent in parents]
    steps = [gram[-1] for gram in grams]
    open_ = [gram in children for gram in grams]
    out.append(to_bytes("<I", len(grams)))
    out.append(to_bytes(f"<{len(counts)}H", *counts))
    out.append(bytes(s >> 8 for s in steps) + bytes(s & 255 for s in steps))
    out.append(bytes(_byte(model.prob[gram]) if gram in model.prob else 255 for gram in grams))
    out.append(bytes(_byte(model.backoff.get(gram, 0.0)) if o else 0 for gram, o in zip(grams, open_, strict=True)))
    return grams


def _read_level(
    data: bytes,
    at: int,
    parents: list[tuple[int, ...]],
    prob: dict[tuple[int, ...], float],
    backoff: dict[tuple[int, ...], float],
) -> tuple[list[tuple[int, ...]], int]:
    (total,) = unpack_from("<I", data, at)
    counts = unpack_from(f"<{len(parents)}H", data, at + 4)
    at += 4 + 2 * len(parents)
    high, low, probs, weights = (data[at + i * total : at + (i + 1) * total] for i in range(4))
    grams: list[tuple[int, ...]] = []
    index = 0
    for parent, number in zip(parents, counts, strict=True):
        for _ in range(number):
            gram = (*parent, high[index] << 8 | low[index])
            grams.append(gram)
            if probs[index] != 255:
                prob[gram] = 4.0 - probs[index] * _STEP
            if weights[index]:
                backoff[gram] = 4.0 - weights[index] * _STEP
            index += 1
    return grams, at + 4 * total


@cache
def letter_model() -> LetterModel:
    return LetterModel.unpack(table_path().read_bytes())
