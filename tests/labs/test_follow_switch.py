import sys

import numpy as np
import pytest
import torch

from segcourse import datasets, labs, models, ops
from segcourse.datasets import normalise
from segcourse.labs import switch_net
from segcourse.labs.base import LabValueError
from segcourse.language import reading

# The function labs.follow_switch hides the file of its name.
code = sys.modules["segcourse.labs.follow_switch"]
IMAGES, TRACES = code.shipped()
PIXELS = [(0, 0), (IMAGES.shape[2] - 1, IMAGES.shape[3] - 1), code.PIXEL, (51, 60), (40, 3), (63, 64)]


def levels_for_node(of):
    return [{"channels": before.shape[0], "rows": before.shape[1], "cols": before.shape[2], "before": before.astype(float).ravel().tolist(),
             "switches": switches.ravel().tolist(), "back": back.astype(float).ravel().tolist()}
            for before, switches, back in zip(of.before, of.switches, of.back)]


# -- what is handed over ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("picture", [0, 2])
def test_maps_and_switches_are_those_of_the_operation(picture):
    model, of = switch_net.network(), TRACES[picture]
    x = normalise(IMAGES[picture:picture + 1])
    with torch.no_grad():
        encoded = model.encode(x)
        steps = dict((name, y.clone()) for name, y in model.decode_steps(encoded))
        labels = model(x).argmax(1)[0]
    assert torch.equal(torch.from_numpy(of.labels).long(), labels) and of.code == tuple(encoded.code.shape[1:])
    for level, (name, layer) in enumerate(((name, layer) for name, layer in model.features.items() if name.startswith("pool")), 1):
        before = torch.from_numpy(of.before[level - 1]).float()
        _, wanted = ops.max_pool2d_with_switches(before[None], 2)
        width = before.shape[2]
        row, column = np.indices(of.switches[level - 1].shape[1:])
        own = (2 * row + of.switches[level - 1] // 2) * width + 2 * column + of.switches[level - 1] % 2
        np.testing.assert_array_equal(own, encoded.switches[level - 1][0])
        assert (own == wanted[0].numpy()).mean() > 0.99, "of 16 bits two numbers may become equal, seldom"
        unpooled = ops.max_unpool2d(torch.from_numpy(of.back[level - 1]).float()[None], torch.from_numpy(own)[None].long(), before.shape[1:])
        torch.testing.assert_close(unpooled, steps[f"unpool{level}"], rtol=1e-3, atol=1e-3)


def test_the_lab_opens_at_a_pixel_all_switches_point_at():
    assert code.telling(TRACES[0]) == code.PIXEL, "set labs/follow_switch.py's PIXEL to what telling finds"
    assert all(wins for _, _, wins in code.goes(TRACES[0], code.PIXEL, 1))
    y, x = code.PIXEL
    assert not all(wins for _, _, wins in code.goes(TRACES[0], (y, x + 1), 1)), "what the second thing to try shows"


def test_bytes_lie_where_the_settings_say():
    lab = labs.follow_switch()
    parts, data = lab.settings()["parts"], lab.data()
    assert sum(length for _, length in parts.values()) == len(data) < 8_000_000
    at, length = parts["back3"]
    np.testing.assert_array_equal(np.frombuffer(data[at:at + length], "<f2").reshape(3, *TRACES[0].back[2].shape)[1], TRACES[1].back[2])


# -- what the page finds ------------------------------------------------------------------------------------------------------------

def test_numbers_of_16_bits_are_read_exactly(in_node):
    values = np.concatenate([np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 1e-5, 0.3333], "<f2"), np.random.default_rng(0).normal(0, 30, 200).astype("<f2")])
    page = in_node("follow_switch", "[...m.fromHalf(Uint8Array.from(cases))]", list(values.tobytes()))
    assert page == values.astype(float).tolist()


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_the_page_follows_as_python_does(in_node, rank):
    of = TRACES[0]
    page = in_node("follow_switch", "cases.pixels.map((p) => m.follow(cases.levels, p, cases.rank))",
                   {"levels": levels_for_node(of), "pixels": PIXELS, "rank": rank})
    for (y, x), steps in zip(PIXELS, page):
        told = code.goes(of, (y, x), rank)
        for level, (step, (channel, points, wins)) in enumerate(zip(steps, told), 1):
            cell = y >> level, x >> level
            assert (step["channel"], step["points"], step["wins"], tuple(step["cell"])) == (channel, points, wins, cell)
            window = of.before[level - 1][channel, 2 * cell[0]:2 * cell[0] + 2, 2 * cell[1]:2 * cell[1] + 2].ravel()
            assert step["values"] == window.astype(float).tolist() and step["values"][step["points"]] == window.max()
            assert step["back"] == float(of.back[level - 1][channel, *cell])
            most = of.before[level - 1][:, 2 * cell[0]:2 * cell[0] + 2, 2 * cell[1]:2 * cell[1] + 2].max((1, 2))
            assert (most > window.max()).sum() < rank <= (most >= window.max()).sum()


