"""The waveform stage: semantic tokens + phonemes + style -> waveform. Kim et al. 2021 (VITS), without a duration model.

What is unusual about this network:
- frames come two per semantic token, so the tokens fix the timing and the prior needs no alignment;
- the voice is a style vector from a spectrogram; some models add a speaker-verification vector to it;
- the prior sees the voice at the width of its cross-attention (`Style.text`), all other parts at `d_style`;
- the codebook lives here too: the same weights turn a clip's content into the tokens the GPT stage continues.

Training:  spectrogram -> posterior -> z -> flow -> z_p, pulled towards the prior; a slice of z -> decoder -> waveform.
Inference: prior -> sample -> inverse flow -> decoder.
With `d_reference` the prior also attends to the latents of the clip, which the posterior says: then it stays.
With `d_matching` the flow is one network that moves noise towards z in a few steps, and is nobody's inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sovits_tts.models.flow import Flow
from sovits_tts.models.frames import length_mask, random_starts, take_slices
from sovits_tts.models.hifigan import HiFiGAN
from sovits_tts.models.matching import FlowMatching
from sovits_tts.models.posterior import PosteriorEncoder
from sovits_tts.models.prior import Join, Prior, PriorEncoder, frames_at_speed
from sovits_tts.models.quantizer import Quantizer
from sovits_tts.models.reference import Reference
from sovits_tts.models.source import Melody
from sovits_tts.models.style import StyleEncoder
from sovits_tts.models.weight_norm import fold_weight_norm
from sovits_tts.specs import VITSConfig

FLOW_KERNEL = 5  # of the flow's and the posterior's WaveNets, the same in every model


@dataclass
class Style:
    """The voice as the networks take it."""

    vector: Tensor  # (B, d_style, 1): flow, posterior, decoder
    text: Tensor  # (B, d_mrte, 1): prior
    reference: Reference | None = None  # the clip itself, for a prior that attends to it


@dataclass
class TrainOutput:
    wave_slice: Tensor  # (B, 1, slice_frames * hop)
    slice_start: Tensor  # (B,) first frame of each slice
    prior: Prior
    z: Tensor  # (B, d_latent, T) sample of the posterior
    z_p: Tensor  # (B, d_latent, T) the same after the couplings, if any, to be likely under the prior
    mean_q: Tensor  # (B, d_latent, T) posterior
    log_std_q: Tensor  # (B, d_latent, T)
    mask: Tensor  # (B, 1, T)
    commit_loss: Tensor  # scalar; 0 while the quantizer is frozen
    style: Style
    pitch: Tensor | None = None  # (B, 2, T) said by the decoder's pitch head; `models.source`
    matching: Tensor | None = None  # scalar, loss of `models.matching`; None for a flow of couplings


class VITS(nn.Module):
    """`posterior=False` leaves that encoder out where only training needs it, as fine-tuned official files do.

    `exact=True` repeats an official flaw that matters in training only: see `StyleEncoder`.
    """

    def __init__(self, config: VITSConfig, *, posterior: bool = True, exact: bool = False) -> None:
        super().__init__()
        self.config = c = config
        self.prior_encoder = PriorEncoder(
            c.d_content, c.n_phonemes, c.d_latent, c.d_hidden, c.d_filter, c.n_heads,
            c.n_layers_content, c.n_layers_text, c.n_layers_joint, c.kernel, c.dropout, c.d_mrte, c.n_heads_mrte,
            c.follows_text, c.d_reference,
        )  # fmt: skip
        self.decoder = HiFiGAN(
            c.d_latent, c.d_style, c.decoder_channels, c.upsample_rates, c.upsample_kernels,
            c.resblock_type, c.resblock_kernels, c.resblock_dilations, istft_size=c.istft_size,
            source_rate=c.sample_rate if c.source else 0, contrast=c.contrast, pitch_range=c.pitch_range,
        )  # fmt: skip
        self.posterior_encoder = (
            PosteriorEncoder(c.n_bins, c.d_latent, c.d_hidden, FLOW_KERNEL, c.n_layers_posterior, c.d_style)
            if posterior or c.speaks_with_posterior
            else None
        )
        self.flow = (
            FlowMatching(c.d_latent, c.d_hidden, c.d_matching, c.n_layers_flow, c.d_style, c.matching_steps)
            if c.d_matching
            else Flow(c.d_latent, c.d_hidden, FLOW_KERNEL, c.n_layers_flow, c.d_style, c.n_flows)
        )
        self.style_encoder = StyleEncoder(
            c.style_bins, c.d_style_hidden, c.d_style, dropout=c.dropout_style, exact=exact
        )
        self.content_projection = nn.Conv1d(c.d_content, c.d_content, c.token_frames, stride=c.token_frames)
        self.quantizer = Quantizer(c.d_content, c.codebook_size)
        if c.d_speaker:
            self.speaker_projection = nn.Linear(c.d_speaker, c.d_style)
            self.style_to_text = nn.Linear(c.d_style, c.d_mrte)
            self.style_activation = nn.PReLU(c.d_style)

    # --- inference ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def tokenize(self, content: Tensor) -> Tensor:
        """Semantic tokens of a clip. content: (B, d_content, T50) at 50 Hz -> (B, S) int64 at 25 Hz"""
        return self.quantizer.encode(self.content_projection(content))

    def style(self, spec: Tensor, lengths: Tensor | None = None, speaker: Tensor | None = None) -> Style:
        """The voice of each clip in the batch.

        spec: (B, n_bins, T) linear magnitudes; lengths: (B,) frames of each, None: no padding
        speaker: (B, d_speaker) speaker-verification vectors, for the models that have `d_speaker`
        """
        mask = None if lengths is None else length_mask(lengths, spec.shape[-1], spec.dtype)
        if mask is not None:
            spec = spec * mask
        vector = self.style_encoder(self._seen(spec)[:, : self.config.style_bins], mask)
        if self.config.d_speaker:
            if speaker is None:
                raise ValueError("This model needs a speaker vector beside the spectrogram.")
            vector = self.style_activation(vector + self.speaker_projection(speaker).unsqueeze(-1))
        style = self._as_style(vector)
        if self.config.d_reference:
            style.reference = self._reference(spec, mask, vector)
        return style

    @torch.no_grad()
    def _reference(self, spec: Tensor, mask: Tensor | None, vector: Tensor) -> Reference:
        assert self.posterior_encoder is not None
        if mask is None:
            mask = torch.ones_like(spec[:, :1])
        return Reference(self.posterior_encoder(self._seen(spec), mask, vector).mean, mask)

    def mean_style(self, styles: Sequence[Style]) -> Style:
        """One voice from several clips of it (each B = 1 or all of one batch size)."""
        mean = self._as_style(torch.stack([style.vector for style in styles]).mean(dim=0))
        known = [(style.reference, 1.0) for style in styles if style.reference is not None]
        mean.reference = Reference.blended(known) if known else None
        return mean

    def _seen(self, spec: Tensor) -> Tensor:
        """A spectrogram as the networks read it; padding stays zero."""
        return torch.log1p(100 * spec) / 2 if self.config.log_spectrum else spec

    def _as_style(self, vector: Tensor) -> Style:
        if not self.config.d_speaker:
            return Style(vector, vector)
        return Style(vector, self.style_to_text(vector.transpose(1, 2)).transpose(1, 2))

    def prior(
        self,
        tokens: Tensor,
        phonemes: Tensor,
        style: Style,
        speed: float = 1.0,
        token_lengths: Tensor | None = None,
        phoneme_lengths: Tensor | None = None,
        join: Join | None = None,
        spoken: Tensor | None = None,
    ) -> Prior:
        """tokens: (B, S), phonemes: (B, P), lengths: (B,) each, None: no padding. `join` is for streaming.

        spoken: (B, S) index of the phoneme that each token speaks, -1 unknown; None: unknown throughout
        """
        # The codebook may be kept in fp32 beside networks in half precision.
        content = self.quantizer.decode(tokens).to(style.text.dtype)
        content = content.repeat_interleave(self.config.token_frames, dim=-1)
        frame_lengths = None if token_lengths is None else token_lengths * self.config.token_frames
        mask = _mask(frame_lengths, content)
        return self.prior_encoder(
            content, mask, phonemes, _mask(phoneme_lengths, phonemes, content.dtype), style.text, speed, join,
            self._per_frame(spoken, content.shape[-1]), style.reference,
        )  # fmt: skip

    def _per_frame(self, spoken: Tensor | None, n_frames: int) -> Tensor | None:
        return None if spoken is None else spoken.repeat_interleave(self.config.token_frames, dim=-1)[..., :n_frames]

    def render(
        self, prior: Prior, style: Style, noise: Tensor, noise_scale: float = 0.5, melody: Melody | None = None
    ) -> Tensor:
        """Sample the prior and make it sound. noise: standard normal, as prior.mean -> waveform (B, 1, N)"""
        z = self.flow.sample(prior, style.vector, noise, noise_scale)
        return self.decoder(z * prior.mask, style.vector, melody=melody)

    @torch.no_grad()
    def decode(
        self,
        tokens: Tensor,
        phonemes: Tensor,
        style: Style,
        *,
        noise: Tensor | None = None,
        noise_scale: float = 0.5,
        speed: float = 1.0,
        generator: torch.Generator | None = None,
        spoken: Tensor | None = None,
        melody: Melody | None = None,
    ) -> Tensor:
        """Speak. tokens: (1, S), phonemes: (1, P) -> waveform (1, 1, N), N = hop * frames(S, speed).

        The decoder knows no padding: a batch is right only if all rows are equally long.
        noise: standard normal (1, d_latent, frames(S, speed)); None draws it from `generator` on the CPU.
        spoken: (1, S) as `prior` takes it
        melody: of the voice, for a decoder with a source; None: its own choice
        """
        prior = self.prior(tokens, phonemes, style, speed, spoken=spoken)
        if noise is None:
            noise = torch.randn(prior.mean.shape, generator=generator)
        return self.render(prior, style, noise.to(prior.mean), noise_scale, melody)

    def frames(self, n_tokens: int, speed: float = 1.0) -> int:
        """Spectrogram frames that `n_tokens` semantic tokens become."""
        return frames_at_speed(n_tokens * self.config.token_frames, speed)

    def for_inference(self) -> VITS:
        """Drop the posterior, unless clips are heard through it, fold weight norm, switch dropout off; in place, cannot
        be undone."""
        if not self.config.speaks_with_posterior:
            self.posterior_encoder = None
        return fold_weight_norm(self).eval().requires_grad_(False)

    # --- training ----------------------------------------------------------------------------------------------

    def forward(self, *args, **kwargs) -> TrainOutput:
        """`forward_train`, under the name that wrappers for many devices call."""
        return self.forward_train(*args, **kwargs)

    def forward_train(
        self,
        content: Tensor | None,
        spec: Tensor,
        spec_lengths: Tensor,
        phonemes: Tensor,
        phoneme_lengths: Tensor,
        speaker: Tensor | None = None,
        slice_frames: int = 32,
        generator: torch.Generator | None = None,
        style_spec: Tensor | None = None,
        style_lengths: Tensor | None = None,
        *,
        tokens: Tensor | None = None,
        pitch: Tensor | None = None,
        spoken: Tensor | None = None,
        train_quantizer: bool = False,
        noise: Tensor | None = None,
        slice_start: Tensor | None = None,
        posterior_pull: float = 1.0,
        matching_time: Tensor | None = None,
        matching_noise: Tensor | None = None,
        finish_from: Tensor | None = None,
    ) -> TrainOutput:
        """One training pass.

        content: (B, d_content, T) at 50 Hz; or None with `tokens`: (B, S) stored beforehand
        spec: (B, n_bins, T) of the target, zero-padded; spec_lengths: (B,) frames, at most what the tokens cover
        phonemes: (B, P), phoneme_lengths: (B,)
        style_spec, style_lengths: the clip that gives the voice; None takes the target itself, as official training
            does (cheap, but it lets the style carry content)
        pitch: (B, 2, T) of the target, for a decoder with a source; others ignore it
        spoken: (B, S) as `prior` takes it
        generator: of the slices and the posterior's noise, on the CPU; `noise`, `slice_start` give them outright
        slice_frames: decoded of each row; 0: none, where decoder and pitch do not learn
        matching_time, matching_noise: as `models.matching` takes them
        finish_from: (B,) moments; the decoder speaks latents that flow matching finished from there (with the first of
            `matching_noise`, if given) instead of the recording's own. The posterior learns nothing from it then
        posterior_pull: share of the KL gradient that reaches the posterior. Less than 1 lets the latent say more, while
            prior, flow and style still learn at full weight what it says
        """
        if self.posterior_encoder is None:
            raise ValueError("Training needs the posterior, but this VITS was built without one.")
        if style_spec is not None:
            style = self.style(style_spec, style_lengths, speaker)
        else:  # of a clip that is the target, the prior would only learn to copy
            style = replace(self.style(spec, spec_lengths, speaker), reference=None)
        vectors, commit_loss = self._quantize(content, tokens, train_quantizer)
        frames = vectors.to(spec.dtype).repeat_interleave(self.config.token_frames, dim=-1)[..., : spec.shape[-1]]
        if frames.shape[-1] < spec.shape[-1]:
            raise ValueError(f"The tokens cover {frames.shape[-1]} frames, the spectrogram has {spec.shape[-1]}.")

        mask = length_mask(spec_lengths, spec.shape[-1], spec.dtype)
        phoneme_mask = length_mask(phoneme_lengths, phonemes.shape[-1], spec.dtype)
        heard_phonemes = self._per_frame(spoken, spec.shape[-1])
        if noise is None and generator is not None:
            shape = (len(spec), self.config.d_latent, spec.shape[-1])
            noise = torch.randn(shape, generator=generator).to(spec)
        posterior = self.posterior_encoder(self._seen(spec), mask, style.vector, noise)
        prior = self.prior_encoder(
            frames, mask, phonemes, phoneme_mask, style.text, spoken=heard_phonemes, reference=style.reference,
            own=posterior.mean.detach(),
        )  # fmt: skip
        z, log_std_q = (_pulled(x, posterior_pull) for x in (posterior.z, posterior.log_std))
        matching, spoken_z = None, posterior.z
        if isinstance(self.flow, FlowMatching):
            z_p = z
            matching = self.flow.loss(prior, posterior.mean, style.vector, matching_time, matching_noise)
            if finish_from is not None:
                fresh = torch.randn_like(z) if matching_noise is None else matching_noise[:, 0]
                spoken_z = self.flow.finish(prior, posterior.mean, style.vector, fresh, finish_from)
        else:
            z_p = self.flow(z, mask, style.vector)
        if slice_start is None:
            slice_start = random_starts(spec_lengths, slice_frames, generator)
        wave_slice, said = self._decoded(spoken_z, style, slice_start, slice_frames, pitch)
        return TrainOutput(
            wave_slice, slice_start, prior, posterior.z, z_p, posterior.mean, log_std_q, mask,
            commit_loss, style, said, matching,
        )  # fmt: skip

    def _decoded(
        self, z: Tensor, style: Style, start: Tensor, slice_frames: int, pitch: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """A slice of the waveform as in training, and what the pitch head says of all of it.

        z: (B, d_latent, T), start: (B,) first frames, pitch: (B, 2, T) of the target -> (B, 1, N), (B, 2, T) or None
        """
        if not slice_frames:
            return z.new_zeros(len(z), 1, 0), None
        said = heard = None
        if self.decoder.pitch is not None:
            said = self.decoder.pitch(z, style.vector)
            heard = None if pitch is None else take_slices(pitch, start, slice_frames)
        return self.decoder(take_slices(z, start, slice_frames), style.vector, heard), said

    def _quantize(self, content: Tensor | None, tokens: Tensor | None, train: bool) -> tuple[Tensor, Tensor]:
        """Codebook vectors (B, d_content, S) and the commitment loss."""
        zero = self.quantizer.embedding.new_zeros(())
        if tokens is not None:
            return self.quantizer.decode(tokens), zero
        if content is None:
            raise ValueError("Training needs content features or tokens.")
        with torch.autocast(content.device.type, enabled=False):  # tokens flip in half precision
            if not train:
                return self.quantizer.decode(self.tokenize(content.float())), zero
            quantized = self.quantizer.learn(self.content_projection(content.float()))
            return quantized.vectors, quantized.commit_loss


def _pulled(x: Tensor, share: float) -> Tensor:
    """`x`, with `share` of its gradient."""
    return x if share == 1 else share * x + (1 - share) * x.detach()


def _mask(lengths: Tensor | None, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """(B, 1, T) for the last axis of `like`; all ones without lengths."""
    dtype = dtype or like.dtype
    if lengths is None:
        return torch.ones(like.shape[0], 1, like.shape[-1], dtype=dtype, device=like.device)
    return length_mask(lengths, like.shape[-1], dtype)
