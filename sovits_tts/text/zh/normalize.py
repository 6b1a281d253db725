"""Written Mandarin -> speakable Mandarin."""

from __future__ import annotations

import re
import unicodedata

from sovits_tts.text.base import Normalized, TextWarning
from sovits_tts.text.zh.hanzi import is_hanzi, simplified

_MARKS = {
    **dict.fromkeys("，、；：;:·・‧", ","),
    **dict.fromkeys("。．\n", "."),
    **dict.fromkeys("！!", "!"),
    **dict.fromkeys("？?", "?"),
    **dict.fromkeys("…⋯～~", "…"),
    ",": ",",
    ".": ".",
    "-": "-",
}
_SILENT = frozenset("《》〈〉「」『』【】〔〕〖〗（）()[]{}<>“”‘’\"'`＂＇_|—─―–－*#^ \t\r\u3000\u200b\ufeff")
_RUN = re.compile(r"([!?…,.\-])[!?…,.\-]+")


def normalize(text: str) -> Normalized:
    """Speakable text: hanzi and ! ? … , . -, with a warning for every character that has no reading."""
    out: list[str] = []
    warnings: list[TextWarning] = []
    for position, char in enumerate(_numbers(text)):
        if char in _MARKS:
            out.append(_MARKS[char])
        elif is_hanzi(char):
            out.append(simplified(char))
        elif char not in _SILENT and not unicodedata.category(char).startswith("Z"):
            warnings.append(TextWarning(f"{char!r} has no Mandarin reading and was left out.", position, char))
    return Normalized(_RUN.sub(r"\1", "".join(out)), tuple(warnings))


def _numbers(text: str) -> str:
    import cn2an

    return re.sub(r"[0-9]+(\.[0-9]+)?", lambda m: cn2an.an2cn(m[0]), text)
