"""Train the letter-to-sound model of the English reader on the dictionary it ships with.

    python scripts/train_english_g2p.py             # measure on a held-out 5 %, then train on all and write the table
    python scripts/train_english_g2p.py --measure   # only measure

Joint-sequence model (Bisani & Ney 2008): letters and phonemes are cut into pairs ("graphones") by EM, and an n-gram
model over pairs, with modified Kneser-Ney smoothing and entropy pruning (Stolcke 1998), scores a reading. About four
minutes on one core.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable

from sovits_tts.text.en import oov
from sovits_tts.text.en.dictionary import Dictionary, dictionary
from sovits_tts.text.en.letters import END, START, Graphone, LetterModel, pack, table_path

ORDER = 7
PRUNE = 6e-8  # relative perplexity lost per n-gram dropped
SHAPES = ((1, 0), (1, 1), (1, 2), (2, 1))  # letters, phonemes in one pair
Pair = tuple[str, tuple[str, ...]]


def examples() -> list[Pair]:
    """Words of letters only whose reading is not the names of their letters."""
    known = dictionary()
    found: list[Pair] = []
    for word in known.words:
        if not re.fullmatch("[a-z]{2,}", word) or not re.search("[aeiouy]", word):
            continue
        phonemes = known.get(word) or ()
        spelled = [p for letter in word for p in known.get(letter) or ()]
        if [p.rstrip("012") for p in phonemes] != [p.rstrip("012") for p in spelled]:
            found.append((word, phonemes))
    return found


def _arcs(word: str, phonemes: tuple[str, ...], i: int, j: int) -> list[Graphone]:
    return [(word[i : i + a], phonemes[j : j + b]) for a, b in SHAPES if i + a <= len(word) and j + b <= len(phonemes)]


def _stressless(graphone: Graphone) -> Graphone:
    return graphone[0], tuple(p.rstrip("012") for p in graphone[1])


def expect(pairs: list[Pair], weight: dict[Graphone, float]) -> Counter[Graphone]:
    """One E step: expected count of each graphone under `weight` (0 for those never seen)."""
    counts: Counter[Graphone] = Counter()
    for word, full in pairs:
        phonemes = tuple(p.rstrip("012") for p in full)
        n, m = len(word), len(phonemes)
        ahead = defaultdict(float, {(0, 0): 1.0})
        behind = defaultdict(float, {(n, m): 1.0})
        cells = [(i, j) for i in range(n) for j in range(max(0, m - 2 * (n - i)), min(m, 2 * i) + 1)]
        steps = [(i, j, g, weight.get(g, 0.0)) for i, j in cells for g in _arcs(word, phonemes, i, j)]
        for i, j, (a, b), w in steps:
            ahead[i + len(a), j + len(b)] += ahead[i, j] * w
        for i, j, (a, b), w in reversed(steps):
            behind[i, j] += behind[i + len(a), j + len(b)] * w
        total = ahead[n, m]
        if total > 0:
            for i, j, (a, b), w in steps:
                mass = ahead[i, j] * w * behind[i + len(a), j + len(b)]
                if mass > 0:
                    counts[a, b] += mass / total
    return counts


def align(pair: Pair, weight: dict[Graphone, float]) -> list[Graphone] | None:
    """The likeliest cut of a word into graphones, stress kept."""
    word, phonemes = pair
    best: dict[tuple[int, int], tuple[float, list[Graphone]]] = {(0, 0): (0.0, [])}
    for i in range(len(word)):
        for j in range(len(phonemes) + 1):
            if (i, j) not in best:
                continue
            score, path = best[i, j]
            for graphone in _arcs(word, phonemes, i, j):
                w = weight.get(_stressless(graphone), 0.0)
                if w > 0:
                    key = (i + len(graphone[0]), j + len(graphone[1]))
                    new = score + math.log(w)
                    if key not in best or new > best[key][0]:
                        best[key] = (new, [*path, graphone])
    return best.get((len(word), len(phonemes)), (0.0, None))[1]


def graphones(pairs: list[Pair], rng: random.Random) -> list[list[Graphone]]:
    """EM on a sample of `pairs`, then one alignment of each."""
    sample = rng.sample(pairs, min(15000, len(pairs)))
    weight: dict[Graphone, float] = defaultdict(lambda: 1.0)
    seen = {g for word, p in sample for i in range(len(word)) for j in range(len(p)) for g in _arcs(word, p, i, j)}
    weight = {_stressless(g): 1.0 if len(g[1]) == len(g[0]) == 1 else 0.1 for g in seen}
    weight |= {(letter, ()): 0.05 for letter in "abcdefghijklmnopqrstuvwxyz"}
    for _ in range(8):
        counts = expect(sample, weight)
        total = sum(counts.values())
        weight = {g: c / total for g, c in counts.items() if c > 0.7}
    aligned = [align(pair, weight) for pair in pairs]
    return [path for path in aligned if path]


def count(sequences: list[list[int]], order: int) -> list[dict[tuple[int, ...], dict[int, int]]]:
    """counts[k][history of length k][next]: raw for the highest order, number of left contexts below (Kneser-Ney)."""
    raw: list[dict[tuple[int, ...], dict[int, int]]] = [defaultdict(Counter) for _ in range(order)]
    for sequence in sequences:
        padded = [START, *sequence, END]
        for at in range(1, len(padded)):
            for k in range(min(order - 1, at) + 1):
                raw[k][tuple(padded[at - k : at])][padded[at]] += 1
    lower: list[dict[tuple[int, ...], dict[int, int]]] = [defaultdict(Counter) for _ in range(order)]
    lower[-1] = raw[-1]
    for k in range(1, order):
        for history, following in raw[k].items():
            for symbol in following:
                lower[k - 1][history[1:]][symbol] += 1
            if history[0] == START:  # nothing stands left of the start: raw counts are all there is
                lower[k][history] = following
    return lower


def _discounts(counts: dict[tuple[int, ...], dict[int, int]]) -> tuple[float, float, float]:
    n = Counter(min(c, 5) for following in counts.values() for c in following.values())
    y = n[1] / (n[1] + 2 * n[2])
    return tuple(max(0.1, i - (i + 1) * y * n[i + 1] / max(n[i], 1)) for i in (1, 2, 3))  # type: ignore[return-value]


def estimate(sequences: list[list[int]], symbols: int) -> LetterModel:
    """Interpolated modified Kneser-Ney: log10-free natural log probabilities with back-off weights."""
    levels = count(sequences, ORDER)
    prob: dict[tuple[int, ...], float] = {}
    backoff: dict[tuple[int, ...], float] = {}
    for k, level in enumerate(levels):
        d = _discounts(level)
        for history, following in level.items():
            total = sum(following.values())
            held = sum(d[min(c, 3) - 1] for c in following.values()) / total
            backoff[history] = math.log(held)
            for symbol, c in following.items():
                below = math.exp(_lookup(prob, backoff, history[1:], symbol)) if k else 1.0 / symbols
                prob[*history, symbol] = math.log((c - d[min(c, 3) - 1]) / total + held * below)
    return LetterModel([], prob, backoff)


def _lookup(prob: dict, backoff: dict, history: tuple[int, ...], symbol: int) -> float:
    penalty = 0.0
    while True:
        if (*history, symbol) in prob:
            return penalty + prob[*history, symbol]
        if not history:
            return penalty - 12.0
        penalty += backoff.get(history, 0.0)
        history = history[1:]


def prune(model: LetterModel, threshold: float) -> None:
    """Drop n-grams whose loss barely raises perplexity, longest first, and renormalise the back-off weights."""
    prob, backoff = model.prob, model.backoff
    mass: dict[tuple[int, ...], float] = {(): 0.0}
    for length in range(1, ORDER):
        for history in [h for h in backoff if len(h) == length]:
            start = prob.get(history[:1], 0.0) if history[0] != START else math.log(prob_start(prob))
            mass[history] = start + sum(_lookup(prob, backoff, history[:i], history[i]) for i in range(1, length))
    for length in range(ORDER - 1, 0, -1):
        children: dict[tuple[int, ...], list[int]] = defaultdict(list)
        needed = {gram[:-1] for gram in prob if len(gram) == length + 2} if length + 2 <= ORDER else set()
        for gram in prob:
            if len(gram) == length + 1:
                children[gram[:-1]].append(gram[-1])
        for history, symbols in children.items():
            _prune_history(model, history, symbols, mass[history], threshold, needed)


def prob_start(prob: dict[tuple[int, ...], float]) -> float:
    """How often a word starts, per graphone: as often as one ends."""
    return math.exp(prob[END,])


def _prune_history(
    model: LetterModel, history: tuple[int, ...], symbols: list[int], mass: float, threshold: float, needed: set
) -> None:
    prob, backoff = model.prob, model.backoff
    upper = sum(math.exp(prob[*history, s]) for s in symbols)
    lower = sum(math.exp(_lookup(prob, backoff, history[1:], s)) for s in symbols)
    kept = []
    for s in symbols:
        p, q = prob[*history, s], _lookup(prob, backoff, history[1:], s)
        new = math.log(max(1e-9, 1 - upper + math.exp(p)) / max(1e-9, 1 - lower + math.exp(q)))
        loss = -math.exp(mass) * (math.exp(p) * (q + new - p) + max(1e-9, 1 - upper) * (new - backoff[history]))
        if loss < threshold and (*history, s) not in needed:
            del prob[*history, s]
        else:
            kept.append(s)
    if not kept:
        backoff.pop(history)
        return
    upper = sum(math.exp(prob[*history, s]) for s in kept)
    lower = sum(math.exp(_lookup(prob, backoff, history[1:], s)) for s in kept)
    backoff[history] = math.log(max(1e-9, 1 - upper) / max(1e-9, 1 - lower))


def train(pairs: list[Pair]) -> LetterModel:
    began = time.time()
    paths = graphones(pairs, random.Random(0))
    inventory = [g for g, c in Counter(g for path in paths for g in path).most_common() if c > 1]
    index = {g: i + 2 for i, g in enumerate(inventory)}
    sequences = [[index[g] for g in path] for path in paths if all(g in index for g in path)]
    sys.stderr.write(
        f"{len(sequences)}/{len(pairs)} aligned, {len(inventory)} graphones, {time.time() - began:.0f} s\n"
    )
    model = estimate(sequences, len(inventory) + 2)
    full = len(model.prob)
    prune(model, PRUNE)
    sys.stderr.write(f"{full} n-grams, {len(model.prob)} kept, {time.time() - began:.0f} s\n")
    return LetterModel(inventory, model.prob, model.backoff)


def _distance(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def whole_reader(model: LetterModel, held: list[Pair]) -> Callable[[str], tuple[str, ...]]:
    """The reader of unknown words, rules and `model` together, as if it had never seen the words `held`."""
    unseen = {word for word, _ in held}
    full = dictionary()
    part = Dictionary({w: p for w, p in full.words.items() if w not in unseen}, full.alphabet)
    oov.dictionary, oov.letter_model = lambda: part, lambda: model  # type: ignore[assignment]
    oov.guess.cache_clear()
    return oov.guess


def measure(read: Callable[[str], tuple[str, ...]], held: list[Pair]) -> str:
    """Share of words and phonemes wrong, with and without stress."""
    began, words, bare_words, wrong, bare_wrong, total = time.time(), 0, 0, 0, 0, 0
    for word, truth in held:
        guess = read(word)
        bare = [tuple(p.rstrip("012") for p in x) for x in (guess, truth)]
        words += guess != truth
        bare_words += bare[0] != bare[1]
        wrong += _distance(guess, truth)
        bare_wrong += _distance(*bare)
        total += len(truth)
    n = len(held)
    return (
        f"{n} words: word error {words / n:.1%} (without stress {bare_words / n:.1%}), "
        f"phoneme error {wrong / total:.1%} (without stress {bare_wrong / total:.1%}), "
        f"{(time.time() - began) / n * 1000:.1f} ms a word"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="only measure on held-out words")
    options = parser.parse_args()
    pairs = examples()
    random.Random(1).shuffle(pairs)
    cut = len(pairs) // 20
    held_model = train(pairs[cut:])
    held_model = LetterModel.unpack(pack(held_model))
    held = pairs[:cut]
    sys.stdout.write(f"held out, letters alone: {measure(held_model.read, held)}\n")
    sys.stdout.write(f"held out, rules first: {measure(whole_reader(held_model, held), held)}\n")
    if not options.measure:
        packed = pack(train(pairs))
        table_path().write_bytes(packed)
        sys.stdout.write(f"{len(packed)} bytes written\n")


if __name__ == "__main__":
    main()
