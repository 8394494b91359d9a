"""Losses: cross-entropy of every pixel, void left out, classes weighted or the hardest pixels alone where a recipe asks for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse.language import say
from segcourse.ops import top_k_mean


def _exact(logits: Tensor) -> Tensor:
    """`logits` in at least float32: a sum over a million pixels is none for 16 bits."""
    return logits if logits.dtype == torch.float64 else logits.float()


def counted_mass(labels: Tensor, *, void: int, weight: Tensor | None = None) -> Tensor:
    """What labels (N, H, W) count for: the number of pixels that are not void, or the sum of their classes' weights; a scalar."""
    flat = labels.long()
    counted = flat != void
    return counted.sum() if weight is None else weight[flat.clamp(max=len(weight) - 1)].mul(counted).sum()


def cross_entropy(logits: Tensor, labels: Tensor, *, void: int, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Cross-entropy of logits (N, C, H, W) with labels (N, H, W), over the pixels that are not void.

    "mean" divides by the sum of the weights of the pixels that count (their number, without `weight`); a batch that is all void gives 0.
    "sum" divides by nothing, as the released FCN solvers do: its learning rate is then about (number of pixels) times smaller.
    """
    logits = _exact(logits)
    weight = None if weight is None else weight.to(logits)
    total = F.cross_entropy(logits, labels.long(), weight=weight, ignore_index=void, reduction="sum")
    return total if reduction == "sum" else total / counted_mass(labels, void=void, weight=weight).clamp(min=1e-6)


def top_k_cross_entropy(logits: Tensor, labels: Tensor, *, void: int, share: float) -> Tensor:
    """Cross-entropy of logits (N, C, H, W) with labels (N, H, W), averaged over the hardest `share` of each image's pixels; see `ops.top_k_mean`."""
    flat = labels.long()
    loss = F.cross_entropy(_exact(logits), flat, ignore_index=void, reduction="none")
    return top_k_mean(loss, flat != void, share)


@dataclass(frozen=True)
class Criterion:
    """A recipe's loss, for a batch that is taken in parts: one after the other (accumulation), or by several processes.

    Each part's losses are summed and divided by what the *whole* batch counts for (`mass`, added over the parts), so that the parts add up to
    the loss of the whole however void is spread over them. A mean per part would weigh a part with little truth like one with much.
    """

    void: int
    weight: Tensor | None = None
    top_k: float = 0.0
    reduction: str = "mean"

    def mass(self, labels: Tensor) -> Tensor:
        """What a part counts for: pixels (weighted), or with `top_k` the images that have any."""
        if self.top_k:
            return (labels != self.void).flatten(1).any(1).sum()
        return counted_mass(labels, void=self.void, weight=self.weight)

    def over(self, total: Tensor, labels: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss of the part with these labels in a batch that counts for `total`: a function (logits, labels) -> scalar.

        It takes labels of another size as well, as an auxiliary head at 1/8 has them: the batch then counts for as much less as they are smaller.
        """
        def loss(logits: Tensor, truth: Tensor) -> Tensor:
            if self.top_k:
                return top_k_cross_entropy(logits, truth, void=self.void, share=self.top_k) * self.mass(truth) / total.clamp(min=1)
            value = cross_entropy(logits, truth, void=self.void, weight=self.weight, reduction="sum")
            return value if self.reduction == "sum" else value / (total * (truth.numel() / labels.numel())).clamp(min=1e-6)
        return loss


def median_frequency_weights(labels: Iterable[Tensor], num_classes: int, *, void: int, power: float = 1.0) -> Tensor:
    """(C,) float32 weights: median frequency / frequency of each class (Eigen and Fergus, 2015, section 6.3.2), to the power `power`.

    The frequency of a class is its pixels divided by all counted pixels of the images in which it occurs. `power` 0.5 softens the
    weights. A class that does not occur gets 1. labels: (N, H, W), or one (H, W) after the other. Raises ValueError if every pixel is void.
    """
    counts = torch.stack([torch.bincount(label[label != void].long(), minlength=num_classes)[:num_classes] for label in labels]).cpu()      # Apple's GPUs have no float64
    if not counts.any():
        raise ValueError(say(en="every pixel of the labels is void, so there is nothing to weight: check the label folder",
                             ko="레이블이 모두 무시 레이블이라 가중치를 정할 수 없어요. 레이블 폴더를 확인해 주세요."))
    pixels = counts.sum(1, keepdim=True)
    seen = (counts > 0).double() * pixels
    frequency = counts.sum(0).double() / seen.sum(0)
    return (torch.nanquantile(frequency, 0.5) / frequency).nan_to_num(1.0).pow(power).float()
