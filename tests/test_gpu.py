"""The same networks on a CUDA device and on the CPU. TF32 is off: what is asked is whether the code is right there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.options import SynthesisOptions
from sovits_tts.specs import get_spec
from sovits_tts.training.prior import PriorStage
from sovits_tts.tts import TTS
from tests.test_pretrain import TINY

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
MINI = Path(__file__).parents[1] / "pretrained" / "mini"
GREEDY = SynthesisOptions(seed=3, top_k=1, retries=0, language="en")


@pytest.fixture(autouse=True)
def exact_products() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def worst(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    return ((a.cpu() - b.cpu()).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize("name", ["v2", "v2ProPlus", "mini"])
def test_the_waveform_is_the_same(name: str) -> None:
    torch.manual_seed(0)
    spec = get_spec(name)
    network = VITS(spec.vits).eval().for_inference()
    c = spec.vits
    speaker = torch.randn(1, c.d_speaker) if c.d_speaker else None
    spec_of_clip, tokens = torch.rand(1, c.n_bins, 150), torch.randint(c.codebook_size, (1, 25))
    phonemes, noise = torch.randint(c.n_phonemes, (1, 20)), torch.randn(1, c.d_latent, 25 * c.token_frames)

    def spoken(device: str) -> torch.Tensor:
        network.to(device)
        style = network.style(spec_of_clip.to(device), None, None if speaker is None else speaker.to(device))
        return network.decode(tokens.to(device), phonemes.to(device), style, noise=noise.to(device))

    with torch.inference_mode():
        assert worst(spoken("cuda"), spoken("cpu")) < 2e-3


def test_hidden_states_and_tokens_are_the_same() -> None:
    torch.manual_seed(0)
    content = ContentEncoder(get_spec("mini").content).eval()
    gpt_config = replace(get_spec("v2").gpt, n_layers=4)
    gpt = GPT(gpt_config).eval()
    phonemes, tokens = torch.randint(gpt_config.n_phonemes, (1, 30)), torch.randint(gpt_config.eos, (1, 60))
    features = torch.randn(1, 30, gpt_config.d_bert)
    wave = torch.randn(1, 16000)
    lengths = torch.tensor([30]), torch.tensor([60])

    def logits(device: str) -> tuple[torch.Tensor, torch.Tensor]:
        content.to(device), gpt.to(device)
        out = gpt(
            phonemes.to(device), lengths[0].to(device), features.to(device), tokens.to(device), lengths[1].to(device)
        )
        return out.logits, content.hidden_states(wave.to(device))[-1]

    with torch.inference_mode():
        for there, here in zip(logits("cuda"), logits("cpu"), strict=True):
            assert worst(there, here) < 1e-3


@pytest.mark.parametrize("precision", ["auto", "fp16", "bf16"])
def test_mini_says_the_same(precision: str) -> None:
    here, there = TTS.load(str(MINI), device="cpu"), TTS.load(str(MINI), device="cuda", precision=precision)
    text = "The old ship sailed slowly into the quiet harbour."
    one, other = (tts.synthesize(text, tts.voice("english-woman"), options=GREEDY) for tts in (here, there))
    if precision == "auto":
        size = min(len(one.audio.samples), len(other.audio.samples))
        assert len(one.audio.samples) == len(other.audio.samples)
        rest = one.audio.samples[:size] - other.audio.samples[:size]
        assert np.sqrt(np.mean(rest**2)) < 0.02 * np.sqrt(np.mean(one.audio.samples**2))
    assert not other.failed and 0.7 < other.audio.seconds / one.audio.seconds < 1.4


def test_a_step_of_training_is_the_same() -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        stage = PriorStage(TINY.vits, VITS(TINY.vits).state_dict(), 10, device=device)
        c = TINY.vits
        generator = torch.Generator().manual_seed(1)
        inputs = {
            "spec": torch.rand(2, c.n_bins, 40, generator=generator), "spec_lengths": torch.tensor([40, 30]),
            "phonemes": torch.randint(c.n_phonemes, (2, 9), generator=generator),
            "phoneme_lengths": torch.tensor([9, 7]),
            "tokens": torch.randint(c.codebook_size, (2, 20), generator=generator),
            "style_spec": torch.rand(2, c.n_bins, 50, generator=generator), "style_lengths": torch.tensor([50, 40]),
            "noise": torch.randn(2, c.d_latent, 40, generator=generator),
            "matching_time": torch.rand(2, 2, generator=generator),
            "matching_noise": torch.randn(2, 2, c.d_latent, 40, generator=generator),
        }  # fmt: skip
        output = stage.network(None, **{k: v.to(device) for k, v in inputs.items()}, slice_frames=0)
        losses[device] = output.matching.item(), output.prior.mean.float().abs().mean().item()
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-3)
