"""What users give is read whatever its form, and every fault is named with file, line, cause and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_tts import media
from sovits_tts.data.manifest import check, read_manifest, usable
from sovits_tts.errors import DataError

ROOT = Path(__file__).resolve().parent.parent


def sound(path: Path, seconds: float = 2.0, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(int(seconds * rate)) * 0.1), rate)
    return path


def a_list(folder: Path, line: str) -> Path:
    sound(folder / "a.wav")
    path = folder / "a.list"
    path.write_text(f"a.wav|me|EN|All is well here.\n{line}\n", encoding="utf-8")
    return path


def metadata(folder: Path, line: str) -> Path:
    sound(folder / "wavs" / "a.wav")
    (folder / "metadata.csv").write_text(f"a|All is well.|All is well.\n{line}\n", encoding="utf-8")
    return folder


def subtitles(folder: Path, block: str) -> Path:
    sound(folder / "a.wav")
    (folder / "a.srt").write_text(f"1\n00:00:00,000 --> 00:00:01,500\nAll is well.\n\n{block}", encoding="utf-8")
    return folder


def file(folder: Path, name: str, data: bytes) -> Path:
    sound(folder / "good.wav")
    (folder / name).write_bytes(data)
    return folder


def beside(folder: Path, name: str, seconds: float = 2.0, rate: int = 16000) -> Path:
    sound(folder / name, seconds, rate)
    return a_list(folder, f"{name}|me|EN|And here as well.")


def silent(folder: Path, text: str) -> Path:
    sound(folder / "b.wav")
    return a_list(folder, f"b.wav|me|EN|{text}")


BROKEN: dict[str, tuple[str, Callable[[Path], Path], str, int]] = {  # what: code, make, message, line
    "a .list line without all four fields": (
        "fields", lambda d: a_list(d, "b.wav|All is well"), "The line has 2 of 4 fields (path|speaker|language|text).",
        2),
    "a path that leads nowhere": (
        "missing", lambda d: a_list(d, "b.wav|me|EN|Hello there."), "There is no recording 'b.wav'.", 2),
    "a language nobody knows": (
        "language", lambda d: a_list(d, "a.wav|me|XX|Hello there."), "There is no language 'XX'.", 2),
    "an empty transcript": ("empty_text", lambda d: silent(d, ""), "The transcript is empty.", 2),
    "a transcript of marks only": (
        "empty_text", lambda d: silent(d, "...?!"), "The transcript '...?!' has nothing to speak.", 2),
    "the same recording twice": (
        "repeated", lambda d: a_list(d, "a.wav|me|EN|Again."), "a.wav stands in line 1 already.", 2),
    "far too much text": (
        "pace", lambda d: beside(d, "b.wav", 1.0) and a_list(d, f"b.wav|me|EN|{'word ' * 40}"),
        "160 letters in 1.0 s of b.wav: nobody speaks so fast.", 2),
    "metadata.csv with another separator": (
        "fields", lambda d: metadata(d, "b,Hello"), "The line has 1 field; LJSpeech has id|text or "
        "id|text|normalised text.", 2),
    "subtitles with a broken time": (
        "subtitle", lambda d: subtitles(d, "2\n0:1 -> 2\nHi.\n"),
        "This block has no line like 00:00:01,000 --> 00:00:04,000.", 5),
    "subtitles that end before they begin": (
        "subtitle_times", lambda d: subtitles(d, "2\n00:00:02,000 --> 00:00:01,000\nHi.\n"),
        "The subtitle ends (1 s) before it begins (2 s).", 6),
    "subtitles that overlap": (
        "subtitle_overlap", lambda d: subtitles(d, "2\n00:00:01,000 --> 00:00:02,000\nHi you.\n"),
        "The subtitle begins at 1 s, before the one above it ends (1.5 s).", 6),
    "subtitles of a longer recording": (
        "beyond_end", lambda d: subtitles(d, "2\n00:00:08,000 --> 00:00:09,000\nHi.\n"),
        "The line ends at 9.0 s, but a.wav has only 2.0 s.", 6),
    "an empty sound file": ("damaged", lambda d: file(d, "b.wav", b""), "b.wav: the file is empty.", 0),
    "a file that is no sound": (
        "damaged", lambda d: file(d, "b.wav", b"no sound " * 99),
        "b.wav: it cannot be read as audio (Format not recognised).", 0),
    "a sound file without samples": (
        "damaged", lambda d: beside(d, "b.wav", 0.0), "b.wav: it holds no samples.", 2),
    "a format that needs PyAV": (
        "format", lambda d: file(d, "b.m4a", b"x"),
        "b.m4a: reading .m4a files needs PyAV, which is not installed.", 0),
    "a clip that is too short": (
        "short", lambda d: beside(d, "b.wav", 0.2), "b.wav is 0.20 s long; 0.6 s is the least.", 2),
    "a sample rate below a telephone's": (
        "rate", lambda d: beside(d, "b.wav", 2.0, 6000),
        "b.wav has a sample rate of 6000 Hz; 8000 Hz is the least.", 2),
    "text in another encoding": (
        "encoding_guessed", lambda d: file(d, "good.lab", "你好。".encode("gb18030")),
        "This is not UTF-8; it was read as GB 18030.", 0),
    "text in no encoding": (
        "encoding", lambda d: file(d, "good.lab", b"\xff\xff\x81\n"), "This is neither UTF-8 nor GB 18030 text.", 1),
    "a transcript without a recording": (
        "orphan", lambda d: file(d, "b.lab", b"Hi."), "There is no recording named b beside it.", 0),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_broken_input_is_named(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "installed", lambda: False)  # with it, other words follow from other decoders
    code, make, message, line = BROKEN[what]
    manifest = read_manifest(make(tmp_path))
    problems = check(manifest)
    assert [(p.code, p.cause, p.line) for p in problems] == [(code, message, line)]
    assert problems[0].fix.endswith(".")
    assert Path(problems[0].file).exists()
    assert usable(manifest, problems), "the good recording beside it stays"


def test_the_documents_show_these_messages() -> None:
    table = (ROOT / "docs" / "dataset.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (.+?) \| (\w+) \| (.+) \|$", table, re.MULTILINE)
    assert [row for row in shown if row[0] in BROKEN] == [
        (what, code, message.replace("|", "\\|")) for what, (code, _, message, _) in BROKEN.items()
    ]


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "x.list").write_text("a.wav|me|EN|Good.\nbad\nb.wav|me|EN|Hi.\na.wav|me|QQ|Hi.\n", encoding="utf-8")
    assert [p.line for p in check(read_manifest(tmp_path))] == [2, 3, 4]


def test_list_of_any_make(tmp_path: Path) -> None:
    """Spaces, Chinese names, a byte order mark, Windows' line ends and separators, official language names."""
    sound(tmp_path / "录音 一" / "第 1 句.wav")
    text = "录音 一\\第 1 句.wav|小 明|ZH|你好，世界|真的。\r\n"
    (tmp_path / "列表.list").write_bytes(b"\xef\xbb\xbf" + text.encode())
    manifest = read_manifest(tmp_path / "列表.list")
    assert check(manifest) == ()
    (row,) = manifest.rows
    assert (row.speaker, row.language, row.text, row.line) == ("小 明", "zh", "你好，世界|真的。", 1)
    assert row.path.samefile(tmp_path / "录音 一" / "第 1 句.wav")


