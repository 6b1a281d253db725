"""Text -> phonemes: the one entry to everything in this folder.

    sentence = read("他买了3台iPhone 15 Pro。")         one sentence
    for sentence in sentences(book): ...                a text of any length, cut into sentences

Both understand inline markup (`markup.py`), mixed languages (`segment.py`) and a lexicon (`lexicon.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sovits_tts.errors import TextError
from sovits_tts.text import chunk as chunking
from sovits_tts.text.base import Language, TextWarning
from sovits_tts.text.chunk import Chunk
from sovits_tts.text.lexicon import Lexicon
from sovits_tts.text.markup import Pause, Span, parse
from sovits_tts.text.official_cut import official_chunks
from sovits_tts.text.pronounce import ARPA, JAMO, KANA, TONED
from sovits_tts.text.reading import Part, Run, read_run
from sovits_tts.text.segment import evidence, resolve_mode, segment
from sovits_tts.text.symbols import symbol_ids
from sovits_tts.text.written import written

__all__ = ["Lexicon", "Pause", "Run", "Sentence", "describe", "read", "sentences"]

_FEW_PHONEMES = 6  # fewer make the GPT stage unsure; a full stop before them helps
_FEW_IN_ENGLISH = 4
_HEAD = 2000  # characters looked at beforehand to tell a Chinese text from a Japanese one


@dataclass(frozen=True)
class Sentence:
    """One sentence to speak.

    text:        as written, without the markup
    runs:        one per language change; none: the sentence is only a pause
    pause_after: seconds of silence that the markup asks for; None: as the caller likes
    rate:        speed against the usual one
    source:      with the markup: reading it again gives the same
    """

    text: str
    runs: tuple[Run, ...]
    pause_after: float | None = None
    rate: float = 1.0
    source: str = ""

    @property
    def phonemes(self) -> tuple[str, ...]:
        return tuple(p for run in self.runs for p in run.phonemes)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(i for run in self.runs for i in run.ids)

    @property
    def n_phonemes(self) -> int:
        return sum(len(run.phonemes) for run in self.runs)

    @property
    def warnings(self) -> tuple[TextWarning, ...]:
        return tuple(w for run in self.runs for w in run.warnings)


def read(
    text: str,
    language: str = "auto",
    symbols: str = "v2",
    lexicon: Lexicon | None = None,
    *,
    exact: bool = False,
    polyphones: str = "table",
) -> Sentence:
    """`text` as one sentence, however long; a pause can only stand at its end.

    language: a mode of `segment.py` or an official one ("all_zh", ...)
    symbols:  the phoneme table, "v1" or "v2"
    exact:    the short-text rules of upstream to the letter, with the comma (an audible pause) before short English
    polyphones: who reads Chinese characters of several readings: "table", or "g2pw", an optional model (`zh/g2pw.py`)
    Raises TextError for malformed markup and when nothing can be spoken; ConfigError and MissingDependency for g2pw
    that is not installed.
    """
    reader = _Reader(language, symbols, lexicon, exact, polyphones)
    found = list(chunking.join_pauses(chunking.at_pauses(parse(text))))
    if len(found) > 1:
        raise TextError("This text has a pause or a change of speed inside.", hint="Read it with sentences().")
    if not found or not found[0].spans:
        raise _nothing(text)
    return reader.sentence(found[0])


def sentences(
    text: str | Iterable[str],
    language: str = "auto",
    symbols: str = "v2",
    cut: str = "auto",
    lexicon: Lexicon | None = None,
    *,
    exact: bool = False,
    polyphones: str = "table",
) -> Iterator[Sentence]:
    """The sentences of `text`, which may also be a stream of parts of one; with cut="auto" in constant memory.

    cut: "auto" (ours, see `chunk.py`) or "cut0" to "cut5" (upstream's, see `presplit.py`)
    The others are those of `read`. Raises TextError at the first mistake, after the sentences before it.
    """
    reader = _Reader(language, symbols, lexicon, exact, polyphones)
    head, text = _head(text)
    reader.prior = _clamp(evidence(head))
    chunks = chunking.chunks(parse(text)) if cut == "auto" else official_chunks(parse(text), cut, language == "en")
    spoken = False
    for chunk in chunks:
        if not chunk.spans:
            yield Sentence("", (), chunk.pause)
            continue
        try:
            yield reader.sentence(chunk)
            spoken = True
        except _Unspeakable:
            if chunk.pause is not None:
                yield Sentence("", (), chunk.pause)
    if not spoken:
        raise _nothing(head)


def describe(read_sentences: Iterable[Sentence]) -> dict[str, Any]:
    """What `phonemize --json` prints."""
    segments: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    pauses: list[dict[str, Any]] = []
    for sentence in read_sentences:
        for run in sentence.runs:
            segments.append(
                {
                    "language": run.language,
                    "text": run.text,
                    "phonemes": list(run.phonemes),
                    "ids": list(run.ids),
                    "per_char": None if run.per_char is None else list(run.per_char),
                }
            )
            warnings += ({"message": w.message, "position": w.position, "span": w.span} for w in run.warnings)
        if sentence.pause_after is not None:
            pauses.append({"after_segment": len(segments), "seconds": sentence.pause_after})
    return {"segments": segments, "warnings": warnings, "pauses": pauses}


class _Unspeakable(TextError):
    """Nothing in a sentence can be spoken."""


class _Reader:
    """What one call was asked for, and what the text so far says about its Han characters."""

    def __init__(
        self, language: str, symbols: str, lexicon: Lexicon | None, exact: bool, polyphones: str = "table"
    ) -> None:
        self.mode = resolve_mode(language)
        symbol_ids(symbols)  # raises for a table that there is not
        self.symbols = symbols
        self.lexicon = lexicon
        self.exact = exact
        self.readers: dict[str, Language] = {}
        if polyphones != "table":
            from sovits_tts.text.zh.g2pw import chooser
            from sovits_tts.text.zh.language import Mandarin

            self.readers["zh"] = Mandarin(chooser(polyphones))
        self.prior = 0.0

    def sentence(self, chunk: Chunk) -> Sentence:
        """Raises _Unspeakable."""
        runs = self._runs(chunk.spans)
        if not runs:
            raise _Unspeakable(*_nothing(chunk.text).args)
        self.prior = _clamp(0.9 * self.prior + evidence(chunk.text))
        runs = self._lengthened(runs)
        return Sentence(chunk.text.strip(), tuple(runs), chunk.pause, chunk.spans[0].rate, written(chunk.spans))

    def _runs(self, spans: tuple[Span, ...]) -> list[Run]:
        flat = "".join(span.alias or span.text for span in spans)
        runs: list[Run] = []
        lost: list[TextWarning] = []
        for part in segment(flat, self.mode, prior=self.prior, forced=self._forced(spans)):
            parts = _parts(spans, part.text, part.start)
            run, warnings = read_run(part.language, parts, self.symbols, self.lexicon, self.readers.get(part.language))
            lost += warnings
            if run is None:
                continue
            runs.append(replace(run, warnings=(*lost, *run.warnings)))
            lost = []
        if runs and lost:
            runs[-1] = replace(runs[-1], warnings=(*runs[-1].warnings, *lost))
        return runs if any(p.isalnum() for run in runs for p in run.phonemes) else []

    def _forced(self, spans: tuple[Span, ...]) -> list[tuple[int, int, str]]:
        """Stretches whose language is settled, and those ("") that must not be split."""
        forced: list[tuple[int, int, str]] = []
        at = 0
        for span in spans:
            end = at + len(span.alias or span.text)
            language = span.language or (self._notation_language(span.pronunciation) if span.pronunciation else "")
            if language or span.say_as:
                forced.append((at, end, language))
            at = end
        return forced

    def _notation_language(self, notation: str) -> str:
        if ARPA.fullmatch(notation):
            return "en"
        if KANA.fullmatch(notation):
            return "ja"
        if TONED.fullmatch(notation):
            return "yue" if "yue" in self.mode else "zh"
        return "ko" if JAMO.fullmatch(notation) else ""

    def _lengthened(self, runs: list[Run]) -> list[Run]:
        """Short texts, and Korean without a mark at its end, as the models were used to them."""
        if runs[-1].language == "ko" and runs[-1].phonemes[-1].isalpha():
            runs = [*runs[:-1], runs[-1].with_trailing(".", self.symbols)]
        done = self._commas(runs)
        if sum(len(run.phonemes) for run in done) >= _FEW_PHONEMES or done[0].phonemes[0] == ".":
            return done
        return self._commas([runs[0].with_leading(".", self.symbols), *runs[1:]])

    def _commas(self, runs: list[Run]) -> list[Run]:
        """Upstream speaks a comma, an audible pause, before short English: before the T of T恤."""
        return [_with_comma(run, self.symbols) for run in runs] if self.exact else runs


def _with_comma(run: Run, symbols: str) -> Run:
    short = run.language == "en" and len(run.phonemes) < _FEW_IN_ENGLISH
    return run.with_leading(",", symbols, in_text=False) if short else run


def _parts(spans: tuple[Span, ...], text: str, start: int) -> list[Part]:
    """The spans under flat[start : start + len(text)], with `text` for what stands there."""
    parts: list[Part] = []
    at = 0
    for span in spans:
        length = len(span.alias or span.text)
        a, b = max(start - at, 0), min(start + len(text) - at, length)
        if a < b:
            written = text[at + a - start : at + b - start]
            position = span.position + (0 if span.alias else a)
            parts.append(Part(written, position, span.pronunciation, span.say_as, span.complain))
        at += length
    return parts


def _head(text: str | Iterable[str]) -> tuple[str, str | Iterable[str]]:
    """The first characters, and the text with them still in it."""
    if isinstance(text, str):
        return text[:_HEAD], text
    parts, taken = iter(text), [""]
    while sum(map(len, taken)) < _HEAD and (part := next(parts, None)) is not None:
        taken.append(part)
    return "".join(taken)[:_HEAD], chain(taken, parts)


def _clamp(score: float) -> float:
    return max(-20.0, min(20.0, score))


def _nothing(text: str) -> TextError:
    return TextError("There is nothing to speak in {text!r}.", hint="Give at least one word.", text=text[:40])
