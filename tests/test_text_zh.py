"""Mandarin: normalisation, readings, tone rules, the conventions of the official tables."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids
from sovits_tts.text.zh import LANGUAGE
from sovits_tts.text.zh.language import Mandarin
from sovits_tts.text.zh.numbers import cardinal
from sovits_tts.text.zh.phonemes import initial_final, plain_pinyin

HERE = Path(__file__).parent
TABLES = ("v1", "v2")


def phonemes(text: str, symbols: str = "v2") -> tuple[str, ...]:
    return LANGUAGE.phonemize(LANGUAGE.normalize(text).text, symbols).phonemes


def pinyin(text: str, symbols: str = "v2", **more: object) -> str:
    """Initial and final of each hanzi written together, which is close enough to pinyin to be read."""
    reading = LANGUAGE.phonemize(LANGUAGE.normalize(text).text, symbols, **more)  # type: ignore[arg-type]
    assert reading.per_char
    spoken, at = [], 0
    for count in reading.per_char:
        spoken.append("".join(reading.phonemes[at : at + count]))
        at += count
    return " ".join(spoken)


def rows(name: str) -> list[list[str]]:
    lines = (HERE / "readings" / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


# The official tables


@pytest.mark.parametrize(
    ("syllable", "expected"),
    [
        ("an4", ("AA", "an4")),
        ("er2", ("EE", "er2")),
        ("o1", ("OO", "o1")),
        ("ye4", ("y", "E4")),
        ("yan3", ("y", "En3")),
        ("yuan2", ("y", "van2")),
        ("yue4", ("y", "ve4")),
        ("you3", ("y", "ou3")),
        ("wei4", ("w", "ei4")),
        ("zi5", ("z", "i05")),
        ("ri4", ("r", "ir4")),
        ("xue2", ("x", "ve2")),
        ("lv4", ("l", "v4")),
        ("lue4", ("l", "ve4")),
        ("gui4", ("g", "ui4")),
        ("qiong2", ("q", "iong2")),
    ],
)
def test_syllable_is_an_initial_and_a_final(syllable: str, expected: tuple[str, str]) -> None:
    assert initial_final(syllable) == expected


def test_pinyin_is_read_as_people_write_it() -> None:
    assert [plain_pinyin(p) for p in ("háng", "hang2", "lü4", "LU:4", "lǜ", "de0", "ma")] == [
        "hang2", "hang2", "lv4", "lv4", "lv4", "de5", "ma5",
    ]  # fmt: skip
    for wrong in ("hank2", "hang6", "tomato1", "i3", ""):
        with pytest.raises(TextError, match="not a Mandarin syllable"):
            initial_final(wrong)


def golden() -> list[dict[str, str]]:
    lines = (HERE / "golden" / "text_zh.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("table", TABLES)
def test_readings_are_those_of_upstream_but_where_it_is_wrong(table: str) -> None:
    """Each line where we differ holds our reading and the reason; every other line is the same to the phoneme."""
    different = 0
    for row in golden():
        upstream = row.get(table, row["v2"])
        if not upstream:
            with pytest.raises(TextError):
                phonemes(row["text"])
            continue
        expected = row.get(f"ours_{table}", upstream)
        assert " ".join(phonemes(row["text"], table)) == expected, row["text"]
        different += expected != upstream
        assert expected == upstream or row["reason"]
    assert different < 46  # of 98, most of them upstream's known errors


def test_v1_and_v2_differ_in_rhotic_syllables_only() -> None:
    assert pinyin("他在玩儿") == "ta1 zai4 wan2 EEer2"
    assert pinyin("他在玩儿", "v1") == "ta1 zai4 wan2 EEer5"
    assert phonemes("花儿开了", "v1") == phonemes("花儿开了", "v2")


# Properties


@pytest.mark.parametrize("table", TABLES)
def test_every_symbol_is_in_the_table_and_characters_are_counted(table: str) -> None:
    text = "银行行长说：“他们2024年赚了12.5亿元！”是吗？嗯……好的，lv小院儿。"
    reading = LANGUAGE.phonemize(LANGUAGE.normalize(text).text, table)
    assert set(reading.phonemes) <= symbol_ids(table).keys()
    assert reading.per_char is not None and len(reading.per_char) == len(reading.text)
    assert sum(reading.per_char) == len(reading.phonemes)
    assert all(n == (1 if char in PUNCTUATION else 2) for char, n in zip(reading.text, reading.per_char, strict=True))


def test_punctuation_survives() -> None:
    assert LANGUAGE.normalize("啊，是吗？对！好。嗯…（一、二；三：四）").text == "啊,是吗?对!好.嗯…一,二,三,四"
    assert LANGUAGE.normalize("真的？！——太好了!!!").text == "真的?太好了!"
    assert [p for p in phonemes("啊，是吗？对！好。嗯…") if p in PUNCTUATION] == [",", "?", "!", ".", "…"]


@pytest.mark.parametrize("text", ["", "   ", "abc", "😊", "《》【】"])
def test_nothing_to_read_is_an_error(text: str) -> None:
    with pytest.raises(TextError, match="can be read"):
        LANGUAGE.phonemize(LANGUAGE.normalize(text).text)


def test_what_cannot_be_read_is_named_with_its_place() -> None:
    text = "你好abc😊，test@example.com和https://a.cn/b?c=1都行オ。"
    warnings = LANGUAGE.normalize(text).warnings
    assert [w.span for w in warnings] == ["abc😊", "test@example.com", "https://a.cn/b?c=1", "オ"]
    assert all(text[w.position : w.position + len(w.span)] == w.span for w in warnings)
    assert LANGUAGE.normalize("他说：“你好（真的）”——《书》。").warnings == ()
    assert [w.span for w in LANGUAGE.phonemize("你x好").warnings] == ["x"]


def test_random_text_raises_nothing_but_text_errors() -> None:
    chance = random.Random(0)
    pools = (
        lambda: chr(chance.randrange(0x20, 0xD800)),
        lambda: chr(chance.randrange(0xE000, 0x110000)),
        lambda: chr(chance.randrange(0x4E00, 0xA000)),
        lambda: chance.choice("0123456789.,:-/~%$￥年月日点第 度℃kmgGBh+=×xX^²³—()双后个元"),
        lambda: chance.choice("一不儿得地的了着过个子们里上行长为还只，。！？"),
    )
    read = 0
    for _ in range(400):
        text = "".join(chance.choice(pools)() for _ in range(chance.randrange(30)))
        table = chance.choice(TABLES)
        normalized = LANGUAGE.normalize(text)
        try:
            reading = LANGUAGE.phonemize(normalized.text, table)
        except TextError:
            continue
        read += 1
        assert set(reading.phonemes) <= symbol_ids(table).keys()
        assert reading.per_char is not None and sum(reading.per_char) == len(reading.phonemes)
        assert reading == LANGUAGE.phonemize(normalized.text, table)
        assert all(0 <= w.position < len(text) for w in normalized.warnings)
    assert read > 300


# Normalisation


def test_numbers_dates_units_and_signs_are_said_in_words() -> None:
    cases = rows("zh_plain.tsv")
    wrong = [
        (written, LANGUAGE.normalize(written).text)
        for written, plain in cases
        if phonemes(written) not in [phonemes(words) for words in plain.split("|")]
    ]
    assert len(cases) > 200 and wrong == []


def test_cardinals() -> None:
    expected = {
        "0": "零", "10": "十", "11": "十一", "20": "二十", "100": "一百", "101": "一百零一", "110": "一百一十",
        "115": "一百一十五", "1001": "一千零一", "1010": "一千零一十", "2222": "两千二百二十二", "10000": "一万",
        "10010": "一万零一十", "100010": "十万零一十", "20000000": "两千万", "100000001": "一亿零一",
        "1000000000000": "一万亿",
    }  # fmt: skip
    assert {written: cardinal(written) for written in expected} == expected


# Readings


def test_characters_of_several_readings() -> None:
    cases = rows("zh_polyphones.tsv")
    wrong, asked = [], 0
    for marked, readings in cases:
        pieces = marked.split("*")
        spoken = Mandarin().syllables("".join(pieces))
        at = 0
        found = []
        for index, piece in enumerate(pieces):
            found += spoken[at : at + len(piece)] if index % 2 else []
            at += len(piece)
        asked += len(found)
        wrong += [(marked, got, want) for got, want in zip(found, readings.split(), strict=True) if got != want]
    assert asked > 550
    assert len(wrong) <= 0.01 * asked, wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一个一年一次", "yi2 ge5 yi4 nian2 yi2 ci4"),
        ("第一次", "di4 yi1 ci4"),
        ("十一月一号", "shi2 yi1 yue4 yi1 hao4"),
        ("统一的标准", "tong3 yi1 de5 biao1 zhun3"),
        ("看一看", "kan4 yi5 kan4"),
        ("这一天一点半", "zhe4 yi4 tian1 yi1 dian3 ban4"),
        ("不是不想", "bu2 shi4 bu4 xiang3"),
        ("去不去", "qu4 bu5 qu4"),
        ("我很想你", "wo2 hen3 xiang2 ni3"),
        ("展览馆", "zhan2 lan2 guan3"),
        ("小老虎", "xiao3 lao2 hu3"),
        ("买五百把", "mai3 wu2 bai2 ba3"),
        ("走走看看", "zou2 zou5 kan4 kan5"),
        ("桌上的葡萄", "zhuo1 shang5 de5 pu2 tao5"),
        ("慢慢地跑得很快", "man4 man4 de5 pao3 de5 hen3 kuai4"),
        ("银行行长", "yin2 hang2 hang2 zhang3"),
        ("他吃过饭了", "ta1 chi1 guo5 fan4 le5"),
        ("过马路", "guo4 ma3 lu4"),
    ],
)
def test_tones_in_connected_speech(text: str, expected: str) -> None:
    wanted = [p for syllable in expected.split() for p in initial_final(syllable)]
    assert list(phonemes(text)) == wanted


def test_traditional_characters_read_like_simplified_ones() -> None:
    assert phonemes("頭髮很長，讓我們開始吧") == phonemes("头发很长，让我们开始吧")
    assert LANGUAGE.normalize("乾隆年間天氣乾燥，瞭解一下").text == "乾隆年间天气干燥,了解一下"


# What the user and a stronger reader can say


def test_a_pronunciation_is_spoken_as_given_and_its_neighbours_listen() -> None:
    assert pinyin("一行人", overrides={1: (2, "hang2")}) == "yi4 hang2 ren2"
    assert pinyin("不长", overrides={1: (2, "zhang4")}) == "bu2 zhang4"
    assert pinyin("你好", overrides={0: (2, "ni3 hao3")}) == "ni3 hao3"
    reading = LANGUAGE.phonemize("他x了", overrides={1: (2, "diao1")})
    assert reading.text == "他x了" and reading.warnings == ()
    for wrong, complaint in (({0: (2, "ni3")}, "1 syllables"), ({0: (1, "nii3")}, "not a Mandarin syllable")):
        with pytest.raises(TextError, match=complaint):
            LANGUAGE.phonemize("你好", overrides=wrong)


def test_a_chooser_decides_what_dictionaries_leave_open() -> None:
    asked: list[tuple[str, list[int]]] = []

    def chooser(text: str, positions: object) -> dict[int, str]:
        asked.append((text, list(positions)))  # type: ignore[call-overload]
        return {1: "hang2"}

    reading = Mandarin(chooser).phonemize("他行,银行")
    assert asked[0][0] == "他行" and 1 in asked[0][1]
    assert asked[1:] == []  # 银行 is a word of the dictionary
    assert reading.phonemes[2:4] == ("h", "ang2")
