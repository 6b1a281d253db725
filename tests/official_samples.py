"""Tiny models of the official kinds and the files that hold them, for tests."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.specs import SPECS, GPTConfig, ModelSpec, VITSConfig

_GPT = GPTConfig(d_model=16, n_layers=2, n_heads=16, n_phonemes=732, n_tokens=9, d_bert=6)
_VITS = VITSConfig(
    n_fft=64, hop=16, win=64, n_mels=8, d_content=12, codebook_size=8, d_latent=8, d_hidden=8, d_filter=16, n_heads=2,
    n_layers_content=1, n_layers_text=2, n_layers_joint=1, d_mrte=8, n_flows=2, n_layers_flow=2, n_layers_posterior=3,
    style_bins=20, d_style_hidden=8, d_style=8, decoder_channels=16, upsample_rates=(4, 2, 2),
    upsample_kernels=(16, 4, 4), resblock_kernels=(3, 7), resblock_dilations=((1, 3), (1, 3)),
)  # fmt: skip
_PRO = replace(_VITS, d_style=12, d_speaker=20, dropout=0.0, periods=SPECS["v2Pro"].vits.periods)

TINY: dict[str, ModelSpec] = {
    "v1": replace(SPECS["v1"], gpt=replace(_GPT, n_phonemes=512), vits=replace(_VITS, n_phonemes=322)),
    "v2": replace(SPECS["v2"], gpt=_GPT, vits=_VITS),
    "v2Pro": replace(SPECS["v2Pro"], gpt=_GPT, vits=_PRO),
    "v2ProPlus": replace(SPECS["v2ProPlus"], gpt=_GPT, vits=replace(_PRO, upsample_kernels=(20, 4, 4))),
}


@cache
def key_lists() -> dict[str, list[tuple[str, list[int], str]]]:
    """Every parameter of every official network: name, shape, type."""
    path = Path(__file__).parent / "golden" / "keys" / "keys.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


def tiny_weights(spec: ModelSpec, posterior: bool = True) -> dict[str, Tensor]:
    """Random weights under our names, such as half precision holds exactly."""
    torch.manual_seed(0)
    networks = {"gpt": GPT(spec.gpt), "vits": VITS(spec.vits, posterior=posterior)}
    return {
        f"{prefix}.{name}": value.half().float()
        for prefix, network in networks.items()
        for name, value in network.state_dict().items()
    }


def torch_zip(data: bytes, entries: dict[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A PyTorch file with this pickle and these storages."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        for name, content in (entries or {}).items():
            archive.writestr(f"archive/{name}", content)
        archive.writestr("archive/version", b"3\n")
    return buffer.getvalue()


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduction = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduction


def pickled(value: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol)


def tensor_pickle(
    count: bytes, offset: bytes, shape: bytes, stride: bytes, kind: bytes = b"torch\nFloatStorage", key: bytes = b"0"
) -> bytes:
    """{"weight": {"x": tensor}} with hand-written opcodes for the tensor's numbers."""
    text = lambda value: b"X" + len(value).to_bytes(4, "little") + value
    storage = b"(" + text(b"storage") + b"c" + kind + b"\n" + text(key) + text(b"cpu") + count + b"tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + stride
    tensor += b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02}" + text(b"weight") + b"}" + text(b"x") + tensor + b"ss."
