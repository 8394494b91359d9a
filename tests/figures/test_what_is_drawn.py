"""What single figures show, read back from their pixels and lines."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from segcourse import figures
from segcourse.figures.charts import _smooth
from segcourse.figures.pictures import _FRAME


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB")).astype(int)


def two_maps(**options):
    """The colours of the number 2 in a map that ends at 2 and in one that ends at 4."""
    shown = pixels(figures.images([torch.tensor([[0.5, 2.0]]), torch.tensor([[2.0, 4.0]])], titles=["", ""], **options))
    return shown[40, 267], shown[40, 453]     # the right half of the left map, the left half of the right one


def test_one_colour_is_one_number_where_maps_share_a_scale():
    left, right = two_maps(same_scale=True)
    assert np.abs(left - right).max() <= 8        # pictures keep 32 steps of each colour
    left, right = two_maps()
    assert np.abs(left - right).max() > 60


def test_a_shared_scale_has_one_kind():
    """One map with numbers below zero makes all of them diverging; photos and labels stay what they are."""
    photo = torch.full((3, 4, 4), 200, dtype=torch.uint8)
    positive, signed = torch.ones(4, 4), torch.full((4, 4), -1.0)
    shown = pixels(figures.images([photo, positive, signed], columns=3, same_scale=True))
    assert np.abs(shown[100, 120] - 200).max() <= 8
    above, below = shown[100, 360], shown[100, 600]
    assert above[0] > above[2] + 40 and below[2] > below[0] + 15      # orange above zero, purple below


NOTHING = torch.zeros(30, 40, dtype=torch.uint8)


@pytest.mark.parametrize("make", [lambda picture: figures.images([picture] * 2), lambda picture: figures.images([picture] * 4),
                                  lambda picture: figures.prediction_rows([picture], [NOTHING], [NOTHING])])
def test_frames_are_whole_at_the_page_s_edge_too(make):
    shown = pixels(make(torch.full((3, 30, 40), 250, dtype=torch.uint8)))
    frame = np.abs(shown[40:90] - np.array(_FRAME)).max(-1) <= 8
    assert frame[:, 0].all() and frame[:, -1].all()


def test_a_running_mean_does_not_end_in_noise():
    values = np.tile([0.0, 2.0], 200)
    values[-1] = 40.0
    smooth = _smooth(values, 40)
    assert len(smooth) == 400 and np.abs(smooth[:-25] - 1).max() < 0.05
    assert smooth[-1] < 3       # the last value is one of twenty, not all there is
    assert _smooth(np.array([3.0]), 40).tolist() == [3.0]


def test_the_glow_of_a_receptive_field_lies_where_the_influence_is():
    picture, heat = torch.full((3, 60, 60), 128, dtype=torch.uint8), torch.zeros(60, 60)
    heat[25:35, 25:35] = 1
    shown = pixels(figures.receptive_field(picture, [(10, 10, 50, 50)], heat=heat))
    middle, outside = shown[8 * 30, 8 * 30], shown[8 * 3, 8 * 3]
    assert np.ptp(outside) <= 8 and np.ptp(middle) > 100


def test_no_influence_at_all_is_drawn_too():
    figures.receptive_field(torch.full((3, 20, 20), 128, dtype=torch.uint8), [(0, 0, 20, 20)], heat=torch.zeros(20, 20)).png()


def test_a_decoder_that_is_no_mirror_is_refused(refused):
    maps = [(8, 4), (4, 8)]
    assert "8x8x4" in figures.mirror(maps, (1, 16), maps[::-1], across=["a"]).alt
    refused(lambda: figures.mirror(maps, (1, 16), maps), ["[8, 4]"])
    refused(lambda: figures.mirror([], (1, 16), []), ["[]"])
    refused(lambda: figures.mirror(maps, (1, 16), maps[::-1], across="abc"), ["3", "2"])


def test_a_number_keeps_its_per_cent_sign():
    from segcourse.figures import fonts

    room = fonts.width("mIoU 29", 14) + 2
    assert fonts.wrap("mIoU 29 % to A", room, 14) == ["mIoU", "29 % to", "A"]
