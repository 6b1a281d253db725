"""URLs, e-mail, handles, hashtags, file names, addresses of machines, versions."""

from __future__ import annotations

import re

from sovits_tts.text.base import TextWarning
from sovits_tts.text.en.draft import Draft, text_before
from sovits_tts.text.en.numbers import cardinal, digits
from sovits_tts.text.en.tables import words

_TOP = words(
    "com org net edu gov mil int info biz io ai dev app co uk us cn de fr jp kr tw hk in eu au ca ru br it es nl "
    "se ch tv me xyz cc ly gg fm to blog shop online site tech cloud wiki news"
)
_EXTENSIONS = words(
    "py js ts jsx tsx json yaml yml toml txt md csv tsv pdf doc docx xls xlsx ppt pptx html htm css xml zip gz "
    "tar rar exe dll so sh bat png jpg jpeg gif svg bmp webp mp3 mp4 wav flac ogg avi mov mkv cpp java rb go rs "
    "php sql log cfg ini ckpt pth onnx safetensors ipynb apk iso"
)
_SAID = frozenset(words("co me to com org net gov mil info biz app blog shop online site tech cloud wiki news zip"))
_MARKS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "%": "percent", "#": "hash", "+": "plus", "~": "tilde", "\\": "backslash",
}  # fmt: skip
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b")
_URL = re.compile(
    r"(?:\b(?P<scheme>[a-z]+)://|\bwww\.(?=\w))[^\s<>\"()]*[^\s<>\"().,!?;:'…]"
    rf"|(?<![\w@.-])(?:[A-Za-z0-9-]+\.)+(?:{'|'.join(_TOP)})\b(?![.-]?\w)(?:[/:?][^\s<>\"()]*[^\s<>\"().,!?;:'…])?"
)
_FILE = re.compile(rf"(?<![\w@.])[\w/-]+(?:\.\w+)*\.(?:{'|'.join(_EXTENSIONS)})\b(?!\.\w)", re.IGNORECASE)
_PATH = re.compile(r"\b[A-Z]:(?:\\[\w. -]*\w)+|(?<![\w.~/])(?:~|\.{1,2})?(?:/[\w.-]*\w){2,}/?(?!\w)")
_HANDLE = re.compile(r"(?<![\w@.])@(\w+)")
_HASHTAG = re.compile(r"(?<![\w&#])#([A-Za-zÀ-ÿ]\w*)")
_MACHINE = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.]*\d)")
_VERSION = re.compile(r"(?<![\w.])(v(?:er)?\.? ?)?(\d+(?:\.\d+)+)(?![\w]|\.\d)", re.IGNORECASE)
_DOT_NAME = re.compile(r"(?<![\w.])\.(?=NET\b)|(?<=\s)\.(?=[a-z]{2})")


def spell_symbols(text: str) -> str:
    """ "my-site.io/a1" -> "my dash site dot I O slash a one"."""
    said: list[str] = []
    for part in re.findall(r"[A-Za-zÀ-ÿ]+|\d+|[^\w\s]|_", text):
        if part.isdigit():
            said.append(cardinal(part) if len(part) < 3 and part[0] != "0" else digits(part))
        elif part.isalpha():
            said.append(_piece(part, after_dot=said[-1:] == ["dot"]))
        else:
            said.append(_MARKS.get(part, ""))
    return " " + " ".join(filter(None, said)) + " "


def _piece(part: str, after_dot: bool) -> str:
    lower = part.lower()
    short = after_dot and (lower in _TOP or lower in _EXTENSIONS) and lower not in _SAID and len(lower) < 4
    if short or lower in {"www", "html", "htm", "xml", "http", "https"} or not re.search("[aeiouy]", lower):
        return " ".join(lower.upper())
    return lower if part.isupper() and len(part) > 1 else part


def read_web(draft: Draft, warnings: list[TextWarning]) -> None:
    """Rewrite all of these as words."""

    def url(match: re.Match[str]) -> str:
        rest = match[0]
        if match["scheme"]:
            scheme = match["scheme"] + "://"
            rest = rest.removeprefix(scheme)
            warnings.append(TextWarning(f"{scheme!r} is left out.", draft.origin[match.start()], scheme))
        return spell_symbols(rest.rstrip("/"))

    if "@" in draft.text:
        draft.sub(_EMAIL, lambda m: spell_symbols(m[0]))
        draft.sub(_HANDLE, lambda m: " at" + spell_symbols(m[1]))
    if "." in draft.text:
        draft.sub(_DOT_NAME, lambda m: "dot ")
        draft.sub(_URL, url)
        draft.sub(_FILE, lambda m: spell_symbols(m[0]))
    if "/" in draft.text or "\\" in draft.text:
        draft.sub(_PATH, lambda m: spell_symbols(m[0]))
    if "#" in draft.text:
        draft.sub(_HASHTAG, lambda m: f"hashtag {m[1].replace('_', ' ')}")


def read_versions(draft: Draft) -> None:
    """192.168.0.1 digit by digit; v2.0.1 and 3.11.2 with points. After dates, which may be dotted too."""
    draft.sub(
        _MACHINE, lambda m: f" {' dot '.join(digits(p) for p in re.split('[.:]', m[0]))} ".replace(":", " colon ")
    )
    draft.sub(_VERSION, _version)


def _version(match: re.Match[str]) -> str | None:
    parts = match[2].split(".")
    named = re.search(r"\bversion\s$", text_before(match), re.IGNORECASE)
    if not match[1] and len(parts) < 3:
        return None
    if len(parts) == 2:  # v2.15 is a decimal to most readers
        spoken = f"{cardinal(parts[0])} point {digits(parts[1]) if len(parts[1]) > 2 else cardinal(parts[1])}"
    else:
        spoken = " point ".join(cardinal(p) for p in parts)
    return f"{'version ' if match[1] and not named else ''}{spoken}"
