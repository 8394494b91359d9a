"""The switch swap: whose switches, whose code, whose labels."""

from collections import Counter
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import datasets, models
from segcourse.datasets import normalise
from segcourse.training import evaluate, switch_swap
from segcourse.training.scores import Scores


class Encoded(NamedTuple):
    code: torch.Tensor
    switches: list
    sizes: list


class Marks(nn.Module):
    """Class 1 where a switch points, class 2 everywhere if the code says so, else class 0: what came along which way can be read off."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def encode(self, images):
        grey = images.mean(1, keepdim=True) + self.bias
        _, switches = F.max_pool2d(grey, 2, return_indices=True)
        return Encoded(grey.mean((2, 3), keepdim=True), [switches], [tuple(images.shape[-2:])])

    def decode(self, encoded):
        marks = F.max_unpool2d(torch.ones_like(encoded.switches[0], dtype=torch.float32), encoded.switches[0], 2, output_size=encoded.sizes[0])
        everywhere = 2.0 * (encoded.code > 0).float().expand_as(marks)
        return torch.cat([torch.full_like(marks, 0.5), marks, everywhere], 1)

    def forward(self, images):
        return self.decode(self.encode(images))


@pytest.fixture(scope="module")
def streets():
    return datasets.load("streets", "valid", size=(64, 96), length=5)


@pytest.fixture(scope="module")
def deconvnet():
    """Narrow, untrained, and with scores that differ from place to place."""
    torch.manual_seed(3)
    model = models.create("deconvnet", num_classes=11, width=0.03, grid=2)
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 96))
    return model.eval()


def test_everyone_is_each_once_and_meets_another():
    for count in (2, 3, 10, 57):
        found = switch_swap.pairs(count, seed=1)
        assert [a for a, _ in found] == list(range(count)) and sorted(b for _, b in found) == list(range(count))
        assert all(a != b for a, b in found)
        assert found == switch_swap.pairs(count, seed=1)
    assert switch_swap.pairs(57, 1) != switch_swap.pairs(57, 2)
    with pytest.raises(ValueError, match="needs two pictures or more, got 1"):
        switch_swap.pairs(1)


def test_random_switches_stay_in_their_windows_and_reach_all_of_it():
    sizes = [(7, 10), (4, 4)]                                    # seven rows and ceil mode: the last windows stand over the rim
    own = [torch.zeros(20, 3, 4, 5, dtype=torch.int64), torch.zeros(20, 3, 2, 2, dtype=torch.int64)]
    found = switch_swap.random_switches(own, sizes, seed=4)
    for level, (height, width) in zip(found, sizes):
        row, column = level // width, level % width
        assert level.dtype == torch.int64 and row.max() < height
        assert torch.equal(row // 2, torch.arange(level.shape[2]).view(-1, 1).expand_as(row)) and torch.equal(column // 2, torch.arange(level.shape[3]).expand_as(column))
    assert (found[0][:, :, 3] // 10 == 6).all(), "below the seventh row there is nothing"
    places = Counter((int(v) // 10 % 2, int(v) % 2) for v in found[0][:, :, :3].flatten())
    assert len(places) == 4 and min(places.values()) > 0.2 * sum(places.values())
    assert all(torch.equal(a, b) for a, b in zip(found, switch_swap.random_switches(own, sizes, seed=4)))
    assert not torch.equal(found[0], switch_swap.random_switches(own, sizes, seed=5)[0])


def test_what_goes_which_way_is_told_apart(scenes):
    pictures = scenes(4, size=(24, 32))
    pictures.images[1] = 255 - pictures.images[1]                # of another brightness: its code alone says class 2
    model = Marks()
    found = switch_swap.scores(model, pictures, seed=2, batch_size=3)
    seen = normalise(pictures.images)
    encoded = model.encode(seen)
    partner = [b for _, b in switch_swap.pairs(4, 2)]
    own = model(seen).argmax(1)
    swapped = model.decode(encoded._replace(code=encoded.code[partner])).argmax(1)

    def confusion(labels, truth):
        return Scores.from_labels(labels, truth, 3, void=3).confusion

    assert torch.equal(found["own"].confusion, confusion(own, pictures.labels))
    assert torch.equal(found["other_code"].confusion, confusion(swapped, pictures.labels))
    assert torch.equal(found["other_switches"].confusion, confusion(swapped, pictures.labels[partner]))
    mean = encoded.code.mean(0, keepdim=True).expand(4, -1, -1, -1)
    assert torch.equal(found["mean_code"].confusion, confusion(model.decode(encoded._replace(code=mean)).argmax(1), pictures.labels))
    assert torch.equal(found["zero_code"].confusion, confusion(model.decode(encoded._replace(code=0 * mean)).argmax(1), pictures.labels))
    assert len({tuple(of.confusion.flatten().tolist()) for of in found.values()}) >= 4, "the cases of this test differ"


def test_the_plain_row_is_what_evaluate_says_and_the_rest_is_deconvnet_decoded(deconvnet, streets):
    found = switch_swap.swap(deconvnet, streets, seed=0, batch_size=2)
    assert list(found) == list(switch_swap.KINDS)
    assert found["own"]["miou"] == evaluate(deconvnet, streets).miou
    images, labels = streets.stack()
    partner = [b for _, b in switch_swap.pairs(5, 0)]
    with torch.no_grad():
        encoded = deconvnet.encode(normalise(images))
        swapped = deconvnet.decode(encoded._replace(code=encoded.code[partner])).argmax(1)
    assert found["other_switches"]["miou"] == pytest.approx(Scores.from_labels(swapped, labels[partner], 11, void=11).miou, abs=1e-3)
    assert found["other_code"]["miou"] == pytest.approx(Scores.from_labels(swapped, labels, 11, void=11).miou, abs=1e-3)
    again = switch_swap.swap(deconvnet, streets, seed=0, batch_size=2)
    assert again == found, "the same seed, the same numbers"


def test_the_mean_code_may_come_from_other_pictures(deconvnet, streets):
    others = datasets.load("streets", "train", size=(64, 96), length=3)
    with torch.no_grad():
        wanted = deconvnet.encode(normalise(others.stack()[0])).code.mean(0, keepdim=True)
    found = switch_swap.mean_code(deconvnet, others, batch_size=2)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="take the mean over pictures of the same size"):
        switch_swap.swap(deconvnet, streets, mean_over=datasets.load("streets", "train", size=(96, 96), length=2))


def test_segnet_swaps_too_and_a_network_is_left_in_its_mode(streets):
    torch.manual_seed(0)
    model = models.create("segnet", num_classes=11, width=0.03).train()
    found = switch_swap.swap(model, streets, batch_size=4)
    assert model.training and set(found) == set(switch_swap.KINDS)


class Several:
    name, split, num_classes, void, classes, same_size = "several", "test", 3, 3, ("a", "b", "c"), False

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return torch.zeros(3, 8, 8 + 2 * (index == 2), dtype=torch.uint8), torch.zeros(8, 8 + 2 * (index == 2), dtype=torch.uint8)


def test_what_cannot_be_swapped_is_refused(streets):
    with pytest.raises(ValueError, match=r"must have one size: picture 0 is \(8, 8\), picture 2 is \(8, 10\); resize or crop"):
        switch_swap.swap(Marks(), Several())
    with pytest.raises(ValueError, match="has 7 classes and streets has 11"):
        switch_swap.swap(models.create("segnet", num_classes=7, width=0.03), streets)
    with pytest.raises(ValueError, match="FCN8s has none: use models.create"):
        switch_swap.swap(models.create("fcn8s", num_classes=11, width=0.03, padding="same"), streets)
