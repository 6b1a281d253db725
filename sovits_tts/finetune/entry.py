"""What a run compares: the base, the voice's clip, lines that no training hears, the judges, the zero-shot result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_tts.audio import Audio
from sovits_tts.data.prepare import Prepared
from sovits_tts.errors import DataError
from sovits_tts.finetune.choose import Candidate, Choice, Contest, Line, Scored, Trained, pick, spread
from sovits_tts.finetune.package import NORMAL, best_clip, by_worth, style_voice
from sovits_tts.finetune.panel import Panel
from sovits_tts.finetune.run import Run
from sovits_tts.finetune.sentences import SENTENCES
from sovits_tts.progress import OnEvent
from sovits_tts.training.tune_data import TuneData
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice
from sovits_tts.voice_making import SHORTEST_FURTHER

FEWEST = 4  # clips, below which none can be held out
_FEWEST_LINES = 3
ALL = "all recordings"  # name of the voice that knows them
_MOST_COMPARED = 20  # recordings that tell what the speaker is like


@dataclass(frozen=True)
class Entry:
    """What is compared: the base, the lines that no training hears, who judges, and the contest with the voices."""

    base: TTS
    lines: list[Line]  # held out
    share: float  # of the clips that is held out
    panel: Panel
    contest: Contest
    baseline: Scored
    most: int  # checkpoints of each stage
    ways: tuple[float, ...]
    nearest: int  # checkpoints that `ways` are tried for

    @classmethod
    def make(cls, run: Run, prepared: Prepared, data: TuneData, on_event: OnEvent) -> Entry:
        settings, rows = run.config.evaluate, {row["id"]: row for row in prepared.rows}
        if len(data.rows) < FEWEST:
            lost = "; ".join(f"{name}: {why}" for name, why in list(data.left_out.items())[:3])
            raise DataError(f"The model can use only {len(data.rows)} clips; {FEWEST} are the least. {lost}")
        share = min(0.5, max(settings.share, _FEWEST_LINES / len(data.rows)))
        held = [data.rows[index] for index in data.split(share)[1]]
        lines = [Line(row.id, row.text, _language(rows[row.id]), row.path) for row in held][: settings.lines]
        base = TTS.load(run.config.model, device=run.config.device)
        own = [row for row in prepared.rows if row["id"] not in {row.id for row in held}]
        reference, clip = _reference(run, base, own)
        panel = Panel(base, [line.language for line in lines], settings.recogniser, settings.speaker)
        others = [row for row in own if row["id"] != clip] or own
        panel.learn_voice([Audio.load(run.prepared / row["path"]) for row in others[:_MOST_COMPARED]])
        contest = Contest(
            run.config.model, panel, reference, [*lines, *_sentences(lines, settings.sentences)],
            run.work / "evaluation",
            device=run.config.device, takes=settings.takes,
            options=run.config.voice.defaults | {"seed": settings.seed, "retries": settings.retries},
            others=_others(run, base, reference, clip, [row for row in own if row["id"] not in data.left_out]),
        )  # fmt: skip
        baseline = contest.run(Candidate(), base, on_event)
        most = run.budget.checkpoints(settings.checkpoints, baseline.figures.spent, len(run.config.stages))
        ways = settings.ways if most == settings.checkpoints else ()  # no time for more than a few checkpoints
        return cls(base, lines, share, panel, contest, baseline, most, ways, settings.nearest)

    @property
    def beside(self) -> int:
        """Evaluations beside those of the checkpoints themselves, at most."""
        return len(self.contest.others) + len(self.ways) * min(self.nearest, self.most)

    def pick(self, trained: dict[str, list[Trained]], on_event: OnEvent) -> Choice:
        vits, gpt = (spread(trained.get(stage, []), self.most) for stage in ("vits", "gpt"))
        return pick(self.contest, self.base, vits, gpt, on_event, self.baseline, self.ways, self.nearest)


def _sentences(lines: Sequence[Line], most: int) -> list[Line]:
    """Of ours, in the language of most of the held-out lines."""
    language = Counter(line.language for line in lines).most_common(1)[0][0]
    chosen = SENTENCES.get(language, ())[:most]
    return [Line(f"{language}-{number}", text, language) for number, text in enumerate(chosen, 1)]


def _reference(run: Run, base: TTS, rows: Sequence[dict[str, Any]]) -> tuple[Voice, str]:
    """The clip that the voice speaks like, and its id if it is one of the recordings."""
    facts = run.config.voice
    if NORMAL in facts.styles:
        return style_voice(base, Path(facts.styles[NORMAL]), run.config.prepare.language, run.name, facts), ""
    row = best_clip(rows)
    voice = base.voice(
        run.prepared / row["path"], row["text"], _language(row),
        name=run.name, consent=facts.consent, licence=facts.licence,
    )  # fmt: skip
    return voice, row["id"]


def _others(run: Run, base: TTS, reference: Voice, clip: str, rows: Sequence[dict[str, Any]]) -> dict[str, Voice]:
    """What the voice may bring beside its clip: for a model that looks up in it, all recordings that are trained on."""
    further = [row for row in by_worth(rows) if row["id"] != clip and row["seconds"] >= SHORTEST_FURTHER]
    if not base.spec.vits.d_reference or not further:
        return {}
    return {ALL: base.voice(reference, more=[run.prepared / row["path"] for row in further])}


def _language(row: dict[str, Any]) -> str:
    """Of most of what is said."""
    if row["language"] != "auto":
        return str(row["language"])
    return str(max(row["runs"], key=lambda part: part["phonemes"])["language"])
