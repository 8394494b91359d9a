import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import labs
from segcourse.labs.base import LabValueError
from segcourse.labs.switches import SwitchesLab
from segcourse.language import reading

PASSES = "cases.map((c) => { const p = m.passes(c.x, c.y, c.kernel); return { ...p, reached: [...p.reached] }; })"


def random_cases(count=60, low=-9):
    rng = np.random.default_rng(7)
    # Few different numbers, so that windows often have several maxima and often none above zero.
    return [{"x": rng.integers(low, 4, (8, 8)).tolist(), "y": rng.integers(low, 10, (4, 4)).tolist(), "kernel": 2 + n % 2} for n in range(count)]


def torchs(case):
    """Of torch alone: pooled, switches, unpooled, y unpooled, that pooled again."""
    x, y = (torch.tensor(case[name], dtype=torch.float64)[None, None] for name in ("x", "y"))
    how = {"kernel_size": case["kernel"], "stride": 2, "padding": case["kernel"] - 2}
    pooled, switches = F.max_pool2d(x, return_indices=True, **how)
    back = torch.zeros(64, dtype=torch.float64)
    for place, v in zip(switches.flatten().tolist(), y.flatten().tolist()):
        back[place] = v         # one after the other: where two share a place, the later one stays
    return x, y, pooled, switches, back.view(1, 1, 8, 8), F.max_pool2d(back.view(1, 1, 8, 8), **how)


def test_what_the_page_computes_is_what_the_operations_compute(in_node):
    cases = random_cases()
    for case, page in zip(cases, in_node("switches", PASSES, cases)):
        expected = SwitchesLab.computed(case)
        for key, grid in expected.items():
            found = page["numbers"] if key == "switches" else page["ways"][key] if key in page["ways"] else page[key]
            np.testing.assert_allclose(found, grid, atol=1e-12, err_msg=f"{key} {case}")
        assert sorted(page["reached"]) == sorted(set(expected["switches"].flatten().tolist()))
        for way, error in page["errors"].items():
            assert error == pytest.approx(float((expected[way] - torch.tensor(case["x"])).abs().mean()), abs=1e-12)


def test_the_operations_of_the_lab_are_torchs():
    for case in random_cases(20):
        x, y, pooled, switches, back, again = torchs(case)
        found = SwitchesLab.computed(case)
        wanted = {"pooled": pooled, "switches": switches, "unpooled": F.max_unpool2d(pooled, switches, 2, output_size=(8, 8)), "yBack": back, "yAgain": again,
                  "nearest": F.interpolate(pooled, scale_factor=2, mode="nearest"),
                  "bilinear": F.interpolate(pooled, scale_factor=2, mode="bilinear", align_corners=False)}
        for key, grid in wanted.items():
            np.testing.assert_allclose(found[key], grid[0, 0], atol=1e-12, err_msg=f"{key} {case}")
        np.testing.assert_array_equal(found["nails"][::2, ::2], pooled[0, 0])
        assert found["nails"].count_nonzero() == pooled.count_nonzero()


def test_the_lights_say_what_torch_says(in_node):
    cases = [*random_cases(), *random_cases(20, low=0)]
    cases += [{"x": [[0.0] * 8] * 8, "y": [[1.0] * 4] * 4, "kernel": 2}]         # the one kind of map that comes back whole
    seen = {key: set() for key in ("shape", "values", "product", "again")}
    for case, page in zip(cases, in_node("switches", PASSES, cases)):
        x, y, pooled, switches, back, again = torchs(case)
        unpooled = F.max_unpool2d(pooled, switches, 2, output_size=(8, 8))
        left, right = float((pooled * y).sum()), float((x * back).sum())
        assert page["lights"] == {"shape": True, "values": torch.equal(unpooled, x), "product": left == right, "again": torch.equal(again, y)}
        assert (page["left"], page["right"]) == (left, right)
        shared = switches.flatten().tolist()
        assert page["sharing"] == sum(shared.count(place) > 1 for place in shared)
        for key, v in page["lights"].items():
            seen[key].add(v)
        # The claims. A light that goes out where windows overlap goes out for shared places, and only there.
        if case["kernel"] == 2:
            assert page["lights"]["product"] and page["sharing"] == 0
            assert page["lights"]["again"] or min(min(row) for row in case["y"]) < 0
    assert seen["product"] == seen["again"] == seen["values"] == {True, False}


def test_pooling_what_was_unpooled_gives_y_back_until_a_number_is_negative(in_node):
    lab = labs.switches()
    y = np.array(lab.state["y"])
    case = {"x": lab.state["x"], "kernel": 2}
    cases = [case | {"y": y.tolist()}]
    for r, c in np.ndindex(4, 4):
        other = y.copy()
        other[r, c] = -1
        cases.append(case | {"y": other.tolist()})
    whole, *spoilt = in_node("switches", PASSES, cases)
    assert whole["lights"]["again"] and whole["yAgain"] == y.tolist()
    for (r, c), page in zip(np.ndindex(4, 4), spoilt):
        assert not page["lights"]["again"] and page["yAgain"][r][c] == 0, "the zeros win"
        assert page["yChanged"] == 1


def test_a_maximum_moved_in_its_window_moves_the_switch_and_not_the_pooled_number(in_node):
    lab = labs.switches()
    case = {"x": lab.state["x"], "y": lab.state["y"], "kernel": 2}
    moved = [in_node("switches", "m.exchanged(cases, [2, 5], [3, 4])", case["x"])]
    before, after = in_node("switches", PASSES, [case, case | {"x": moved[0]}])
    assert before["pooled"] == after["pooled"] and before["numbers"][1][2] == 21 and after["numbers"][1][2] == 28
    assert after["ways"]["unpooled"][3][4] == 7 and after["ways"]["unpooled"][2][5] == 0
    for way in ("nails", "nearest", "bilinear"):
        assert before["ways"][way] == after["ways"][way], "only unpooling reads the switches"


def test_numbers_and_window_are_refused_with_what_would_do():
    lab = labs.switches()
    row = "1,2,3,4,5,6,7,8"
    for text, said in (("kernel=4", "kernel must be a whole number from 2 to 3"), ("at=4,0", "at must be a row and a column of the pooled map, 0 to 3 each, got '4,0'"),
                       ("at=none", "got 'none'"), (f"x={';'.join([row] * 7)}", "x must be 8x8 whole numbers from -9 to 9"),
                       (f"x={';'.join([row] * 7)};1,2,3,4,5,6,7,2.5", "x must be 8x8 whole numbers"), ("view=swap", "one of switches, ways, again")):
        with pytest.raises(LabValueError, match=re.escape(said)):
            lab.value = text
    with reading("ko"), pytest.raises(LabValueError, match="at은 풀링한 맵의 행과 열이라"):
        lab.value = "at=0,9"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_static_picture_tells_what_the_operations_say(language):
    with reading(language):
        lab = labs.switches()
        figure = lab.static_picture()
    grids = lab.computed(lab.state)
    for name in ("pooled", "switches"):
        assert "; ".join(" ".join(f"{v:g}" for v in row) for row in grids[name].tolist()) in figure.alt
    assert grids["unpooled"].count_nonzero() == 16 and "48" in figure.alt
