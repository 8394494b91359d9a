import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import labs, ops
from segcourse.labs.transposed_conv import PATCH_SIDE, photo_patch


def random_cases(count=150):
    rng = np.random.default_rng(7)
    cases = []
    while len(cases) < count:
        h, w, kh, kw, s, p = (int(v) for v in (*rng.integers(1, 6, 4), rng.integers(1, 5), rng.integers(0, 5)))
        if min((h - 1) * s + kh, (w - 1) * s + kw) > 2 * p:
            cases.append({"x": rng.normal(size=(h, w)).tolist(), "k": rng.normal(size=(kh, kw)).tolist(), "s": s, "p": p})
    return cases


def as_input(grid):
    return torch.tensor(grid, dtype=torch.float64)[None, None]


def test_the_page_computes_what_the_operation_and_torch_compute(in_node):
    cases = random_cases()
    page = in_node("transposed_conv", "cases.map(({ x, k, s, p }) => [m.convTranspose2d(x, k, s, p), m.stampCount(x, k, s, p)])", cases)
    for case, (values, counts) in zip(cases, page):
        x, k = as_input(case["x"]), as_input(case["k"])
        ours = ops.conv_transpose2d(x, k, stride=case["s"], padding=case["p"])[0, 0]
        torchs = F.conv_transpose2d(x, k, stride=case["s"], padding=case["p"])[0, 0]
        # At most 25 products are added; in float64 the order cannot matter beyond 1e-12.
        np.testing.assert_allclose(values, ours, atol=1e-12, rtol=0)
        np.testing.assert_allclose(values, torchs, atol=1e-12, rtol=0)
        shape = (len(case["x"]), len(case["x"][0]))
        kernel = (len(case["k"]), len(case["k"][0]))
        np.testing.assert_array_equal(
            counts, F.conv_transpose2d(torch.ones(1, 1, *shape), torch.ones(1, 1, *kernel), stride=case["s"], padding=case["p"])[0, 0]
        )
        if kernel[0] == kernel[1]:
            np.testing.assert_array_equal(counts, ops.stamp_count(shape, kernel[0], case["s"], case["p"]))


@pytest.mark.parametrize("k, s, counts", [(3, 2, {1, 2, 4}), (5, 2, {4, 6, 9}), (5, 3, {1, 2, 4}), (4, 2, {4}), (2, 2, {1}), (6, 3, {4})])
def test_counts_inside_the_picture(in_node, k, s, counts):
    # Interior overlap of stamps, as computed for crf-and-receptive-fields.md, section 3.
    n = 7
    grid, kernel = [[1] * n] * n, [[1] * k] * k
    page = np.array(in_node("transposed_conv", "m.stampCount(cases[0], cases[1], cases[2])", [grid, kernel, s]))
    assert set(page[k:-k, k:-k].ravel().tolist()) == counts


@pytest.mark.parametrize("factor, size", [(2, 4), (2, 3), (3, 6), (3, 5), (4, 8), (1, 2), (8, 16)])
def test_the_bilinear_kernel(in_node, factor, size):
    page = in_node("transposed_conv", "m.bilinearKernel(cases[0], cases[1])", [factor, size])
    np.testing.assert_allclose(page, ops.bilinear_kernel(1, factor, size)[0, 0], atol=1e-7)


def test_stamps_laid_so_far_and_the_sum_written_out(in_node):
    rng = np.random.default_rng(3)
    cases = [case | {"laid": int(rng.integers(0, len(case["x"]) * len(case["x"][0]) + 1))} for case in random_cases(60)]
    pages = in_node(
        "transposed_conv",
        """cases.map(({ x, k, s, laid }) => {
        const all = m.layStamps(x, k, s, laid), told = [];
        for (let r = 0; r < all.rows; r += 1) for (let c = 0; c < all.cols; c += 1)
          told.push(m.stampsOn(r, c, x, k, s, laid).reduce((sum, { i, j, a, b }) => sum + x[i][j] * k[a][b], 0));
        return { rows: all.rows, cols: all.cols, data: [...all.data], told, average: [...m.averageOf(all)], count: [...all.count] };
      })""",
        cases,
    )
    for case, page in zip(cases, pages):
        h, w = len(case["x"]), len(case["x"][0])
        first = as_input(case["x"]).flatten().clone()
        first[case["laid"] :] = 0
        expected = F.conv_transpose2d(first.reshape(1, 1, h, w), as_input(case["k"]), stride=case["s"])[0, 0]
        assert (page["rows"], page["cols"]) == expected.shape
        np.testing.assert_allclose(page["data"], expected.flatten(), atol=1e-12)
        np.testing.assert_allclose(page["told"], expected.flatten(), atol=1e-12)
        np.testing.assert_allclose(np.array(page["average"]) * np.maximum(page["count"], 1), expected.flatten(), atol=1e-12)


def test_averaging_again_leaves_a_quarter_of_a_bilinear_enlargement(in_node):
    # Claim 1.9: with k = 2s the sum already is a weighted mean; inside, four stamps lie on every cell.
    grid, kernel = [[8.0] * 5] * 5, ops.bilinear_kernel(1, 2)[0, 0].tolist()
    page = in_node(
        "transposed_conv",
        "(() => { const l = m.layStamps(cases[0], cases[1], 2); return { sum: m.crop(l, 2), average: m.crop({ ...l, data: m.averageOf(l) }, 2) }; })()",
        [grid, kernel],
    )
    np.testing.assert_allclose(page["sum"], 8, atol=1e-6)
    np.testing.assert_allclose(page["average"], 2, atol=1e-6)


def test_the_padding_slider_stops_where_torch_does(in_node):
    cases = random_cases(40)
    for case, most in zip(cases, in_node("transposed_conv", "cases.map(({ x, k, s }) => m.mostPadding(x, k, s))", cases)):
        x, k = as_input(case["x"]), as_input(case["k"])
        assert min(F.conv_transpose2d(x, k, stride=case["s"], padding=most).shape[2:]) >= 1
        if most < 4:
            with pytest.raises(RuntimeError):
                F.conv_transpose2d(x, k, stride=case["s"], padding=most + 1)


def test_the_photo_goes_over_once_as_bytes():
    from skimage import data

    lab = labs.transposed_conv()
    assert lab._data == photo_patch().tobytes() and len(lab._data) == PATCH_SIDE**2
    face = data.astronaut()[10:18, 120:128].astype(float) @ [0.299, 0.587, 0.114]
    assert abs(face.mean() - photo_patch()[0, 0]) <= 0.5


def test_the_picture_says_the_sum():
    figure = labs.transposed_conv().static_picture()
    assert "(1 1 3 2 2; 1 1 3 2 2; 4 4 10 6 6; 3 3 7 4 4; 3 3 7 4 4)" in figure.alt
