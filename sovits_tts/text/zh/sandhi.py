"""Tone changes of connected speech: the neutral tone, 不, 一, the third tone, and 儿 after a rhotic word.

Rules work on one stretch between punctuation marks. Positions in `fixed` are spoken as given; their neighbours still
listen to them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from sovits_tts.text.zh.lexicon import lexicon
from sovits_tts.text.zh.words import Word

_DIGITS = frozenset("零〇一二三四五六七八九幺两")
_LARGE_PLACES = frozenset("百千万亿")
_SENTENCE_PARTICLES = frozenset("吧呢啊吗嘛呀啦呐哩喽哟咯哇")
_DIRECTIONS = frozenset("上下进出回过起开")
_COUNTED = frozenset("一二两三四五六七八九十百千万几多半各每整这那哪好有")
_COMPLEMENTS = frozenset("见到起住动开出上下完清懂来去惯准定了着好")
# Words ending in 一 whose 一 counts what follows (这一次), unlike 统一 or 第一.
_DETERMINERS = frozenset("这那哪每某另同任上下前后头有用")
_AFTER_CLOCK = tuple("零一二三四五六七八九两半钟整多过前后左")
_ORDINALS = ("月", "号", "楼", "班", "级", "等奖", "等功", "年级", "把手")
# 儿 is a syllable of its own after these.
_FULL_ER = frozenset("女男婴幼孤少健胎马花鸟宠弃患生侄孙妻吾我小")


def apply(
    words: Sequence[Word], syllables: Sequence[str], fixed: Container[int] = (), rhotic: bool = True
) -> list[str]:
    """The syllables as they are spoken, one per character. `rhotic`: 儿 of 玩儿 takes the tone before it."""
    spoken = _Spoken(syllables, fixed)
    text = "".join(word.text for word in words)
    for index, word in enumerate(words):
        _neutral(word, words[index - 1] if index else None, spoken)
    _bu(text, words, spoken)
    _yi(text, words, spoken)
    _third(words, spoken)
    if rhotic:
        _er(words, spoken)
    return spoken.syllables


class _Spoken:
    """Syllables whose tones are being changed."""

    def __init__(self, syllables: Sequence[str], fixed: Container[int]) -> None:
        self.syllables = list(syllables)
        self._fixed = fixed

    def __len__(self) -> int:
        return len(self.syllables)

    def tone(self, at: int) -> str:
        return self.syllables[at][-1:]

    def set(self, at: int, tone: str) -> None:
        if self.syllables[at] and at not in self._fixed:
            self.syllables[at] = self.syllables[at][:-1] + tone


def _neutral(word: Word, before: Word | None, spoken: _Spoken) -> None:
    text, last = word.text, word.end - 1
    if len(text) == 1:
        if _unstressed(word, before):
            spoken.set(last, "5")
        return
    directional = text[-1] in "来去" and text[-2] in _DIRECTIONS and before is not None and before.tag[0] in "vu"
    counter = text[-1] == "个" and text[-2] in _COUNTED
    particle = text[-1] in _SENTENCE_PARTICLES and word.tag[0] in "yu"
    repeated_verb = len(text) == 2 and text[0] == text[1] and word.tag[0] == "v"
    if directional or counter or particle or repeated_verb or (text[-1] in "里上" and _is_place(word)):
        spoken.set(last, "5")


def _is_place(word: Word) -> bool:
    """市里, 桌上. Where a dictionary has the 上 as a word of its own, its tone stands (网上)."""
    entry = lexicon().entry(word.text)
    return word.tag[0] == "s" and (word.text[-1] == "里" or entry is None or entry.reading is None)


def _unstressed(word: Word, before: Word | None) -> bool:
    if word.text in _SENTENCE_PARTICLES:
        return before is not None
    if word.text == "个":
        return True
    if before is None:
        return False
    if word.text in "里上":
        return before.tag[0] in "ns" and word.tag[0] == "f"
    return word.text == before.text and word.tag[0] == "v"


def _bu(text: str, words: Sequence[Word], spoken: _Spoken) -> None:
    alone = {word.start: index for index, word in enumerate(words) if word.text == "不"}
    for at, char in enumerate(text[:-1]):
        if char != "不" or spoken.tone(at) != "4":
            continue
        index = alone.get(at, 0)
        if (at and text[at - 1] == text[at + 1]) or (
            index and words[index - 1].tag[0] == "v" and words[index + 1].text in _COMPLEMENTS
        ):
            spoken.set(at, "5")
        elif spoken.tone(at + 1) == "4":
            spoken.set(at, "2")


def _yi(text: str, words: Sequence[Word], spoken: _Spoken) -> None:
    ends = {word.end - 1: word.text for word in words if len(word.text) > 1}
    for at, char in enumerate(text[:-1]):
        if char != "一" or spoken.syllables[at] != "yi1":
            continue
        before, after = text[max(0, at - 2) : at], text[at + 1 : at + 4]
        if before[-1:] == after[0] and before[:-1] not in _COUNTED and before not in _DIGITS:
            spoken.set(at, "5")  # 看一看
        elif _counts(before[-1:], after, ends.get(at, "")):
            falls = spoken.tone(at + 1) == "4" or after[0] == "个"
            spoken.set(at, "2" if falls else "4")


def _counts(before: str, after: str, ending: str) -> bool:
    """Does 一 count what follows (一百, 一次), or is it an ordinal, a digit or the end of a word?"""
    if after[0] == "个" and before != "第":
        return True  # 二十一个 too
    if before in ("第", "周", "期", "拜", "初") or before in _DIGITS or before in ("十", "点"):
        return False
    if before in _LARGE_PLACES:
        return after[0] in ("千", "万", "亿")
    if after[0] in _DIGITS or after[0] == "十" or (after[0] == "点" and after[1:2] in _AFTER_CLOCK):
        return False
    if ending and ending[0] not in _DETERMINERS:
        return False
    return before in _DETERMINERS or not after.startswith(_ORDINALS)


def _third(words: Sequence[Word], spoken: _Spoken) -> None:
    """A third tone before a third tone rises: inside words first, then between words, from the right."""
    table = lexicon()
    for word in words:
        head = _head(word.text, table.__contains__)
        for start, end in ((word.start, word.start + head), (word.start + head, word.end), (word.start, word.end)):
            for at in range(start, end - 1):
                if spoken.tone(at) == "3" and spoken.tone(at + 1) == "3":
                    spoken.set(at, "2")
    for at in range(len(spoken) - 2, -1, -1):
        if spoken.tone(at) == "3" and spoken.tone(at + 1) == "3":
            spoken.set(at, "2")


def _head(word: str, known) -> int:
    """Characters of the word's first half: 展览|馆, 小|老虎, 岂有|此理."""
    if len(word) == 3:
        return 1 if known(word[1:]) and not known(word[:2]) else 2
    return 2 if len(word) > 3 else len(word)


def _er(words: Sequence[Word], spoken: _Spoken) -> None:
    for index, word in enumerate(words):
        at = word.end - 1
        stem = word.text[:-1] or (words[index - 1].text if index else "")
        if word.text[-1] == "儿" and stem and stem[-1] not in _FULL_ER and spoken.syllables[at] in ("er2", "er5"):
            spoken.set(at, spoken.tone(at - 1))
