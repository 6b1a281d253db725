"""The decoder stage of `mini`: the generator learns to speak what prior and flow make, with discriminators.

In the waveform stage it heard latents of recordings only, and what synthesis hands it is never as good. Here the flow
takes over a recording's latent half-way and finishes it (`FlowMatching.finish`), so that the latent has the faults of
synthesis and the recording can still be compared with. Everything but the generator is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from sovits_tts.errors import ConfigError
from sovits_tts.models.frames import random_starts
from sovits_tts.models.matching import FlowMatching
from sovits_tts.models.vits import TrainOutput
from sovits_tts.specs import VITSConfig
from sovits_tts.training.schedule import Schedule
from sovits_tts.training.vits import VITSStage, VITSWeights
from sovits_tts.training.vits_data import VITSBatch

LEARNING = ("decoder.",)
_START = (0.1, 0.7)  # where the flow takes over, between noise and speech
_NOISE = 0.8
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
        kept = {name: value for name, value in weights.items() if all_of_it or not name.startswith(LEARNING)}
        self.g_precision.load_state_dict({**self.g_precision.state_dict(), **kept})
        for name in self.average.weights.keys() & kept.keys():
            self.average.weights[name].copy_(kept[name])

    def step(self, batch: VITSBatch, step: int) -> dict[str, float]:
        share = min(1.0, step / _WARMUP)
        self.weights = replace(
            self._full, adversarial=share * self._full.adversarial, feature=share * self._full.feature
        )
        return super().step(batch, step)

    def _train_mode(self) -> None:
        self.generator.eval()
        self.generator.decoder.train()

    def generate(self, batch: VITSBatch) -> tuple[TrainOutput, Tensor, Tensor]:
        flow, inputs = self.generator.flow, batch.inputs(self.g_precision)
        assert isinstance(flow, FlowMatching)
        with self.g_precision.autocast():
            with torch.no_grad():
                output: TrainOutput = self.generator(None, **inputs, slice_frames=0)
                low, high = _START
                start = (low + (high - low) * torch.rand(len(output.z))).to(output.z.device)
                noise = _NOISE * torch.randn_like(output.z)
                z = flow.finish(output.prior, output.mean_q, output.style.vector, noise, start)
            place = random_starts(batch.spec_lengths, self.slice_frames).to(z.device)
            wave, said = self.generator.decode_slice(z, output.style, place, self.slice_frames, inputs["pitch"])
        return self.compared(
            batch, replace(output, wave_slice=wave, slice_start=place, pitch=said, matching=None)
        )  # fmt: skip
