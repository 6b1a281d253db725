"""One run of one language: its parts, some with a pronunciation settled by the user, to phonemes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from sovits_tts.errors import TextError
from sovits_tts.text.base import Language, Reading, TextWarning
from sovits_tts.text.languages import LANGUAGES, plugin
from sovits_tts.text.lexicon import Lexicon
from sovits_tts.text.pronounce import pronounce
from sovits_tts.text.sayas import say
from sovits_tts.text.symbols import PUNCTUATION, to_ids
from sovits_tts.text.symbols import symbols as symbol_table

_ALIGNED = frozenset(("zh", "yue"))  # languages whose plug-ins count phonemes per character


@dataclass(frozen=True)
class Run:
    """A stretch of one language.

    text:     normalised, as it is spoken
    phonemes: symbols of the table; ids: their numbers
    per_char: phonemes of each character of `text`, where the language aligns them (BERT needs it), else None
    warnings: what could not be read; `position` counts characters of the source text
    """

    language: str
    text: str
    phonemes: tuple[str, ...]
    ids: tuple[int, ...]
    per_char: tuple[int, ...] | None
    warnings: tuple[TextWarning, ...] = ()

    def with_leading(self, mark: str, symbols: str, in_text: bool = True) -> Run:
        """This run with a punctuation mark spoken before it."""
        return replace(
            self,
            text=mark + self.text if in_text else self.text,
            phonemes=(mark, *self.phonemes),
            ids=(*to_ids([mark], symbols), *self.ids),
            per_char=None if self.per_char is None else (1, *self.per_char),
        )

    def with_trailing(self, mark: str, symbols: str) -> Run:
        """This run with a punctuation mark spoken after it."""
        return replace(
            self,
            text=self.text + mark,
            phonemes=(*self.phonemes, mark),
            ids=(*self.ids, *to_ids([mark], symbols)),
            per_char=None if self.per_char is None else (*self.per_char, 1),
        )


@dataclass(frozen=True)
class Part:
    """A piece of a run as the user wrote it. `position`: of its first character in the source."""

    text: str
    position: int
    pronunciation: str | None = None
    say_as: str | None = None
    complain: Callable[[str], TextError] | None = None


@dataclass(frozen=True)
class _Piece:
    """Normalised text, and its phonemes where the user settled them."""

    text: str
    phonemes: tuple[str, ...] = ()
    notation: str = ""

    @property
    def per_char(self) -> tuple[int, ...]:
        """The phonemes shared out evenly."""
        share, rest = divmod(len(self.phonemes), len(self.text))
        return tuple(share + (i < rest) for i in range(len(self.text)))


def read_run(
    language: str, parts: Sequence[Part], symbols: str, lexicon: Lexicon | None, reader: Language | None = None
) -> tuple[Run | None, list[TextWarning]]:
    """The run, or None when nothing in it can be spoken, and what could not be read. `reader`: the plug-in to use."""
    _require(language, symbols)
    reader = reader or plugin(language)
    warnings: list[TextWarning] = []
    pieces: list[_Piece] = []
    for part in _joined(_settled(language, parts, lexicon)):
        if part.pronunciation:
            pieces.append(_Piece(part.text, _pronounced(language, part, symbols), part.pronunciation))
            continue
        normalized = reader.normalize(part.text)
        warnings += (_placed(w, part, w.position) for w in normalized.warnings)
        if normalized.text.strip():
            pieces.append(_Piece(normalized.text))
    try:
        reading = _read(reader, pieces, symbols)
    except TextError as error:
        return None, warnings or [TextWarning(error.message, parts[0].position, parts[0].text)]
    known = {w.span for w in warnings}
    whole = Part("".join(p.text for p in parts), parts[0].position)
    for warning in reading.warnings:
        if warning.span not in known:
            warnings.append(_placed(warning, whole, max(whole.text.find(warning.span), 0)))
    if not reading.phonemes:
        return None, warnings
    ids = tuple(to_ids(reading.phonemes, symbols))
    return Run(language, reading.text, reading.phonemes, ids, reading.per_char, tuple(warnings)), []


def _require(language: str, symbols: str) -> None:
    """v1 was trained on three languages; its table has no symbols for the others."""
    lacking = {"ko": "ㅏ", "yue": "Yaa1"}.get(language)
    if lacking and lacking not in symbol_table(symbols):
        raise TextError(f"The {symbols} phoneme table has no {LANGUAGES[language]}.", hint="Use a newer model.")


def _settled(language: str, parts: Iterable[Part], lexicon: Lexicon | None) -> Iterable[Part]:
    """Parts with <say-as> carried out and the lexicon's words marked."""
    for part in parts:
        if part.say_as:
            yield from _said(language, part)
            continue
        at = 0
        for match in lexicon.matches(language, part.text) if lexicon and not part.pronunciation else ():
            if match.start > at:
                yield replace(part, text=part.text[at : match.start], position=part.position + at)
            word = part.text[match.start : match.end]
            yield Part(word, part.position + match.start, match.pronunciation)
            at = match.end
        if at < len(part.text):
            yield replace(part, text=part.text[at:], position=part.position + at)


