"""What every language plug-in promises, for all of them."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.base import Language
from sovits_tts.text.frontend import read
from sovits_tts.text.languages import LANGUAGES, plugin
from sovits_tts.text.symbols import PUNCTUATION, TABLES, symbol_ids, to_ids
from tests.readings.cases import load

PACKAGES = {"ja": "pyopenjtalk", "ko": "mecab", "yue": "ToJyutping"}
ONLY_IN_V2 = ("ko", "yue")
SAMPLES = {
    "zh": "今天天气很好，我们走吧！真的吗？好…的。",
    "en": "Today is fine, so let us go! Really? Well… yes.",
    "ja": "今日は天気がいい、行こう！本当？うん…はい。",
    "ko": "오늘은 날씨가 좋아요, 갑시다! 정말? 네… 좋아요.",
    "yue": "今日天氣好好，我哋去啦！真係？係…呀。",
}
WORD = {"zh": "好", "en": "word", "ja": "山", "ko": "집", "yue": "好"}
BLOCKS = (
    (0x20, 0x7E), (0x80, 0x17F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
    (0x1100, 0x11FF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x3131, 0x318E), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xD800, 0xDFFF), (0xF900, 0xFAFF), (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0x1F300, 0x1FAFF),
    (0x20000, 0x2A6DF), (0xE0000, 0xE007F),
)  # fmt: skip


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    return plugin(request.param)


def texts(code: str) -> list[str]:
    """Ordinary texts of a language: the sample, and what the reading tests have."""
    return [SAMPLES[code], *(case.text.replace("*", "") for case in load() if case.language == code)][:200]


def tables(code: str) -> tuple[str, ...]:
    return TABLES[1:] if code in ONLY_IN_V2 else TABLES


def test_every_phoneme_is_in_the_table_and_characters_are_counted(language: Language) -> None:
    for text in texts(language.code):
        normalized = language.normalize(text).text
        if not any(char.isalnum() for char in normalized):
            continue
        for table in tables(language.code):
            reading = language.phonemize(normalized, table)
            assert len(to_ids(reading.phonemes, table)) == len(reading.phonemes)
            if reading.per_char is not None:
                assert len(reading.per_char) == len(reading.text) and sum(reading.per_char) == len(reading.phonemes)


def test_a_sample_is_read_without_a_warning_and_its_marks_survive(language: Language) -> None:
    normalized = language.normalize(SAMPLES[language.code])
    assert normalized.warnings == ()
    for table in tables(language.code):
        reading = language.phonemize(normalized.text, table)
        assert reading.warnings == ()
        assert [p for p in reading.phonemes if p in PUNCTUATION and p != "-"] == [",", "!", "?", "…", "."]


def test_the_same_text_is_read_the_same(language: Language) -> None:
    for text in texts(language.code)[:20]:
        first = language.normalize(text)
        assert first == language.normalize(text)
        if any(char.isalnum() for char in first.text):
            assert language.phonemize(first.text) == language.phonemize(first.text)


def test_normal_form_stays_as_it_is(language: Language) -> None:
    normalized = language.normalize(SAMPLES[language.code]).text
    assert language.normalize(normalized).text == normalized


@pytest.mark.parametrize("text", ["", " ", "\n", "\u200b", "😀"])
def test_nothing_to_read_raises(language: Language, text: str) -> None:
    with pytest.raises(TextError):
        language.phonemize(language.normalize(text).text)


def test_a_warning_names_the_place(language: Language) -> None:
    text = SAMPLES[language.code][:4] + "Ж"
    (warning,) = language.normalize(text).warnings
    assert (warning.position, warning.span) == (4, "Ж")


def test_no_letter_number_or_sign_is_dropped_silently(language: Language) -> None:
    """Each is heard (alone between two words, after one, or before a number), or named with its place."""
    word = WORD[language.code]
    silent = []
    rng = random.Random(3)
    for char in [chr(c) for c in range(0x21, 0x250)] + [_random_char(rng) for _ in range(400)]:
        if unicodedata.category(char) not in ("Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No", "Sm", "Sc", "So"):
            continue
        heard = any(_differs(language, frame.replace("_", char), frame.replace("_", "")) for frame in _frames(word))
        if not heard and not _named(language, f"{word} {char} {word}", char):
            silent.append(char)
    assert silent == []


def _frames(word: str) -> tuple[str, ...]:
    return (f"{word} _ {word}", f"{word}_{word}", f"{word}_3", f"3_{word}", "3_4")


def _differs(language: Language, with_char: str, without: str) -> bool:
    return _phonemes(language, with_char) != _phonemes(language, without)


def _phonemes(language: Language, text: str) -> tuple[str, ...]:
    try:
        return language.phonemize(language.normalize(text).text).phonemes
    except TextError:
        return ()


def _named(language: Language, text: str, char: str) -> bool:
    normalized = language.normalize(text)
    warnings = list(normalized.warnings)
    try:
        warnings += language.phonemize(normalized.text).warnings
    except TextError:
        return True
    return any(char in warning.span for warning in warnings)


def _random_char(rng: random.Random) -> str:
    return chr(rng.randint(*rng.choice(BLOCKS)))


def _random_texts(count: int) -> Iterator[str]:
    rng = random.Random(11)
    for _ in range(count):
        near = rng.choice(BLOCKS)
        yield "".join(
            chr(rng.randint(*near)) if rng.random() < 0.5 else _random_char(rng) for _ in range(rng.randint(1, 24))
        )


def _survives(language: Language, count: int) -> None:
    known = symbol_ids("v2")
    for text in _random_texts(count):
        normalized = language.normalize(text)
        assert all(0 <= warning.position <= len(text) for warning in normalized.warnings), text
        try:
            reading = language.phonemize(normalized.text)
        except TextError:
            continue
        assert reading.phonemes and all(p in known for p in reading.phonemes), text
        if reading.per_char is not None:
            assert sum(reading.per_char) == len(reading.phonemes) and len(reading.per_char) == len(reading.text), text


def test_random_text_raises_nothing_but_text_errors(language: Language) -> None:
    _survives(language, 300)


@pytest.mark.slow
def test_much_random_text_raises_nothing_but_text_errors(language: Language) -> None:
    _survives(language, 10_000)


def test_random_text_through_the_frontend(language: Language) -> None:
    """In the mode of the language; markup is taken out, since its mistakes are errors by design."""
    for text in _random_texts(200):
        try:
            sentence = read(re.sub(r"[\[<\\]", "", text), language.code)
        except TextError:
            continue
        assert len(sentence.ids) == sentence.n_phonemes > 0
