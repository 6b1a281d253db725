"""Spectrograms of the shared inputs."""

from __future__ import annotations

from collections.abc import Iterator

from sovits_tts.mel import log_mel, mel_spectrogram, spectrogram
from sovits_tts.specs import SPECS
from tests.parity.registry import Check, Fixture, case, close

# (name, input, sample rate, n_fft, hop, mels): the two last are those of v3 and v4
_MELS = (
    ("mel128_direct", "ref_wav", 32000, 2048, 640, 128),
    ("mel100_v3", "w24", 24000, 1024, 256, 100),
    ("mel100_v4", "ref_wav", 32000, 1280, 320, 100),
)


@case("s2_inputs")
def spectrograms(fixture: Fixture) -> Iterator[Check]:
    io, c = fixture.io, SPECS["v2"].vits
    for name in ("ref", "ref2"):
        if f"{name}_spec" in io:
            yield close(f"{name}_spec", spectrogram(io[f"{name}_wav"], c.n_fft, c.hop, c.win), io[f"{name}_spec"])
    if "mel128" in io:
        yield close("mel128", log_mel(io["ref_spec"], c.sample_rate, c.n_mels), io["mel128"])
    for name, wave, rate, n_fft, hop, n_mels in _MELS:
        if name in io:
            yield close(name, mel_spectrogram(io[wave], rate, n_fft, hop, n_mels), io[name])
