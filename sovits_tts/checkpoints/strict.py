"""Puts weights into networks strictly: every parameter present, none left over, every shape as described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from sovits_tts.checkpoints.store import part
from sovits_tts.errors import CheckpointError
from sovits_tts.models.content import ContentEncoder
from sovits_tts.models.discriminators import Discriminators
from sovits_tts.models.gpt import GPT
from sovits_tts.models.vits import VITS
from sovits_tts.specs import SPECS, ModelSpec

Network = TypeVar("Network", bound=nn.Module)
_POSTERIOR = "posterior_encoder."
_SMALL = 20_000_000  # parameters


def check(network: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Raises CheckpointError naming what is missing, left over or of another shape. `network` may be on "meta"."""
    expected = network.state_dict()
    problems = []
    for label, found in (
        ("lacks", [name for name in expected if name not in weights]),
        ("has unknown", [name for name in weights if name not in expected]),
        ("has another shape for", [n for n, v in weights.items() if n in expected and v.shape != expected[n].shape]),
    ):
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            problems.append(f"{label} {', '.join(found[:3])}{more}")
    if problems:
        raise CheckpointError(f"The {what} {'; '.join(problems)}.", hint="The file is incomplete or of another kind.")


def _shell(make: Callable[[], Network], what: str) -> Network:
    """The network without memory for its weights."""
    try:
        with torch.device("meta"):
            return make()
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The sizes of the {what} make no network: {error}.", hint="The file is damaged."
        ) from error


def fill(make: Callable[[], Network], weights: Mapping[str, Tensor], what: str, known: bool = False) -> Network:
    """A network with these weights, in float32 and eval mode on CPU. Raises CheckpointError where they do not fit.

    known: the sizes are those of a row of `specs.py`, so making the network is safe before looking at the weights
    """
    floats = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    if known and sum(value.numel() for value in floats.values()) < _SMALL:
        network = make()
        check(network, floats, what)
        network.load_state_dict(floats)
        return network.eval()
    # Sizes that make no sense, or nothing as large as they claim, must not reserve memory. For a large network this
    # is also faster: no random start. For a small one it is not, as PyTorch imports a second's worth for "meta".
    network = _shell(make, what)
    check(network, floats, what)
    stored = set(network.state_dict())
    if all(name in stored for name, _ in network.named_buffers()):
        network.load_state_dict(floats, assign=True)  # takes the tensors over
    else:  # buffers that no file carries exist only in a network made for real
        network = make()
        network.load_state_dict(floats)
    return network.eval()


def make_gpt(spec: ModelSpec, weights: Mapping[str, Tensor]) -> GPT:
    """The GPT stage from prefixed weights."""
    known = any(spec.gpt == row.gpt for row in SPECS.values())
    return fill(lambda: GPT(spec.gpt), part(weights, "gpt"), "GPT stage", known)


def make_vits(spec: ModelSpec, weights: Mapping[str, Tensor], posterior: bool) -> VITS:
    """The VITS stage from prefixed weights. posterior: build it although synthesis does not need it; an error if the
    weights lack it."""
    own = part(weights, "vits")
    if not posterior and not spec.vits.speaks_with_posterior:
        own = {name: value for name, value in own.items() if not name.startswith(_POSTERIOR)}
    known = any(spec.vits == row.vits for row in SPECS.values())
    return fill(lambda: VITS(spec.vits, posterior=posterior), own, "VITS stage", known)


def make_content(spec: ModelSpec, weights: Mapping[str, Tensor]) -> ContentEncoder:
    """The content encoder from its own state dict."""
    known = any(spec.content == row.content for row in SPECS.values())
    return fill(lambda: ContentEncoder(spec.content), weights, "content encoder", known)


def check_model(spec: ModelSpec, weights: Mapping[str, Tensor]) -> None:
    """Check GPT and VITS stages, and discriminators where there are any, against `spec` without building them."""
    vits, critics = part(weights, "vits"), part(weights, "discriminators")
    posterior = any(name.startswith(_POSTERIOR) for name in vits)
    c = spec.vits
    check(_shell(lambda: GPT(spec.gpt), "GPT stage"), part(weights, "gpt"), "GPT stage")
    check(_shell(lambda: VITS(c, posterior=posterior), "VITS stage"), vits, "VITS stage")
    if critics:
        what = "set of discriminators"
        check(_shell(lambda: Discriminators(c.periods, c.scale_channels, c.period_channels), what), critics, what)
