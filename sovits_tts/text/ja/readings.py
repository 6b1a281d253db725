"""Words that OpenJTalk reads otherwise than their context asks for; see accents.py for what a feature is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Feature = dict[str, Any]

_FALLS = frozenset(("雨", "雪", "大雨", "小雨", "豪雨", "大雪", "霧雨", "みぞれ", "にわか雨", "あられ"))
# 何 is なん before these, なに elsewhere (何色, 何語, 何も, 何が). OpenJTalk asks a small model, which may be absent.
_NAN = (
    "です", "でし", "だ", "なの", "なん", "の", "と", "て", "で", "人", "時", "回", "年", "月", "日", "分",
    "秒", "度", "本", "枚",
    "個", "匹", "台", "歳", "才", "番", "階", "杯", "冊", "曜日", "週", "点", "件", "軒", "円", "度", "通",
    "頭", "羽", "足", "着",
    "名", "倍", "割", "話", "章", "ヶ", "か月", "カ月", "キロ", "メートル", "グラム", "パーセント", "百", "千",
    "万", "億", "十",
)  # fmt: skip
_NANI = ("とも", "度か", "年生まれ")
_DISHES = frozenset(
    ("カレー", "ラーメン", "味", "料理", "物", "もの", "スープ", "ソース", "キムチ", "鍋", "麻婆豆腐", "味噌",
     "大根", "口", "唐辛子",
     "わさび", "ワサビ", "食べ", "食べる", "食べ物", "スパイス", "甘い", "酸っぱい", "塩", "麺", "お菓子",
     "せんべい", "激", "韓国料理",
     "タイ料理", "中華", "チキン", "ピザ")
)  # fmt: skip
_PEOPLE = frozenset(
    (
        "番",
        "女性",
        "男性",
        "希望",
        "お待ち",
        "初めて",
        "年配",
        "高齢",
        "外国",
        "担当",
        "一般",
        "未成年",
        "学生",
        "ご利用",
    )
)
_UNDER = frozenset(
    ("法", "指導", "監督", "管理", "支配", "名", "旗", "旗印", "条件", "方針", "教え", "庇護", "影響", "前提",
     "合意", "協力", "体制",
     "統治", "青空", "制度", "政権", "理念")
)  # fmt: skip
_EIGHT = {"個": "コ", "分": "プン", "回": "カイ", "階": "カイ"}
_ALWAYS = {"明後日": ("アサッテ", 2), "重複": ("チョーフク", 0)}

Rule = Callable[[Sequence[Feature], int], None]


def reread(words: Sequence[Feature]) -> None:
    """Puts the readings right, in place."""
    for index, word in enumerate(words):
        if word["string"] in _ALWAYS:
            kana, accent = _ALWAYS[word["string"]]
            _say(word, kana, accent)
        elif rule := _RULES.get(word["string"]):
            rule(words, index)


def _say(word: Feature, kana: str, accent: int | None = None) -> None:
    word["read"] = word["pron"] = kana
    word["mora_size"] = sum(c not in "ァィゥェォャュョ" for c in kana)
    if accent is not None:
        word["acc"] = accent


def _string(words: Sequence[Feature], index: int) -> str:
    return str(words[index]["string"]) if 0 <= index < len(words) else ""


def _rain(words: Sequence[Feature], index: int) -> None:
    """雨が降り is ふり; 降りる, to get off, is おり."""
    if any(before["string"] in _FALLS for before in words[max(0, index - 2) : index]):
        _say(words[index], "フリ")


def _what(words: Sequence[Feature], index: int) -> None:
    following = _string(words, index + 1)
    if words[index]["read"] == "ナニ" and following.startswith(_NAN) and not following.startswith(_NANI):
        _say(words[index], "ナン")


def _colour(words: Sequence[Feature], index: int) -> None:
    """何色 is なにいろ, 三色 さんしょく."""
    if _string(words, index - 1) == "何":
        _say(words[index - 1], "ナニ")
        _say(words[index], "イロ")


def _hot(words: Sequence[Feature], index: int) -> None:
    """辛い with food is からい, else つらい."""
    if any(word["string"] in _DISHES for word in words):
        _say(words[index], words[index]["read"].replace("ツラ", "カラ"))


def _person(words: Sequence[Feature], index: int) -> None:
    """123番の方 is かた, 駅の方 ほう."""
    if words[index]["read"] == "ホウ" and _string(words, index - 1) == "の" and _string(words, index - 2) in _PEOPLE:
        _say(words[index], "カタ", 2)


def _after(words: Sequence[Feature], index: int) -> None:
    """彼の後を追う is あと; その後 is a word of its own."""
    if words[index]["read"] == "ゴ" and _string(words, index - 1) == "の":
        _say(words[index], "アト", 1)


def _under(words: Sequence[Feature], index: int) -> None:
    """木の下 is した, 法の下 もと."""
    if words[index]["read"] == "モト" and _string(words, index - 1) == "の" and _string(words, index - 2) not in _UNDER:
        _say(words[index], "シタ", 2)


def _eight(words: Sequence[Feature], index: int) -> None:
    """八個 is はっこ."""
    counter = _string(words, index + 1)
    if counter in _EIGHT and words[index]["read"] == "ハチ":
        _say(words[index], "ハッ")
        _say(words[index + 1], _EIGHT[counter])


def _five_minutes(words: Sequence[Feature], index: int) -> None:
    """五分待つ is ごふん, 五分咲き ごぶ."""
    if words[index]["read"] == "ゴブ" and not _string(words, index + 1).startswith(("咲", "五分", "刈", "の", "袖")):
        _say(words[index], "ゴフン", 1)


_RULES: dict[str, Rule] = {
    "降り": _rain, "何": _what, "色": _colour, "辛い": _hot, "辛く": _hot, "辛かっ": _hot, "方": _person, "後": _after,
    "下": _under, "八": _eight, "五分": _five_minutes,
}  # fmt: skip
