"""What a model refuses, in words a reader can act on. While `torch.fx` traces a model there is nothing to look at yet."""

import torch
from torch import fx

from segcourse.language import say


def check_images(images, in_channels):
    """Return `images` if they are floating point (N, in_channels, H, W), else raise ValueError or TypeError."""
    if isinstance(images, fx.Proxy):
        return images
    if not isinstance(images, torch.Tensor):
        raise TypeError(say(en=f"a model takes a tensor (N, {in_channels}, H, W), not {type(images).__name__}",
                            ko=f"모델에는 텐서 (N, {in_channels}, H, W)를 넣어야 하는데 {type(images).__name__}이(가) 들어왔어요. 바꿔 주세요."))
    if images.dim() != 4:
        raise ValueError(say(en=f"a model takes images (N, {in_channels}, H, W), got {tuple(images.shape)}: add the batch axis with images[None]",
                             ko=f"모델에는 이미지 (N, {in_channels}, H, W)를 넣어야 하는데 {tuple(images.shape)}이에요. images[None]으로 배치 축을 더해 주세요."))
    if 0 in images.shape[2:]:
        raise ValueError(say(en=f"the images {tuple(images.shape)} have no pixels: height and width must be at least 1, check how they were "
                                "cut out",
                             ko=f"이미지 {tuple(images.shape)}에 픽셀이 하나도 없어요. 높이와 너비는 1 이상이어야 해요. 잘라 낸 범위를 확인해 주세요."))
    if images.shape[1] != in_channels:
        raise ValueError(say(en=f"the model was made for {in_channels} channels, the images have {images.shape[1]}: convert them, or create the model with in_channels={images.shape[1]}",
                             ko=f"채널이 {in_channels}개인 모델인데 이미지는 {images.shape[1]}개예요. 이미지를 바꾸거나 in_channels={images.shape[1]}로 모델을 만들어 주세요."))
    if not images.is_floating_point():
        raise TypeError(say(en=f"a model takes normalised floating-point images, got {images.dtype}: pass them through datasets.normalise first",
                            ko=f"모델에는 정규화한 실수 이미지를 넣어야 하는데 {images.dtype}이에요. datasets.normalise를 먼저 써 주세요."))
    return images
