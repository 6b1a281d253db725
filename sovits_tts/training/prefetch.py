"""Batches prepared ahead, while a step is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


def prefetch(make: Callable[[int], Any], first: int, last: int, workers: int) -> Iterator[tuple[int, Any]]:
    """(step, batch) in order, prepared by `workers` threads, a few ahead."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[tuple[int, Future[Any]]] = []
        upcoming = first
        try:
            while True:
                while upcoming < last and len(ahead) < 2 * workers:
                    ahead.append((upcoming, pool.submit(make, upcoming)))
                    upcoming += 1
                if not ahead:
                    return
                step, future = ahead.pop(0)
                yield step, future.result()
        finally:
            for _, future in ahead:
                future.cancel()
