"""What a caller may choose for one call, checked in one place."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from sovits_tts.errors import ConfigError
from sovits_tts.models.sampling import SamplingOptions
from sovits_tts.pitch_shift import MAX_SEMITONES
from sovits_tts.specs import SamplingConfig
from sovits_tts.text.frontend import Lexicon
from sovits_tts.text.segment import resolve_mode

if TYPE_CHECKING:
    from sovits_tts.voice import Voice

CUTS = ("auto", "cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
POLYPHONES = ("table", "g2pw")


@dataclass(frozen=True)
class SynthesisOptions:
    """Per-call choices. Raises ConfigError (TextError for the language) for a value out of range.

    Equal options, text and voice give equal samples on the same machine, device and number of threads.
    """

    language: str = "auto"  # of the text: auto, zh, en, ja, ko, yue, or an official mode such as all_zh
    seed: int = 0  # 0 or more
    speed: float = 1.0  # 0.25 to 4; 2 is twice as fast
    pause: float = 0.3  # seconds between sentences, 0 to 10; markup such as [pause:1] overrides it
    temperature: float | None = None  # 0 to 10; lower is steadier; None, here and below: what suits the model
    top_k: int | None = None  # tokens to choose among; 1 takes the likeliest, 0 all
    top_p: float | None = None  # 0 to 1: keep the likeliest tokens up to this share; 1 keeps all
    repetition_penalty: float | None = None  # above 0, at most 10; 1 is none
    noise_scale: float | None = None  # 0 to 2: liveliness of the waveform stage
    cut: str = "auto"  # how text is cut into sentences: auto, or upstream's cut0 to cut5
    batch_size: int = 4  # sentences generated together, 1 to 64; the first always goes alone
    retries: int = 3  # further attempts at a sentence that the guards fail, 0 to 10
    exact: bool = False  # do as upstream does: no guards, its levels, silences and short-text rules
    lexicon: Lexicon | None = None  # the user's pronunciations
    pitch: float = 0.0  # semitones, -12 to 12, up or down; formants stay, so it remains the same voice
    loudness: float | None = None  # LUFS of every sentence, -60 to -5, or as loud as its peaks allow; None: as made
    timbre: tuple[
        tuple[Voice, float], ...
    ] = ()  # other voices and their shares, 0 to 1; the speaking voice has the rest
    polyphones: str = "table"  # who reads Chinese characters of several readings: table, or g2pw (downloaded)

    def __post_init__(self) -> None:
        resolve_mode(self.language)
        _whole("seed", self.seed, 0, 2**63 - 1)
        _within("speed", self.speed, 0.25, 4)
        _within("pause", self.pause, 0, 10)
        if self.noise_scale is not None:
            _within("noise_scale", self.noise_scale, 0, 2)
        _within("pitch", self.pitch, -MAX_SEMITONES, MAX_SEMITONES)
        if self.loudness is not None:
            _within("loudness", self.loudness, -60, -5)
        for _, share in self.timbre:
            _within("the share of a voice in the timbre", share, 0, 1)
        _within("the sum of all shares in the timbre", sum(share for _, share in self.timbre), 0, 1 + 1e-6)
        _whole("batch_size", self.batch_size, 1, 64)
        _whole("retries", self.retries, 0, 10)
        if self.cut not in CUTS:
            raise ConfigError(f"cut is {self.cut!r}.", hint=f"Choose one of: {', '.join(CUTS)}.")
        if self.polyphones not in POLYPHONES:
            raise ConfigError(f"polyphones is {self.polyphones!r}.", hint=f"Choose one of: {', '.join(POLYPHONES)}.")
        self.sampling(SamplingConfig())  # checks its own

    def sampling(self, usual: SamplingConfig) -> SamplingOptions:
        """The part that the GPT stage reads; `usual`: the model's choices, where the caller made none."""
        names = ("temperature", "top_k", "top_p", "repetition_penalty")
        own = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return SamplingOptions(**{name: getattr(usual, name) for name in names} | own)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not isfinite(value) or not low <= value <= high:
        found = {"name": name, "value": value, "low": low, "high": high}
        raise ConfigError("{name} is {value}.", hint="It must be between {low} and {high}.", **found)


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        found = {"name": name, "value": value, "low": low, "high": high}
        raise ConfigError("{name} is {value!r}.", hint="It must be a whole number from {low} to {high}.", **found)
