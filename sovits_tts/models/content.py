"""The content encoder: 16 kHz waveform -> hidden states at 50 Hz that say what was spoken.

HuBERT (arXiv 2106.07447, section III) in the layout of Hugging Face's `HubertModel`, which we use as it is.
What is unusual:
- the first convolution is followed by a group norm over the whole time axis, so padding changes every frame:
  a batch must hold clips of equal length;
- the transformer is post-norm; `output_layer` says which hidden state the codebook reads;
- an encoder trained by us also has two linear heads on its last layer: CTC phonemes and aligned phonemes per frame.
"""

from __future__ import annotations

from torch import Tensor, nn
from transformers import HubertConfig, HubertModel

from sovits_tts.specs import ContentConfig

CONV_KERNELS = (10, 3, 3, 3, 3, 2, 2)
CONV_STRIDES = (5, 2, 2, 2, 2, 2, 2)  # product 320: 16 kHz -> 50 Hz
SPEC_AUGMENT_SHARE = 0.05  # only makes Hugging Face create its mask vector; masking itself is off by default


def _hubert_config(config: ContentConfig, dropout: float, spec_augment: float) -> HubertConfig:
    return HubertConfig(
        hidden_size=config.d_model,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        intermediate_size=config.d_ff,
        conv_dim=list(config.conv_dims),
        conv_kernel=list(CONV_KERNELS),
        conv_stride=list(CONV_STRIDES),
        conv_bias=False,
        feat_extract_norm="group",
        do_stable_layer_norm=False,
        num_conv_pos_embeddings=config.position_kernel,
        num_conv_pos_embedding_groups=config.position_groups,
        hidden_dropout=dropout,
        activation_dropout=dropout,
        attention_dropout=dropout,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=spec_augment > 0,
        mask_time_prob=spec_augment or SPEC_AUGMENT_SHARE,
        mask_feature_prob=0.0,
    )


class ContentEncoder(nn.Module):
    """HuBERT-layout encoder with optional phoneme heads.

    dropout:      in training, on hidden states, attention and the inner layer of the feed-forward
    spec_augment: share of frames that training replaces by a learnt vector (spans of 10); 0 switches it off

    Parameters live under `hubert.`, `ctc_head.` and `frame_head.`.
    """

    def __init__(self, config: ContentConfig, dropout: float = 0.1, spec_augment: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.hubert = HubertModel(_hubert_config(config, dropout, spec_augment))
        # Official files carry this vector, so it always exists; where nothing is masked it gets no gradient.
        self.hubert.masked_spec_embed.requires_grad_(spec_augment > 0)
        self.ctc_head = nn.Linear(config.d_model, config.ctc_symbols) if config.ctc_symbols else None
        self.frame_head = nn.Linear(config.d_model, config.ctc_symbols) if config.ctc_symbols else None

    def hidden_states(self, wave: Tensor) -> tuple[Tensor, ...]:
        """Every hidden state in one pass: n_layers + 1 tensors (B, d_model, T50).

        wave: (B, N) at 16 kHz, all of the same length; no normalisation. Item 0 is the input of the first layer,
        item n its n-th layer's output; T50 is `n_frames(N)`.
        """
        states = self.hubert(wave, output_hidden_states=True, return_dict=True).hidden_states
        return tuple(state.transpose(1, 2) for state in states)

    def forward(self, wave: Tensor) -> Tensor:
        """wave (B, N) at 16 kHz, equal lengths -> hidden state of `output_layer`, (B, d_model, T50)."""
        return self.hidden_states(wave)[self.config.output_layer]

    def ctc(self, last: Tensor) -> Tensor:
        """Last hidden state (B, d_model, T50) -> CTC phoneme logits (B, T50, ctc_symbols); symbol 0 is the blank."""
        if self.ctc_head is None:
            raise ValueError("This content encoder has no CTC head (ctc_symbols is 0).")
        return self.ctc_head(last.transpose(1, 2))

    def frame_symbols(self, last: Tensor) -> Tensor:
        """Last hidden state (B, d_model, T50) -> logits (B, T50, ctc_symbols) of the phoneme aligned to each frame."""
        if self.frame_head is None:
            raise ValueError("This content encoder has no frame head (ctc_symbols is 0).")
        return self.frame_head(last.transpose(1, 2))

    @staticmethod
    def n_frames(n_samples: int) -> int:
        """Number of 50 Hz frames that `n_samples` at 16 kHz give; 0 below 400 samples (25 ms)."""
        for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True):
            n_samples = (n_samples - kernel) // stride + 1
        return max(n_samples, 0)
