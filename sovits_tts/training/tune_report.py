"""What a fine-tuning run shows: TensorBoard logs, curves as a picture, and a sentence spoken by each checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from sovits_tts.audio import Audio
from sovits_tts.checkpoints.build import LoadedModel, load_model
from sovits_tts.device import choose
from sovits_tts.errors import SovitsError
from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.options import SynthesisOptions
from sovits_tts.progress import Event
from sovits_tts.training.loop import LOG
from sovits_tts.training.tune_config import Tune
from sovits_tts.training.tune_data import TuneData
from sovits_tts.tts import TTS

_VOICE_SECONDS = (3.0, 10.0)
_COLUMNS = 3  # of the curves


class TensorBoard:
    """A sink that writes the figures of a stage's events to OUT/tensorboard. Raises ImportError without TensorBoard."""

    def __init__(self, folder: Path, stage: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._make, self._folder, self._stage = SummaryWriter, folder / "tensorboard", stage
        self._writer: Any = None

    def __call__(self, event: Event) -> None:
        if event.stage != self._stage or not event.values:
            return
        if self._writer is None:  # a killed run may have written further than its state
            self._writer = self._make(str(self._folder), purge_step=int(event.done))
        for name, value in event.values.items():
            self._writer.add_scalar(name, value, int(event.done))
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of log.jsonl; of lines about the same epoch the last."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines]
    last = {row["epoch"]: place for place, row in enumerate(rows) if "epoch" in row}
    return [row for place, row in enumerate(rows) if "epoch" not in row or last[row["epoch"]] == place]


def draw_curves(folder: Path) -> Path:
    """OUT/curves.png from OUT/log.jsonl: a panel for each figure, steps from left to right. ImportError without
    matplotlib.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_log(folder)
    names = sorted({name for row in rows for name in row} - {"step", "epoch", "rolled_back_from"})
    rows_of_panels = max(1, -(-len(names) // _COLUMNS))
    figure = Figure(figsize=(12, 2.4 * rows_of_panels))
    FigureCanvasAgg(figure)
    # Margins by hand: matplotlib's own layout would draw everything twice, at every checkpoint.
    edge = 0.1 / rows_of_panels
    figure.subplots_adjust(left=0.05, right=0.99, bottom=edge, top=1 - edge, wspace=0.2, hspace=0.35)
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(rows_of_panels, _COLUMNS, place)
        points = [(row["step"], row[name]) for row in rows if name in row and "epoch" not in row]
        epochs = [(row["step"], row[name]) for row in rows if name in row and "epoch" in row]
        for line, style in ((points, "-"), (epochs, "o-")):
            if line:
                axes.plot(*zip(*line, strict=True), style, markersize=3, linewidth=1)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.locator_params(nbins=4)
    target = folder / "curves.png"
    partial = folder / ".curves.part.png"
    figure.savefig(partial, dpi=100)
    partial.replace(target)
    return target


class Sampler:
    """Speaks the same sentence with each checkpoint, in the voice of a clip to train on: OUT/samples/*.wav."""

    def __init__(self, data: TuneData, base: str, config: Tune, out: Path, device: str) -> None:
        self.data, self.base, self.config, self.out, self.device = data, base, config, out, device
        self._model: LoadedModel | None = None

    def speak(self, stage: str, weights: Mapping[str, Tensor], name: str) -> str:
        """Write `name`.wav; returns "", or why there is none."""
        train, held = self.data.split(self.config.validation)
        fit = [i for i in train if _VOICE_SECONDS[0] <= self.data.rows[i].seconds <= _VOICE_SECONDS[1]]
        if not fit:
            return "No clip of 3 to 10 s could serve as the voice."
        voice_row = self.data.rows[max(fit, key=lambda i: self.data.rows[i].seconds)]
        said = self.data.rows[(held or train)[0]]
        text, language = self.config.sample_text or said.text, "auto" if self.config.sample_text else said.language
        self._model = self._model or load_model(self.base)
        try:
            tts = TTS(self._with(self._model, stage, weights), choose(self.device))
            voice = tts.voice(Audio.load(voice_row.path), voice_row.text, voice_row.language)
            spoken = tts.synthesize(text, voice, language, SynthesisOptions(seed=self.config.seed))
            folder = self.out / "samples"
            folder.mkdir(exist_ok=True)
            spoken.save(folder / f"{name}.wav")
        except SovitsError as error:
            return f"No sample was spoken: {error.message}"
        return ""

    @staticmethod
    def _with(model: LoadedModel, stage: str, weights: Mapping[str, Tensor]) -> LoadedModel:
        """The model with one stage replaced; its fingerprint is not that of the base any more."""
        spec = model.spec
        network = GPT(spec.gpt) if stage == "gpt" else VITS(spec.vits, posterior=False)
        network.load_state_dict({name: value.float() for name, value in weights.items()})
        network.eval()
        made = f"{model.fingerprint}/tuned"
        if isinstance(network, GPT):
            return replace(model, gpt=network, fingerprint=made)
        return replace(model, vits=network, fingerprint=made)
