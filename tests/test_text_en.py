"""The English reader: normalisation, heteronyms, unknown words, overrides, and agreement with the official reader."""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.en import LANGUAGE
from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.letters import END, START, LetterModel, letter_model, pack
from sovits_tts.text.en.numbers import cardinal, code, fraction, ordinal, roman, year
from sovits_tts.text.en.oov import guess
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids, to_ids

HERE = Path(__file__).parent
MARKS = frozenset(PUNCTUATION)


def _rows(name: str) -> list[list[str]]:
    lines = (HERE / "readings" / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def _read(text: str) -> tuple[str, ...]:
    return LANGUAGE.phonemize(LANGUAGE.normalize(text).text).phonemes


def _words_only(text: str) -> list[str]:
    return [p for p in LANGUAGE.phonemize(text).phonemes if p not in MARKS]


@pytest.mark.parametrize(("text", "accepted"), _rows("en.tsv"))
def test_reading(text: str, accepted: str) -> None:
    spoken = LANGUAGE.normalize(text).text
    assert _words_only(spoken) in [_words_only(reading) for reading in accepted.split("|")], spoken


@pytest.mark.parametrize(("marked", "wanted"), _rows("en_heteronyms.tsv"))
def test_heteronym(marked: str, wanted: str) -> None:
    start, end = marked.index("*"), marked.rindex("*") - 1
    text = marked.replace("*", "")
    around = LANGUAGE.phonemize(text, overrides={start: (end, "SP")}).phonemes
    at = around.index("SP")
    whole = LANGUAGE.phonemize(text).phonemes
    assert " ".join(whole[at : at + 1 + len(whole) - len(around)]) == wanted


def _golden() -> list[dict[str, str]]:
    lines = (HERE / "golden" / "text_en.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("row", _golden(), ids=lambda row: row["text"][:40])
def test_agrees_with_the_official_reader_or_says_why_not(row: dict[str, str]) -> None:
    wanted = row["official"] if row["verdict"] == "same" else row["ours"]
    assert " ".join(_read(row["text"])) == wanted
    assert row["verdict"] == "same" or (row["ours"] != row["official"] and row["why"])


def test_every_phoneme_is_in_both_tables() -> None:
    for text, _ in _rows("en.tsv"):
        phonemes = _read(text)
        assert to_ids(phonemes, "v1") == to_ids(phonemes, "v2")
    assert set(dictionary().alphabet.values()) <= set(symbol_ids("v1"))
    assert {p for _, sounds in letter_model().inventory for p in sounds} <= set(symbol_ids("v1"))


def test_punctuation_survives() -> None:
    assert [p for p in _read("Yes! No? Well… so, be it - done.") if p in MARKS] == ["!", "?", "…", ",", "-", "."]
    assert [p for p in _read("“So;” he said: (rather slowly) — “go”。") if p in MARKS] == [",", ",", ",", "."]


@pytest.mark.parametrize("text", ["", "   ", "\n", "世界", "😀"])
def test_nothing_to_read_raises(text: str) -> None:
    with pytest.raises(TextError):
        _read(text)


def _random_text(rng: random.Random) -> str:
    pools = ((32, 127), (0, 0x250), (0x20, 0xD7FF), (0x2000, 0x2C00), (0x1F300, 0x1FAFF), (0xFF00, 0xFFEF))
    one, two = rng.choice(pools), rng.choice(pools)
    return "".join(chr(rng.randrange(*(one if rng.random() < 0.7 else two))) for _ in range(rng.randrange(40)))


def test_random_unicode_raises_nothing_but_text_errors() -> None:
    rng = random.Random(0)
    for _ in range(300):
        text = _random_text(rng)
        normal = LANGUAGE.normalize(text)
        assert all(0 <= w.position < len(text) and w.span for w in normal.warnings)
        assert all(c.isalpha() or c in " '" or c in MARKS for c in normal.text), text
        try:
            reading = LANGUAGE.phonemize(normal.text)
        except TextError:
            continue
        to_ids(reading.phonemes)
        assert not reading.warnings
        assert LANGUAGE.phonemize(normal.text) == reading


def test_no_character_vanishes_without_a_warning() -> None:
    """Quotes, brackets and joiners have no sound; anything else is either read or named."""
    silent = {"Ps", "Pe", "Pi", "Pf", "Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Cn"}
    allowed = frozenset("\"'/«»´¶·¿¡®™ʼ‖‘’‚‛“”„‟†‡′″⁄∕・＂＇／")
    for point in [*range(0x21, 0x600), *range(0x2000, 0x2700), *range(0x3000, 0x3100), *range(0x4E00, 0x20000, 997)]:
        char = chr(point)
        normal = LANGUAGE.normalize(f"so {char} be")
        read = normal.text != "so be"
        mark = unicodedata.combining(char)
        assert read or normal.warnings or char in allowed or unicodedata.category(char) in silent or mark, hex(point)


def test_warnings_point_at_the_source() -> None:
    text = "It costs $5 in 北京, or 3€ 😀!"
    assert [(w.position, w.span) for w in LANGUAGE.normalize(text).warnings] == [(15, "北京"), (25, "😀")]
    reading = LANGUAGE.phonemize("one 2 three")
    assert [(w.position, w.span) for w in reading.warnings] == [(4, "2")]


def test_overrides() -> None:
    text = "A tomato is a tomato."
    reading = LANGUAGE.phonemize(text, overrides={2: (8, "T AH0 M AA1 T OW2")})
    assert " ".join(reading.phonemes) == "AH0 T AH0 M AA1 T OW2 IH1 Z AH0 T AH0 M EY1 T OW2 ."
    spoken = LANGUAGE.phonemize("X Æ A-12", "v1", overrides={0: (8, "eh1 k s")})
    assert spoken.phonemes == ("EH1", "K", "S")
    with pytest.raises(TextError, match="QX"):
        LANGUAGE.phonemize(text, overrides={2: (8, "T QX")})
    with pytest.raises(TextError):
        LANGUAGE.phonemize(text, overrides={2: (8, "")})


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("hummed", "HH AH1 M D"),
        ("creased", "K R IY1 S T"),
        ("buffaloes", "B AH1 F AH0 L OW2 Z"),
        ("honeyguide", "HH AH1 N IY0 G AY2 D"),
        ("colourful", "K AH1 L ER0 F AH0 L"),
        ("memorised", "M EH1 M ER0 AY2 Z D"),
        ("unfollow", "AH0 N F AA1 L OW0"),
        ("livestreamer's", "L AY1 V S T R IY2 M ER0 Z"),
        ("sittin", "S IH1 T IH0 N"),
        ("soooo", "S OW1"),
        ("qwrt", "K Y UW1 D AH1 B AH0 L Y UW0 AA1 R T IY1"),
        ("reproached", "R IY0 P R OW1 CH T"),
    ],
)
def test_words_unknown(word: str, wanted: str) -> None:
    assert word not in dictionary()
    assert " ".join(guess(word)) == wanted


