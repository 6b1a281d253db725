r"""Inline markup: pauses, pronunciations, language, ways of saying numbers, speed.

    [pause:0.5]  [pause:500ms]              silence
    行<hang2>  银行<yin2 hang2>              pinyin (jyutping in Cantonese) of as many characters as there are syllables
    tomato<T AH0 M AA1 T OW2>               ARPAbet of the word
    今日<きょう>  값<ㄱㅏㅂ>                   kana of the word, jamo of the word
    <lang ja>東京</lang>
    <say-as digits>1024</say-as>            digits, cardinal, characters, date
    \< \> \[ \] \\                          the character itself

    and of SSML: <speak> <p> <s> <break time="500ms"/> <phoneme ph="hang2">行</phoneme>
    <sub alias="World Wide Web">WWW</sub> <lang xml:lang="ja"> <prosody rate="slow"> <say-as interpret-as="date">

What counts as markup is decided by its first characters, so that ordinary text stays ordinary:

- "<" starts a tag only before one of the names above (or "/" and the name) followed by a space, "/" or ">";
  <sub> only with an alias, <p> and <s> only inside <speak>.
- "<" starts a pronunciation only directly after the word, and only if what follows up to ">" has the shape of one:
  syllables each with a digit after a Han character, kana after kana, Han or Latin letters, jamo after those or hangul,
  at least two ARPAbet-like phonemes (or one vowel with stress) after a Latin letter.
- "[" starts a pause only as "[pause:".
- Everything else (3 < 5, List<T>, a[i], <b>) is text. Entities such as &lt; are read only inside <speak>.

Once something counts as markup it must be right: else TextError with line, column and a caret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sovits_tts.errors import TextError
from sovits_tts.text import tags
from sovits_tts.text.pronounce import ARPA, ARPA_VOWELS, JAMO, KANA, TONED
from sovits_tts.text.scripts import HAN, HAN_RANGE, HANGUL, HANGUL_RANGE, KANA_RANGE, LATIN, LATIN_RANGE, script
from sovits_tts.text.scripts import KANA as KANA_SCRIPT
from sovits_tts.text.source import Source

_REACH = 400  # characters that one piece of markup may span
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}

_SPECIAL = re.compile(r"[\\<\[&]")
_PROLOG = re.compile(r"<\?xml[^>]*\?>\s*(?=<speak[\s>])")
_PAUSE = re.compile(r"\[pause:([^\]\n]*)(\]?)")
_TAG = re.compile(r"<(/?)(speak|lang|say-as|break|phoneme|sub|prosody|p|s)(?=[\s/>])([^<>]*)(>?)")
_ENTITY = re.compile(r"&(lt|gt|amp|quot|apos);")
_NOTATION = re.compile(r"<([^<>\n]{1,200})>")
_WORD = 100  # characters that the word before a pronunciation may have
_WORDS = {
    LATIN: re.compile(rf"[{LATIN_RANGE}\d][{LATIN_RANGE}\d'’-]*$"),
    HAN: re.compile(f"[{HAN_RANGE}]+$"),
    KANA_SCRIPT: re.compile(f"[{KANA_RANGE}]+$"),
    HANGUL: re.compile(f"[{HANGUL_RANGE}]+$"),
}


@dataclass(frozen=True)
class Span:
    """A stretch of text with what the markup says about it. `position` is where it starts in the source."""

    text: str
    position: int
    language: str | None = None
    pronunciation: str | None = None  # in the notation of the word's language, see `pronounce`
    say_as: str | None = None  # "digits", "cardinal", "characters", "date", "date:dmy"
    alias: str | None = None  # what to speak instead
    rate: float = 1.0
    complain: Callable[[str], TextError] | None = field(
        default=None, compare=False, repr=False
    )  # an error pointing here

    @property
    def whole(self) -> bool:
        """Must not be cut."""
        return bool(self.pronunciation or self.say_as or self.alias)

    def part(self, start: int, end: int) -> Span:
        return replace(self, text=self.text[start:end], position=self.position + start)


@dataclass(frozen=True)
class Pause:
    """Silence that the markup asks for, in seconds."""

    seconds: float
    position: int


@dataclass(frozen=True)
class _Open:
    tag: str
    complain: Callable[[str], TextError]
    language: str | None
    rate: float


def parse(text: str | Iterable[str]) -> Iterator[Span | Pause]:
    """The pieces of a text, or of a stream of parts of one, in order.

    Plain text comes in stretches of bounded length, so that a stream is read in constant memory.
    Raises TextError for malformed markup, with line, column and a caret.
    """
    return _Parser(Source(text)).pieces()


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.open: list[_Open] = []
        self.language: str | None = None
        self.rate = 1.0

    def pieces(self) -> Iterator[Span | Pause]:
        source = self.source
        source.skip(_PROLOG)
        while source.fill(2 * _REACH):
            plain = self._span(source.buffer, 0)
            limit = len(source.buffer) - (0 if source.exhausted else _REACH)
            found = self._next(limit)
            if found is None:
                # A pronunciation may follow: the last word stays until what comes after it is known.
                found = (limit if source.exhausted else limit - _WORD), [], 0
            start, pieces, end = found
            if start:
                yield plain.part(0, start)
            yield from pieces
            source.drop(max(start, end))
        if self.open:
            last = self.open[-1]
            raise last.complain(f"<{last.tag}> is never closed; write </{last.tag}>.")

    def _next(self, limit: int) -> tuple[int, list[Span | Pause], int] | None:
        """The first markup that begins before buffer[limit]: where the text it covers starts, its pieces, its end."""
        for special in _SPECIAL.finditer(self.source.buffer, 0, limit):
            found = self._markup(special.start())
            if found:
                return found
        return None

    def _span(self, text: str, start: int) -> Span:
        return Span(text, self.source.position + start, self.language, rate=self.rate)

    def _markup(self, at: int) -> tuple[int, list[Span | Pause], int] | None:
        buffer = self.source.buffer
        char = buffer[at]
        if char == "\\":
            if at + 1 == len(buffer) or buffer[at + 1] not in "<>[]\\":
                return None
            return at, [self._span(buffer[at + 1], at + 1)], at + 2
        if char == "&":
            entity = _ENTITY.match(buffer, at) if any(o.tag == "speak" for o in self.open) else None
            return (at, [self._span(_ENTITIES[entity[1]], at)], entity.end()) if entity else None
        if char == "[":
            return self._pause(at)
        tag = _TAG.match(buffer, at)
        if tag and self._is_tag(tag):
            return self._tag(tag)
        return self._pronunciation(at)

    def _pause(self, at: int) -> tuple[int, list[Span | Pause], int] | None:
        match = _PAUSE.match(self.source.buffer, at)
        if not match:
            return None
        if not match[2]:
            raise self.source.error(at, "The pause is not closed; write it like [pause:0.5].")
        try:
            seconds = tags.duration(match[1])
        except TextError as error:
            raise self.source.error(at, str(error)) from None
        return at, [Pause(seconds, self.source.position + at)], match.end()

    def _pronunciation(self, at: int) -> tuple[int, list[Span | Pause], int] | None:
        buffer = self.source.buffer
        match = _NOTATION.match(buffer, at)
        if not match or not at:
            return None
        notation, last = match[1].strip(), script(buffer[at - 1])
        if last == HAN and TONED.fullmatch(notation):
            start = at - len(notation.split())
            if start < 0 or any(script(c) != HAN for c in buffer[start:at]):
                count = len(notation.split())
                raise self.source.error(at, f"{count} syllables stand after fewer characters; write one each.")
        elif _has_shape(notation, last):
            start = _word_start(buffer, at, last, notation)
        else:
            return None
        if start == at:
            return None
        span = replace(
            self._span(buffer[start:at], start),
            pronunciation=" ".join(notation.split()),
            complain=self.source.complaint(at),
        )
        return start, [span], match.end()

    def _is_tag(self, tag: re.Match[str]) -> bool:
        closing, name, rest = tag[1], tag[2], tag[3]
        if name == "sub":
            return not closing and "alias" in rest
        if name in ("p", "s"):
            return any(o.tag == "speak" for o in self.open)
        return True

    def _tag(self, tag: re.Match[str]) -> tuple[int, list[Span | Pause], int]:
        at, name = tag.start(), tag[2]
        if not tag[4]:
            raise self.source.error(at, f"The tag <{name} is not closed with >.")
        if tag[1]:
            return at, self._close(name, at), tag.end()
        try:
            return self._element(tag, tags.attributes(tag[3]))
        except TextError as error:
            raise self.source.error(at, str(error)) from None

    def _element(self, tag: re.Match[str], attributes: dict[str, str]) -> tuple[int, list[Span | Pause], int]:
        """TextErrors raised here are given their place by the caller."""
        at, name = tag.start(), tag[2]
        if name == "break":
            if not tag[3].rstrip().endswith("/"):
                raise TextError('A break has no content; write it like <break time="500ms"/>.')
            return at, [Pause(tags.break_seconds(attributes), self.source.position + at)], tag.end()
        if name in ("say-as", "phoneme", "sub"):
            return self._whole(tag, attributes)
        self.open.append(_Open(name, self.source.complaint(at), self.language, self.rate))
        if name == "lang":
            self.language = tags.language(attributes)
        elif name == "prosody":
            self.rate *= tags.rate(attributes)
        return at, self._border(name, at), tag.end()

    def _close(self, name: str, at: int) -> list[Span | Pause]:
        if not self.open or self.open[-1].tag != name:
            inner = f"; <{self.open[-1].tag}> is open" if self.open else ""
            raise self.source.error(at, f"</{name}> closes nothing here{inner}.")
        closed = self.open.pop()
        self.language, self.rate = closed.language, closed.rate
        return self._border(name, at)

    def _border(self, name: str, at: int) -> list[Span | Pause]:
        return [self._span("\n", at)] if name in ("p", "s") else []

    def _whole(self, tag: re.Match[str], attributes: dict[str, str]) -> tuple[int, list[Span | Pause], int]:
        """An element whose content is one word or number: <say-as>, <phoneme>, <sub>."""
        at, name, buffer = tag.start(), tag[2], self.source.buffer
        closing = buffer.find(f"</{name}>", tag.end(), tag.end() + _REACH)
        content = buffer[tag.end() : closing] if closing >= 0 else ""
        if closing < 0 or "<" in content or not content.strip():
            raise TextError(f"<{name}> needs a plain word and </{name}> close behind it.")
        span = replace(self._span(content, tag.end()), complain=self.source.complaint(at))
        if name == "sub":
            span = replace(span, alias=attributes["alias"].strip() or content)
        elif name == "phoneme":
            if not attributes.get("ph", "").strip():
                raise TextError('Say how it sounds: <phoneme ph="hang2">行</phoneme>.')
            span = replace(span, pronunciation=" ".join(attributes["ph"].split()))
        else:
            span = replace(span, say_as=tags.way_of_saying(attributes))
        return at, [span], closing + len(name) + 3


def _has_shape(notation: str, last: str) -> bool:
    """Is it kana, jamo or ARPAbet fit to follow a word that ends in the script `last`?"""
    if KANA.fullmatch(notation):
        return last != HANGUL
    if JAMO.fullmatch(notation):
        return True
    if last != LATIN or not ARPA.fullmatch(notation):
        return False
    parts = notation.split()
    return len(parts) > 1 or (parts[0][:-1] in ARPA_VOWELS and parts[0][-1].isdigit())


def _word_start(buffer: str, at: int, last: str, notation: str) -> int:
    """Where the word before buffer[at] starts, whose last character is of the script `last`."""
    word = _WORDS[last].search(buffer, max(0, at - _WORD), at) if last in _WORDS else None
    if not word:
        return at
    if last == KANA_SCRIPT and word[0] != notation and notation.endswith(word[0]):
        # Okurigana: 食べる<たべる> is the whole verb, but the は of 私は<わ> stands alone.
        stem = _WORDS[HAN].search(buffer, max(0, word.start() - _WORD), word.start())
        return stem.start() if stem else word.start()
    return word.start()
