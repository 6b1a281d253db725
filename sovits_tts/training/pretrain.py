"""Train an embedded model from scratch, part by part, each resumable:

decode → teacher → content → tokens → gpt, vits (side by side once tokens exist) → prior → decoder → package
decode → restore → any of gpt, vits, prior, decoder → package, where the work folder is gone but a model has landed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from sovits_tts.data.contours import Contours
from sovits_tts.data.corpus import Corpus, decode_corpus
from sovits_tts.data.pieces import read_pieces
from sovits_tts.errors import ConfigError
from sovits_tts.progress import Event, OnEvent, silent
from sovits_tts.specs import ModelSpec, get_spec
from sovits_tts.training.decoder import DecoderStage
from sovits_tts.training.gpt import GPTData, GPTStage
from sovits_tts.training.loop import LoopSettings, Stage, run
from sovits_tts.training.pretrain_content import ContentRun, load_codebook, make_tokens, train_content
from sovits_tts.training.pretrain_package import package, waveform_weights
from sovits_tts.training.pretrain_teacher import TeacherRun, pretrain_teacher
from sovits_tts.training.prior import PriorStage
from sovits_tts.training.restore import restore
from sovits_tts.training.schedule import Schedule, cosine_over_time
from sovits_tts.training.vits import VITSStage, VITSWeights
from sovits_tts.training.vits_data import VITSData
from sovits_tts.training.work import averaged, content_stage, install_codebook, pieces_of, saved_stage, stored_tokens

SEED = 1234
_ENDLESS = 1 << 40  # steps: the clock ends the run
_WARMUP = 300  # steps of a rate that falls over time
RESTORE = "restore"  # instead of teacher, content and tokens, where a landed model has done them
PARTS = ("decode", "teacher", "content", "tokens", "gpt", "vits", "prior", "decoder", "package")


@dataclass(frozen=True)
class GPTRun:
    """Settings of the GPT stage."""

    steps: int = 20000
    tokens_per_batch: int = 4000
    joined: float = 0.5  # share of examples that begin with another piece of the speaker, as a prompt
    peak_lr: float = 1e-3
    dropout: float = 0.0
    anneal: str = "steps"  # or "time": the rate falls over the minutes of this call, not over `steps`
    save_seconds: float = 600.0
    workers: int = 1


@dataclass(frozen=True)
class VITSRun:
    """Settings of the waveform stage."""

    steps: int = 60000
    adversarial_from: int = 6000
    kl_warmup: int = 2000  # steps over which the KL term reaches its weight
    posterior_pull: float = 0.06  # at 1, the posterior says too little of a recording to rebuild it
    items: int = 8
    longest: float = 3.0  # seconds of a crop
    slice_frames: int = 32  # decoded in one step
    peak_lr: float = 4e-4
    anneal: str = "steps"  # or "time": the rate falls over the minutes of this call, not over `steps`
    save_seconds: float = 600.0
    workers: int = 1


@dataclass(frozen=True)
class PriorRun:
    """Settings of the prior stage."""

    steps: int = 20000
    items: int = 8
    longest: float = 3.0  # seconds of a crop
    longest_style: float = 6.0  # seconds of what gives the voice: synthesis has 3 to 10
    peak_lr: float = 8e-4
    dropout: float = 0.0  # a few passes over the corpus learn nothing by heart; many do
    anneal: str = "steps"  # or "time": the rate falls over the minutes of this call, not over `steps`
    save_seconds: float = 600.0
    workers: int = 1


@dataclass(frozen=True)
class DecoderRun:
    """Settings of the decoder stage."""

    steps: int = 6000
    items: int = 8
    longest: float = 2.0  # seconds of a crop
    slice_frames: int = 64  # decoded in one step
    peak_lr: float = 3e-4
    anneal: str = "steps"  # or "time": the rate falls over the minutes of this call, not over `steps`
    save_seconds: float = 600.0
    workers: int = 1


@dataclass(frozen=True)
class PretrainConfig:
    """`configs/pretrain_mini.yaml`."""

    spec: str = "mini"
    device: str = "cpu"
    teacher: TeacherRun = field(default_factory=TeacherRun)
    content: ContentRun = field(default_factory=ContentRun)
    gpt: GPTRun = field(default_factory=GPTRun)
    vits: VITSRun = field(default_factory=VITSRun)
    prior: PriorRun = field(default_factory=PriorRun)
    decoder: DecoderRun = field(default_factory=DecoderRun)
    meta: dict[str, Any] = field(default_factory=dict)  # written into the model's config.yaml


def pretrain(
    part: str,
    work: Path,
    config: PretrainConfig,
    *,
    corpus: Path | None = None,
    out: Path | None = None,
    model: Path | None = None,
    minutes: float = float("inf"),
    on_event: OnEvent = silent,
) -> None:
    """Run one of `PARTS`, or `RESTORE`, in the folder `work`, from where it stopped, for at most `minutes`.

    corpus: the folder with manifest.csv, for "decode"; out: the model folder, for "package";
    model: a landed one to go on from, for "restore".
    Raises ConfigError for an unknown part and DataError when an earlier part is missing.
    """
    spec = get_spec(config.spec)
    run_part: dict[str, Callable[[], Any]] = {
        "decode": lambda: decode_corpus(_given(corpus, "--corpus"), work, spec.languages, on_event=on_event),
        RESTORE: lambda: restore(work, spec, _given(model, "--from"), on_event),
        "teacher": lambda: pretrain_teacher(work, config.teacher, on_event),
        "content": lambda: train_content(work, spec, replace(config.content, device=config.device), minutes, on_event),
        "tokens": lambda: make_tokens(work, spec, *content_stage(work, spec), on_event),
        "gpt": lambda: train_gpt(work, spec, config.gpt, config.device, minutes, on_event),
        "vits": lambda: train_vits(work, spec, config.vits, config.device, minutes, on_event),
        "prior": lambda: train_prior(work, spec, config.prior, config.device, minutes, on_event),
        "decoder": lambda: train_decoder(work, spec, config.decoder, config.device, minutes, on_event),
        "package": lambda: package(work, spec, _given(out, "--out"), config.meta),
    }
    if part not in run_part:
        raise ConfigError(f"There is no part {part!r} of pretraining.", hint=f"Choose one of: {', '.join(run_part)}.")
    torch.manual_seed(SEED)  # networks start alike every time
    run_part[part]()


def _given(path: Path | None, option: str) -> Path:
    if path is None:
        raise ConfigError(f"This part needs {option}.", hint=f"Give a folder with {option}.")
    return path


def train_gpt(work: Path, spec: ModelSpec, settings: GPTRun, device: str, minutes: float, on_event: OnEvent) -> None:
    """Train, or resume, in `work/gpt`."""
    pieces, store = read_pieces(work / "pieces.jsonl"), stored_tokens(work)
    train, dev = (
        GPTData(
            pieces,
            store,
            pieces_of(work, split),
            spec.gpt,
            settings.tokens_per_batch,
            settings.joined,
            token_rate=spec.token_rate,
        )
        for split in ("train", "dev")
    )
    stage = GPTStage(
        spec.gpt, settings.steps, settings.peak_lr, device, settings.dropout, schedule=_schedule(settings, minutes)
    )
    run(
        stage,
        train.batch,
        work / "gpt",
        replace(_loop(settings, minutes), processes=device != "cpu"),
        on_event,
        on_save=lambda step: on_event(Event("gpt dev", step, values=stage.evaluate(dev))),
    )


def train_vits(work: Path, spec: ModelSpec, settings: VITSRun, device: str, minutes: float, on_event: OnEvent) -> None:
    """Train, or resume, in `work/vits`."""
    data = _vits_data(work, spec, settings, device, on_event, contours=True)
    stage = VITSStage(
        spec.vits, settings.steps, settings.adversarial_from, settings.kl_warmup, settings.peak_lr,
        slice_frames=settings.slice_frames, weights=VITSWeights(posterior_pull=settings.posterior_pull), device=device,
        schedule=_schedule(settings, minutes),
    )  # fmt: skip

    def install() -> None:  # the tokens may have been made again since the state was saved
        install_codebook(stage.generator.quantizer, load_codebook(work))

    install()
    _run_on(data, stage, work / "vits", _loop(settings, minutes), on_event, install)


def train_prior(
    work: Path, spec: ModelSpec, settings: PriorRun, device: str, minutes: float, on_event: OnEvent
) -> None:
    """Train, or resume, in `work/prior`, on the latent of the waveform stage as it is now."""
    vits, _ = saved_stage(work / "vits")
    data = _vits_data(work, spec, settings, device, on_event, longest_style=settings.longest_style)
    dev = data.of(pieces_of(work, "dev"))
    latent = averaged(vits, "generator")
    stage = PriorStage(
        spec.vits, latent, settings.steps, settings.peak_lr, device, _schedule(settings, minutes), settings.dropout
    )

    def install() -> None:  # tokens and latent may be others since the state was saved
        stage.install(latent)
        install_codebook(stage.network.quantizer, load_codebook(work))

    install()
    _run_on(
        data, stage, work / "prior", _loop(settings, minutes), on_event, install,
        on_save=lambda step: on_event(Event("prior dev", step, values=stage.evaluate(dev))),
    )  # fmt: skip


def train_decoder(
    work: Path, spec: ModelSpec, settings: DecoderRun, device: str, minutes: float, on_event: OnEvent
) -> None:
    """Train, or resume, in `work/decoder`, on what the prior makes as it is now."""
    latent = waveform_weights(work)
    data = _vits_data(work, spec, settings, device, on_event, contours=True)
    stage = DecoderStage(
        spec.vits, latent, settings.steps, settings.peak_lr, settings.slice_frames, device,
        _schedule(settings, minutes),
    )  # fmt: skip

    def install() -> None:
        stage.install(latent)
        install_codebook(stage.generator.quantizer, load_codebook(work))

    install()
    _run_on(data, stage, work / "decoder", _loop(settings, minutes), on_event, install)


def _vits_data(
    work: Path, spec: ModelSpec, settings: VITSRun | PriorRun | DecoderRun, device: str, on_event: OnEvent,
    contours: bool = False, longest_style: float = 4.0,
) -> VITSData:  # fmt: skip
    corpus = Corpus(work)
    return VITSData(
        corpus, read_pieces(work / "pieces.jsonl"), stored_tokens(work), spec.vits, pieces_of(work, "train"),
        Contours(corpus, work, on_event) if contours and spec.vits.source else None, settings.items,
        longest=settings.longest, longest_style=longest_style, device=device,
    )  # fmt: skip


def _run_on(
    data: VITSData, stage: Stage, folder: Path, settings: LoopSettings, on_event: OnEvent,
    install: Callable[[], None], on_save: Callable[[int], None] = lambda step: None,
) -> None:  # fmt: skip
    """Batches are made by threads, whole; or, for a GPU, planned by processes and filled there."""
    if data.samples.device.type == "cpu":
        run(stage, data.batch, folder, settings, on_event, on_save, install)
    else:
        settings = replace(settings, processes=True)
        run(stage, data.plan, folder, settings, on_event, on_save, install, prepare=data.fill)


def _schedule(settings: GPTRun | VITSRun | PriorRun | DecoderRun, minutes: float) -> Schedule | None:
    """None: the stage's own, over `steps`."""
    if settings.anneal == "steps":
        return None
    if settings.anneal != "time" or minutes == float("inf"):
        raise ConfigError(f"anneal is {settings.anneal!r}.", hint="Set steps, or time and say --minutes.")
    return cosine_over_time(settings.peak_lr, _WARMUP, minutes * 60)


def _loop(settings: GPTRun | VITSRun | PriorRun | DecoderRun, minutes: float) -> LoopSettings:
    steps = settings.steps if settings.anneal == "steps" else _ENDLESS
    return LoopSettings(
        steps, save_seconds=settings.save_seconds, deadline_seconds=minutes * 60, workers=settings.workers
    )
