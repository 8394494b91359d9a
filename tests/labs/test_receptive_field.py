import itertools
import sys

import numpy as np
import pytest
import torch
from torch import nn

from segcourse import figures, labs, ops
from segcourse.labs.base import LabValueError
from segcourse.language import reading

labs.receptive_field  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.receptive_field"]
SIZES = (15, 22)


def stacks(count=60):
    """Every layer alone, every pair, and random stacks of up to eight."""
    rng = np.random.default_rng(4)
    some = [",".join(rng.choice(list(code.LAYERS), rng.integers(3, 9))) for _ in range(count)]
    pairs = [",".join(pair) for pair in itertools.product(code.LAYERS, repeat=2)]
    return [*code.LAYERS, *pairs, *some, *code.PRESETS.values()]


def plain_network(stack):
    """The layers once more, from torch, with max pooling."""
    made = {
        "c3": lambda: nn.Conv2d(1, 1, 3, padding=1), "c5": lambda: nn.Conv2d(1, 1, 5, padding=2),
        "d2": lambda: nn.Conv2d(1, 1, 3, padding=2, dilation=2), "d4": lambda: nn.Conv2d(1, 1, 3, padding=4, dilation=4),
        "s2": lambda: nn.Conv2d(1, 1, 3, stride=2, padding=1), "p2": lambda: nn.MaxPool2d(2, ceil_mode=True),
        "t2": lambda: nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1),
    }
    return nn.Sequential(*(made[name]() for name in stack.split(",")))



@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(9)
    out = []
    for stack in stacks():
        with torch.no_grad():
            extent = code.network(stack)(torch.zeros(1, 1, *SIZES, dtype=torch.float64)).shape[2:]
        corner = [(0, 0), (extent[0] - 1, extent[1] - 1)]
        cells = corner + [tuple(int(rng.integers(0, n)) for n in extent) for _ in range(2)]
        out.append({"stack": stack, "layers": [code.LAYERS[name] for name in stack.split(",")], "sizes": SIZES, "extent": list(extent),
                    "cells": cells})
    return out


RUN = """cases.map(({ layers, sizes, cells }) => {
  const maps = sizes.map((size) => m.chain(layers, size)), last = (l) => l[l.length - 1];
  return { extent: maps.map((axis) => last(axis).extent), jump: last(maps[0]).jump, sizes: m.fieldSizes(layers),
    cells: cells.map((cell) => cell.map((place, n) => ({ span: m.spans(layers, place)[0], gains: m.gains(layers, maps[n], place),
      middle: last(maps[n]).start + last(maps[n]).jump * place,
      ...(({ first, counts }) => ({ first, counts: [...counts] }))(m.countPaths(layers, maps[n], place)) }))) };
})"""


@pytest.fixture(scope="module")
def pages(cases, tmp_path_factory):
    kept = {}

    def ran(in_node):
        if "page" not in kept:
            kept["page"] = in_node("receptive_field", RUN, cases)
        return list(zip(cases, kept["page"]))

    return ran


def test_paths_are_counted_as_torchs_gradients_count_them(in_node, cases, pages):
    for case, page in pages(in_node):
        assert page["extent"] == case["extent"], case["stack"]
        for cell, axes in zip(case["cells"], page["cells"]):
            wanted = code.paths(case["stack"], SIZES, cell).numpy()
            counted = np.zeros(SIZES)
            rows, columns = (slice(axis["first"], axis["first"] + len(axis["counts"])) for axis in axes)
            counted[rows, columns] = np.outer(axes[0]["counts"], axes[1]["counts"])
            np.testing.assert_array_equal(counted, wanted, err_msg=f"{case['stack']} {cell}")


