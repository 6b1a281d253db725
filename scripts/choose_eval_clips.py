#!/usr/bin/env python3
"""Choose the clips that models are evaluated on, from the dev speakers of a corpus: the same ones every time.

    python scripts/choose_eval_clips.py --corpus CORPUS [--out configs/eval]

CORPUS holds manifest.csv and the recordings. Written are
  dev_sentences.jsonl       20 English and 20 Mandarin sentences
  dev_sentences_60.jsonl    60 of each, up to 16 s long: for figures to report
  dev_sentences_80.jsonl    80 others, as many Mandarin ones as are left: with the 120 there are 200, to count failures
  closed_set.jsonl          20 English phrases of 5 to 8 words, cut from dev recordings at pauses: 20-way recognition
  closed_set_written.jsonl  20 such sentences written for this project (SENTENCES below), so without recordings
Each row has another clip of its speaker as the reference. Paths are relative to CORPUS. No phrase of a closed set
occurs in a training transcript, and all of them have 8 to 10 syllables, so that counting does not help.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sovits_tts.audio import Audio
from sovits_tts.clip import best_windows
from sovits_tts.errors import ReferenceAudioError
from sovits_tts.evaluation.recognise import PocketSphinx, words

Row = dict[str, Any]
SEED = 2026
COUNT, MANY, FURTHER = 20, 60, 80
SECONDS = (3.0, 10.0)  # of a sentence and of a reference
LONGEST = 16.0  # of a sentence of the larger set: few English recordings are shorter than 10 s
PAUSE = 0.12  # seconds of silence at both ends of a cut phrase, of which EDGE are kept
EDGE = 0.08
WORDS, SYLLABLES = (5, 8), (8, 10)
VOWELS = re.compile(r"\b(AA|AE|AH|AO|AW|AY|EH|ER|EY|IH|IY|OW|OY|UH|UW)\b")
PLAIN_MANDARIN = re.compile(r"[\u4e00-\u9fff，、；。！？]{10,}")
SENTENCES = """\
The old baker sold warm bread at noon.
My sister painted the garden gate.
Seven gray horses crossed the river.
Please bring me another cup of tea.
Nobody noticed the broken window.
The doctor lives beside a chapel.
We watched the moon rise over the lake.
Her uncle repairs clocks and radios.
Put the heavy boxes under the stairs.
Fresh snow covered the village square.
They argued about the price of fish.
A yellow kite got stuck in the tree.
Jim forgot his umbrella again.
The train to the coast leaves at eleven.
Children laughed behind the wooden fence.
Could you lend me twenty dollars?
Strong coffee keeps the guards awake.
Nine pilots joined the evening class.
Their teacher drew a map on the board.
Rain washed the dust from every roof.
""".splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, default=Path("configs/eval"))
    args = parser.parse_args()
    with (args.corpus / "manifest.csv").open(encoding="utf-8", newline="") as file:
        clips: list[Row] = sorted(csv.DictReader(file), key=lambda row: row["path"])
    trained = " | ".join(" ".join(words(c["text"])) for c in clips if c["split"] == "train" and c["language"] == "en")
    dev = [c | {"seconds": float(c["seconds"])} for c in clips if c["split"] == "dev"]
    voices = [c for c in fitting(dev) if serves(args.corpus / c["path"])]
    english = [c for c in dev if c["language"] == "en"]
    mandarin = [c for c in dev if c["language"] == "zh" and PLAIN_MANDARIN.fullmatch(c["text"])]

    def rows_of(chosen: list[Row], first: int = 1) -> list[Row]:
        return [numbered(row(c, dev, voices, c["text"]), n) for n, c in enumerate(chosen, first)]

    few = [item for own in (english, mandarin) for item in rows_of(spread(fitting(own), COUNT))]
    all_en, all_zh = (spread(fitting(own, LONGEST), len(own)) for own in (english, mandarin))
    many = rows_of(all_en[:MANY]) + rows_of(all_zh[:MANY])
    left_zh = all_zh[MANY:]
    further = rows_of(all_en[MANY : MANY + FURTHER - len(left_zh)] + left_zh, MANY + 1)
    listener = PocketSphinx()
    phrases = list(cut_phrases(args.corpus, english, listener, trained))
    cut = [numbered(row(p, dev, voices, p["text"]), n) for n, p in enumerate(unlike(phrases, COUNT), 1)]
    written = []
    for n, (text, clip) in enumerate(zip(SENTENCES, spread(fitting(english), COUNT), strict=True), 1):
        check(text, listener, trained)
        written.append({k: v for k, v in numbered(row(clip, dev, voices, text), n).items() if k != "recording"})

    args.out.mkdir(parents=True, exist_ok=True)
    sets = {
        "dev_sentences": few, "dev_sentences_60": many, "dev_sentences_80": further, "closed_set": cut,
        "closed_set_written": written,
    }  # fmt: skip
    for name, rows in sets.items():
        lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in rows]
        (args.out / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{name}.jsonl: {len(rows)} rows, {len({item['speaker'] for item in rows})} speakers")


def numbered(item: Row, number: int) -> Row:
    return {"id": f"{item['language']}-{number:02d}"} | item


def fitting(clips: list[Row], longest: float = SECONDS[1]) -> list[Row]:
    return [c for c in clips if SECONDS[0] <= c["seconds"] <= longest]


def spread(clips: list[Row], count: int) -> list[Row]:
    """`count` clips, the speakers taking turns, each speaker's in a shuffled order."""
    by_speaker: dict[str, list[Row]] = defaultdict(list)
    for clip in clips:
        by_speaker[clip["speaker"]].append(clip)
    for speaker, own in by_speaker.items():
        random.Random(f"{SEED} {speaker}").shuffle(own)
    turns = [own[turn] for turn in range(len(clips)) for _, own in sorted(by_speaker.items()) if turn < len(own)]
    return turns[:count]


