"""Rules that name differences in English lines, word by word."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import product

from sovits_tts.text.en import LANGUAGE
from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.heteronyms import heteronyms
from sovits_tts.text.en.tables import lines
from tests.golden_text.align import blocks
from tests.golden_text.findings import Finding, without_marks
from tests.golden_text.rows import Spoken

Phonemes = tuple[str, ...]
_WORD = re.compile(r"[A-Za-zÀ-ÿ'][A-Za-zÀ-ÿ'-]*")


def english(
    text: str, theirs: Spoken, ours: Spoken, choices: tuple[tuple[Phonemes, Phonemes], ...]
) -> Iterator[Finding]:
    """The findings for one run whose sounds differ."""
    mine = without_marks(ours.phonemes)
    if mine in _other_choices(without_marks(theirs.phonemes), choices):
        yield Finding("equal", "other_choice", "the record lists our reading as upstream's other choice")
        return
    read_by_us = _per_word(theirs.norm)
    sounds = tuple(p for _, phonemes in read_by_us for p in phonemes)
    if sounds != without_marks(theirs.phonemes):
        yield from _pronounced(theirs.norm, read_by_us, sounds, without_marks(theirs.phonemes), choices)
    if sounds != mine:
        their_words, our_words = [w for _, w in _words(theirs.norm)], [w for _, w in _words(ours.norm)]
        for same, part, own in blocks([w.lower() for w in their_words], [w.lower() for w in our_words]):
            if not same and _sounds(their_words[part]) != _sounds(our_words[own]):
                yield _written(text, their_words[part], our_words[own])


def _other_choices(theirs: Phonemes, choices: tuple[tuple[Phonemes, Phonemes], ...]) -> set[Phonemes]:
    """Upstream's sounds with its other reading in any of the words that have two."""
    found: set[Phonemes] = set()
    for swaps in product((False, True), repeat=len(choices)):
        done, rest = [], theirs
        for swap, pair in zip(swaps, choices, strict=True):
            at = [(i, p) for p in pair for i in range(len(rest)) if rest[i : i + len(p)] == p]
            if not at:
                break
            start, said = min(at)
            other = pair[1] if said == pair[0] else pair[0]
            done += [*rest[:start], *(other if swap else said)]
            rest = rest[start + len(said) :]
        found.add((*done, *rest))
    return found


def _words(norm: str) -> Iterator[tuple[int, str]]:
    """Words and where they start; hyphenated ones are several unless the dictionary has them."""
    for match in _WORD.finditer(norm):
        if match[0].lower() in dictionary():
            yield match.start(), match[0]
        else:
            yield from ((match.start() + m.start(), m[0]) for m in re.finditer("[^-]+", match[0]) if m[0].strip("'"))


def _per_word(norm: str) -> list[tuple[str, Phonemes]]:
    """Each word of a normal form with the sounds that we give it there."""
    found = []
    for start, word in _words(norm):
        around = LANGUAGE.phonemize(norm, overrides={start: (start + len(word), "SP")}).phonemes
        whole = LANGUAGE.phonemize(norm).phonemes
        at = around.index("SP")
        found.append((word, without_marks(whole[at : at + 1 + len(whole) - len(around)])))
    return found


def _sounds(words: list[str]) -> Phonemes:
    return without_marks(LANGUAGE.phonemize(" ".join(words)).phonemes) if words else ()


@cache
def _respelled() -> frozenset[str]:
    """Words of our own list that CMUdict lacks."""
    packed = gzip.decompress((files("sovits_tts.text") / "data" / "en_dictionary.gz").read_bytes()).decode("utf-8")
    known = set(packed.replace("\n", "\t").split("\t"))
    return frozenset(word for line in lines("en_extra.txt") if (word := line.split()[0]) not in known)


