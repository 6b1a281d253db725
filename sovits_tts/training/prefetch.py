"""Batches prepared ahead, while a step is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


def prefetch(
    make: Callable[[int], Any], first: int, last: int, workers: int, processes: bool = False
) -> Iterator[tuple[int, Any]]:
    """(step, batch) in order, prepared by `workers` threads, or processes, a few ahead.

    Threads share the interpreter with the step. That costs little where a step is long, and a lot on a GPU, where
    hardly anything but the interpreter is busy.
    """
    yield from (_from_processes if processes else _from_threads)(make, first, last, workers)


def _from_threads(make: Callable[[int], Any], first: int, last: int, workers: int) -> Iterator[tuple[int, Any]]:
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


def _from_processes(make: Callable[[int], Any], first: int, last: int, workers: int) -> Iterator[tuple[int, Any]]:
    from torch.utils.data import DataLoader, Dataset

    class Steps(Dataset[Any]):
        def __getitem__(self, step: int) -> Any:
            return make(step)

    steps = range(first, last)
    loader = DataLoader(
        Steps(), batch_size=None, sampler=steps, num_workers=workers, collate_fn=_as_it_is, prefetch_factor=4,
        multiprocessing_context="fork",
    )  # fmt: skip
    yield from zip(steps, loader, strict=True)


def _as_it_is(item: Any) -> Any:
    return item
