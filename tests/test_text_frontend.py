"""The one entry: markup, mixed languages, lexicon and the rules for short text, with the real plug-ins."""

from __future__ import annotations

import random

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.bert import char_index_per_phoneme, windows
from sovits_tts.text.frontend import Lexicon, Sentence, describe, read, sentences
from sovits_tts.text.symbols import symbol_ids, to_ids


def phonemes(text: str, **options: object) -> str:
    return " ".join(read(text, **options).phonemes)  # type: ignore[arg-type]


def test_a_mixed_sentence() -> None:
    sentence = read("我喜欢Python。")
    assert [(run.language, run.text) for run in sentence.runs] == [("zh", "我喜欢"), ("en", "Python.")]
    assert sentence.text == "我喜欢Python。"
    assert sentence.n_phonemes == len(sentence.phonemes) == len(sentence.ids)
    assert sentence.ids == tuple(to_ids(sentence.phonemes))
    chinese, english = sentence.runs
    assert chinese.per_char == (2, 2, 2) and english.per_char is None


def test_the_tables_agree_on_what_both_have() -> None:
    assert read("你好 hello", symbols="v1").ids == read("你好 hello", symbols="v2").ids


def test_pronunciations_replace_readings_in_their_place() -> None:
    assert phonemes("银行<yin2 hang4>的人") == phonemes("银行的人").replace("h ang2", "h ang4")
    assert phonemes("a tomato<T AH0 M AA1 T OW2> here").startswith(
        phonemes("a").removeprefix(". ") + " T AH0 M AA1 T OW2 "
    )
    aligned = read("我去银行<yin2 hang2>行<hang2>长，好").runs[0]
    assert aligned.per_char == (2, 2, 2, 2, 2, 2, 1, 2) and aligned.text == "我去银行行长,好"


def test_tones_change_before_a_settled_pronunciation() -> None:
    assert phonemes("很好<hao4>的") == "h en3 h ao4 d e5"
    assert phonemes("很好的") == "h en2 h ao3 d e5"


def test_a_word_of_another_script_keeps_the_alignment() -> None:
    run = read('用<phoneme ph="ji1 pi1 you1">GPU</phoneme>吧').runs[0]
    assert run.text == "用GPU吧" and sum(run.per_char or ()) == len(run.phonemes)
    assert " ".join(run.phonemes).endswith("j i1 p i1 y ou1 b a5")


def test_wrong_pronunciations_are_pointed_at() -> None:
    with pytest.raises(TextError, match=r"Line 2, column 2: 'hang9' .*\n  行<hang9>\n  　\^"):
        read("好\n行<hang9>")
    with pytest.raises(TextError, match="The vowel 'AH' needs a stress"):
        read("tomato<T AH M>")


def test_say_as() -> None:
    assert read("<say-as digits>1024</say-as>号").runs[0].text == "一零二四号"
    assert read("<say-as cardinal>1024</say-as>个").runs[0].text == "一千零二十四个"
    assert "EY1" in read("the <say-as characters>A</say-as> team").phonemes
    assert "one two zero" in read("call <say-as digits>120</say-as> now").runs[0].text
    with pytest.raises(TextError, match="Line 1, column 3: '2024-13-01' is not a date"):
        read("在，<say-as date>2024-13-01</say-as>")


def test_language_by_hand() -> None:
    assert [r.language for r in read("他说<lang en>1024</lang>很大").runs] == ["zh", "en", "zh"]


def test_lexicon() -> None:
    lexicon = Lexicon({"zh": {"重庆": "zhong4 qing4"}, "en": {"Nerevar": "N EH1 R AH0 V AA2 R"}})
    assert phonemes("重庆的Nerevar", lexicon=lexicon) == "zh ong4 q ing4 d e5 N EH1 R AH0 V AA2 R"
    assert phonemes("重庆<chong2 qing4>市", lexicon=lexicon) == "ch ong2 q ing4 sh ir4"


def test_short_text_gets_a_full_stop() -> None:
    assert phonemes("好") == ". h ao3"
    assert read("好").runs[0].per_char == (1, 2) and read("好").runs[0].text == ".好"
    assert phonemes("你好吗").startswith("n i2")


def test_upstreams_comma_only_when_asked_for() -> None:
    assert "," not in phonemes("这件T恤很好看")
    assert phonemes("这件T恤很好看", exact=True).count(", T IY1") == 1
    assert phonemes("T恤", exact=True) == ", . T IY1 x v4"


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "……", "😊", "***"])
def test_nothing_to_speak(text: str) -> None:
    with pytest.raises(TextError, match="nothing to speak"):
        read(text)
    with pytest.raises(TextError, match="nothing to speak"):
        list(sentences(text))


