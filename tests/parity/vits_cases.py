"""The waveform stage at official sizes: inference, streaming, one training step with its losses and gradients."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from sovits_tts.checkpoints import official_names
from sovits_tts.checkpoints.rename import Table
from sovits_tts.mel import log_mel, mel_spectrogram, spectrogram
from sovits_tts.models.discriminators import Discriminators, Judgement
from sovits_tts.models.frames import starts_at, take_slices
from sovits_tts.models.prior import Join
from sovits_tts.models.vits import VITS, Style, TrainOutput
from sovits_tts.specs import SPECS, VITSConfig
from sovits_tts.training import losses
from tests.parity.registry import Check, Fixture, case, close, close_all, equal, load_derived, skip

GRADIENT_TOLERANCE = 1e-3
GRADIENT_FLOOR = 1e-2  # norms that are zero by symmetry hold rounding noise only


def config_of(official: Mapping[str, Any]) -> VITSConfig:
    """The recorded settings as ours. What they leave open (spectrogram, style width, periods) is the version's."""
    half = official["n_layers"] // 2
    return replace(
        SPECS[official["version"]].vits,
        d_latent=official["inter_channels"],
        d_hidden=official["hidden_channels"],
        d_filter=official["filter_channels"],
        n_heads=official["n_heads"],
        n_layers_content=half,
        n_layers_text=official["n_layers"],
        n_layers_joint=half,
        kernel=official["kernel_size"],
        dropout=official["p_dropout"],
        d_style=official["gin_channels"],
        decoder_channels=official["upsample_initial_channel"],
        upsample_rates=tuple(official["upsample_rates"]),
        upsample_kernels=tuple(official["upsample_kernel_sizes"]),
        resblock_type=int(official["resblock"]),
        resblock_kernels=tuple(official["resblock_kernel_sizes"]),
        resblock_dilations=tuple(map(tuple, official["resblock_dilation_sizes"])),
    )


@case("s2_official_v[12]*")
def waveform_stage(fixture: Fixture) -> Iterator[Check]:
    config = config_of(fixture.meta["config"])
    inputs = fixture.sibling("s2_inputs").io
    trains = "train.z" in fixture.io
    vits = VITS(config, posterior=trains, exact=True)
    load_derived(vits, fixture.seed, official_names.VITS.to_theirs)
    with torch.no_grad():
        styles = [_style(vits, inputs, suffix) for suffix in ("", "2") if f"ref{suffix}_spec" in inputs]
        yield from _inference(vits, fixture, inputs, styles)
        yield from _streaming(vits, fixture, inputs, styles[0])
    if trains:
        yield from _training(vits, fixture, inputs)


def _style(vits: VITS, inputs: dict[str, Tensor], suffix: str) -> Style:
    spec = inputs[f"ref{suffix}_spec"]
    speaker = inputs[f"sv_emb{suffix}"] if vits.config.d_speaker else None
    return vits.style(spec, torch.tensor([spec.shape[-1]]), speaker)


def _inference(vits: VITS, fixture: Fixture, inputs: dict[str, Tensor], styles: list[Style]) -> Iterator[Check]:
    io, style = fixture.io, styles[0]
    tokens, phonemes = inputs["codes"][0], inputs["text"]
    bins = vits.config.style_bins
    found = {
        "ref_enc_out": lambda: vits.style_encoder(inputs["ref_spec"][:, :bins]),
        "ge": lambda: style.vector,
        "ge512": lambda: style.text,
        "quantizer_decode": lambda: _start(vits.quantizer.decode(tokens), io["quantizer_decode"]),
        "ssl_proj_out4": lambda: _start(vits.content_projection(inputs["ssl"]), io["ssl_proj_out4"]),
    }
    for name, compute in found.items():
        if name in io:
            yield close(name, compute(), io[name])
    if "extract_latent_codes" in io:
        yield equal("extract_latent_codes", vits.tokenize(inputs["ssl"])[:, None], io["extract_latent_codes"])

    for key in sorted(key for key in io if key.startswith("enc_p.s") and key.endswith(".m_p")):
        name = key.removesuffix(".m_p")
        prior = vits.prior(tokens, phonemes, style, float(name.removeprefix("enc_p.s")))
        yield close(key, prior.mean, io[key])
        yield close(f"{name}.logs_p", prior.log_std, io[f"{name}.logs_p"])
        if f"{name}.x" in io:
            yield close(f"{name}.x", prior.hidden, io[f"{name}.x"])
        recorded = fixture.meta.get("enc_p_len", {}).get(name.removeprefix("enc_p."))
        if recorded is not None:
            yield equal(f"{name} length", vits.frames(tokens.shape[-1], float(name.removeprefix("enc_p.s"))), recorded)

    prior = vits.prior(tokens, phonemes, style)
    if "flow_reverse_z" in io:
        z = vits.flow.inverse(prior.sample(io["z_noise"], 0.5), prior.mask, style.vector)
        yield close("flow_reverse_z", z, io["flow_reverse_z"])
        yield close("flow there and back", vits.flow(z, prior.mask, style.vector), prior.sample(io["z_noise"], 0.5))
        yield close("dec_wave", vits.decoder(z, style.vector), io["dec_wave"])
    yield from _decoded(vits, io, tokens, phonemes, styles)


