"""The rows of the files, and reading them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sovits_tts.errors import TextError
from sovits_tts.text.frontend import read
from sovits_tts.text.languages import plugin
from sovits_tts.text.symbols import PUNCTUATION
from sovits_tts.text.zh.language import Mandarin

HERE = Path(__file__).parent
_SILENT = frozenset((*PUNCTUATION, "[", "]", "_", "UNK", "空", "停"))
_PIECE = re.compile(r"\[(zh|en|ja|ko|yue)\]([^\[]*)")


@dataclass(frozen=True)
class Case:
    """file: its name without the suffix, such as zh_polyphones; readings: as they are written there."""

    file: str
    text: str
    readings: tuple[str, ...]

    @property
    def language(self) -> str:
        return self.file.partition("_")[0]


@dataclass(frozen=True)
class Outcome:
    """heard: how we read it, in words where there are any; phonemes: ours, and those of the first reading."""

    case: Case
    right: bool
    heard: str
    phonemes: str
    wanted: str


def load() -> list[Case]:
    cases = []
    for path in sorted(HERE.glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                text, readings = line.split("\t")
                marked = path.stem in _MARKED
                cases.append(Case(path.stem, text, (readings,) if marked else tuple(readings.split("|"))))
    return cases


def check(case: Case) -> Outcome:
    """Raises MissingDependency where the language is not installed."""
    if case.file in _MARKED:
        heard = _MARKED[case.file](case.text)
        return Outcome(case, heard == case.readings[0], heard, heard, case.readings[0])
    wanted = [_reading(case.language, reading) for reading in case.readings]
    try:
        sentence = read(case.text, "auto" if case.language == "mixed" else case.language)
    except TextError as error:
        return Outcome(case, False, f"error: {error}", "", " ".join(wanted[0]))
    runs = [run for run in sentence.runs if case.language in (run.language, "mixed")]
    said = _sounds(tuple(p for run in runs for p in run.phonemes))
    words = "".join(f"[{run.language}]{run.text}" for run in sentence.runs)
    return Outcome(case, said in wanted, words, " ".join(said), " ".join(wanted[0]))


def _reading(language: str, reading: str) -> tuple[str, ...]:
    """The sounds of plain words."""
    if language == "mixed":
        return tuple(p for code, words in _PIECE.findall(reading) for p in _reading(code, words))
    reader = plugin(language)
    return _sounds(reader.phonemize(reading if language == "en" else reader.normalize(reading).text).phonemes)


def _sounds(phonemes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(p for p in phonemes if p not in _SILENT)


def _characters(marked: str) -> str:
    """Pinyin of the characters between asterisks, before the tone rules."""
    pieces = marked.split("*")
    spoken = Mandarin().syllables("".join(pieces))
    found: list[str] = []
    at = 0
    for index, piece in enumerate(pieces):
        found += spoken[at : at + len(piece)] if index % 2 else []
        at += len(piece)
    return " ".join(found)


def _word(marked: str) -> str:
    """ARPAbet of the word between asterisks: what a stand-in takes the place of."""
    start, end = marked.index("*"), marked.rindex("*") - 1
    text, reader = marked.replace("*", ""), plugin("en")
    around = reader.phonemize(text, overrides={start: (end, "SP")}).phonemes
    at = around.index("SP")
    whole = reader.phonemize(text).phonemes
    return " ".join(whole[at : at + 1 + len(whole) - len(around)])


_MARKED = {"zh_polyphones": _characters, "en_heteronyms": _word}
