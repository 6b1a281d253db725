"""The content encoder at a tiny size."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sovits_tts.models.content import ContentEncoder
from sovits_tts.specs import SPECS, ContentConfig

TINY = ContentConfig(
    d_model=32, n_layers=2, n_heads=4, d_ff=64, conv_dims=(16,) * 7, position_kernel=16, position_groups=4,
    output_layer=1, ctc_symbols=7,
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> ContentEncoder:
    torch.manual_seed(0)
    return ContentEncoder(TINY).eval()


@pytest.mark.parametrize("samples", [399, 400, 719, 720, 16000, 16001, 63999])
def test_frame_count_is_what_the_network_gives(encoder: ContentEncoder, samples: int) -> None:
    expected = ContentEncoder.n_frames(samples)
    if expected == 0:
        assert samples < 400
        return
    with torch.no_grad():
        assert encoder(torch.randn(1, samples)).shape == (1, TINY.d_model, expected)


def test_output_layer_is_one_of_the_states(encoder: ContentEncoder) -> None:
    wave = torch.randn(2, 4000)
    with torch.no_grad():
        states = encoder.hidden_states(wave)
        output = encoder(wave)
    assert len(states) == TINY.n_layers + 1
    assert torch.equal(output, states[TINY.output_layer])
    assert not torch.allclose(output, states[-1])


def test_heads_read_the_last_layer_and_the_mask_vector_is_not_trained() -> None:
    torch.manual_seed(0)
    encoder = ContentEncoder(TINY)
    last = encoder.hidden_states(torch.randn(2, 4000))[-1]
    ctc, frames = encoder.ctc(last), encoder.frame_symbols(last)
    assert ctc.shape == frames.shape == (2, last.shape[-1], TINY.ctc_symbols)
    (ctc.logsumexp(-1).mean() + frames.logsumexp(-1).mean()).backward()
    without = [name for name, parameter in encoder.named_parameters() if parameter.grad is None]
    assert without == ["hubert.masked_spec_embed"]


def test_training_forward_is_plain_without_dropout() -> None:
    """No layer drop and no masking: with dropout 0, training and evaluation agree."""
    torch.manual_seed(0)
    encoder = ContentEncoder(TINY, dropout=0.0)
    wave = torch.randn(1, 16000)
    with torch.no_grad():
        assert torch.allclose(encoder.train()(wave), encoder.eval()(wave), atol=1e-6)
        masked = ContentEncoder(TINY, dropout=0.0, spec_augment=0.3)
        masked.load_state_dict(encoder.state_dict())
        assert not torch.allclose(masked.train()(wave), masked.eval()(wave), atol=1e-3)


def test_heads_are_refused_where_there_are_none() -> None:
    encoder = ContentEncoder(replace(TINY, ctc_symbols=0))
    with pytest.raises(ValueError, match="no CTC head"):
        encoder.ctc(torch.zeros(1, 32, 4))
    with pytest.raises(ValueError, match="no frame head"):
        encoder.frame_symbols(torch.zeros(1, 32, 4))


def test_mini_fits_the_recipe() -> None:
    encoder = ContentEncoder(SPECS["mini"].content)
    assert 3.0e6 < sum(parameter.numel() for parameter in encoder.parameters()) < 3.6e6
