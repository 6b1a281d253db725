"""Progress of long work. Work emits events; the bar, the page and the log are sinks.

A sink that raises `Cancelled` stops the work, which saves first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One step of long work. `done` and `total` count in `unit`; total 0 means unknown."""

    stage: str
    done: float = 0
    total: float = 0
    unit: str = ""
    message: str = ""
    values: dict[str, Any] = field(default_factory=dict)  # losses, paths: whatever the stage reports


OnEvent = Callable[[Event], None]


class Cancelled(Exception):
    """Raised by a sink to stop the work that called it."""


def silent(event: Event) -> None:
    """The default sink."""
