"""Settings of fine-tuning, one dataclass for each stage. `defaults(spec)` gives those that suit a model.

The class defaults are the official recipe with its flaws corrected. `exact` brings the flaws back, see each stage.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from sovits_tts.config import as_dict
from sovits_tts.errors import ConfigError
from sovits_tts.specs import ModelSpec

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
VALIDATED = 64  # held-out clips
_SMALL_GPT = 384  # d_model below which a network is too small for the official step widths
# Of a run's outcome only: they may change between two calls of the same run.
_INERT = {"epochs", "patience", "log_steps", "save_every", "sample", "sample_text", "workers"}


@dataclass(frozen=True)
class Tune:
    """What both stages can be told.

    epochs:        passes over the data; raising it later continues the same run
    batch_size:    clips in a batch, all processes together
    accumulate:    batches in one optimiser step
    fill:          a smaller data set is repeated until an epoch holds about this many clips; 0: never
    validation:    share of the clips that is held out, and never trained on; the first 64 of them are validated
    patience:      stop after this many epochs without a better validation loss; 0: never
    save_every:    epochs between checkpoints; the last epoch has one too
    precision:     auto (bf16 on CUDA where it can, else fp32), fp32, bf16, fp16 (CUDA only)
    checkpointing: compute activations twice instead of keeping them: less memory, about a third more time
    max_norm:      longest gradient; 0: any
    frozen:        beginnings of parameter names that stay as they are
    rollbacks:     how often a loss that is no number may be answered by going back; then the run fails
    sample:        speak a sentence with each checkpoint (OUT/samples); sample_text: which; "": a held-out line
    workers:       threads that prepare batches
    """

    exact: bool = False
    epochs: int = 15
    batch_size: int = 4
    accumulate: int = 1
    fill: int = 100
    validation: float = 0.1
    patience: int = 0
    save_every: int = 1
    precision: str = "auto"
    checkpointing: bool = False
    max_norm: float = 0.0
    frozen: tuple[str, ...] = ()
    rollbacks: int = 3
    log_steps: int = 10
    sample: bool = True
    sample_text: str = ""
    workers: int = 1
    seed: int = 1234

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "save_every", "log_steps", "workers"):
            _within(name, getattr(self, name), 1, 1_000_000)
        _within("validation", self.validation, 0.0, 0.5)
        for name in ("patience", "rollbacks", "fill", "max_norm"):
            _within(name, getattr(self, name), 0, 1_000_000)
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"There is no precision {self.precision!r}.", hint=f"Choose one of: {', '.join(PRECISIONS)}."
            )


@dataclass(frozen=True)
class GPTTune(Tune):
    """Fine-tuning of the GPT stage.

    optimizer:     scaled_adam (official; its rate is relative to each parameter's size) or adamw
    learning_rate: constant after `warmup` optimiser steps
    dropout:       of the layers and positions
    dpo:           add the preference loss against spoilt copies (a span said twice or left out), in twice the memory;
                   not for a model that follows its text (mini): it neither skips nor repeats
    lora_rank:     > 0: train low-rank additions to the layers only (needs peft and adamw); checkpoints hold the sum
    joined:        share of examples that are two clips of one speaker with the prompt's silence between them
    corrupt:       share of input tokens replaced at random

    exact: sums instead of means, padding included; the phoneme mask of the official collation; a first step at 0.01; an
    update after the fifth batch of an epoch and every fourth from there on, leftovers carried into the next epoch.
    `extract_features(exact=True)` belongs to it.
    """

    accumulate: int = 4
    optimizer: str = "scaled_adam"
    learning_rate: float = 0.002
    warmup: int = 5
    dropout: float = 0.1
    dpo: bool = False
    dpo_beta: float = 0.2
    lora_rank: int = 0
    lora_alpha: int = 16
    joined: float = 0.0
    corrupt: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.optimizer not in ("scaled_adam", "adamw"):
            raise ConfigError(f"There is no optimizer {self.optimizer!r}.", hint="Choose scaled_adam or adamw.")
        _within("learning_rate", self.learning_rate, 0.0, 1.0)
        for name in ("dropout", "joined", "corrupt"):
            _within(name, getattr(self, name), 0.0, 0.9)
        _within("lora_rank", self.lora_rank, 0, 256)
        if self.lora_rank and self.optimizer != "adamw":
            raise ConfigError(
                "lora_rank goes with the optimizer adamw: the additions start at zero, and scaled_adam moves a "
                "parameter by a share of its size.",
                hint="Set optimizer: adamw and a learning_rate of about 0.0005.",
            )


@dataclass(frozen=True)
class VITSTune(Tune):
    """Fine-tuning of the VITS stage. Codebook and content projection are always frozen: the GPT stage knows them.

    learning_rate:    in the first epoch, times `decay` in each later one
    text_low_lr_rate: times the rate, for the phoneme embedding, the text encoder and the cross-attention
    slice_frames:     spectrogram frames decoded of each clip and step
    other_style:      take the voice of a clip from another clip of the speaker, as synthesis does; else from itself
    finish:           decode latents that the flow finished, as synthesis does, not the recording's own; for a flow of
                      `models.matching` with a frozen posterior (mini)
    narrow:           compare recordings that hold nothing above 8 kHz only below it, so that they cannot dull a voice
    mel, stft, kl, feature, adversarial: weights of the losses. adversarial 0: no discriminators, feature is unused
    pitch:            weight of the pitch's loss, for a model whose decoder has a source (mini)
    matching:         weight of the flow's loss, for a model whose flow is one of `models.matching` (mini)
    discriminators:   a file to start them from, where the base has none: official (s2D...) or of ours

    exact: style encoder and batches (length buckets, padding, dropped lengths) as upstream has them.
    """

    epochs: int = 8
    learning_rate: float = 1e-4
    decay: float = 0.999875
    text_low_lr_rate: float = 0.4
    slice_frames: int = 32
    other_style: bool = False
    finish: bool = False
    narrow: bool = True
    mel: float = 45.0
    stft: float = 0.0
    kl: float = 1.0
    feature: float = 2.0
    adversarial: float = 1.0
    pitch: float = 5.0
    matching: float = 20.0
    discriminators: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _within("learning_rate", self.learning_rate, 0.0, 1.0)
        _within("decay", self.decay, 0.0, 1.0)
        _within("slice_frames", self.slice_frames, 4, 4096)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}.", hint=f"Use {low:g} to {high:g}.")


def defaults(spec: ModelSpec) -> tuple[GPTTune, VITSTune]:
    """Settings that suit a model: the class defaults, or gentler ones for small networks and a minute of recordings."""
    gpt, vits = GPTTune(), VITSTune()
    if spec.gpt.d_model >= _SMALL_GPT:
        return gpt, vits
    # With a minute of speech the held-out loss of mini fell for one epoch of 30 steps, and rose at 1e-4 in the second.
    gpt = replace(
        gpt, epochs=3, accumulate=1, optimizer="adamw", learning_rate=4e-5, max_norm=1.0, joined=0.5, corrupt=0.05,
        patience=2,
    )  # fmt: skip
    # A prior that learns a minute by heart (KL 12.3 instead of 10.2 nats on held-out lines) reads others worse, and so
    # does a flow: of what both learn, the decoder alone has nine tenths of the likeness and none of the errors.
    # Its discriminators are hardly trained, so there is nothing to learn from them.
    vits = replace(
        vits, epochs=8, other_style=True, finish=True, stft=2.0, adversarial=0.0, max_norm=1000.0,
        frozen=("style_encoder", "posterior_encoder", "prior_encoder", "flow"),
    )  # fmt: skip
    return gpt, vits


def run_key(config: Tune, *parts: object) -> str:
    """Of everything that the steps of a run depend on: one key, one run. parts: what else goes in, as plain data."""
    settings = {name: value for name, value in as_dict(config).items() if name not in _INERT}
    text = json.dumps([type(config).__name__, settings, parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
