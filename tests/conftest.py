"""Settings that must stand before torch is loaded (why: sovits_tts/app/__init__.py), and what several rooms share."""

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As in a worker: with other threads the last digits may differ."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
