"""Counting a segmentation: the confusion matrix, and the intersection over union of each class that is made of it.

Source: Long, Shelhamer and Darrell (2015, section 5), who count n_ij, the pixels of class i predicted as j, over a whole split.
"""

import torch
from torch import Tensor

from segcourse.language import josa, say


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


def class_iou(confusion: Tensor) -> Tensor:
    """(C, C) counts -> (C,) float64: n_ii / (t_i + sum_j n_ji - n_ii), with t_i the sum of row i. nan for a class that occurs nowhere."""
    hit = confusion.diagonal().double()
    return hit / (confusion.sum(1) + confusion.sum(0) - hit)
