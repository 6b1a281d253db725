"""Tone changes of connected speech: 一, 不, the neutral tone and the third tone."""

from __future__ import annotations

from collections.abc import Sequence

from sovits_tts.text.zh.words import Word

_DIGITS = frozenset("零〇一二三四五六七八九幺两")
_NUMERALS = _DIGITS | frozenset("十百千万亿点")
_PARTICLES = frozenset("吧呢啊呐噻嘛吖嗨呐哦哒哩哟喔啰耶喽吗的了着")
_AFTER_VERBS = {"得": "de5", "地": "de5", "的": "de5", "着": "zhe5", "了": "le5"}
_FULL_ZI = frozenset(
    ["男子", "女子", "分子", "原子", "电子", "孔子", "老子", "孟子", "庄子", "荀子", "量子", "质子", "中子", "粒子", "离子", "因子", "王子", "太子", "君子", "才子", "弟子", "父子", "母子", "天子", "孢子", "种子", "浪子", "学子", "游子", "妻子", "瓜子", "莲子", "精子", "卵子", "光子", "夫子", "公子", "皇子", "长子", "次子", "独子", "养子", "赤子", "臣子", "亲子", "双子", "甲子", "庶子", "世子", "童子", "舍利子"]
)
_DETERMINERS = ("这", "那", "哪", "每", "某", "另", "同", "任", "上", "下", "前", "后", "头")
_DIRECTIONS = frozenset("上下进出回过起开")


def apply(words: Sequence[Word], syllables: Sequence[str]) -> list[str]:
    """The syllables as they are spoken. One per character of all words together."""
    spoken = list(syllables)
    starts = _starts(words)
    for word, start in zip(words, starts, strict=True):
        _neutral(word, start, spoken)
    text = "".join(w.text for w in words)
    _bu(text, spoken)
    _yi(text, words, starts, spoken)
    _third(words, starts, spoken)
    return spoken


def _starts(words: Sequence[Word]) -> list[int]:
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word.text)
    return starts


def _tone(syllable: str) -> str:
    return syllable[-1:]


def _set(spoken: list[str], index: int, tone: str) -> None:
    if spoken[index]:
        spoken[index] = spoken[index][:-1] + tone


def _neutral(word: Word, start: int, spoken: list[str]) -> None:
    text, tag, last = word.text, word.tag, start + len(word.text) - 1
    if len(text) == 2 and text[0] == text[1] and tag[0] in "nva" and text not in ("人人", "天天", "处处"):
        _set(spoken, last, "5")
    if text in _AFTER_VERBS and tag in ("ud", "uv", "uj", "uz", "ul"):
        spoken[start] = _AFTER_VERBS[text]
    if len(text) > 1 and text[-1] == "子" and text not in _FULL_ZI:
        _set(spoken, last, "5")
    if text[-1] in _PARTICLES and (len(text) == 1 or text[-1] in "吧呢嘛吗啊"):
        if not (len(text) == 1 and text == "着" and tag[0] == "v"):
            _set(spoken, last, "5")
    elif (len(text) > 1 and (text[-1] == "们" or (text[-1] in "上下里" and tag[0] in "sf"))) or (len(text) > 1 and text[-1] in "来去" and text[-2] in _DIRECTIONS) or text == "个" or (
        len(text) > 1 and text[-1] == "个" and text[-2] in "一几两半多各每整二三四五六七八九十百这那哪"
    ):
        _set(spoken, last, "5")


def _bu(text: str, spoken: list[str]) -> None:
    for i, char in enumerate(text):
        if char != "不" or i + 1 >= len(text) or _tone(spoken[i]) == "5":
            continue
        if i and text[i - 1] == text[i + 1]:
            _set(spoken, i, "5")
        elif _tone(spoken[i + 1]) == "4":
            _set(spoken, i, "2")


def _yi(text: str, words: Sequence[Word], starts: Sequence[int], spoken: list[str]) -> None:
    ends = {start + len(word.text) - 1: word.text for word, start in zip(words, starts, strict=True)}
    for i, char in enumerate(text):
        if char != "一" or spoken[i] != "yi1" or i + 1 >= len(text):
            continue
        before, after = text[i - 1] if i else "", text[i + 1]
        if before and before == after:
            _set(spoken, i, "5")
        elif before == "第" or before in _DIGITS | {"十"} or (after in _NUMERALS and after not in "百千万亿两") or (len(ends.get(i, "")) > 1 and not ends[i].startswith(_DETERMINERS)) or (after in "月号" and before not in _DETERMINERS):
            continue
        elif _tone(spoken[i + 1]) == "4" or after == "个":
            _set(spoken, i, "2")
        else:
            _set(spoken, i, "4")


def _third(words: Sequence[Word], starts: Sequence[int], spoken: list[str]) -> None:
    """A third tone before a third tone rises: inside words first, then between words from the right."""
    for word, start in zip(words, starts, strict=True):
        size = len(word.text)
        cuts = [start + size - 1] if size < 4 else list(range(start + 1, start + size, 2))
        for last in cuts:
            first = start if size < 4 else last - 1
            for i in range(first, last):
                if _tone(spoken[i]) == "3" and _tone(spoken[i + 1]) == "3":
                    _set(spoken, i, "2")
    for i in range(len(spoken) - 2, -1, -1):
        if _tone(spoken[i]) == "3" and _tone(spoken[i + 1]) == "3":
            _set(spoken, i, "2")
