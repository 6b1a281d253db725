"""Speech out of music and noise before cutting, by audio-separator (extra `separate`) and a model file of the user's.

audio-separator fetches lists and models by itself; here it reads a folder, and fetches only after being told to. It
also wants an ffmpeg program, for formats that are not used here: what goes in and comes out is WAV.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sovits_tts.audio import Audio, join
from sovits_tts.errors import ConfigError, DataError, MissingDependency

_KINDS = (".onnx", ".ckpt", ".pth")
_LISTS = ("download_checks.json", "vr_model_data.json", "mdx_model_data.json")  # what it looks models up in
_STEM = "Vocals"


@dataclass(frozen=True)
class SeparateSettings:
    """model: path of a model file; download: whether what its folder lacks may be fetched."""

    enabled: bool = False
    model: str = ""
    download: bool = False

    def check(self) -> None:
        """Raises ConfigError or MissingDependency for what would fail later; loads nothing."""
        if not self.enabled:
            return
        path = Path(self.model)
        if not self.model or path.suffix.lower() not in _KINDS:
            raise ConfigError(
                f"Separating needs the file of a model, not {self.model!r}.",
                hint=f"Name one of {', '.join(_KINDS)} that audio-separator lists; Demucs files could run code.",
            )
        if not find_spec("audio_separator"):
            raise MissingDependency("audio-separator is not installed.", hint='pip install "sovits-tts[separate]"')
        missing = [name for name in (path.name, *_LISTS) if not (path.parent / name).is_file()]
        if missing and not self.download:
            raise _absent(path.parent, missing[0])


class Separator:
    """A loaded model. Raises as `SeparateSettings.check`, and DataError for a model that audio-separator cannot use."""

    def __init__(self, settings: SeparateSettings) -> None:
        settings.check()
        self._folder = TemporaryDirectory(prefix="sovits-tts-")
        path = Path(settings.model).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._separator = _offline(settings.download)(
                log_level=logging.ERROR, model_file_dir=str(path.parent), output_dir=self._folder.name,
                output_format="WAV", use_soundfile=True, output_single_stem=_STEM,
            )  # fmt: skip
            self._separator.load_model(path.name)
        except ImportError as error:
            raise MissingDependency(
                f"audio-separator lacks a package that it needs: {error}.", hint='pip install "sovits-tts[separate]"'
            ) from error
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise DataError(
                f"audio-separator cannot use {path.name}: {error}",
                hint="Choose a model that `audio-separator --list_models` names and that has a vocals stem.",
            ) from error

    def vocals(self, audio: Audio) -> Audio:
        """What is spoken or sung in a recording; of its length and sample rate."""
        source = Path(self._folder.name) / "in.wav"
        audio.save(source, overwrite=True)
        made = self._separator.separate(str(source), {_STEM: "vocals"})
        found = [Path(self._folder.name) / Path(name).name for name in made]
        stem = next((path for path in found if path.stem == "vocals"), None)
        if stem is None:
            raise DataError("The model has no vocals stem.", hint="Choose another model for separating.")
        vocals = Audio.load(stem).resample(audio.sample_rate)
        for path in (source, *found):
            path.unlink(missing_ok=True)
        rest = Audio([0.0] * max(0, len(audio) - len(vocals)), audio.sample_rate)  # type: ignore[arg-type]
        return join([vocals, rest]).cut(0.0, audio.seconds)


@lru_cache(maxsize=1)  # a worker loads its model once
def separator(settings: SeparateSettings) -> Separator:
    return Separator(settings)


def _offline(download: bool) -> Any:
    """Their class, which fetches nothing unless told to, and starts no program."""
    from audio_separator.separator import Separator as Theirs

    class Offline(Theirs):  # type: ignore[misc]
        def check_ffmpeg_installed(self) -> None:
            pass

        def download_file_if_not_exists(self, url: str, output_path: str) -> None:
            if Path(output_path).is_file():
                return
            if not download:
                raise _absent(Path(output_path).parent, Path(output_path).name)
            super().download_file_if_not_exists(url, output_path)

    return Offline


def _absent(folder: Path, name: str) -> ConfigError:
    return ConfigError(
        f"{folder} lacks {name}, which separating needs.",
        hint="Put it there, or allow audio-separator to fetch it (separate.download, --separate-download).",
    )
