"""Few-shot text-to-speech: a voice from a short clip, a text, a waveform.

Importing this package loads no torch; the first attribute access does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sovits_tts.audio import Audio
    from sovits_tts.errors import SovitsError
    from sovits_tts.tts import TTS, SynthesisOptions
    from sovits_tts.voice import Voice

__version__ = "0.1.0"
__all__ = ["TTS", "Audio", "SovitsError", "SynthesisOptions", "Voice", "__version__"]

_HOMES = {
    "TTS": "sovits_tts.tts",
    "SynthesisOptions": "sovits_tts.tts",
    "Voice": "sovits_tts.voice",
    "Audio": "sovits_tts.audio",
    "SovitsError": "sovits_tts.errors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
