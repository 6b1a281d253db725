"""Which characters are hanzi, and their simplified forms."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def is_hanzi(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf" or "\U00020000" <= char <= "\U000323af"


@cache
def _simplified() -> dict[str, str]:
    path = files("sovits_tts.text") / "data" / "zh_simplified.txt"
    traditional, simple = path.read_text(encoding="utf-8").split()
    return dict(zip(traditional, simple, strict=True))


def simplified(char: str) -> str:
    """The simplified form of a traditional character; any other character as it is."""
    return _simplified().get(char, char)
