"""BERT features of Chinese text: one vector per character, read near the top of a RoBERTa.

BERT (arXiv 1810.04805) with whole-word masking (arXiv 1906.08101), through Hugging Face's `BertModel`. The GPT stage
was trained on the hidden state `feature_layer` counted from the end, so the layers above it are never built.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig as HFBertConfig
from transformers import BertModel

from sovits_tts.specs import BertConfig


def char_ids(text: str, vocabulary: Mapping[str, int]) -> Tensor:
    """Ids of [CLS], one token for each character of `text`, and [SEP]: (len(text) + 2,).

    BERT's own tokenizer joins Latin letters and digits into longer tokens and drops spaces; features are per character,
    so here each character is looked up alone: lower case, without accents, [UNK] where the vocabulary lacks it.
    """
    unknown = vocabulary["[UNK]"]
    ids = [vocabulary["[CLS]"]]
    for char in text:
        plain = "".join(c for c in unicodedata.normalize("NFD", char.lower()) if unicodedata.category(c) != "Mn")
        ids.append(vocabulary.get(plain, unknown))
    return torch.tensor([*ids, vocabulary["[SEP]"]])


class BertFeatures(nn.Module):
    """Token ids, with the opening [CLS] and the closing [SEP], -> one vector per token between them.

    Parameters live under `bert.`; there are `config.n_layers_built` layers and no pooler.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        sizes = HFBertConfig(
            vocab_size=config.n_vocabulary,
            hidden_size=config.d_model,
            num_hidden_layers=config.n_layers_built,
            num_attention_heads=config.n_heads,
            intermediate_size=config.d_ff,
            max_position_embeddings=config.max_tokens,
            layer_norm_eps=1e-12,
        )
        self.bert = BertModel(sizes, add_pooling_layer=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids (B, L) and mask (B, L), False on padding -> hidden state (B, L, d_model), [CLS] and [SEP] included."""
        return self.bert(input_ids=ids, attention_mask=mask.to(ids.dtype), return_dict=True).last_hidden_state

    @torch.no_grad()
    def features(self, sentences: list[Tensor]) -> list[Tensor]:
        """Each sentence's ids (L,) with [CLS] and [SEP] -> (L - 2, d_model); several sentences run as one batch."""
        if not sentences:
            return []
        device = next(self.parameters()).device
        lengths = [len(ids) for ids in sentences]
        ids = pad_sequence(list(sentences), batch_first=True).to(device)
        mask = torch.arange(ids.shape[1], device=device) < torch.tensor(lengths, device=device)[:, None]
        hidden = self(ids, mask)
        return [row[1 : length - 1] for row, length in zip(hidden, lengths, strict=True)]
