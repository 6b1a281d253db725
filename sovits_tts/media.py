"""Sound that libsndfile does not know (m4a, aac, mp4, webm, wma …), read in this process by PyAV (extra `media`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sovits_tts.errors import AudioError

if TYPE_CHECKING:
    from av.container import InputContainer

SUFFIXES = frozenset({
    ".m4a", ".aac", ".mp4", ".m4b", ".3gp", ".mov", ".webm", ".mkv", ".mka", ".wma", ".wmv", ".amr", ".ape", ".mpc",
})  # fmt: skip
INSTALL = 'pip install "sovits-tts[media]"'
# Playlists and the like, which name other files and addresses to open, are not among them.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,aac,matroska,webm,asf,amr,amrnb,amrwb,ape,mpc,mpc8,wav,ogg,flac,mp3,aiff,avi,mpeg"
_RUN_UP = 0.2  # seconds decoded before a stretch: the first packets after a jump lack what came before


@dataclass(frozen=True)
class Facts:
    """What the container tells: sample rate in Hz, length in seconds, channels."""

    rate: int
    seconds: float
    channels: int


def installed() -> bool:
    return find_spec("av") is not None


def probe(source: str | BinaryIO, name: str) -> Facts:
    """Rate, length and channels, without decoding. Raises AudioError."""
    with _opened(source, name) as (container, stream):
        seconds = _seconds(container, stream)
        return Facts(int(stream.codec_context.sample_rate), seconds, int(stream.codec_context.channels))


def blocks(source: str | BinaryIO, name: str, start: float = 0.0) -> Iterator[tuple[np.ndarray, int]]:
    """(C, N) float32 samples and their rate, piece by piece, from `start` seconds on. Raises AudioError.

    source: a path or an open file, as libsndfile refused it; name: of it, for messages
    """
    import av

    with _opened(source, name) as (container, stream):
        origin = float((stream.start_time or 0) * stream.time_base)
        if start > _RUN_UP:
            container.seek(int((origin + start - _RUN_UP) / stream.time_base), stream=stream)
        planar: Any = None
        for frame in container.decode(stream):
            if planar is None:
                planar = av.AudioResampler("fltp", frame.layout, frame.sample_rate)
            before = start - (float(frame.time or 0.0) - origin)
            for part in planar.resample(frame):
                samples = part.to_ndarray()
                skip = max(0, round(before * part.sample_rate)) if before > 0 else 0
                if skip < samples.shape[1]:
                    yield samples[:, skip:], int(part.sample_rate)


@contextmanager
def _opened(source: str | BinaryIO, name: str) -> Iterator[tuple[InputContainer, Any]]:
    import av

    try:
        # Protocols are ways to open further files; a sound file needs none.
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
        file = open(source, "rb") if isinstance(source, str | os.PathLike) else source  # noqa: SIM115 - closed below
        try:
            file.seek(0)
            with av.open(file, "r", options=options, metadata_errors="ignore") as container:
                if not container.streams.audio:
                    raise AudioError(f"{name} holds no sound.", hint="Use a file that has a sound track.")
                yield container, container.streams.audio[0]
        finally:
            if file is not source:
                file.close()
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        cause = f"{name} cannot be read as audio: {reason}."
        raise AudioError(cause, hint="Export it again, as WAV or FLAC.") from error


def _seconds(container: InputContainer, stream: Any) -> float:
    """Recordings made by a browser do not tell their length; their last packet does."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1e6
    last = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last
