"""How well clips of another speaker are found: `python -m tests.speaker_trial CORPUS [--judges timbre resemblyzer]`.

CORPUS holds manifest.csv with path, speaker and seconds. Of every speaker with 16 clips of 2.5 to 12 s, twelve and two
of another speaker with recordings of the same kind make one trial; six trials for each speaker. Every second speaker is
left out: their clips gave the constants of `data/timbre.py`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sovits_tts.assets import EMBEDDED
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import load_model
from sovits_tts.data.quality import Limits, strangers, voice_vector
from sovits_tts.data.timbre import timbre
from sovits_tts.evaluation.similarity import Resemblyzer

Judge = Callable[[Audio], np.ndarray]
OWN, OTHERS, TRIALS, MOST = 12, 2, 6, 20


def chosen(corpus: Path) -> dict[str, list[Path]]:
    """Speaker -> clips."""
    clips: dict[str, list[Path]] = defaultdict(list)
    with (corpus / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if 2.5 <= float(row["seconds"]) <= 12:
                clips[row["speaker"]].append(corpus / row["path"])
    kinds: dict[str, list[str]] = defaultdict(list)
    for speaker, paths in clips.items():
        if len(paths) >= OWN + OTHERS + 2:
            kinds[speaker.split("_")[0]].append(speaker)
    rng = np.random.default_rng(0)
    speakers = [speaker for kind in ("ls", "cvzh") for speaker in kinds[kind][:MOST]]
    picked = {name: [clips[name][i] for i in rng.permutation(len(clips[name]))[: OWN + OTHERS]] for name in speakers}
    return {name: picked[name] for name in speakers[1::2]}


def trials(vectors: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Deviations of clips of the usual speaker, and of those of the other one."""
    rng = np.random.default_rng(1)
    own, other = [], []
    for name, rows in vectors.items():
        kin = [n for n in vectors if n != name and n.split("_")[0] == name.split("_")[0]]
        for _ in range(TRIALS):
            guests = vectors[kin[rng.integers(len(kin))]]
            some = [*rng.permutation(rows)[:OWN], *rng.permutation(guests)[:OTHERS]]
            found = strangers(some)
            own.append(found[:OWN])
            other.append(found[OWN:])
    return np.concatenate(own), np.concatenate(other)


def style() -> Judge:
    model = load_model(EMBEDDED)
    return lambda audio: voice_vector(model, audio)


def judges(names: list[str]) -> dict[str, Judge]:
    known: dict[str, Callable[[], Judge]] = {
        "timbre": lambda: timbre,
        "resemblyzer": lambda: Resemblyzer().embed,
        "style": style,
    }
    return {name: known[name]() for name in names}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--judges", nargs="+", default=["timbre"])
    given = parser.parse_args()
    clips = chosen(given.corpus)
    sys.stdout.write(f"{len(clips)} speakers, {sum(map(len, clips.values()))} clips\n")
    for name, judge in judges(given.judges).items():
        own, other = trials({who: np.array([judge(Audio.load(p)) for p in paths]) for who, paths in clips.items()})
        limits = Limits.stranger if name == "resemblyzer" else Limits.timbre
        for limit in (*limits, float(np.quantile(own, 0.99)), float(np.quantile(own, 0.98))):
            line = (
                f"{name:12} over {limit:5.1f}: found {(other > limit).mean():6.1%}, false {(own > limit).mean():6.2%}\n"
            )
            sys.stdout.write(line)