def test_letters_to_sounds_has_one_main_stress() -> None:
    rng = random.Random(0)
    for _ in range(60):
        word = "".join(
            rng.choice(("b", "c", "d", "k", "l", "m", "n", "p", "r", "s", "t")) + rng.choice("aeiou") for _ in "abc"
        )
        assert [p[-1] for p in letter_model().read(word)].count("1") == 1, word


def test_letter_model_packs() -> None:
    grams = {(2,): -1.0, (3,): -2.1, (END,): -0.7, (START, 2): -0.35, (2, 3): -0.7, (START, 2, 3): -0.14}
    model = LetterModel([("a", ("AA1",)), ("b", ("B",))], grams, {(START,): -0.7, (2,): 0.14, (START, 2): -0.35})
    again = LetterModel.unpack(pack(model))
    assert again.inventory == model.inventory
    assert again.prob == pytest.approx(model.prob, abs=0.04)
    assert again.backoff == pytest.approx(model.backoff, abs=0.04)
    assert again.read("ab") == model.read("ab") == ("AA1", "B")


def test_numbers() -> None:
    assert cardinal("1,234,567") == "one million two hundred thirty-four thousand five hundred sixty-seven"
    assert cardinal(10**36 - 1).startswith("nine hundred ninety-nine decillion")
    assert [ordinal(n) for n in (1, 12, 20, 21, 100)] == [
        "first",
        "twelfth",
        "twentieth",
        "twenty-first",
        "one hundredth",
    ]
    assert [year(y) for y in ("1900", "1905", "2000", "2024")] == [
        "nineteen hundred",
        "nineteen oh five",
        "two thousand",
        "twenty twenty-four",
    ]
    assert [code(c) for c in ("7", "66", "100", "380", "605", "4090", "007")] == [
        "seven",
        "sixty-six",
        "one hundred",
        "three eighty",
        "six oh five",
        "forty ninety",
        "zero zero seven",
    ]
    assert (fraction("3", "4"), fraction("1", "1")) == ("three quarters", None)
    assert (roman("XLVIII"), roman("IIII"), roman("")) == (48, None, None)
