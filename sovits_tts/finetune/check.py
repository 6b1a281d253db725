"""Everything that speaks against a fine-tuning, found at once and before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sovits_tts import assets, voices
from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import read_model
from sovits_tts.data.manifest import Manifest, Problem, Row, read_manifest, usable
from sovits_tts.data.manifest import check as check_manifest
from sovits_tts.data.transcribe import read_review
from sovits_tts.device import choose
from sovits_tts.errors import InputError, SovitsError
from sovits_tts.finetune.config import FinetuneConfig
from sovits_tts.finetune.package import NORMAL
from sovits_tts.training.team import half_precision
from sovits_tts.voicepack import style_file


@dataclass(frozen=True)
class Check:
    """rows: of the input; usable: those that no error speaks against; problems: all, with and without `error`."""

    rows: int
    usable: list[Row]
    problems: tuple[Problem, ...]
    fatal: tuple[Problem, ...]  # those that keep the run from starting

    @property
    def transcribed(self) -> int:
        return sum(bool(row.text) for row in self.usable)


def check(
    source: str | os.PathLike[str], name: str, config: FinetuneConfig, work: Path,
    *, overwrite: bool = False, hears: bool = False,
) -> Check:  # fmt: skip
    """List every problem of the input, the name, the model and the settings. Computes and writes nothing.

    hears: there is a recogniser for recordings without a transcript, beside the one that the settings may name
    """
    fatal = [*_name(name, work, overwrite), *_model(config), *_styles_and_judges(config)]
    manifest = Manifest(())
    problems: tuple[Problem, ...] = ()
    try:
        manifest = read_manifest(source, language=config.prepare.language, speaker=config.prepare.speaker)
        problems = check_manifest(manifest)
    except SovitsError as error:
        fatal.append(_problem("source", str(source), error))
    good = usable(manifest, problems)
    if manifest.rows and not good:
        fatal.append(Problem("unusable", str(source), 0, "None of the recordings can be used.", "See the problems."))
    if not hears:
        fatal += _transcripts(source, good, config, work)
    speakers = sorted({row.speaker for row in good})
    if len(speakers) > 1:
        cause = f"The recordings name {len(speakers)} speakers ({', '.join(speakers[:5])}); a voice should be one."
        problems = (*problems, Problem("speakers", str(source), 0, cause, "Give those of one speaker.", error=False))
    return Check(len(manifest.rows), good, (*fatal, *problems), tuple(fatal))


def _problem(code: str, place: str, error: SovitsError) -> Problem:
    return Problem(code, place, 0, error.message, error.hint)


def _name(name: str, work: Path, overwrite: bool) -> Iterator[Problem]:
    """A voice that this very run made may be replaced by it."""
    try:
        own = voices.package_of(name)
        ours = own is not None and own.manifest.origin == origin_of(work)
        voices.check_name(name, overwrite or ours, tuned=True)
    except InputError as error:
        yield _problem("name", name, error)


def origin_of(work: Path) -> str:
    """What marks a voice as made by the run in this folder."""
    return str(work.resolve())


def _model(config: FinetuneConfig) -> Iterator[Problem]:
    files = assets.MODELS.get(config.model)
    own = config.vits.get("discriminators") or not config.vits.get("adversarial", True)
    if files and "vits" in config.stages and not own:
        try:
            assets.locate(files.discriminators, config.model)
        except SovitsError as error:
            hint = f"Run `sovits-tts models download {config.model} --training`."
            yield Problem("discriminators", config.model, 0, error.message, hint)
    try:
        spec = read_model(config.model).spec
    except SovitsError as error:
        yield _problem("model", config.model, error)
        return
    try:
        gpt, vits = config.tunes(spec)
    except SovitsError as error:
        yield _problem("settings", "the settings", error)
        return
    if gpt.dpo and spec.gpt.follows_text:
        cause = f"gpt.dpo is on, but {config.model} follows its text and neither skips nor repeats."
        yield Problem("settings", "gpt.dpo", 0, cause, "Set dpo: false.")
    if gpt.lora_rank and find_spec("peft") is None:
        cause = "gpt.lora_rank needs the package peft, which is not installed."
        yield Problem("settings", "gpt.lora_rank", 0, cause, 'pip install "sovits-tts[train]"')
    try:
        device = choose(config.device).device.type
    except SovitsError as error:
        yield _problem("settings", "device", error)
        return
    for stage, tune in (("gpt", gpt), ("vits", vits)):
        try:
            half_precision(tune.precision, device)
        except SovitsError as error:
            yield _problem("settings", f"{stage}.precision", error)


def _styles_and_judges(config: FinetuneConfig) -> Iterator[Problem]:
    for style, clip in config.voice.styles.items():
        try:
            style_file(style) if style != NORMAL else None
            Audio.load(clip)
        except SovitsError as error:
            yield _problem("style", f"{style}={clip}", error)
    judge = config.evaluate.recogniser
    if judge not in ("auto", "own") and not Path(judge).is_dir():
        cause = f"There is no recogniser {judge!r}."
        yield Problem("recogniser", "evaluate.recogniser", 0, cause, "Use auto, own, or a faster-whisper folder.")


def _transcripts(
    source: str | os.PathLike[str], rows: list[Row], config: FinetuneConfig, work: Path
) -> Iterator[Problem]:
    """Recordings that nobody wrote down, with no recogniser to do it."""
    if not rows or any(row.text for row in rows) or config.prepare.whisper or config.review:
        return
    table = work / "prepared" / "transcripts.tsv"
    try:
        if table.is_file() and any(row.text for row in read_review(table).values()):
            return
    except SovitsError as error:
        yield _problem("review", str(table), error)
        return
    yield Problem(
        "transcripts", str(source), 0,
        f"None of the {len(rows)} recordings has a transcript, and no recogniser was named.",
        no_transcripts(table),
    )  # fmt: skip


def no_transcripts(table: Path) -> str:
    """What to do where nobody wrote down what is said."""
    return (
        "Put a .txt with the words beside each recording; or name the folder of a faster-whisper model with --whisper; "
        f"or run this with --review, write the words into {table}, and run it again without."
    )
