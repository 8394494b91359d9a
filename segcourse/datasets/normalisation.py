"""From uint8 pictures to what a network expects."""

import functools

import torch
from torch import Tensor

from segcourse.language import say

IMAGENET_MEAN = (0.485, 0.456, 0.406)   # of torchvision's ImageNet weights, RGB in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """uint8 images (..., 3, H, W) -> float32 of the same shape, as ImageNet-trained networks expect them: (x / 255 - mean) / std.

    Raises ValueError for other than 3 channels, TypeError for floats, which may have been normalised already.
    """
    if images.dtype != torch.uint8:
        raise TypeError(say(en=f"images must be uint8, not {images.dtype}: pass them as datasets give them, before any scaling",
                            ko=f"이미지는 uint8이어야 하는데 {images.dtype}이에요. 데이터 세트가 준 그대로 넣어 주세요."))
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ValueError(say(en=f"images must be (..., 3, H, W), not {tuple(images.shape)}: the third dimension from the end is the colour",
                             ko=f"이미지의 모양은 (..., 3, H, W)여야 하는데 {tuple(images.shape)}이에요. 색 채널을 끝에서 세 번째에 놓아 주세요."))
    mean, std = _levels(images.device)
    return (images.float() - mean) / std


@functools.lru_cache(maxsize=8)
def _levels(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (3, 1, 1) on the scale of 0 to 255; kept, since making them on a GPU waits for it."""
    with torch.inference_mode(False):           # asked for first while scoring, they must serve in training too
        return tuple(torch.tensor(values, device=device).view(3, 1, 1) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
