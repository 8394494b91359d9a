"""The colours of the classes: far enough apart for every reader, also in grey, and refusing what is no class."""

import numpy as np
import pytest
import torch

from segcourse.datasets import palettes
from segcourse.datasets.palettes import CAMVID, VOC, Palette, voc_colour
from segcourse.language import reading

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, table 1,
# severity 1.0: matrices on linear RGB.
SEEN_BY = {
    "everyone else": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
SMALLEST = {"everyone else": 28.0, "protanopia": 18.0, "deuteranopia": 18.0, "tritanopia": 18.0}
TOUCHING = """sky-building sky-pole sky-tree sky-sign sky-pedestrian building-pole building-road building-pavement building-tree building-sign
    building-fence building-car building-pedestrian building-bicyclist pole-road pole-pavement pole-tree pole-sign pole-fence pole-car
    pole-pedestrian road-pavement road-car road-pedestrian road-bicyclist pavement-tree pavement-fence pavement-car pavement-pedestrian
    pavement-bicyclist tree-sign tree-fence tree-car tree-pedestrian fence-car fence-pedestrian car-pedestrian car-bicyclist
    pedestrian-bicyclist""".split()


def linear(rgb):
    """sRGB 0 to 255 -> linear light 0 to 1 (IEC 61966-2-1)."""
    rgb = np.asarray(rgb, float) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def cielab(light):
    """Linear sRGB -> CIELAB under D65 (CIE 15:2004)."""
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    ratio = light @ to_xyz.T / (0.95047, 1.0, 1.08883)
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def test_the_measure_agrees_with_scikit_image():
    from skimage.color import rgb2lab

    assert np.allclose(cielab(linear(CAMVID.colours)), rgb2lab(CAMVID.colours[None])[0], atol=0.05)


@pytest.mark.parametrize("reader", SEEN_BY)
def test_any_two_classes_stay_apart(reader):
    seen = cielab(np.clip(linear(CAMVID.colours) @ SEEN_BY[reader].T, 0, 1))
    first, second = np.triu_indices(len(seen), 1)
    distance = np.linalg.norm(seen[first] - seen[second], axis=-1)
    nearest = distance.argmin()
    names = (*CAMVID.names_en, "void")
    assert distance.min() >= SMALLEST[reader], f"{names[first[nearest]]} and {names[second[nearest]]}: {distance.min():.1f}"


def test_classes_that_touch_differ_in_lightness():
    lightness = cielab(linear(CAMVID.colours))[:, 0]
    for pair in TOUCHING:
        one, other = (CAMVID.names_en.index(name) for name in pair.split("-"))
        assert abs(lightness[one] - lightness[other]) >= 8, pair


def test_camvid_s_original_colours_would_fail():
    """The measure can fail: CamVid's own colours do, for readers with protanopia."""
    original = [(128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0), (192, 128, 128), (64, 64, 128),
                (64, 0, 128), (64, 64, 0), (0, 128, 192)]
    seen = cielab(np.clip(linear(original) @ SEEN_BY["protanopia"].T, 0, 1))
    first, second = np.triu_indices(len(seen), 1)
    assert np.linalg.norm(seen[first] - seen[second], axis=-1).min() < 10


def test_order_and_names():
    assert CAMVID.names_en == ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
    assert CAMVID.void == 11 and CAMVID.num_classes == len(CAMVID) == 11 and CAMVID.colours.shape == (12, 3)
    with reading("ko"):
        assert CAMVID.names()[2] == "기둥" and CAMVID.name(10) == "자전거 탄 사람" and CAMVID.name(11) == "무시"
    with reading("en"):
        assert CAMVID.names() == CAMVID.names_en and CAMVID.name(11) == "void"


def test_colourise():
    label = torch.tensor([[0, 5], [11, 10]], dtype=torch.uint8)
    expected = np.array([[CAMVID.colours[0], CAMVID.colours[5]], [CAMVID.colours[11], CAMVID.colours[10]]])
    for given in (label, label[None], label.numpy(), label.tolist()):
        shown = CAMVID.colourise(given)
        assert shown.dtype == np.uint8 and (shown == expected).all()
    far = Palette(("a", "b"), ("가", "나"), np.array([[1, 1, 1], [2, 2, 2], [3, 3, 3]]), void=255)
    assert (far.colourise([[0, 255, 1]])[0] == [[1, 1, 1], [3, 3, 3], [2, 2, 2]]).all() and far.colour(255) == (3, 3, 3)


def test_colours_cannot_be_painted_over():
    with pytest.raises(ValueError):
        CAMVID.colours[0] = 0


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("label, error, word", [
    ([[0, 12]], ValueError, "12"), (np.array([[-1]]), ValueError, "-1"), ([[0.5]], TypeError, "float64"), (np.zeros((2, 3, 4), int), ValueError, "(2, 3, 4)")])
def test_refusals(language, label, error, word):
    with reading(language), pytest.raises(error) as caught:
        CAMVID.colourise(label)
    assert word in str(caught.value) and (language == "en" or str(caught.value).endswith("해 주세요.") or str(caught.value).endswith("주세요."))


def test_a_palette_needs_a_colour_for_each_name():
    with pytest.raises(ValueError, match="3 colours"):
        Palette(("a", "b"), ("가", "나"), np.zeros((2, 3)), void=2)


def test_vocs_colours_are_the_official_ones():
    """Spot values of the development kit's colour map, and the whole of it from its definition: bit 3j + c of the label is bit 7 - j of channel c."""
    assert VOC.colours[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert VOC.colour(15) == (192, 128, 128) and VOC.colour(20) == (0, 64, 128) and VOC.colour(255) == (224, 224, 192) and VOC.void == 255
    for label in range(256):
        bits = np.unpackbits(np.array(label, np.uint8), bitorder="little")
        assert voc_colour(label) == tuple(int(sum(int(bit) << (7 - place) for place, bit in enumerate(bits[channel::3]))) for channel in range(3))
    assert len({tuple(row) for row in VOC.colours.tolist()}) == 22


def test_vocs_names():
    assert VOC.num_classes == 21 and VOC.names_en[0] == "background" and VOC.names_en[1] == "aeroplane" and VOC.names_en[20] == "tvmonitor"
    assert len(set(VOC.names_ko)) == 21 and VOC.names_ko[15] == "사람"
    shown = VOC.colourise([[0, 20, 255]])
    assert shown.tolist() == [[[0, 0, 0], [0, 64, 128], [224, 224, 192]]]
    with pytest.raises(ValueError, match="21 is no class"):
        VOC.colourise([[21]])


def test_vocs_colours_cannot_pass_the_measure_and_the_docstring_says_so():
    seen = {reader: cielab(np.clip(linear(VOC.colours) @ matrix.T, 0, 1)) for reader, matrix in SEEN_BY.items()}
    bus, motorbike = VOC.names_en.index("bus"), VOC.names_en.index("motorbike")
    apart = {reader: float(np.linalg.norm(colours[bus] - colours[motorbike])) for reader, colours in seen.items()}
    assert round(apart["everyone else"]) == 9 and round(apart["protanopia"]) == 1
    assert "a bus and a motorbike differ by 9, for readers with protanopia by 1" in palettes.__doc__


def test_palettes_by_the_name_of_their_data():
    from segcourse import datasets

    assert all(palettes.get(name) is (VOC if name == "voc" else CAMVID) for name in datasets.names())
    with pytest.raises(ValueError, match="no palette is called 'camvit': try camvid"):
        palettes.get("camvit")
    with reading("ko"), pytest.raises(ValueError, match="주세요"):
        palettes.get("???")


def test_a_palette_is_noted_by_the_name_that_finds_it_again(refused):
    import dataclasses

    assert all(palettes.get(palettes.key(palette)) is palette for palette in (CAMVID, VOC))
    refused(lambda: palettes.key(dataclasses.replace(VOC)), ["voc", "streets"])
