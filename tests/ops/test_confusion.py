"""The confusion matrix against counting pixel by pixel, and the IoU against sets of pixels."""

import math

import pytest
import torch

from segcourse import ops

# Rows are the truth, columns the prediction: 6, 5 and 3 pixels of the classes, 7, 5 and 2 predicted as them.
HAND = torch.tensor([[5, 1, 0], [2, 3, 0], [0, 1, 2]])


def labels_of(matrix):
    """A truth and a prediction that have this confusion matrix."""
    pairs = [(i, j) for i in range(len(matrix)) for j in range(len(matrix)) for _ in range(int(matrix[i, j]))]
    truth, prediction = torch.tensor(pairs).T
    return truth.view(1, 1, -1), prediction.reshape(1, 1, -1)


def test_counts_equal_counting_one_by_one():
    generator = torch.Generator().manual_seed(0)
    truth, prediction = (torch.randint(0, 5, (2, 13, 11), generator=generator) for _ in range(2))
    truth[:, ::4] = 9
    expected = [[0] * 5 for _ in range(5)]
    for true, predicted in zip(truth.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if true != 9:
            expected[true][predicted] += 1
    assert ops.confusion_matrix(truth, prediction, 5, void=9).tolist() == expected


def test_iou_is_intersection_over_union_of_the_pixels():
    generator = torch.Generator().manual_seed(1)
    truth, prediction = (torch.randint(0, 4, (3, 9, 8), generator=generator) for _ in range(2))
    iou = ops.class_iou(ops.confusion_matrix(truth, prediction, 5))
    for number in range(4):
        ours, theirs = truth == number, prediction == number
        assert iou[number] == pytest.approx(float((ours & theirs).sum()) / float((ours | theirs).sum()))
    assert math.isnan(iou[4])


def test_void_leaves_both_sides():
    truth, prediction = labels_of(HAND)
    more_truth = torch.cat([truth, torch.full((1, 1, 9), 11)], dim=2)
    more_prediction = torch.cat([prediction, torch.arange(9).view(1, 1, 9) % 3], dim=2)
    assert torch.equal(ops.confusion_matrix(more_truth, more_prediction, 3, void=11), HAND)


@pytest.mark.parametrize("values", [[12], [-1]])
def test_a_number_that_is_no_class_is_refused_with_its_value(values):
    wrong = torch.zeros(1, 2, 2, dtype=torch.long)
    wrong[0, 0, 0] = values[0]
    with pytest.raises(ValueError, match=str(values[0])):
        ops.confusion_matrix(wrong, torch.zeros_like(wrong), 11, void=11)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 4, 4\)"):
        ops.confusion_matrix(torch.zeros(1, 4, 4), torch.zeros(1, 4, 5), 2)
