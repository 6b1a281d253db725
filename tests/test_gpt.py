"""The GPT stage at a tiny size: training forward, cache, ragged batches, hooks, reading position and coverage."""

import random
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sovits_tts.models.generate import Generated, Generation, generate, reading_coverage
from sovits_tts.models.gpt import GPT
from sovits_tts.models.kv_cache import KVCache
from sovits_tts.models.reading import LONGEST, MOST_STEPS, ReadingPosition, tokens_since
from sovits_tts.models.sampling import SamplingOptions
from sovits_tts.models.upstream_returns import batched_return, naive_return, stream_chunks
from sovits_tts.specs import GPTConfig
from sovits_tts.training.gpt_losses import (
    preference_loss,
    reading_loss,
    spoil_tokens,
    token_loss,
)

CONFIG = GPTConfig(d_model=32, n_layers=3, n_heads=4, n_phonemes=40, n_tokens=33, d_bert=8)
FOLLOWING = replace(CONFIG, follows_text=True)
TEXT_LENGTHS, PROMPT_LENGTHS = (9, 5, 12), (4, 7, 0)


@pytest.fixture(scope="module")
def gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(CONFIG).eval()


@pytest.fixture(scope="module")
def follower() -> GPT:
    torch.manual_seed(0)
    return GPT(FOLLOWING).eval()


@pytest.fixture(scope="module")
def texts() -> list[Tensor]:
    return [torch.randint(0, 40, (n,), generator=torch.Generator().manual_seed(n)) for n in TEXT_LENGTHS]


@pytest.fixture(scope="module")
def prompts() -> list[Tensor]:
    return [torch.randint(0, 32, (n,), generator=torch.Generator().manual_seed(n)) for n in PROMPT_LENGTHS]


@pytest.fixture(scope="module")
def bert() -> list[Tensor | None]:
    return [torch.randn(9, 8, generator=torch.Generator().manual_seed(1)), None, None]


def seeded(n: int, first: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(first + row) for row in range(n)]


