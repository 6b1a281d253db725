"""Whose voice is it: cosine similarity of speaker embeddings, and whether the right speaker is the nearest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from sovits_tts.audio import Audio
from sovits_tts.errors import AudioError, MissingDependency

RATE = 16_000


class SpeakerJudge(Protocol):
    name: str

    def embed(self, audio: Audio) -> np.ndarray:
        """A unit vector (D,) that says who speaks. Raises AudioError where there is no speech to judge."""
        ...


class Resemblyzer:
    """GE2E speaker encoder (Wan et al. 2018) with the weights its package carries. Trained on English, works on all.

    Its embeddings have no negative entries, so strangers score around 0.6, not 0. Raises MissingDependency.
    """

    name = "resemblyzer"

    def __init__(self) -> None:
        if not find_spec("resemblyzer") or not find_spec("webrtcvad"):
            raise MissingDependency(
                "The speaker judge resemblyzer is not installed.",
                hint="pip install --no-deps resemblyzer webrtcvad-wheels",
            )
        import warnings

        with warnings.catch_warnings():  # it names a SciPy module by its old place
            warnings.simplefilter("ignore")
            from resemblyzer import VoiceEncoder, preprocess_wav

        self._prepare = preprocess_wav
        self._encoder = VoiceEncoder("cpu", verbose=False)

    def embed(self, audio: Audio) -> np.ndarray:
        wave = np.array(audio.resample(RATE).samples)
        if not np.abs(wave).max(initial=0.0) > 1e-4:
            raise AudioError("There is nothing to hear in this recording, so nobody to recognise.")
        spoken = self._prepare(wave)
        if len(spoken) < RATE // 4:  # its voice activity detector found next to nothing
            spoken = wave
        return unit(self._encoder.embed_utterance(spoken))


class SpeakerNetwork:
    """ERes2NetV2, the network whose vectors the v2Pro models read; so not independent of those.

    network: a loaded `models.speaker.SpeakerEncoder`
    """

    name = "eres2netv2"

    def __init__(self, network: object) -> None:
        self._network = network

    def embed(self, audio: Audio) -> np.ndarray:
        import torch

        from sovits_tts.models.speaker import SpeakerEncoder, fbank

        assert isinstance(self._network, SpeakerEncoder)
        features = fbank(torch.from_numpy(np.array(audio.resample(RATE).samples)), self._network.config.n_mels)
        if not len(features):
            raise AudioError(f"The recording is {audio.seconds:.2f} s long, too short to recognise a speaker.")
        weight = next(self._network.parameters())
        features = (features - features.mean(0)).to(weight.device, weight.dtype)  # as for verification, not as a style
        with torch.inference_mode():
            return unit(self._network.embed(features[None])[0].float().cpu().numpy())


@dataclass(frozen=True)
class Likeness:
    """How near a recording is to its target among known speakers."""

    to_target: float  # cosine to the target's clip
    to_others: float  # mean cosine to the other speakers
    nearest: str  # the speaker whose embedding is nearest
    is_right: bool


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def centroids(embeddings: Mapping[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    """One unit vector per speaker from all of its clips."""
    return {speaker: unit(np.mean(vectors, axis=0)) for speaker, vectors in embeddings.items()}


def likeness(heard: np.ndarray, clip: np.ndarray, speaker: str, known: Mapping[str, np.ndarray]) -> Likeness:
    """Compare one recording with its target clip and with every known speaker (unit vectors (D,))."""
    scores = {name: float(vector @ heard) for name, vector in known.items()}
    nearest = max(scores, key=lambda name: scores[name])
    others = [score for name, score in scores.items() if name != speaker]
    mean = sum(others) / len(others) if others else 0.0
    return Likeness(float(clip @ heard), mean, nearest, nearest == speaker)
