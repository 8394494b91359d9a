"""Streets: the same on every Python, fast, at any size, and not to be told by colour or place."""

import hashlib
import random
import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from segcourse import datasets, training
from segcourse.datasets import palettes, streets

HERE = Path(__file__).parent
# sha256 of the label maps of scenes 0 to 19, drawn with CPython 3.11; 3.12 and 3.13 draw the same
LABELS = {("train", (96, 128)): "da7bf15e6e044d177b76c425", ("test", (96, 128)): "2f4e393f96344822485fa302", ("valid", (128, 192)): "b6a9fd7c3ee4f1799e4ed65e"}


def digest(split, size):
    found = hashlib.sha256()
    data = datasets.load("streets", split, size=size)
    for index in range(20):
        found.update(data[index][1].numpy().tobytes())
    return found.hexdigest()[:24]


@pytest.mark.parametrize("split, size", LABELS)
def test_labels_are_the_same_on_every_python(split, size):
    assert digest(split, size) == LABELS[split, size]


def test_images_are_the_same_to_one_grey_level():
    stored = np.asarray(Image.open(HERE / "streets_test_0_1.png")).astype(int)
    data = datasets.load("streets", "test")
    drawn = torch.cat([data[0][0], data[1][0]], dim=2).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(stored - drawn).max() <= 1


def test_shapes_types_and_classes():
    data = datasets.load("streets", "train", size=(128, 192))
    image, label = data[7]
    assert image.shape == (3, 128, 192) and label.shape == (128, 192) and image.dtype == label.dtype == torch.uint8
    assert (len(data), data.num_classes, data.void) == (600, 11, 11)
    assert data.palette is palettes.CAMVID


def test_a_scene_does_not_depend_on_what_was_drawn_before():
    one, other = datasets.load("streets", "train"), datasets.load("streets", "train", length=30)
    for index in (5, 3, 3):
        one[index]
    assert torch.equal(one[29][0], other[29][0]) and torch.equal(one[29][1], other[29][1])
    drawn = one[3]
    drawn[0].zero_()
    assert one[3][0].any(), "a caller's changes must not reach the next one"


def test_splits_share_no_scene():
    seeds = [tuple(datasets.load("streets", split)._seed(index)) for split in ("train", "valid", "test") for index in range(1000) if index < len(datasets.load("streets", split))]
    assert len(seeds) == len(set(seeds)) == 800
    images = [datasets.load("streets", split)[index][0].numpy().tobytes() for split in ("train", "valid", "test") for index in range(20)]
    assert len(set(images)) == 60


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 48), (96, 128), (128, 192), (360, 480)])
def test_any_size(size):
    image, label = datasets.load("streets", "valid", size=size)[1]
    assert image.shape[1:] == label.shape == size and int(label.max()) <= 11


def test_every_class_is_there_and_void_is_rare():
    _, labels = datasets.load("streets", "train").stack(range(100))
    share = torch.bincount(labels.flatten().long(), minlength=12).double() / labels.numel()
    pictures = torch.tensor([[(label == kind).any() for kind in range(12)] for label in labels]).double().mean(0)
    assert share[:11].min() > 0.002 and share[11] < 0.03
    assert pictures[:11].min() > 0.5, "each class appears in more than half of the scenes"


def test_objects_near_and_far():
    """From the instance map: the objects' heights spread over more than a factor of 8, cars alone too (5th to 95th percentile)."""
    data = datasets.load("streets", "test")
    heights, cars = [], []
    for index in range(60):
        label, numbers = data[index][1].numpy(), data.instance(index).numpy()
        assert numbers.shape == label.shape
        for number in range(1, numbers.max() + 1):
            rows, columns = np.nonzero(numbers == number)
            assert len(rows), "numbers have no gaps"
            if len(rows) >= 4:
                heights.append(np.ptp(rows) + 1)
                if np.bincount(label[rows, columns]).argmax() == streets.CAR:
                    cars.append(heights[-1])
    for spread in (heights, cars):
        low, high = np.percentile(spread, [5, 95])
        assert high / low >= 8


