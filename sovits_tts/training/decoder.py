"""The decoder stage of `mini`: the generator learns to speak what prior and flow make, with discriminators.

In the waveform stage it heard latents of recordings only, and what synthesis hands it is never as good. Here the flow
takes over a recording's latent half-way and finishes it (`FlowMatching.finish`), so that the latent has the faults of
synthesis and the recording can still be compared with. Everything but the generator is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from sovits_tts.errors import ConfigError
from sovits_tts.models.matching import starts
from sovits_tts.specs import VITSConfig
from sovits_tts.training.schedule import Schedule
from sovits_tts.training.vits import VITSStage, VITSWeights
from sovits_tts.training.vits_batch import VITSBatch

LEARNING = ("decoder.",)
_WARMUP = 400  # steps over which the discriminators come to count


class DecoderStage(VITSStage):
    name = "decoder"

    def __init__(
        self,
        config: VITSConfig,
        weights: Mapping[str, Tensor],
        total_steps: int,
        peak_lr: float = 3e-4,
        slice_frames: int = 64,
        device: str = "cpu",
        schedule: Schedule | None = None,
    ) -> None:
        """weights: of the whole network, as waveform and prior stage left them. Raises ConfigError without matching."""
        if not config.d_matching:
            raise ConfigError("The decoder stage needs a flow that can finish a latent.", hint="Set d_matching.")
        super().__init__(
            config, total_steps, 0, peak_lr=peak_lr, slice_frames=slice_frames, weights=VITSWeights(pitch=5.0),
            device=device, schedule=schedule, learning=LEARNING,
        )  # fmt: skip
        self._full = self.weights
        self.install(weights, all_of_it=True)

    def install(self, weights: Mapping[str, Tensor], all_of_it: bool = False) -> None:
        """Take everything that is not trained here from the other stages as they are now."""
        self.average.install(
            {name: value for name, value in weights.items() if all_of_it or not name.startswith(LEARNING)}
        )

    def step(self, batch: VITSBatch, step: int) -> dict[str, float]:
        share = min(1.0, step / _WARMUP)
        self.weights = replace(
            self._full, adversarial=share * self._full.adversarial, feature=share * self._full.feature
        )
        return super().step(batch, step)

    def _train_mode(self) -> None:
        self.generator.eval()
        self.generator.decoder.train()

    def inputs(self, batch: VITSBatch) -> dict[str, Tensor | None]:
        return super().inputs(batch) | {"finish_from": starts(len(batch.tokens)).to(self.device)}
