"""How fast and how large: load time, time to the first sound, real-time factor, peak memory.

Each model is measured in a process of its own, so that neither caches nor memory of another one count.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from sovits_tts.errors import ConfigError
from sovits_tts.progress import Event, OnEvent, silent

TEXT = (
    "The first sentence decides how soon something is heard. The others decide whether the sound keeps up with the "
    "listener, who does not want to wait for a machine. A long one at the end shows what happens when there is more "
    "to say than fits into one breath, as there often is in books and in letters."
)
LANGUAGE = "en"


@dataclass(frozen=True)
class Speed:
    """Of one model on one machine; times in seconds, medians over the repeats.

    first_sound: from the call to the first chunk; real_time_factor: seconds of work per second of sound
    tokens_per_second: semantic tokens over all work, waveform stage included
    peak_memory_mb: of the whole process, None where the system does not tell
    """

    model: str
    device: str
    threads: int
    load: float
    voice: float
    first_sound: float
    real_time_factor: float
    tokens_per_second: float
    sound: float
    peak_memory_mb: float | None


def bench(
    sources: Sequence[str],
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    repeats: int = 3,
    text: str = TEXT,
    language: str = LANGUAGE,
    on_event: OnEvent = silent,
) -> list[Speed]:
    """Measure each model in a fresh process.

    sources: names or paths as `TTS.load` takes them; threads: 0 leaves PyTorch's choice
    Raises ConfigError for fewer than one repeat, and what loading and speaking raise.
    """
    if repeats < 1:
        raise ConfigError(f"{repeats} repeats measure nothing.", hint="Use 1 or more.")
    results = []
    for number, source in enumerate(sources):
        on_event(Event("bench", number, len(sources), "models", source))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            results.append(pool.submit(measure, source, device, precision, threads, repeats, text, language).result())
    on_event(Event("bench", len(sources), len(sources), "models"))
    return results


def measure(
    source: str, device: str, precision: str, threads: int, repeats: int, text: str = TEXT, language: str = LANGUAGE
) -> Speed:
    """In this process. One unmeasured run comes first: the first use of a kernel or a table is slower."""
    import torch

    from sovits_tts import voices
    from sovits_tts.tts import TTS

    if threads:
        torch.set_num_threads(threads)
    start = time.perf_counter()
    tts = TTS.load(source, device=device, precision=precision)
    loaded = time.perf_counter()
    voice = tts.voice(voices.bundled_for(language))
    made = time.perf_counter()
    list(tts.stream("One.", voice, language))
    firsts, totals, sounds, tokens = [], [], [], 0
    for _ in range(repeats):
        begin, first, sound, tokens = time.perf_counter(), 0.0, 0.0, 0
        for chunk in tts.stream(text, voice, language):
            first = first or time.perf_counter() - begin
            sound += len(chunk.samples) / chunk.sample_rate
            tokens += len(chunk.tokens)
        firsts.append(first)
        totals.append(time.perf_counter() - begin)
        sounds.append(sound)
    spent = median(totals)
    return Speed(
        model=source,
        device=str(tts.runtime.device), threads=torch.get_num_threads(),
        load=loaded - start, voice=made - loaded, first_sound=median(firsts),
        real_time_factor=spent / median(sounds), tokens_per_second=tokens / spent,
        sound=median(sounds), peak_memory_mb=peak_memory_mb(),
    )  # fmt: skip


def peak_memory_mb() -> float | None:
    """The most memory this process has held. None on Windows."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count the parent's memory too, which a child inherits on Linux
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if os.name == "nt":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1024)


def compare(results: Sequence[Speed]) -> list[dict[str, Any]]:
    """Each result with `vs_first`: its times, real-time factor and memory as multiples of the first one's."""
    keys = ("load", "first_sound", "real_time_factor", "peak_memory_mb")
    rows = []
    for result in results:
        ratios = {}
        for key in keys:
            own, first = getattr(result, key), getattr(results[0], key)
            ratios[key] = own / first if own and first else None
        rows.append(asdict(result) | {"vs_first": ratios})
    return rows
