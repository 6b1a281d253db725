"""Which checkpoint is taken, and how a budget of minutes becomes epochs. Results are given; nothing is spoken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sovits_tts.config import load
from sovits_tts.errors import ConfigError
from sovits_tts.finetune import budget
from sovits_tts.finetune.budget import Budget, train_within
from sovits_tts.finetune.choose import Candidate, PartWay, Scored, Trained, beats, chance, pick, spread
from sovits_tts.finetune.config import Evaluation, FinetuneConfig, VoiceFacts
from sovits_tts.finetune.panel import Figures
from sovits_tts.progress import Cancelled, Event, OnEvent
from sovits_tts.training.tune_config import GPTTune
from tests.tiny_model import SPEC

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stage:
    stage: str
    epoch: int
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return Path(f"{self.stage}{self.epoch}.safetensors")


def result(error: float | None, similarity: float, failed: float = 0.0) -> Figures:
    return Figures(8, error, similarity, failed, 20.0, 10.0)


class Results:
    """A contest whose outcome is known: figures by the name of the candidate."""

    def __init__(self, outcomes: dict[str, Figures], others: tuple[str, ...] = ()) -> None:
        self.outcomes, self.others, self.asked = outcomes, others, []

    def run(self, candidate: Candidate, base: Any, on_event: OnEvent) -> Scored:
        self.asked.append(candidate.name)
        return Scored(candidate, self.outcomes[candidate.name], [], Path())

    def part_way(self, whole: Stage, share: float) -> PartWay:
        return PartWay(whole, share, Path())


def choose(
    outcomes: dict[str, Figures], vits: int = 2, gpt: int = 2, ways: tuple[float, ...] = (), nearest: int = 1,
    others: tuple[str, ...] = (),
) -> tuple[Any, list[str]]:  # fmt: skip
    contest = Results(outcomes, others)
    stages = ([Stage(name, epoch) for epoch in range(1, count + 1)] for name, count in (("vits", vits), ("gpt", gpt)))
    found = pick(contest, None, *stages, ways=ways, nearest=nearest)
    return found, contest.asked  # type: ignore[arg-type]


def test_better_is_better_in_one_figure_and_worse_in_none() -> None:
    base = result(0.2, 0.7)
    assert beats(result(0.2, 0.71), base) and beats(result(0.19, 0.7), base)
    assert not beats(base, base)
    assert not beats(result(0.21, 0.9), base), "likeness is not bought with errors"
    assert not beats(result(0.1, 0.69), base), "nor clarity with likeness"
    assert not beats(result(0.1, 0.9, failed=0.1), base)
    assert beats(result(None, 0.8), result(None, 0.7)), "no recogniser knows the language"
    margin = chance(replace(base, items=100))
    assert margin == pytest.approx(0.04) and chance(base) == 0.0
    assert beats(result(0.23, 0.71), base, margin) and not beats(result(0.25, 0.9), base, margin)
    assert not beats(result(0.2, 0.7), base, margin)


def test_part_of_the_way_to_the_checkpoint_most_like_the_speaker_is_tried() -> None:
    choice, asked = choose({
        "zero-shot": result(0.20, 0.70), "vits epoch 1": result(0.25, 0.80), "vits epoch 2": result(0.30, 0.90),
        "vits epoch 2, 60% of the way": result(0.21, 0.85), "vits epoch 2, 30% of the way": result(0.19, 0.78),
    }, gpt=0, ways=(0.6, 0.3))  # fmt: skip
    assert asked[3:] == ["vits epoch 2, 60% of the way", "vits epoch 2, 30% of the way"]
    assert choice.best.candidate.name == "vits epoch 2, 30% of the way"
    assert choice.best.as_dict()["way"] == 0.3 and choice.best.as_dict()["epochs"]["vits"] == 2


def test_part_of_the_way_is_tried_for_those_most_like_the_speaker() -> None:
    ranks = {1: 0.80, 2: 0.90, 3: 0.85}
    outcomes = {"zero-shot": result(0.20, 0.70)} | {f"vits epoch {n}": result(0.30, like) for n, like in ranks.items()}
    outcomes |= {f"vits epoch {n}, 50% of the way": result(0.25, 0.8) for n in ranks}
    outcomes["vits epoch 3, 50% of the way"] = result(0.19, 0.75)
    choice, asked = choose(outcomes, vits=3, gpt=0, ways=(0.5,), nearest=2)
    assert asked[4:] == ["vits epoch 2, 50% of the way", "vits epoch 3, 50% of the way"]
    assert choice.best.candidate.name == "vits epoch 3, 50% of the way"


ALL = "all recordings"


def test_checkpoints_speak_with_all_recordings_where_that_helps_the_base() -> None:
    choice, asked = choose({
        "zero-shot": result(0.20, 0.70), ALL: result(0.18, 0.71), f"vits epoch 1, {ALL}": result(0.17, 0.80),
        f"vits epoch 1, gpt epoch 1, {ALL}": result(0.30, 0.80),
    }, vits=1, gpt=1, others=(ALL,))  # fmt: skip
    assert asked == ["zero-shot", ALL, f"vits epoch 1, {ALL}", f"vits epoch 1, gpt epoch 1, {ALL}"]
    assert choice.best.candidate.name == f"vits epoch 1, {ALL}" and choice.best.as_dict()["voice"] == ALL
    other, asked = choose({
        "zero-shot": result(0.20, 0.70), ALL: result(0.25, 0.71), "vits epoch 1": result(0.20, 0.80),
    }, vits=1, gpt=0, others=(ALL,))  # fmt: skip
    assert other.best.candidate.name == "vits epoch 1" and other.best.as_dict()["voice"] == ""


def test_all_recordings_alone_may_be_the_best_and_the_reason_says_that_the_weights_stay() -> None:
    choice, _ = choose({
        "zero-shot": result(0.20, 0.70), ALL: result(0.18, 0.71), f"vits epoch 1, {ALL}": result(0.21, 0.80),
    }, vits=1, gpt=0, others=(ALL,))  # fmt: skip
    assert choice.improved and choice.best.candidate == Candidate(voice=ALL)
    assert choice.reason == (
        "The weights stay the base's, which speak better with all recordings: then they have an error rate of 18.0% "
        "and a similarity of 0.710; with the clip alone they had an error rate of 20.0% and a similarity of 0.700."
    )


def test_more_errors_than_before_are_taken_only_where_nothing_else_is_better_and_chance_explains_them() -> None:
    base, clear, alike = replace(result(0.20, 0.70), items=100), result(0.20, 0.72), result(0.22, 0.90)
    both, _ = choose({"zero-shot": base, "vits epoch 1": clear, "vits epoch 2": alike}, gpt=0)
    assert both.best.candidate.name == "vits epoch 1"
    alone, _ = choose({"zero-shot": base, "vits epoch 1": alike}, vits=1, gpt=0)
    assert alone.best.candidate.name == "vits epoch 1"
    wrong, _ = choose({"zero-shot": base, "vits epoch 1": result(0.25, 0.99)}, vits=1, gpt=0)
    assert not wrong.improved


def test_the_gpt_stage_is_judged_through_the_best_vits_stage() -> None:
    choice, asked = choose({
        "zero-shot": result(0.20, 0.70), "vits epoch 1": result(0.20, 0.75), "vits epoch 2": result(0.30, 0.90),
        "vits epoch 1, gpt epoch 1": result(0.18, 0.76), "vits epoch 1, gpt epoch 2": result(0.15, 0.60),
    })  # fmt: skip
    assert choice.best.candidate.name == "vits epoch 1, gpt epoch 1" and choice.improved
    assert asked == [
        "zero-shot", "vits epoch 1", "vits epoch 2", "vits epoch 1, gpt epoch 1", "vits epoch 1, gpt epoch 2",
    ]  # fmt: skip
    assert "error rate of 18.0%" in choice.reason and "without training" in choice.reason


def test_a_gpt_stage_is_taken_only_if_it_is_better_by_more_than_chance() -> None:
    base, vits = replace(result(0.20, 0.70), items=100), replace(result(0.19, 0.75), items=100)
    for errors, likeness, taken in ((0.19, 0.78, False), (0.17, 0.76, False), (0.12, 0.76, True)):
        tuned = replace(result(errors, likeness), items=100)
        choice, _ = choose({"zero-shot": base, "vits epoch 1": vits, "vits epoch 1, gpt epoch 1": tuned}, vits=1, gpt=1)
        assert ("gpt" in choice.best.candidate.name) == taken and choice.improved


def test_nothing_that_is_worse_than_zero_shot_is_taken() -> None:
    choice, _ = choose({
        "zero-shot": result(0.20, 0.70), "vits epoch 1": result(0.21, 0.99), "vits epoch 2": result(0.10, 0.60),
        "gpt epoch 1": result(0.20, 0.70), "gpt epoch 2": result(0.5, 0.5),
    })  # fmt: skip
    assert choice.best is choice.baseline and not choice.improved
    assert choice.best.candidate == Candidate()
    assert "stays zero-shot" in choice.reason and "vits epoch 1" in choice.reason
    alone, _ = choose({"zero-shot": result(0.2, 0.7)}, 0, 0)
    assert "no checkpoint" in alone.reason


def test_a_few_checkpoints_stand_for_many() -> None:
    stages: list[Trained] = [Stage("gpt", epoch) for epoch in range(1, 11)]
    assert [it.epoch for it in spread(stages, 3)] == [4, 7, 10]
    assert [it.epoch for it in spread(stages, 1)] == [10]
    assert spread(stages[:2], 3) == stages[:2] and spread([], 3) == []


# --- the budget ------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(budget, "monotonic", clock)
    return clock


class Trainer:
    """Takes `seconds` a step, 5 steps an epoch, and keeps where it was, as training does."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds, self.step, self.calls = clock, seconds, 0, list[GPTTune]()

    def __call__(self, config: GPTTune, minutes: float, on_event: OnEvent) -> list[Stage]:
        self.calls.append(config)
        end = self.clock() + 60 * minutes
        while self.step < 5 * config.epochs and self.clock() < end:
            self.clock.now += self.seconds
            self.step += 1
            on_event(Event("train gpt", self.step, 5 * config.epochs, "steps"))
        return [
            Stage("gpt", epoch)
            for epoch in range(1, self.step // 5 + 1)
            if epoch % config.save_every == 0 or epoch == config.epochs
        ]


def test_epochs_are_planned_by_the_measured_time_of_a_step(clock: Clock, tmp_path: Path) -> None:
    trainer, plan = Trainer(clock, 1.0), tmp_path / "plan.json"
    found, note = train_within("gpt", GPTTune(epochs=100), trainer, 105.0, plan, 2, lambda event: None)
    assert note == "17 of 100 epochs of the gpt stage fit, at 5 s each.", "0.85 of the 100 s after five steps"
    assert len(trainer.calls) == 2 and trainer.step == 85, "the measured steps are the run's own first"
    assert clock.now - 1000 == 85 and [it.epoch for it in found] == [8, 16, 17]
    again, said = train_within("gpt", GPTTune(epochs=100), trainer, 105.0, plan, 2, lambda event: None)
    assert (again, said) == (found, note) and trainer.step == 85, "a plan that was made is kept"


def test_the_end_is_kept_even_when_steps_become_slower(clock: Clock, tmp_path: Path) -> None:
    trainer = Trainer(clock, 1.0)

    def slower(event: Event) -> None:
        trainer.seconds = 3.0 if event.done > 20 else 1.0

    found, note = train_within("gpt", GPTTune(epochs=100), trainer, 105.0, tmp_path / "p", 9, slower)
    assert clock.now - 1000 <= 108 and note == "The time for the gpt stage was over before its 17 epochs were."
    assert [it.epoch for it in found] == list(range(1, 10))


def test_a_short_training_is_not_cut_and_no_budget_is_no_plan(clock: Clock, tmp_path: Path) -> None:
    found, note = train_within(
        "gpt", GPTTune(epochs=4), Trainer(clock, 1.0), 60.0, tmp_path / "p", 9, lambda event: None
    )
    assert [it.epoch for it in found] == [1, 2, 3, 4] and note == ""
    free = Trainer(clock, 1.0)
    found, note = train_within("gpt", GPTTune(epochs=3), free, float("inf"), tmp_path / "q", 9, lambda event: None)
    assert len(found) == 3 and len(free.calls) == 1 and not (tmp_path / "q").exists()


def test_a_users_stop_is_no_end_of_the_measuring(clock: Clock, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        train_within("gpt", GPTTune(), Trainer(clock, 1.0), 9.0, tmp_path / "p", 1, stop)
    assert not (tmp_path / "p").exists()


def test_time_is_shared_out(clock: Clock, tmp_path: Path) -> None:
    limit = Budget(10.0, tmp_path, began=clock.now - 60)
    assert limit.left == 540
    assert limit.for_stage("gpt", ["gpt", "vits"], 40.0) == 200
    assert limit.for_stage("vits", ["vits"], 40.0) == 500, "the last one gets what is left"
    assert limit.checkpoints(5, evaluation=30.0, stages=2) == 3 and limit.checkpoints(5, 1000.0, 2) == 1
    assert Budget(0.0, tmp_path).left == float("inf") and Budget(0.0, tmp_path).checkpoints(5, 30.0, 2) == 5


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_settings_file_holds_the_defaults() -> None:
    assert load(FinetuneConfig, ROOT / "configs" / "finetune.yaml") == FinetuneConfig()


def test_stage_settings_lie_over_those_that_suit_the_model() -> None:
    config = FinetuneConfig(gpt={"lora_rank": 4}, vits={"epochs": 3, "frozen": ["decoder"]})
    gpt, vits = config.tunes(SPEC)
    assert (gpt.lora_rank, gpt.optimizer) == (4, "adamw"), "the small model's own optimizer stays"
    assert (vits.epochs, vits.frozen) == (3, ("decoder",))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FinetuneConfig(gpt={"epochz": 3}), "did you mean epochs"),
        (lambda: FinetuneConfig(vits={"epochs": 0}), "epochs is 0"),
        (lambda: FinetuneConfig(stages=("gpt", "content")), "no stage 'content'"),
        (lambda: FinetuneConfig(minutes=-1), "-1 minutes"),
        (lambda: replace(FinetuneConfig(model="v2"), prepare=replace(FinetuneConfig().prepare, model="v1")), "'v1'"),
        (lambda: Evaluation(share=0.0), "share 0.0"),
        (lambda: Evaluation(lines=0), "lines is 0"),
        (lambda: Evaluation(sentences=9), "sentences is 9"),
        (lambda: Evaluation(ways=(1.0,)), "ways is"),
        (lambda: Evaluation(nearest=0), "nearest is 0"),
        (lambda: Evaluation(speaker="me"), "no speaker judge 'me'"),
        (lambda: VoiceFacts(defaults={"sped": 1.0}), "voice.defaults.sped is unknown"),
        (lambda: VoiceFacts(defaults={"speed": 100.0}), "speed is 100"),
        (lambda: VoiceFacts(defaults={"seed": 1}), "voice.defaults.seed is unknown"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
