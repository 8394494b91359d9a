import re
import sys

import numpy as np
import pytest
import torch

from segcourse import labs, ops
from segcourse.labs.base import LabValueError
from segcourse.language import reading
from segcourse.training.scores import Scores

# The function labs.scores hides the file of its name.
code = sys.modules["segcourse.labs.scores"]
PLACES = {"rows": code.ROWS, "columns": code.COLUMNS, "classes": list(code.CLASSES)}
STATES = ["", "dx=1", "dy=-2 dx=3", "grow=car:-1", "grow=pole:2,car:-2,sky:1", "flat=yes", "forget=pole,pedestrian", "forget=road", "flat=yes grow=road:-2",
          "scene=disc grow=sign:-1", "scene=disc grow=sign:4 dy=6", "scene=disc forget=sky,sign", "scene=pole dx=-6", "scene=pole grow=pole:-1 void=yes",
          "painted=car:0,0,5,4/31,47,1,1;sign:20,20,3,2 dx=1 grow=sign:1,car:-1", "painted=sky:28,10,30,4 void=yes reach=3"]


def state_of(text):
    return code.ScoresLab.read_state(text)


def random_maps(seed, count=30, classes=4, void=False):
    """Blotchy maps, so that bands have an inside: truth (with void) and a prediction that shares much of it."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        rows, columns = (int(n) for n in rng.integers(6, 15, 2))
        coarse = rng.integers(0, classes + void, (2, rows // 3 + 1, columns // 3 + 1))
        truth, other = np.repeat(np.repeat(coarse, 3, 1), 3, 2)[:, :rows, :columns]
        other = np.where(other == classes, 0, other)
        prediction = np.where((rng.random((rows, columns)) < 0.6) & (truth < classes), truth, other)
        yield truth, prediction


def page_scores(in_node, cases):
    """Each case is (truth, prediction, classes, void, reach)."""
    return in_node(
        "scores",
        """cases.map(([rows, cols, truth, prediction, classes, voided, reach]) => {
          const s = m.allScores(Uint8Array.from(truth), Uint8Array.from(prediction), rows, cols, classes, voided, reach);
          return { counts: [...s.counts], both: [...s.bands.both], either: [...s.bands.either], iou: s.iou, boundary: s.boundary,
                   totals: s.totals, all: s.all, right: s.right }; })""",
        [[*truth.shape, truth.ravel().tolist(), prediction.ravel().tolist(), *rest] for truth, prediction, *rest in cases],
    )


def plain(values):
    """NaN travels as null in JSON."""
    return np.array([np.nan if value is None else value for value in values])


# -- the scores --------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("void", [4, None])
def test_counts_and_scores_are_those_of_the_operations(in_node, void):
    classes = 4 if void is not None else 5
    cases = [(truth, prediction, classes, void, 1 + k % 4) for k, (truth, prediction) in enumerate(random_maps(3, void=True))]
    for (truth, prediction, *_, reach), page in zip(cases, page_scores(in_node, cases)):
        true, predicted = torch.from_numpy(truth), torch.from_numpy(prediction)
        confusion = ops.confusion_matrix(true, predicted, classes, void)
        both, either = ops.boundary_counts(true[None], predicted[None], classes, void, reach)
        assert page["counts"] == confusion.flatten().tolist()
        assert page["both"] == both.tolist() and page["either"] == either.tolist()
        wanted = Scores(confusion, both, either)
        # Quotients of the same integers, rounded once: equal but for the order of a sum.
        np.testing.assert_allclose(plain(page["iou"]), wanted.iou, atol=1e-12)
        np.testing.assert_allclose(plain(page["boundary"]), wanted.boundary_iou_per_class, atol=1e-12)
        totals = {"pixel": wanted.pixel_accuracy, "mean": wanted.mean_accuracy, "weighted": wanted.frequency_weighted_iou, "miou": wanted.miou,
                  "boundary": wanted.boundary_iou}
        assert page["totals"] == pytest.approx(totals, abs=1e-12)


@pytest.mark.parametrize("reach", [1, 2, 3, 4])
def test_the_bands_are_those_of_the_operations(in_node, reach):
    cases = [truth for truth, _ in random_maps(8)]
    page = in_node("scores", "cases.map(([rows, cols, labels, reach]) => [...m.boundaryBand(Uint8Array.from(labels), rows, cols, reach)])",
                   [[*labels.shape, labels.ravel().tolist(), reach] for labels in cases])
    for labels, band in zip(cases, page):
        masks = torch.from_numpy(labels) == torch.arange(4)[:, None, None]
        np.testing.assert_array_equal(np.reshape(band, labels.shape), ops.boundary_band(masks, reach).any(0))


def test_scores_by_hand(in_node):
    # Class 0 on the left, 1 on the right, 3 is void, 2 occurs nowhere. The prediction takes one cell of 0 for 1; what it says on void is nobody's business.
    truth = np.array([[0, 0, 1, 1], [0, 0, 1, 3]])
    prediction = np.array([[0, 1, 1, 1], [0, 0, 1, 0]])
    out, counted = page_scores(in_node, [(truth, prediction, 3, 3, 1), (truth, prediction, 4, None, 1)])
    assert out["all"] == 7 and out["right"] == 6
    assert out["iou"] == [3 / 4, 3 / 4, None]
    assert out["totals"]["miou"] == 3 / 4 and out["totals"]["pixel"] == 6 / 7
    assert out["totals"]["mean"] == pytest.approx((3 / 4 + 1) / 2) and out["totals"]["weighted"] == pytest.approx(3 / 4)
    # Void counted as a class: one cell of truth more, one false alarm of class 0, and a class that is always missed.
    assert counted["iou"] == [3 / 5, 3 / 4, None, 0] and counted["all"] == 8
    assert counted["totals"]["miou"] == pytest.approx((3 / 5 + 3 / 4) / 3)


def test_hits_misses_and_false_alarms_make_up_the_union(in_node):
    truth, prediction = [0, 1, 1, 1, 0, 2], [0, 1, 0, 1, 1, 1]
    page = in_node("scores", "[1, 0].map((kind) => [[...m.partsOf(Uint8Array.from(cases[0]), Uint8Array.from(cases[1]), kind, 2)],"
                             " [...m.partsOf(Uint8Array.from(cases[0]), Uint8Array.from(cases[1]), kind, null)]])", [truth, prediction])
    nothing, hit, missed, false = 0, 1, 2, 3
    # The last cell is void: a false alarm of class 1 only where void is counted.
    assert page[0] == [[nothing, hit, missed, hit, false, nothing], [nothing, hit, missed, hit, false, false]]
    assert page[1][0] == [hit, nothing, false, nothing, missed, nothing]


def test_the_parts_of_the_bands_are_what_boundary_iou_counts(in_node):
    for truth, prediction in random_maps(21, count=6, void=True):
        page = in_node("scores", """(([rows, cols, a, b]) => { const truth = Uint8Array.from(a), s = m.boundaryCounts(truth, Uint8Array.from(b), rows, cols, 4, 4, 1);
            return [0, 1, 2, 3].map((kind) => [...m.bandParts(truth, s, kind)]); })(cases)""",
                       [*truth.shape, truth.ravel().tolist(), prediction.ravel().tolist()])
        both, either = ops.boundary_counts(torch.from_numpy(truth)[None], torch.from_numpy(prediction)[None], 4, 4, 1)
        assert [parts.count(1) for parts in page] == both.tolist()
        assert [len(parts) - parts.count(0) for parts in page] == either.tolist()


def test_only_the_whole_says_100_and_only_nothing_says_0(in_node):
    shares = [1, 0, 0.5, 1483 / 1484, 0.99999, 0.0001, 1 / 3]
    assert in_node("scores", "cases.map(m.percentText)", shares) == ["100", "0", "50.0", "99.9", "99.9", "<0.1", "33.3"]
    assert in_node("scores", "m.percentText(NaN)") == "–"


# -- what a reader does to a prediction --------------------------------------------------------------------------------------------

def page_map(in_node, call, labels):
    labels = np.asarray(labels)
    out = in_node("scores", f"(([rows, cols, data]) => [...m.{call}])(cases)", [*labels.shape, labels.ravel().tolist()])
    return np.reshape(out, labels.shape)


def test_shrinking_takes_a_square_away_by_hand(in_node):
    # One cell of another class touches the block across a corner only: a square takes the corner along, a cross would not.
    labels = np.zeros((7, 7), int)
    labels[1:6, 1:6], labels[0, 0] = 1, 2
    wanted = np.zeros((7, 7), int)
    wanted[2:5, 2:5], wanted[0, 0] = 1, 2
    np.testing.assert_array_equal(page_map(in_node, "grown(Uint8Array.from(data), rows, cols, 1, -1)", labels), wanted)
    np.testing.assert_array_equal(code.grown(torch.from_numpy(labels), 1, -1), wanted)
    corner = np.ones((5, 5), int)
    corner[0, 0] = 0
    wanted = np.ones((5, 5), int)
    wanted[:2, :2] = 0
    np.testing.assert_array_equal(page_map(in_node, "grown(Uint8Array.from(data), rows, cols, 1, -1)", corner), wanted)


def test_growing_fills_a_square_by_hand(in_node):
    labels = np.zeros((6, 7), int)
    labels[2, 3] = 1
    wanted = np.zeros((6, 7), int)
    wanted[0:5, 1:6] = 1
    np.testing.assert_array_equal(page_map(in_node, "grown(Uint8Array.from(data), rows, cols, 1, 2)", labels), wanted)
    np.testing.assert_array_equal(code.grown(torch.from_numpy(labels), 1, 2), wanted)


@pytest.mark.parametrize("by", [1, 2, 3])
def test_what_shrinking_takes_is_the_boundary_band_of_the_operations(in_node, by):
    maps = [np.pad(truth, by, constant_values=3) for truth, _ in random_maps(30 + by, count=8, classes=3)]     # away from the edge, where classes go on
    page = in_node("scores", f"cases.map(([rows, cols, data]) => [0, 1, 2].map((kind) => [...m.grown(Uint8Array.from(data), rows, cols, kind, -{by})]))",
                   [[*labels.shape, labels.ravel().tolist()] for labels in maps])
    for labels, shrunk in zip(maps, page):
        for kind, left in enumerate(shrunk):
            mask = torch.from_numpy(labels == kind)
            np.testing.assert_array_equal(np.reshape(left, labels.shape) == kind, mask & ~ops.boundary_band(mask, by))


def test_at_the_edge_a_class_goes_on(in_node):
    labels = np.zeros((4, 6), int)
    labels[2:] = 1
    wanted = np.zeros((4, 6), int)
    wanted[3:] = 1
    np.testing.assert_array_equal(page_map(in_node, "grown(Uint8Array.from(data), rows, cols, 1, -1)", labels), wanted)
    assert (page_map(in_node, "grown(Uint8Array.from(data), rows, cols, 1, -1)", np.ones((4, 6), int)) == 1).all()


def test_moving_by_hand(in_node):
    labels = [[1, 2, 3], [4, 5, 6]]
    for down, right, wanted in ((0, 1, [[1, 1, 2], [4, 4, 5]]), (0, -1, [[2, 3, 3], [5, 6, 6]]), (1, 0, [[1, 2, 3], [1, 2, 3]]), (-1, 2, [[4, 4, 4], [4, 4, 4]])):
        assert page_map(in_node, f"moved(Uint8Array.from(data), rows, cols, {down}, {right})", labels).tolist() == wanted
        assert code.moved(torch.tensor(labels), down, right).tolist() == wanted


def test_holes_take_the_nearest_class_and_of_several_the_uppermost(in_node):
    labels = [[0, 0, 0], [2, 9, 3], [1, 1, 1]]
    assert page_map(in_node, "forgotten(Uint8Array.from(data), rows, cols, [9])", labels)[1].tolist() == [2, 0, 3]
    labels = [[9, 9, 9, 9], [2, 9, 9, 3], [1, 9, 9, 1]]
    wanted = [[2, 2, 3, 3], [2, 2, 3, 3], [1, 1, 1, 1]]
    assert page_map(in_node, "forgotten(Uint8Array.from(data), rows, cols, [9])", labels).tolist() == wanted
    holes = torch.tensor(labels) == 9
    assert code.fill(torch.tensor(labels), holes, ~holes).tolist() == wanted


def test_the_page_predicts_what_python_predicts(in_node):
    cases = [[code.scene(state_of(text)["scene"]).flatten().tolist(), state_of(text)] for text in STATES]
    page = in_node("scores", "cases[0].map(([truth, state]) => [...m.predict(Uint8Array.from(truth), state, cases[1])])", [cases, PLACES])
    for text, labels in zip(STATES, page):
        np.testing.assert_array_equal(np.reshape(labels, (code.ROWS, code.COLUMNS)), code.prediction(state_of(text)), err_msg=text)


def test_the_page_scores_what_python_scores(in_node):
    states = [state_of(text) for text in STATES]
    cases = [(code.scene(s["scene"]).numpy(), code.prediction(s).numpy(), 8 if s["void"] else 7, None if s["void"] else 7, s["reach"]) for s in states]
    for state, page in zip(states, page_scores(in_node, cases)):
        wanted = code.scores(state)
        assert page["totals"] == pytest.approx({name: wanted[name] for name in page["totals"]}, abs=1e-12)
        np.testing.assert_allclose(plain(page["iou"]), wanted["iou"], atol=1e-12)
        np.testing.assert_allclose(plain(page["boundary"]), wanted["boundary_iou"], atol=1e-12)


def test_the_prediction_starts_as_the_truth():
    for name in code.SCENES:
        truth, start = code.scene(name), code.prediction(state_of(f"scene={name}"))
        assert torch.equal(truth[truth != code.VOID], start[truth != code.VOID]) and not (start == code.VOID).any()
        seen = code.scores(state_of(f"scene={name}"))
        assert all(seen[key] == 1 for key in ("pixel", "mean", "miou", "weighted", "boundary"))
    assert torch.isnan(code.scores(state_of(""))["iou"]).tolist() == [False] * 6 + [True]


def test_the_scenes_show_what_is_to_be_seen():
    # Everything is road: pixel accuracy stays high, mIoU collapses.
    seen = code.scores(state_of("flat=yes"))
    assert seen["pixel"] > 0.65 and seen["miou"] < 0.13
    # One cell to the side: the pole is gone, pixel accuracy hardly moves.
    seen = code.scores(state_of("dx=1"))
    assert seen["iou"][code.POLE] == 0 and seen["pixel"] > 0.93
    # The same cell off a large thing costs little IoU and all of the boundary; off a thin one, everything.
    seen = code.scores(state_of("scene=disc grow=sign:-1"))
    assert seen["iou"][code.SIGN] > 0.8 and seen["boundary_iou"][code.SIGN] == 0
    assert code.scores(state_of("scene=pole grow=pole:-1"))["iou"][code.POLE] == 0
    # Void counted: a perfect prediction loses more than a seventh.
    seen = code.scores(state_of("void=yes"))
    assert seen["miou"] < 6 / 7 and seen["iou"][code.VOID] == 0
    # A class the truth has not: one cell of it takes a seventh of the mean.
    assert code.scores(state_of("painted=sign:20,30,1,1"))["miou"] < 6 / 7 + 1e-9


# -- the state ---------------------------------------------------------------------------------------------------------------------

def test_painted_cells_are_written_alike_in_python_and_in_the_page(in_node):
    rng = np.random.default_rng(6)
    grids = [np.full((code.ROWS, code.COLUMNS), -1), np.zeros((code.ROWS, code.COLUMNS), int)]
    for _ in range(12):
        coarse = rng.integers(-3, 7, (8, 12)).clip(-1)
        grids.append(np.repeat(np.repeat(coarse, 4, 0), 4, 1))
        grids.append(rng.integers(-20, 7, (code.ROWS, code.COLUMNS)).clip(-1))
    texts = [code.write_painted(cells) for cells in grids]
    page = in_node("scores", """cases[0].map((text) => { const { rows, columns, classes } = cases[1], cells = m.readPainted(text, rows, columns, classes);
        return [[...cells], m.writePainted(cells, rows, columns, classes)]; })""", [texts, PLACES])
    assert texts[:2] == ["none", "sky:0,0,48,32"]
    for cells, text, (read, written) in zip(grids, texts, page):
        np.testing.assert_array_equal(np.reshape(read, cells.shape), cells)
        assert written == text
        lab = labs.scores(painted=cells)
        assert lab.state["painted"] == text and f"painted={text}" in lab.value


def test_a_teacher_opens_the_lab_with_a_painting():
    lab = labs.scores(painted="car:20,30,4,2;pole:3,3,1,9/3,4,1,9", grow={"car": 1, "sky": 0}, forget=["pole", "sign"])
    assert lab.state["painted"] == "car:20,30,4,2;pole:3,3,2,9", "boxes that touch become one"
    assert lab.state["grow"] == "car:1" and lab.state["forget"] == "pole,sign"
    labels = code.prediction(lab.state)
    assert (labels[19:23, 29:35] == code.CAR).all() and not (labels == code.POLE).any()
    lab.value = "painted=sky:0,0,1,1;car:0,0,1,1"
    assert lab.state["painted"] == "car:0,0,1,1", "what is written later lies on top"


def test_lists_of_classes_are_changed_alike(in_node):
    classes = list(code.CLASSES)
    page = in_node("scores", """[m.withAmount("none", "pole", 2, cases), m.withAmount("pole:2", "car", -1, cases), m.withAmount("car:-1,pole:2", "car", 0, cases),
        m.withAmount("car:1", "car", 0, cases), m.withWord("none", "pole", true, cases), m.withWord("pole", "sky", true, cases),
        m.withWord("sky,pole", "sky", false, cases), m.withWord("pole", "pole", false, cases)]""", classes)
    assert page == ["pole:2", "car:-1,pole:2", "pole:2", "none", "pole", "sky,pole", "pole", "none"]


@pytest.mark.parametrize("text, said", [
    ("painted=car:30,0,1,3", "painted must be none, an array of 32x48 class numbers"),
    ("painted=car:1,2,3", "got 'car:1,2,3'"),
    ("painted=lorry:1,2,3,4", "got 'lorry:1,2,3,4'"),
    ("painted=car", "got 'car'"),
    ("grow=car:9", "grow must be none or classes with whole numbers from -4 to 4, as in car:-1,pole:2, got 'car:9': write for example grow=none"),
    ("grow=car", "got 'car'"),
    ("forget=lorry", "forget must be none or classes out of sky, building"),
    ("dx=7", "dx must be a whole number from -6 to 6, got '7'"),
    ("chosen=void", "chosen must be one of sky, building"),
])
def test_a_state_that_cannot_be_shown_is_refused(text, said):
    lab = labs.scores(dx=2)
    with pytest.raises(LabValueError) as refused:
        lab.value = text
    assert said in str(refused.value) and lab.state["dx"] == 2
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        lab.value = text


@pytest.mark.parametrize("value", [np.zeros((3, 3)), np.full((32, 48), 7), np.full((32, 48), 0.5), np.full((32, 48), -2), 5, ["a"]])
def test_an_array_that_is_no_painting_is_refused(value):
    with pytest.raises(LabValueError, match="painted must be none, an array of 32x48"):
        labs.scores(painted=value)


def test_strokes_leave_no_cell_out(in_node):
    page = in_node("scores", "cases.map(([a, b]) => m.cellsBetween(a, b))", [[[2, 2], [2, 2]], [[0, 0], [0, 3]], [[5, 5], [2, 4]], [[0, 0], [7, -3]]])
    assert page[:2] == [[], [[0, 1], [0, 2], [0, 3]]]
    for (start, end), cells in zip([([5, 5], [2, 4]), ([0, 0], [7, -3])], page[2:]):
        assert cells[-1] == end
        assert all(max(abs(a - b) for a, b in zip(one, other)) == 1 for one, other in zip([start, *cells], cells))


def test_the_static_picture_says_the_scores():
    for language, missing in (("en", "–"), ("ko", "–")):
        with reading(language):
            alt = labs.scores().static_picture().alt
        seen = code.scores(state_of("dx=1"))
        told = [float(v) for v in re.findall(r"([\d.]+) ?%", alt)]
        wanted = [seen[key] for key in ("pixel", "weighted", "mean", "miou", "boundary")] + [v for v in seen["iou"].tolist() if v == v]
        np.testing.assert_allclose(told, 100 * np.array(wanted), atol=0.0501)
        assert missing in alt
