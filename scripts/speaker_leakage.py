#!/usr/bin/env python3
"""How much of the speaker is left in the semantic tokens: a linear probe guesses who spoke from what was said.

    python scripts/speaker_leakage.py --work WORK [--speakers 20] [--seconds 8]

WORK is the folder of a pretraining. Of each language, the speakers with the most recordings are taken. Their pieces
become stretches of `seconds`, and a logistic regression is trained on three quarters of the clips and asked about the
rest, given one of
  phonemes   how often each was spoken: what the texts alone give away (a book is known by its words)
  tokens     how often each token occurs: what is above the line before has leaked
  both       the two side by side
  spectrum   mean and deviation of log-mel bands: what recordings give away
Tokens are judged on their counts, not on their order, which a recogniser of words would need.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sovits_tts.data.corpus import Corpus
from sovits_tts.data.pieces import Piece, read_pieces
from sovits_tts.data.tokens import TokenStore
from sovits_tts.mel import log_mel, spectrogram
from sovits_tts.specs import get_spec
from sovits_tts.text.symbols import symbol_ids

SEED, TEST = 2026, 0.25
RATE, N_FFT, HOP, N_MELS = 16_000, 512, 160, 40


@dataclass
class Stretch:
    """Whole pieces of one clip. Of tokens and phonemes, the root of how large a share each has."""

    speaker: str
    clip: str
    tokens: np.ndarray
    phonemes: np.ndarray
    spectrum: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--speakers", type=int, default=20)
    parser.add_argument("--clips", type=int, default=60, help="of a speaker, at most")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    pieces = read_pieces(options.work / "pieces.jsonl")
    print("| language | speakers, stretches | chance | phonemes | tokens | both | spectrum |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for language in ("en", "zh"):
        found = stretches(options, [(i, p) for i, p in enumerate(pieces) if p.language == language])
        names = Counter(it.speaker for it in found)
        rates = [
            accuracy(found, kinds) for kinds in (("phonemes",), ("tokens",), ("phonemes", "tokens"), ("spectrum",))
        ]
        chance = max(names.values()) / len(found)
        cells = " | ".join(f"{rate:.0%}" for rate in (chance, *rates))
        print(f"| {language} | {len(names)}, {len(found)} | {cells} |", flush=True)


def stretches(options: argparse.Namespace, pieces: list[tuple[int, Piece]]) -> list[Stretch]:
    """Of the speakers who say the most."""
    store, corpus, spec = TokenStore(options.work / "tokens.npz"), Corpus(options.work), get_spec("mini")
    by_speaker: dict[str, dict[str, list[tuple[int, Piece]]]] = defaultdict(lambda: defaultdict(list))
    for number, piece in pieces:
        by_speaker[piece.speaker][piece.clip].append((number, piece))
    most = sorted(by_speaker, key=lambda name: -len(by_speaker[name]))[: options.speakers]
    found = []
    for speaker in most:
        for clip, own in list(by_speaker[speaker].items())[: options.clips]:
            samples = corpus.audio(corpus.by_id[clip], RATE)
            group: list[tuple[int, Piece]] = []
            for entry in own:
                group.append(entry)
                if sum(piece.seconds for _, piece in group) >= options.seconds or entry is own[-1]:
                    found.append(stretch(speaker, clip, group, store, samples, spec.vits.codebook_size))
                    group = []
    return found


def stretch(
    speaker: str, clip: str, group: list[tuple[int, Piece]], store: TokenStore, samples: np.ndarray, size: int
) -> Stretch:
    tokens = np.bincount(np.concatenate([store[number] for number, _ in group]), minlength=size)
    phonemes = np.bincount([p for _, piece in group for p in piece.phonemes], minlength=len(symbol_ids("v2")))
    waves = [samples[int(p.start * RATE) : int(p.end * RATE)] for _, p in group]
    mel = log_mel(spectrogram(torch.from_numpy(np.concatenate(waves)).float(), N_FFT, HOP, 400), RATE, N_MELS)[0]
    mel = mel - mel.mean()
    return Stretch(
        speaker, clip, np.sqrt(tokens / tokens.sum()), np.sqrt(phonemes / max(1, phonemes.sum())),
        torch.cat([mel.mean(dim=1), mel.std(dim=1)]).numpy(),
    )  # fmt: skip


def accuracy(found: list[Stretch], kinds: tuple[str, ...]) -> float:
    """Share of the stretches of clips that were held out whose speaker is guessed."""
    clips = sorted({it.clip for it in found})
    random.Random(SEED).shuffle(clips)
    held = set(clips[: round(TEST * len(clips))])
    inputs = np.stack([np.concatenate([getattr(it, kind) for kind in kinds]) for it in found])
    wanted = np.array([it.speaker for it in found])
    test = np.array([it.clip in held for it in found])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    probe.fit(inputs[~test], wanted[~test])
    return float(probe.score(inputs[test], wanted[test]))


if __name__ == "__main__":
    main()
