"""Word boundaries and parts of speech: the most probable way through the dictionary, as jieba does it."""

from __future__ import annotations

from dataclasses import dataclass

from sovits_tts.text.zh.lexicon import LONGEST_WORD, Lexicon, lexicon

_LOG10_CORPUS = 7.78  # jieba's dictionary counts 60 million words


@dataclass(frozen=True)
class Word:
    """A word of the stretch: where it starts, its part of speech in jieba's letters ("n", "v", ...; "x" unknown)."""

    text: str
    start: int
    tag: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def words(text: str) -> list[Word]:
    """Words of a stretch of hanzi; joined they are `text`."""
    table = lexicon()
    best = _best_path(text, table)
    found, at = [], 0
    while at < len(text):
        word = text[at : best[at]]
        entry = table.entry(word)
        found.append(Word(word, at, entry.tag if entry else "x"))
        at = best[at]
    return found


def _best_path(text: str, table: Lexicon) -> list[int]:
    """For each position the end of the word that starts there on the most probable path to the end of the text."""
    size = len(text)
    score = [0.0] * (size + 1)
    best = list(range(1, size + 1))
    for start in range(size - 1, -1, -1):
        score[start] = -_LOG10_CORPUS + score[start + 1] + (table.weight(text[start]) or 0.0)
        for end in range(start + 2, min(size, start + LONGEST_WORD) + 1):
            weight = table.weight(text[start:end])
            if weight is not None and weight - _LOG10_CORPUS + score[end] > score[start]:
                score[start] = weight - _LOG10_CORPUS + score[end]
                best[start] = end
    return best
