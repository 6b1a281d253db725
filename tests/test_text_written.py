"""A sentence with its markup, written again: reading it gives the same phonemes."""

from __future__ import annotations

import pytest

from sovits_tts.text.frontend import read, sentences
from sovits_tts.text.markup import parse
from sovits_tts.text.written import written

TEXTS = [
    "Plain words, 3 < 5 and List<T>.", "银行<yin2 hang2>在哪里？", "A tomato<T AH0 M AA1 T OW2> and a potato.",
    "The year <say-as digits>1024</say-as> and <sub alias=\"World Wide Web\">WWW</sub>.",
    'It is <say-as interpret-as="date" format="dmy">3/4/2020</say-as> now.', r"Not a pause: \[pause:1\].",
    '<prosody rate="slow">Slowly now.</prosody>', '<phoneme ph="hang2">行</phoneme>业很好。',
    "Say <lang zh>你好</lang> to her.",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_reading_it_again_gives_the_same(text: str) -> None:
    (sentence,) = sentences(text, "auto")
    again = read(sentence.source, "auto")
    assert (again.text, again.phonemes, again.rate) == (sentence.text, sentence.phonemes, sentence.rate)
    assert again.source == sentence.source


def test_plain_text_stays_as_it_is_and_corrections_stay_readable() -> None:
    assert written([span for span in parse(TEXTS[0])]) == TEXTS[0]  # type: ignore[misc]
    (sentence,) = sentences(TEXTS[1], "zh")
    assert sentence.source == TEXTS[1]
