"""The lexicon file and the words it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.lexicon import Lexicon, check


def write(folder: Path, text: str) -> Path:
    path = folder / "words.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def found(lexicon: Lexicon, language: str, text: str) -> list[tuple[str, str]]:
    return [(text[m.start : m.end], m.pronunciation) for m in lexicon.matches(language, text)]


def test_a_good_file(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff# ours\n\nen\tNerevar\tN EH1 R AH0 V AA2 R\nzh-CN\t重庆\tchong2  qing4\n")
    assert check(path) == []
    assert Lexicon.load(path).words == {"en": {"Nerevar": "N EH1 R AH0 V AA2 R"}, "zh": {"重庆": "chong2 qing4"}}


def test_all_bad_lines_at_once(tmp_path: Path) -> None:
    bad = (
        "zh\t行\n"  # columns
        "xx\t行\thang2\n"  # language
        "zh\t行\thang9\n"  # tone
        "zh\t银行\thang2\n"  # syllables
        "en\tdata\tD AE T AH0\n"  # stress
        "en\tdata\tD QQ1\n"  # phoneme
        "zh\t\thang2\n"  # word
        "ja\t今日\tkyou\n"  # kana
        "yue\t行\thang\n"  # tone
        "zh\t长\tchang2\nzh\t长\tzhang3\n"  # twice
    )
    problems = check(write(tmp_path, bad))
    assert [p.split(":")[0] for p in problems] == [f"line {n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11)]
    with pytest.raises(TextError, match="has 10 bad lines") as caught:
        Lexicon.load(tmp_path / "words.tsv")
    assert all(problem in str(caught.value) for problem in problems)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="cannot be opened"):
        check(tmp_path / "none.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"en\tcaf\xe9\tK AE0 F EY1\n")
    with pytest.raises(TextError, match="UTF-8"):
        check(tmp_path / "latin.tsv")


def test_longest_match_in_chinese() -> None:
    lexicon = Lexicon({"zh": {"行": "hang2", "行长": "hang2 zhang3"}})
    assert found(lexicon, "zh", "银行行长行") == [("行", "hang2"), ("行长", "hang2 zhang3"), ("行", "hang2")]
    assert found(lexicon, "ja", "行") == []


def test_whole_words_in_english() -> None:
    lexicon = Lexicon({"en": {"data": "D AE1 T AH0", "IT": "AY1 T IY1", "New York": "N UW1", "class": "K L AE1 S"}})
    assert found(lexicon, "en", "Data, database, DATA") == [("Data", "D AE1 T AH0"), ("DATA", "D AE1 T AH0")]
    assert found(lexicon, "en", "in New York.") == [("New York", "N UW1")]
    assert found(lexicon, "en", "data's class's") == [("data's", "D AE1 T AH0 Z"), ("class's", "K L AE1 S AH0 Z")]


def test_a_spelling_of_its_own() -> None:
    lexicon = Lexicon({"en": {"polish": "P AA1 L IH0 SH", "Polish": "P OW1 L IH0 SH"}})
    assert found(lexicon, "en", "Polish polish") == [("Polish", "P OW1 L IH0 SH"), ("polish", "P AA1 L IH0 SH")]


def test_per_call_over_project() -> None:
    both = Lexicon({"zh": {"行": "xing2", "长": "chang2"}}) | Lexicon({"zh": {"行": "hang2"}})
    assert both.words == {"zh": {"行": "hang2", "长": "chang2"}}