@pytest.mark.parametrize("level, cell", [(5, (3, 4)), (3, (0, 31)), (1, (7, 9))])
def test_switches_lead_down_to_a_pixel(in_node, level, cell):
    of = TRACES[1]
    way = in_node("follow_switch", "m.lead(cases.levels, cases.from, cases.cell, 1)", {"levels": levels_for_node(of), "from": level, "cell": cell})
    assert [tuple(at) for at in way] == code.lead(of, level, cell, 1) and len(way) == level
    # Each place lies in the window of the one above it, and is the largest there.
    for below, (coarse, fine) in enumerate(zip(way, way[1:])):
        at = level - 2 - below
        assert [v // 2 for v in fine] == coarse
        window = of.before[at][:, 2 * coarse[0]:2 * coarse[0] + 2, 2 * coarse[1]:2 * coarse[1] + 2]
        assert of.before[at][:, fine[0], fine[1]].max() == window.max()


# -- the lab -----------------------------------------------------------------------------------------------------------------------

def test_the_state_is_set_by_words_and_by_numbers():
    assert labs.follow_switch(picture=2, pixel=(3, 4), rank=3).value == "picture=2 pixel=3,4 rank=3"
    assert labs.follow_switch(pixel=None).state["pixel"] == code.PIXEL
    with pytest.raises(LabValueError, match="rank must be one of 1, 2, 3, 4, 5, got '6'"):
        labs.follow_switch(rank=6)
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        labs.follow_switch(ranks=1)


def test_a_network_of_ones_own_and_what_is_refused():
    pictures = datasets.load("streets", "valid", size=(64, 96), length=3)
    lab = labs.follow_switch(model=models.create("deconvnet", num_classes=11, width=0.03, grid=2), dataset=pictures, show=(2, 0))
    assert lab.settings()["levels"][0] == [2, 64, 96] and lab.settings()["pictures"] == 2
    assert lab.static_picture().alt
    with pytest.raises(ValueError, match="multiples of 32, got 64x80; crop or resize"):
        labs.follow_switch(model=models.create("segnet", num_classes=11, width=0.03), dataset=datasets.load("streets", "valid", size=(64, 80), length=2))
    with pytest.raises(ValueError, match="DeconvNet does not: use models.create"):
        labs.follow_switch(model=models.create("deconvnet", num_classes=11, width=0.03, grid=2, unpool="nearest"), dataset=pictures)
    with pytest.raises(ValueError, match="comes with pictures: give dataset"):
        labs.follow_switch(model=models.create("segnet", num_classes=11, width=0.03))
    two = [(torch.zeros(3, 32, width, dtype=torch.uint8), None) for width in (32, 64)]
    with pytest.raises(ValueError, match="must have one size: resize or crop"):
        labs.follow_switch(model=models.create("segnet", num_classes=11, width=0.03), dataset=type("Two", (list,), {"palette": pictures.palette})(two))
    with pytest.raises(ValueError, match="1 to 5 pictures, got 6"):
        labs.follow_switch(model=models.create("segnet", num_classes=11, width=0.03), dataset=pictures, show=range(6))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_static_picture(language):
    with reading(language):
        figure = labs.follow_switch().static_picture()
    assert figure.size_px[0] == 720 and "5" in figure.alt and f"{code.PIXEL[0] + 1}" in figure.alt