def test_boxes_sizes_and_strides_are_those_of_the_operation(in_node, cases, pages):
    for case, page in pages(in_node):
        field = ops.receptive_field(plain_network(case["stack"]), SIZES)
        assert list(field.extent) == page["extent"]
        assert page["sizes"][-1] == [field.size_min[0], field.size_max[0]], case["stack"]
        assert field.stride[0] == page["jump"]
        for cell, (down, across) in zip(case["cells"], page["cells"]):
            box = field.at(*cell)
            assert (box.y0, box.y1, box.x0, box.x1) == (down["span"][0], down["span"][1] + 1, across["span"][0], across["span"][1] + 1)


def test_the_field_after_every_layer(in_node):
    for stack in ("c3,c3,p2,c3,c3,p2,c3,c3", "t2,t2,c3,p2,d4,s2,t2,c5", "s2,s2,s2,d2"):
        layers = [code.LAYERS[name] for name in stack.split(",")]
        page = in_node("receptive_field", "m.fieldSizes(cases)", layers)
        model = plain_network(stack)
        for n, (least, most) in enumerate(page[1:]):
            field = ops.receptive_field(model, (64, 64), at=str(n))
            assert (least, most) == (field.size_min[0], field.size_max[0]), (stack, n)


def test_the_parts_of_the_formula(in_node, cases, pages):
    # r = 1 + sum of (k - 1) * d * the strides before, written out here once more; a transposed convolution has no such term.
    upwards = 0
    for case, page in pages(in_node):
        for axes in page["cells"]:
            for axis in axes:
                assert 1 + sum(axis["gains"]) == axis["span"][1] - axis["span"][0] + 1
                jump = 1
                for layer, gain in zip(case["layers"], axis["gains"]):
                    if layer["kind"] == "up":
                        jump /= layer["stride"]
                        upwards += 1
                        assert gain >= 0
                    else:
                        assert gain == (layer["kernel"] - 1) * layer["dilation"] * jump, case["stack"]
                        jump *= layer["stride"]
    assert upwards > 100


def test_the_middle_of_the_field_is_where_the_output_stands(in_node, cases, pages):
    for case, page in pages(in_node):
        if "t2" in case["stack"]:
            continue  # there the field may reach further on one side
        for axes in page["cells"]:
            for axis in axes:
                assert axis["middle"] == (axis["span"][0] + axis["span"][1] + 1) / 2


def test_the_effective_field_is_that_of_the_operation(in_node):
    size, cell = (32, 48), (7, 11)
    for stack in ("c3,c3,p2,c3,s2", "d2,d2,d2,p2,p2", "c5,t2,d4,s2,s2"):
        layers = [code.LAYERS[name] for name in stack.split(",")]
        (y, x) = in_node("receptive_field", """cases.cell.map((place, n) => (({ first, counts }) => ({ first, counts: [...counts] }))(
            m.countPaths(cases.layers, m.chain(cases.layers, cases.size[n]), place)))""", {"layers": layers, "size": size, "cell": cell})
        counted = np.zeros(size)
        counted[y["first"]:y["first"] + len(y["counts"]), x["first"]:x["first"] + len(x["counts"])] = np.outer(y["counts"], x["counts"])
        seen = ops.effective_receptive_field(code.network(stack), size, position=cell)
        np.testing.assert_allclose(counted / counted.max(), seen, atol=1e-12)


def test_dilations_alone_leave_holes(in_node):
    touched = "(s) => [...m.countPaths(s, m.chain(s, 64), 30).counts].filter(Boolean).length"
    stack = lambda text: [code.LAYERS[name] for name in text.split(",")]       # noqa: E731
    holes, filled = in_node("receptive_field", f"cases.map({touched})", [stack("d2,d2,d2"), stack("c3,d2,d4")])
    assert holes ** 2 == 49 and 13 ** 2 == 169         # 7 of 13 pixels along each axis
    assert filled == 15                                # 1 + 2 + 4 + 8 pixels, every one of them


