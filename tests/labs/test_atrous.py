import itertools
import math
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import figures, labs, ops
from segcourse.labs.base import LabValueError
from segcourse.language import reading

labs.atrous  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.atrous"]
SWITCHES = [dict(zip(("pool", "conv", "pad"), flags)) for flags in itertools.product((True, False), repeat=3)]


def as_map(values):
    return {"rows": len(values), "cols": len(values[0]), "data": np.asarray(values).ravel().tolist()}


def as_array(page):
    return np.array(page["data"], dtype=float).reshape(page["rows"], page["cols"])


# -- what one output reads ---------------------------------------------------------------------------------------------------


def test_the_span_is_that_of_the_kernel_with_zeros_between_its_taps(in_node):
    cases = [[kernel, rate] for kernel in code.KERNELS for rate in range(1, code.MOST_RATE + 1)]
    for (kernel, rate), span in zip(cases, in_node("atrous", "cases.map(([k, r]) => m.spanOf(k, r))", cases)):
        stuffed = torch.zeros(rate * kernel, rate * kernel)
        stuffed[::rate, ::rate] = 1
        touched = stuffed.nonzero().max(dim=0).values + 1
        assert touched.tolist() == [span, span], (kernel, rate)
    # What the paper's table of fields of view compares: three kernels, one span.
    assert in_node("atrous", "[m.spanOf(3, 12), m.spanOf(7, 4), m.spanOf(3, 2)]") == [25, 25, 5]


@pytest.fixture(scope="module")
def readings():
    rng = np.random.default_rng(3)
    out = [{"kernel": 3, "rates": rates, "cell": (16, 24)} for rates in ([2], [2, 2, 2], [1, 2, 4], [1, 2, 5], [12])]
    for _ in range(40):
        rates = rng.integers(1, code.MOST_RATE + 1, rng.integers(1, code.MOST_LAYERS + 1)).tolist()
        out.append({"kernel": int(rng.choice(code.KERNELS)), "rates": rates, "cell": tuple(int(rng.integers(0, n)) for n in code.PHOTO)})
    return out + [{"kernel": 3, "rates": [2, 2, 2], "cell": cell} for cell in ((0, 0), (31, 47))]


def test_paths_are_counted_as_torchs_gradients_count_them(in_node, readings):
    pages = in_node("atrous", """cases.runs.map(({ kernel, rates, cell }) => cell.map((at, n) => m.countPaths(m.atrousLayers(kernel, rates),
        cases.photo[n], at).map(({ low, counts }) => ({ low, counts: [...counts] }))))""", {"runs": readings, "photo": code.PHOTO})
    for case, axes in zip(readings, pages):
        wanted = code.paths(case["kernel"], tuple(case["rates"]), case["cell"]).numpy()
        lines = []
        for axis, size in zip(axes, code.PHOTO):
            line = np.zeros(size)
            for at, n in enumerate(axis[0]["counts"], axis[0]["low"]):
                if 0 <= at < size:
                    line[at] = n
                else:
                    assert n == 0, "a path began in the padding"
            lines.append(line)
            span = 1 + sum((case["kernel"] - 1) * rate for rate in case["rates"])
            assert len(axis[0]["counts"]) == span and axis[-1]["counts"] == [1] and len(axis) == len(case["rates"]) + 1
        counted = np.outer(*lines)
        np.testing.assert_array_equal(counted, wanted, err_msg=str(case))


