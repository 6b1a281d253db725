"""Readings of words the dictionary lacks: endings, prefixes, compounds, other spellings, then letters to sounds."""

from __future__ import annotations

import re
from functools import lru_cache

from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.letters import letter_model

Phonemes = tuple[str, ...]

_VOICELESS = frozenset(["P", "T", "K", "F", "TH", "S", "SH", "CH", "HH"])
_SIBILANT = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_VOWELS = "aeiouy"
_LONG = re.compile(r"([a-z])\1{2,}")
_WHOLE_ENDINGS = {
    "ly": "L IY0", "ness": "N AH0 S", "less": "L AH0 S", "ful": "F AH0 L", "ment": "M AH0 N T", "like": "L AY2 K",
    "hood": "HH UH2 D", "ship": "SH IH2 P", "wise": "W AY2 Z", "ward": "W ER0 D", "wards": "W ER0 D Z",
    "some": "S AH0 M", "most": "M OW2 S T", "fold": "F OW2 L D", "proof": "P R UW2 F", "dom": "D AH0 M",
}  # fmt: skip
_VOWEL_ENDINGS = {
    "er": "ER0", "ers": "ER0 Z", "or": "ER0", "est": "AH0 S T", "able": "AH0 B AH0 L", "ish": "IH0 SH", "y": "IY0",
    "ism": "IH2 Z AH0 M", "ist": "AH0 S T", "ists": "AH0 S T S", "ize": "AY2 Z", "ized": "AY2 Z D",
    "izes": "AY2 Z IH0 Z", "izing": "AY2 Z IH0 NG", "in'": "IH0 N", "eth": "AH0 TH", "ess": "AH0 S", "age": "IH0 JH",
    "ing": "IH0 NG", "ings": "IH0 NG Z", "ingly": "IH0 NG L IY0",
}  # fmt: skip
_PREFIXES = {
    "un": "AH0 N", "re": "R IY0", "non": "N AA2 N", "over": "OW2 V ER0", "under": "AH2 N D ER0", "out": "AW2 T",
    "super": "S UW2 P ER0", "anti": "AE2 N T IY0", "inter": "IH2 N T ER0", "pre": "P R IY0", "mis": "M IH0 S",
    "dis": "D IH0 S", "sub": "S AH2 B", "co": "K OW2", "de": "D IY0", "semi": "S EH2 M IY0", "multi": "M AH2 L T IY0",
    "ultra": "AH2 L T R AH0", "hyper": "HH AY2 P ER0", "micro": "M AY2 K R OW0", "mega": "M EH2 G AH0",
    "mini": "M IH2 N IY0", "auto": "AO2 T OW0", "bio": "B AY2 OW0", "cyber": "S AY2 B ER0", "counter": "K AW2 N T ER0",
    "fore": "F AO2 R", "self": "S EH2 L F", "trans": "T R AE2 N Z", "post": "P OW2 S T", "neo": "N IY2 OW0",
    "pseudo": "S UW2 D OW0", "electro": "IH0 L EH2 K T R OW0", "photo": "F OW2 T OW0", "tele": "T EH2 L AH0",
    "thermo": "TH ER2 M OW0", "hydro": "HH AY2 D R OW0", "nano": "N AE2 N OW0", "geo": "JH IY2 OW0",
    "macro": "M AE2 K R OW0", "meta": "M EH2 T AH0", "para": "P EH2 R AH0", "proto": "P R OW2 T OW0",
    "quasi": "K W AA2 Z IY0", "extra": "EH2 K S T R AH0", "ex": "EH2 K S", "be": "B IH0", "en": "EH0 N", "in": "IH0 N",
    "im": "IH0 M", "ir": "IH0 R", "up": "AH2 P", "down": "D AW2 N", "back": "B AE2 K", "mid": "M IH2 D",
}  # fmt: skip
PREFIX_SOUNDS = {prefix: tuple(sound.split()) for prefix, sound in _PREFIXES.items()} | {"pro": ("P", "R", "OW2")}
# British and older spellings, tried as whole-word rewrites when the result is in the dictionary.
_SPELLINGS = (
    ("our", "or"), ("is", "iz"), ("ys", "yz"), ("re", "er"), ("ogue", "og"), ("ll", "l"), ("ae", "e"), ("oe", "e"),
    ("gg", "g"), ("ence", "ense"), ("ful", "full"), ("l", "ll"), ("xion", "ction"), ("gramme", "gram"), ("ph", "f"),
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
    if found:
        return found
    initialism = len(bare) in (3, 4) and not bare.endswith("y") and not any(letter in "aeiou" for letter in bare)
    if initialism or len(bare) == 2 or not any(letter in _VOWELS for letter in bare):
        return spelled(bare)
    if bare.endswith("s") and len(bare) > 4 and bare[-2] not in "siu":
        return plural(letter_model().read(bare[:-1]) or spelled(bare[:-1]))
    return letter_model().read(bare) or spelled(bare)


def _drawn_out(word: str) -> Phonemes:
    """ "soooo" as "so", "cooool" as "cool": the first that is a word, else the short one."""
    shorter = [_LONG.sub(r"\1", word), _LONG.sub(r"\1\1", word)]
    return _first(shorter, shortest=2) or guess(shorter[0])


def _known(word: str) -> Phonemes | None:
    return dictionary().get(word) if len(word) > 1 else None


def _stems(base: str) -> list[str]:
    """What `base` + a vowel ending may come from: itself, with e, with one letter of a double, with y for i."""
    stems = [base, base + "e"]
    if len(base) > 3 and base[-1] == base[-2]:
        stems.insert(1, base[:-1])
    if base.endswith("i"):
        stems.append(base[:-1] + "y")
    return stems


def _first(stems: list[str], shortest: int = 3) -> Phonemes | None:
    return next((reading for stem in stems if len(stem) >= shortest and (reading := _known(stem))), None)


def _inflected(word: str) -> Phonemes | None:
    """Plurals and verb forms of words in the dictionary."""
    if word.endswith("ies") and (stem := _known(word[:-3] + "y")):
        return plural(stem)
    if word.endswith("es") and (stem := _known(word[:-2])) and (stem[-1] in _SIBILANT or word.endswith("oes")):
        return plural(stem)
    if word.endswith("s") and not word.endswith("ss") and (stem := _known(word[:-1])):
        return plural(stem)
    if word.endswith("ed") and (stem := _first(_stems(word[:-2]))):
        return past(stem)
    if word.endswith("'d") and (stem := _known(word[:-2])):
        return (*stem, "D")
    for ending in ("ing", "in'", "ings", "er", "ers", "est", "eth"):
        if word.endswith(ending) and (stem := _first(_stems(word[: -len(ending)]))):
            return (*stem, *_VOWEL_ENDINGS[ending].split())
    return None


def _respelled(word: str) -> Phonemes | None:
    """`colour` as `color`, `realise` as `realize`: when the other spelling is a word, or one of its forms is."""
    for british, american in _SPELLINGS:
        at = word.rfind(british)
        if at > 0:
            other = word[:at] + american + word[at + len(british) :]
            if found := _known(other) or _inflected(other):
                return found
    return None


def _derived(word: str) -> Phonemes | None:
    """Prefixes and endings around a word in the dictionary (or around one of its forms)."""
    for ending, sound in _WHOLE_ENDINGS.items():
        base = word.removesuffix(ending)
        if base != word and len(base) > 2:
            stems = [base, base[:-1] + "y"] if base.endswith("i") else [base]
            if ending == "ly":
                stems += [base + "le"] * (base[-1] not in _VOWELS) + [base + "l"]
            for stem in stems:
                if found := _known(stem) or _inflected(stem):
                    cut = found[:-2] if stem.endswith("le") and ending == "ly" and found[-2:] == ("AH0", "L") else found
                    cut = cut[:-1] if ending == "ly" and cut[-1] == "L" else cut
                    return (*cut, *sound.split())
    for ending, sound in _VOWEL_ENDINGS.items():
        base = word.removesuffix(ending)
        if base != word and len(base) > 2 and (found := _first(_stems(base), 4)):
            return (*found, *sound.split())
    for prefix, sound in _PREFIXES.items():
        rest = word.removeprefix(prefix)
        if rest != word and len(rest) > 3 and (found := _known(rest) or _inflected(rest) or _respelled(rest)):
            return (*sound.split(), *found)
    return None


def _common(word: str) -> bool:
    """A word that has forms is a word of the language; most entries of the dictionary are surnames."""
    known = dictionary()
    return word in known and any(word + ending in known for ending in ("s", "es", "ed", "ing", "d", "ly", "y"))


def _compound(word: str) -> Phonemes | None:
    """Two words of the language in one, the longer first part winning."""
    for cut in range(len(word) - 3, 2, -1):
        if _common(word[:cut]) and _common(
            word[cut:].removesuffix("s") if word[cut:] not in dictionary() else word[cut:]
        ):
            tail = _known(word[cut:]) or _inflected(word[cut:])
            if tail:
                return (*(_known(word[:cut]) or ()), *tail)
    return None
