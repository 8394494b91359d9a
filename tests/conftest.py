"""Fixtures shared by all tests."""

import numpy as np
import pytest
from PIL import Image

from segcourse.language import LANGUAGES, reading


def draw_scene(generator, height=48, width=64):
    """A tiny street: sky over building over road, a car of random place; colours noisy around one per class. (image, label) as arrays."""
    label = np.zeros((height, width), np.uint8)
    label[height // 3:] = 1
    label[2 * height // 3:] = 3
    x = int(generator.integers(0, width - 20))
    label[height // 2:height // 2 + 12, x:x + 20] = 8
    label[:, width - 2:] = 11
    colours = np.array([[120, 170, 230], [150, 90, 70], [0, 0, 0], [90, 90, 95], [0] * 3, [0] * 3, [0] * 3, [0] * 3, [200, 40, 40],
                        [0] * 3, [0] * 3, [10, 10, 10]])
    noise = generator.normal(0, 12, (height, width, 3))
    return np.clip(colours[label] + noise, 0, 255).astype(np.uint8), label


@pytest.fixture(params=LANGUAGES)
def refused(request):
    """refused(action, told): in either language the action is refused in one line that names all of `told`."""
    def check(action, told, kind=ValueError):
        with reading(request.param), pytest.raises(kind) as error:
            action()
        message = str(error.value)
        assert "\n" not in message and all(part in message for part in told), message
        assert request.param == "en" or message.endswith("요.")
    return check


@pytest.fixture
def camvid_folder(tmp_path):
    """A folder with a CamVid of 6, 3 and 3 drawn pictures of 48x64 in the public layout."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3), ("test", 3)):
        for kind in (split, f"{split}annot"):
            (tmp_path / "CamVid" / kind).mkdir(parents=True)
        for number in range(count):
            image, label = draw_scene(generator)
            Image.fromarray(image).save(tmp_path / "CamVid" / split / f"{split}_{number}.png")
            Image.fromarray(label).save(tmp_path / "CamVid" / f"{split}annot" / f"{split}_{number}.png")
    return tmp_path
