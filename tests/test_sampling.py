"""Filters and draws, as properties."""

import math

import pytest
import torch

from sovits_tts.errors import ConfigError
from sovits_tts.models.sampling import (
    SamplingOptions,
    choose,
    draw,
    exponential_noise,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    probabilities,
)

PLAIN = SamplingOptions(top_k=0, top_p=1.0, temperature=1.0, repetition_penalty=1.0, min_tokens=0)


def kept(logits: torch.Tensor) -> list[int]:
    return logits[0].isfinite().nonzero()[:, 0].tolist()


def test_repetition_penalty_always_lowers_what_was_seen() -> None:
    logits = torch.tensor([[2.0, -2.0, 3.0, -3.0]])
    seen = torch.tensor([[True, True, False, False]])
    assert penalise_repetition(logits, seen, 2.0).tolist() == [[1.0, -4.0, 3.0, -3.0]]


def test_top_k_keeps_ties_with_the_last_place() -> None:
    logits = torch.tensor([[5.0, 1.0, 3.0, 3.0, 0.0]])
    assert kept(keep_top_k(logits, 1)) == [0]
    assert kept(keep_top_k(logits, 2)) == [0, 2, 3]
    assert kept(keep_top_k(logits, 99)) == [0, 1, 2, 3, 4]


def test_top_p_drops_the_token_that_crosses_p_but_never_the_first() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    assert kept(keep_top_p(logits, 0.7)) == [0]  # 0.5 + 0.3 crosses 0.7
    assert kept(keep_top_p(logits, 0.81)) == [0, 1]
    assert kept(keep_top_p(logits, 0.0)) == [0]


def test_top_p_looks_at_logits_before_the_temperature() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    seen = torch.zeros(1, 3, dtype=torch.bool)
    options = SamplingOptions(top_k=0, top_p=0.81, temperature=5.0, repetition_penalty=1.0)
    probability = probabilities(logits, seen, options)  # at temperature 5 first, all three would stay
    assert probability[0, 2] == 0
    assert probability[0, 0] / probability[0, 1] == pytest.approx((0.5 / 0.3) ** 0.2, rel=1e-5)


def test_draws_follow_the_probabilities() -> None:
    probability = torch.tensor([[0.6, 0.3, 0.1, 0.0]])
    noise = exponential_noise([torch.Generator().manual_seed(0)] * 20000, 4)
    share = torch.bincount(draw(probability.expand(20000, -1), noise), minlength=4) / 20000
    assert torch.allclose(share, probability[0], atol=0.015)
    assert share[3] == 0


def test_noise_of_a_row_does_not_depend_on_its_batch() -> None:
    together = exponential_noise([torch.Generator().manual_seed(seed) for seed in (1, 2, 3)], 50)
    alone = exponential_noise([torch.Generator().manual_seed(2)], 50)
    assert torch.equal(together[1], alone[0])


def test_eos_is_not_offered_in_the_first_steps() -> None:
    logits = torch.tensor([[0.0, 1.0, 9.0]])
    seen = torch.zeros(1, 3, dtype=torch.bool)
    options = SamplingOptions(top_k=1)
    early = choose(logits, seen, 10, options, torch.ones(1, 3), eos=2)
    late = choose(logits, seen, 11, options, torch.ones(1, 3), eos=2)
    assert (early.tokens.item(), early.ended.item()) == (1, False)
    assert (late.tokens.item(), late.ended.item()) == (2, True)
    assert logits[0, 2] == 9  # the caller's logits stay


def test_ends_when_eos_is_likeliest_even_if_another_token_is_drawn() -> None:
    logits = torch.tensor([[1.0, 0.0, 1.1]])
    noise = torch.tensor([[0.1, 1.0, 5.0]])
    choice = choose(logits, torch.zeros(1, 3, dtype=torch.bool), 20, PLAIN, noise, eos=2)
    assert (choice.tokens.item(), choice.ended.item()) == (0, True)
    penalised = choose(logits, torch.tensor([[False, False, True]]), 20, SamplingOptions(), noise, eos=2)
    assert not penalised.ended.item()  # judged after the repetition penalty


@pytest.mark.parametrize(
    "setting",
    [{"top_k": -100}, {"top_p": 1.1}, {"temperature": -0.1}, {"temperature": math.nan}, {"repetition_penalty": 0.0},
     {"min_tokens": -1}],
)  # fmt: skip
def test_options_out_of_range_are_named(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        SamplingOptions(**setting)  # type: ignore[arg-type]
