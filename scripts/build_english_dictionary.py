"""Build sovits_tts/text/data/en_dictionary.gz from the CMU dictionary of the npm package cmu-pronouncing-dictionary.

    npm pack cmu-pronouncing-dictionary && tar xzf cmu-pronouncing-dictionary-*.tgz
    python scripts/build_english_dictionary.py package/index.js

Each phoneme becomes one character, so a word costs a few bytes. First line: the phonemes, in the order of those
characters (from "0" on); then one line per word: word, tab, characters. Only the first pronunciation is kept.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

OUT = Path(__file__).parents[1] / "sovits_tts" / "text" / "data" / "en_dictionary.gz"
ENTRY = re.compile(r'^  "?([^"]+?)"?: "([A-Z0-9 ]+)",?$')


def read(path: Path) -> dict[str, list[str]]:
    """Word -> phonemes, first pronunciation."""
    words: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = ENTRY.match(line)
        if match and not match[1].endswith(")"):
            words.setdefault(match[1].lower(), match[2].split())
    return words


def main() -> None:
    words = read(Path(sys.argv[1]))
    phonemes = sorted({p for phones in words.values() for p in phones})
    code = {p: chr(ord("0") + i) for i, p in enumerate(phonemes)}
    lines = [" ".join(phonemes)]
    lines += [f"{word}\t{''.join(code[p] for p in words[word])}" for word in sorted(words)]
    OUT.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
    sys.stdout.write(f"{len(words)} words, {len(phonemes)} phonemes, {OUT.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