def test_ljspeech_prefers_the_spoken_form(tmp_path: Path) -> None:
    rows = read_manifest(metadata(tmp_path, ""), language="en", speaker="lj").rows
    assert [(row.text, row.language, row.speaker) for row in rows] == [("All is well.", "en", "lj")]


def test_sidecars_and_subtitles(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        sound(tmp_path / f"{name}.wav", 5)
    (tmp_path / "a.lab").write_text("Hello\nthere.", encoding="utf-8")
    (tmp_path / "b.srt").write_text(
        "1\n00:00:00,500 --> 00:00:02,000\n<i>One</i>\ntwo.\n\n2\n00:00:02.0 --> 00:00:04.25\nThree.", encoding="utf-8"
    )
    manifest = read_manifest(tmp_path)
    assert check(manifest) == ()
    assert [(r.path.name, r.text, r.start, r.end) for r in manifest.rows] == [
        ("a.wav", "Hello there.", 0.0, None), ("b.wav", "One two.", 0.5, 2.0), ("b.wav", "Three.", 2.0, 4.25),
        ("c.wav", "", 0.0, None),
    ]  # fmt: skip


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no recordings"):
        read_manifest(tmp_path)
    with pytest.raises(DataError, match="no file or folder"):
        read_manifest(tmp_path / "nowhere")
