"""The lattice against a slow one written from the paper, point by point, and against the Gaussian it stands for."""

import math

import pytest
import torch

from segcourse.ops import permutohedral
from segcourse.ops.permutohedral import Permutohedral


def slow_filter(features, values):
    """Splat, blur, slice of one image with a dictionary of corners: features (d, n), values (n, columns), float64."""
    d, n = features.shape
    corners, shares = [], []
    for f in features.T.tolist():
        scaled = [f[i] * math.sqrt(2 / 3) * (d + 1) / math.sqrt((i + 1) * (i + 2)) for i in range(d)]
        y = [sum(scaled[i:]) - (i * scaled[i - 1] if i else 0) for i in range(d + 1)]
        # of all points of remainder 0 whose coordinates are near, the simplex is the one that gives shares which are not negative
        nearest = [round(v / (d + 1)) for v in y]
        surplus = sum(nearest)
        order = sorted(range(d + 1), key=lambda i: y[i] - nearest[i] * (d + 1))
        for i in (order[:surplus] if surplus > 0 else order[surplus:] if surplus else []):
            nearest[i] -= 1 if surplus > 0 else -1
        beyond = [y[i] - nearest[i] * (d + 1) for i in range(d + 1)]
        order = sorted(range(d + 1), key=lambda i: -beyond[i])
        points, share = [], []
        for r in range(d + 1):
            point = [(d + 1) * nearest[i] + r for i in range(d + 1)]
            for i in order[d + 1 - r:]:
                point[i] -= d + 1
            points.append(tuple(point))
            low, high = order[d - r], order[d + 1 - r] if r else None
            share.append((beyond[low] - beyond[high]) / (d + 1) if r else 1 + (beyond[order[d]] - beyond[order[0]]) / (d + 1))
        assert min(share) > -1e-9 and abs(sum(share) - 1) < 1e-9 and all(sum(point) == 0 for point in points)
        corners.append(points)
        shares.append(share)
    table = {}
    for points, share, value in zip(corners, shares, values, strict=True):
        for point, s in zip(points, share, strict=True):
            table[point] = table.get(point, 0) + s * value
    for axis in range(d + 1):
        def beside(point, sign, axis=axis):
            return tuple(c + sign * (d if i == axis else -1) for i, c in enumerate(point))
        table = {point: value + 0.5 * (table.get(beside(point, 1), 0) + table.get(beside(point, -1), 0)) for point, value in table.items()}
    out = [sum(s * table[point] for point, s in zip(points, share, strict=True)) for points, share in zip(corners, shares, strict=True)]
    return torch.stack(out) / (1 + 2.0**-d)


def points(d, n, spread, seed=0, images=1):
    return torch.randn(images, d, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.mark.parametrize("room", [0, 1e9], ids=["sorted", "table"])
@pytest.mark.parametrize(("d", "spread"), [(1, 2.0), (2, 0.3), (2, 3.0), (3, 1.0), (5, 0.2), (5, 1.5)])
def test_equals_the_slow_lattice(d, spread, room, monkeypatch):
    monkeypatch.setattr(permutohedral, "ROOM", room)
    features, values = points(d, 80, spread), points(3, 80, 1.0, seed=1)[0].T.contiguous()
    torch.testing.assert_close(Permutohedral(features).filter(values), slow_filter(features[0], values), rtol=1e-10, atol=1e-10)


def test_shares_sum_to_one_and_none_is_negative():
    lattice = Permutohedral(points(5, 4000, 2.0))
    share = lattice.share * (1 + 2.0**-5) ** 0.5
    assert share.min() > -1e-12 and (share.sum(0) - 1).abs().max() < 1e-12


def test_images_do_not_hear_each_other():
    features, values = points(5, 60, 0.7, images=3), points(4, 180, 1.0, seed=1)[0].T.contiguous()
    together = Permutohedral(features).filter(values)
    alone = torch.cat([Permutohedral(f[None]).filter(v.contiguous()) for f, v in zip(features, values.split(60), strict=True)])
    torch.testing.assert_close(together, alone)


def test_where_the_points_lie_in_space_is_nothing():
    features, values = points(3, 60, 1.0), points(4, 60, 1.0, seed=1)[0].T.contiguous()
    step = torch.zeros(1, 3, 1, dtype=torch.float64)                        # by a whole step of the lattice, which leaves every share as it is
    step[0, 0] = math.sqrt(3) * 1000
    torch.testing.assert_close(Permutohedral(features + step).filter(values), Permutohedral(features).filter(values), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("d", "n"), [(2, 1500), (5, 3000)])
def test_normalised_it_is_near_the_gaussian(d, n):
    features, values = points(d, n, 0.8), points(2, n, 1.0, seed=1)[0].T.abs().contiguous()
    kernel = (-0.5 * torch.cdist(features[0].T, features[0].T).square()).exp()
    exact = (kernel @ values) / kernel.sum(1, keepdim=True)
    lattice = Permutohedral(features)
    lattice.weigh(None, 1 / lattice.sums())
    assert (lattice.filter(values) - exact).abs().mean() < 0.02 * exact.std() + 0.01


def test_sums_are_the_filter_of_ones():
    lattice = Permutohedral(points(5, 300, 0.5))
    torch.testing.assert_close(lattice.filter(torch.ones(300, 1, dtype=torch.float64))[:, 0], lattice.sums())


def test_backward_is_the_transpose_with_other_weights_too():
    lattice = Permutohedral(points(3, 40, 1.0))
    before, after = torch.rand(40, dtype=torch.float64) + 0.5, torch.rand(40, dtype=torch.float64) + 0.5
    for weights in ((None, None), (before, before), (before, None), (None, after), (before, after)):
        lattice.weigh(*weights)
        matrix = lattice.filter(torch.eye(40, dtype=torch.float64))
        values = torch.zeros(40, 40, dtype=torch.float64, requires_grad=True)
        grad, = torch.autograd.grad(lattice.filter(values), values, torch.eye(40, dtype=torch.float64))
        torch.testing.assert_close(grad, matrix.T, rtol=1e-12, atol=1e-12)
        assert (matrix - matrix.T).abs().max() > 1e-6                       # so that the order of the blurs can be told at all


def test_gradcheck_twice():
    lattice = Permutohedral(points(2, 6, 1.0))
    values = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lattice.filter, values) and torch.autograd.gradgradcheck(lattice.filter, values)
