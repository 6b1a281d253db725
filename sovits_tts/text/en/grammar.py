"""Is this word a noun, a verb, an adjective or a past tense here? Rules over closed classes of words, no model.

Classes, as in en_heteronyms.txt: n, v (base form; for forms in -s the third person), j, d (past tense or participle).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


BE = _set(
    "am is are was were be been being 'm 're isn't aren't wasn't weren't i'm you're we're they're he's she's it's "
    "that's"
)
HAVE = _set("have has had having 've i've you've we've they've haven't hasn't hadn't he'd she'd")
MODALS = _set(
    "do does did don't doesn't didn't will would can could shall should may might must cannot can't won't wouldn't "
    "couldn't shouldn't mustn't needn't i'll you'll he'll she'll it'll we'll they'll i'd you'd we'd they'd who'd "
    "who'll gonna gotta wanna please let's helps help helped helping dare"
)
SUBJECTS = _set("i you we they he she who")
OBJECTS = _set("me him them us it myself yourself himself herself itself ourselves themselves")
DETERMINERS = _set(
    "the a an this these those my your his her its our their every each any some no another either neither both all "
    "many much few several more most less such whose one two three four five six seven eight nine ten twenty thirty "
    "forty fifty sixty hundred thousand million billion first second third last next own other same new old good "
    "bad great big small long short little high low full free young early late main major final best worst entire "
    "whole"
)
QUANTIFIERS = _set("all both many some most few several more those these others")
PREPOSITIONS = _set(
    "of in on at by for with from into onto about over under between among against during without within through "
    "toward towards after before since until till upon per via despite across behind beyond beside besides near "
    "above below around along inside outside off out up down"
)
WH = _set(
    "what which when where why how whether if because while although though unless once than as whenever wherever"
)
CONJUNCTIONS = _set("and or but nor then")
ADVERBS = _set(
    "not never always often usually sometimes also still just even now soon already only ever rarely seldom barely "
    "hardly really almost nearly n't both either simply well"
)
CAUSATIVES = _set(
    "let lets letting make makes made making see saw watch watched watching hear heard have had help helped"
)
PLURALS = _set(
    "people men women children police folks youth they everybody families friends most others fish sheep mice geese "
    "deer feet teeth cattle media data"
)
SINGULAR_S = _set(
    "this news always perhaps yes us is was has does its plus less across gas bus species series thus bias lens"
)
PERSONS = _set(
    "man woman boy girl child king queen soldier teacher student dog cat team crowd audience world mother father "
    "friend guy lady person driver patient horse"
)
MODIFIERS_IN_S = _set("sales sports news arms savings earnings customs systems games goods athletics olympics world's")
PREPOSITIONAL_TO = _set(
    "due according access addition response related back next thanks prior similar contrary close attention return "
    "returned reaction damage key subject limited compared opposed object objected objects leads led up used "
    "responded"
)
SINGULAR_PRONOUNS = _set(
    "he she it who which that this everyone everybody someone somebody nobody anyone anybody nothing something "
    "everything what"
)
PAST_CUES = _set(
    "yesterday ago last was were had did didn't went said came saw took got told knew thought found gave made wrote "
    "left began felt sat stood heard kept brought bought ran once earlier previously"
)
PRESENT_CUES = _set(
    "every always usually often sometimes now today daily rarely regularly generally whenever nowadays tonight "
    "tomorrow weekly do can will never"
)
STOPS = frozenset("!?….")
MARKS = frozenset("!?….,-")


@dataclass(frozen=True)
class Token:
    """A word or a mark, and where it stands in the text."""

    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        return self.text.lower()


def is_adverb(word: str) -> bool:
    return word in ADVERBS or (
        word.endswith("ly") and len(word) > 4 and word not in {"family", "only", "supply", "reply"}
    )


def is_plural(word: str) -> bool:
    return word in PLURALS or (
        word.endswith("s") and len(word) > 3 and word not in SINGULAR_S and not word.endswith(("ss", "us", "is", "'s"))
    )


def _opens_phrase(word: str) -> bool:
    """Can `word` begin the object of a verb?"""
    return (
        word in DETERMINERS
        or word in OBJECTS
        or word.endswith("'s")
        or word in {"you", "that", "what", "how", "everything"}
    )


def _content(word: str) -> bool:
    """A noun, adjective or name, as far as closed classes tell."""
    closed = (BE, HAVE, MODALS, SUBJECTS, OBJECTS, DETERMINERS, PREPOSITIONS, WH, CONJUNCTIONS, MARKS)
    return bool(word) and not any(word in c for c in closed) and not is_adverb(word) and word not in {"to", "that"}


class Context:
    """The words around one place of a sentence. Beyond its edges stands the empty string."""

    def __init__(self, sentence: Sequence[Token], at: int) -> None:
        self.words = [token.lower for token in sentence]
        self.at = at
        self.before = self.word(at - 1)
        self.after = self.word(at + 1)
        left = at - 1
        while left >= 0 and is_adverb(self.words[left]):
            left -= 1
        self.left = left
        self.skipped = left < at - 1
        self.prev = self.word(left)
        self.prev2 = self.word(left - 1)
        self.next = self.word(at + 2) if is_adverb(self.after) else self.after

    def word(self, index: int) -> str:
        return self.words[index] if 0 <= index < len(self.words) else ""

    def clause(self) -> list[str]:
        """Words to the left, back to the nearest mark."""
        start = self.at
        while start > 0 and self.words[start - 1] not in MARKS:
            start -= 1
        return self.words[start : self.at]

    def tense(self) -> str:
        """ "d" if the sentence speaks of the past, "v" if of the present, "" if it does not say."""
        others = self.words[: self.at] + self.words[self.at + 1 :]
        if any(
            w in PAST_CUES or (w.endswith("ed") and len(w) > 4 and w not in {"need", "indeed", "hundred"})
            for w in others
        ):
            return "d"
        return "v" if any(w in PRESENT_CUES for w in others) else ""


def classify(context: Context, classes: str, default: str) -> str:
    """One of `classes` for the base form at `context`; `default` where grammar does not tell."""
    verb = _verb_or_past(context, classes) if "d" in classes else ("v" if "v" in classes else "")
    noun = "n" if "n" in classes else "j" if "j" in classes else ""
    attribute = "j" if "j" in classes and _content(context.after) else noun
    predicate = "j" if "j" in classes else "d" if "d" in classes else noun
    choice = _by_left(context, verb, noun, attribute, predicate, default)
    return choice if choice and choice in classes else default


def _verb_or_past(c: Context, classes: str) -> str:
    """Which verb form fits, for words whose base form and past are spelled alike."""
    if "v" not in classes:
        return "d"
    if c.before == "to" or c.prev in MODALS or _inverted(c) or c.prev == "":
        return "v"
    if c.prev in BE or c.prev in HAVE or c.after == "by" or _inverted(c, HAVE):
        return "d"
    if c.prev in CONJUNCTIONS:
        return "v" if any(w in MODALS or w == "to" for w in c.clause()) else c.tense() or "v"
    if c.prev in {"i", "you", "we", "they"} or is_plural(c.prev):
        return c.tense() or ("d" if c.next in DETERMINERS and c.prev != "you" else "v")
    return "d"


def _inverted(c: Context, auxiliaries: frozenset[str] = MODALS) -> bool:
    """A question: did the band _ ..."""
    clause = c.clause()
    heads = clause[:3] if clause and (clause[0] in WH or clause[0] == "who") else clause[:1]
    return 1 < len(clause) < 8 and any(w in auxiliaries and w not in {"please", "help"} for w in heads)


def _by_left(c: Context, verb: str, noun: str, attribute: str, predicate: str, default: str) -> str:
    if c.before == "to":
        prepositional = c.prev2 in PREPOSITIONAL_TO and not _opens_phrase(c.next)
        return noun if prepositional or c.after == "of" or not verb else verb
    if c.prev in MODALS:
        return verb or noun
    if c.prev in SUBJECTS:
        return verb or predicate
    if c.prev in OBJECTS or c.prev == "her":
        if c.prev2 in CAUSATIVES:
            return verb or noun
        return attribute if c.prev == "her" else predicate if c.prev2 in {"make", "makes", "made", "keep"} else noun
    if c.prev == "that":
        return _after_that(c, verb, attribute)
    if c.prev in QUANTIFIERS and verb and (_opens_phrase(c.next) or (c.next in PREPOSITIONS and c.next != "of")):
        return verb
    if c.prev in DETERMINERS or c.prev.endswith("'s") or c.prev == "s'":
        return attribute
    if c.prev in BE:
        return predicate
    if c.prev in HAVE:
        return "d" if verb == "d" else attribute
    if c.prev in {"let", "lets", "letting"}:
        return verb or noun
    if c.prev in PREPOSITIONS or c.prev in CAUSATIVES:
        return attribute
    return _by_clause(c, verb, noun, attribute, default)


def _after_that(c: Context, verb: str, attribute: str) -> str:
    relative = c.prev2 and c.prev2 not in PREPOSITIONS and c.prev2 not in MARKS and c.after not in {"of", "is", "was"}
    return verb if relative and verb and (_content(c.prev2) or _opens_phrase(c.next)) else attribute


def _by_clause(c: Context, verb: str, noun: str, attribute: str, default: str) -> str:
    """After conjunctions, at the start of a clause, after nouns."""
    if c.prev in WH:
        return verb if c.prev in {"which"} and _content(c.prev2) else attribute or default
    if c.prev in CONJUNCTIONS:
        governed = any(w == "to" or w in MODALS for w in c.clause()[-6:-1])
        if verb and (_opens_phrase(c.next) or (governed and c.next not in {"of"} and default != "j")):
            return verb
        return attribute if default != "v" else verb
    if c.prev == "" or c.prev in MARKS:
        if verb and (_opens_phrase(c.next) or c.next in {"up", "down", "with"}):
            return "v" if "v" in (verb, default) else verb
        return default if default == "v" else attribute
    if verb and _inverted(c):
        return verb
    clause = c.clause()
    if default == "j" and (c.after == "" or c.after in MARKS) and len(clause) > 2 and clause[0] not in WH | DETERMINERS:
        return "j"
    if is_plural(c.prev) and verb:
        if c.prev in MODIFIERS_IN_S or c.next in BE or c.next in MODALS or c.next == "of":
            return noun
        return verb
    if verb == "d":
        return "d" if default != "n" or _opens_phrase(c.next) else "n"
    if default == "j" and (c.after == "" or c.after in MARKS):
        return "j"
    if verb and c.skipped and _content(c.prev):
        return verb
    if verb and c.prev in PERSONS and any(w in CAUSATIVES for w in clause):
        return verb
    if verb and c.prev2 in CAUSATIVES and _content(c.prev) and _opens_phrase(c.next):
        return verb
    if default == "v" and ("and" in clause or not _content(c.prev) or _opens_phrase(c.next)):
        return verb
    return attribute


def classify_s(context: Context, default: str) -> str:
    """n or v for the form in -s."""
    c = context
    if c.before == "to" or c.prev in MODALS or c.prev in HAVE or c.prev in BE:
        return "n"
    if c.prev in SINGULAR_PRONOUNS or (c.prev == "one" and c.prev2 in {"no", "every", "any", "some"}):
        return "v"
    if c.prev in DETERMINERS or c.prev.endswith("'s") or c.prev in PREPOSITIONS or c.prev in WH or is_plural(c.prev):
        return "n"
    if c.prev == "" or c.prev in MARKS:
        return "v" if c.prev == "," and _opens_phrase(c.next) else "n"
    if c.next in BE or c.next in MODALS or c.next in HAVE or c.next == "of":
        return "n"
    if c.prev in CONJUNCTIONS:
        return "v" if _opens_phrase(c.next) else "n"
    if c.skipped or _opens_phrase(c.next):
        return "v"
    if c.left == 0 and _content(c.next) and not (c.next.endswith("ed") or c.next in PAST_CUES):
        return "v"
    return default
