"""The same tasks over many machines, by Ray Data (extra `cluster`): actors do there what processes do here.

All machines have to see the recordings and the output folder under the same paths, and have this package installed;
results go through the output folder and come back as plain data, so a run that was stopped goes on as a local one does.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sovits_tts import errors
from sovits_tts.data.pool import Function, Runner, Task
from sovits_tts.errors import ConfigError, DataError, MissingDependency, SovitsError

LOCAL = "local"
_BLOCKS_PER_WORKER = 32  # of tasks: what a worker takes at a time, so results arrive early and evenly
_TRIES = 3  # its processes wait 15 s for each other, which is too short on a machine with much else to do
_PATIENCE = 5.0  # seconds for a head node to answer
_STORE_BYTES = 128 << 20  # tasks and results are short texts


def installed() -> bool:
    return find_spec("ray") is not None


@contextmanager
def runner(address: str, workers: int, shared: Sequence[Path] = (), gpus: float = 0.0) -> Iterator[int | Runner]:
    """What `run_tasks` takes: `workers` processes here, or as many actors of a Ray cluster.

    address: "" for processes; "local" for a Ray of this machine alone, which ends with this call; else a cluster's
    shared:  folders that every machine must see
    gpus:    graphics processors per actor
    Raises MissingDependency without Ray, ConfigError where no cluster answers, DataError where `shared` is not seen.
    """
    if not address:
        yield workers
        return
    if not installed():
        raise MissingDependency("Ray is not installed.", hint='pip install "sovits-tts[cluster]"')
    import ray

    own = not ray.is_initialized()
    if own:
        _start(address, workers)
    try:
        _check_nodes([str(path.resolve()) for path in shared])
        yield lambda tasks, function: _outcomes(tasks, function, workers, gpus)
    finally:
        if own:
            ray.shutdown()


def _start(address: str, workers: int) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports its use over the network unless told not to
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        os.environ.setdefault("RAY_worker_niceness", "0")  # else anything else that runs here starves the actors
    own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if port.isdigit():  # Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
        for left in reversed(range(_TRIES if address == LOCAL else 1)):
            try:
                ray.init(address, **quiet, **(own if address == LOCAL else {}))
                break
            except Exception:
                ray.shutdown()
                if not left:
                    raise
    except Exception as error:  # Ray raises just that where its own processes do not come up in time
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise ConfigError(
            f"No Ray cluster answers at {address!r}: {reason.rstrip('.')}.",
            hint="Use local, auto, HOST:PORT of the head node, or ray://HOST:10001; an overloaded machine starts none.",
        ) from error


def _check_nodes(folders: list[str]) -> None:
    """Each machine looks for itself: a path that exists here may not exist there."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(num_cpus=0)(_missing)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = [
        look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(folders)
        for node in nodes
    ]
    for node, missing in zip(nodes, ray.get(asked), strict=True):
        if missing:
            raise DataError(
                f"The machine {node['NodeManagerHostname']} of the cluster does not see {missing[0]}.",
                hint="Put recordings and output on a file system that all machines mount under the same path.",
            )


def _missing(folders: list[str]) -> list[str]:
    return [folder for folder in folders if not Path(folder).exists()]


class _Actor:
    """Rows and results are JSON texts: Arrow would guess types from the first of them."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any]
        try:
            answer = {"result": self._function(json.loads(row["facts"]))}
        except SovitsError as error:
            answer = {"error": [type(error).__name__, error.message, error.hint]}
        return {"key": row["key"], "answer": json.dumps(answer, ensure_ascii=False)}


def _outcomes(
    tasks: Sequence[Task], function: Function, workers: int, gpus: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results as they come. An error of ours is raised here as it was raised there."""
    if not tasks:
        return
    import ray.data
    from ray.exceptions import RayError

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"key": task.key, "facts": json.dumps(task.facts, ensure_ascii=False)} for task in tasks]
    workers = min(workers, len(rows))
    blocks = math.ceil(len(rows) / max(1, len(rows) // (workers * _BLOCKS_PER_WORKER)))
    found = ray.data.from_items(rows, override_num_blocks=blocks).map(
        _Actor, fn_constructor_args=(function,), compute=ray.data.ActorPoolStrategy(size=workers), num_cpus=1,
        num_gpus=gpus,
    )  # fmt: skip
    try:
        for row in found.iter_rows():
            answer = json.loads(row["answer"])
            if "error" in answer:
                name, message, hint = answer["error"]
                raise getattr(errors, name, DataError)(message, hint=hint)
            yield row["key"], answer["result"]
    except RayError as error:
        raise DataError(
            f"The cluster could not finish: {str(error).splitlines()[-1]}",
            hint="Run the same command again, perhaps with fewer workers; what is done is kept.",
        ) from error
