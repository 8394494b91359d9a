"""Scores of a segmentation: one confusion matrix over the whole split, and the boundary bands beside it.

The four figures are those of Long, Shelhamer and Darrell (2015, section 5); with n_ij the number of pixels of class i predicted as j and
t_i the sum of row i they are

    pixel accuracy  sum_i n_ii / sum_i t_i            mean accuracy  mean_i n_ii / t_i
    mean IoU        mean_i n_ii / (t_i + sum_j n_ji - n_ii)
    frequency weighted IoU   sum_i t_i IoU_i / sum_i t_i

Void pixels of the truth leave both sides before anything is counted. Averaging the IoU of single images instead gives other numbers.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse.language import josa, say


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

    @property
    def iou(self) -> Tensor:
        """(C,) float64: intersection over union of each class; nan where it is neither in the truth nor predicted."""
        hit = self.confusion.diagonal().double()
        return hit / (self.confusion.sum(1) + self.confusion.sum(0) - hit)

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


def confusion_matrix(truth: Tensor, prediction: Tensor, num_classes: int, void: int | None = None) -> Tensor:
    """(C, C) int64: entry [i, j] counts the pixels of true class i predicted as class j; pixels whose truth is void are left out.

    `truth` and `prediction` are integer tensors of one shape. Raises ValueError for differing shapes or a number that is no class.
    """
    if truth.shape != prediction.shape:
        raise ValueError(say(en=f"truth {tuple(truth.shape)} and prediction {tuple(prediction.shape)} must have one shape: resize the prediction",
                             ko=f"정답 {tuple(truth.shape)}과 예측 {tuple(prediction.shape)}의 모양이 같아야 해요. 예측의 크기를 맞춰 주세요."))
    counted = truth != void if void is not None else torch.ones_like(truth, dtype=torch.bool)
    truth, prediction = truth[counted].long(), prediction[counted].long()
    for values in (truth, prediction):
        if values.numel() and (values.min() < 0 or values.max() >= num_classes):
            wrong = int(values[(values < 0) | (values >= num_classes)][0])
            raise ValueError(say(en=f"{wrong} is no class: with {num_classes} classes numbers are 0 to {num_classes - 1}; correct the labels",
                                 ko=f"{josa(wrong, '은/는')} 클래스 번호가 아니에요. 클래스가 {num_classes}개면 0부터 {num_classes - 1}까지예요. "
                                    f"레이블을 고쳐 주세요."))
    return torch.bincount(truth * num_classes + prediction, minlength=num_classes**2).view(num_classes, num_classes)


def _spread(marked: Tensor, reach: int, axis: int) -> Tensor:
    """OR over windows of 2 * reach + 1 along `axis`; beyond the edge counts as marked. Doubles the window, so that cost grows as its log."""
    pad = [0, 0, reach, reach] if axis == -2 else [reach, reach]
    wide, window = F.pad(marked, pad, value=True), 1
    while window < 2 * reach + 1:
        step = min(window, 2 * reach + 1 - window)
        kept = wide.shape[axis] - step
        wide = wide.narrow(axis, 0, kept) | wide.narrow(axis, step, kept)
        window += step
    return wide


def boundary_band(masks: Tensor, reach: int) -> Tensor:
    """bool (..., H, W) masks -> the pixels of each mask within `reach` pixels (chessboard distance) of its outside or of the image's edge.

    That is the mask less its erosion by a (2 * reach + 1) square, the "boundary region" of Cheng et al. (2021, section 4).
    """
    return masks & _spread(_spread(~masks, reach, -1), reach, -2)


def boundary_reach(height: int, width: int) -> int:
    """How many pixels deep the band is: 2 % of the image's diagonal, at least 1 (Cheng et al., 2021, section 5)."""
    return max(1, round(0.02 * (height**2 + width**2) ** 0.5))


def boundary_counts(truth: Tensor, prediction: Tensor, num_classes: int, void: int | None = None,
                    reach: int | None = None) -> tuple[Tensor, Tensor]:
    """(N, H, W) truth and prediction -> (C,) int64 pixels in both bands, and in either, summed over the images.

    Where the truth is void the prediction is made void too, so that a contour along a void region is the same for both, and no void pixel counts.
    """
    if void is not None:
        prediction = torch.where(truth == void, truth, prediction)
    reach = boundary_reach(*truth.shape[-2:]) if reach is None else reach
    classes = torch.arange(num_classes, device=truth.device).view(-1, 1, 1)
    both = torch.zeros(num_classes, dtype=torch.int64, device=truth.device)
    either = torch.zeros_like(both)
    for true, predicted in zip(truth, prediction, strict=True):   # one image at a time: C masks of one picture fit every memory
        ours, theirs = boundary_band(true == classes, reach), boundary_band(predicted == classes, reach)
        both += (ours & theirs).sum((1, 2))
        either += (ours | theirs).sum((1, 2))
    return both, either


def total(parts: list[Scores]) -> Scores:
    """The scores of several parts of a split as one: counts are added first, figures made afterwards."""
    return Scores(sum(part.confusion for part in parts), sum(part.boundary_intersection for part in parts),
                  sum(part.boundary_union for part in parts), parts[0].classes)
