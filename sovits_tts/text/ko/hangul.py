"""Hangul syllables as onset, vowel and coda, in compatibility jamo."""

from __future__ import annotations

from dataclasses import dataclass

ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
FIRST, LAST = "가", "힣"

# The official table has simple vowels and consonants only.
SPLIT = {
    "ㅑ": "ㅣㅏ", "ㅒ": "ㅣㅐ", "ㅕ": "ㅣㅓ", "ㅖ": "ㅣㅔ", "ㅛ": "ㅣㅗ", "ㅠ": "ㅣㅜ",
    "ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ",
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ",
    "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip


@dataclass
class Syllable:
    """One syllable while the rules work on it.

    stem:    it ends the stem of a verb or an adjective
    future:  its ㄹ is the ending of 갈, 먹을 ("that will ...")
    object_: it is the particle 을 or 를
    """

    onset: str
    vowel: str
    coda: str
    stem: bool = False
    future: bool = False
    object_: bool = False


def is_syllable(char: str) -> bool:
    return FIRST <= char <= LAST


def is_jamo(char: str) -> bool:
    return "\u3131" <= char <= "\u3163"


def decompose(char: str) -> Syllable:
    index = ord(char) - ord(FIRST)
    return Syllable(ONSETS[index // 588], VOWELS[index % 588 // 28], CODAS[index % 28])


def symbols_of(jamo: str) -> str:
    """The jamo as symbols of the official table."""
    return SPLIT.get(jamo, jamo)
