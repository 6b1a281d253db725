"""The corpus in the GPT stage's own tokens: every piece said again at the timing of its recording.

A prior that reads the tokens of recordings only learns to trust what they say of this very recording. Synthesis hands
it tokens that the GPT stage chose: just as good, but only about every fourth is the recorded one. On such tokens a
prior has to learn what they do and do not say, and they still fit the recording, since every phoneme lasts as long.
The gap between what a stage is trained on and what it will meet: exposure bias (Ranzato et al. 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sovits_tts.data.pieces import Piece, read_pieces
from sovits_tts.data.tokens import TokenStore, write_tokens
from sovits_tts.errors import ConfigError, DataError
from sovits_tts.models.generate import Generation
from sovits_tts.models.gpt import GPT
from sovits_tts.options import SynthesisOptions
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.specs import ModelSpec
from sovits_tts.training.work import averaged, saved_stage, stored_tokens

FILE = "respoken.npz"
_SEED = 7
_ROWS = 64  # pieces at once
_PROMPT_SECONDS = (1.5, 8.0)

Ints = NDArray[np.int64]


def respeak(work: Path, spec: ModelSpec, device: str = "cpu", on_event: OnEvent = silent) -> None:
    """Write `work/respoken.npz`, as long as `tokens.npz`. Parts lie in `work/respoken` until all are there, so that a
    run that was killed goes on; they and the file are made anew for another GPT stage.

    Raises ConfigError for a GPT stage that does not follow its text, DataError where it or the tokens are missing.
    """
    if not spec.gpt.follows_text:
        raise ConfigError(f"The GPT stage of {spec.name} cannot be told a timing.", hint="Set respoken to 0.")
    made, done = _made_of(work), work / FILE
    if _made_by(done) == made:
        return
    state, _ = saved_stage(work / "gpt")
    pieces, store = read_pieces(work / "pieces.jsonl"), stored_tokens(work)
    gpt = GPT(spec.gpt)
    gpt.load_state_dict({name: value.float() for name, value in averaged(state, "network").items()})
    speaker = Respeaker(gpt.to(device).eval(), spec, pieces, store)
    folder = work / "respoken" / made.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    order = sorted(range(len(pieces)), key=lambda i: -len(store[i]))
    rows: dict[int, Ints] = {}
    for first in range(0, len(order), _ROWS):
        numbers, part = order[first : first + _ROWS], folder / f"{first:06}.npy"
        if not part.is_file():
            found = np.concatenate(speaker.say(numbers)).astype(np.int16)
            with part.with_suffix(".part").open("wb") as file:
                np.save(file, found)
            part.with_suffix(".part").rename(part)
            on_event(Event("respeak", first + len(numbers), len(order), "pieces"))
        flat, ends = np.load(part), np.cumsum([len(store[i]) for i in numbers])
        rows |= dict(zip(numbers, np.split(flat.astype(np.int64), ends[:-1]), strict=True))
    same = np.mean(np.concatenate([rows[i] == store[i] for i in range(len(pieces))]))
    tails = [np.concatenate([rows[i], store.with_tail(i)[len(store[i]) :]]) for i in range(len(pieces))]
    write_tokens(done, tails, store.lengths.tolist())
    done.with_suffix(".txt").write_text(made, encoding="utf-8")
    for part in folder.glob("*.npy"):
        part.unlink()
    on_event(Event("respeak", len(order), len(order), "pieces", values={"as_recorded": float(same)}))


def respoken_tokens(work: Path) -> TokenStore:
    """What `respeak` wrote. Raises DataError where it has not, or for another GPT stage than there is now."""
    if _made_by(work / FILE) != _made_of(work):
        raise DataError(
            f"{work / FILE} is missing, or of another GPT stage.", hint="Run `sovits-tts pretrain respeak`."
        )
    return TokenStore(work / FILE)


def _made_of(work: Path) -> str:
    """What the file depends on: the GPT stage by its step, and the pieces by their number."""
    return f"{saved_stage(work / 'gpt')[1]} {len(stored_tokens(work))}"


def _made_by(path: Path) -> str:
    note = path.with_suffix(".txt")
    return note.read_text(encoding="utf-8") if path.is_file() and note.is_file() else ""


class Respeaker:
    """Says pieces with the prompt of another piece of the same speaker, as in use, sampled as the model is."""

    def __init__(self, gpt: GPT, spec: ModelSpec, pieces: Sequence[Piece], store: TokenStore) -> None:
        self.gpt, self.spec, self.pieces, self.store = gpt, spec, pieces, store
        low, high = _PROMPT_SECONDS
        self.prompts: dict[tuple[str, str], list[int]] = {}
        for number, piece in enumerate(pieces):
            if low < piece.seconds < high:
                self.prompts.setdefault((piece.speaker, piece.split), []).append(number)

    def say(self, numbers: Sequence[int]) -> list[Ints]:
        """Tokens of pieces, each as many as it has. The same ones for the same piece in any company."""
        phonemes, prompts, timing, n_text = [], [], [], []
        for number in numbers:
            piece = self.pieces[number]
            before, heard = self._prompt(number)
            said = piece.spoken(len(self.store[number]), self.spec.token_rate)
            phonemes.append(torch.tensor([*before, *piece.phonemes]))
            prompts.append(torch.from_numpy(heard))
            timing.append(torch.from_numpy(said) + len(before))
            n_text.append(len(piece.phonemes))
        generation = Generation(
            self.gpt, phonemes, prompts, generators=[torch.Generator().manual_seed(number) for number in numbers],
            options=SynthesisOptions().sampling(self.spec.sampling),
            max_new=max(map(len, timing)) + 1, n_text=n_text, timing=timing,
        )  # fmt: skip
        for _ in generation:
            pass
        return [np.array(found.tokens, dtype=np.int64) for found in generation.results()]

    def _prompt(self, number: int) -> tuple[tuple[int, ...], Ints]:
        """Phonemes and tokens, with the silence after them; none where the speaker said nothing else."""
        piece = self.pieces[number]
        others = [i for i in self.prompts.get((piece.speaker, piece.split), ()) if i != number]
        if not others:
            return (), np.zeros(0, np.int64)
        chosen = int(np.random.default_rng((_SEED, number)).choice(others))
        return self.pieces[chosen].phonemes, self.store.with_tail(chosen)
