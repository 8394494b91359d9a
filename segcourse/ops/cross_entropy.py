"""Cross-entropy of every pixel, from logits to loss; and the mean over the hardest pixels alone."""

import torch
from torch import Tensor

from segcourse.language import say
from segcourse.ops.one_hot import one_hot


def log_softmax(logits: Tensor) -> Tensor:
    """Logits (N, C, H, W) -> the logarithms of their softmax over the classes. The largest logit is taken off first: exp cannot overflow."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def pixel_cross_entropy(logits: Tensor, labels: Tensor, *, void: int | None = None) -> Tensor:
    """Logits (N, C, H, W) and integer labels (N, H, W) -> (N, H, W): -log of the probability given to each pixel's own class; 0 at void.

    It is the cross-entropy with the one-hot target, -sum_c t_c log p_c, of which a single term is left. Raises ValueError for shapes that
    do not belong together and for a label that is neither a class nor void.
    """
    if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(say(en=f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)} do not fit: (N, C, H, W) and (N, H, W) are needed",
                             ko=f"로짓 {tuple(logits.shape)}과 레이블 {tuple(labels.shape)}의 모양이 서로 맞지 않아요. (N, C, H, W)와 (N, H, W)로 맞춰 주세요."))
    return -(one_hot(labels, logits.shape[1], void=void) * log_softmax(logits)).sum(dim=1)


def cross_entropy(logits: Tensor, labels: Tensor, *, void: int | None = None, weight: Tensor | None = None) -> Tensor:
    """The mean of `pixel_cross_entropy` over the pixels that are not void: a scalar; FCN, section 4.3.

    weight (C,): each pixel counts as much as its class weighs, in the sum and in what it is divided by, as in torch.nn.functional.cross_entropy.
    A batch that is all void gives 0. Raises ValueError as `pixel_cross_entropy` does.
    """
    loss = pixel_cross_entropy(logits, labels, void=void)
    counted = torch.ones_like(loss) if void is None else (labels != void).to(loss.dtype)
    if weight is not None:
        counted = counted * (one_hot(labels, logits.shape[1], void=void) * weight.view(-1, 1, 1)).sum(dim=1)
    return (loss * counted).sum() / counted.sum().clamp(min=1e-6)


def top_k_mean(loss: Tensor, counted: Tensor, share: float) -> Tensor:
    """The mean over the `share` of each image's pixels whose loss is largest ("bootstrapped" cross-entropy): a scalar.

    loss, counted: (N, H, W), the loss of each pixel and whether it counts; void is never chosen. Of an image with n counted pixels
    max(1, round(share * n)) are taken, and the means of the images are averaged; images that are all void leave the mean.
    Source: Wu, Shen and van den Hengel, *Bridging Category-level and Instance-level Semantic Image Segmentation*, 2016; Pohlen et al. (FRRN,
    2017, section 4) take a fixed number of each image. Raises ValueError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(say(en=f"the share of the pixels must lie above 0 and at most at 1, got {share}", ko=f"픽셀의 비율은 0보다 크고 1 이하여야 하는데 {share}이에요. 고쳐 주세요."))
    means = []
    for values, kept in zip(loss, counted, strict=True):
        values = values[kept.bool()]
        if len(values):
            means.append(values.topk(max(1, round(share * len(values)))).values.mean())
    return torch.stack(means).mean() if means else loss.sum() * 0