def pad_tokens(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    return torch.tensor([row + [0] * (int(lengths.max()) - len(row)) for row in rows], dtype=torch.long), lengths


def train_batch(texts: list[Tensor], prompts: list[Tensor]) -> tuple[Tensor, Tensor, None, Tensor, Tensor]:
    return (*pad_tokens([x.tolist() for x in texts]), None, *pad_tokens([x.tolist() for x in prompts]))


# --- teacher forcing -------------------------------------------------------------------------------------------


def test_targets_and_mask(gpt: GPT, texts: list[Tensor], prompts: list[Tensor]) -> None:
    output = gpt(*train_batch(texts, prompts))
    assert output.logits.shape == (3, 8, 33)
    for row, prompt in enumerate(prompts):
        n = len(prompt)
        assert output.targets[row, :n].tolist() == prompt.tolist()
        assert (output.targets[row, n:] == CONFIG.eos).all()
        assert output.mask[row].tolist() == [True] * (n + 1) + [False] * (7 - n)


def test_padding_changes_nothing(gpt: GPT, texts: list[Tensor], prompts: list[Tensor]) -> None:
    together = gpt(*train_batch(texts, prompts))
    for row, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
        alone = gpt(*train_batch([text], [prompt]))
        n = len(prompt) + 1
        assert torch.allclose(together.logits[row, :n], alone.logits[0], atol=1e-5)


def test_exact_mode_hides_the_first_phonemes_of_short_rows(gpt: GPT, texts: list[Tensor]) -> None:
    phonemes, lengths = pad_tokens([x.tolist() for x in texts])
    tokens, token_lengths = torch.zeros(3, 4, dtype=torch.long), torch.full((3,), 4)
    before = gpt(phonemes, lengths, None, tokens, token_lengths, exact=True).logits
    phonemes[1, 0] = (phonemes[1, 0] + 1) % 40  # row 1 has 5 of 12 phonemes: upstream hides the first 7
    after = gpt(phonemes, lengths, None, tokens, token_lengths, exact=True).logits
    assert torch.equal(before[1], after[1])
    assert not torch.equal(
        gpt(phonemes, lengths, None, tokens, token_lengths).logits[1],
        gpt(phonemes.clone().index_fill_(1, torch.tensor([0]), 3), lengths, None, tokens, token_lengths).logits[1],
    )


def test_a_token_does_not_see_later_tokens(gpt: GPT, texts: list[Tensor]) -> None:
    tokens = torch.arange(6)[None]
    changed = tokens.clone()
    changed[0, 3] = 30
    phonemes, lengths = texts[0][None], torch.tensor([9])
    a = gpt(phonemes, lengths, None, tokens, torch.tensor([6])).logits
    b = gpt(phonemes, lengths, None, changed, torch.tensor([6])).logits
    assert torch.equal(a[:, :4], b[:, :4])
    assert not torch.allclose(a[:, 4], b[:, 4])


def test_missing_bert_is_zeros_and_inputs_may_differ_from_targets(gpt: GPT, texts: list[Tensor]) -> None:
    phonemes, lengths, tokens = texts[0][None], torch.tensor([9]), torch.arange(6)[None]
    zeros = gpt(phonemes, lengths, torch.zeros(1, 9, 8), tokens, torch.tensor([6]))
    none = gpt(phonemes, lengths, None, tokens, torch.tensor([6]))
    assert torch.allclose(zeros.logits, none.logits, atol=1e-6)
    noisy = gpt(phonemes, lengths, None, tokens, torch.tensor([6]), inputs=tokens + 1)
    assert torch.equal(noisy.targets, none.targets)
    assert not torch.allclose(noisy.logits, none.logits)


def test_network_without_bert_and_reader() -> None:
    gpt = GPT(GPTConfig(d_model=16, n_layers=1, n_heads=2, n_phonemes=10, n_tokens=9, d_bert=0)).eval()
    assert not any("bert" in name or "reader" in name for name, _ in gpt.named_parameters())
    phonemes = torch.arange(5)
    assert gpt(phonemes[None], torch.tensor([5]), None, torch.arange(4)[None], torch.tensor([4])).moves is None
    [result] = generate(gpt, [phonemes], generators=seeded(1), max_new=5)
    assert result.focus is None and result.coverage is None


# --- following the text ----------------------------------------------------------------------------------------


def test_following_learns_to_read_and_how_long() -> None:
    """A phoneme is to be said as often as its number modulo 3, plus 1: both losses fall, and it reads new text."""
    torch.manual_seed(1)
    config = GPTConfig(
        d_model=32, n_layers=2, n_heads=4, n_phonemes=12, n_tokens=13, d_bert=0, dropout=0.0, follows_text=True
    )
    gpt = GPT(config)
    optimizer = torch.optim.AdamW(gpt.parameters(), 3e-3)
    for step in range(150):
        rng = torch.Generator().manual_seed(step)
        phonemes = torch.randint(0, 12, (16, 6), generator=rng)
        spoken = [torch.arange(6).repeat_interleave(row % 3 + 1) for row in phonemes]
        tokens, lengths = pad_tokens([row[at].tolist() for row, at in zip(phonemes, spoken, strict=True)])
        positions = torch.full((16, tokens.shape[1] + 1), -1)
        for row, at in enumerate(spoken):
            positions[row, : len(at) + 1] = torch.cat([at, torch.tensor([6])])
        output = gpt(phonemes, torch.full((16,), 6), None, tokens, lengths, positions=positions)
        loss = token_loss(output) + reading_loss(output)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert token_loss(output) < 0.3 and reading_loss(output) < 0.3
    options = SamplingOptions(top_k=1, repetition_penalty=1.0)
    [result] = generate(gpt.eval(), [torch.tensor([3, 1, 4, 1, 5, 9])], generators=seeded(1), options=options)
    assert result == Generated([3, 1, 1, 4, 4, 1, 1, 5, 5, 5, 9], "eos", [0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5], 1.0)


def test_a_prompt_has_no_position_and_only_followed_tokens_are_judged(follower: GPT, texts: list[Tensor]) -> None:
    tokens, lengths, n_text = torch.arange(6)[None], torch.tensor([6]), torch.tensor([9])
    positions = torch.tensor([[-1, -1, 4, 4, 6, 8, 9]])
    output = follower(texts[0][None], n_text, None, tokens, lengths, positions=positions)
    assert output.mask.tolist() == [[False, False, True, True, True, True, True]]
    moved = follower(texts[0][None], n_text, None, tokens, lengths, positions=positions.where(positions != 6, 7))
    same = (output.logits == moved.logits).all(dim=-1)[0]
    assert same[:4].all() and not same[4:].any(), "the position of a token is seen when it is predicted, not before"
    unknown = follower(texts[0][None], n_text, None, tokens, lengths, positions=torch.full((1, 7), -1))
    assert unknown.mask.all() and reading_loss(unknown) == 0


def test_tokens_since_a_phoneme_began() -> None:
    positions = torch.tensor([[-1, -1, 0, 0, 0, 2, 3, 3], [1, 1, 1, 1, 1, 1, 1, 2]])
    assert tokens_since(positions).tolist() == [[0, 1, 0, 1, 2, 0, 0, 1], [0, 1, 2, 3, 4, 5, 6, 0]]


def test_every_phoneme_is_passed_once_and_the_end_is_the_end(
    follower: GPT, texts: list[Tensor], prompts: list[Tensor]
) -> None:
    results = generate(follower, texts, prompts, generators=seeded(3), n_text=[6, 5, 12])
    for result, text, own in zip(results, texts, (6, 5, 12), strict=True):
        assert result.reached_eos and result.focus is not None and len(result.focus) == len(result.tokens)
        assert result.focus[0] == len(text) - own
        steps = [after - before for before, after in zip(result.focus, result.focus[1:], strict=False)]
        assert set(steps) <= set(range(MOST_STEPS + 1))
        assert len(text) - result.focus[-1] <= MOST_STEPS


def test_a_phoneme_never_lasts_for_ever() -> None:
    reading = ReadingPosition(torch.zeros(1, 3, 4), [0], [2])
    stay = torch.tensor([[20.0, 0.0, 0.0, 0.0]])
    for _ in range(LONGEST):
        assert reading.position.item() == 0
        reading.move(stay, torch.tensor([0.5]))
    assert reading.position.item() == 1 and reading.held.item() == 0


def test_a_held_sound_is_drawn_at_a_higher_temperature_and_no_other() -> None:
    """What `choose` divides by the temperature: a row that holds its phoneme comes out as at 0.8, or as asked if that
    is more."""
    reading = ReadingPosition(torch.zeros(2, 9, 4), [0, 0], [8, 8])
    stay, go = [20.0, 0.0, 0.0, 0.0], [-20.0, 20.0, 0.0, 0.0]
    for _ in range(6):
        reading.move(torch.tensor([stay, go]), torch.tensor([0.5, 0.5]))
    logits = torch.tensor([[1.0, 2.0, float("-inf")]] * 2)
    for temperature, held in ((0.2, 0.8), (0.0, 0.8), (1.2, 1.2)):
        drawn = reading.warmed(logits, temperature) / max(temperature, 1e-5)
        torch.testing.assert_close(drawn[0], logits[0] / held)
        torch.testing.assert_close(drawn[1], logits[1] / max(temperature, 1e-5))


def test_a_move_leaves_out_few_phonemes_and_never_goes_back() -> None:
    reading, far = ReadingPosition(torch.zeros(1, 9, 4), [0], [8]), torch.tensor([[-20.0, 0.0, 0.0, 20.0]])
    places = []
    for _ in range(4):
        places.append(reading.position.item())
        reading.move(far, torch.tensor([0.5]))
    assert places == [0, MOST_STEPS, 2 * MOST_STEPS, 8]


def test_token_loss_does_not_depend_on_padding_unless_exact(gpt: GPT, texts: list[Tensor]) -> None:
    tokens, lengths = torch.arange(5)[None], torch.tensor([5])
    padded = torch.nn.functional.pad(tokens, (0, 4))
    text, text_lengths = texts[0][None], torch.tensor([9])
    short, long = (gpt(text, text_lengths, None, t, lengths) for t in (tokens, padded))
    assert token_loss(short).item() == pytest.approx(token_loss(long).item(), rel=1e-5)
    assert token_loss(long, exact=True) > token_loss(short, exact=True)
    assert preference_loss(short, long).item() == pytest.approx(0.6931, abs=1e-3)  # the same sentence: no preference


def test_spoiled_sentences_differ_by_one_span() -> None:
    rng = random.Random(0)
    sentence = list(range(20))
    spoiled = [spoil_tokens(sentence, rng) for _ in range(50)]
    assert {len(s) > 20 for s in spoiled if len(s) != 20} == {True, False}
    for other in spoiled:
        assert set(other) <= set(sentence) and other
        if len(other) < 20:
            assert other == sorted(other)


# --- generation ------------------------------------------------------------------------------------------------


def test_cached_and_uncached_agree(gpt: GPT, texts: list[Tensor], prompts: list[Tensor]) -> None:
    """Every step of a ragged, cached batch against teacher forcing of the same row alone."""
    cache = KVCache(CONFIG, 3, 30, "cpu", torch.float32)
    tokens = torch.randint(0, 32, (3, 6), generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        steps = [gpt.prefill(texts, [None] * 3, prompts, cache)]
        steps += [gpt.step(tokens[:, s], cache) for s in range(6)]
        for row, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
            whole = torch.cat([prompt, tokens[row]])[None]
            full = gpt(text[None], torch.tensor([len(text)]), None, whole, torch.tensor([whole.shape[1]]))
            cached = torch.stack([step.logits[row] for step in steps])
            assert torch.allclose(cached, full.logits[0, len(prompt) :], atol=1e-5)


def test_cached_and_uncached_agree_about_the_position(
    follower: GPT, texts: list[Tensor], prompts: list[Tensor], bert: list[Tensor | None]
) -> None:
    """The same with a reading position that moves by what the network says, bert features included."""
    cache, own = KVCache(FOLLOWING, 3, 30, "cpu", torch.float32), [6, 5, 12]
    tokens = torch.randint(0, 32, (3, 6), generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        reading = follower.start_reading(texts, bert, own)
        assert reading is not None
        steps, places = [follower.prefill(texts, bert, prompts, cache, reading)], [reading.position]
        for s in range(6):
            follower.move_on(reading, steps[-1].hidden, tokens[:, s], torch.full((3,), 0.5))
            places.append(reading.position)
            steps.append(follower.step(tokens[:, s], cache, reading))
        for row, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
            whole = torch.cat([prompt, tokens[row]])[None]
            known = torch.stack(places)[:, row]
            assert len(known.unique()) > 1
            positions = torch.cat([torch.full((len(prompt),), -1), known])[None]
            features = None if bert[row] is None else bert[row][None]
            lengths = torch.tensor([len(text)]), torch.tensor([whole.shape[1]])
            full = follower(text[None], lengths[0], features, whole, lengths[1], positions=positions)
            cached = torch.stack([step.logits[row] for step in steps])
            assert torch.allclose(cached, full.logits[0, len(prompt) :], atol=1e-5)


@pytest.mark.parametrize("network", ["gpt", "follower"])
def test_batched_and_single_give_identical_tokens(
    network: str, request: pytest.FixtureRequest, texts: list[Tensor], prompts: list[Tensor], bert: list[Tensor | None]
) -> None:
    gpt = request.getfixturevalue(network)
    together = generate(gpt, texts, prompts, bert, generators=seeded(3), max_new=60)
    assert len({len(result.tokens) for result in together}) > 1, "the rows must end at different times"
    for row in range(3):
        [alone] = generate(gpt, [texts[row]], [prompts[row]], [bert[row]], generators=seeded(1, row), max_new=60)
        assert alone == together[row]


def test_seeds(gpt: GPT, texts: list[Tensor]) -> None:
    first, again, other = (
        generate(gpt, texts[:1], generators=seeded(1, seed), max_new=40)[0].tokens for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_global_random_state_is_neither_read_nor_moved(gpt: GPT, texts: list[Tensor]) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = generate(gpt, texts[:1], generators=seeded(1), max_new=20)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    assert generate(gpt, texts[:1], generators=seeded(1), max_new=20) == first


def test_max_new_and_eos(gpt: GPT, texts: list[Tensor]) -> None:
    for result in generate(gpt, texts, generators=seeded(3), max_new=15):
        assert len(result.tokens) <= 15
        assert CONFIG.eos not in result.tokens
        assert result.reached_eos or len(result.tokens) == 15
        assert len(result.tokens) >= 11


def test_a_hook_stops_one_sentence_and_leaves_the_others_alone(gpt: GPT, texts: list[Tensor]) -> None:
    free = generate(gpt, texts, generators=seeded(3), max_new=30)
    calls: list[tuple[int, int]] = []

    def stop_row_one(sentence: int, tokens: list[int]) -> bool:
        calls.append((sentence, len(tokens)))
        return sentence == 1 and len(tokens) == 3

    hooked = generate(gpt, texts, generators=seeded(3), max_new=30, on_token=stop_row_one)
    assert hooked[1].tokens == free[1].tokens[:3]
    assert hooked[1].reason == "stopped"
    assert [hooked[0], hooked[2]] == [free[0], free[2]]
    assert [n for sentence, n in calls if sentence == 1] == [1, 2, 3]


def test_tokens_come_one_at_a_time(gpt: GPT, texts: list[Tensor]) -> None:
    whole = generate(gpt, texts[:1], generators=seeded(1), max_new=30)[0]
    generation = Generation(gpt, texts[:1], generators=seeded(1), max_new=30)
    steps = iter(generation)
    assert [next(steps)[1] for _ in range(5)] == whole.tokens[:5]
    assert [token for _, token in steps] == whole.tokens[5:]
    assert generation.results()[0] == whole


def test_bfloat16_runs_and_keeps_fp32_logits(texts: list[Tensor], prompts: list[Tensor]) -> None:
    torch.manual_seed(0)
    gpt = GPT(CONFIG).eval().bfloat16()
    cache = KVCache(CONFIG, 3, 30, "cpu", torch.bfloat16)
    with torch.inference_mode():
        assert gpt.prefill(texts, [None] * 3, prompts, cache).logits.dtype == torch.float32
    assert len(generate(gpt, texts, prompts, generators=seeded(3), max_new=12)[0].tokens) >= 11


# --- how far the text was read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("focus", "n_phonemes", "n_text", "expected"),
    [
        ([0, 0, 1, 2, 2, 3, 4], 5, 5, 1.0),
        ([0, 1, 4, 5], 6, 6, 1.0),  # two short phonemes passed between tokens
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 10, 10, 1.0),  # only the full stop is unheard
        ([0, 1, 2, 3, 4], 10, 10, 0.5),  # ended early
        ([5, 6, 7, 8, 9], 10, 5, 1.0),  # the prompt's phonemes do not count
        ([0, 1, 2, 3, 4], 10, 5, 0.0),  # read the prompt again
        ([0, 1, 2, 0, 1, 2], 3, 3, 1.0),
        ([], 4, 4, 0.0),
        ([], 4, 0, 1.0),
    ],
)
def test_reading_coverage(focus: list[int], n_phonemes: int, n_text: int, expected: float) -> None:
    assert reading_coverage(focus, n_phonemes, n_text) == pytest.approx(expected)


# --- upstream's ways of returning -------------------------------------------------------------------------------


def test_upstream_loses_the_first_token_at_the_limit() -> None:
    ended = Generated([1, 2, 3], "eos", None, None)
    cut = Generated([1, 2, 3], "length", None, None)
    assert naive_return([9], ended) == ([9, 1, 2, 3], 3)
    assert naive_return([9], cut) == ([9, 1, 2, 3], 2)
    assert batched_return([9], cut) == ([9, 1, 2], 2)
    assert naive_return(None, cut) == ([1, 2, 3], 0)


def test_stream_chunks_split_in_silence_and_repeat_what_follows() -> None:
    quiet = [1.0 if token == 0 else -1.0 for token in range(10)]
    tokens = [1, 2, 3, 0, 0, 4, 5, 6, 7]
    assert list(stream_chunks(tokens, 4)) == [([1, 2, 3, 0], False), ([0, 4, 5, 6], False), ([7], True)]
    chunks = list(stream_chunks(tokens, 4, quiet))
    assert chunks[0] == ([1, 2, 3, 0, 0, 4], False)  # found at six tokens, split after the fourth
    assert chunks[-1] == ([0, 4, 5, 6, 7], True)
