"""The Create-a-voice tab: recordings, one button, and a fine-tuning to watch. It outlives the browser."""

from __future__ import annotations

from html import escape
from types import SimpleNamespace
from typing import Any

import gradio as gr

from sovits_tts.app import jobs
from sovits_tts.app.jobs import Job
from sovits_tts.app.webui import creating, following
from sovits_tts.app.webui.catalogue import say
from sovits_tts.app.webui.layout import Page, samples
from sovits_tts.app.webui.voices_tab import before_and_after
from sovits_tts.errors import ConfigError

_QUIET: dict[str, Any] = {"show_progress": "hidden"}
_EVERY = 1.5  # seconds between two looks at the work
_COLUMNS = ("use", "text", "why", "id")


def build(page: Page) -> dict[str, Any]:
    """Lay the tab out and wire it. Returns what to call when the page is opened, and with what."""
    put, at = page.put, SimpleNamespace()
    at.job = gr.BrowserState("", storage_key="sovits-tts-job", secret="sovits-tts")  # the id itself is the secret
    at.seen = gr.State("")
    at.timer = gr.Timer(_EVERY, active=False)
    with gr.Column() as at.setup:
        _setup(page, at)
    with gr.Column(visible=False) as at.run:
        at.steps = gr.HTML(elem_id="sv-stepper")
        with gr.Row(elem_classes="sv-actions sv-steer"):
            at.pause = put(gr.Button, "create.pause", min_width=90)
            at.resume = put(gr.Button, "create.resume", min_width=90, variant="primary", elem_id="sv-resume")
            at.stop = put(gr.Button, "create.stop", min_width=90)
            at.discard = put(gr.Button, "create.discard", min_width=90)
        put(gr.Markdown, "create.closing", elem_classes="sv-note")
        with gr.Column(visible=False) as at.review:
            put(gr.Markdown, "create.review")
            at.table = put(
                gr.Dataframe, "create.table", headers=list(_COLUMNS), datatype=["bool", "str", "str", "str"],
                interactive=True, wrap=True, column_widths=["92px", "48%", "26%", "14%"], column_count=4,
                static_columns=[2, 3], max_height=420, elem_id="sv-review",
            )  # fmt: skip
            at.clip = put(gr.Audio, "create.clip", interactive=False, buttons=[])
            at.train = put(gr.Button, "create.train", variant="primary", elem_id="sv-train")
        at.curves = gr.HTML()
        with gr.Column(visible=False) as at.heard:
            at.sample = put(gr.Dropdown, "create.samples", choices=[])
            at.sound = put(gr.Audio, "create.sample", interactive=False, buttons=["download"])
        at.outcome = gr.HTML(elem_id="sv-outcome")
        at.speak = put(gr.Button, "create.speak", variant="primary", visible=False, elem_id="sv-speak-with")
    at.view = [
        at.seen, at.setup, at.run, at.steps, at.curves, at.outcome, at.timer, at.pause, at.resume, at.stop,
        at.discard, at.review, at.table, at.heard, at.sample, at.speak,
    ]  # fmt: skip
    return _wire(page, at)


def _setup(page: Page, at: SimpleNamespace) -> None:
    put = page.put
    put(gr.Markdown, "create.intro")
    with gr.Row():
        with gr.Column(min_width=300):
            at.files = put(
                gr.File, "create.files", file_count="multiple", height=200, elem_id="sv-recordings",
                file_types=["audio", *sorted(creating.TEXTS)],
            )  # fmt: skip
        with gr.Column(min_width=300):
            with gr.Row():
                at.name = put(gr.Textbox, "create.name", max_length=64, min_width=150, elem_id="sv-name")
                languages = ["auto", *page.tts.spec.languages]
                at.language = put(gr.Dropdown, "create.language", choices=languages, value="auto", min_width=120)
            at.consent = put(gr.Textbox, "speak.consent", max_length=500)
            with put(gr.Accordion, "speak.more", open=False):
                at.check = put(gr.Checkbox, "create.check", value=True, elem_id="sv-check")
                at.minutes = put(gr.Number, "create.minutes", value=0, minimum=0, maximum=10_000)
                with gr.Row():
                    at.gpt = put(gr.Number, "create.gpt", value=0, minimum=0, maximum=1000, precision=0, min_width=120)
                    at.vits = put(
                        gr.Number, "create.vits", value=0, minimum=0, maximum=1000, precision=0, min_width=120
                    )
            at.go = put(gr.Button, "create.go", variant="primary", elem_id="sv-create")


