"""Scores of a segmentation: one confusion matrix over the whole split, and the boundary bands beside it.

The four figures are those of Long, Shelhamer and Darrell (2015, section 5); with n_ij the number of pixels of class i predicted as j and
t_i the sum of row i they are

    pixel accuracy  sum_i n_ii / sum_i t_i            mean accuracy  mean_i n_ii / t_i
    mean IoU        mean_i n_ii / (t_i + sum_j n_ji - n_ii)
    frequency weighted IoU   sum_i t_i IoU_i / sum_i t_i

Void pixels of the truth leave both sides before anything is counted. Averaging the IoU of single images instead gives other numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from segcourse.ops import boundary_counts, class_iou, confusion_matrix


@dataclass(frozen=True, eq=False)
class Scores:
    """What was counted over a split, and the figures made of it (fractions, not per cent; nan for a class that occurs nowhere).

    confusion (C, C) int64: pixels of class i (row) predicted as j (column); boundary_intersection, boundary_union (C,) int64: pixels of
    the bands along the contours of truth and prediction (Cheng et al., 2021).
    """

    confusion: Tensor
    boundary_intersection: Tensor
    boundary_union: Tensor
    classes: tuple[str, ...] = ()

    @classmethod
    def from_labels(cls, prediction: Tensor, truth: Tensor, num_classes: int, *, void: int | None = None, classes: tuple[str, ...] = ()) -> "Scores":
        """The scores of predicted labels (N, H, W), or (H, W), against the truth. `void` is left out; it is `num_classes` unless given, as in CamVid."""
        if truth.ndim == 2:
            truth, prediction = truth[None], prediction[None]
        void = num_classes if void is None else void
        both, either = boundary_counts(truth, prediction, num_classes, void)
        return cls(confusion_matrix(truth, prediction, num_classes, void).cpu(), both.cpu(), either.cpu(), tuple(classes))

    @classmethod
    def none(cls, num_classes: int, classes: tuple[str, ...] = ()) -> "Scores":
        """The scores of no picture: all counts 0."""
        empty = torch.zeros(num_classes, dtype=torch.int64)
        return cls(torch.zeros(num_classes, num_classes, dtype=torch.int64), empty, empty.clone(), classes)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "Scores":
        """The scores with `change` applied to each of the three tensors of counts."""
        return Scores(change(self.confusion), change(self.boundary_intersection), change(self.boundary_union), self.classes)

    @property
    def iou(self) -> Tensor:
        """(C,) float64: intersection over union of each class; nan where it is neither in the truth nor predicted."""
        return class_iou(self.confusion)

    @property
    def miou(self) -> float:
        """Mean of `iou` over the classes that occur."""
        return float(self.iou.nanmean())

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels (void left out) that are right; CamVid's tables call it global accuracy."""
        return float(self.confusion.diagonal().sum().double() / self.confusion.sum())

    @property
    def accuracy(self) -> Tensor:
        """(C,) float64: share of each class's pixels that are right (recall); nan where the truth has none."""
        return self.confusion.diagonal().double() / self.confusion.sum(1)

    @property
    def mean_accuracy(self) -> float:
        """Mean of `accuracy` over the classes in the truth."""
        return float(self.accuracy.nanmean())

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU weighted by how many pixels of the truth each class has."""
        share = self.confusion.sum(1).double() / self.confusion.sum()
        return float((share * self.iou.nan_to_num()).sum())

    @property
    def boundary_iou_per_class(self) -> Tensor:
        """(C,) float64: IoU of the bands along the contours; nan where there is no contour."""
        return self.boundary_intersection.double() / self.boundary_union

    @property
    def boundary_iou(self) -> float:
        """Mean of `boundary_iou_per_class` over the classes that have a contour."""
        return float(self.boundary_iou_per_class.nanmean())

    def as_dict(self) -> dict:
        """All figures as plain numbers for JSON; None where a class does not occur."""
        def plain(values: Tensor) -> list:
            return [None if value != value else value for value in values.tolist()]

        return {"miou": self.miou, "pixel_accuracy": self.pixel_accuracy, "mean_accuracy": self.mean_accuracy,
                "frequency_weighted_iou": self.frequency_weighted_iou, "boundary_iou": self.boundary_iou, "iou": plain(self.iou),
                "boundary_iou_per_class": plain(self.boundary_iou_per_class), "classes": list(self.classes),
                "confusion": self.confusion.tolist()}


def total(parts: list[Scores]) -> Scores:
    """The scores of several parts of a split as one: counts are added first, figures made afterwards."""
    return Scores(sum(part.confusion for part in parts), sum(part.boundary_intersection for part in parts),
                  sum(part.boundary_union for part in parts), parts[0].classes)
