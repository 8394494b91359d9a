import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import datasets, labs, models, ops
from segcourse.labs.base import LabValueError
from segcourse.models.dense import enlarge
from segcourse.models.geometry import Grid
from segcourse.training import dense_maps
from segcourse.training.scores import Scores

# The function labs.dense_map hides the file of its name.
code = sys.modules["segcourse.labs.dense_map"]


def random_scores(seed, cells, classes=4):
    return torch.randn(classes, *cells, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def spec(cells, scale, shift):
    return {"rows": cells[0], "cols": cells[1], "scale": scale, "shift": shift}


# -- the page's arithmetic ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("scale, cells", [(32, (4, 6)), (16, (7, 11)), (8, (13, 21)), (32, (1, 5)), (32, (3, 1))])
def test_the_page_enlarges_as_torch_does(in_node, scale, cells):
    scores, size, rim = random_scores(scale, cells), (32 * ((cells[0] - 1) * scale // 32 + 1), 32 * ((cells[1] - 1) * scale // 32 + 1)), (32 - scale) // 2
    inner = F.interpolate(scores[None], scale_factor=scale, mode="bilinear", align_corners=False)
    wanted = F.pad(inner, (rim, size[1] - inner.shape[3] - rim, rim, size[0] - inner.shape[2] - rim), mode="replicate")[0]
    page = in_node("dense_map", "[...m.enlargedLabels(Float64Array.from(cases[0]), cases[1], ...cases[2])]", [scores.flatten().tolist(), spec(cells, scale, 15.5), size])
    np.testing.assert_array_equal(np.reshape(page, size), wanted.argmax(0))
    places = [[0, 0], [15, 16], [16, 15], [size[0] - 1, size[1] - 1], [size[0] // 2, 3]]
    values = in_node("dense_map", "cases[2].map((place) => m.scoresAt(Float64Array.from(cases[0]), cases[1], place))", [scores.flatten().tolist(), spec(cells, scale, 15.5), places])
    np.testing.assert_allclose(values, [wanted[:, y, x] for y, x in places], rtol=0, atol=1e-12)


def test_the_page_enlarges_any_grid_as_python_does(in_node):
    scores, size = random_scores(9, (5, 4)), (37, 41)
    page = in_node("dense_map", "[...m.enlargedLabels(Float64Array.from(cases[0]), cases[1], ...cases[2])]", [scores.flatten().tolist(), spec((5, 4), 10, -7), size])
    np.testing.assert_array_equal(np.reshape(page, size), enlarge(scores[None], Grid(10, -7), size)[0].argmax(0))


def test_of_equal_scores_the_first_class_wins_as_in_argmax(in_node):
    scores = torch.tensor([[[1.0, 1]], [[2, 1]], [[2, 1]]])
    page = in_node("dense_map", "[...m.enlargedLabels(Float64Array.from(cases), { rows: 1, cols: 2, scale: 2, shift: 0.5 }, 1, 4)]", scores.flatten().tolist())
    assert page == enlarge(scores[None], Grid(2, 0.5), (1, 4))[0].argmax(0)[0].tolist() == [1, 1, 1, 0]
    assert in_node("dense_map", "[m.bestOf([1, 3, 3]), m.bestOf([-2, -1, -3])]") == [1, 1]


def test_cells_by_hand(in_node):
    first, dense = spec((4, 6), 32, 15.5), spec((13, 21), 8, 15.5)
    assert in_node("dense_map", "[m.placeOf(cases[0], [1, 2]), m.placeOf(cases[1], [4, 8]), m.placeOf(cases[1], [5, 8])]", [first, dense]) == [[47.5, 79.5], [47.5, 79.5], [55.5, 79.5]]
    assert in_node("dense_map", "[[4, 8], [5, 8], [4, 9], [12, 20], [0, 0]].map((cell) => m.isOld(cases[0], cases[1], cell))", [first, dense]) == [True, False, False, True, True]
    nearest = "[[0, 0], [31, 32], [32, 31], [127, 191], [60, 70]].map((place) => m.nearestCell(cases[%d], place))"
    assert in_node("dense_map", nearest % 0, [first, dense]) == [[0, 0], [0, 1], [1, 0], [3, 5], [1, 2]]
    assert in_node("dense_map", nearest % 1, [first, dense])[3:] == [[12, 20], [6, 7]]


# -- the file ----------------------------------------------------------------------------------------------------------------------

MAPS = code.shipped()
ABOUT = MAPS["about"]


@pytest.fixture(scope="module")
def networks():
    """The network of the file, unlearnt: its layers say where cells stand and what they see and cost."""
    return dense_maps.scorers(models.create(ABOUT["network"], num_classes=11, **ABOUT["options"]))


def test_the_file_is_small_and_says_where_it_comes_from():
    assert dense_maps.results().stat().st_size < 300_000
    assert dense_maps.results().name == code.FILE
    assert ABOUT["format"] == dense_maps.FORMAT and ABOUT["command"] == "segcourse bench dense-map"
    assert ABOUT["commit"] != "unknown" and ABOUT["versions"]["torch"] and ABOUT["device"]
    assert ABOUT["steps"] == ABOUT["recipe"]["steps"] and ABOUT["seed"] == 0, "a trial is no file of the package"
    assert ABOUT["trained"]["miou"] > 0.3


def test_the_file_was_made_by_this_code():
    assert ABOUT["fingerprint"] == dense_maps.experiment().fingerprint(), "run `segcourse bench dense-map` again"
    assert ABOUT["pictures_digest"] == dense_maps.digest(MAPS["images"]), "streets draws other pictures now: run `segcourse bench dense-map` again"


def test_the_crf_was_chosen_on_the_validation_split():
    tuned = ABOUT["tuned"]
    best = max(tuned["trials"], key=lambda trial: trial["miou"])
    assert tuned["on"] == "streets valid" and len(tuned["trials"]) == 27
    assert ABOUT["crf"] == {name: best[name] for name in ABOUT["crf"]}
    assert ABOUT["data"] == "streets test"


def test_cells_fields_and_costs_are_those_of_the_layers(networks):
    size = tuple(ABOUT["size"])
    for stride, network in networks.items():
        of, field = ABOUT["strides"][str(stride)], ops.receptive_field(network, size)
        grid = Grid().after_all(layer for layer in network.modules() if not list(layer.children()))
        assert (of["scale"], of["shift"]) == (grid.scale, grid.shift) == (stride, 15.5)
        assert tuple(of["cells"]) == field.extent
        assert of["field"] == list(field.size_min) == list(field.size_max) == [404, 404]
        assert of["multiply_adds"] == dense_maps.multiply_adds(network, torch.zeros(1, 3, *size))
        box = field.at(2, 3)
        assert (box.y0 + box.y1 - 1) / 2 == of["shift"] + 2 * of["scale"] and (box.x0 + box.x1 - 1) / 2 == of["shift"] + 3 * of["scale"]


def test_old_cells_stay():
    own = MAPS["scores32"]
    for stride, step in ((16, 2), (8, 4)):
        dense = MAPS[f"scores{stride}"]
        assert ABOUT["old_cells"][str(stride)] < 1e-10
        # In the file they are of 32 bits, and each stride was another computation.
        torch.testing.assert_close(dense[..., ::step, ::step], own, rtol=0, atol=2e-4 * float(own.abs().max()))
        between = F.interpolate(own, size=dense.shape[-2:], mode="bilinear", align_corners=True)
        assert (dense - between).abs().max() > 0.05 * own.abs().max(), "new cells are computed, not interpolated"


@pytest.mark.parametrize("crf", [False, True], ids=["plain", "crf"])
@pytest.mark.parametrize("stride", code.STRIDES)
def test_the_scores_of_the_pictures_are_those_of_what_is_shown(stride, crf):
    for number, (truth, said) in enumerate(zip(MAPS["truth"], ABOUT["strides"][str(stride)]["scores"]["crf" if crf else "plain"]["shown"])):
        scores = Scores.from_labels(code.prediction(MAPS, number, stride, crf), truth, 11, void=11)
        assert said == pytest.approx({"miou": scores.miou, "boundary_iou": scores.boundary_iou}, abs=1e-12)


@pytest.mark.parametrize("stride", code.STRIDES)
def test_the_page_predicts_what_was_scored(in_node, stride):
    of = ABOUT["strides"][str(stride)]
    for number in range(len(MAPS["images"])):
        scores = MAPS[f"scores{stride}"][number]
        page = in_node("dense_map", "[...m.enlargedLabels(Float32Array.from(cases[0]), cases[1], ...cases[2])]",
                       [scores.flatten().tolist(), spec(of["cells"], of["scale"], of["shift"]), ABOUT["size"]])
        np.testing.assert_array_equal(np.reshape(page, ABOUT["size"]), code.prediction(MAPS, number, stride))


def test_what_the_chapter_says_of_it():
    """Over the whole split: the cost grows, the denser maps leave boundary IoU about where it was (outlines stay round), the CRF raises it."""
    cost = [ABOUT["strides"][str(stride)]["multiply_adds"] for stride in code.STRIDES]
    assert cost[0] < cost[1] < cost[2] and 3.5 < cost[2] / cost[0] < 4.5
    plain, after = ({stride: ABOUT["strides"][str(stride)]["scores"][name]["all"]["boundary_iou"] for stride in code.STRIDES} for name in ("plain", "crf"))
    assert 0 < max(plain.values()) - plain[32] < 0.02, plain
    assert all(after[stride] > plain[stride] + 0.03 for stride in code.STRIDES), (plain, after)


# -- the lab -----------------------------------------------------------------------------------------------------------------------

def test_bytes_lie_where_the_settings_say():
    lab = labs.dense_map()
    parts, data = lab.settings()["parts"], lab.data()
    assert sum(length for _, length in parts.values()) == len(data)
    for stride in code.STRIDES:
        start, length = parts[f"scores{stride}"]
        assert start % 4 == 0
        np.testing.assert_array_equal(np.frombuffer(data[start:start + length], "<f4"), MAPS[f"scores{stride}"].flatten())
        start, length = parts[f"crf{stride}"]
        np.testing.assert_array_equal(np.frombuffer(data[start:start + length], "u1"), MAPS[f"crf{stride}"].flatten())
    start, length = parts["images"]
    assert np.frombuffer(data[start:start + length], "u1").reshape(-1, *ABOUT["size"], 3)[1, 40, 50].tolist() == MAPS["images"][1, :, 40, 50].tolist()


def test_the_state_is_set_by_words_and_by_numbers():
    assert labs.dense_map(stride=16, crf=True, picture=2, cell=(3, 4)).value == "stride=16 crf=yes picture=2 cell=3,4"
    with pytest.raises(LabValueError, match="stride must be one of 32, 16, 8, got '4'"):
        labs.dense_map(stride=4)
    with pytest.raises(LabValueError, match="did you mean stride"):
        labs.dense_map(strides=8)


def narrow(seed=0):
    torch.manual_seed(seed)
    model = models.create("fcn32s", num_classes=11, width=0.03, padding="same", batch_norm=True)
    torch.nn.init.normal_(model.score_fr.weight)
    return model.eval()


def test_a_network_of_ones_own():
    pictures = datasets.load("streets", "valid", size=(64, 96), length=3)
    maps = dense_maps.compute(narrow(), pictures, show=(2, 0))
    lab = labs.dense_map(maps=maps, stride=8)
    assert lab.settings()["crf"] is False and "crf32" not in lab.settings()["parts"] and lab.settings()["all"] == 2
    assert lab.settings()["strides"][2]["cells"] == [5, 9] and len(lab.settings()["colours"]) == 12
    assert torch.equal(lab.maps["images"][0], pictures[2][0])
    assert "5x9" in lab.static_picture().alt


def test_maps_that_are_none_are_refused():
    with pytest.raises(ValueError, match="maps lacks about, images, scores16, scores32, scores8, truth: pass what training.dense_maps.compute"):
        labs.dense_map(maps={})
    with pytest.raises(ValueError, match="at most 9 pictures, got 10"):
        labs.dense_map(maps=MAPS | {"images": MAPS["images"][:1].expand(10, -1, -1, -1)})


def test_the_static_picture_says_its_numbers():
    figure = labs.dense_map().static_picture()
    edge = ABOUT["strides"]["8"]["scores"]["crf"]["shown"][0]["boundary_iou"]
    assert f"{100 * edge:.0f}" in figure.alt and "13x21 cells" in figure.alt and "404x404 pixels" in figure.alt
