"""Scores against hand counts and the formulas of the FCN paper."""

import math

import pytest
import torch

from segcourse import ops
from segcourse.training import Scores
from segcourse.training import scores as S

# Rows are the truth, columns the prediction: 6, 5 and 3 pixels of the classes, 7, 5 and 2 predicted as them.
HAND = torch.tensor([[5, 1, 0], [2, 3, 0], [0, 1, 2]])


def labels_of(matrix):
    """A truth and a prediction that have this confusion matrix."""
    pairs = [(i, j) for i in range(len(matrix)) for j in range(len(matrix)) for _ in range(int(matrix[i, j]))]
    truth, prediction = torch.tensor(pairs).T
    return truth.view(1, 1, -1), prediction.reshape(1, 1, -1)


def score(truth, prediction, num_classes, void=None):
    return Scores.from_labels(prediction, truth, num_classes, void=void)


def test_four_figures_of_the_paper_by_hand():
    result = score(*labels_of(HAND), 3)
    assert torch.equal(result.confusion, HAND)
    assert result.pixel_accuracy == pytest.approx(10 / 14)
    assert result.mean_accuracy == pytest.approx((5 / 6 + 3 / 5 + 2 / 3) / 3)
    assert result.iou.tolist() == pytest.approx([5 / 8, 3 / 7, 2 / 3])
    assert result.miou == pytest.approx((5 / 8 + 3 / 7 + 2 / 3) / 3)
    assert result.frequency_weighted_iou == pytest.approx((6 * 5 / 8 + 5 * 3 / 7 + 3 * 2 / 3) / 14)


def test_a_class_that_occurs_nowhere_is_nan_and_leaves_the_mean():
    wide = torch.zeros(4, 4, dtype=torch.long)
    wide[:3, :3] = HAND
    result = score(*labels_of(wide), 4)
    assert math.isnan(result.iou[3])
    assert result.miou == pytest.approx((5 / 8 + 3 / 7 + 2 / 3) / 3)
    assert result.as_dict()["iou"][3] is None


def test_one_matrix_over_the_split_is_not_the_mean_over_images():
    first, second = torch.zeros(1, 4, 4, dtype=torch.long), torch.zeros(1, 4, 4, dtype=torch.long)
    first[0, 0, 0] = 1
    second[0, :, :2] = 1
    prediction = second.clone()
    whole = S.total([score(first, torch.zeros_like(first), 2), score(second, prediction, 2)])
    assert whole.iou[1] == pytest.approx(8 / 9)       # the mean over the two images would be (0 + 1) / 2


def test_boundary_iou_of_a_shifted_square_by_hand():
    """A 6x6 square in a 20x20 picture and the same one pixel to the right, bands one pixel deep: each band has 36 - 16 = 20 pixels. They
    share 10 of the two horizontal sides (5 columns, twice) and nothing of the vertical ones: 10 / 30."""
    truth, prediction = torch.zeros(1, 20, 20, dtype=torch.long), torch.zeros(1, 20, 20, dtype=torch.long)
    truth[0, 7:13, 7:13] = 1
    prediction[0, 7:13, 8:14] = 1
    assert ops.boundary_reach(20, 20) == 1
    result = score(truth, prediction, 2)
    assert (int(result.boundary_intersection[1]), int(result.boundary_union[1])) == (10, 30)
    assert result.boundary_iou_per_class[1] == pytest.approx(10 / 30)


def test_void_has_no_part_in_the_bands():
    truth = torch.zeros(1, 20, 20, dtype=torch.long)
    truth[0, 7:13, 7:13] = 1
    hidden = truth.clone()
    hidden[0, :, 10:] = 11
    prediction = truth.clone()
    prediction[0, :, 10:] = 1 - prediction[0, :, 10:]          # wrong, but only where nobody knows the truth
    result = score(hidden, prediction, 2, void=11)
    assert result.boundary_iou == 1.0 and result.miou == 1.0
    assert int(result.boundary_union.sum()) < 20 * 10
