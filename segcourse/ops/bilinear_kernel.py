"""The kernel with which a transposed convolution interpolates bilinearly (FCN, section 3.3)."""

import torch

from segcourse.language import say


def bilinear_kernel(channels: int, factor: int, kernel_size: int | None = None) -> torch.Tensor:
    """Weights (C, C, k, k) of bilinear enlargement by `factor`, one kernel for each channel and zeros between channels.

    k is 2 * factor (default, FCN's), centred between two cells, or 2 * factor - 1 (a tent, centred on a cell); for FCN-AlexNet 2 * 32 - 1 = 63.
    The weights of every phase add up to 1. Raises ValueError for any other k.
    """
    k = 2 * factor if kernel_size is None else kernel_size
    if channels < 1 or factor < 1 or k not in (2 * factor, 2 * factor - 1):
        raise ValueError(say(en=f"a bilinear kernel for factor {factor} has {2 * factor} or {2 * factor - 1} taps and at least 1 channel, got {k} taps and {channels} channels",
                             ko=f"{factor}배 쌍선형 커널은 탭이 {2 * factor}개나 {2 * factor - 1}개이고 채널이 1개 이상이어야 하는데, 탭 {k}개와 채널 {channels}개가 들어왔어요. 고쳐 주세요."))
    position = torch.arange(k, dtype=torch.float64)
    tent = 1 - (position - (k - 1) / 2).abs() / factor
    weight = torch.zeros(channels, channels, k, k)
    weight[range(channels), range(channels)] = (tent[:, None] * tent).float()
    return weight
