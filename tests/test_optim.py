"""ScaledAdam and the batch orders beyond what the recorded trajectories show."""

import io
from collections import Counter

import pytest
import torch
from torch import nn

from sovits_tts.data.batching import upstream_gpt_order, upstream_vits_batches
from sovits_tts.training.optim import ScaledAdam, upstream_gpt_rate


def problem() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    x = torch.randn(64, 8)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1)), x, x[:, :1] * x[:, 1:2]


def train(net: nn.Module, optimizer: ScaledAdam, x: torch.Tensor, y: torch.Tensor, steps: int) -> float:
    loss = torch.tensor(0.0)
    for _ in range(steps):
        loss = (net(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_it_trains() -> None:
    net, x, y = problem()
    first = (net(x) - y).square().mean().item()
    assert train(net, ScaledAdam(net.parameters(), lr=0.05), x, y, 300) < 0.1 * first


def test_resuming_continues_identically() -> None:
    net, x, y = problem()
    optimizer = ScaledAdam(net.parameters(), clipping_update_period=3)
    train(net, optimizer, x, y, 7)
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
    train(net, optimizer, x, y, 6)

    resumed, _, _ = problem()
    other = ScaledAdam(resumed.parameters(), clipping_update_period=3)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed.load_state_dict(saved["net"])
    other.load_state_dict(saved["optimizer"])
    train(resumed, other, x, y, 6)
    for a, b in zip(net.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_parameters_of_one_shape_do_not_influence_each_other() -> None:
    """They are stacked for speed only (the clipping statistics are shared on purpose, so they are kept out)."""
    values = [torch.randn(4, 3, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    alone, pair = nn.Parameter(values[0].clone()), [nn.Parameter(value.clone()) for value in values]
    optimizers = ScaledAdam([alone]), ScaledAdam(pair)
    for step in range(6):
        grad = torch.randn(4, 3, generator=torch.Generator().manual_seed(100 + step))
        alone.grad, pair[0].grad, pair[1].grad = grad.clone(), grad.clone(), 50 * grad
        for optimizer in optimizers:
            optimizer.step()
    assert torch.allclose(alone, pair[0], atol=1e-7)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_steps_are_relative_to_the_size_of_a_parameter(scale: float) -> None:
    parameter = nn.Parameter(scale * torch.randn(50, 20, generator=torch.Generator().manual_seed(0)))
    before = parameter.detach().clone()
    parameter.grad = torch.randn(50, 20, generator=torch.Generator().manual_seed(1))
    ScaledAdam([parameter], lr=0.01).step()
    relative = (parameter - before).norm() / before.norm()
    assert relative.item() == pytest.approx(0.01 * (1 - 0.9), rel=1e-3)  # lr times the first weight of a running mean


def test_a_missing_gradient_leaves_a_fresh_parameter_in_place() -> None:
    parameters = [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))]
    parameters[0].grad = torch.ones(2, 2)
    ScaledAdam(parameters).step()
    assert (parameters[0] != 1).all()
    assert (parameters[1] == 1).all()


def test_upstream_rate_is_constant_after_the_first_step() -> None:
    assert [upstream_gpt_rate()(step) for step in (0, 1, 2, 40000)] == [0.01, 0.002, 0.002, 0.002]


def test_gpt_order_is_a_permutation() -> None:
    seconds = [0.5 + 0.37 * (i * 7 % 31) for i in range(31)]
    orders = [upstream_gpt_order(seconds, 4, epoch) for epoch in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(31))
    assert orders[0] != orders[1]


def test_vits_batches_are_full_and_of_one_bucket() -> None:
    frames = [10 * (i * 13 % 40) for i in range(40)]
    boundaries = [32, 100, 200, 300]
    batches = upstream_vits_batches(frames, boundaries, 4, epoch=3)
    assert all(len(batch) == 4 for batch in batches)
    for batch in batches:
        assert len({sum(frames[i] > edge for edge in boundaries) for i in batch}) == 1
    used = Counter(i for batch in batches for i in batch)
    assert set(used) == {i for i, n in enumerate(frames) if 32 < n <= 300}