def test_the_paths_of_the_lab_are_those_of_torchs_own_convolution():
    # code.paths goes through ops.conv2d; here torch's, once more.
    for kernel, rates, cell in ((3, (2, 2, 2), (16, 24)), (5, (3, 1), (2, 40))):
        image = torch.zeros(1, 1, *code.PHOTO, dtype=torch.float64, requires_grad=True)
        output = image
        for rate in rates:
            output = F.conv2d(output, torch.ones(1, 1, kernel, kernel, dtype=torch.float64), dilation=rate, padding=rate * (kernel // 2))
        assert output.shape[2:] == code.PHOTO
        wanted, = torch.autograd.grad(output[0, 0, cell[0], cell[1]], image)
        assert torch.equal(code.paths(kernel, rates, cell), wanted[0, 0])


def test_one_rate_leaves_a_grid_of_holes_and_growing_rates_fill_it(in_node):
    expression = """cases.map((rates) => { const { counts } = m.countPaths(m.atrousLayers(3, rates), 64, 32)[0];
        return [counts.filter(Boolean).length, counts.length, m.fieldOf(3, rates), m.commonStep(rates), Math.max(...counts)]; })"""
    two, four, five, holes = in_node("atrous", expression, [[2, 2, 2], [1, 2, 4], [1, 2, 5], [1, 9]])
    assert two == [7, 13, 13, 2, 7] and two[0] ** 2 == 49 and two[1] ** 2 == 169
    assert four[:4] == [15, 15, 15, 1] and five[:4] == [17, 17, 17, 1]
    assert holes[:4] == [9, 21, 21, 1], "rates without a common factor may leave holes too"


def test_the_step_all_paths_keep_to(in_node):
    rng = np.random.default_rng(8)
    cases = [rng.integers(1, 13, rng.integers(1, 5)).tolist() for _ in range(30)]
    assert in_node("atrous", "cases.map(m.commonStep)", cases) == [math.gcd(*case) for case in cases]


# -- a map filled in ---------------------------------------------------------------------------------------------------------


def test_the_layers_are_torchs(in_node):
    rng = np.random.default_rng(5)
    cases = [{"map": as_map(rng.integers(-9, 10, (rng.integers(5, 13), rng.integers(5, 13)))), "kernel": rng.integers(-3, 4, (3, 3)).tolist(),
              "options": {"stride": int(rng.integers(1, 5)), "rate": int(rng.integers(1, 3)), "padding": int(rng.integers(0, 3))}} for _ in range(30)]
    pages = in_node("atrous", """cases.map(({ map, kernel, options }) => [m.conv2d(map, kernel, options), m.maxPool(map, options)].map(
        ({ rows, cols, data }) => ({ rows, cols, data: [...data].map((v) => (v === -Infinity ? -1e9 : v)) })))""", cases)
    for case, (convolved, pooled) in zip(cases, pages):
        x = torch.tensor(as_array(case["map"]))[None, None]
        o = case["options"]
        wanted = F.conv2d(x, torch.tensor(case["kernel"], dtype=x.dtype)[None, None], stride=o["stride"], dilation=o["rate"], padding=o["padding"])
        np.testing.assert_array_equal(as_array(convolved), wanted[0, 0])
        padded = F.pad(x, [o["padding"]] * 4, value=-1e9)
        np.testing.assert_array_equal(as_array(pooled), F.max_pool2d(padded, 3, o["stride"], dilation=o["rate"])[0, 0])


RUN = """cases.runs.map(({ first, stride, dilated, image }) => {
  const plain = ({ rows, cols, data }) => ({ rows, cols, data: [...data] }), kernels = [cases.first, cases.last],
    before = m.oldLayers(first, stride), after = m.newLayers(first, stride, dilated),
    old = m.runNet(cases[image], before, kernels), dense = m.runNet(cases[image], after, kernels);
  return { old: plain(old), dense: plain(dense), compared: m.compareMaps(old, dense, stride), sees: [m.seesOf(before), m.seesOf(after)] };
})"""


@pytest.fixture
def nets(in_node):
    runs = [{"first": first, "stride": stride, "dilated": dilated, "image": image}
            for first in ("conv", "pool") for stride in (2, 3, 4) for dilated in SWITCHES for image in ("numbers", "grey")]
    images = {"numbers": code.numbers().astype(float), "grey": code.grey().astype(float) - 128}
    pages = in_node("atrous", RUN, {"runs": runs, "first": code.FIRST, "last": code.LAST, **{name: as_map(image) for name, image in images.items()}})
    return [(run, torch.tensor(images[run["image"]]), page) for run, page in zip(runs, pages)]


def test_both_maps_are_those_of_torch_in_every_setting(nets):
    for run, x, page in nets:
        old, dense = code.old_map(x, run["first"], run["stride"]), code.dense_map(x, run["first"], run["stride"], **run["dilated"])
        np.testing.assert_array_equal(as_array(page["old"]), old, err_msg=str(run))
        np.testing.assert_array_equal(as_array(page["dense"]).reshape(dense.shape), dense, err_msg=str(run))


def test_only_what_dilates_all_that_follows_and_its_padding_keeps_the_old_cells(nets):
    for run, x, page in nets:
        s, every = run["stride"], all(run["dilated"].values())
        old, dense = as_array(page["old"]), as_array(page["dense"])
        assert old.shape == (x.shape[0] // s, x.shape[1] // s)
        sampled = dense[::s, ::s] if dense.size else dense
        kept = sampled.shape == old.shape and np.array_equal(sampled, old)
        assert kept == every, run
        assert (dense.shape == x.shape) == (run["dilated"]["pad"] or not (run["dilated"]["pool"] or run["dilated"]["conv"])), run
        rows, cols = (min(a, b) for a, b in zip(sampled.shape, old.shape))
        apart = np.abs(sampled[:rows, :cols] - old[:rows, :cols])
        assert page["compared"] == {"all": old.size, "same": int((apart == 0).sum()), "gone": old.size - rows * cols,
                                    "largest": apart.max() if apart.size else 0}, run
        assert (page["sees"][0] == page["sees"][1]) == (run["dilated"]["pool"] and run["dilated"]["conv"]), run
        assert page["sees"][0] == 3 + 4 * s


def test_a_cell_reads_what_its_gradient_touches(in_node):
    # A net of convolutions in place of the poolings touches the same pixels.
    for stride, dilated in ((2, SWITCHES[0]), (4, SWITCHES[0]), (3, SWITCHES[1]), (2, SWITCHES[-1])):
        page = in_node("atrous", """m.countPaths(m.newLayers("conv", cases.stride, cases.dilated), 24, cases.at)
            .map(({ low, counts }) => [low, [...counts]])[0]""",
                       {"stride": stride, "dilated": dilated, "at": 8})
        x = torch.zeros(1, 1, 24, 24, dtype=torch.float64, requires_grad=True)
        out = x
        rates = [1, stride if dilated["pool"] else 1, stride if dilated["conv"] else 1]
        for rate in rates:
            out = F.conv2d(out, torch.ones(1, 1, 3, 3, dtype=torch.float64), dilation=rate, padding=rate if dilated["pad"] else 1)
        line = torch.autograd.grad(out[0, 0, 8, 8], x)[0][0, 0, :, :].sum(1) > 0
        low, counts = page
        assert [low + i for i, n in enumerate(counts) if n] == line.nonzero()[:, 0].tolist(), (stride, dilated)


# -- what the lab hands over -------------------------------------------------------------------------------------------------


def test_the_pictures_go_over_once_as_bytes():
    data = labs.atrous()._data
    assert len(data) == 3 * 32 * 48 + 12 * 12 + 48 * 72
    assert list(data[:30]) == figures.photo("chelsea", size=(32, 48)).permute(1, 2, 0).reshape(-1)[:30].tolist()
    digits = list(data[3 * 32 * 48:3 * 32 * 48 + 144])
    assert set(digits) == set(range(10)), "every digit occurs, and nothing else"


@pytest.mark.parametrize("text, said", [
    ("rates=2,0", "rates must be 1 to 4 whole numbers from 1 to 12, one a layer, got '2,0': write for example rates=2"),
    ("rates=13", "got '13'"),
    ("rates=1.5", "got '1.5'"),
    ("rates=", "got ''"),
    ("rates=1,1,1,1,1", "rates must be 1 to 4 whole numbers"),
    ("kernel=4", "kernel must be one of 1, 3, 5, 7, got '4': write for example kernel=3"),
    ("stride=1", "stride must be a whole number from 2 to 4"),
    ("rate=2", "did you mean rates?"),
])
def test_what_cannot_be_built_is_refused(text, said):
    lab = labs.atrous()
    with reading("en"), pytest.raises(LabValueError) as refused:
        lab.value = text
    assert said in str(refused.value) and "\n" not in str(refused.value)
    with reading("ko"), pytest.raises(LabValueError, match="주세요|확인해"):
        lab.value = text


def test_rates_may_be_a_number_or_a_list():
    assert labs.atrous(rates=4).state["rates"] == "4"
    assert labs.atrous(rates=[1, 2, 5], kernel=5).value.startswith("view=taps kernel=5 rates=1,2,5 cell=none")


def test_the_static_picture_says_span_and_holes():
    with reading("en"):
        alt = labs.atrous().static_picture().alt
    assert "9 of the 5x5" in alt and "13x13" in alt and "49 of 169" in alt
    reached = code.paths(3, (2, 2, 2), (16, 24))
    assert int((reached > 0).sum()) == 49 and int(reached.max()) == 49
    assert ops.receptive_field(torch.nn.Sequential(*(torch.nn.Conv2d(1, 1, 3, dilation=2, padding=2) for _ in range(3))), code.PHOTO).size == (13, 13)
