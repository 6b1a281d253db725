"""The waveform stage at tiny sizes: real classes, random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.utils import parametrize

from sovits_tts.errors import ConfigError
from sovits_tts.models.attention import Attention, Encoder, distances_to_positions, positions_to_distances
from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.flow import Flow
from sovits_tts.models.frames import length_mask, random_starts, starts_at, take_slices
from sovits_tts.models.hifigan import HiFiGAN
from sovits_tts.models.prior import Join
from sovits_tts.models.quantizer import Quantizer
from sovits_tts.models.style import StyleEncoder
from sovits_tts.models.vits import VITS, Style
from sovits_tts.models.weight_norm import fold_weight_norm
from sovits_tts.specs import VITSConfig
from sovits_tts.training import losses

TINY = VITSConfig(
    sample_rate=8000, n_fft=64, hop=20, win=64, n_mels=12, d_content=16, codebook_size=20, n_phonemes=30,
    d_latent=8, d_hidden=16, d_filter=24, n_layers_content=1, n_layers_text=1, n_layers_joint=1,
    d_mrte=12, n_flows=2, n_layers_flow=2, n_layers_posterior=2, style_bins=20, d_style_hidden=8, d_style=12,
    decoder_channels=16, upsample_rates=(5, 4), upsample_kernels=(11, 8), resblock_type=2, resblock_kernels=(3, 5),
    resblock_dilations=((1, 3), (1, 3)), periods=(2, 3), scale_channels=(4, 8, 8, 8), period_channels=(4, 8),
)  # fmt: skip
SPEAKER = replace(TINY, d_speaker=10, d_style=14)
FOLLOWS = replace(TINY, follows_text=True, log_spectrum=True)


@pytest.fixture
def vits() -> VITS:
    torch.manual_seed(0)
    return VITS(TINY).eval()


@pytest.fixture
def style(vits: VITS) -> Style:
    return vits.style(torch.rand(1, TINY.n_bins, 17))


def _batch(config: VITSConfig = TINY) -> dict[str, torch.Tensor | None]:
    torch.manual_seed(1)
    return {
        "content": torch.randn(2, config.d_content, 40),
        "spec": torch.rand(2, config.n_bins, 40),
        "spec_lengths": torch.tensor([40, 30]),
        "phonemes": torch.randint(0, config.n_phonemes, (2, 9)),
        "phoneme_lengths": torch.tensor([9, 6]),
        "speaker": torch.randn(2, config.d_speaker) if config.d_speaker else None,
    }


# --- parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 4, 5, 9, 20])
def test_relative_positions_match_the_definition(size: int) -> None:
    window = 4
    by_distance = torch.randn(2, size, 2 * window + 1)
    spread = distances_to_positions(by_distance, window)
    expected = torch.zeros(2, size, size)
    for i in range(size):
        for j in range(max(0, i - window), min(size, i + window + 1)):
            expected[:, i, j] = by_distance[:, i, j - i + window]
    assert torch.equal(spread, expected)
    back = positions_to_distances(spread, window)
    reachable = (torch.arange(size)[:, None] + torch.arange(-window, window + 1)).clamp(-1, size)
    assert torch.equal(back, by_distance * ((reachable >= 0) & (reachable < size)))


def test_attention_sees_only_what_the_mask_allows() -> None:
    attention = Attention(8, 2).eval()
    x, memory = torch.randn(1, 8, 3), torch.randn(1, 8, 5)
    mask = torch.tensor([1.0, 1, 1, 0, 0]).expand(1, 1, 3, 5)
    changed = memory.clone()
    changed[..., 3:] = 9
    torch.testing.assert_close(attention(x, memory, mask), attention(x, changed, mask))


def test_encoder_row_does_not_depend_on_its_padding() -> None:
    encoder = Encoder(16, 24, 2, 2, window=4).eval()
    x = torch.randn(2, 16, 12)
    together = encoder(x, length_mask(torch.tensor([12, 7]), 12))
    alone = encoder(x[1:, :, :7], torch.ones(1, 1, 7))
    torch.testing.assert_close(together[1:, :, :7], alone, atol=1e-5, rtol=1e-4)
    assert (together[1, :, 7:] == 0).all()


def test_flow_begins_as_a_flip_free_identity_and_inverts() -> None:
    torch.manual_seed(2)
    flow = Flow(8, 16, 5, 2, 12, n_flows=4).eval()
    z, mask, style = torch.randn(2, 8, 9), length_mask(torch.tensor([9, 5]), 9), torch.randn(2, 12, 1)
    z = z * mask
    assert torch.equal(flow(z, mask, style), z)  # four flips and no shift
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    there = flow(z, mask, style)
    assert (there - z).abs().max() > 0.01
    torch.testing.assert_close(flow.inverse(there, mask, style), z, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("resblock_type", [1, 2])
def test_folding_weight_norm_keeps_the_output(resblock_type: int) -> None:
    decoder = HiFiGAN(8, 12, 16, (5, 4), (11, 8), resblock_type, (3, 5), ((1, 3), (1, 3))).eval()
    x, style = torch.randn(1, 8, 7), torch.randn(1, 12, 1)
    before = decoder(x, style)
    assert before.shape == (1, 1, 140) and before.abs().max() <= 1
    fold_weight_norm(decoder)
    assert not any(parametrize.is_parametrized(module) for module in decoder.modules())
    torch.testing.assert_close(decoder(x, style), before, atol=1e-6, rtol=1e-5)


def test_inverse_stft_head_plays_the_frames_it_is_told() -> None:
    decoder = HiFiGAN(8, 12, 16, (5,), (11,), 2, (3,), ((1, 3),), istft_size=16)
    assert decoder(torch.randn(2, 8, 7), torch.randn(2, 12, 1)).shape == (2, 1, 7 * 5 * 4)
    wave = torch.randn(1, 400)
    frames = torch.stft(wave, 16, 4, window=torch.hann_window(16), return_complex=True)[:, :, 1:]
    told = torch.cat((frames.abs().log(), frames.angle()), 1)
    torch.testing.assert_close(decoder.istft(told)[:, 0, 16:-16], wave[:, 16:-16], atol=1e-4, rtol=1e-4)


def test_style_of_a_clip_is_the_same_in_any_batch_unless_exact() -> None:
    encoder = StyleEncoder(20, 8, 12).eval()
    spec = torch.rand(2, 20, 15)
    mask = length_mask(torch.tensor([15, 9]), 15)
    alone = encoder(spec[1:, :, :9])
    torch.testing.assert_close(encoder(spec * mask, mask)[1:], alone, atol=1e-6, rtol=1e-5)
    encoder.exact = True
    assert (encoder(spec * mask, mask)[1:] - alone).abs().max() > 1e-4


def test_quantizer_learns_clusters_and_revives_dead_entries() -> None:
    torch.manual_seed(3)
    centres = 4 * torch.randn(6, 10)
    quantizer = Quantizer(6, 10, decay=0.8)
    quantizer.cluster_size[0] = 0.0  # dead from the start
    dead = quantizer.embedding[0].clone()

    def data() -> torch.Tensor:
        return centres[:, torch.randint(0, 10, (2, 60))].transpose(0, 1) + 0.1 * torch.randn(2, 6, 60)

    first = quantizer.learn(data()).commit_loss
    assert not torch.equal(quantizer.embedding[0], dead)
    for _ in range(60):
        last = quantizer.learn(data())
    assert last.commit_loss < 0.2 * first
    assert torch.equal(quantizer.encode(quantizer.decode(last.tokens)), last.tokens)


def test_slices() -> None:
    lengths = torch.tensor([40, 33, 10])
    one = random_starts(lengths, 32, torch.Generator().manual_seed(5))
    assert torch.equal(one, random_starts(lengths, 32, torch.Generator().manual_seed(5)))
    assert starts_at(torch.tensor([0.999, 0.999, 0.5]), lengths, 32).tolist() == [8, 1, 0]
    x = torch.arange(40.0).expand(3, 2, 40)
    assert take_slices(x, torch.tensor([8, 1, 0]), 32)[0, 1].tolist() == list(range(8, 40))
    assert take_slices(x[..., :10], torch.tensor([0, 0, 0]), 12)[2, 0].tolist() == [*range(10), 0, 0]


# --- inference -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speed", "frames"), [(1.0, 14), (1.4, 11), (0.7, 21)])
def test_decode_length(vits: VITS, style: Style, speed: float, frames: int) -> None:
    assert vits.frames(7, speed) == frames
    wave = vits.decode(torch.randint(0, 20, (1, 7)), torch.randint(0, 30, (1, 5)), style, speed=speed)
    assert wave.shape == (1, 1, frames * TINY.hop)


def test_noise_comes_from_the_generator_or_from_the_caller(vits: VITS, style: Style) -> None:
    tokens, phonemes = torch.randint(0, 20, (1, 7)), torch.randint(0, 30, (1, 5))

    def speak(seed: int) -> torch.Tensor:
        return vits.decode(tokens, phonemes, style, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(speak(4), speak(4)) and not torch.equal(speak(4), speak(5))
    noise = torch.randn(1, TINY.d_latent, 14, generator=torch.Generator().manual_seed(4))
    assert torch.equal(vits.decode(tokens, phonemes, style, noise=noise), speak(4))


def test_for_inference_says_the_same_with_fewer_parameters(vits: VITS, style: Style) -> None:
    tokens, phonemes = torch.randint(0, 20, (1, 7)), torch.randint(0, 30, (1, 5))
    before = vits.decode(tokens, phonemes, style, noise_scale=0.0)
    vits.train().for_inference()
    torch.testing.assert_close(vits.decode(tokens, phonemes, style, noise_scale=0.0), before, atol=1e-6, rtol=1e-4)
    names = list(vits.state_dict())
    assert not any("posterior" in name or "parametrizations" in name for name in names)
    assert not vits.training and not any(parameter.requires_grad for parameter in vits.parameters())


def test_prior_row_does_not_depend_on_its_padding(vits: VITS) -> None:
    style = vits.style(torch.rand(2, TINY.n_bins, 17))
    tokens, phonemes = torch.randint(0, 20, (2, 7)), torch.randint(0, 30, (2, 6))
    both = vits.prior(tokens, phonemes, style, 1.0, torch.tensor([7, 4]), torch.tensor([6, 3]))
    alone = vits.prior(tokens[1:, :4], phonemes[1:, :3], Style(style.vector[1:], style.text[1:]))
    torch.testing.assert_close(both.mean[1:, :, :8], alone.mean, atol=1e-5, rtol=1e-4)


def test_a_prior_that_follows_its_text_hears_which_phoneme_each_token_speaks() -> None:
    torch.manual_seed(0)
    vits = VITS(FOLLOWS).eval()
    style = vits.style(torch.rand(2, TINY.n_bins, 17))
    tokens, phonemes = torch.randint(0, 20, (1, 7)).expand(2, -1), torch.randint(0, 30, (2, 6))
    spoken = torch.tensor([[0, 0, 1, 2, 3, 4, 5], [0, 1, 1, 2, 2, -1, -1]])
    both = vits.prior(tokens, phonemes, style, 1.0, torch.tensor([7, 5]), torch.tensor([6, 3]), spoken=spoken)
    one = Style(style.vector[1:], style.text[1:])
    alone = vits.prior(tokens[1:, :5], phonemes[1:, :3], one, spoken=spoken[1:, :5])
    torch.testing.assert_close(both.mean[1:, :, :10], alone.mean, atol=1e-5, rtol=1e-4)
    unknown = vits.prior(tokens[1:, :5], phonemes[1:, :3], one)
    assert not torch.allclose(unknown.mean, alone.mean)
    told_nothing = vits.prior(tokens[1:, :5], phonemes[1:, :3], one, spoken=torch.full((1, 5), -1))
    assert torch.equal(told_nothing.mean, unknown.mean)


def test_a_logarithmic_spectrum_hears_what_is_quiet() -> None:
    torch.manual_seed(0)
    plain = VITS(replace(FOLLOWS, log_spectrum=False)).eval()
    log = VITS(FOLLOWS).eval()
    log.load_state_dict(plain.state_dict())
    loud = torch.rand(1, TINY.n_bins, 17) * 20
    quiet = loud.clone()
    quiet[:, 5:9] *= 0.01  # still there: 40 dB below
    gone = quiet.clone()
    gone[:, 5:9] = 0
    change = [(v.style(quiet).vector - v.style(gone).vector).norm() / v.style(loud).vector.norm() for v in (plain, log)]
    assert change[1] > 5 * change[0]
    assert torch.equal(log.style(loud).vector, plain.style(torch.log1p(100 * loud) / 2).vector)


def test_joined_pieces_continue_the_previous_one(vits: VITS, style: Style) -> None:
    tokens, phonemes = torch.randint(0, 20, (1, 10)), torch.randint(0, 30, (1, 5))
    whole = vits.prior(tokens, phonemes, style)
    previous = torch.full((1, TINY.d_hidden, 4), 7.0)
    piece = vits.prior(tokens, phonemes, style, join=Join(keep=8, previous=previous))
    assert piece.mean.shape[-1] == 8
    torch.testing.assert_close(piece.hidden[..., 4:], whole.hidden[..., -4:])
    torch.testing.assert_close(piece.hidden[..., :1], previous[..., :1])  # the arch begins at the previous piece
    assert vits.prior(tokens, phonemes, style, join=Join(drop=2)).mean.shape[-1] == 18


def test_speaker_vector_and_mean_style() -> None:
    torch.manual_seed(4)
    vits = VITS(SPEAKER).eval()
    spec, speaker = torch.rand(1, SPEAKER.n_bins, 9), torch.randn(1, 10)
    one, two = vits.style(spec, speaker=speaker), vits.style(spec, speaker=-speaker)
    assert one.vector.shape == (1, 14, 1) and one.text.shape == (1, 12, 1)
    mean = vits.mean_style([one, two])
    torch.testing.assert_close(mean.vector, (one.vector + two.vector) / 2)  # after the activation, not before
    without = vits.style_activation(vits.style_encoder(spec[:, :20]) + vits.speaker_projection.bias[None, :, None])
    assert (mean.vector - without).abs().max() > 1e-3
    with pytest.raises(ValueError, match="speaker vector"):
        vits.style(spec)


def test_style_and_cross_attention_must_have_one_width() -> None:
    with pytest.raises(ConfigError, match="d_mrte"):
        replace(TINY, d_mrte=16)


# --- training --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [TINY, SPEAKER, FOLLOWS], ids=["plain", "speaker", "follows text"])
def test_gradient_reaches_every_parameter_but_the_frozen(config: VITSConfig) -> None:
    vits = VITS(config)
    spoken = torch.arange(20).expand(2, -1) // 4 if config.follows_text else None
    out = vits(**_batch(config), spoken=spoken, slice_frames=8, generator=torch.Generator().manual_seed(0))
    assert out.wave_slice.shape == (2, 1, 8 * config.hop) and out.commit_loss == 0
    kl = losses.kl_loss(out.z_p, out.log_std_q, out.prior.mean, out.prior.log_std, out.mask)
    (out.wave_slice.square().mean() + kl).backward()
    still = {name.split(".")[0] for name, parameter in vits.named_parameters() if parameter.grad is None}
    assert still == {"content_projection"}


def test_training_is_repeatable_and_tokens_replace_content() -> None:
    vits = VITS(replace(TINY, dropout=0.0, dropout_style=0.0))
    batch = _batch()
    first = vits(**batch, generator=torch.Generator().manual_seed(3))
    tokens = vits.tokenize(batch["content"])
    assert tokens.shape == (2, 20)
    again = vits(**{**batch, "content": None}, tokens=tokens, generator=torch.Generator().manual_seed(3))
    assert torch.equal(first.wave_slice, again.wave_slice) and torch.equal(first.slice_start, again.slice_start)
    other = vits(**batch, generator=torch.Generator().manual_seed(3), style_spec=torch.rand(2, TINY.n_bins, 12))
    assert not torch.equal(first.wave_slice, other.wave_slice)


def test_training_the_quantizer_moves_the_codebook_and_the_projection() -> None:
    vits = VITS(TINY)
    before = vits.quantizer.embedding.clone()
    out = vits(**_batch(), train_quantizer=True)
    out.commit_loss.backward()
    assert not torch.equal(vits.quantizer.embedding, before)
    assert vits.content_projection.weight.grad.abs().sum() > 0


def test_bf16_autocast_is_finite() -> None:
    vits = VITS(TINY)
    with torch.autocast("cpu", torch.bfloat16):
        out = vits(**_batch(), slice_frames=8)
    kl = losses.kl_loss(out.z_p, out.log_std_q, out.prior.mean, out.prior.log_std, out.mask)
    (out.wave_slice.float().square().mean() + kl).backward()
    assert torch.isfinite(kl) and kl.dtype == torch.float32


def test_a_few_steps_learn_one_batch() -> None:
    torch.manual_seed(6)
    vits = VITS(TINY)
    batch = _batch()
    optimizer = torch.optim.AdamW(vits.parameters(), 3e-3)
    target = 0.5 * torch.sin(torch.arange(8 * TINY.hop) / 5).expand(2, 1, -1)
    history = []
    for _ in range(25):
        out = vits(**batch, slice_frames=8, slice_start=torch.tensor([3, 5]))
        kl = losses.kl_loss(out.z_p, out.log_std_q, out.prior.mean, out.prior.log_std, out.mask)
        loss = losses.stft_loss(target, out.wave_slice, ((64, 16),)) + 0.1 * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.7 * history[0]


def test_misuse_is_said_plainly() -> None:
    batch = _batch()
    with pytest.raises(ValueError, match="cover 20 frames"):
        VITS(TINY)(**{**batch, "content": None}, tokens=torch.zeros(2, 10, dtype=torch.long))
    with pytest.raises(ValueError, match="without one"):
        VITS(TINY, posterior=False)(**batch)
    with pytest.raises(ValueError, match="content features or tokens"):
        VITS(TINY)(**{**batch, "content": None})


# --- losses ----------------------------------------------------------------------------------------------------


def test_adversarial_losses_tell_real_from_fake() -> None:
    torch.manual_seed(7)
    critics = Discriminators(TINY.periods, TINY.scale_channels, TINY.period_channels)
    real, fake = torch.sin(torch.arange(401) / 7).expand(2, 1, -1), 0.3 * torch.randn(2, 1, 401)
    optimizer = torch.optim.AdamW(critics.parameters(), 2e-3)
    for _ in range(60):
        loss = losses.discriminator_loss(critics(real), critics(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    on_real, on_fake = losses.generator_loss(critics(real)), losses.generator_loss(critics(fake))
    assert on_fake > 3 * on_real  # recordings pass for real, noise does not
    assert losses.feature_matching_loss(critics(real), critics(real)) == 0


def test_loss_values() -> None:
    zeros, mask = torch.zeros(2, 4, 5), length_mask(torch.tensor([5, 3]), 5)
    # at the mean of equal distributions the estimate is -1/2 per channel
    assert losses.kl_loss(zeros, zeros, zeros, zeros, mask).item() == pytest.approx(-2.0)
    assert losses.kl_loss(zeros + 2, zeros, zeros, zeros, mask).item() == pytest.approx(4 * (2.0 - 0.5))
    wave = torch.randn(1, 1, 4000)
    assert losses.stft_loss(wave, wave) == 0
    assert losses.stft_loss(wave, 0.5 * wave).item() == pytest.approx(0.5 + 0.6931, abs=1e-2)
    assert losses.mel_loss(zeros, zeros + 3).item() == 3
