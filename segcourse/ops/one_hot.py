"""Targets as vectors: one number per class, one of them 1."""

import torch
from torch import Tensor

from segcourse.language import josa, say


def one_hot(labels: Tensor, num_classes: int, *, void: int | None = None) -> Tensor:
    """Integer labels (..., H, W) -> float32 (..., num_classes, H, W): 1 at the pixel's class, 0 elsewhere; at void pixels every entry is 0.

    Raises ValueError for a label that is neither a class nor void. FCN, section 4.3: the target of the per-pixel multinomial loss.
    """
    wrong = (labels < 0) | (labels >= num_classes)
    if void is not None:
        wrong &= labels != void
    if wrong.any():
        value = int(labels[wrong][0])
        raise ValueError(say(en=f"{value} is no class: with {num_classes} classes numbers are 0 to {num_classes - 1}; name it as void or correct the labels",
                             ko=f"{josa(value, '은/는')} 클래스 번호가 아니에요. 클래스가 {num_classes}개면 0부터 {num_classes - 1}까지예요. "
                                f"void로 알려 주거나 레이블을 고쳐 주세요."))
    classes = torch.arange(num_classes, device=labels.device).view(-1, 1, 1)
    return (labels.unsqueeze(-3) == classes).float()
