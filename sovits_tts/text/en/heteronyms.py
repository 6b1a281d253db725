"""Words with several readings: the table en_heteronyms.txt, its rules, then grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sovits_tts.text.en.grammar import BE, DETERMINERS, MARKS, OBJECTS, STOPS, Context, Token, classify, classify_s
from sovits_tts.text.en.oov import plural
from sovits_tts.text.en.tables import lines

Phonemes = tuple[str, ...]
_NEAR = 6


@dataclass(frozen=True)
class Rule:
    """`kind` is one of < > ~ ^ (see the table's header); `capital` asks for a capital inside the sentence."""

    choice: str
    kind: str
    words: frozenset[str]
    capital: bool

    def holds(self, context: Context, token: Token) -> bool:
        if self.capital and not (
            token.text[0].isupper() and not token.text.isupper() and context.before not in {"", *STOPS}
        ):
            return False
        if self.kind == "<":
            return context.before in self.words
        if self.kind == ">":
            return context.after in self.words
        if self.kind == "~":
            near = context.words[max(0, context.at - _NEAR) : context.at + _NEAR + 1]
            return any(word in self.words for word in near)
        return True


@dataclass(frozen=True)
class Heteronym:
    readings: dict[str, Phonemes]
    rules: tuple[Rule, ...]

    @property
    def default(self) -> str:
        return next(iter(self.readings))


def _rule(text: str) -> Rule:
    choice, rest = text[0], text[1:]
    capital = rest.startswith("^")
    rest = rest.removeprefix("^")
    return Rule(choice, rest[:1] or "^", frozenset(rest[1:].split()), capital)


@cache
def heteronyms() -> dict[str, Heteronym]:
    table: dict[str, Heteronym] = {}
    for line in lines("en_heteronyms.txt"):
        word, *fields = (field.strip() for field in line.split("|"))
        readings = {f[0]: tuple(f[2:].split()) for f in fields if f[1:2] == " "}
        rules = [_rule(part.strip()) for f in fields if f[1:2] != " " for part in f.split(",")]
        table[word] = Heteronym(readings, tuple(rules))
    return table


def read(sentence: Sequence[Token], at: int) -> Phonemes | None:
    """Phonemes of the word at `at` if the table has it or its -s form, else None."""
    token, table = sentence[at], heteronyms()
    word = token.lower
    if word == "used":
        return _used(Context(sentence, at))
    if entry := table.get(word):
        return entry.readings[_choose(entry, Context(sentence, at), token)]
    for ending in ("'s", "s", "es"):
        stem = word.removesuffix(ending)
        if stem != word and (entry := table.get(stem)) and "n" in entry.readings:
            if ending == "'s":
                return plural(entry.readings["n"])
            return _form_in_s(entry, Context(sentence, at))
    return None


def _choose(entry: Heteronym, context: Context, token: Token) -> str:
    for rule in entry.rules:
        if rule.holds(context, token):
            return rule.choice
    if not {"v", "d"} & set(entry.readings):
        return entry.default
    if token.lower.endswith("s") and not token.lower.endswith("ss"):
        return classify_s(context, entry.default)
    return classify(context, "".join(entry.readings), entry.default)


def _form_in_s(entry: Heteronym, context: Context) -> Phonemes:
    default = entry.default if entry.default == "v" else "n"
    choice = classify_s(context, default) if "v" in entry.readings else "n"
    return plural(entry.readings[choice])


def _used(context: Context) -> Phonemes | None:
    """ "used to go", "is used to it" with S; "is used to cut", "used it" with Z."""
    if context.after != "to" or context.prev in MARKS:
        return None
    following = context.word(context.at + 2)
    accustomed = context.prev in BE or context.prev in {"get", "gets", "got", "getting"}
    if accustomed and not (following in DETERMINERS or following in OBJECTS or following.endswith("ing")):
        return None
    return ("Y", "UW1", "S", "T")
