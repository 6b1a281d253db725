"""The building blocks of the waveform stage, at tiny sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sovits_tts.checkpoints import official_names
from sovits_tts.models.attention import Encoder
from sovits_tts.models.flow import Flow
from sovits_tts.models.frames import length_mask
from sovits_tts.models.hifigan import HiFiGAN
from sovits_tts.models.posterior import PosteriorEncoder
from sovits_tts.models.prior import MRTE, PriorEncoder
from sovits_tts.models.quantizer import Quantizer
from sovits_tts.models.style import StyleEncoder
from sovits_tts.models.wavenet import WaveNet
from sovits_tts.models.weight_norm import fold_weight_norm
from sovits_tts.specs import SPECS
from tests.parity.registry import Check, Fixture, case, close, derived, equal

# Where each block sits in the whole network: (our prefix, official prefix).
_PLACES = {
    "wn": ("posterior_encoder.wavenet.", "enc_q.enc."),
    "flow": ("flow.", "flow."),
    "enc_q": ("posterior_encoder.", "enc_q."),
    "dec_rb1": ("decoder.", "dec."),
    "dec_rb2": ("decoder.", "dec."),
    "gen_v4style": ("decoder.", "dec."),
    "mel_style": ("style_encoder.", "ref_enc."),
    "attn_enc": ("prior_encoder.content_encoder.", "enc_p.encoder_ssl."),
    "mrte": ("prior_encoder.mrte.", "enc_p.mrte."),
    "text_encoder_v1": ("prior_encoder.", "enc_p."),
    "text_encoder_v2": ("prior_encoder.", "enc_p."),
    "quantizer": ("quantizer.", "quantizer."),
}


def _build(name: str, c: dict[str, Any], d_content: int) -> nn.Module:
    match c["cls"]:
        case "modules.WN":
            return WaveNet(c["hidden"], c["kernel"], c["n_layers"], c["gin"], c["dilation_rate"])
        case "ResidualCouplingBlock":
            return Flow(c["channels"], c["hidden"], c["kernel"], c["n_layers"], c["gin"], c["n_flows"], c["dilation"])
        case "PosteriorEncoder":
            return PosteriorEncoder(
                c["in_ch"], c["out"], c["hidden"], c["kernel"], c["n_layers"], c["gin"], c["dilation"]
            )
        case "Generator":
            return HiFiGAN(
                c["initial_channel"], c["gin"], c["upsample_initial_channel"], c["upsample_rates"],
                c["upsample_kernel_sizes"], int(c["resblock"]), c["resblock_kernel_sizes"],
                c["resblock_dilation_sizes"], output_bias=c["is_bias"],
            )  # fmt: skip
        case "MelStyleEncoder":
            return StyleEncoder(
                c["n_mel"], c["style_hidden"], c["style_vector_dim"], c["kernel"], c["heads"], exact=True
            )
        case "attentions.Encoder":
            return Encoder(c["hidden"], c["filter"], c["heads"], c["n_layers"], c["kernel"], window=c["window"])
        case "MRTE":
            return MRTE(c["content"], c["hidden"], c["heads"])
        case "TextEncoder":
            vits = SPECS[c["version"]].vits
            return PriorEncoder(
                d_content, vits.n_phonemes, c["out"], c["hidden"], c["filter"], c["heads"],
                c["n_layers"] // 2, c["n_layers"], c["n_layers"] // 2, c["kernel"], 0.0,
                c["mrte_hidden"], vits.n_heads_mrte,
            )  # fmt: skip
        case "ResidualVectorQuantizer":
            return Quantizer(c["dimension"], c["bins"])
    raise ValueError(f"{name} is a {c['cls']}, which has no counterpart here")


def _renamed(name: str, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    our_prefix, official_prefix = _PLACES[name]
    whole = official_names.VITS.rename_to_ours({official_prefix + key: value for key, value in stored.items()})
    return {key.removeprefix(our_prefix): value for key, value in whole.items()}


def _with_weights(fixture: Fixture, name: str, module: nn.Module, checks: list[Check]) -> nn.Module:
    """Derived weights; where the fixture stores them too, the two must agree."""
    our_prefix, official_prefix = _PLACES[name]
    stored = fixture.stored(name)
    state = {}
    for key, tensor in module.state_dict().items():
        official = official_names.VITS.to_theirs(our_prefix + key).removeprefix(official_prefix)
        state[key] = derived(fixture.seed, f"{name}.{official}", tensor.shape)
    if stored is not None:
        renamed = _renamed(name, stored)
        same = renamed.keys() == state.keys() and all(torch.equal(renamed[key], state[key]) for key in state)
        checks.append(equal(f"{name}.weights", same, True))
        state = renamed
    module.load_state_dict(state)
    return module.eval()


@case("s2_modules_tiny")
@torch.no_grad()
def building_blocks(fixture: Fixture) -> Iterator[Check]:
    io = fixture.io
    checks: list[Check] = []
    d_content = io["text_encoder.q"].shape[1]
    modules: dict[str, Any] = {
        name: _with_weights(fixture, name, _build(name, sizes, d_content), checks)
        for name, sizes in fixture.meta["ctor"].items()
    }
    yield from checks
    x, style, mask = io["x"], io["g"], io["mask"]

    yield close("wn.out", modules["wn"](x * mask, mask, style), io["wn.out"])
    flow = modules["flow"]
    yield close("flow.forward", flow(io["flow.in"], mask, style), io["flow.forward"])
    yield close("flow.reverse", flow.inverse(io["flow.in"], mask, style), io["flow.reverse"])
    posterior = modules["enc_q"](io["enc_q.in"], mask, style, io["enc_q.noise"])
    yield close("enc_q.z", posterior.z, io["enc_q.z"])
    yield close("enc_q.m", posterior.mean, io["enc_q.m"])
    yield close("enc_q.logs", posterior.log_std, io["enc_q.logs"])

    yield from _generators(fixture, modules)
    yield close("mel_style.out", modules["mel_style"](io["enc_q.in"] * mask, mask), io["mel_style.out"])
    yield close("mel_style.out_nomask", modules["mel_style"](io["enc_q.in"]), io["mel_style.out_nomask"])
    yield close("attn_enc.out", modules["attn_enc"](x, mask), io["attn_enc.out"])
    short = io["attn_enc.out_short3"].shape[-1]
    few = modules["attn_enc"](x[..., :short], mask[..., :short])
    yield close("attn_enc.out_short3", few, io["attn_enc.out_short3"])
    mrte = modules["mrte"](x, mask, io["mrte.text"], io["mrte.text_mask"], io["mrte.ge"])
    yield close("mrte.out", mrte, io["mrte.out"])
    for name in ("text_encoder_v1", "text_encoder_v2"):
        yield from _prior(name, modules[name], io)
    yield from _quantizer(fixture, modules["quantizer"])


def _generators(fixture: Fixture, modules: dict[str, Any]) -> Iterator[Check]:
    io = fixture.io
    for name in ("dec_rb1", "dec_rb2"):
        wave = modules[name](io["flow.in"], io["g"])
        yield close(f"{name}.wave", wave, io[f"{name}.wave"])
        folded = fold_weight_norm(modules[name])(io["flow.in"], io["g"])
        yield close(f"{name}.wave, weight norm folded", folded, io[f"{name}.wave"])
    vocoder = modules["gen_v4style"]
    yield close("gen_v4style.wave", vocoder(io["gen_v4style.in"]), io["gen_v4style.wave"])
    fold_weight_norm(vocoder)
    plain = fixture.stored("gen_v4style_no_wn")
    if plain is not None:
        expected = _renamed("gen_v4style", plain)
        folded = vocoder.state_dict()
        yield equal("gen_v4style_no_wn names", sorted(folded), sorted(expected))
        yield close(
            "gen_v4style_no_wn weights",
            torch.cat([folded[key].flatten() for key in expected]),
            torch.cat([value.flatten() for value in expected.values()]),
        )
        vocoder.load_state_dict(expected)
    yield close("gen_v4style_no_wn.wave", vocoder(io["gen_v4style.in"]), io["gen_v4style.wave"])


def _prior(name: str, module: Any, io: dict[str, Tensor]) -> Iterator[Check]:
    content, phonemes = io["text_encoder.q"], io["text_encoder.tid"]
    mask = length_mask(io["lens"], content.shape[-1])
    phoneme_mask = length_mask(io["text_encoder.tlen"], phonemes.shape[-1])
    for key in sorted(key for key in io if key.startswith(f"{name}.s") and key.endswith(".m")):
        case_name = key.removesuffix(".m")
        speed = float(case_name.removeprefix(f"{name}.s"))
        prior = module(content, mask, phonemes, phoneme_mask, io["mrte.ge"], speed)
        yield close(key, prior.mean, io[key])
        yield close(f"{case_name}.logs", prior.log_std, io[f"{case_name}.logs"])
        yield equal(f"{case_name}.y_mask", prior.mask, io[f"{case_name}.y_mask"])


def _quantizer(fixture: Fixture, module: Any) -> Iterator[Check]:
    io = fixture.io
    tokens = module.encode(io["x"])
    yield equal("quantizer.codes", tokens[None], io["quantizer.codes"])
    yield equal("quantizer.encode", tokens[None], io["quantizer.encode"])
    yield close("quantizer.quantized", module.decode(tokens), io["quantizer.quantized"])
    yield close("quantizer.decode", module.decode(io["quantizer.codes"][0]), io["quantizer.decode"])
    with torch.enable_grad():
        x = io["x"].clone().requires_grad_()
        learned = module.learn(x)
        (gradient,) = torch.autograd.grad(learned.vectors.sum() + learned.commit_loss, x)
    yield close("quantizer.train_commit", learned.commit_loss, fixture.meta["quantizer_train_commit"])
    yield close("quantizer.train_quantized", learned.vectors, io["quantizer.train_quantized"])
    yield close("quantizer.train_grad_x", gradient, io["quantizer.train_grad_x"])
    yield close("quantizer.train_after.cluster_size", module.cluster_size, io["quantizer.train_after.cluster_size"])
    yield close("quantizer.train_after.embed", module.embedding, io["quantizer.train_after.embed"])
    yield close("quantizer.train_after.embed_avg", module.embedding_sum, io["quantizer.train_after.embed_avg"])
