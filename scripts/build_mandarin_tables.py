"""Rebuild the Mandarin tables under sovits_tts/text/data from their public sources.

    python scripts/build_mandarin_tables.py --cedict cedict_ts.u8

Needs jieba, pypinyin and OpenCC installed, and CC-CEDICT as a text file (https://www.mdbg.net/chinese/dictionary?page=cc-cedict).
What people correct by hand is not here but in zh_corrections.txt, which is read on top of these tables.
"""

from __future__ import annotations

import argparse
import gzip
import math
import re
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import jieba
import opencc
from pypinyin.phrases_dict import phrases_dict
from pypinyin.pinyin_dict import pinyin_dict

from sovits_tts.text.zh.hanzi import is_hanzi
from sovits_tts.text.zh.phonemes import initial_final, plain_pinyin

DATA = Path(str(files("sovits_tts.text"))) / "data"
CEDICT_LINE = re.compile(r"\S+ (\S+) \[([^\]]+)\] /(.*)/")
# Entries that only point elsewhere, or read the word as nobody does today.
MINOR = re.compile(r"^(old |archaic |erroneous |Japanese |\(archaic\)|\(old\)|\(dialect\)|variant of|see |used in )")
RARE_WORD = 5  # jieba's counts below this are mostly names; they stay only where they settle a reading
KEPT = "乾"  # simplified in 乾燥 but not in 乾隆; the normaliser tells them apart
ADDED_WORD = 3  # the count given to dictionary words that jieba lacks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cedict", type=Path, required=True, help="CC-CEDICT as text (.u8)")
    args = parser.parse_args()
    chars = char_readings()
    cedict = read_cedict(args.cedict)
    words = word_readings(cedict, chars)
    write_words(jieba_words(), words, chars)
    write_chars(chars)
    write_simplified()


def char_readings() -> dict[str, list[str]]:
    """All readings of each hanzi, the usual one first."""
    readings = {}
    for code, marked in pinyin_dict.items():
        if is_hanzi(chr(code)):
            readings[chr(code)] = list(dict.fromkeys(plain_pinyin(p) for p in marked.split(",")))
    return readings


def read_cedict(path: Path) -> dict[str, list[str]]:
    """Simplified word -> its readings, ordinary ones before names and minor ones."""
    ranked: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        match = CEDICT_LINE.match(line)
        if not match or not all(map(is_hanzi, match[1])):
            continue
        pinyin = re.sub(r"\br5\b", "er5", match[2]).split()
        if len(pinyin) == len(match[1]) and "xx5" not in pinyin:
            rank = 2 if MINOR.match(match[3]) else int(pinyin[0][0].isupper())
            ranked[match[1]].append((rank, " ".join(plain_pinyin(p) for p in pinyin)))
    best = {}
    for word, entries in ranked.items():
        top = min(rank for rank, _ in entries)
        best[word] = list(dict.fromkeys(p for rank, p in entries if rank == top))
    return best


def citation(word: str, pinyin: list[str]) -> str:
    """Undo the tone changes of 一 and 不 that phrase tables write; the tone rules make them again."""
    plain = (
        {"一": "yi1", "不": "bu4"}.get(c, p) if not p.endswith("5") else p for c, p in zip(word, pinyin, strict=True)
    )
    return " ".join(plain)


def word_readings(cedict: dict[str, list[str]], chars: dict[str, list[str]]) -> dict[str, str]:
    """The reading of each dictionary word. Where CC-CEDICT has several, the phrase table chooses."""
    words = {}
    for word, marked in phrases_dict.items():
        if len(word) > 1 and all(map(is_hanzi, word)) and len(marked) == len(word):
            words[word] = citation(word, [plain_pinyin(p[0]) for p in marked])
    for word, readings in cedict.items():
        if len(word) == 1:
            continue
        readings = [citation(word, r.split()) for r in readings]
        if len(readings) > 1 and word in words:
            readings.sort(key=lambda r: -agreement(r, words[word]))
        words[word] = readings[0]
    for reading in words.values():
        for syllable in reading.split():
            initial_final(syllable)  # raises on what the phoneme tables cannot say
    return words


def agreement(reading: str, other: str) -> float:
    """Syllables two readings share; a neutral tone in the first counts a little more than the full tone."""
    pairs = list(zip(reading.split(), other.split(), strict=True))
    return sum(a[:-1] == b[:-1] and (a[-1] in "5" or a[-1] == b[-1]) for a, b in pairs) + 0.1 * reading.count("5")


def jieba_words() -> dict[str, tuple[int, str]]:
    with jieba.get_dict_file() as lines:
        rows = (line.decode("utf-8").split() for line in lines)
        return {word: (int(count), tag) for word, count, tag in rows if all(map(is_hanzi, word))}


def write_words(counted: dict[str, tuple[int, str]], readings: dict[str, str], chars: dict[str, list[str]]) -> None:
    """zh_words.gz: four lines of equal length: words, log10 counts, parts of speech, readings.

    A reading is "" where each character has its usual one, "?" where the word is not in a dictionary and holds a
    character of several readings.
    """

    def usual(word: str) -> str:
        return " ".join(chars.get(c, ["?"])[0] for c in word)

    def open_chars(word: str) -> bool:
        return any(len(chars.get(c, ())) > 1 for c in word)

    def note(word: str) -> str:
        if word in readings:
            return "" if readings[word] == usual(word) else readings[word]
        return "?" if len(word) > 1 and open_chars(word) else ""

    rows = []
    for word in sorted(counted.keys() | readings.keys()):
        count, tag = counted.get(word, (0, "l" if len(word) > 3 else "n"))
        reading = note(word)
        settles = reading not in ("", "?") or (word in readings and open_chars(word))
        if count >= RARE_WORD or len(word) == 1 or settles:
            rows.append((word, f"{math.log10(max(count, ADDED_WORD)):.2f}", tag, reading))
    columns = zip(*rows, strict=True)
    save("zh_words.gz", "\n".join("\t".join(column) for column in columns))
    print(f"{len(rows)} words, {sum(r[3] == '?' for r in rows)} without a reading of their own")


def write_chars(chars: dict[str, list[str]]) -> None:
    """zh_chars.gz: one hanzi a line with its readings, the usual one first."""
    save("zh_chars.gz", "\n".join(f"{c}\t{' '.join(r)}" for c, r in sorted(chars.items())))
    print(f"{len(chars)} characters")


def write_simplified() -> None:
    """zh_simplified.txt: two lines, traditional characters and their simplified forms."""
    converter = opencc.OpenCC("t2s")
    ranges = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x2FA20))
    pairs = [(chr(k), converter.convert(chr(k))) for low, high in ranges for k in range(low, high)]
    changed = [(t, s) for t, s in pairs if s != t and len(s) == 1 and t not in KEPT]
    text = "".join(t for t, _ in changed) + "\n" + "".join(s for _, s in changed) + "\n"
    (DATA / "zh_simplified.txt").write_text(text, encoding="utf-8")
    print(f"{len(changed)} traditional characters")


def save(name: str, text: str) -> None:
    with open(DATA / name, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(text.encode("utf-8"))


if __name__ == "__main__":
    main()