def _pronounced(
    norm: str,
    read_by_us: list[tuple[str, Phonemes]],
    sounds: Phonemes,
    theirs: Phonemes,
    choices: tuple[tuple[Phonemes, Phonemes], ...],
) -> Iterator[Finding]:
    """The words that the two read differently."""
    owner = [n for n, (_, phonemes) in enumerate(read_by_us) for _ in phonemes]
    touched: dict[int, list[str]] = {}
    for same, part, own in blocks(theirs, sounds):
        if not same:
            for n in {owner[min(k, len(owner) - 1)] for k in range(own.start, max(own.stop, own.start + 1))}:
                touched.setdefault(n, []).append(" ".join(theirs[part]))
    for n, said in touched.items():
        word, phonemes = read_by_us[n]
        detail = f"{word}: ours {' '.join(phonemes)}, upstream differs at {' / '.join(said) or 'a gap'}"
        if any(phonemes in pair for pair in choices):
            yield Finding("equal", "other_choice", detail)
        elif word == "A" and phonemes == ("AH0",):
            yield Finding("better", "article", detail)
        elif word.lower() in _COMPOUNDS and re.search(rf"-{word}\b|\b{word}-", norm):
            yield Finding("better", "hyphenated_number", f"upstream guesses hyphenated numbers: {detail}")
        elif word.lower().removesuffix("'s") in _respelled():
            yield Finding("better", "listed", f"upstream guesses this word, en_extra.txt has it: {detail}")
        elif word.lower() in heteronyms():
            yield Finding("worse", "heteronym", detail)
        elif word.lower() not in dictionary():
            yield Finding("equal", "guess", f"no dictionary has the word: {detail}")
        else:
            yield Finding("worse", "pronunciation", detail)


def _written(text: str, theirs: list[str], ours: list[str]) -> Finding:
    """Names the difference between two normal forms."""
    detail = f"upstream {' '.join(theirs) or 'nothing'}, ours {' '.join(ours) or 'nothing'}"
    if "".join(theirs).lower() == "".join(ours).lower() and all(w.lower() in dictionary() for w in ours):
        spelled = all(len(w) == 1 for w in theirs)
        return Finding("better", "capitals_are_a_word" if spelled else "split_at_capitals", detail)
    glued = [w for w in theirs if len(w) > 3 and w.lower() not in dictionary() and w not in text]
    if glued and all(w.lower() in dictionary() or len(w) == 1 for w in ours):
        return Finding("better", "words_run_together", detail)
    if not theirs and ours and any(c in text for c in _NAMED.get(ours[0].lower(), "")):
        return Finding("better", "sign_named", detail)
    for code, pattern, wrong in _SIGNATURES:
        if re.search(pattern, text) and re.search(wrong, " ".join(theirs), re.I):
            return Finding("better", code, detail)
    return Finding("worse", "spoken_form", detail)


_COMPOUNDS = frozenset(
    [
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
    ]
)
_NAMED = {
    "and": "&", "plus": "+", "at": "@", "dot": ".", "sharp": "#", "hash": "#", "number": "#", "dollars": "$",
    "dollar": "$", "euros": "€", "euro": "€", "pounds": "£", "yen": "¥￥", "point": ".", "percent": "%",
    "equals": "=", "times": "×*x", "slash": "/", "dash": "-", "underscore": "_", "degrees": "°℃℉", "per": "/",
}  # fmt: skip
# (name, what is written, what upstream makes of it): text-contract.md, section 10.
_SIGNATURES = (
    ("doctor", r"\bDr\.", r"^(drive|dr)$"),
    ("saint", r"\bSt\.", r"^(street|st)$"),
    ("number_sign", r"\bNo\. ?\d", r"\bno\b"),
    ("half_of_day", r"\d ?[ap]\.?m\b", r"\b[ap]\b|[ap]m|\bm\b"),
    ("decade", r"\d0s\b", r"seconds?"),
    ("telephone", r"\d{3}-\d{4}", r"hundred|thousand|twenty|thirty"),
    ("date", r"\d[/-]\d+[/-]\d", r"half|quarter|thirds?|fifths?|over"),
    ("count_as_year", r"\b1\d{3}\b", r"oh|hundred"),
)
