"""The prior's look at the clip: it begins as nothing, finds like sounds, knows no padding, and travels with a voice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from sovits_tts.features import style
from sovits_tts.models.reference import Reference, ReferenceAttention
from sovits_tts.models.vits import VITS
from sovits_tts.tts import TTS
from sovits_tts.voice import Voice
from sovits_tts.voice_making import blend
from tests.tiny_model import SPEC, speech, write_model

CONFIG = SPEC.vits


def _attention(trained: bool = True) -> ReferenceAttention:
    torch.manual_seed(0)
    attention = ReferenceAttention(8, 6, 16)
    if trained:
        torch.nn.init.normal_(attention.output.weight)
    return attention


def _reference(rows: int, frames: int, seed: int = 1) -> Reference:
    latent = torch.randn(rows, 6, frames, generator=torch.Generator().manual_seed(seed))
    return Reference(latent, torch.ones(rows, 1, frames))


def test_an_untrained_network_adds_nothing() -> None:
    assert not _attention(trained=False)(torch.randn(2, 8, 9), _reference(2, 12)).any()


def test_padding_of_the_clip_is_not_heard_and_a_row_without_a_clip_gets_nothing() -> None:
    attention, x, whole = _attention(), torch.randn(2, 8, 9), _reference(2, 12)
    padded = Reference(torch.cat([whole.latent, torch.randn(2, 6, 5)], dim=2),
                       torch.cat([whole.weight, torch.zeros(2, 1, 5)], dim=2))  # fmt: skip
    torch.testing.assert_close(attention(x, padded), attention(x, whole))
    silent = Reference(whole.latent, whole.weight * torch.tensor([1.0, 0.0])[:, None, None])
    torch.testing.assert_close(attention(x, silent)[0], attention(x, whole)[0])
    assert not attention(x, silent)[1].any()


def test_a_blend_lies_between_its_clips_and_is_one_of_them_at_a_full_share() -> None:
    attention, x = _attention(), torch.randn(1, 8, 9)
    one, other = _reference(1, 12), _reference(1, 7, seed=2)
    said = [attention(x, Reference.blended([(one, 1 - share), (other, share)])) for share in (1e-6, 0.5, 1 - 1e-6)]
    far = (attention(x, other) - attention(x, one)).norm()
    assert (said[0] - attention(x, one)).norm() < 0.2 * far  # frames where two clips meet hear a little of both
    assert (said[2] - attention(x, other)).norm() < 0.2 * far
    assert 0.1 * far < (said[1] - said[0]).norm() < far


def test_it_learns_to_find_the_like_sound() -> None:
    """The latent says the sound, in a code that the query does not share, and the voice; what is asked for is the voice
    of the clip in the sound that is spoken."""
    attention, generator = _attention(trained=False), torch.Generator().manual_seed(4)
    optimizer = torch.optim.Adam(attention.parameters(), 5e-3)
    code = torch.randn(8, 3, generator=generator)  # of four sounds and their neighbours
    answers, found = [], []
    for _ in range(250):
        sounds = torch.randint(0, 8, (8, 30), generator=generator)
        voices = torch.randn(8, 8, 3, generator=generator)  # each voice says each sound its own way
        heard = torch.gather(voices, 1, sounds[..., None].expand(-1, -1, 3)).transpose(1, 2)
        latent = torch.cat([code[sounds].transpose(1, 2), heard], dim=1)
        x = torch.nn.functional.one_hot(sounds.flip(1), 8).float().transpose(1, 2)
        said = attention(x, Reference(latent, torch.ones(8, 1, 30)))[:, :3]
        asked = torch.nn.functional.one_hot(sounds, 8).float().transpose(1, 2)
        lookup = attention.lookup_loss(asked, latent, torch.ones(8, 1, 30))
        answer = (said - heard.flip(2)).square().mean()
        optimizer.zero_grad()
        (answer + lookup).backward()
        optimizer.step()
        answers.append(answer.item())
        found.append(lookup.item())
    assert sum(answers[-20:]) < 0.6 * sum(answers[:20])
    assert sum(found[-20:]) < 0.85 * sum(found[:20])


def test_a_clip_that_is_the_target_itself_is_not_looked_at_in_training() -> None:
    torch.manual_seed(0)
    vits = VITS(replace(CONFIG, dropout=0.0))
    torch.nn.init.normal_(vits.prior_encoder.reference_attention.output.weight)
    spec, lengths = torch.rand(2, CONFIG.n_bins, 20), torch.tensor([20, 14])
    told = {"tokens": torch.randint(0, CONFIG.codebook_size, (2, 10)), "noise": torch.zeros(2, CONFIG.d_latent, 20)}
    phonemes = (torch.randint(0, 30, (2, 5)), torch.tensor([5, 4]))
    own = vits(None, spec, lengths, *phonemes, slice_frames=0, **told)
    other = vits(None, spec, lengths, *phonemes, slice_frames=0, style_spec=spec, style_lengths=lengths, **told)
    assert own.style.reference is None and other.style.reference is not None
    assert (own.prior.mean - other.prior.mean).abs().max() > 1e-3
    assert own.prior.lookup is not None and own.prior.lookup.requires_grad


def test_a_voice_carries_it(tmp_path: Path) -> None:
    tts = TTS.load(write_model(tmp_path / "tiny"))
    voice = tts.voice(speech(4.0), text="Hello there.", language="en")
    assert voice.features is not None and voice.features.reference is not None
    frames = voice.features.reference.shape[1]
    assert voice.features.reference.shape[0] == SPEC.vits.d_latent and abs(frames - voice.audio.seconds * 50) < 3
    again = Voice.load(voice.save(tmp_path / "a.voice"))
    assert again.features is not None and again.features.fits(tts.model)
    assert torch.equal(again.features.reference, voice.features.reference)
    for damaged in (torch.zeros(SPEC.vits.d_latent, 0), torch.zeros(3, 9), None):
        assert not replace(voice.features, reference=damaged).fits(tts.model)
    other = tts.voice(speech(5.0, f0=200.0, seed=3), text="Hello there.", language="en")
    both = blend(tts.model, voice, [(other, 0.25)]).reference
    assert both is not None and both.latent.shape[2] == frames + other.features.reference.shape[1]
    assert both.weight[0, 0, 0] == 0.75 and both.weight[0, 0, -1] == 0.25
    whole = blend(tts.model, voice, [(other, 1.0)]).reference
    assert torch.equal(whole.latent[0], other.features.reference)


def test_a_voice_of_several_recordings_looks_up_in_all_of_them(tmp_path: Path) -> None:
    tts = TTS.load(write_model(tmp_path / "tiny"))
    one = tts.voice(speech(4.0), text="Hello there.", language="en")
    further = [speech(5.0, f0=200.0, seed=3), speech(3.0, f0=150.0, seed=4)]
    voice = tts.voice(speech(4.0), text="Hello there.", language="en", more=further)
    assert voice.features is not None and voice.features.reference is not None
    each = [style(tts.model, audio) for audio in voice.recordings]
    torch.testing.assert_close(voice.features.style, sum(it.vector for it in each)[0, :, 0] / 3)
    torch.testing.assert_close(voice.features.reference, torch.cat([it.reference.latent[0] for it in each], dim=1))
    assert torch.equal(voice.features.tokens, one.features.tokens), "the clip alone is the prompt"
    said = [tts.synthesize("Good morning.", it, "en").audio.samples for it in (one, voice)]
    assert len(said[0]) == len(said[1]) and not (said[0] == said[1]).all()
    pair = blend(tts.model, voice, [(one, 0.5)]).reference
    assert pair is not None
    torch.testing.assert_close(
        pair.weight[0, 0, 0] / pair.weight[0, 0, -1], torch.tensor(4.0 / 12.0), rtol=0.01, atol=0
    )
    bare = blend(tts.model, one, [(replace(voice, features=None), 0.5)])
    torch.testing.assert_close(bare.vector, blend(tts.model, one, [(voice, 0.5)]).vector)
