"""Every deliberate error, as one tree. Each says what happened, what is allowed, and what to do next.

SovitsError
 ├─ InputError              the user's input is at fault (exit code 2, HTTP 4xx)
 │   ├─ TextError           text that cannot be read, or malformed markup
 │   ├─ AudioError          a sound file that cannot be opened
 │   │   └─ ReferenceAudioError   a clip that opens but cannot serve as a voice
 │   ├─ ConfigError         a setting that is unknown or out of range
 │   ├─ DataError           a dataset row that cannot be used
 │   ├─ CheckpointError     a model file that is damaged, hostile, or of another kind
 │   ├─ VoiceError          a saved voice that is missing or damaged
 │   └─ MissingDependency   an optional package is not installed
 ├─ TrainingError           training that does not get anywhere
 └─ DownloadError           the network or the remote end failed
"""

from __future__ import annotations

from typing import Any


class Told(str):
    """A sentence that keeps what it was made of, so that it can be said in another language.

    template: as for `str.format` where there are values, else the sentence itself; translations are found by it
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> Told:
        if isinstance(template, Told) and not values:
            values = template.values
            template = template.template
        told = super().__new__(cls, template.format(**values) if values else template)
        told.template, told.values = template, values
        return told


class SovitsError(Exception):
    """Base of all deliberate errors. `code` is stable and machine-readable; `hint` says what to do.

    values: what the braces in `message` and `hint` stand for; without any, both are taken as they are
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "", **values: Any) -> None:
        self.message = Told(message, **values)
        self.hint = Told(hint, **values)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(SovitsError):
    code = "input"


class TextError(InputError):
    code = "text"


class AudioError(InputError):
    code = "audio"


class ReferenceAudioError(AudioError):
    code = "reference_audio"


class ConfigError(InputError):
    code = "config"


class DataError(InputError):
    code = "data"


class CheckpointError(InputError):
    code = "checkpoint"


class VoiceError(InputError):
    code = "voice"


class MissingDependency(InputError):
    """An optional package is absent; `hint` carries the install line."""

    code = "missing_dependency"


class TrainingError(SovitsError):
    code = "training"


class DownloadError(SovitsError):
    code = "download"
