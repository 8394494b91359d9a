"""How large the output of a convolution is, and of its transpose."""

from segcourse.language import say


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(say(en=f"{name} must be at least {least}, got {value}", ko=f"{name} 값은 {least} 이상이어야 하는데 {value}이(가) 들어왔어요. 고쳐 주세요."))


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Cells that a convolution or a pooling leaves of `size` cells, along one axis: floor((n + 2p - d(k - 1) - 1) / s) + 1.

    Raises ValueError where the kernel does not fit into the padded input.
    """
    for name, value, least in (("size", size, 1), ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
        _at_least(name, value, least)
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise ValueError(say(en=f"a kernel of {kernel} with dilation {dilation} does not fit into {size} cells with padding {padding}: enlarge the input or the padding",
                             ko=f"팽창률 {dilation}, 크기 {kernel}인 커널은 패딩 {padding}을 더한 {size}칸에 들어가지 않아요. 입력이나 패딩을 키워 주세요."))
    return room // stride + 1


def transposed_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1) -> int:
    """Cells that a transposed convolution makes of `size` cells, along one axis: (n - 1)s - 2p + d(k - 1) + 1 + output_padding.

    Raises ValueError where nothing would be left.
    """
    for name, value, least in (("size", size, 1), ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0),
                               ("output_padding", output_padding, 0), ("dilation", dilation, 1)):
        _at_least(name, value, least)
    made = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding
    if made < 1:
        raise ValueError(say(en=f"padding {padding} cuts everything away: {size} cells with kernel {kernel} and stride {stride} leave {made}; use a smaller padding",
                             ko=f"패딩 {padding}이 전부 잘라 버려요. {size}칸, 커널 {kernel}, 스트라이드 {stride}에서 {made}칸이 남아요. 패딩을 줄여 주세요."))
    return made
