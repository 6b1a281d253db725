"""The rules of Korean, Cantonese and Japanese; what every plug-in promises is in test_text_plugins.py."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from sovits_tts.errors import MissingDependency, TextError
from sovits_tts.text.ja.normalize import normalize as normalize_japanese
from sovits_tts.text.ko import rules
from sovits_tts.text.ko.hangul import Syllable, decompose
from sovits_tts.text.ko.normalize import normalize as normalize_korean
from sovits_tts.text.languages import language_code, plugin
from sovits_tts.text.yue.jyutping import initial_final

PACKAGES = {"ja": "pyopenjtalk", "ko": "mecab", "yue": "ToJyutping"}


@pytest.mark.parametrize("code", PACKAGES)
def test_a_missing_package_comes_with_its_install_line(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == PACKAGES[code]:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    import sovits_tts.text.ja.prosody as japanese
    import sovits_tts.text.ko.morphemes as korean

    for cached in (japanese._openjtalk, korean._mecab):
        cached.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match=rf'pip install "sovits-tts\[{code}\]"'):
        plugin(code).phonemize({"ja": "はい", "ko": "네", "yue": "你好"}[code])


def test_language_names() -> None:
    assert [language_code(n) for n in ("zh-CN", "EN_us", "ja", "zh-HK", "yue-Hant", "cmn")] == [
        "zh", "en", "ja", "yue", "yue", "zh",
    ]  # fmt: skip
    with pytest.raises(TextError, match="no language 'tlh'"):
        language_code("tlh")


# --- Korean ----------------------------------------------------------------------------------------------------


def spoken(text: str, **flags: int) -> str:
    """How `text` sounds, onset, vowel and coda of each syllable; flags: index of a syllable that has one."""
    items: list[rules.Item] = [decompose(char) if char != " " else char for char in text]
    for name, index in flags.items():
        setattr(items[index], name, True)
    rules.apply(items)
    return "".join(i.onset + i.vowel + i.coda if isinstance(i, Syllable) else i for i in items)


def jamo(text: str) -> str:
    return "".join(c if c == " " else decompose(c).onset + decompose(c).vowel + decompose(c).coda for c in text)


@pytest.mark.parametrize(
    ("written", "sounds"),
    [
        ("값이", "갑씨"), ("많아", "마나"), ("놓는", "논는"), ("뚫는", "뚤른"), ("협력", "혐녁"), ("종로", "종노"),
        ("국력", "궁녁"), ("칼날", "칼랄"), ("신라", "실라"), ("밟다", "밥따"), ("못하다", "모타다"),
        ("닫히다", "다치다"), ("같이", "가치"), ("굳이", "구지"), ("붙여", "부처"), ("옷 한 벌", "오 탄 벌"),
        ("꽃 나무", "꼰 나무"), ("싫어", "시러"), ("없어요", "업써요"), ("희망", "히망"), ("가져", "가저"),
        ("앞마당", "암마당"), ("핥아", "할타"), ("안의", "아늬"),
    ],
)  # fmt: skip
def test_korean_seams(written: str, sounds: str) -> None:
    assert spoken(written) == jamo(sounds)


def test_korean_grammar() -> None:
    assert spoken("읽고", stem=0) == jamo("일꼬")
    assert spoken("신고", stem=0) == jamo("신꼬") and spoken("신고") == jamo("신고")
    assert spoken("할 수", future=0) == jamo("할 쑤") and spoken("물 수") == jamo("물 수")
    assert spoken("을 나", object_=0) == jamo("을 나") and spoken("물 나") == jamo("물 라")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2024년 5월 1일", "이천이십사년 오월 일일"),
        ("6월 10월 11월", "유월 시월 십일월"),
        ("15,000원", "만오천원"),
        ("3시 30분", "세시 삼십분"),
        ("20살 21명 100개 12개월", "스무살 스물한명 백개 십이개월"),
        ("3.14 1/2 -5℃", "삼점일사 이분의 일 영하 오도"),
        ("02-1234-5678", "공이 일이삼사 오육칠팔"),
        ("2024-06-10 10:30", "이천이십사년 유월 십일 열시 삼십분"),
        ("60km/h $3.5 KBS", "시속 육십킬로미터 삼점오달러 케이비에스"),
    ],
)
def test_korean_numbers(written: str, said: str) -> None:
    assert normalize_korean(written).text == said


# --- Cantonese -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("syllable", "symbols"),
    [
        ("hong4", "Yh Yong4"), ("gwong2", "Ygw Yong2"), ("ngo5", "Yng Yo5"), ("m4", "Ym Ym4"), ("ng5", "Yng Yg5"),
        ("aa3", "Yaa Ya3"), ("ai1", "Yai Yi1"), ("aai1", "Yaa Yi1"), ("ung3", "Yng Yung3"), ("ang1", "Yng Yang1"),
    ],
)  # fmt: skip
def test_jyutping(syllable: str, symbols: str) -> None:
    assert " ".join(initial_final(syllable)) == symbols


@pytest.mark.parametrize("wrong", ["hong", "hong7", "xyz1", "", "hong4 "])
def test_wrong_jyutping(wrong: str) -> None:
    with pytest.raises(TextError, match="not a Cantonese syllable"):
        initial_final(wrong)


def test_cantonese_keeps_traditional_characters_and_its_own() -> None:
    assert plugin("yue").normalize("一隻頭髮，㗎3個。").text == "一隻頭髮,㗎三個."


# --- Japanese --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2024-01-02 10:30に", "2024年1月2日 10時30分に"),
        ("3.5kmと50%", "3点ゴキロメートルと50パーセント"),
        ("¥1,500と$3", "1500円と3ドル"),
        ("3〜5人、-5℃", "3から5人,マイナス5度"),
        ("03-1234-5678", "ゼロサンのイチニサンヨンのゴロクナナハチ"),
        ("ﾊﾝｶｸ ＡＢＣ１２３", "ハンカク ABC123"),
        ("1/2です！？", "2分の1です!?"),
        ("え!?…はい。。。。", "え!はい..."),
    ],
)
def test_japanese_normalisation(written: str, said: str) -> None:
    assert normalize_japanese(written).text == said


def test_japanese_pitch_marks() -> None:
    pytest.importorskip("pyopenjtalk")
    read = plugin("ja").phonemize
    assert " ".join(read("雨と飴.").phonemes) == "a ] m e t o UNK a [ m e ."
    assert " ".join(read("雨", symbols="v1").phonemes) == "a UNK m e"
    assert " ".join(read("音楽・本").phonemes) == "o ] N g a k u _ h o N"


def test_japanese_accents_that_the_dictionary_has_wrong() -> None:
    pytest.importorskip("pyopenjtalk")
    read = plugin("ja").phonemize
    assert " ".join(read("いい天気").phonemes) == "i ] i UNK t e ] N k i"
    assert " ".join(read("おはようございます").phonemes) == "o [ h a y o o g o z a i m a ] s u"
    assert " ".join(read("キラキラしてる").phonemes).startswith("k i ] r a k i r a")
    assert " ".join(read("ヴァイオリン").phonemes) == "b a [ i o r i N"


def test_korean_endings_and_compounds() -> None:
    pytest.importorskip("mecab")
    read = plugin("ko").phonemize
    assert read("할게요").phonemes == read("할께요").phonemes
    assert read("팔게").phonemes == tuple("ㅍㅏㄹㄱㅔ")
    assert read("꽃잎").phonemes == read("꼰닙").phonemes and read("서울역").phonemes == read("서울력").phonemes