def _wire(page: Page, at: SimpleNamespace) -> dict[str, Any]:
    def job_of(job_id: str) -> Job:
        found = jobs.find(job_id or "")
        if found is None:
            raise ConfigError("This work is gone.", hint="Begin again.")
        return found

    def go(
        files: list[str] | None, name: str, language: str, consent: str, check: bool, minutes: float, gpt: int,
        vits: int, words: str,
    ) -> list[Any]:  # fmt: skip
        if not page.source:
            raise ConfigError("This page runs a pair of official files.", hint="Convert them to a folder first.")
        job = creating.begin(
            files or (), name, page.source, language=language, consent=consent, review=check, minutes=minutes,
            epochs=(gpt or 0, vits or 0), device=str(page.tts.runtime.device), settings=page.tuning,
        )  # fmt: skip
        return [job.id, gr.update(value=None), *look(job.id, "", words)]

    def look(job_id: str, seen: str, words: str) -> list[Any]:
        job = jobs.find(job_id or "")
        return _nothing() if job is None else _view(job, seen, words)

    def steer(job_id: str, seen: str, words: str, wish: str) -> list[Any]:
        job = job_of(job_id)
        if wish == "run" and job.state().state in jobs.OVER:
            creating.go_on(job)
        else:
            job.wish(wish)
        return look(job_id, seen, words)

    def train(job_id: str, table: Any, words: str) -> list[Any]:
        job = job_of(job_id)
        creating.save_review(job, table.values.tolist())
        creating.go_on(job)
        return look(job_id, "", words)

    def discard(job_id: str) -> list[Any]:
        job_of(job_id).delete()
        return ["", *_nothing()]

    def play(job_id: str, table: Any, event: gr.SelectData) -> Any:
        sound = creating.clip(job_of(job_id), str(table.values[event.index[0]][3]))
        return gr.update(value=samples(sound), autoplay=True)

    def hear(job_id: str, which: str) -> Any:
        return samples(creating.sample(job_of(job_id), which))

    given = [at.files, at.name, at.language, at.consent, at.check, at.minutes, at.gpt, at.vits, page.language]
    page.on(at.go.click, go, given, [at.job, at.files, *at.view])
    seen = [at.job, at.seen, page.language]
    page.on(at.timer.tick, look, seen, at.view, concurrency_limit=None, **_QUIET)
    for button, wish in ((at.pause, "pause"), (at.resume, "run"), (at.stop, "stop")):
        page.on(button.click, steer, [*seen, gr.State(wish)], at.view, **_QUIET)
    page.on(at.train.click, train, [at.job, at.table, page.language], at.view, **_QUIET)
    page.on(at.discard.click, discard, at.job, [at.job, *at.view], **_QUIET)
    page.on(at.table.select, play, [at.job, at.table], at.clip, **_QUIET)
    page.on(at.sample.input, hear, [at.job, at.sample], at.sound, **_QUIET)
    return {"look": look, "given": seen, "view": at.view, "speak": at.speak, "job": at.job}


def _nothing() -> list[Any]:
    """The view without a job: the form."""
    off, on = gr.update(visible=False), gr.update(visible=True)
    return [
        "",
        on,
        off,
        "",
        "",
        "",
        gr.update(active=False),
        off,
        off,
        off,
        off,
        off,
        gr.update(),
        off,
        gr.update(),
        off,
    ]


def _view(job: Job, seen: str, language: str) -> list[Any]:
    """Everything there is to see; what would disturb (the table, the list of samples) only where it is new."""
    state, review = job.state(), creating.waits_for_review(job)
    progress = following.follow(job.events())
    end = following.whole(progress, creating.minutes(job), state.seconds)
    spoken = creating.samples(job)
    sign = f"{state.state} {review} {len(spoken)}"
    busy, name = state.state in jobs.BUSY, "review" if review else state.state
    outcome = ""
    if state.error:
        outcome = f'<p class="sv-note sv-refused">{escape(creating.failure(state, language))}</p>'
    elif state.state == "done" and not review:
        outcome = f"<p><b>{escape(say(language, 'create.ready', name=state.result.get('name', '')))}</b></p>"
        outcome += before_and_after(state.result, language)
    table = chosen = gr.update()
    if sign != seen:
        heads = [say(language, f"create.column.{column}") for column in _COLUMNS]
        table = {"headers": heads, "data": creating.review_rows(job, language)} if review else gr.update()
        chosen = gr.update(choices=spoken, value=spoken[-1][1] if spoken else None)
    flags = [
        state.state in ("running", "starting"), state.state in ("paused", "stopped", "failed", "lost"), busy, not busy,
        review,
    ]  # fmt: skip
    return [
        sign, gr.update(visible=False), gr.update(visible=True), following.stepper(progress, name, language, end),
        following.curves(progress, language), outcome, gr.update(active=busy),
        *(gr.update(visible=flag) for flag in flags), table, gr.update(visible=bool(spoken)), chosen,
        gr.update(visible=state.state == "done" and not review),
    ]  # fmt: skip
