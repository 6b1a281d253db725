"""One call of synthesis: its options, the voice's features, its generators and caches. Made for the call, then dropped.

sentences -> (batch) GPT stage -> guards, retries -> VITS stage, sentence by sentence -> chunks
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sovits_tts.audio import Audio
from sovits_tts.balance import Balance, with_balance
from sovits_tts.checkpoints.build import LoadedModel
from sovits_tts.dsp import limit_peak
from sovits_tts.errors import SovitsError, TextError
from sovits_tts.features import bert_features, ctc_log_probs
from sovits_tts.guards import Guard, make_guard, share_heard
from sovits_tts.models.generate import MAX_TOKENS, Generated, generate
from sovits_tts.models.source import Melody
from sovits_tts.options import SynthesisOptions
from sovits_tts.pitch_shift import shift_pitch
from sovits_tts.specs import ModelSpec
from sovits_tts.text.frontend import Sentence
from sovits_tts.text.symbols import PUNCTUATION, symbol_ids
from sovits_tts.voice import Voice, VoiceFeatures
from sovits_tts.voice_making import blend

_OFFICIAL_RATE = 32_000  # upstream counts its pauses in samples of this rate, whatever the model's
_WARMER = 0.2  # that each further attempt at a sentence is, in temperature
_SETTLED = 2  # tokens after the end of a clip that still hear it


@dataclass(frozen=True, eq=False)
class Chunk:
    """One spoken sentence.

    samples:  (N,) float32: the pause before it, the sentence, and the pause that markup asks for after it
    tokens:   semantic tokens it was made from
    attempts: how often it was generated; failed: the guards found something wrong with every attempt
    problems: what is wrong with this one, the best; see `guards`
    reason:   why generation ended: "eos", "stopped" (a runaway), "length"
    coverage: share of the phonemes that were reached, where the model can tell
    warnings: what could not be read in the text
    source:   the sentence with its markup; spoken again, it gives the same
    """

    samples: np.ndarray
    sample_rate: int
    text: str
    tokens: tuple[int, ...] = ()
    attempts: int = 0
    failed: bool = False
    problems: tuple[str, ...] = ()
    reason: str = ""
    coverage: float | None = None
    warnings: tuple[str, ...] = ()
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without samples and tokens."""
        return {
            "text": self.text, "seconds": len(self.samples) / self.sample_rate, "tokens": len(self.tokens),
            "attempts": self.attempts, "failed": self.failed, "problems": list(self.problems),
            "reason": self.reason, "coverage": self.coverage, "warnings": list(self.warnings),
        }  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One generation of a sentence, and what the guards say of it."""

    generated: Generated
    problems: tuple[str, ...]
    coverage: float | None
    number: int


class Call:
    """What was asked for, and the voice as the networks take it. `voice` must have features for `model`."""

    def __init__(self, model: LoadedModel, voice: Voice, options: SynthesisOptions) -> None:
        assert voice.features is not None
        self.model = model
        self.options = options
        self.prompt = voice.features
        self.rate = model.spec.vits.sample_rate
        self.with_prompt = len(self.prompt.phonemes) > 0
        self.silence = _silence(model.spec, self.prompt)
        self.style = blend(model, voice, options.timbre)
        self.noise_scale = model.spec.sampling.noise_scale if options.noise_scale is None else options.noise_scale
        self.balance: Balance | None = None
        self.melody: Melody | None = None
        if not options.exact:
            self.balance = self.mixed(voice, "balance") if model.spec.matches_balance else None
            self.melody = self._melody(voice) if model.spec.vits.source else None

    def _melody(self, voice: Voice) -> Melody | None:
        level, spread = (self.mixed(voice, name) for name in ("pitch_level", "pitch_spread"))
        return None if level is None or spread is None else Melody(level, spread)

    def mixed(self, voice: Voice, name: str) -> Any:
        """What was measured on the clip of a voice, with their shares of those mixed into it; None if it cannot be."""
        found = own = getattr(voice, name)
        for other, share in self.options.timbre:
            its = getattr(other, name)
            if own is not None and its is not None:
                found = found + share * (its - own)
        return found

    def chunks(self, todo: Iterator[Sentence]) -> Iterator[Chunk]:
        """Batch by batch: the first sentence alone, so that sound begins early."""
        index, size, gap = 0, 1, 0.0
        while batch := list(islice(todo, size)):
            spoken = [sentence for sentence in batch if sentence.runs]
            attempts = iter(self.best(spoken, index) if spoken else [])
            for sentence in batch:
                if not sentence.runs:  # markup asks for silence before the first word
                    yield Chunk(self.silent(sentence.pause_after or 0.0), self.rate, "")
                    continue
                attempt, made = next(attempts)
                yield self.chunk(sentence, index, attempt, made, gap)
                index += 1
                gap = self.options.pause if sentence.pause_after is None else 0.0
            size = self.options.batch_size

    def best(self, batch: list[Sentence], index: int) -> list[tuple[Attempt, int]]:
        """Each sentence's best attempt and how many were made; `index`: number of the first sentence in the text."""
        for sentence in batch:
            self.check_languages(sentence)
        guards = [self.guard(sentence) for sentence in batch]
        bert = bert_features(self.model, [sentence.runs for sentence in batch])
        made: list[list[Attempt]] = [[] for _ in batch]
        open_rows = list(range(len(batch)))
        for number in range(1 + (0 if self.options.exact else self.options.retries)):
            tokens = self.generate(
                [batch[row] for row in open_rows],
                [bert[row] for row in open_rows],
                [guards[row] for row in open_rows],
                [self.generator(index + row, number, 0) for row in open_rows],
                number,
            )
            for row, generated in zip(open_rows, tokens, strict=True):
                made[row].append(self.judge(batch[row], guards[row], generated, index + row, number))
            open_rows = [row for row in open_rows if made[row][-1].problems]
            if not open_rows:
                break
        return [
            (min(found, key=lambda a: guard.badness(a.generated.tokens, a.problems, a.coverage)), len(found))
            for guard, found in zip(guards, made, strict=True)
        ]

    def generate(
        self,
        batch: list[Sentence],
        bert: list[Tensor | None],
        guards: list[Guard],
        generators: list[torch.Generator],
        number: int,
    ) -> list[Generated]:
        """Semantic tokens of every sentence. Without guards (exact), only the official limit ends a runaway.

        number: of the attempt. What fell into a loop at a low temperature would again, so each further attempt is
        warmer, up to 1 (as Whisper falls back: Radford et al. 2022, section 4.5).
        """
        exact = self.options.exact
        sampling = self.options.sampling(self.model.spec.sampling)
        if number:
            warmer = min(1.0, sampling.temperature + _WARMER * number)
            sampling = replace(sampling, temperature=max(sampling.temperature, warmer))
        own = [torch.tensor(sentence.ids) for sentence in batch]
        prompt = self.prompt.tokens if self.with_prompt else torch.zeros(0, dtype=torch.long)
        return generate(
            self.model.gpt,
            [torch.cat([self.prompt.phonemes, ids]) for ids in own],
            [prompt] * len(batch),
            [self.joined_bert(features, len(ids)) for features, ids in zip(bert, own, strict=True)],
            generators=generators,
            options=sampling,
            max_new=MAX_TOKENS if exact else min(MAX_TOKENS, max(guard.longest for guard in guards) + 1),
            n_text=[len(ids) for ids in own],
            on_token=None if exact else lambda row, tokens: guards[row].runs_away(tokens),
        )

    def joined_bert(self, features: Tensor | None, n_phonemes: int) -> Tensor | None:
        """Rows of the prompt and of the sentence; None where all are zero."""
        width = self.model.spec.gpt.d_bert
        if not width or (features is None and self.prompt.bert is None):
            return None
        before = torch.zeros(len(self.prompt.phonemes), width) if self.prompt.bert is None else self.prompt.bert
        return torch.cat([before, torch.zeros(n_phonemes, width) if features is None else features])

    def guard(self, sentence: Sentence) -> Guard:
        own = self.prompt.tokens[: self.prompt.own].tolist() if self.with_prompt else []
        return make_guard(sentence.ids, self.prompt.phonemes.tolist(), own, self.silence, self.model.spec.token_rate)

    def judge(self, sentence: Sentence, guard: Guard, generated: Generated, index: int, number: int) -> Attempt:
        coverage = generated.coverage
        if self.options.exact:
            return Attempt(generated, (), coverage, number)
        if coverage is None and self.model.content_encoder.ctc_head is not None:
            coverage = self.heard(sentence, generated, index, number)
        problems = guard.problems(generated.tokens, coverage)
        if generated.reason == "length" and "runaway" not in problems:
            problems = (*problems, "runaway")
        return Attempt(generated, problems, coverage, number)

    def heard(self, sentence: Sentence, generated: Generated, index: int, number: int) -> float:
        """Share of the phonemes that the content encoder hears in the sound."""
        marks = {symbol_ids(self.model.spec.symbols)[mark] for mark in PUNCTUATION}
        sound = Audio(self.decode(generated, sentence, index, number), self.rate)
        return share_heard(ctc_log_probs(self.model, sound), [i + 1 for i in sentence.ids if i not in marks])

    def chunk(self, sentence: Sentence, index: int, attempt: Attempt, made: int, gap: float) -> Chunk:
        tokens = attempt.generated.tokens
        samples = self.shaped(self.decode(attempt.generated, sentence, index, attempt.number))
        if self.options.exact:
            pause = self.options.pause if sentence.pause_after is None else sentence.pause_after
            pieces = [samples, np.zeros(int(_OFFICIAL_RATE * pause), np.float32)]
        else:
            pieces = [self.silent(gap), samples, self.silent(sentence.pause_after or 0.0)]
        return Chunk(
            np.concatenate(pieces), self.rate, sentence.text, tuple(tokens), made, bool(attempt.problems),
            attempt.problems, attempt.generated.reason, attempt.coverage,
            tuple(f"{warning.message} ({warning.span!r})" for warning in sentence.warnings),
            sentence.source,
        )  # fmt: skip

    def decode(self, generated: Generated, sentence: Sentence, index: int, attempt: int) -> np.ndarray:
        """(N,) float32 with a peak of at most 1."""
        before = len(self.prompt.phonemes)
        spoken = None if generated.focus is None else torch.tensor(generated.focus) - before
        return self.sound(
            generated.tokens, sentence.ids, self.options.speed * sentence.rate, self.generator(index, attempt, 1),
            sentence.text, spoken,
        )  # fmt: skip

    def sound(
        self,
        tokens: list[int],
        ids: Sequence[int],
        speed: float,
        generator: torch.Generator,
        text: str,
        spoken: Tensor | None = None,
    ) -> np.ndarray:
        """Semantic tokens and phonemes through the VITS stage: (N,) float32 with a peak of at most 1.

        spoken: (S,) index of the phoneme that each token speaks, where known
        """
        device = self.style.vector.device
        wave = self.model.vits.decode(
            torch.tensor([tokens], device=device),
            torch.tensor([list(ids)], device=device),
            self.style,
            noise_scale=self.noise_scale,
            speed=speed,
            generator=generator,
            spoken=None if spoken is None else spoken[None].to(device),
            melody=self.melody,
        )
        samples = wave[0, 0].float().cpu().numpy()
        if not np.isfinite(samples).all():
            raise SovitsError(
                f"The model made samples that are not numbers of {text[:40]!r}.", hint="Load it with fp32."
            )
        if self.balance is not None:
            samples = with_balance(Audio(samples, self.rate), self.balance).samples
        return limit_peak(samples)

    def shaped(self, samples: np.ndarray) -> np.ndarray:
        """At the pitch and loudness that were asked for."""
        audio = shift_pitch(Audio(samples, self.rate), self.options.pitch)
        if self.options.loudness is not None:
            audio = audio.at_loudness(self.options.loudness)
        return limit_peak(audio.samples)

    def generator(self, index: int, attempt: int, stage: int) -> torch.Generator:
        """On the CPU, of its own for every sentence, attempt and stage: nothing else that runs can move it."""
        seed = np.random.SeedSequence([self.options.seed, index, attempt, stage]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(seed >> 1))

    def silent(self, seconds: float) -> np.ndarray:
        return np.zeros(round(seconds * self.rate), np.float32)

    def check_languages(self, sentence: Sentence) -> None:
        unknown = sorted({run.language for run in sentence.runs} - set(self.model.spec.languages))
        if unknown:
            raise TextError(
                "{model} does not speak {unknown}, found in {text!r}.",
                hint="It speaks {known}; another model may speak more.",
                model=self.model.spec.name,
                unknown=", ".join(unknown),
                known=", ".join(self.model.spec.languages),
                text=sentence.text[:40],
            )


def _silence(spec: ModelSpec, prompt: VoiceFeatures) -> frozenset[int]:
    """Tokens of silence: the model's, and those that the silence after the prompt became."""
    tail = prompt.tokens[prompt.own + _SETTLED : -1].tolist()
    return frozenset([*tail, *([spec.silence_token] if spec.silence_token >= 0 else [])])
