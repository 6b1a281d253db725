"""What a fine-tuning can be told; `configs/finetune.yaml` explains every line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sovits_tts.assets import EMBEDDED
from sovits_tts.config import as_dict, parse
from sovits_tts.data.prepare import PrepareConfig
from sovits_tts.errors import ConfigError
from sovits_tts.options import SynthesisOptions
from sovits_tts.specs import ModelSpec
from sovits_tts.training.tune_config import GPTTune, VITSTune, defaults

T = TypeVar("T", GPTTune, VITSTune)
STAGES = ("vits", "gpt")  # the order they are chosen in: the GPT stage is judged through the best VITS stage
_PER_CALL = frozenset({"lexicon", "timbre", "exact", "seed"})  # options that no voice can bring along


@dataclass(frozen=True)
class Evaluation:
    """How checkpoints are judged.

    lines:       held-out lines that each checkpoint speaks, at most
    sentences:   of ours (finetune/sentences.py) that each speaks too, once: more to count errors on
    share:       of the clips that is held out; more where that gives fewer than three lines
    checkpoints: of each stage, at most: the last one and others evenly before it
    ways:        shares of the way from the base to a VITS checkpoint, judged as if they were checkpoints: part of the
                 way may keep the clarity and most of the likeness
    nearest:     of how many VITS checkpoints: those that sound most like the speaker
    seed:        of the synthesis, the same for all
    takes:       how often each speaks a line, with successive seeds: one take says little
    retries:     further attempts at a line that the guards fail, as in use; only lines that fail take more time
    recogniser:  folder of a faster-whisper model; "auto": pocketsphinx for English where it is installed, else "own";
                 "own": the CTC head of the model or of the embedded one, which is not independent
    speaker:     "auto": resemblyzer where it is installed, else the model's speaker network, else "own"; "own": the
                 model's style vectors, which are not independent
    """

    lines: int = 8
    sentences: int = 8
    share: float = 0.15
    checkpoints: int = 3
    ways: tuple[float, ...] = (0.8, 0.6, 0.3)
    nearest: int = 2
    seed: int = 0
    takes: int = 3
    retries: int = 2
    recogniser: str = "auto"
    speaker: str = "auto"

    def __post_init__(self) -> None:
        if self.speaker not in ("auto", "own"):
            raise ConfigError(f"There is no speaker judge {self.speaker!r}.", hint="Choose auto or own.")
        counts = {"lines": self.lines, "checkpoints": self.checkpoints, "takes": self.takes,
                  "nearest": self.nearest}  # fmt: skip
        if wrong := [f"{name} is {count}" for name, count in counts.items() if not 1 <= count <= 1000]:
            raise ConfigError(f"{', '.join(wrong)}.", hint="Each must be 1 to 1000.")
        if not 0 <= self.sentences <= 8:
            raise ConfigError(f"sentences is {self.sentences}.", hint="Use 0 to 8: there are no more.")
        if not all(0 < way < 1 for way in self.ways):
            raise ConfigError(f"ways is {list(self.ways)}.", hint="Each is a share of the way, between 0 and 1.")
        if not 0 < self.share <= 0.5:
            raise ConfigError(f"The share {self.share} cannot be held out.", hint="Use more than 0, at most 0.5.")


@dataclass(frozen=True)
class VoiceFacts:
    """What goes into the voice beside its weights.

    styles:   name -> clip, as calm: calm.wav; a .txt or .lab beside a clip holds its transcript. "normal" replaces the
              clip that would be chosen from the recordings
    defaults: fields of SynthesisOptions that the voice prefers
    """

    consent: str = ""
    licence: str = ""
    styles: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, float | int | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {name for name in SynthesisOptions.__dataclass_fields__ if name not in _PER_CALL}
        for name in self.defaults:
            if name not in known:
                raise ConfigError(f"voice.defaults.{name} is unknown.", hint=f"Known are {', '.join(sorted(known))}.")
        SynthesisOptions(**self.defaults)  # type: ignore[arg-type]  # raises for a value out of range


@dataclass(frozen=True)
class FinetuneConfig:
    """All that `finetune` can be told.

    model:    as for `TTS.load`; of official ones the discriminators are needed too (`models download --training`)
    stages:   which to train
    review:   stop before training, so that a person can correct the transcripts
    minutes:  budget of the whole run, 0: none; epochs are planned by the measured time of a step
    gpt, vits: settings of the stages that differ from those that suit the model; see training/tune_config.py
    """

    model: str = EMBEDDED
    stages: tuple[str, ...] = STAGES
    review: bool = False
    minutes: float = 0.0
    device: str = "auto"
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    gpt: dict[str, Any] = field(default_factory=dict)
    vits: dict[str, Any] = field(default_factory=dict)
    evaluate: Evaluation = field(default_factory=Evaluation)
    voice: VoiceFacts = field(default_factory=VoiceFacts)

    def __post_init__(self) -> None:
        if unknown := set(self.stages) - set(STAGES):
            raise ConfigError(f"There is no stage {sorted(unknown)[0]!r}.", hint=f"Choose among {', '.join(STAGES)}.")
        if not 0 <= self.minutes <= 100_000:
            raise ConfigError(f"A budget of {self.minutes} minutes cannot be.", hint="Use 0 for none, or more.")
        if self.prepare.model not in (EMBEDDED, self.model):
            raise ConfigError(
                f"prepare.model is {self.prepare.model!r}, but model is {self.model!r}.",
                hint="Leave prepare.model out.",
            )
        # Values that depend on the model's own settings are checked by `tunes`, where the model is known.
        _stage(GPTTune(optimizer="adamw"), self.gpt, "gpt")
        _stage(VITSTune(), self.vits, "vits")

    def tunes(self, spec: ModelSpec) -> tuple[GPTTune, VITSTune]:
        """The settings of both stages for a model. Raises ConfigError for values that cannot be."""
        gpt, vits = defaults(spec)
        return _stage(gpt, self.gpt, "gpt"), _stage(vits, self.vits, "vits")


def _stage(known: T, given: Mapping[str, Any], name: str) -> T:
    return parse(type(known), as_dict(known) | dict(given), source=name)