def test_pooling_first_matters_more_than_last(in_node):
    stack = lambda text: [code.LAYERS[name] for name in text.split(",")]       # noqa: E731
    first, last, two, one, vgg = in_node("receptive_field", "cases.map((s) => m.fieldSizes(s).at(-1)[1])",
                                         [stack(code.PRESETS[name]) for name in ("poolFirst", "poolLast", "two3", "one5", "vgg")])
    assert (first, last, two, one, vgg) == (10, 6, 5, 5, 32)
    weights = {name: sum(code.LAYERS[layer]["weights"] for layer in stack.split(",")) for name, stack in code.PRESETS.items()}
    assert weights["two3"] == 18 and weights["one5"] == 25
    for name in code.PRESETS:
        assert weights[name] == sum(p.numel() for p in code.network(code.PRESETS[name]).parameters())


def test_the_size_depends_on_the_place_after_transposed_convolutions(in_node):
    layers = [code.LAYERS["t2"]] * 2
    assert in_node("receptive_field", "m.fieldSizes(cases)", layers) == [[1, 1], [2, 2], [2, 3]]


def test_most_of_the_paths(in_node):
    rng = np.random.default_rng(0)
    cases = [[rng.integers(0, 9, rng.integers(1, 12)).tolist(), rng.integers(0, 9, rng.integers(1, 12)).tolist()] for _ in range(40)]
    cases = [case for case in cases if sum(case[0]) * sum(case[1])]
    for (down, across), cut in zip(cases, in_node("receptive_field", "cases.map(([d, a]) => m.cutTo(0.95, d, a))", cases)):
        both = np.outer(down, across)

        def kept(n):
            return both[n:len(down) - n, n:len(across) - n].sum()

        assert kept(cut) >= 0.95 * both.sum()
        if 2 * (cut + 1) < min(both.shape):
            assert kept(cut + 1) < 0.95 * both.sum()


def test_a_place_finds_its_output_again(in_node, cases, pages):
    for case, page in pages(in_node):
        told = in_node("receptive_field", "cases.places.map((at) => m.nearestOutput(m.chain(cases.layers, 15), at))",
                       {"layers": case["layers"], "places": [axes[0]["middle"] for axes in page["cells"]]}) if case["stack"] in code.LAYERS \
            else None
        if told:
            assert told == [cell[0] for cell in case["cells"]]


def test_strides_below_one(in_node):
    assert in_node("receptive_field", "cases.map(m.jumpText)", [1, 4, 0.5, 1 / 256]) == ["1", "4", "1/2", "1/256"]


def test_the_photo_goes_over_once_as_bytes():
    lab = labs.receptive_field()
    assert len(lab._data) == 3 * (32 * 48 + 64 * 96 + 128 * 192)
    first = figures.photo("chelsea", size=(32, 48)).permute(1, 2, 0).reshape(-1)[:30].tolist()
    assert list(lab._data[:30]) == first


@pytest.mark.parametrize("text, said", [
    ("stack=c3,x9", "stack must be 1 to 8 layers out of c3, c5, d2, d4, s2, p2, t2, got 'c3,x9': write for example stack=c3,c3,p2,c3"),
    ("stack=", "got ''"),
    ("stack=" + ",".join(["c3"] * 9), "stack must be 1 to 8 layers"),
    ("stac=c3", "did you mean stack?"),
    ("view=heat", "view must be one of boxes, paths"),
])
def test_a_stack_that_cannot_be_built_is_refused(text, said):
    lab = labs.receptive_field()
    with reading("en"), pytest.raises(LabValueError) as refused:
        lab.value = text
    assert said in str(refused.value) and "\n" not in str(refused.value)
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        lab.value = text


def test_a_stack_may_be_a_list():
    lab = labs.receptive_field(stack=["c3", "p2"], cell=(5, 7))
    assert lab.value == "stack=c3,p2 cell=5,7 view=boxes photo=64x96"


def test_the_static_picture_says_the_field():
    with reading("en"):
        figure = labs.receptive_field().static_picture()
    assert "sees 10x10 pixels" in figure.alt and "Output (16, 24)" in figure.alt
