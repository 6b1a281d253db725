"""Where the networks run, and in which precision. Decided once, at load, and passed down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sovits_tts.errors import ConfigError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
PRECISIONS = ("auto", "fp32", "fp16", "bf16")


@dataclass(frozen=True)
class Runtime:
    """A device, the precision of each stage on it, and why.

    content is always float32: half precision moves the nearest codebook entry, and HuBERT's first group norm overflows.
    gpt     stays float32 unless asked, because its tokens should not depend on the device.
    """

    device: torch.device
    reason: str
    content: torch.dtype
    bert: torch.dtype
    gpt: torch.dtype
    vits: torch.dtype

    def __str__(self) -> str:
        return f"{self.device} ({self.reason})"


def choose(device: str = "auto", precision: str = "auto") -> Runtime:
    """Turn a wish into a Runtime.

    device:    "auto" takes CUDA, then MPS, then the CPU; or "cpu", "cuda", "cuda:1", "mps"
    precision: "auto" is float32 but for BERT on CUDA (float16); the others set BERT, GPT and VITS alike

    Raises ConfigError for a device this machine or this PyTorch lacks, and for a precision the device lacks.
    """
    import torch

    kind, reason = _kind(device.strip().lower())
    place = torch.device(kind)
    if precision not in PRECISIONS:
        raise ConfigError(f"There is no precision {precision!r}.", hint=f"Choose one of: {', '.join(PRECISIONS)}.")
    fp32 = torch.float32
    if precision == "auto":
        bert = torch.float16 if place.type == "cuda" else fp32
        return Runtime(place, reason, content=fp32, bert=bert, gpt=fp32, vits=fp32)
    dtype = {"fp32": fp32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    if place.type != "cuda" and dtype == torch.float16:
        raise ConfigError(f"fp16 needs a CUDA device, and this is {place}.", hint="Use fp32, bf16 or auto.")
    if place.type == "cuda" and dtype == torch.bfloat16 and not torch.cuda.is_bf16_supported():
        raise ConfigError("This GPU cannot compute in bf16.", hint="Use fp16, fp32 or auto.")
    return Runtime(place, f"{reason}; {precision} was asked for", content=fp32, bert=dtype, gpt=dtype, vits=dtype)


def _kind(wish: str) -> tuple[str, str]:
    """The device string for torch, and the reason for it."""
    import torch

    if wish == "auto":
        if torch.cuda.is_available():
            return "cuda:0", f"{torch.cuda.get_device_name(0)} was found"
        if torch.backends.mps.is_available():
            return "mps", "Apple's GPU was found"
        return "cpu", "no GPU was found"
    if wish == "cpu":
        return "cpu", "the CPU was asked for"
    if wish == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError("MPS is not available here: it needs a Mac with Apple silicon.", hint="Use cpu or auto.")
        return "mps", "Apple's GPU was asked for"
    name, _, index = wish.partition(":")
    if name != "cuda" or not (index.isdecimal() or wish == "cuda"):
        raise ConfigError(f"There is no device {wish!r}.", hint=f"Choose one of: {', '.join(DEVICES)}.")
    if not torch.cuda.is_available():
        why = "this PyTorch is built without CUDA" if torch.version.cuda is None else "no CUDA GPU was found"
        raise ConfigError(f"CUDA is not available: {why}.", hint="Use cpu or auto, or install PyTorch for CUDA.")
    number, count = int(index or 0), torch.cuda.device_count()
    if number >= count:
        raise ConfigError(f"There is no GPU {number}; this machine has {count}.", hint="GPUs count from 0.")
    return f"cuda:{number}", f"{torch.cuda.get_device_name(number)} was asked for"
