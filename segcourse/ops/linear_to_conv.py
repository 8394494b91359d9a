"""A fully connected layer is a convolution whose kernel is as large as its input (FCN, section 3.1)."""

from torch import nn

from segcourse.language import say
from segcourse.ops.conv import pair


def linear_to_conv(linear: nn.Linear, kernel_size) -> nn.Conv2d:
    """The convolution with the same weights as `linear`, which sees a flattened (C, kH, kW) map.

    `kernel_size` is a number or (kH, kW). The weight (O, C * kH * kW) is read as (O, C, kH, kW); outputs are equal. Weights are copied; dtype and
    device are kept. Raises ValueError where kH * kW does not divide the inputs of `linear`.
    """
    kh, kw = pair(kernel_size)
    if kh < 1 or kw < 1 or linear.in_features % (kh * kw):
        raise ValueError(say(en=f"{linear.in_features} inputs are not a number of channels times {kh}x{kw}: choose the height and width of the map that was flattened",
                             ko=f"입력 {linear.in_features}개는 채널 수 곱하기 {kh}x{kw}로 나누어지지 않아요. 펼치기 전 맵의 높이와 너비를 넣어 주세요."))
    channels = linear.in_features // (kh * kw)
    conv = nn.Conv2d(channels, linear.out_features, (kh, kw), bias=linear.bias is not None,
                     device=linear.weight.device, dtype=linear.weight.dtype)
    conv.weight.data.copy_(linear.weight.data.reshape(linear.out_features, channels, kh, kw))
    if linear.bias is not None:
        conv.bias.data.copy_(linear.bias.data)
    return conv