def _said(language: str, part: Part) -> Iterable[Part]:
    assert part.say_as
    try:
        return [Part(text, part.position, sound) for text, sound in say(part.say_as, part.text, language)]
    except TextError as error:
        raise (part.complain(str(error)) if part.complain else error) from None


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Neighbours that the plug-in reads are read together, so that each sees its context."""
    joined: list[Part] = []
    for part in parts:
        if joined and not part.pronunciation and not joined[-1].pronunciation:
            joined[-1] = replace(joined[-1], text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return joined


def _pronounced(language: str, part: Part, symbols: str) -> tuple[str, ...]:
    assert part.pronunciation
    try:
        return pronounce(language, part.pronunciation, symbols)
    except TextError as error:
        raise (part.complain(str(error)) if part.complain else error) from None


def _placed(warning: TextWarning, part: Part, offset: int) -> TextWarning:
    return replace(warning, position=part.position + min(offset, len(part.text)))


def _read(reader: Language, pieces: Sequence[_Piece], symbols: str) -> Reading:
    """The pieces read by the plug-in, those with a pronunciation put in their place."""
    whole = "".join(piece.text for piece in pieces)
    if not any(piece.notation for piece in pieces):
        return _spoken(reader, whole, symbols)
    if reader.code == "zh" and all(not p.notation or len(p.notation.split()) == len(p.text) for p in pieces):
        return _mandarin(reader, whole, pieces, symbols)
    if reader.code in _ALIGNED and not all(piece.notation for piece in pieces):
        reading = _spoken(reader, whole, symbols)
        if reading.text == whole and reading.per_char:
            return _replaced(reading, reading.per_char, pieces)
    return _one_by_one(reader, pieces, symbols)


def _mandarin(reader: Language, whole: str, pieces: Sequence[_Piece], symbols: str) -> Reading:
    """The plug-in itself puts pinyin in, so that the tones around it change as they should."""
    from sovits_tts.text.zh.language import Mandarin

    assert isinstance(reader, Mandarin)
    ends = [0, *accumulate(len(piece.text) for piece in pieces)]
    overrides = {
        start: (end, piece.notation)
        for piece, (start, end) in zip(pieces, pairwise(ends), strict=True)
        if piece.notation
    }
    return reader.phonemize(whole, symbols, overrides=overrides)


def _replaced(reading: Reading, per_char: Sequence[int], pieces: Sequence[_Piece]) -> Reading:
    """`reading` with the phonemes of the pieces that have their own; its characters are those of all pieces."""
    starts = [0, *accumulate(per_char)]
    phonemes: list[str] = []
    counts: list[int] = []
    ends = [0, *accumulate(len(piece.text) for piece in pieces)]
    for piece, (first, last) in zip(pieces, pairwise(ends), strict=True):
        phonemes += piece.phonemes or reading.phonemes[starts[first] : starts[last]]
        counts += piece.per_char if piece.phonemes else per_char[first:last]
    return replace(reading, phonemes=tuple(phonemes), per_char=tuple(counts))


def _one_by_one(reader: Language, pieces: Sequence[_Piece], symbols: str) -> Reading:
    """For plug-ins that do not align, and for words in a script that is not the plug-in's."""
    text = ""
    phonemes: list[str] = []
    per_char: list[int] = []
    warnings: list[TextWarning] = []
    for piece in pieces:
        read = Reading(piece.text, piece.phonemes, piece.per_char)
        if not piece.phonemes:
            read = _spoken(reader, piece.text, symbols)
        spaced = reader.code == "en" and text[-1:].isalnum() and read.text[:1].isalnum()
        text += (" " if spaced else "") + read.text
        phonemes += read.phonemes
        per_char += read.per_char or ()
        warnings += read.warnings
    counts = tuple(per_char) if reader.code in _ALIGNED else None
    return Reading(text, tuple(phonemes), counts, tuple(warnings))


def _spoken(reader: Language, text: str, symbols: str) -> Reading:
    """The plug-in's reading; punctuation alone needs no plug-in."""
    if any(char.isalnum() for char in text):
        return reader.phonemize(text, symbols)
    marks = "".join(char for char in text if char in PUNCTUATION)
    return Reading(marks, tuple(marks), tuple(1 for _ in marks) if reader.code in _ALIGNED else None)
