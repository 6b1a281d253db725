"""Cutting into speakable sentences: what must never be cut, the budget, and books."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest

from sovits_tts.text.boundaries import SENTENCE, boundaries
from sovits_tts.text.chunk import BUDGET, chunks, cut, weight
from sovits_tts.text.markup import parse


def tight(text: str) -> list[str]:
    """Cut with a budget so small that everything is cut that may be."""
    return list(cut(text, budget=4.0))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("这个商品的价格是12,345.67元，已经比去年低了很多。", "12,345.67"),
        ("我们在2024-01-02 10:30:00开始开会，一直开到晚上。", "2024-01-02 10:30:00"),
        ("Please ask Dr. Smith about the U.S. report e.g. today.", "Dr. Smith"),
        ("The file is at https://example.com/a.b?q=1.5,2 for you to read now.", "https://example.com/a.b?q=1.5,2"),
        ("他大声说：“好。走！”然后就离开了这里。", "“好。走！”"),
        ('He said "Stop! Go." and left the house at once.', '"Stop! Go."'),
        ("In 1.5 seconds version v2.0.1 is ready to be installed here.", "v2.0.1"),
    ],
)
def test_never_cut_inside(text: str, kept: str) -> None:
    assert any(kept in piece for piece in tight(text)), tight(text)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Mr. Brown lives at St. James, No. 5. J. K. Rowling came etc. Then I left at 5 p.m. yesterday!", [36, 60]),
        ('"Stop!" he said. "Why?" Yahoo! is shut... and so on.', [16, 23]),
        ("1. First things first. 2 is next.", [22]),
        ("今天很好！真的吗？！是的……好吧。", [5, 10, 14]),
        ("ok.然后呢？", [3]),
        ("안녕하세요. 반갑습니다!", [6]),
    ],
)
def test_ends_of_sentences(text: str, ends: list[int]) -> None:
    assert [b.position for b in boundaries(text, []) if b.level == SENTENCE and not b.quoted] == ends


def test_short_sentences_join_and_lines_do_not() -> None:
    assert list(cut("好。走吧。我们现在就出发去火车站接他们。")) == ["好。走吧。我们现在就出发去火车站接他们。"]
    assert list(cut("第一章\n\n天黑了\n我们回家")) == ["第一章", "天黑了", "我们回家"]


def test_wrapped_lines_are_one_sentence() -> None:
    wrapped = "It was the best of times, it was the worst of\ntimes, it was the age of wisdom."
    assert list(cut(wrapped)) == [wrapped.replace("\n", " ")]


def test_long_sentences_are_cut_at_clauses_within_the_budget() -> None:
    text = "我们先去北京的故宫参观了一整天，" * 12
    pieces = list(cut(text))
    assert "".join(pieces) == text
    assert all(weight(p) <= BUDGET and p.endswith("，") for p in pieces)
    assert min(map(weight, pieces)) > BUDGET / 3


def test_text_without_any_mark_stays_within_the_budget() -> None:
    assert all(weight(p) <= BUDGET for p in cut("没有标点" * 100))
    assert all(weight(p) <= BUDGET for p in cut("a" * 1000))
    words = list(cut("unpunctuated words " * 100))
    assert all(word in ("unpunctuated", "words") for piece in words for word in piece.split())


def test_markup_is_never_cut_and_pauses_cut() -> None:
    pieces = list(
        chunks(parse("请说<say-as digits>12345678901234567890</say-as>好[pause:0.5][pause:1]再见[pause:2]"), 4)
    )
    assert any(span.say_as and len(span.text) == 20 for chunk in pieces for span in chunk.spans)
    assert [c.pause for c in pieces if c.pause is not None] == [1.5, 2.0]
    assert "再见" in pieces[-1].text


def test_a_change_of_speed_cuts() -> None:
    pieces = list(chunks(parse('<prosody rate="slow">慢慢说。</prosody>快快说。')))
    assert [(c.text, c.spans[0].rate) for c in pieces] == [("慢慢说。", 0.75), ("快快说。", 1.0)]


def test_nothing_to_speak() -> None:
    assert list(cut("***\n\n……\n😊")) == []


BOOK_LINE = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。“你是谁？”他问道，“从哪里来？”\n"


def test_a_book_of_300000_characters() -> None:
    book = (BOOK_LINE * (300_000 // len(BOOK_LINE) + 1))[:300_000]
    pieces = list(cut(book))
    assert "".join(pieces).replace(" ", "") == book.replace("\n", "").replace(" ", "")
    assert max(map(weight, pieces)) <= BUDGET


def test_a_stream_is_read_in_constant_memory() -> None:
    def lines(count: int) -> Iterator[str]:
        for _ in range(count):
            yield BOOK_LINE

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            for _ in cut(lines(count)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # fills the caches
    assert peak(800) < 1.5 * peak(200)


def test_the_blocks_of_a_stream_do_not_matter() -> None:
    rng = random.Random(3)
    text = (BOOK_LINE + "A word<W ER1 D> is [pause:0.5] enough. ") * 150

    def blocks() -> Iterator[str]:
        at = 0
        while at < len(text):
            size = rng.randint(1, 40)
            yield text[at : at + size]
            at += size

    assert list(cut(blocks())) == list(cut(text))
