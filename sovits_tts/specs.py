"""The models as rows: sizes and facts. Networks read these; nobody asks for a version's name.

Official rows describe GPT-SoVITS v1, v2, v2Pro and v2ProPlus. `mini` is ours: the same classes, smaller numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from sovits_tts.errors import ConfigError


@dataclass(frozen=True)
class ContentConfig:
    """A HuBERT-layout encoder: 16 kHz waveform -> hidden states at 50 Hz."""

    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    conv_dims: tuple[int, ...] = (512,) * 7  # channels of the seven feature convolutions
    position_kernel: int = 128
    position_groups: int = 16
    output_layer: int = 12  # hidden state handed to the quantizer; 0 is the input of the first layer
    ctc_symbols: int = 0  # > 0: a linear phoneme CTC head sits on the last layer (blank = 0)
    sample_rate: int = 16000


@dataclass(frozen=True)
class GPTConfig:
    """The autoregressive stage: phonemes + BERT + prompt tokens -> semantic tokens."""

    d_model: int = 512
    n_layers: int = 24
    n_heads: int = 16
    n_phonemes: int = 732
    n_tokens: int = 1025  # semantic codebook + end of sequence
    d_bert: int = 1024  # 0: no BERT input
    dropout: float = 0.1  # layers and positions, in training only
    follows_text: bool = False  # told which phoneme each token speaks, and says when to move on (models.reading)

    @property
    def eos(self) -> int:
        return self.n_tokens - 1


@dataclass(frozen=True)
class SamplingConfig:
    """How the next semantic token and the latent of the waveform stage are drawn where the caller does not say."""

    temperature: float = 1.0
    top_k: int = 15
    top_p: float = 1.0
    repetition_penalty: float = 1.35  # the official models loop without; a model that follows its text cannot
    noise_scale: float = 0.5  # of the prior's spread


@dataclass(frozen=True)
class VITSConfig:
    """The waveform stage: semantic tokens + phonemes + style -> waveform."""

    sample_rate: int = 32000
    n_fft: int = 2048
    hop: int = 640
    win: int = 2048
    n_mels: int = 128  # of the reconstruction loss
    d_content: int = 768
    codebook_size: int = 1024
    token_frames: int = 2  # spectrogram frames per semantic token
    n_phonemes: int = 732
    # prior
    d_latent: int = 192
    d_hidden: int = 192
    d_filter: int = 768
    n_heads: int = 2
    n_layers_content: int = 3
    n_layers_text: int = 6
    n_layers_joint: int = 3
    kernel: int = 3
    dropout: float = 0.1
    d_mrte: int = 512
    n_heads_mrte: int = 4
    follows_text: bool = False  # the prior is told which phoneme each token speaks, beside its cross-attention
    d_reference: int = 0  # > 0: width of the prior's attention to the latents of the clip (models.reference)
    # flow and posterior
    n_flows: int = 4
    n_layers_flow: int = 4
    d_matching: int = 0  # > 0: width of one flow-matching network in place of the couplings (models.matching)
    matching_steps: int = 8  # in which synthesis follows it
    n_layers_posterior: int = 16
    log_spectrum: bool = False  # posterior and style encoder read log(1 + 100 x magnitude) / 2, not the magnitude
    # style and speaker
    style_bins: int = 704  # lowest spectrogram bins the style encoder reads
    d_style_hidden: int = 128
    d_style: int = 512
    dropout_style: float = 0.1  # of the style encoder, whatever `dropout` says
    d_speaker: int = 0  # > 0: width of the speaker-verification vector added to the style
    # decoder (HiFi-GAN generator)
    decoder_channels: int = 512
    upsample_rates: tuple[int, ...] = (10, 8, 2, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 8, 2, 2)
    resblock_type: int = 1
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    istft_size: int = 0  # > 0: the decoder ends in an inverse STFT of this size, hop a quarter of it
    source: bool = False  # and filters pulses at a predicted pitch and noise (models.source); needs istft_size
    contrast: tuple[float, float] = (1.0, 1.0)  # of a source's filters in synthesis, in time and over frequency
    pitch_range: float = 1.0  # of a source in synthesis: how far its melody moves, next to what the head says
    # discriminators (training only)
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    scale_channels: tuple[int, ...] = (16, 64, 256, 1024, 1024, 1024)
    period_channels: tuple[int, ...] = (32, 128, 512, 1024, 1024)

    @property
    def n_bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def speaks_with_posterior(self) -> bool:
        """Whether synthesis needs the posterior too: a clip is attended to in its terms."""
        return self.d_reference > 0

    def __post_init__(self) -> None:
        product = math.prod(self.upsample_rates) * (self.istft_size // 4 or 1)
        if product != self.hop:
            raise ConfigError(f"The decoder makes {product} samples a frame, but hop is {self.hop}.",
                              hint="upsample_rates (times istft_size / 4, if set) must multiply to hop.")  # fmt: skip
        if self.source and not self.istft_size:
            raise ConfigError("A decoder with a source needs an inverse STFT.", hint="Set istft_size.")
        if self.style_bins > self.n_bins:
            raise ConfigError(f"style_bins is {self.style_bins}, but the spectrogram has {self.n_bins} bins.")
        if not self.d_speaker and self.d_style != self.d_mrte:
            raise ConfigError(
                f"d_style is {self.d_style} and d_mrte is {self.d_mrte}, but the prior adds one to the other.",
                hint="Make them equal; only a model with d_speaker projects between them.",
            )


@dataclass(frozen=True)
class BertConfig:
    """A Chinese RoBERTa whose hidden state `feature_layer`, counted from the end, describes each character."""

    n_vocabulary: int = 21128
    d_model: int = 1024
    n_layers: int = 24
    n_heads: int = 16
    d_ff: int = 4096
    max_tokens: int = 512
    feature_layer: int = -3

    @property
    def n_layers_built(self) -> int:
        return self.n_layers + self.feature_layer + 1


@dataclass(frozen=True)
class SpeakerConfig:
    """ERes2NetV2: 80 mel bands at 100 frames per second -> a speaker-verification vector."""

    n_mels: int = 80
    channels: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    base_width: int = 24
    scale: int = 4
    expansion: int = 4
    d_embedding: int = 192

    @property
    def d_vector(self) -> int:
        """Channels of the last stage times the bands left after three halvings."""
        return self.channels * 2 ** (len(self.blocks) - 1) * self.expansion * (self.n_mels // 8)


@dataclass(frozen=True)
class ModelSpec:
    """One complete model. `name` is for people and files; code reads the other fields."""

    name: str
    symbols: str  # "v1" (322) or "v2" (732): which phoneme table
    languages: tuple[str, ...]
    gpt: GPTConfig = field(default_factory=GPTConfig)
    vits: VITSConfig = field(default_factory=VITSConfig)
    content: ContentConfig = field(default_factory=ContentConfig)
    bert: BertConfig | None = None  # present where gpt.d_bert > 0
    speaker: SpeakerConfig | None = None  # present where vits.d_speaker > 0
    token_rate: int = 25  # semantic tokens per second
    silence_token: int = 486  # -1: not known
    speech_level: float = 0.0  # RMS of the louder half of its training recordings; 0: they were scaled by their peak
    matches_balance: bool = False  # what is spoken gets the spectral balance of the clip; see `balance`
    reference_free: bool = True  # can speak without the transcript of the clip
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


_ALL = ("zh", "en", "ja", "ko", "yue")
_V2 = ModelSpec("v2", symbols="v2", languages=_ALL, bert=BertConfig())
_PRO_VITS = VITSConfig(dropout=0.0, d_style=1024, d_speaker=20480, periods=(2, 3, 5, 7, 11, 17, 23))
_PRO = replace(_V2, name="v2Pro", vits=_PRO_VITS, speaker=SpeakerConfig())
_MINI = ModelSpec(
    "mini",
    symbols="v2",
    languages=("zh", "en"),
    gpt=GPTConfig(d_model=256, n_layers=5, n_heads=8, n_tokens=513, d_bert=0, follows_text=True),
    vits=VITSConfig(
        sample_rate=24000, n_fft=1024, hop=480, win=1024, n_mels=100,
        d_content=192, codebook_size=512,
        d_latent=96, d_hidden=96, d_filter=384, n_layers_content=2, n_layers_text=4, n_layers_joint=2,
        d_mrte=128, d_reference=128, d_matching=168, n_layers_flow=6, n_layers_posterior=6,
        style_bins=342, d_style_hidden=96, d_style=128,
        decoder_channels=384, upsample_rates=(2, 2), upsample_kernels=(4, 4), istft_size=480, source=True,
        log_spectrum=True, follows_text=True, contrast=(1.3, 1.2), pitch_range=2.2,
        resblock_type=2, resblock_kernels=(3, 7), resblock_dilations=((1, 3), (1, 3)),
        scale_channels=(8, 16, 32, 64, 64, 64), period_channels=(8, 16, 32, 64, 64),
    ),
    content=ContentConfig(
        d_model=192, n_layers=6, n_heads=4, d_ff=768, conv_dims=(32, 64, 96, 128, 128, 128, 128), position_kernel=64,
        output_layer=5, ctc_symbols=733,
    ),
    silence_token=-1, speech_level=0.07, matches_balance=True,
    sampling=SamplingConfig(temperature=0.2, top_k=5, repetition_penalty=1.0, noise_scale=0.3),
)  # fmt: skip

SPECS: dict[str, ModelSpec] = {
    "v1": replace(
        _V2, name="v1", symbols="v1", languages=("zh", "en", "ja"),
        gpt=GPTConfig(n_phonemes=512), vits=VITSConfig(n_phonemes=322, style_bins=1025),
    ),
    "v2": _V2,
    "v2Pro": _PRO,
    "v2ProPlus": replace(
        _PRO, name="v2ProPlus",
        vits=replace(_PRO_VITS, decoder_channels=768, upsample_kernels=(20, 16, 8, 2, 2)),
    ),
    "mini": _MINI,
}  # fmt: skip


def get_spec(name: str) -> ModelSpec:
    """The row called `name`. Raises ConfigError naming what exists."""
    try:
        return SPECS[name]
    except KeyError:
        known = ", ".join(SPECS)
        raise ConfigError(f"There is no model called {name!r}.", hint=f"Choose one of: {known}.") from None