def test_instances_lie_on_the_classes_that_are_counted():
    data = datasets.load("streets", "train")
    for index in range(10):
        label, numbers = data[index][1], data.instance(index)
        counted = torch.isin(label, torch.tensor(streets.COUNTED, dtype=torch.uint8))
        assert torch.equal(numbers > 0, counted)
        for number in numbers.unique()[1:]:
            assert len(label[numbers == number].unique()) == 1, "one object has one class"


def yardstick():
    """Work of a scene's kind, Python's own and Pillow's, which took 5.0 ms of the quiet core that drew 190 scenes a second."""
    rng, canvas = random.Random(0), Image.new("RGB", (256, 192))
    draw = ImageDraw.Draw(canvas)
    for _ in range(200):
        corners = [(256 * rng.random(), 192 * rng.random()) for _ in range(6)]
        draw.polygon(corners, fill=tuple(int(255 * rng.random()) for _ in range(3)))
    picture = np.asarray(canvas, np.float32)
    return np.clip(0.9 * picture + picture.mean((0, 1)), 0, 255).astype(np.uint8)


@pytest.mark.alone
def test_a_hundred_and_fifty_a_second():
    # 150 a second of one core whose yardstick takes 5 ms, which is 4/3 of it a scene. A core whose neighbours are busy draws between 100 and 190 scenes a
    # second, by its own time too (clock and caches are shared), and then its yardstick is slower as well: only the two beside each other say anything.
    data = datasets.load("streets", "train", length=600)
    threads, costs = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        data[0]
        for first in range(1, 301, 10):
            start = time.thread_time()
            for index in range(first, first + 10):
                data[index]
            middle = time.thread_time()
            for _ in range(10):
                yardstick()
            costs.append((middle - start) / (time.thread_time() - middle))
    finally:
        torch.set_num_threads(threads)
    cost = statistics.median(costs)
    print(f"a scene of 96x128 costs {cost:.2f} yardsticks, {200 / cost:.0f} a second of a quiet core")
    assert cost <= 200 / 150, f"a scene of 96x128 costs {cost:.2f} yardsticks"


def histogram_miou(bands: int) -> float:
    """The best a classifier does that knows a pixel's colour, of 16x16x16, and which of `bands` rows it is in."""
    def cells(images):
        colour = (images.long() // 16 * torch.tensor([256, 16, 1])[:, None, None]).sum(1)
        return colour + 4096 * (torch.arange(images.shape[2]) * bands // images.shape[2])[:, None]

    images, labels = datasets.load("streets", "train").stack(range(500))
    test_images, test_labels = datasets.load("streets", "test").stack(range(100))
    seen = labels < 11
    votes = torch.zeros(4096 * bands, 11).index_put((cells(images)[seen], labels[seen].long()), torch.tensor(1.0), accumulate=True)
    best = 0.0
    for power in (0.0, 0.5, 1.0):                       # the likeliest class, and two that give rare classes more
        guess = (votes / (votes.sum(0) ** power + 1e-9)).argmax(1)[cells(test_images)]
        best = max(best, training.Scores.from_labels(guess, test_labels, num_classes=11).miou)
    return best


@pytest.mark.parametrize("bands, limit", [(1, 0.25), (8, 0.35)])
def test_neither_colour_nor_place_decides(bands, limit):
    assert histogram_miou(bands) <= limit


@pytest.mark.parametrize("options, words", [
    ({"size": (16, 16)}, ["16x16", "32x32"]), ({"size": 96}, ["96", "(height, width)"]), ({"length": 0}, ["0"]), ({"length": 2.5}, ["2.5"]),
])
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ValueError) as error:
        datasets.load("streets", "train", **options)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_wrong_split_and_index():
    with pytest.raises(ValueError, match="valid"):
        datasets.load("streets", "validation")
    with pytest.raises(IndexError, match="600"):
        datasets.load("streets", "train")[600]
