"""Long work in a process of its own: it outlives the browser, and a page that was closed finds it again.

    FOLDER/job.json       what to do: a kind from `WORK` and its arguments; nothing else can be asked for
    FOLDER/events.jsonl   what happened, an Event a line
    FOLDER/state.json     starting, running, paused, stopped, done, failed; the result, or the error
    FOLDER/wish           what the page wants: run, pause or stop
    FOLDER/alive          touched every second while the process lives
    FOLDER/log.txt        what the process printed

`python -m sovits_tts.app.jobs FOLDER` is the process. Stopped, failed or killed work goes on when it is started again,
because the work itself can.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from sovits_tts import assets
from sovits_tts.data.atomic import write_json, write_text
from sovits_tts.errors import ConfigError, SovitsError
from sovits_tts.progress import Cancelled, Event, OnEvent

KEPT_DAYS = 14  # after which the folder of a job that is over is deleted
_BEAT = 1.0  # seconds
_DEAD = 15.0  # seconds without a sign of life
_EVERY = 0.2  # seconds between two events of a stage that say no more than how far it is
_ID = re.compile(r"[0-9a-f]{32}")
BUSY, OVER = ("starting", "running", "paused"), ("stopped", "done", "failed", "lost")
Work = Callable[[dict[str, Any], Path, OnEvent], dict[str, Any]]


def _prepare(arguments: dict[str, Any], folder: Path, on_event: OnEvent) -> dict[str, Any]:
    """Recordings in FOLDER/recordings to a data set."""
    from sovits_tts.data.prepare import PrepareConfig, prepare

    made = prepare(folder / "recordings", folder / "work" / "data", PrepareConfig(**arguments), on_event=on_event)
    return {key: made.report[key] for key in ("clips", "used", "used_seconds", "untranscribed")}


def _finetune(arguments: dict[str, Any], folder: Path, on_event: OnEvent) -> dict[str, Any]:
    """Recordings in FOLDER/recordings to a fine-tuned voice; FOLDER/work keeps what was done."""
    from sovits_tts.config import parse
    from sovits_tts.finetune.config import FinetuneConfig
    from sovits_tts.finetune.flow import finetune

    config = parse(FinetuneConfig, arguments["config"], source="the settings")
    made = finetune(folder / "recordings", arguments["name"], config, folder / "work", on_event=on_event)
    kept = ("baseline", "tuned", "natural", "reason", "improved")
    return {"name": made.name, "stopped": made.stopped} | {key: made.report.get(key) for key in kept if made.report}


WORK: dict[str, Work] = {"prepare": _prepare, "finetune": _finetune}


@dataclass(frozen=True)
class State:
    """How a job stands. `state` "lost": its process is gone without a word, as after a power cut; it can go on.

    told: of a deliberate error what `error` was made of: code, message, hint and values, to say it in other words
    """

    state: str
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0  # of work so far, pauses not counted


@dataclass(frozen=True)
class Job:
    """A folder as above. Anybody who knows its id may see and steer it, so ids cannot be guessed."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    def start(self, arguments: dict[str, Any] | None = None) -> None:
        """Start, or go on where it stopped, with other arguments if given. Raises ConfigError while it runs."""
        if self.state().state in BUSY:
            raise ConfigError("This work is running already.", hint="Stop it first.")
        if arguments is not None:
            write_json(self.folder / "job.json", self.facts() | {"arguments": arguments})
        write_text(self.folder / "wish", "run")
        write_json(self.folder / "state.json", asdict(State("starting", seconds=self.state().seconds)))
        (self.folder / "alive").touch()
        with (self.folder / "log.txt").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "sovits_tts.app.jobs", str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What job.json says: kind and arguments."""
        facts: dict[str, Any] = json.loads((self.folder / "job.json").read_text(encoding="utf-8"))
        return facts

    def wish(self, wish: str) -> None:
        """run, pause or stop; heeded at the next event."""
        assert wish in ("run", "pause", "stop")
        write_text(self.folder / "wish", wish)

    def state(self) -> State:
        try:
            found = State(**json.loads((self.folder / "state.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return State("stopped")
        if found.state in BUSY and time.time() - _touched(self.folder / "alive") > _DEAD:
            return State("lost", seconds=found.seconds)
        return found

    def events(self, first: int = 0) -> list[dict[str, Any]]:
        """Events from number `first` on, each with its time `t`. A line that is being written waits."""
        try:
            lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        except OSError:
            return []
        return [json.loads(line) for line in lines[first:]]

    def delete(self) -> None:
        """Its folder with everything in it. Raises ConfigError while it runs."""
        if self.state().state in BUSY:
            raise ConfigError("This work is still running.", hint="Stop it first.")
        shutil.rmtree(self.folder, ignore_errors=True)


def jobs_folder() -> Path:
    return assets.home() / "jobs"


def create(kind: str, arguments: dict[str, Any]) -> Job:
    """A new job that has not begun; put its input into its folder, then start it."""
    if kind not in WORK:
        raise ConfigError(f"There is no work {kind!r}.", hint=f"Choose one of: {', '.join(WORK)}.")
    job = Job(jobs_folder() / token_hex(16))
    job.folder.mkdir(parents=True)
    write_json(job.folder / "job.json", {"kind": kind, "arguments": arguments})
    return job


def find(job_id: str) -> Job | None:
    """The job with this id, if it is one and there is such a job."""
    folder = jobs_folder() / job_id if _ID.fullmatch(job_id) else None
    return Job(folder) if folder is not None and (folder / "job.json").is_file() else None


def everything() -> list[Job]:
    return [Job(path.parent) for path in sorted(jobs_folder().glob("*/job.json")) if _ID.fullmatch(path.parent.name)]


def busy() -> bool:
    """Whether any work is going on: one at a time, or each would take twice as long."""
    return any(job.state().state in BUSY for job in everything())


def clean(days: float = KEPT_DAYS) -> None:
    """Delete the folders of jobs that are over and have not been touched for this long."""
    for job in everything():
        if job.state().state in OVER and time.time() - _touched(job.folder / "state.json") > days * 86400:
            job.delete()


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


# --- in the process ----------------------------------------------------------------------------------------------


class _Sink:
    """Writes events down, waits while a pause is wished, and stops the work when that is."""

    def __init__(self, folder: Path, before: float) -> None:
        self.folder, self.spent, self.began = folder, before, time.monotonic()
        self.last: dict[str, float] = {}

    def seconds(self) -> float:
        return round(self.spent + time.monotonic() - self.began, 2)

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        plain = all(isinstance(value, float) for value in event.values.values())  # losses: thousands of them
        dull = plain and not event.message and event.done < (event.total or float("inf"))
        if not (dull and now - self.last.get(event.stage, -1e9) < _EVERY):
            self.last[event.stage] = now
            line = json.dumps({"t": self.seconds(), **asdict(event)}, ensure_ascii=False, default=str)
            with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        self.heed()

    def heed(self) -> None:
        wish = _wish(self.folder)
        if wish == "pause":
            self.say("paused")
            self.spent = self.seconds()
            while (wish := _wish(self.folder)) == "pause":
                time.sleep(0.2)
            self.began = time.monotonic()
            self.say("running")
        if wish == "stop":
            raise Cancelled

    def say(self, state: str, **facts: Any) -> None:
        write_json(self.folder / "state.json", asdict(State(state, seconds=self.seconds(), **facts)))


def _wish(folder: Path) -> str:
    try:
        return (folder / "wish").read_text(encoding="utf-8")
    except OSError:
        return "stop"  # the folder was taken away


def run(folder: Path) -> int:
    """Do what FOLDER/job.json says. Returns an exit code."""
    job = Job(folder)
    facts = job.facts()
    sink = _Sink(folder, job.state().seconds)
    with _alive(folder):
        sink.say("running")
        try:
            result = WORK[facts["kind"]](facts["arguments"], folder, sink)
            sink.say("done", result=json.loads(json.dumps(result, default=str)))
        except Cancelled:
            sink.say("stopped")
        except SovitsError as error:
            sink.say("failed", error=str(error), told=_told(error))
            return 2
        except Exception as error:
            traceback.print_exc()  # to log.txt
            sink.say("failed", error=f"{type(error).__name__}: {error}. {folder / 'log.txt'} shows where.")
            return 1
    return 0


def _told(error: SovitsError) -> dict[str, Any]:
    facts = {"code": error.code, "message": error.message.template, "hint": error.hint.template}
    values = error.message.values | error.hint.values
    plain = {name: value if isinstance(value, int | float) else str(value) for name, value in values.items()}
    return facts | {"values": plain}


@contextmanager
def _alive(folder: Path) -> Iterator[None]:
    """Touches `alive` while the work goes on."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT):
            (folder / "alive").touch()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
