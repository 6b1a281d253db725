"""Readings of words the dictionary lacks: endings, spellings, a few affixes, compounds, then letters to sounds.

Each rule is here because it beats or matches the letter-to-sound model on words held out of the dictionary
(scripts/train_english_g2p.py measures both); other prefixes and endings, and short compounds, the model reads better.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.letters import letter_model
from sovits_tts.text.en.tables import words

Phonemes = tuple[str, ...]

_VOICELESS = frozenset(words("P T K F TH S SH CH HH"))
_SIBILANT = frozenset(words("S Z SH ZH CH JH"))
_LATINATE = re.compile(r"(?:tion|ical|able|ible|ive|ate|ant|ent)s?$")
_LONG = re.compile(r"([a-z])\1{2,}")
_LENGTHENED = re.compile(r"[^aeiou]*[aeiouy][^aeiouywx]")  # hop + ing would double its p, so hoping is hope
_ENDINGS = {"ing": "IH0 NG", "in'": "IH0 N", "ings": "IH0 NG Z", "est": "AH0 S T", "eth": "AH0 TH"}
_SUFFIXES = {
    "ly": "L IY0", "ness": "N AH0 S", "less": "L AH0 S", "ful": "F AH0 L", "like": "L AY2 K", "hood": "HH UH2 D",
    "ship": "SH IH2 P", "wise": "W AY2 Z", "proof": "P R UW2 F", "fold": "F OW2 L D",
}  # fmt: skip
_PREFIXES = {
    "un": "AH0 N", "over": "OW2 V ER0", "under": "AH2 N D ER0", "non": "N AA2 N", "inter": "IH2 N T ER0",
    "super": "S UW2 P ER0", "anti": "AE2 N T IY0", "hyper": "HH AY2 P ER0", "ultra": "AH2 L T R AH0",
    "cyber": "S AY2 B ER0", "photo": "F OW2 T OW0", "hydro": "HH AY2 D R OW0", "counter": "K AW2 N T ER0",
    "pseudo": "S UW2 D OW0", "crypto": "K R IH2 P T OW0",
}  # fmt: skip
# Before a hyphen: re-elect, co-op.
PREFIX_SOUNDS = {
    prefix: tuple(sound.split())
    for prefix, sound in {
        "re": "R IY0", "de": "D IY0", "co": "K OW2", "pre": "P R IY0", "non": "N AA2 N", "anti": "AE2 N T IY0",
        "semi": "S EH2 M IY0", "multi": "M AH2 L T IY0", "ultra": "AH2 L T R AH0", "ex": "EH2 K S", "sub": "S AH2 B",
        "pro": "P R OW2",
    }.items()
}  # fmt: skip
# British spellings, as rewrites that count when the result is in the dictionary.
_SPELLINGS = tuple(
    (re.compile(pattern), american)
    for pattern, american in (
        (r"(?<=\w\w\w)our(?=$|s|ed|ing|er|ful|less|able|it|y)", "or"), (r"is(?=e|ing|ation|able)", "iz"),
        (r"ys(?=e|ing)", "yz"), (r"(?<=[tbc])re$", "er"), (r"(?<=[tbc])res$", "ers"), (r"(?<=[tbc])red$", "ered"),
        (r"ogue", "og"), (r"ll(?=ed|ing|er|y)", "l"), (r"(?<=\w\wt)ence", "ense"), (r"xion", "ction"),
        (r"gramme", "gram"), (r"gg(?=on)", "g"), (r"ful(?=$|l|ness)", "full"),
    )
)  # fmt: skip


def spelled(word: str) -> Phonemes:
    """The names of the letters of `word`."""
    known = dictionary()
    return tuple(p for letter in word for p in (("EY1",) if letter == "a" else known.get(letter) or ()))


def plural(phonemes: Phonemes) -> Phonemes:
    """`phonemes` with the ending -s, -es or 's."""
    if phonemes[-1] in _SIBILANT:
        return (*phonemes, "IH0", "Z")
    return (*phonemes, "S" if phonemes[-1] in _VOICELESS else "Z")


def possessive(phonemes: Phonemes) -> Phonemes:
    """`phonemes` with 's; after a sibilant the official convention has another vowel than in plurals."""
    return (*phonemes, "AH0", "Z") if phonemes[-1] in _SIBILANT else plural(phonemes)


def past(phonemes: Phonemes) -> Phonemes:
    """`phonemes` with the ending -ed."""
    if phonemes[-1] in {"T", "D"}:
        return (*phonemes, "IH0", "D")
    return (*phonemes, "T" if phonemes[-1] in _VOICELESS else "D")