def serves(path: Path) -> bool:
    """Whether a voice can be made of a clip: some hold hardly any speech."""
    try:
        return bool(best_windows(Audio.load(path)))
    except ReferenceAudioError:
        return False


def row(clip: Row, dev: list[Row], voices: list[Row], text: str) -> Row:
    """A row of an evaluation set: what to say, and another clip of the speaker to say it like."""
    others = [c for c in fitting(dev) if c["speaker"] == clip["speaker"] and c["path"] != clip["path"]]
    if not any(c in voices for c in others):
        raise SystemExit(f"No other clip of {clip['speaker']} can serve as a voice.")
    draw = random.Random(f"{SEED} {clip['path']} {text}")
    reference = draw.choice(others)
    while reference not in voices:
        reference = draw.choice(others)
    made = {
        "text": text,
        "language": clip["language"],
        "speaker": clip["speaker"],
        "reference": reference["path"],
        "reference_text": reference["text"],
        "recording": clip["path"],
    }
    return made | {key: clip[key] for key in ("start", "end") if key in clip}


def syllables(text: str, listener: PocketSphinx) -> int | None:
    """By pocketsphinx' dictionary; None for a text with a word it lacks."""
    pronounced = [listener.pronunciation(word) for word in words(text)]
    return None if None in pronounced else sum(len(VOWELS.findall(p or "")) for p in pronounced)


def suits(text: str, listener: PocketSphinx, trained: str) -> bool:
    count = syllables(text, listener)
    of_length = count is not None and SYLLABLES[0] <= count <= SYLLABLES[1]
    return of_length and WORDS[0] <= len(words(text)) <= WORDS[1] and " ".join(words(text)) not in trained


def check(text: str, listener: PocketSphinx, trained: str) -> None:
    if not suits(text, listener, trained):
        raise SystemExit(f"{text!r} does not suit: {syllables(text, listener)} syllables, {len(words(text))} words.")


def cut_phrases(corpus: Path, clips: list[Row], listener: PocketSphinx, trained: str) -> Iterator[Row]:
    """Stretches between two pauses that have the right length, with their times in the recording."""
    for clip in clips:
        if None in [listener.pronunciation(word) for word in words(clip["text"])]:
            continue  # it could not be aligned
        aligned = listener.align(Audio.load(corpus / clip["path"]), clip["text"])
        pauses = [i for i, (word, start, end) in enumerate(aligned) if word == "<sil>" and end - start >= PAUSE]
        for a, b in ((a, b) for a in pauses for b in pauses if a < b):
            text = " ".join(word for word, _, _ in aligned[a + 1 : b] if word != "<sil>")
            if suits(text, listener, trained):
                times = {"start": round(aligned[a][2] - EDGE, 2), "end": round(aligned[b][1] + EDGE, 2)}
                yield clip | times | {"text": text}


def unlike(phrases: list[Row], count: int) -> list[Row]:
    """`count` phrases, speakers taking turns, no two from one recording and no two that share three words in a row."""
    chosen: list[Row] = []
    taken: set[Any] = set()
    for phrase in spread(phrases, len(phrases)):
        spoken = words(phrase["text"])
        runs = {tuple(spoken[i : i + 3]) for i in range(len(spoken) - 2)} | {phrase["path"]}
        if not runs & taken and len(chosen) < count:
            chosen.append(phrase)
            taken |= runs
    return chosen


if __name__ == "__main__":
    main()
