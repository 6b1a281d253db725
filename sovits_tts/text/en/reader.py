"""Normalised English -> ARPAbet: tokens, sentences, and one reading for each word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from sovits_tts.errors import TextError
from sovits_tts.text.base import Reading, TextWarning
from sovits_tts.text.en.dictionary import dictionary
from sovits_tts.text.en.grammar import BE, CONJUNCTIONS, DETERMINERS, HAVE, MARKS, MODALS, PREPOSITIONS, STOPS, Token
from sovits_tts.text.en.heteronyms import read as read_heteronym
from sovits_tts.text.en.oov import PREFIX_SOUNDS, guess
from sovits_tts.text.symbols import symbol_ids

Phonemes = tuple[str, ...]
Overrides = Mapping[int, tuple[int, str]]

_TOKEN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ']*[A-Za-zÀ-ÖØ-öø-ÿ][A-Za-zÀ-ÖØ-öø-ÿ']*|[!?…,.-]|[^\s'A-Za-zÀ-ÖØ-öø-ÿ]+?")
_HYPHENATED = re.compile(r"(?<![\w'])[A-Za-z']+(?:-[A-Za-z']+)+(?![\w'])")
_LABELS = frozenset(
    [
        "vitamin",
        "plan",
        "grade",
        "hepatitis",
        "group",
        "type",
        "class",
        "section",
        "exhibit",
        "appendix",
        "option",
        "part",
        "team",
        "series",
        "letter",
        "capital",
        "an",
        "category",
        "level",
        "point",
        "line",
        "figure",
        "table",
        "column",
        "route",
        "block",
        "unit",
        "gate",
        "note",
        "string",
        "key",
        "minor",
        "major",
        "triple",
        "double",
        "straight",
        "influenza",
        "model",
        "variable",
        "product",
        "company",
        "player",
        "side",
    ]
)
_SPLIT_PREFIXES = frozenset(["re", "de", "co", "pre", "non", "anti", "semi", "multi", "ultra", "ex", "sub", "pro"])
_LIGATURES: dict[int, str] = {ord(c): s for c, s in zip("ßæøœðþ", ("ss", "ae", "o", "oe", "d", "th"), strict=True)}
_LETTER_ENDS = (
    BE | HAVE | MODALS | CONJUNCTIONS | PREPOSITIONS | MARKS | {"", "to", "through", "minus", "equals", "plus"}
)


def phonemize(text: str, symbols: str, overrides: Overrides | None) -> Reading:
    """See `Language.phonemize`."""
    tokens = _tokens(text, overrides or {})
    phonemes: list[str] = []
    warnings: list[TextWarning] = []
    sentence_start = 0
    for index, token in enumerate(tokens):
        if token.text in STOPS or index == len(tokens) - 1:
            sentence = tokens[sentence_start : index + 1]
            for at in range(len(sentence)):
                phonemes += _token(text, sentence, at, symbols, overrides or {}, warnings)
            sentence_start = index + 1
    if not phonemes:
        raise TextError(f"There is nothing to read in {text[:40]!r}.", hint="Give at least one word or mark.")
    return Reading(text, tuple(phonemes), None, tuple(warnings))


def _tokens(text: str, overrides: Overrides) -> list[Token]:
    """Words, marks and what is neither. A span with a given reading is one token."""
    whole = {start: end for m in _HYPHENATED.finditer(text) for start, end in _entries(m[0], m.start())}
    whole |= {start: end for start, (end, _) in overrides.items()}
    tokens: list[Token] = []
    at = 0
    starts = sorted(whole)
    while at < len(text):
        if at in whole:
            tokens.append(Token(text[at : whole[at]], at, whole[at]))
            at = whole[at]
            continue
        limit = next((s for s in starts if s > at), len(text))
        match = _TOKEN.search(text, at, limit)
        if not match:
            at = limit
            continue
        tokens.append(Token(match[0], match.start(), match.end()))
        at = match.end()
    return [t for t in tokens if t.start in overrides or not _joins(text, t)]


def _entries(chain: str, offset: int) -> Iterator[tuple[int, int]]:
    """The longest parts of "twenty-four-year-olds" that stand in the dictionary as such: twenty-four."""
    parts = chain.split("-")
    at = 0
    while at < len(parts) - 1:
        sizes = (n for n in range(len(parts) - at, 1, -1) if "-".join(parts[at : at + n]).lower() in dictionary())
        size = next(sizes, 1)
        if size > 1:
            start = offset + sum(len(part) + 1 for part in parts[:at])
            yield start, start + len("-".join(parts[at : at + size]))
        at += size


def _joins(text: str, token: Token) -> bool:
    """A hyphen inside a word, which is not heard."""
    around = text[max(0, token.start - 1) : token.start], text[token.end : token.end + 1]
    return token.text == "-" and all(side.isalpha() or side == "'" for side in around)


def _token(
    text: str, sentence: list[Token], at: int, symbols: str, overrides: Overrides, warnings: list[TextWarning]
) -> Phonemes:
    token = sentence[at]
    if token.start in overrides:
        return _given(overrides[token.start][1], symbols)
    if token.text in MARKS:
        return (token.text,)
    if not any(c.isalpha() for c in token.text) or (not token.text[0].isascii() and not fold(token.text)):
        warnings.append(TextWarning(f"{token.text!r} cannot be read in English.", token.start, token.text))
        return ()
    return _word(text, sentence, at)


def _given(pronunciation: str, symbols: str) -> Phonemes:
    """A reading given by the user, checked against the table."""
    phonemes = tuple(pronunciation.upper().split())
    unknown = [p for p in phonemes if p not in symbol_ids(symbols)]
    if unknown or not phonemes:
        raise TextError(
            f"The pronunciation {pronunciation!r} is not ARPAbet{f' at {unknown[0]!r}' if unknown else ''}.",
            hint="Write it like 'T AH0 M AA1 T OW2': phonemes with spaces, vowels with a stress digit 0, 1 or 2.",
        )
    return phonemes


def fold(word: str) -> str:
    """Lower case without accents: Café -> cafe, Ærø -> aero."""
    word = word.lower().translate(_LIGATURES)
    return "".join(c for c in unicodedata.normalize("NFD", word) if c.isascii() and (c.isalpha() or c in "'-"))


def _word(text: str, sentence: list[Token], at: int) -> Phonemes:
    token = sentence[at]
    if token.lower == "a":
        return ("EY1",) if _is_letter_a(text, sentence, at) else ("AH0",)
    known = dictionary()
    if reading := known.get(token.lower) if not token.text.isascii() else read_heteronym(sentence, at):
        return reading
    word = fold(token.text)
    bare = word.strip("'")
    joined = (
        text[token.end : token.end + 1] == "-" and at + 1 < len(sentence) and sentence[at + 1].start == token.end + 1
    )
    if joined and bare in _SPLIT_PREFIXES:
        return PREFIX_SOUNDS[bare]
    return known.get(word) or known.get(bare) or guess(word.lstrip("'") if bare else word)


def _is_letter_a(text: str, sentence: list[Token], at: int) -> bool:
    """Is this "a" or "A" the letter rather than the article?"""
    before = sentence[at - 1].text if at else ""
    after = sentence[at + 1].text if at + 1 < len(sentence) else ""
    if before.lower() in _LABELS:
        return True
    if sentence[at].text == "a":
        return after in {"squared", "cubed", "equals"}
    hyphenated = at + 1 < len(sentence) and text[sentence[at + 1].end : sentence[at + 1].end + 1] == "-"
    letters = [side for side in (before, after) if len(side) == 1 and side.isupper() and side not in "AI"]
    return bool(
        (letters and not hyphenated) or after == "I" or after.lower() in _LETTER_ENDS or before.lower() in DETERMINERS
    )