def test_what_cannot_be_read_is_named_with_its_place() -> None:
    sentence = read("你好Ж世界")
    assert [(w.position, w.span) for w in sentence.warnings] == [(2, "Ж")]
    marked = "行<hang2>了，你好Ж世界"
    assert [(w.position, w.span) for w in read(marked).warnings] == [(marked.index("Ж"), "Ж")]


def test_pauses_and_speed() -> None:
    text = '你好[pause:0.5]世界。<prosody rate="slow">慢慢说。</prosody>[pause:1]'
    found = [(s.text, s.pause_after, s.rate) for s in sentences(text)]
    assert found == [("你好", 0.5, 1.0), ("世界。", None, 1.0), ("慢慢说。", 1.0, 0.75)]
    with pytest.raises(TextError, match="sentences"):
        read("你好[pause:0.5]世界")
    assert read("你好[pause:0.5]").pause_after == 0.5


def test_a_pause_before_everything() -> None:
    first, second = sentences("[pause:1]你好")
    assert first == Sentence("", (), 1.0) and second.text == "你好"


@pytest.mark.parametrize("cut", ["auto", "cut0", "cut3", "cut5"])
def test_markup_survives_every_way_of_cutting(cut: str) -> None:
    text = "我们去银行<yin2 hang4>吧，好吗？<lang en>12</lang>很大。[pause:0.3]再见了朋友们。"
    found = list(sentences(text, cut=cut))
    assert "h ang4" in " ".join(found[0].phonemes)
    assert any("T W EH1 L V" in " ".join(s.phonemes) for s in found)
    assert [s.pause_after for s in found if s.pause_after] == [0.3]


def test_official_cut_is_the_official_cut() -> None:
    assert [s.text for s in sentences("你好", cut="cut0", exact=True)] == ["。你好。"]
    assert [s.text for s in sentences("Hi there, how are you?", "en", cut="cut5")] == ["Hi there,", "how are you?"]


def test_official_cut_keeps_places_of_warnings() -> None:
    text = "今天天气很好，我们出去玩。你好Ж世界，再见了。"
    found = list(sentences(text, cut="cut5"))
    assert [w.position for s in found for w in s.warnings] == [text.index("Ж")]


def test_the_rest_of_the_text_tells_chinese_from_japanese() -> None:
    found = list(sentences("世界第一\n\n我们都很喜欢这个东西。"))
    assert {run.language for s in found for run in s.runs} == {"zh"}


def test_a_stream_of_parts() -> None:
    text = "今天天气真不错，我们去公园走走吧。" * 30
    assert [s.ids for s in sentences(iter(text))] == [s.ids for s in sentences(text)]


def test_json() -> None:
    described = describe(sentences("你好，world。[pause:1]再见Ж了"))
    assert [s["language"] for s in described["segments"]] == ["zh", "en", "zh"]
    assert set(described["segments"][0]) == {"language", "text", "phonemes", "ids", "per_char"}
    assert described["pauses"] == [{"after_segment": 2, "seconds": 1.0}]
    assert described["warnings"][0]["span"] == "Ж"


def test_random_text_raises_nothing_but_text_errors() -> None:
    rng = random.Random(7)
    ranges = [(0x20, 0x7F), (0xA0, 0x24F), (0x370, 0x52F), (0x2000, 0x206F), (0x3000, 0x303F), (0x4E00, 0x9FFF)]
    ranges += [(0xFF00, 0xFF65), (0x1F300, 0x1F6FF), (0x20000, 0x20100), (0x0E00, 0x0E7F)]
    known = symbol_ids("v2")
    for _ in range(400):
        text = "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 20)))
        for language in ("zh", "en"):
            try:
                sentence = read(text, language)
            except TextError:
                continue
            assert all(p in known for p in sentence.phonemes)
            for run in sentence.runs:
                if run.per_char is not None:
                    assert len(run.per_char) == len(run.text) and sum(run.per_char) == len(run.phonemes)


def test_bert_positions() -> None:
    assert char_index_per_phoneme((2, 1, 2)) == [0, 0, 1, 2, 2]
    for size in (1, 510, 511, 900, 1300, 5000):
        found = windows(size)
        assert [i for w in found for i in range(w.first, w.last)] == list(range(size))
        assert all(w.end - w.start <= 510 and w.start <= w.first < w.last <= w.end for w in found)
        assert all(w.first - w.start >= 64 for w in found[1:])
    assert windows(0) == []
