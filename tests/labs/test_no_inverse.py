import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import labs, ops
from segcourse.labs.no_inverse import NoInverseLab
from segcourse.labs.base import LabValueError


def random_cases(count=80):
    rng = np.random.default_rng(11)
    return [
        {"x": rng.integers(-9, 10, (n, n)).tolist(), "kernel": rng.normal(size=(kh, kw)).tolist(), "stride": s, "seed": seed}
        for seed, (n, kh, kw, s) in enumerate(
            zip(*(rng.integers(low, high, count).tolist() for low, high in ((4, 7), (1, 4), (1, 4), (1, 3))))
        )
    ]


def doubles(grid):
    return torch.tensor(grid, dtype=torch.float64)[None, None]


def test_there_back_and_there_again_as_torch_does_it(in_node):
    cases = random_cases()
    page = in_node(
        "no_inverse", "cases.map((c) => ({ conv: m.convColumn(c.x, c.kernel, c.stride, c.seed), pool: m.poolColumn(c.x, c.seed) }))", cases
    )
    for case, columns in zip(cases, page):
        expected = NoInverseLab.there_and_back(case)
        for column in ("conv", "pool"):
            for key, grid in zip(("x", "there", "back", "again"), expected[column]):
                # In float64, at most 81 products of numbers below 100.
                np.testing.assert_allclose(columns[column][key], grid, atol=1e-9, err_msg=f"{column} {key} {case}")


def test_the_lights_say_what_torch_says(in_node):
    cases = random_cases()
    # Beside the random ones: those where a light changes.
    cases += [
        {"x": np.eye(4).tolist(), "kernel": [[1.0]], "stride": 1, "seed": 1},  # the one kernel that is its own inverse
        {"x": np.eye(4).tolist(), "kernel": [[0.5, 0.5], [0.5, 0.5]], "stride": 2, "seed": 1},  # unit norm, no overlap: A Aᵀ = 1
        {"x": [[0, 0, 5, 0], [3, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 4]], "kernel": [[1.0]], "stride": 2, "seed": 1},
        {"x": [[-1, -3, 2, 0], [-4, -2, 1, 5], [0, 6, 3, 2], [7, 1, 2, 4]], "kernel": [[1.0]], "stride": 2, "seed": 1},
    ]
    page = in_node(
        "no_inverse", "cases.map((c) => ({ conv: m.convColumn(c.x, c.kernel, c.stride, c.seed), pool: m.poolColumn(c.x, c.seed) }))", cases
    )
    seen = {column: {key: set() for key in ("shape", "values", "product", "again")} for column in ("conv", "pool")}
    for case, columns in zip(cases, page):
        expected = NoInverseLab.there_and_back(case)
        y = {column: doubles(columns[column]["y"]) for column in columns}
        x, weight = doubles(case["x"]), doubles(case["kernel"])
        # <Ax, y> as a gradient: its derivative by x is the transpose of A applied to y, whoever implements it.
        variable = x.clone().requires_grad_()
        left = {"conv": (F.conv2d(variable, weight, stride=case["stride"]) * y["conv"]).sum()}
        right = {"conv": (torch.autograd.grad(left["conv"], variable)[0] * x).sum()}
        pooled, switches = F.max_pool2d(x, 2, return_indices=True)
        left["pool"] = (pooled * y["pool"]).sum()
        right["pool"] = (F.max_unpool2d(y["pool"], switches, 2, output_size=x.shape[2:]) * x).sum()
        for column in ("conv", "pool"):
            before, there, back, again = expected[column]
            lights = columns[column]["lights"]
            wanted = {
                "shape": before.shape == back.shape,
                "values": bool(torch.allclose(before, back, atol=1e-9)),
                "product": bool(torch.isclose(left[column], right[column], atol=1e-9)),
                "again": bool(torch.allclose(there, again, atol=1e-9)),
            }
            assert lights == wanted, (column, case)
            np.testing.assert_allclose(
                [columns[column]["left"], columns[column]["right"]], [left[column].item(), right[column].item()], atol=1e-9
            )
            for key, v in lights.items():
                seen[column][key].add(v)
    # The claims: the inner product survives always, the values only for the odd kernel or picture.
    assert seen["conv"]["product"] == seen["pool"]["product"] == {True}
    assert seen["conv"]["values"] == seen["pool"]["values"] == {True, False}
    assert seen["pool"]["again"] == {True, False}


def test_pooling_what_was_unpooled_gives_y_back_while_no_number_is_negative(in_node):
    rng = np.random.default_rng(5)
    grids = [rng.integers(0, 10, (6, 6)).tolist() for _ in range(30)]
    page = in_node("no_inverse", "cases.map((x) => m.poolColumn(x, 1).lights.again)", grids)
    assert page == [True] * 30
    # All of one window negative: the zeros that were put in win.
    negative = np.array(grids[0])
    negative[:2, :2] = -3
    assert in_node("no_inverse", "m.poolColumn(cases, 1).again[0][0]", negative.tolist()) == 0


def test_ties_take_the_first_maximum_as_torch_does(in_node):
    x = [[2, 2, 0, 1], [2, 2, 1, 1], [5, 4, 3, 3], [5, 5, 3, 3]]
    page = in_node("no_inverse", "m.maxPool(cases).switches.flat().map(([i, j]) => i * 4 + j)", x)
    assert page == F.max_pool2d(doubles(x), 2, return_indices=True)[1].flatten().tolist()


def test_the_static_picture_is_computed_by_the_operations():
    lab = labs.no_inverse()
    both = lab.there_and_back(lab.state)
    assert both["pool"][3].tolist() == both["pool"][1].tolist()
    assert not torch.equal(both["conv"][2], both["conv"][0])
    for grid in (both["conv"][2], both["pool"][2]):
        words = "; ".join(" ".join(f"{v:g}" for v in row) for row in grid.tolist())
        assert words in lab.static_picture().alt


def test_x_must_be_square():
    with pytest.raises(LabValueError, match="x must be square, got 4x5"):
        labs.no_inverse().value = "x=1,2,3,4,5;1,2,3,4,5;1,2,3,4,5;1,2,3,4,5"


def test_the_operation_of_the_course_is_the_transpose():
    # The lab relies on it: <Ax, y> = <x, A'y> for ops.conv_transpose2d, on random operators.
    generator = torch.Generator().manual_seed(2)
    for stride, size in ((1, 5), (2, 6), (2, 5)):
        x, weight = (torch.randn(1, 1, n, n, generator=generator, dtype=torch.float64) for n in (size, 3))
        there = F.conv2d(x, weight, stride=stride)
        y = torch.randn(there.shape, generator=generator, dtype=torch.float64)
        rest = size - ((there.shape[2] - 1) * stride + 3)
        assert torch.isclose((there * y).sum(), (x * ops.conv_transpose2d(y, weight, stride=stride, output_padding=rest)).sum())
