"""The palette, measured: CIELAB distances in normal sight and under three simulated colour-vision deficiencies."""

import numpy as np
import pytest

from segcourse.datasets import palettes
from segcourse.language import reading

# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, severity 1.0, linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
TOUCHING = [("road", "pavement"), ("building", "tree"), ("sky", "building"), ("sky", "tree"), ("sky", "pole"), ("building", "pole"), ("road", "car"),
            ("pedestrian", "bicyclist"), ("building", "fence"), ("pavement", "fence"), ("pavement", "pedestrian"), ("pole", "sign"), ("car", "building"), ("tree", "pole")]


def lab(colours, sight):
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ SIGHT[sight].T, 0, 1)
    xyz = seen @ np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]).T
    f = np.where((xyz := xyz / [0.95047, 1, 1.08883]) > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("sight", SIGHT)
def test_any_two_colours_stay_apart(sight):
    colours = lab(palettes.CAMVID.colours, sight)
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=-1)[np.triu_indices(12, 1)]
    assert distance.min() >= 17


def test_classes_that_touch_differ_in_lightness():
    lightness = lab(palettes.CAMVID.colours, "normal")[:, 0]
    index = palettes.CAMVID.names_en.index
    assert min(abs(lightness[index(a)] - lightness[index(b)]) for a, b in TOUCHING) >= 12


def test_a_label_map_is_coloured_and_void_is_the_last_colour():
    coloured = palettes.CAMVID.colourise([[0, 11], [10, 3]])
    assert coloured.dtype == np.uint8 and coloured.shape == (2, 2, 3)
    assert coloured[0, 1].tolist() == palettes.CAMVID.colours[11].tolist()


def test_a_label_of_twelve_is_refused_with_its_value():
    with pytest.raises(ValueError, match="label 12 "):
        palettes.CAMVID.colourise([[12]])


def test_names_follow_the_language():
    with reading("ko"):
        assert palettes.CAMVID.name(3) == "도로" and palettes.CAMVID.name(11) == "무시"
    assert palettes.CAMVID.name(3) == "road"
