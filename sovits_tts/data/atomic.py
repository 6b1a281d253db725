"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from secrets import token_hex
from typing import Any


def write_text(path: Path, text: str) -> None:
    """UTF-8, under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{token_hex(8)}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False))
