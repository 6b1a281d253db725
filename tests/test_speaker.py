"""The speaker network and BERT features at tiny sizes; their numbers are compared in tests/parity."""

from __future__ import annotations

import pytest
import torch

from sovits_tts.models.bert import BertFeatures, char_ids
from sovits_tts.models.speaker import SpeakerEncoder, fbank
from sovits_tts.specs import SPECS, BertConfig, SpeakerConfig


@pytest.fixture(scope="module")
def network() -> SpeakerEncoder:
    torch.manual_seed(0)
    return SpeakerEncoder(SpeakerConfig(channels=8, blocks=(1, 1, 1, 1), d_embedding=16)).eval()


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16000, 98)])
def test_filterbank_has_a_frame_every_ten_milliseconds(samples: int, frames: int) -> None:
    assert fbank(torch.randn(samples)).shape == (frames, 80)


def test_filterbank_follows_level_and_pitch() -> None:
    time = torch.arange(16000) / 16000
    low, high = (fbank(torch.sin(2 * torch.pi * hertz * time)).mean(0) for hertz in (300, 3000))
    assert low.argmax() < high.argmax()
    louder = fbank(10 * torch.sin(2 * torch.pi * 300 * time)).mean(0)
    assert louder[low.argmax()] - low.max() == pytest.approx(2 * torch.log(torch.tensor(10.0)).item(), abs=1e-2)


def test_vector_has_the_length_the_vits_stage_reads(network: SpeakerEncoder) -> None:
    assert network.vector(torch.randn(8000)).shape == (1, network.config.d_vector) == (1, 2560)
    for spec in SPECS.values():
        assert (spec.speaker.d_vector if spec.speaker else 0) == spec.vits.d_speaker


def test_batch_and_single_agree(network: SpeakerEncoder) -> None:
    features = torch.stack([fbank(torch.randn(8000)) for _ in range(3)])
    with torch.no_grad():
        assert torch.allclose(network(features), torch.cat([network(row[None]) for row in features]), atol=1e-5)
        assert network.embed(features).shape == (3, 16)


def test_bert_does_not_see_padding_or_its_neighbours() -> None:
    torch.manual_seed(0)
    bert = BertFeatures(BertConfig(n_vocabulary=30, d_model=16, n_layers=4, n_heads=4, d_ff=32, max_tokens=24)).eval()
    assert len(bert.bert.encoder.layer) == 2
    sentences = [torch.randint(1, 30, (length,)) for length in (5, 20, 3, 2)]
    together = bert.features(sentences)
    assert [row.shape for row in together] == [(3, 16), (18, 16), (1, 16), (0, 16)]
    for sentence, row in zip(sentences, together, strict=True):
        assert torch.allclose(bert.features([sentence])[0], row, atol=1e-5)
    assert bert.features([]) == []


def test_every_character_has_one_id() -> None:
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "你": 3, "好": 4, "。": 5, "e": 6, "12": 7}
    assert char_ids("你好É。12 ", vocabulary).tolist() == [1, 3, 4, 6, 5, 0, 0, 0, 2]
    assert char_ids("", vocabulary).tolist() == [1, 2]
