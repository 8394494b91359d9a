"""Losses: cross-entropy of every pixel, void left out, classes weighted or the hardest pixels alone where a recipe asks for it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse.language import say
from segcourse.ops import top_k_mean


def cross_entropy(logits: Tensor, labels: Tensor, *, void: int, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Cross-entropy of logits (N, C, H, W) with labels (N, H, W), over the pixels that are not void.

    "mean" divides by the sum of the weights of the pixels that count (their number, without `weight`); a batch that is all void gives 0.
    "sum" divides by nothing, as the released FCN solvers do: its learning rate is then about (number of pixels) times smaller.
    """
    flat = labels.long()
    total = F.cross_entropy(logits.float(), flat, weight=weight, ignore_index=void, reduction="sum")
    if reduction == "sum":
        return total
    counted = flat != void
    mass = counted.sum() if weight is None else weight[flat.clamp(max=len(weight) - 1)].mul(counted).sum()
    return total / mass.clamp(min=1e-6)


def top_k_cross_entropy(logits: Tensor, labels: Tensor, *, void: int, share: float) -> Tensor:
    """Cross-entropy of logits (N, C, H, W) with labels (N, H, W), averaged over the hardest `share` of each image's pixels; see `ops.top_k_mean`."""
    flat = labels.long()
    loss = F.cross_entropy(logits.float(), flat, ignore_index=void, reduction="none")
    return top_k_mean(loss, flat != void, share)


def median_frequency_weights(labels: Tensor, num_classes: int, *, void: int, power: float = 1.0) -> Tensor:
    """(C,) float32 weights: median frequency / frequency of each class (Eigen and Fergus, 2015, section 6.3.2), to the power `power`.

    The frequency of a class is its pixels divided by all counted pixels of the images in which it occurs. `power` 0.5 softens the
    weights. A class that does not occur gets 1. labels: (N, H, W). Raises ValueError if every pixel is void.
    """
    counts = torch.stack([torch.bincount(label[label != void].long(), minlength=num_classes)[:num_classes] for label in labels])
    if not counts.any():
        raise ValueError(say(en="every pixel of the labels is void, so there is nothing to weight: check the label folder",
                             ko="레이블이 모두 무시 레이블이라 가중치를 정할 수 없어요. 레이블 폴더를 확인해 주세요."))
    pixels = counts.sum(1, keepdim=True)
    seen = (counts > 0).double() * pixels
    frequency = counts.sum(0).double() / seen.sum(0)
    return (torch.nanquantile(frequency, 0.5) / frequency).nan_to_num(1.0).pow(power).float()
