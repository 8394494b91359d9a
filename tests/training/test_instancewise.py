"""Prediction box by box: pasted where the box is, merged by the maximum; the two ensembles."""

import pytest
import torch
from torch import nn

from segcourse import models
from segcourse.training import instancewise, proposals
from segcourse.training.scores import Scores


class Fixed(nn.Module):
    """Scores that tell the box: class 0 has the mean of the normalised red, class 1 its negative, class 2 a constant."""

    def __init__(self, constant=0.0):
        super().__init__()
        self.constant, self.weight = constant, nn.Parameter(torch.ones(()))
        self.seen = []

    def forward(self, images):
        self.seen.append(tuple(images.shape))
        red = self.weight * images[:, :1].mean((2, 3), keepdim=True).expand(-1, 1, *images.shape[2:])
        return torch.cat([red, -red, torch.full_like(red, self.constant)], 1)


@pytest.fixture
def picture():
    """Left half dark, right half bright."""
    image = torch.zeros(3, 20, 30, dtype=torch.uint8)
    image[:, :, 15:] = 255
    return image


BOXES = torch.tensor([[0, 0, 20, 30], [2, 0, 12, 15], [4, 15, 20, 30]])


def test_the_larger_score_of_each_class_wins(picture):
    model = Fixed()
    merged = instancewise.predict(model, picture, BOXES, 8, scores=True)
    alone = [model(instancewise.normalise(instancewise.stretched(picture[:, t:b, l:r], (8, 8)))[None])[0, :, 0, 0].detach() for t, l, b, r in BOXES.tolist()]
    expected = torch.full((3, 20, 30), float("-inf"))
    for (top, left, bottom, right), scores in zip(BOXES.tolist(), alone, strict=True):
        expected[:, top:bottom, left:right] = torch.maximum(expected[:, top:bottom, left:right], scores[:, None, None])
    torch.testing.assert_close(merged, expected, atol=1e-5, rtol=0)
    assert set(model.seen[:1]) == {(3, 3, 8, 8)}
    # the softmax comes after the maximum
    torch.testing.assert_close(instancewise.predict(model, picture, BOXES, 8), expected.softmax(0), atol=1e-5, rtol=0)


def test_the_order_of_the_boxes_does_not_matter_and_batches_do_not(picture):
    many = torch.cat([BOXES] * 7)                                            # more than go through at once
    first = instancewise.predict(Fixed(), picture, BOXES, 8)
    torch.testing.assert_close(instancewise.predict(Fixed(), picture, many.flip(0), 8), first)


def test_steps_grow_box_by_box_and_end_in_the_prediction(picture):
    shown = list(instancewise.steps(Fixed(), picture, BOXES[[1, 2, 0]], 8))
    assert [step.box.tolist() for step in shown] == BOXES[[1, 2, 0]].tolist()
    assert [int(step.covered.sum()) for step in shown] == [150, 150 + 240, 600]
    torch.testing.assert_close(shown[0].probabilities[:, 0, 0], torch.full((3,), 1 / 3))                  # nobody has looked there yet
    assert shown[0].probabilities.isfinite().all() and not torch.equal(shown[0].probabilities, shown[1].probabilities)
    torch.testing.assert_close(shown[-1].probabilities, instancewise.predict(Fixed(), picture, BOXES, 8))


def test_the_papers_zeros(picture):
    """Padded with zeros, no merged score is below 0; and a pixel without a box has no opinion."""
    plain, padded = (instancewise.predict(Fixed(-3.0), picture, BOXES, 8, scores=True, zeros=zeros) for zeros in (False, True))
    torch.testing.assert_close(padded, plain.clamp(min=0))
    assert plain.min() < 0
    torch.testing.assert_close(instancewise.predict(Fixed(), picture, BOXES[1:2], 8, zeros=True)[:, 0, 0], torch.full((3,), 1 / 3))


def test_scores_are_stretched_back_into_the_box():
    class Place(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, images):
            across = torch.linspace(-1, 1, images.shape[-1]).expand(len(images), 1, *images.shape[2:])
            return torch.cat([across, -across], 1) * self.weight

    out = instancewise.predict(Place(), torch.zeros(3, 10, 40, dtype=torch.uint8), torch.tensor([[0, 0, 10, 40]]), 8)
    assert (out.argmax(0)[:, :20] == 1).all() and (out.argmax(0)[:, 20:] == 0).all()


