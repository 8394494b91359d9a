import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segcourse import labs, ops
from segcourse.labs.base import LabValueError

# The function labs.slide_classifier hides the file of its name.
code = sys.modules["segcourse.labs.slide_classifier"]
SIZES = range(code.LEAST, code.LARGEST + 1, code.STEP)
EVERY = [(name, size, padding) for name in code.PICTURES for size in SIZES for padding in code.PADDINGS]


@pytest.fixture(scope="module")
def lab():
    return labs.slide_classifier()


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def test_convolution_and_pooling_are_those_of_the_operations(in_node):
    rng = np.random.default_rng(4)
    cases = []
    for _ in range(40):
        channels, outputs, rows, cols, padding = (int(v) for v in (*rng.integers(1, 5, 2), *rng.integers(3, 13, 2), rng.integers(0, 2)))
        x, weight = rng.normal(size=(channels, rows, cols)), rng.normal(size=(outputs, channels, 3, 3))
        cases.append({"x": {"channels": channels, "rows": rows, "cols": cols, "data": x.ravel().tolist()}, "w": weight.ravel().tolist(),
                      "outputs": outputs, "padding": padding, "shape": weight.shape})
    page = in_node(
        "slide_classifier",
        "cases.map(({ x, w, outputs, padding }) => { const y = m.convRelu(x, w, outputs, padding), p = m.pool(y);"
        " return [[...y.data], [...p.data], [p.channels, p.rows, p.cols]]; })",
        cases,
    )
    for case, (conv, pooled, shape) in zip(cases, page):
        x = doubles(case["x"]["data"]).reshape(1, case["x"]["channels"], case["x"]["rows"], case["x"]["cols"])
        wanted = F.relu(ops.conv2d(x, doubles(case["w"]).reshape(case["shape"]), padding=case["padding"]))
        # At most 36 products in float64.
        np.testing.assert_allclose(conv, wanted.flatten(), atol=1e-12, rtol=0)
        smaller = F.max_pool2d(wanted, 2) if min(wanted.shape[2:]) > 1 else wanted[..., :0, :0]
        assert shape == list(wanted.shape[1:2]) + [n // 2 for n in wanted.shape[2:]]
        np.testing.assert_allclose(pooled, smaller.flatten(), atol=1e-12, rtol=0)


def page_answers(in_node, lab, cases):
    """For each (picture, size, padding): the map of one pass and the answers of all crops, as the page computes them."""
    return in_node(
        "slide_classifier",
        """cases.cases.map(([picture, size, padding]) => {
        const bytes = cases.pictures[picture], { map } = m.onePass(bytes, size, cases.net, padding), crops = [];
        for (let r = 0; r < map.rows; r += 1)
          for (let c = 0; c < map.cols; c += 1) crops.push(m.askCrop(bytes, r, c, cases.net, padding).answer);
        return { map: [...map.data], crops, sides: [map.rows, map.cols] };
      })""",
        {"pictures": dict(zip(code.PICTURES, code.pictures().reshape(2, -1).tolist())), "net": lab._settings, "cases": cases},
    )


@pytest.fixture(scope="module")
def every_answer(lab, tmp_path_factory, request):
    """The page's answers for every picture, size and padding, computed once."""
    kept = {}

    def get(in_node):
        if not kept:
            kept.update(zip(EVERY, page_answers(in_node, lab, EVERY)))
        return kept

    return get


def test_the_page_answers_what_the_operations_answer(in_node, every_answer):
    for (name, size, padding), page in every_answer(in_node).items():
        side = code.places(size)
        assert page["sides"] == [side, side]
        # In float64, a few hundred products of numbers around 1.
        np.testing.assert_allclose(page["map"], code.one_pass(name, size, padding).flatten(), atol=1e-11, rtol=0)
        np.testing.assert_allclose(page["crops"], code.crop_answers(name, size, padding).flatten(), atol=1e-11, rtol=0)


def test_the_crops_of_the_operations_are_cut_by_hand(lab):
    linear = code.fully_connected("same")
    for row, column in ((0, 0), (6, 2), (18, 18)):
        crop = code.picture("photo")[..., 2 * row:2 * row + 12, 2 * column:2 * column + 12]
        x = crop
        for weight, shape in zip((lab._settings["first"], lab._settings["second"]), ((5, 1, 3, 3), (8, 5, 3, 3))):
            x = F.relu(F.conv2d(x, doubles(weight).reshape(shape), padding=1))
        answer = linear(F.max_pool2d(x, 2).flatten())
        assert abs(answer.item() - code.crop_answers("photo", 48, "same")[row, column].item()) < 1e-12


def test_without_padding_crop_and_map_are_one_and_with_it_they_are_not(in_node, every_answer):
    agreed = {}
    for (name, size, padding), page in every_answer(in_node).items():
        apart = np.abs(np.array(page["crops"]) - page["map"])
        if padding == "valid" or size == code.WINDOW:
            assert apart.max() < 1e-9, (name, size)
        elif name == "photo":
            assert apart.min() > 1e-4, "padding spoils every place of the photo"
            assert apart.max() > 0.1  # and one sees it
        else:
            assert apart.max() > 0.1
            agreed[size] = int((apart < 1e-9).sum())
    # On the drawing the two agree in some places, and in few.
    assert agreed[24] == 1 and agreed[40] == 5 and agreed[48] == 20


def test_where_the_drawing_is_black_around_the_window_and_nowhere_else_they_agree(in_node, lab, every_answer):
    for size in SIZES[1:]:
        page = every_answer(in_node)["drawing", size, "same"]
        apart = np.abs(np.array(page["crops"]) - page["map"]).reshape(page["sides"])
        around = in_node(
            "slide_classifier",
            """Array.from({ length: cases.n * cases.n },
                (_, i) => m.around(cases.bytes, cases.size, Math.floor(i / cases.n), i % cases.n, cases.net))""",
            {"bytes": list(lab._data[48 * 48:]), "size": size, "n": len(apart), "net": {"window": 12, "stride": 2, "largest": 48}},
        )
        black = np.array([each["black"] for each in around]).reshape(apart.shape)
        np.testing.assert_array_equal(apart < 1e-9, black)
        n = len(apart) - 1
        sides = [[(r > 0) + (r < n) + (c > 0) + (c < n) for c in range(n + 1)] for r in range(n + 1)]
        assert [each["sides"] for each in around] == np.ravel(sides).tolist()


def test_only_the_rim_of_the_pooled_features_differs(in_node, lab):
    # Two 3x3 convolutions carry the frame two pixels inward: one ring of pooled cells, and no further.
    linear = code.fully_connected("same")
    whole = code.features(code.picture("photo"), 1)[0]
    weight = linear.weight.reshape(8, 6, 6)
    for row, column in ((0, 0), (6, 2), (9, 18)):
        crop = code.features(code.crops("photo")[row * 19 + column][None], 1)[0]
        there = whole[:, row:row + 6, column:column + 6]
        assert (crop - there)[:, 1:5, 1:5].abs().max() < 1e-12 < (crop - there).abs().max()
        rims = in_node(
            "slide_classifier",
            """(() => { const { bytes, net, row, column } = cases, head = net.heads.same;
            return [m.rimPart(m.askCrop(bytes, row, column, net, 'same').seen, 0, 0, head, 6),
                    m.rimPart(m.onePass(bytes, 48, net, 'same').seen, row, column, head, 6)]; })()""",
            {"bytes": list(lab._data[:48 * 48]), "net": lab._settings, "row": row, "column": column},
        )
        ring = torch.ones(6, 6, dtype=torch.bool)
        ring[1:5, 1:5] = False
        for rim, seen in zip(rims, (crop, there)):
            assert abs(rim - (seen * weight)[:, ring].sum().item()) < 1e-12


@pytest.mark.parametrize("padding", code.PADDINGS)
def test_multiplications_are_counted_right(in_node, lab, padding):
    page = in_node("slide_classifier", "cases.sizes.map((size) => m.multiplications(size, cases.net, cases.padding))",
                   {"sizes": list(SIZES), "net": lab._settings, "padding": padding})
    linear = code.fully_connected(padding)
    first, second = (weight.float() for weight in code._conv_weights())
    side = 6 if padding == "same" else 4

    def counted(x, last):
        """Multiplications as torch counts them: an operation is one multiplication and one addition."""
        with FlopCounterMode(display=False) as counter:
            for weight in (first, second):
                x = F.relu(F.conv2d(x, weight, padding=code.PADDINGS[padding]))
            last(F.max_pool2d(x, 2))
        return counter.get_total_flops() // 2

    for size, told in zip(SIZES, page):
        crops = counted(torch.zeros(code.places(size) ** 2, 1, 12, 12), lambda x: F.linear(x.flatten(1), linear.weight.float()))
        whole = counted(torch.zeros(1, 1, size, size), lambda x: F.conv2d(x, linear.weight.float().reshape(1, 8, side, side)))
        assert (told["crops"], told["pass"]) == (crops, whole) == code.multiplications(size, padding)


def test_the_cost_of_the_crops_runs_away_from_that_of_one_pass():
    for padding in code.PADDINGS:
        ratios = [many / once for many, once in (code.multiplications(size, padding) for size in SIZES)]
        assert ratios[0] == 1 and ratios == sorted(ratios) and ratios[-1] > 11
    # 16 times the pixels: the crops cost 361 times as much, one pass 17.7 times.
    (many, once), (more, still) = code.multiplications(12, "same"), code.multiplications(48, "same")
    assert more / many == 361 and 17 < still / once < 18


def test_the_classifier_finds_eyes():
    for name in code.PICTURES:
        for padding in code.PADDINGS:
            answers = code.crop_answers(name, 48, padding)
            eyes = torch.tensor([answers[eye] for eye in code._EYES[name]])
            elsewhere = answers.clone()
            for row, column in code._EYES[name]:
                elsewhere[max(row - 1, 0):row + 2, max(column - 1, 0):column + 2] = -1
            assert eyes.min() > 0.7 and elsewhere.max() < 0.5, (name, padding)


def test_numbers_that_differ_never_look_alike(in_node):
    cases = [[0.5, 0.5], [0.12345, 0.12349], [-0.0001, 0.0001], [-0.25, -0.25], [0.7, 0.7 + 1e-12], [1, 0.9999999]]
    assert in_node("slide_classifier", "cases.map(([a, b]) => m.pairText(a, b).join(' '))", cases) == [
        "0.500 0.500", "0.12345 0.12349", "−0.0001 0.0001", "−0.250 −0.250", "0.700 0.700", "1.0000000 0.9999999"]


def test_pictures_and_weights_go_over_once(lab):
    assert lab._data == code.pictures().tobytes() and len(lab._data) == 2 * 48 * 48
    assert len(lab._settings["heads"]["same"]["weight"]) == 288 and len(lab._settings["second"]) == 360


def test_the_static_picture_says_the_score():
    figure = labs.slide_classifier().static_picture()
    score = code.crop_answers("photo", 40, "valid")[6, 2].item()
    assert f"scores {score:.3f}" in figure.alt and "6,225,300" in figure.alt and "560,340" in figure.alt


@pytest.mark.parametrize("text, said", [
    ("size=13", "size must be a multiple of 4, got 13: write size=12 or size=16"),
    ("window=19,0", "window must be a row and a column from 0 to 18, got '19,0'"),
    ("window=none", "window must be a row and a column from 0 to 18, got 'none'"),
])
def test_a_state_that_cannot_be_shown_is_refused(text, said):
    with pytest.raises(LabValueError) as refused:
        labs.slide_classifier().value = text
    assert said in str(refused.value)


def test_the_window_keeps_its_place_while_the_picture_is_smaller():
    lab = labs.slide_classifier(size=12, window=(18, 18))
    assert lab.state["window"] == (18, 18)
