"""Guards on token sequences whose fault is known."""

from __future__ import annotations

import numpy as np
import pytest

from sovits_tts.guards import Guard, longest_shared, loop_length, make_guard, share_heard

SILENCE = 486
RNG = np.random.default_rng(0)


def babble(n: int, seed: int = 0) -> list[int]:
    """Tokens without any pattern."""
    return np.random.default_rng(seed).integers(0, 400, n).tolist()


PROMPT = babble(100, seed=9)


def guard(n_phonemes: int = 40, **changes: object) -> Guard:
    phonemes = list(range(n_phonemes))
    made = make_guard(phonemes, range(100, 150), PROMPT, {SILENCE}, 25)
    return Guard(**{**made.__dict__, **changes})


def test_a_good_sentence_has_no_problem() -> None:
    assert guard().expected == 80
    assert guard().problems(babble(80), coverage=0.97) == ()


@pytest.mark.parametrize(
    ("tokens", "coverage", "problem"),
    [
        (babble(39), None, "early_stop"),
        (babble(186), None, "runaway"),
        (babble(30) + babble(5, 3) * 8 + babble(20), None, "loop"),
        (babble(30) + [7] * 40 + babble(20), None, "loop"),
        (babble(40) + PROMPT[20:46] + babble(10, 1), None, "leak"),
        (babble(40) + PROMPT[20:30] + [SILENCE] * 3 + PROMPT[30:46], None, "none"),
        (babble(80), 0.89, "unread"),
    ],
)
def test_each_fault_is_named(tokens: list[int], coverage: float | None, problem: str) -> None:
    assert guard().problems(tokens, coverage) == (() if problem == "none" else (problem,))


def test_a_slow_prompt_does_not_make_short_what_was_read_to_its_end() -> None:
    slow = guard(pace=8.0)
    n = slow.n_phonemes
    assert slow.problems(babble(3 * n)) == slow.problems(babble(3 * n), 0.5)[:1] == ("early_stop",)
    assert slow.problems(babble(3 * n), 1.0) == ()
    assert slow.problems(babble(n), 1.0) == ("early_stop",)


def test_borders() -> None:
    assert guard().problems(babble(40)) == ()
    assert guard().problems(babble(185)) == ()
    assert not guard().runs_away(babble(185))
    assert guard().problems(babble(40) + PROMPT[20:44] + babble(10, 1)) == ()
    silent_pause = babble(40) + [SILENCE] * 60 + babble(40, 2)
    assert guard().problems(silent_pause) == ()
    assert guard().problems(babble(60), coverage=0.9) == ()


def test_pace_follows_the_prompt_within_reason() -> None:
    def pace(n_tokens: int, n_phonemes: int) -> float:
        return make_guard([1], list(range(n_phonemes)), babble(n_tokens), (), 25).pace

    assert pace(100, 50) == 2
    assert pace(100, 5) == 8
    assert pace(20, 100) == 1.2
    assert pace(0, 0) == 2.6


def test_a_text_that_repeats_the_prompt_may_sound_like_it() -> None:
    shared = make_guard(list(range(5, 45)), list(range(50)), PROMPT, {SILENCE}, 25)
    assert shared.says_prompt
    assert shared.problems(PROMPT[:80]) == ()
    assert "leak" in guard().problems(PROMPT[:80])


def test_the_better_attempt() -> None:
    g = guard()
    order = [
        g.badness(babble(80), (), 0.95),
        g.badness(babble(80), (), 0.91),
        g.badness(babble(120), (), 0.91),
        g.badness(babble(80), ("unread",), 0.8),
        g.badness(babble(30), ("early_stop", "unread"), 0.5),
    ]
    assert order == sorted(order)


def test_loop_length_by_brute_force() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        row = rng.integers(0, 3, 24).tolist()
        best = 0
        for a in range(24):
            for b in range(a + 8, 25):
                part = row[a:b]
                if any(all(x == y for x, y in zip(part, part[p:], strict=False)) for p in range(4, len(part) // 2 + 1)):
                    best = max(best, sum(x != 2 for x in part))
        assert loop_length(row, {2}) == best


def test_longest_shared() -> None:
    assert longest_shared([1, 2, 3, 4], [9, 2, 3, 8]) == 2
    assert longest_shared([1, 2, 3, 4], [2, 3, 4], {3}) == 2
    assert longest_shared([], [1]) == longest_shared([1], []) == 0
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 3, 30).tolist(), rng.integers(0, 3, 40).tolist()
    runs = [n for n in range(31) for i in range(31 - n) for j in range(41 - n) if a[i : i + n] == b[j : j + n]]
    assert longest_shared(a, b) == max(runs)


def test_share_heard() -> None:
    spoken = np.eye(6)[[0, 1, 1, 0, 2, 0, 3, 3]] * 12
    log_probs = spoken - np.log(np.exp(spoken).sum(1, keepdims=True))
    assert share_heard(log_probs, [1, 2, 3]) == 1
    assert share_heard(log_probs, [1, 2, 3, 5]) == 0.75
    assert share_heard(log_probs, [1] * 20) == 0
    assert share_heard(log_probs, []) == 1