def test_evaluate_scores_the_merged_map_and_tells_every_prediction(scenes):
    data, model, told = scenes(3), Fixed(), []
    scores = instancewise.evaluate(model, data, 8, 3, each=lambda index, labels: told.append((index, labels)))
    expected = torch.stack([instancewise.predict(model, data[i][0], proposals.covering(data[i][0], 3), 8).argmax(0) for i in range(3)]).to(torch.uint8)
    assert [index for index, _ in told] == [0, 1, 2] and torch.equal(torch.stack([labels for _, labels in told]), expected)
    assert torch.equal(scores.confusion, Scores.from_labels(expected, data.labels, 3).confusion)


def test_a_picture_without_any_proposal_is_predicted_whole():
    flat = torch.full((3, 20, 30), 200, dtype=torch.uint8)
    assert instancewise.predict(Fixed(), flat, proposals.covering(flat), 8).shape == (3, 20, 30)


def test_ensembles_by_hand():
    one, two = torch.tensor([[[0.7]], [[0.3]]]), torch.tensor([[[0.2]], [[0.8]]])
    torch.testing.assert_close(instancewise.ensemble(one, two), torch.tensor([[[0.45]], [[0.55]]]))
    first, second = torch.tensor([[[2.0]], [[1.0]]]), torch.tensor([[[-1.0]], [[3.0]]])
    torch.testing.assert_close(instancewise.ensemble(first, second, "product"), torch.tensor([0.0, 3.0]).softmax(0).view(2, 1, 1))       # 2 x max(0, -1), 1 x 3
    assert not torch.allclose(instancewise.ensemble(first, second, "product"), instancewise.ensemble(second, first, "product"))


@pytest.mark.parametrize("boxes, told", [
    (torch.zeros(0, 4, dtype=torch.int64), ["covering"]), (BOXES[1:], ["600", "covering"]), (torch.tensor([[0, 0, 20, 31]]), ["31", "20x30"]),
    (torch.tensor([[5, 5, 5, 9]]), ["(5, 5, 5, 9)"]), (BOXES.float(), ["float32"]),
    ([(0, 0, 20, 30)], ["list"]), (torch.ones(1, 4, dtype=torch.bool), ["bool"]), (torch.tensor([0, 0, 20, 30]), ["(4,)"])])
def test_boxes_refused(boxes, told, picture, refused):
    refused(lambda: instancewise.predict(Fixed(), picture, boxes, 8), told)


def test_a_network_of_other_classes_and_no_boxes_are_refused(scenes, refused):
    data = scenes(1)
    assert data.num_classes == 3
    data.num_classes = 5
    refused(lambda: instancewise.evaluate(Fixed(), data, 8, 3), ["3", "5", "scenes"])
    refused(lambda: instancewise.evaluate(Fixed(), data, 8, 0), ["number", "0"])


def test_pictures_too_small_for_a_grid_name_it(refused):
    grey = torch.full((3, 20, 30), 110, dtype=torch.uint8)
    torch.manual_seed(0)
    model = models.create("deconvnet", 11, width=0.02, grid=2).eval()
    refused(lambda: instancewise.predict(model, grey, proposals.covering(grey), 32), ["32x32", "33"])
    for image in (grey, grey[:, :1, :1]):           # stretched to the square, however small
        assert instancewise.predict(model.train(), image, proposals.covering(image), 64).shape == (11, *image.shape[1:]) and model.training


def test_ensembles_refused(refused):
    scores = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    refused(lambda: instancewise.ensemble(scores, scores), ["first", "softmax"])
    refused(lambda: instancewise.ensemble(scores.softmax(0), scores), ["second"])
    refused(lambda: instancewise.ensemble(scores, scores, "sum"), ["mean", "product", "sum"])
    refused(lambda: instancewise.ensemble(scores, scores[:, :2], "product"), ["(3, 2, 4)"])
