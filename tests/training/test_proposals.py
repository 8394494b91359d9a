"""Object proposals: one picture, one list of boxes, from its pixels alone; what `recall` counts."""

import pytest
import torch

from segcourse import datasets
from segcourse.training import proposals


@pytest.fixture(scope="module")
def scene():
    return datasets.hold(datasets.load("streets", "valid", size=(64, 96), length=2))


def painted(*boxes, size=(48, 64)):
    """A grey picture with a red box each, and the map of their numbers."""
    image, numbers = torch.full((3, *size), 110, dtype=torch.uint8), torch.zeros(size, dtype=torch.int16)
    for number, (top, left, bottom, right) in enumerate(boxes, 1):
        image[:, top:bottom, left:right] = torch.tensor([220, 40, 40], dtype=torch.uint8)[:, None, None]
        numbers[top:bottom, left:right] = number
    return image, numbers


class One:
    """A data set of one picture."""

    def __init__(self, image, numbers):
        self.image, self.numbers = image, numbers

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.image, (self.numbers > 0).to(torch.uint8)

    def instance(self, index):
        return self.numbers


def test_boxes_lie_in_the_picture_differ_and_are_the_same_again(scene):
    image = scene[0][0]
    boxes = proposals.propose(image, 30)
    assert boxes.dtype == torch.int64 and boxes.shape[1] == 4 and 5 < len(boxes) <= 30
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= torch.tensor([64, 96])).all() and (boxes[:, 2:] - boxes[:, :2] >= proposals.SHORTEST).all()
    between = proposals.overlaps(boxes, boxes) - torch.eye(len(boxes))
    assert between.max() <= proposals.OVERLAP
    state = torch.random.get_rng_state()
    assert torch.equal(proposals.propose(image, 30), boxes) and torch.equal(proposals.propose(image, 7), boxes[:7])
    assert torch.equal(torch.random.get_rng_state(), state) and torch.equal(image, scene[0][0])


@pytest.mark.parametrize("box", [(10, 20, 34, 40), (5, 3, 43, 11), (30, 30, 40, 60)])
def test_a_box_of_another_colour_comes_first(box):
    image, numbers = painted(box)
    first = proposals.propose(image, 1)
    assert float(proposals.overlaps(first, torch.tensor([box]))) > 0.8
    assert proposals.recall(One(image, numbers), (1, 10)) == {1: 1.0, 10: 1.0}


def test_overlaps_by_counting_pixels():
    generator = torch.Generator().manual_seed(0)
    corners = torch.randint(0, 12, (6, 2, 2), generator=generator).sort(1).values
    boxes = torch.stack([corners[:, 0, 0], corners[:, 0, 1], corners[:, 1, 0] + 1, corners[:, 1, 1] + 1], 1)
    masks = torch.zeros(6, 14, 14)
    for mask, (top, left, bottom, right) in zip(masks, boxes.tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    both = torch.einsum("nhw,mhw->nm", masks, masks)
    either = masks.sum((1, 2))[:, None] + masks.sum((1, 2))[None] - both
    torch.testing.assert_close(proposals.overlaps(boxes, boxes), (both / either).double(), atol=1e-6, rtol=0)


def test_suppression_keeps_the_best_of_those_that_overlap():
    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 11], [0, 8, 10, 18], [20, 20, 30, 30], [0, 0, 9, 10]])
    assert torch.equal(proposals.suppress(boxes, 9), boxes[[0, 2, 3]]) and torch.equal(proposals.suppress(boxes, 2), boxes[[0, 2]])


def test_recall_counts_objects_that_any_of_the_first_boxes_meets():
    image, numbers = painted((2, 2, 12, 12), (20, 20, 40, 40), (40, 60, 42, 62))
    answers = torch.tensor([[30, 0, 48, 16], [2, 2, 12, 11], [21, 21, 41, 41], [2, 2, 12, 12]])
    found = proposals.recall(One(image, numbers), (1, 2, 3), make=lambda picture, number: answers[:number])
    assert found == {1: 0.0, 2: 0.5, 3: 1.0}                                     # the third object is smaller than 64 pixels
    assert proposals.recall(One(image, numbers), (3,), smallest=1, make=lambda picture, number: answers[:number]) == {3: pytest.approx(2 / 3)}
    assert proposals.recall(One(image, numbers), (3,), overlap=0.99, make=lambda picture, number: answers[:3]) == {3: 0.0}
    flat, none = painted()
    assert proposals.recall(One(flat, none), (1,))[1] != proposals.recall(One(flat, none), (1,))[1]                    # nan: nothing to find


def test_a_picture_of_one_colour_or_a_tiny_one_has_no_proposal_but_is_covered():
    for image in (torch.full((3, 40, 50), 90, dtype=torch.uint8), torch.randint(0, 255, (3, 5, 5), generator=torch.Generator().manual_seed(1)).to(torch.uint8)):
        height, width = image.shape[1:]
        assert proposals.propose(image).shape == (0, 4) and proposals.propose(image).dtype == torch.int64
        assert proposals.covering(image).tolist() == [[0, 0, height, width]]


def test_covering_counts_the_whole_picture_among_the_boxes(scene):
    image = scene[1][0]
    boxes = proposals.covering(image, 6)
    assert boxes[0].tolist() == [0, 0, 64, 96] and torch.equal(boxes[1:], proposals.propose(image, 5))
    assert len(proposals.covering(image, 1)) == 1


@pytest.mark.parametrize("image, number, told", [
    (torch.zeros(3, 8, 8), 5, ["float32", "(3, 8, 8)"]), (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 5, ["(1, 3, 8, 8)"]), ("photo.png", 5, ["str"]),
    (torch.zeros(3, 8, 8, dtype=torch.uint8), 0, ["number", "0"]), (torch.zeros(3, 8, 8, dtype=torch.uint8), 2.5, ["2.5"]),
    (torch.zeros(3, 8, 8, dtype=torch.uint8), "3", ["'3'"]), (torch.zeros(3, 8, 8, dtype=torch.uint8), True, ["True"])])
@pytest.mark.parametrize("boxes_of", [proposals.propose, proposals.covering])
def test_refused(boxes_of, image, number, told, refused):
    refused(lambda: boxes_of(image, number), told)


def test_recall_needs_numbered_objects(scenes, refused):
    refused(lambda: proposals.recall(scenes()), ["scenes", "streets"])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 300), (8, 8), (9, 8), (8, 300), (33, 8)])
def test_pictures_however_small_or_narrow(size):
    generator = torch.Generator().manual_seed(2)
    grey, noise = torch.full((3, *size), 110, dtype=torch.uint8), torch.randint(0, 256, (3, *size), generator=generator).to(torch.uint8)
    half = grey.clone()
    half[:, :, size[1] // 2:] = 250
    for image in (grey, noise, half):
        boxes = proposals.covering(image)
        assert boxes[0].tolist() == [0, 0, *size] and (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= torch.tensor(size)).all() and (boxes[:, 2:] > boxes[:, :2]).all()
    assert len(proposals.propose(grey)) == 0 and (len(proposals.propose(half)) > 0) == (min(size) >= 8)