@lru_cache(maxsize=65536)
def guess(word: str) -> Phonemes:
    """Phonemes of a lower-case word of letters a-z and apostrophes that is not in the dictionary; never empty."""
    if word.endswith("'s") and len(word) > 2:
        return possessive(_known(word[:-2]) or guess(word[:-2]))
    if word.endswith("s'") and len(word) > 2:
        return _known(word[:-1]) or guess(word[:-1])
    bare = word.replace("'", "")
    if _LONG.search(word):
        return _drawn_out(word)
    if bare.endswith("in") and (whole := _known(bare + "g")):
        return (*whole[:-1], "N")
    found = _inflected(word) or _respelled(bare) or _derived(bare) or _compound(bare)
    return found or _from_letters(bare)


def _from_letters(word: str) -> Phonemes:
    initialism = len(word) in (3, 4) and not word.endswith("y") and not any(letter in "aeiou" for letter in word)
    if initialism or len(word) == 2 or not any(letter in "aeiouy" for letter in word):
        return spelled(word)
    return letter_model().read(word) or spelled(word)


def _drawn_out(word: str) -> Phonemes:
    """ "soooo" as "so", "cooool" as "cool": the first that is a word, else the short one."""
    shorter = [_LONG.sub(r"\1", word), _LONG.sub(r"\1\1", word)]
    return next((reading for form in shorter if (reading := _known(form))), None) or guess(shorter[0])


def _known(word: str) -> Phonemes | None:
    return dictionary().get(word) if len(word) > 1 else None


def _stem(base: str) -> Phonemes | None:
    """What stands before an ending that begins with a vowel: hop(p), hop(e), carr(y)."""
    stems = [base + "e", base] if _LENGTHENED.fullmatch(base) else [base, base + "e"]
    if len(base) > 3 and base[-1] == base[-2]:
        stems.insert(1, base[:-1])
    if base.endswith("i"):
        stems.append(base[:-1] + "y")
    return next((reading for stem in stems if len(stem) > 2 and (reading := _known(stem))), None)


def _inflected(word: str) -> Phonemes | None:
    """Plurals and verb forms of words in the dictionary."""
    if word.endswith("ies") and (stem := _known(word[:-3] + "y")):
        return plural(stem)
    if word.endswith("es") and (stem := _known(word[:-2])) and (stem[-1] in _SIBILANT or word.endswith("oes")):
        return plural(stem)
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and (stem := _known(word[:-1])):
        return plural(stem)
    if word.endswith("ed") and (stem := _stem(word[:-2])):
        return past(stem)
    if word.endswith("'d") and (stem := _known(word[:-2])):
        return (*stem, "D")
    for ending, sound in _ENDINGS.items():
        if word.endswith(ending) and (stem := _stem(word[: -len(ending)])):
            return (*stem, *sound.split())
    return None


def _respelled(word: str) -> Phonemes | None:
    """`colour` as `color`, `realise` as `realize`: when the other spelling is a word, or one of its forms is."""
    for pattern, american in _SPELLINGS:
        other = pattern.sub(american, word)
        if other != word and (found := _known(other) or _inflected(other)):
            return found
    return None


def _derived(word: str) -> Phonemes | None:
    """A few prefixes and endings around a longer word in the dictionary."""
    for ending, sound in _SUFFIXES.items():
        base = word.removesuffix(ending)
        if base != word and len(base) > 3 and (stem := _before(base, ending)):
            return (*stem, *sound.split())
    for prefix, sound in _PREFIXES.items():
        rest = word.removeprefix(prefix)
        if rest != word and len(rest) > 3 and (found := _known(rest) or _inflected(rest) or _derived(rest)):
            return (*sound.split(), *found)
    return None


def _before(base: str, ending: str) -> Phonemes | None:
    """The word before a suffix: happi(ness), gent(le)ly, full + ly with one L."""
    stem = _known(base) or (_known(base[:-1] + "y") if base.endswith("i") else None) or _inflected(base)
    if ending != "ly":
        return stem
    if stem and base.endswith("ical") and stem[-2:] == ("AH0", "L"):
        return stem[:-2]
    if stem and base.endswith("i") and stem[-1] == "IY0":
        return (*stem[:-1], "AH0")
    if not stem and (syllabic := _known(base + "le")) and syllabic[-2:] == ("AH0", "L"):
        return syllabic[:-2]
    stem = stem or _known(base + "l")
    return stem[:-1] if stem and stem[-1] == "L" else stem


def _common(word: str) -> bool:
    """A word that has forms is a word of the language; most entries of the dictionary are surnames."""
    known = dictionary()
    return word in known and any(word + ending in known for ending in ("s", "es", "ed", "ing", "d", "ly", "y"))


def _compound(word: str) -> Phonemes | None:
    """A long word made of two words of the language; the second keeps a lesser stress."""
    if len(word) < 10 or _LATINATE.search(word):
        return None
    for cut in range(len(word) - 5, 4, -1):
        head, tail = word[:cut], word[cut:]
        if _common(head) and (_common(tail) or _common(tail.removesuffix("s"))):
            second = _known(tail) or _inflected(tail)
            return (*(_known(head) or ()), *(p.replace("1", "2") for p in second or ()))
    return None
