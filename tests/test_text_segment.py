"""Mixed text into runs of one language."""

from __future__ import annotations

import pytest

from sovits_tts.errors import TextError
from sovits_tts.text.languages import plugin
from sovits_tts.text.segment import OFFICIAL_MODES, UNITS, evidence, resolve_mode, segment


def runs(text: str, mode: str = "auto", **options: object) -> str:
    """ "zh:花了|en:5 dollars" """
    return "|".join(f"{s.language}:{s.text}" for s in segment(text, mode, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "expected",
    [
        # numbers go with what they count
        "zh:花了1000元",
        "zh:2024年我去了|en:Tokyo，|zh:花了1000元。",
        "en:T60",
        "zh:这台|en:T60|zh:很好",
        "en:iPhone 15 |zh:发布了",
        "zh:他买了3台|en:iPhone 15 Pro。",
        "zh:我有|en:apple |zh:3个",
        "en:I have 3 apples，|zh:我有3个苹果。",
        "en:a 5G network",
        "zh:5|en:G|zh:时代，|en:AI|zh:无处不在。",
        "zh:他重60kg，跑了5km。",
        "zh:下载速度100Mbps，很快",
        "zh:7x24小时",
        "en:10 km",
        "zh:20|en:A|zh:座",
        "en:In 2024, |zh:中国 |en:grew 5%.",
        "zh:价格是$50，|en:OK。",
        "zh:今天-5℃",
        "ko:오늘은 2024년입니다 |en:OK?",
        "zh:123",
        # letters in words
        "en:A|zh:股和|en:T|zh:恤",
        "zh:卡拉|en:OK",
        "zh:我用|en:C++|zh:写|en:A/B|zh:测试",
        "en:www.baidu.com|zh:是百度。",
        "zh:我的|en:e-mail|zh:是|en:test@qq.com",
        # punctuation closes the run before it, opening marks begin the next
        'zh:他说|en:"Hello"|zh:就走了',
        "zh:韩语的|ko:“안녕”|zh:是你好。",
        "en:Hello，|zh:你好，|ja:こんにちは，|ko:안녕하세요。",
        # Chinese or Japanese
        "zh:今天我们学习",
        "zh:世界",
        "zh:東京",
        "ja:電話番号",
        "ja:最近、僕は天文学を勉強してるんだ。",
        "zh:我喜欢吃寿司，|ja:すしはおいしい。",
        "zh:在日本，|ja:「ありがとう」|zh:是谢谢的意思。",
        "en:MyGO?,|zh:你也喜欢|ja:まいご|zh:吗？",
        "ja:東京都に行く。世界",
        "zh:我们去了东京。世界",
    ],
)
def test_auto(expected: str) -> None:
    text = "".join(part.partition(":")[2] for part in expected.split("|"))
    assert runs(text) == expected


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("zh", "嗯，まいごOK", "zh:嗯，まいご|en:OK"),
        ("ja", "東京はTokyoです", "ja:東京は|en:Tokyo|ja:です"),
        ("ko", "中國은 Python", "ko:中國은 |en:Python"),
        ("yue", "佢用iPhone睇YouTube。", "yue:佢用|en:iPhone|yue:睇|en:YouTube。"),
        ("auto_yue", "佢話OK，冇問題。", "yue:佢話|en:OK，|yue:冇問題。"),
        ("auto_yue", "私は学生です", "ja:私は学生です"),
        ("en", "I love 北京 3", "en:I love 北京 3"),
        ("all_zh", "我有3个apple，5个banana。", "zh:我有3个|en:apple，|zh:5个|en:banana。"),
    ],
)
def test_modes(mode: str, text: str, expected: str) -> None:
    assert runs(text, mode) == expected


def test_official_modes_have_ours() -> None:
    assert len(OFFICIAL_MODES) == 11
    assert {resolve_mode(mode) for mode in OFFICIAL_MODES} <= set(OFFICIAL_MODES)
    with pytest.raises(TextError, match="'klingon'"):
        resolve_mode("klingon")


def test_what_came_before_settles_the_undecided() -> None:
    assert runs("世界", prior=evidence("昨日は雨が降った")) == "ja:世界"
    assert runs("世界", prior=evidence("昨天下了一场大雨")) == "zh:世界"
    assert runs("我们的世界", prior=-20.0) == "zh:我们的世界"


def test_settled_by_hand() -> None:
    assert runs("我去東京了", forced=[(2, 4, "ja")]) == "zh:我去|ja:東京|zh:了"
    assert runs("no 北京", "en", forced=[(3, 5, "zh")]) == "en:no |zh:北京"


def test_runs_join_to_the_text() -> None:
    text = "ＡＢＣ 123，“x”…\n한국 カナ 漢字 😊 Ж"
    found = segment(text)
    assert "".join(s.text for s in found) == text.replace("ＡＢＣ", "ABC")
    assert [s.start for s in found] == [sum(len(p.text) for p in found[:i]) for i in range(len(found))]
    assert segment("") == []


def test_chinese_reads_every_unit_that_stays_with_it() -> None:
    for unit in UNITS:
        normalized = plugin("zh").normalize(f"约3{unit}的")
        assert normalized.warnings == () and not normalized.text.isascii(), unit
        assert runs(f"约3{unit}的") == f"zh:约3{unit}的"


@pytest.mark.parametrize(
    ("text", "mode", "runs"),
    [
        ("月薪15k", "auto", "zh"), ("阅读10w+", "auto", "zh"), ("花了$1.5M买房", "auto", "zh"),
        ("4k视频", "auto", "zh en zh"), ("薪资20K-30K", "auto", "zh"), ("4K-8K视频", "auto", "zh en zh"),
        ("I ran 10k yesterday", "auto", "en"), ("10:30am开会", "auto", "zh"), ("押金RMB500", "auto", "zh"),
        ("It costs US$500.", "auto", "en"), ("密度50kg/m3", "auto", "zh"), ("二〇二四年", "auto", "zh"),
        ("5mm", "auto", "en"), ("5mm", "zh", "zh"), ("5G", "auto", "en"), ("5G", "zh", "zh en"), ("3rd", "zh", "en"),
    ],
)  # fmt: skip
def test_numbers_that_end_in_letters(text: str, mode: str, runs: str) -> None:
    assert [segment.language for segment in segment(text, mode)] == runs.split()