def _decoded(
    vits: VITS, io: dict[str, Tensor], tokens: Tensor, phonemes: Tensor, styles: list[Style]
) -> Iterator[Check]:
    """Names say how: decode.ns<noise scale>[_multi_ref][_speed<speed>].wave, with .noise beside where it matters."""
    for key in sorted(io):
        match = re.fullmatch(r"(decode\.ns([\d.]+?)(_multi_ref)?(?:_speed([\d.]+))?)\.wave", key)
        if match is None:
            continue
        name, scale, several, speed = match.groups()
        style = vits.mean_style(styles) if several else styles[0]
        noise = io.get(f"{name}.noise")
        if noise is None and float(scale):
            yield skip(key, "its noise was not recorded")
            continue
        wave = vits.decode(tokens, phonemes, style, noise=noise, noise_scale=float(scale), speed=float(speed or 1))
        yield close(key, wave, io[key])


def _streaming(vits: VITS, fixture: Fixture, inputs: dict[str, Tensor], style: Style) -> Iterator[Check]:
    """Two pieces: the first tokens alone, then all of them, of which the end is kept and cross-faded at its start."""
    io = fixture.io
    if "stream.latent2" not in io:
        return
    tokens, phonemes = inputs["codes"][0], inputs["text"]
    first, keep = io["stream.latent1"].shape[-1], io["stream.latent2"].shape[-1]
    prior = vits.prior(tokens[:, : first // vits.config.token_frames], phonemes, style)
    yield close("stream.latent1", prior.hidden, io["stream.latent1"])
    overlap = first + keep - tokens.shape[-1] * vits.config.token_frames
    join = Join(keep=keep, previous=prior.hidden[..., -overlap:])
    prior = vits.prior(tokens, phonemes, style, join=join)
    yield close("stream.latent2", prior.hidden, io["stream.latent2"])
    yield close("stream.wave2", vits.render(prior, style, torch.zeros_like(prior.mean)), io["stream.wave2"])


# --- training --------------------------------------------------------------------------------------------------


@dataclass
class _Batch:
    wave: Tensor  # (B, 1, N)
    spec: Tensor  # (B, F, T)
    spec_lengths: Tensor


def _batch(inputs: dict[str, Tensor], c: VITSConfig) -> _Batch:
    """Each row's spectrogram on its own, then padded, as the official collation does."""
    wave, lengths = inputs["train.wav"], inputs["train.spec_lengths"]
    spec = torch.zeros(len(wave), c.n_bins, 2 * (int(lengths.max()) // 2 + 1))
    for row, length in enumerate(lengths.tolist()):
        spec[row, :, :length] = spectrogram(wave[row, :, : length * c.hop], c.n_fft, c.hop, c.win)
    return _Batch(wave, spec, lengths)


def _training(vits: VITS, fixture: Fixture, inputs: dict[str, Tensor]) -> Iterator[Check]:
    io, c = fixture.io, vits.config
    batch = _batch(inputs, c)
    slice_frames = io["train.y_hat"].shape[-1] // c.hop
    start = starts_at(io["train.rand_u"], batch.spec_lengths, slice_frames)
    yield equal("train.ids_slice", start, io["train.ids_slice"])
    out = vits(
        inputs["train.ssl"].float(), batch.spec, batch.spec_lengths, inputs["train.text"],
        inputs["train.text_lengths"], inputs["train.sv_emb"] if c.d_speaker else None,
        slice_frames=slice_frames, noise=io["train.z_noise"], slice_start=start,
    )  # fmt: skip
    recorded = {
        "train.m_q": out.mean_q, "train.logs_q": out.log_std_q, "train.z": out.z, "train.z_p": out.z_p,
        "train.m_p": out.prior.mean, "train.logs_p": out.prior.log_std, "train.y_hat": out.wave_slice,
    }  # fmt: skip
    for name, tensor in recorded.items():
        row = re.match(r"row (\d+) only", fixture.meta["tensors"][name].get("desc", ""))
        yield close(name, tensor[int(row[1])][None] if row else tensor, io[name])
    yield from _losses(vits, fixture, batch, out)


def _losses(vits: VITS, fixture: Fixture, batch: _Batch, out: TrainOutput) -> Iterator[Check]:
    io, c, expected = fixture.io, vits.config, fixture.meta["train_losses"]
    critics = Discriminators(c.periods, c.scale_channels, c.period_channels)
    load_derived(critics, fixture.seed, official_names.DISCRIMINATORS.to_theirs, prefix="D.")
    samples = out.wave_slice.shape[-1]
    real_wave = take_slices(batch.wave, out.slice_start * c.hop, samples)

    real, fake = critics(real_wave), critics(out.wave_slice.detach())
    yield close("D.logits_cat", _scores(real), io["D.logits_cat"])
    yield close("D.logits_fake_cat", _scores(fake), io["D.logits_fake_cat"])
    means = [[feature.abs().mean().item() for feature in judgement.features] for judgement in real]
    yield close("D.fmap_abs_mean_real", list(chain(*means)), list(chain(*fixture.meta["D.fmap_abs_mean_real"])))
    by_critic = losses.discriminator_losses(real, fake)
    yield close("loss disc_r", [on_real.item() for on_real, _ in by_critic], expected["disc_r"])
    yield close("loss disc_g", [on_fake.item() for _, on_fake in by_critic], expected["disc_g"])
    total = losses.discriminator_loss(real, fake)
    yield close("loss disc", total, expected["disc"], relative=True)
    total.backward()
    yield _gradients("gradients of D", critics, official_names.DISCRIMINATORS, fixture.meta["grad_l2_D_on_disc"])
    critics.requires_grad_(False)

    real, fake = critics(real_wave), critics(out.wave_slice)
    mel = take_slices(log_mel(batch.spec, c.sample_rate, c.n_mels), out.slice_start, samples // c.hop)
    mel_fake = mel_spectrogram(out.wave_slice.squeeze(1), c.sample_rate, c.n_fft, c.hop, c.n_mels, c.win)
    parts = {
        "gen": losses.generator_loss(fake),
        "fm": 2 * losses.feature_matching_loss(real, fake),
        "mel_x45": 45 * losses.mel_loss(mel, mel_fake),
        "kl": losses.kl_loss(out.z_p, out.log_std_q, out.prior.mean, out.prior.log_std, out.mask),
        "commit": out.commit_loss,
    }
    for name, loss in parts.items():
        yield close(f"loss {name}", loss, expected[name], relative=True)
    yield close("loss gens", [loss.item() for loss in losses.generator_losses(fake)], expected["gens"])
    total = torch.stack(list(parts.values())).sum()
    yield close("loss gen_total", total, expected["gen_total"], relative=True)
    total.backward()
    yield _gradients("gradients of G", vits, official_names.VITS, fixture.meta["grad_l2_G_on_gen_total"])


def _gradients(name: str, module: nn.Module, names: Table, expected: dict[str, float | None]) -> Check:
    """L2 norm of every parameter's gradient; None where there must be none."""
    found = {
        names.to_theirs(key): None if parameter.grad is None else parameter.grad.double().norm().item()
        for key, parameter in module.named_parameters()
    }
    norms = {key: norm for key, norm in found.items() if norm is not None}
    recorded = {key: norm for key, norm in expected.items() if norm is not None}
    if norms.keys() != recorded.keys():
        return Check(name, "failed", note="other parameters have a gradient")
    pairs = {key: (norm, recorded[key]) for key, norm in norms.items()}
    return close_all(name, pairs, tolerance=GRADIENT_TOLERANCE, floor=GRADIENT_FLOOR)


def _scores(judgements: list[Judgement]) -> Tensor:
    return torch.cat([judgement.score.flatten() for judgement in judgements])


def _start(x: Tensor, like: Tensor) -> Tensor:
    return x[..., : like.shape[-1]]
