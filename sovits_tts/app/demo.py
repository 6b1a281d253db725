"""`make demo`: the bundled voice says an English and a Mandarin sentence with the embedded model."""

from __future__ import annotations

import sys
import time
from pathlib import Path

OUT = Path("out/demo.wav")
VOICE = "english-woman"
SENTENCES = (
    ("en", "Hello! This voice was cloned from a few seconds of sound."),
    ("zh", "你好，我只听了几秒钟，就学会了这个声音。"),
)


def demo(out: Path = OUT, model: str | None = None) -> str:
    """Write `out` and return what to tell the user. model: as `TTS.load` takes it; the embedded one by default."""
    from sovits_tts.assets import EMBEDDED
    from sovits_tts.audio import join
    from sovits_tts.tts import TTS

    tts = TTS.load(model or EMBEDDED)
    voice = tts.voice(VOICE)
    start = time.perf_counter()
    parts = [tts.synthesize(text, voice, language) for language, text in SENTENCES]
    spent = time.perf_counter() - start
    audio = join([part.audio for part in parts], pause=0.4)
    audio.save(out, overwrite=True)
    failed = [text for part in parts for text in part.failed]
    said = "\n".join(f"  {text}" for _, text in SENTENCES)
    doubts = f"The guards are not content with: {'; '.join(failed)}\n" if failed else ""
    return (
        f"{out}: {audio.seconds:.1f} s of sound in {spent:.1f} s of work (real-time factor {spent / audio.seconds:.2f},"
        f" {tts.runtime})\nThe voice {VOICE} says with the model {tts.spec.name}:\n{said}\n{doubts}"
        "Try your own clip, 3 to 10 seconds or longer, of a voice you may use:\n"
        '  .venv/bin/sovits-tts say "Any text." --voice clip.wav --voice-text "What the clip says." -o out/mine.wav'
    )


def main() -> int:
    from sovits_tts.errors import SovitsError

    try:
        print(demo())
    except SovitsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
