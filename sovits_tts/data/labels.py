"""Phoneme labels of a corpus, made once: training reads the file, so a later reading fix changes no label silently."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from sovits_tts.data.corpus import Corpus
from sovits_tts.errors import TextError
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.text.base import Language
from sovits_tts.text.symbols import PUNCTUATION, symbols

_HAN_ONLY = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ぀-ヿ가-힣]")  # scripts the Mandarin reader would have to skip


def phonemize_corpus(corpus: Corpus, out: Path, on_event: OnEvent = silent) -> dict[str, int]:
    """Write `out` (JSON lines: id, phonemes) for every clip whose whole text could be read; count what was not.

    A clip whose text the reader had to leave something out of is dropped: its labels would be wrong.
    """
    from sovits_tts.text.en import LANGUAGE as EN
    from sovits_tts.text.zh import LANGUAGE as ZH

    plugins: dict[str, Language] = {"zh": ZH, "en": EN}
    counts = {"kept": 0, "unreadable": 0}
    lines = []
    for index, clip in enumerate(corpus):
        try:
            if clip.language == "zh" and _HAN_ONLY.search(clip.text):
                raise TextError("The text mixes scripts.")
            plugin = plugins[clip.language]
            normal = plugin.normalize(clip.text)
            reading = plugin.phonemize(normal.text)
            if normal.warnings or reading.warnings:
                raise TextError("Part of the text cannot be read.")
        except TextError:
            counts["unreadable"] += 1
            continue
        counts["kept"] += 1
        lines.append(json.dumps({"id": clip.id, "phonemes": list(reading.phonemes)}, ensure_ascii=False))
        if index % 500 == 0:
            on_event(Event("label", index, len(corpus.clips), "clips"))
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    out.write_text("\n".join([json.dumps({"sha256": digest}), *lines]) + "\n", encoding="utf-8")
    return counts


def read_labels(path: Path) -> dict[str, list[str]]:
    """Clip id -> phonemes."""
    with path.open(encoding="utf-8") as file:
        next(file)
        return {row["id"]: row["phonemes"] for row in map(json.loads, file)}


def base_label(phoneme: str) -> str | None:
    """A phoneme without tone or stress; None for punctuation. English and Mandarin never share a label.

    The table writes Mandarin null initials "AA", "EE", "OO" without a digit; English vowels always carry one.
    """
    if phoneme in PUNCTUATION:
        return None
    return re.sub(r"[0-5]$", "", phoneme) if phoneme not in ("AA", "EE", "OO") else f"0{phoneme}"


def label_table() -> dict[str, int]:
    """Base labels of the whole v2 table's Mandarin and English part -> ids from 1 (0 is blank or silence)."""
    names = sorted({b for s in symbols("v1") if (b := base_label(s)) is not None})
    return {name: index for index, name in enumerate(names, start=1)}
