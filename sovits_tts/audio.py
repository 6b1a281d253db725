"""Sound as a value: mono float samples and their rate.

Files of any format that libsndfile knows, in and out; those that PyAV knows, where it is installed, in only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from math import inf, log10, pi, tan
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from sovits_tts import media
from sovits_tts.errors import AudioError

MIN_RATE, MAX_RATE = 4_000, 384_000  # Hz
MAX_SECONDS = 3600.0  # an hour of mono at 48 kHz is 0.7 GB of float32
_MAX_PEAK = 100.0  # float files may pass 1.0 a little; beyond this they hold integers or rubbish
_MAX_CHANNELS = 64
FORMATS = {  # suffix: (libsndfile format, subtype)
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
_CONVERT = f"WAV, FLAC, OGG, MP3 and AIFF can be read; m4a, aac, mp4, webm and wma too, after {media.INSTALL}"


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono sound. samples: (N,) float32, nominally in -1 to 1, read-only; sample_rate: Hz.

    Raises AudioError for samples that are not one finite channel, and for a rate outside 4 to 384 kHz.
    """

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self) -> None:
        samples = np.ascontiguousarray(self.samples, dtype=np.float32).view()
        if samples.ndim != 1:
            raise AudioError(f"Audio holds one channel of samples (N,), not an array of shape {samples.shape}.")
        if not MIN_RATE <= self.sample_rate <= MAX_RATE:
            raise AudioError(f"The sample rate is {self.sample_rate} Hz; {MIN_RATE} to {MAX_RATE} Hz are allowed.")
        if not np.isfinite(samples).all():
            raise AudioError("The audio holds samples that are not numbers (NaN or infinity).")
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "sample_rate", int(self.sample_rate))

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    @property
    def peak(self) -> float:
        """Largest absolute sample; 0 when empty."""
        return float(np.abs(self.samples).max(initial=0.0))

    @property
    def peak_db(self) -> float:
        """Sample peak in dBFS; -inf for silence."""
        return decibels(self.peak)

    @classmethod
    def load(cls, source: str | os.PathLike[str] | bytes | BinaryIO, *, max_seconds: float = MAX_SECONDS) -> Audio:
        """Read a sound file, its bytes, or an open binary file; channels are averaged.

        Raises AudioError when it is missing, unreadable, empty, longer than `max_seconds`, or holds damaged samples.
        """
        return cls.load_span(source, max_seconds=max_seconds)

    @classmethod
    def load_span(
        cls, source: str | os.PathLike[str] | bytes | BinaryIO, start: float = 0.0, end: float | None = None,
        *, max_seconds: float = MAX_SECONDS,
    ) -> Audio:  # fmt: skip
        """The part of a sound file from `start` to `end`, in seconds, without reading the rest; see `load`."""
        name, opened = _source(source)
        recognised = False
        try:
            with soundfile.SoundFile(opened) as file:
                recognised, rate = True, file.samplerate
                _check_format(rate, file.channels, name)
                if start:
                    file.seek(min(round(start * rate), file.frames))
                samples = _joined(_blocks(file), rate, _frames(start, end, rate), max_seconds, name)
        except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
            # soundfile raises TypeError for headerless .raw files, ValueError for odd file objects.
            if recognised or not media.installed():
                raise AudioError(f"{name} cannot be read as audio: {error}", hint=_CONVERT) from error
            samples, rate = _load_media(opened, name, start, end, max_seconds)
        if not len(samples):
            raise AudioError(f"{name} holds no samples.")
        if not np.isfinite(samples).all():
            raise AudioError(f"{name} holds samples that are not numbers (NaN or infinity).")
        peak = float(np.abs(samples).max())
        if peak > _MAX_PEAK:
            raise AudioError(
                f"{name} has a peak of {peak:.3g}, but samples should be in -1 to 1.",
                hint="It seems to hold integers stored as floats; export it again as 16- or 24-bit WAV.",
            )
        return cls(samples, rate)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write .wav (16 bit), .flac, .ogg, .opus or .mp3, chosen by suffix; samples beyond -1 to 1 are clipped.

        The file appears whole or not at all. Raises AudioError for another suffix, a rate the format lacks, a file
        that exists (unless `overwrite`), and a folder that cannot be written.
        """
        path = Path(path)
        chosen = FORMATS.get(path.suffix.lower())
        if chosen is None:
            raise AudioError(f"Cannot write {path.name!r}: its suffix names no format.", hint=f"Use {_suffixes()}.")
        if path.exists() and not overwrite:
            raise AudioError(f"{path} exists already.", hint="Choose another name, or allow overwriting.")
        temporary = path.with_name(f".{token_hex(8)}{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(str(temporary), *chosen)
            os.replace(temporary, path)
        except (soundfile.SoundFileError, OSError, ValueError) as error:
            if temporary.exists():
                temporary.unlink()
            raise AudioError(f"Cannot write {path}: {error}") from error
        return path

    def encode(self, suffix: str = ".wav") -> bytes:
        """The bytes of the file that `save` would write under a name with this suffix."""
        if suffix not in FORMATS:
            raise AudioError(f"{suffix!r} names no audio format.", hint=f"Use {_suffixes()}.")
        buffer = BytesIO()
        try:
            self._write(buffer, *FORMATS[suffix])
        except (soundfile.SoundFileError, ValueError) as error:
            raise AudioError(f"Cannot write audio at {self.sample_rate} Hz as {suffix}: {error}") from error
        return buffer.getvalue()

    def _write(self, target: str | BinaryIO, container: str, subtype: str) -> None:
        samples = np.clip(self.samples, -1.0, 1.0)
        with soundfile.SoundFile(target, "w", self.sample_rate, 1, subtype, format=container) as file:
            for start in range(0, len(samples), self.sample_rate):  # one large write overflows libvorbis' stack
                file.write(samples[start : start + self.sample_rate])

    def resample(self, sample_rate: int) -> Audio:
        """The same sound at another rate, by soxr's high quality setting and of the length librosa gives."""
        if sample_rate == self.sample_rate:
            return self
        length = -(-len(self.samples) * sample_rate // self.sample_rate)  # rounded up
        changed = soxr.resample(self.samples, self.sample_rate, sample_rate, quality="HQ")[:length]
        return Audio(np.pad(changed, (0, length - len(changed))), sample_rate)

    def cut(self, start: float, end: float) -> Audio:
        """The part from `start` to `end`, in seconds, as far as it exists."""
        first, last = (max(0, round(t * self.sample_rate)) for t in (start, end))
        return Audio(self.samples[first:last], self.sample_rate)

    def loudness(self) -> float:
        """Integrated loudness in LUFS (ITU-R BS.1770-4, one front channel); -inf when all of it is below the gate."""
        return _integrated_loudness(self.samples, self.sample_rate)

    def at_loudness(self, lufs: float, *, peak: float = 0.95) -> Audio:
        """Scaled to a loudness, or less where its peak would pass `peak`. Silence stays as it is."""
        now = self.loudness()
        if now == -inf:
            return self
        gain = min(10 ** ((lufs - now) / 20), peak / self.peak)
        return Audio(self.samples * np.float32(gain), self.sample_rate)

    def trim_silence(self, *, below_db: float = 40.0, keep: float = 0.1) -> Audio:
        """Without the edges that stay `below_db` under the loudest 20 ms; `keep` seconds of them remain."""
        hop = max(1, self.sample_rate // 50)
        padded = np.pad(self.samples.astype(np.float64), (0, -len(self.samples) % hop))
        energy = (padded.reshape(-1, hop) ** 2).mean(axis=1)
        loud = np.flatnonzero(energy > energy.max(initial=0.0) * 10 ** (-below_db / 10))
        if not len(loud):
            return Audio(self.samples[:0], self.sample_rate)
        margin = round(keep * self.sample_rate)
        first = max(0, int(loud[0]) * hop - margin)
        return Audio(self.samples[first : (int(loud[-1]) + 1) * hop + margin], self.sample_rate)


def join(parts: Sequence[Audio], *, pause: float = 0.0) -> Audio:
    """All parts in a row, `pause` seconds of silence between them. Raises AudioError for none, or unequal rates."""
    rates = sorted({part.sample_rate for part in parts})
    if len(rates) != 1:
        raise AudioError(f"Joining needs parts of one sample rate, not {rates or 'nothing'}.")
    silence = np.zeros(round(pause * rates[0]), dtype=np.float32)
    pieces = [piece for part in parts for piece in (silence, part.samples)]
    return Audio(np.concatenate(pieces[1:]), rates[0])


def decibels(amplitude: float) -> float:
    """Amplitude -> dB; -inf for zero."""
    return 20 * log10(amplitude) if amplitude > 0 else -inf


def _source(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, str | BinaryIO]:
    """What to call it in messages, and what to open."""
    if isinstance(source, bytes | bytearray):
        return "The audio data", BytesIO(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.exists():
            raise AudioError(f"There is no file {path}.")
        if not path.is_file():
            raise AudioError(f"{path} is not a file.")
        return str(path), str(path)
    return str(getattr(source, "name", "The audio stream")), source


def _load_media(
    opened: str | BinaryIO, name: str, start: float, end: float | None, max_seconds: float
) -> tuple[np.ndarray, int]:
    """(N,) float32 and the rate of what libsndfile does not know."""
    facts = media.probe(opened, name)
    _check_format(facts.rate, facts.channels, name)
    pieces = media.blocks(opened, name, start)
    first = next(pieces, (np.zeros((1, 0), dtype=np.float32), facts.rate))
    rate = first[1]  # may be twice what the container names, where a codec extends the band
    mono = (block.mean(axis=0, dtype=np.float32) for block, _ in chain([first], pieces))
    return _joined(mono, rate, _frames(start, end, rate), max_seconds, name), rate


def _check_format(rate: int, channels: int, name: str) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"{name} has {rate} Hz; {MIN_RATE} to {MAX_RATE} Hz are allowed.")
    if channels > _MAX_CHANNELS:
        raise AudioError(f"{name} has {channels} channels; at most {_MAX_CHANNELS} are allowed.")


def _blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """(N,) float32 pieces: many channels need much room."""
    while len(block := file.read(1 << 16, dtype="float32", always_2d=True)):
        yield block.mean(axis=1, dtype=np.float32)


def _frames(start: float, end: float | None, rate: int) -> int | None:
    return None if end is None else max(0, round(end * rate) - round(start * rate))


def _joined(blocks: Iterable[np.ndarray], rate: int, wanted: int | None, max_seconds: float, name: str) -> np.ndarray:
    """(N,) the first `wanted` samples. The length in a header may be wrong, so what was read is counted."""
    kept: list[np.ndarray] = []
    total = 0
    for block in blocks:
        kept.append(block)
        total += len(block)
        if wanted is not None and total >= wanted:
            break
        if total > max_seconds * rate:
            hint = "Cut the part you need out of it, or raise the limit."
            raise AudioError(f"{name} is longer than {max_seconds:g} s.", hint=hint)
    samples = np.concatenate(kept) if kept else np.zeros(0, dtype=np.float32)
    return samples if wanted is None else samples[:wanted]


def _suffixes() -> str:
    return ", ".join(FORMATS)


def _integrated_loudness(samples: np.ndarray, rate: int) -> float:
    """ITU-R BS.1770-4: K-weighting, 400 ms blocks that overlap by 75 %, gates at -70 LUFS and 10 LU below the mean.

    Sounds shorter than one block are measured as a whole.
    """
    from scipy.signal import lfilter  # slow to import

    weighted = samples.astype(np.float64)
    for b, a in _k_weighting(rate):
        weighted = lfilter(b, a, weighted)
    block, step = min(round(0.4 * rate), len(weighted)), round(0.1 * rate)
    if not block:
        return -inf
    running = np.concatenate([[0.0], np.cumsum(weighted**2)])
    starts = np.arange(0, len(weighted) - block + 1, step)
    power = (running[starts + block] - running[starts]) / block
    loud = power[power > 10 ** ((-70 + 0.691) / 10)]
    if not len(loud):
        return -inf
    return -0.691 + 10 * log10(loud[loud > loud.mean() / 10].mean())


def _k_weighting(rate: int) -> list[tuple[list[float], list[float]]]:
    """The two filters of BS.1770 at any rate. The standard tabulates them at 48 kHz; these are the analogue
    prototypes behind that table (De Man 2014), which reproduce it there."""
    gain, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196  # shelf: the head's effect
    k = tan(pi * 1681.974450955533 / rate)
    band = gain**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = (
        [(gain + band * k / q + k * k) / a0, 2 * (k * k - gain) / a0, (gain - band * k / q + k * k) / a0],
        [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0],
    )
    q = 0.5003270373238773  # high pass: the ear's fall towards low frequencies
    k = tan(pi * 38.13547087602444 / rate)
    a0 = 1 + k / q + k * k
    high_pass = ([1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    return [shelf, high_pass]
