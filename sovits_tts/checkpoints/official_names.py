"""GPT-SoVITS parameter names and ours: the one table. These names appear nowhere else in the package.

Rules stand in the order in which the official modules list their parameters, because exports are written in it.
"""

from __future__ import annotations

from sovits_tts.checkpoints.rename import Rule, Table

_LINEAR = {"weight": "weight", "bias": "bias"}
_WEIGHT = {"weight": "weight"}
_SCALE_SHIFT = {"weight": "gamma", "bias": "beta"}
# Weight norm: torch's parametrization here, the older weight_g and weight_v there; plain after it was removed.
_NORMED = {
    "bias": "bias",
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
    "weight": "weight",
}
_BATCH_NORM = {name: name for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")}


def _gpt() -> Table:
    layer, theirs = "layers.{i}", "model.h.layers.{i}"
    rules = [
        Rule("bert_projection", "model.bert_proj", _LINEAR),
        Rule("phoneme_embedding", "model.ar_text_embedding.word_embeddings", _WEIGHT),
        Rule("phoneme_position", "model.ar_text_position", {"alpha": "alpha"}),
        Rule("token_embedding", "model.ar_audio_embedding.word_embeddings", _WEIGHT),
        Rule("token_position", "model.ar_audio_position", {"alpha": "alpha"}),
        Rule(f"{layer}.attention.qkv", f"{theirs}.self_attn", {"weight": "in_proj_weight", "bias": "in_proj_bias"}),
        Rule(f"{layer}.attention.out", f"{theirs}.self_attn.out_proj", _LINEAR),
        Rule(f"{layer}.up", f"{theirs}.linear1", _LINEAR),
        Rule(f"{layer}.down", f"{theirs}.linear2", _LINEAR),
        Rule(f"{layer}.attention_norm", f"{theirs}.norm1", _LINEAR),
        Rule(f"{layer}.feed_forward_norm", f"{theirs}.norm2", _LINEAR),
        Rule("head", "model.ar_predict_layer", _WEIGHT),
    ]
    return Table("GPT stage", rules, aliases=[(r"^(?!model\.)", "model.")])


def _projections(ours: str, theirs: str, names: tuple[str, str, str, str], prefix: str) -> list[Rule]:
    pairs = zip(("query", "key", "value", "output"), names, strict=True)
    return [Rule(f"{ours}.{a}", f"{theirs}.{prefix}{b}", _LINEAR) for a, b in pairs]


def _encoder(ours: str, theirs: str) -> list[Rule]:
    relative = {"relative_key": "emb_rel_k", "relative_value": "emb_rel_v"}
    layer = f"{ours}.layers.{{i}}"
    return [
        Rule(f"{layer}.attention", f"{theirs}.attn_layers.{{i}}", relative),
        *_projections(f"{layer}.attention", f"{theirs}.attn_layers.{{i}}", ("q", "k", "v", "o"), "conv_"),
        Rule(f"{layer}.norm1", f"{theirs}.norm_layers_1.{{i}}", _SCALE_SHIFT),
        Rule(f"{layer}.feed_forward.conv1", f"{theirs}.ffn_layers.{{i}}.conv_1", _LINEAR),
        Rule(f"{layer}.feed_forward.conv2", f"{theirs}.ffn_layers.{{i}}.conv_2", _LINEAR),
        Rule(f"{layer}.norm2", f"{theirs}.norm_layers_2.{{i}}", _SCALE_SHIFT),
    ]


def _wavenet(ours: str, theirs: str, index: str) -> list[Rule]:
    return [
        Rule(f"{ours}.dilated.{{{index}}}", f"{theirs}.in_layers.{{{index}}}", _NORMED),
        Rule(f"{ours}.residual_skip.{{{index}}}", f"{theirs}.res_skip_layers.{{{index}}}", _NORMED),
        Rule(f"{ours}.condition", f"{theirs}.cond_layer", _NORMED),
    ]


def _prior() -> list[Rule]:
    mrte = "prior_encoder.mrte"
    return [
        Rule("prior_encoder.content_projection", "enc_p.ssl_proj", _LINEAR),
        *_encoder("prior_encoder.content_encoder", "enc_p.encoder_ssl"),
        *_encoder("prior_encoder.text_encoder", "enc_p.encoder_text"),
        Rule("prior_encoder.phoneme_embedding", "enc_p.text_embedding", _WEIGHT),
        *_projections(f"{mrte}.attention", "enc_p.mrte.cross_attention", ("q", "k", "v", "o"), "conv_"),
        Rule(f"{mrte}.content_projection", "enc_p.mrte.c_pre", _LINEAR),
        Rule(f"{mrte}.text_projection", "enc_p.mrte.text_pre", _LINEAR),
        Rule(f"{mrte}.output_projection", "enc_p.mrte.c_post", _LINEAR),
        *_encoder("prior_encoder.joint_encoder", "enc_p.encoder2"),
        Rule("prior_encoder.projection", "enc_p.proj", _LINEAR),
    ]


def _decoder() -> list[Rule]:
    blocks = [
        Rule(f"decoder.blocks.{{i}}.{convs}.{{j}}", f"dec.resblocks.{{i}}.{convs}.{{j}}", _NORMED)
        for convs in ("convs1", "convs2", "convs")
    ]
    return [
        Rule("decoder.input_conv", "dec.conv_pre", _LINEAR),
        Rule("decoder.upsamples.{i}", "dec.ups.{i}", _NORMED),
        *blocks,
        Rule("decoder.output_conv", "dec.conv_post", _LINEAR),
        Rule("decoder.condition", "dec.cond", _LINEAR),
    ]


def _style() -> list[Rule]:
    return [
        Rule("style_encoder.spectral.{i}", "ref_enc.spectral.{i}.fc", _LINEAR),
        Rule("style_encoder.temporal.{i}.conv", "ref_enc.temporal.{i}.conv1.conv", _LINEAR),
        *_projections("style_encoder.attention", "ref_enc.slf_attn", ("w_qs", "w_ks", "w_vs", "fc"), ""),
        Rule("style_encoder.projection", "ref_enc.fc.fc", _LINEAR),
    ]


def _vits() -> Table:
    codebook = {
        "initialized": "inited", "cluster_size": "cluster_size", "embedding": "embed", "embedding_sum": "embed_avg",
    }  # fmt: skip
    rules = [
        *_prior(),
        *_decoder(),
        Rule("posterior_encoder.input_projection", "enc_q.pre", _LINEAR),
        *_wavenet("posterior_encoder.wavenet", "enc_q.enc", "i"),
        Rule("posterior_encoder.projection", "enc_q.proj", _LINEAR),
        Rule("flow.steps.{i}.input_projection", "flow.flows.{i}.pre", _LINEAR),
        *_wavenet("flow.steps.{i}.wavenet", "flow.flows.{i}.enc", "j"),
        Rule("flow.steps.{i}.output_projection", "flow.flows.{i}.post", _LINEAR),
        *_style(),
        Rule("content_projection", "ssl_proj", _LINEAR),
        Rule("quantizer", "quantizer.vq.layers.0._codebook", codebook),
        Rule("speaker_projection", "sv_emb", _LINEAR),
        Rule("style_to_text", "ge_to512", _LINEAR),
        Rule("style_activation", "prelu", _WEIGHT),
    ]
    return Table("VITS stage", rules)


def _discriminators() -> Table:
    head = "discriminators.{i}"
    rules = [
        Rule(f"{head}.convs.{{j}}", f"{head}.convs.{{j}}", _NORMED),
        Rule(f"{head}.output_conv", f"{head}.conv_post", _NORMED),
    ]
    return Table("discriminators", rules)


def _same(prefix: str, modules: dict[str, dict[str, str]]) -> list[Rule]:
    """Modules of a Hugging Face network that ours holds under `prefix`."""
    return [Rule(f"{prefix}.{name}" if name else prefix, name, leaves) for name, leaves in modules.items()]


def _content() -> Table:
    layer = "encoder.layers.{i}"
    position = {
        "bias": "bias",
        "parametrizations.weight.original0": "parametrizations.weight.original0",
        "parametrizations.weight.original1": "parametrizations.weight.original1",
    }
    modules = {
        "": {"masked_spec_embed": "masked_spec_embed"},
        "feature_extractor.conv_layers.{i}.conv": _WEIGHT,
        "feature_extractor.conv_layers.{i}.layer_norm": _LINEAR,
        "feature_projection.layer_norm": _LINEAR,
        "feature_projection.projection": _LINEAR,
        "encoder.pos_conv_embed.conv": position,
        "encoder.layer_norm": _LINEAR,
        **{f"{layer}.attention.{name}_proj": _LINEAR for name in ("k", "v", "q", "out")},
        f"{layer}.layer_norm": _LINEAR,
        f"{layer}.feed_forward.intermediate_dense": _LINEAR,
        f"{layer}.feed_forward.output_dense": _LINEAR,
        f"{layer}.final_layer_norm": _LINEAR,
    }
    older = [
        (r"^hubert\.", ""),
        (r"^(encoder\.pos_conv_embed\.conv)\.weight_g$", r"\1.parametrizations.weight.original0"),
        (r"^(encoder\.pos_conv_embed\.conv)\.weight_v$", r"\1.parametrizations.weight.original1"),
    ]
    return Table("content encoder", _same("hubert", modules), dropped=[r"lm_head\..*"], aliases=older)


def _bert() -> Table:
    layer = "bert.encoder.layer.{i}"
    embeddings = [f"bert.embeddings.{name}_embeddings" for name in ("word", "position", "token_type")]
    modules = {
        **dict.fromkeys(embeddings, _WEIGHT),
        "bert.embeddings.LayerNorm": _LINEAR,
        **{f"{layer}.attention.self.{name}": _LINEAR for name in ("query", "key", "value")},
        f"{layer}.attention.output.dense": _LINEAR,
        f"{layer}.attention.output.LayerNorm": _LINEAR,
        f"{layer}.intermediate.dense": _LINEAR,
        f"{layer}.output.dense": _LINEAR,
        f"{layer}.output.LayerNorm": _LINEAR,
    }
    unused = [r"cls\..*", r"bert\.pooler\..*", r"bert\.embeddings\.position_ids"]
    older = [(r"^(?!bert\.|cls\.)", "bert."), (r"LayerNorm\.gamma$", "LayerNorm.weight"),
             (r"LayerNorm\.beta$", "LayerNorm.bias")]  # fmt: skip
    rules = [Rule(name, name, leaves) for name, leaves in modules.items()]
    return Table("BERT", rules, dropped=unused, aliases=older)


def _speaker() -> Table:
    rules = [Rule("stem", "conv1", _WEIGHT), Rule("stem_norm", "bn1", _BATCH_NORM)]

    def fusion(ours: str, theirs: str) -> list[Rule]:
        leaves = [(0, _LINEAR), (1, _BATCH_NORM), (3, _LINEAR), (4, _BATCH_NORM)]
        return [Rule(f"{ours}.attention.{index}", f"{theirs}.local_att.{index}", names) for index, names in leaves]

    for index in range(4):
        ours, theirs = f"stages.{index}.{{i}}", f"layer{index + 1}.{{i}}"
        rules += [
            Rule(f"{ours}.reduce", f"{theirs}.conv1", _WEIGHT),
            Rule(f"{ours}.reduce_norm", f"{theirs}.bn1", _BATCH_NORM),
            Rule(f"{ours}.convs.{{j}}", f"{theirs}.convs.{{j}}", _WEIGHT),
            Rule(f"{ours}.norms.{{j}}", f"{theirs}.bns.{{j}}", _BATCH_NORM),
            *fusion(f"{ours}.fusions.{{j}}", f"{theirs}.fuse_models.{{j}}"),
            Rule(f"{ours}.expand", f"{theirs}.conv3", _WEIGHT),
            Rule(f"{ours}.expand_norm", f"{theirs}.bn3", _BATCH_NORM),
            Rule(f"{ours}.shortcut.0", f"{theirs}.shortcut.0", _WEIGHT),
            Rule(f"{ours}.shortcut.1", f"{theirs}.shortcut.1", _BATCH_NORM),
        ]
    rules += [Rule("downsample", "layer3_ds", _WEIGHT), *fusion("fusion", "fuse34")]
    return Table("speaker network", [*rules, Rule("embedding", "seg_1", _LINEAR)])


GPT = _gpt()
VITS = _vits()
DISCRIMINATORS = _discriminators()
CONTENT = _content()
BERT = _bert()
SPEAKER = _speaker()
