"""What one browser window has made. Nothing here is shared between visitors; all of it goes when the window does."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from sovits_tts.audio import Audio
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice

KEPT_SECONDS = 2 * 3600  # after which an idle window's work and files are dropped


@dataclass(frozen=True, eq=False)
class Take:
    """One spoken version of a sentence. problems, coverage: what the guards say of it."""

    audio: Audio
    seed: int
    problems: tuple[str, ...] = ()
    coverage: float | None = None


@dataclass(eq=False)
class Line:
    """One sentence of the result.

    text: as read; source: with the markup that the visitor may edit
    lead: seconds of silence before it; start: when a subtitle wants it, in seconds
    """

    text: str
    lead: float
    takes: list[Take]
    chosen: int = 0
    start: float | None = None
    source: str = ""

    @property
    def take(self) -> Take:
        return self.takes[self.chosen]


@dataclass(frozen=True, eq=False)
class Speaker:
    """A voice, and the model that speaks it: the page's, or one with weights that were fine-tuned for the voice."""

    tts: TTS
    voice: Voice

    def __deepcopy__(self, memo: object) -> Speaker:
        return self  # Gradio copies what a window keeps; models are shared and never change


@dataclass(eq=False)
class Session:
    """clip: the visitor's recording; speaker: who speaks the lines, and the key of what that was made from.

    preferred: fields of the drawer that were set as the voice prefers
    others: voices made of extra clips, and the files they were made of
    uploads, kept: files of the clip, which go with it, and others, which go with the window
    """

    clip: Audio | None = None
    speaker: Speaker | None = None
    speaker_key: tuple[object, ...] = ()
    preferred: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], tuple[Voice, ...]] = ((), ())
    lines: list[Line] = field(default_factory=list)
    uploads: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    folder: Path | None = None

    def file(self, name: str) -> Path:
        """Where to write a file that the visitor will download."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="session-", dir=cache_folder()))
        return self.folder / name

    def forget_clip(self) -> None:
        """Drop the recording, the voice made of it, and its file."""
        self.clip, self.speaker, self.speaker_key = None, None, ()
        while self.uploads:
            self.uploads.pop().unlink(missing_ok=True)

    def clean(self) -> None:
        """Delete every file this window brought or made."""
        self.uploads += self.kept
        self.kept = []
        self.forget_clip()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


def cache_folder() -> Path:
    """Gradio's folder of uploads and results: the only one it serves files from."""
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return folder
