"""The exercises of chapter 01: fc6 as a convolution, stamp and add, the bilinear stamp, where the crop belongs, and what the outlines
cost.
"""

import copy
from fractions import Fraction
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from segcourse import figures, models, ops, training
from segcourse.exercises.engine import Both, Checker, Mistake, Unfit, exercise, gives, numbers
from segcourse.language import josa, say
from segcourse.models.geometry import Grid


def _has_axes(cases, count):
    """Whether every answer is numbers with `count` axes."""
    return all(case.value is not None and case.value.ndim == count for case in cases)


# --- 1 · fc6 as a convolution ---------------------------------------------------------------------------------------------


def _draw_linears(generator):
    """(linear, channels, (height, width)) with float32 weights; the height is never the width, so that a swap of the two shows."""
    for channels, outputs, height, width in [(2, 1, 1, 2), (2, 3, 2, 3), (3, 4, 4, 2), (3, 2, 5, 3), (4, 5, 2, 6), (5, 8, 3, 4)]:
        linear = nn.Linear(channels * height * width, outputs)
        with torch.no_grad():
            for values in (linear.weight, linear.bias):
                values.copy_(torch.randn(values.shape, generator=generator))
        yield linear, channels, (height, width)


def _map_for(channels, kernel_size):
    """A random map (2, channels, height + 1, width + 2) in float64: the kernel fits into it in six places."""
    height, width = kernel_size
    generator = torch.Generator().manual_seed(height * 10 + width)
    return torch.randn(2, channels, height + 1, width + 2, generator=generator, dtype=torch.float64)


def _linear_on_crops(linear, channels, kernel_size):
    """torch's answer: the fully connected layer on each crop of the map, (2, outputs, 2, 3)."""
    height, width = kernel_size
    crops = _map_for(channels, kernel_size).unfold(2, height, 1).unfold(3, width, 1).permute(0, 2, 3, 1, 4, 5)
    return copy.deepcopy(linear).double()(crops.flatten(3)).permute(0, 3, 1, 2)


def _convolution_of(raw):
    """(weight, bias) of what a learner gave: an nn.Conv2d, or the two themselves. Raises Unfit for anything else."""
    if isinstance(raw, nn.Conv2d):
        return raw.weight, raw.bias
    pair = isinstance(raw, (tuple, list)) and len(raw) == 2
    if pair and isinstance(raw[0], torch.Tensor) and isinstance(raw[1], (torch.Tensor, type(None))):
        return raw[0], raw[1]
    raise Unfit(say(en=f"The pair weight, bias was expected (or an nn.Conv2d), and your function gives {type(raw).__name__}.",
                    ko=f"weight와 bias 한 쌍(또는 nn.Conv2d)이 나와야 하는데 {type(raw).__name__} 값이 나왔어요."))


def _on_the_map(raw, inputs):
    """The learner's convolution on the same map, in float64: the weights are only moved, so this costs no accuracy."""
    linear, channels, (height, width) = inputs
    weight, bias = _convolution_of(raw)
    wanted = (linear.out_features, channels, height, width)
    if tuple(weight.shape) != wanted:
        raise Unfit(say(en=f"The weight must have the shape {wanted}, and yours is {tuple(weight.shape)}.",
                        ko=f"weight의 모양이 {josa(wanted, '이어야/여야')} 하는데 {josa(tuple(weight.shape), '이에요/예요')}."))
    if bias is not None and tuple(bias.shape) != wanted[:1]:
        raise Unfit(say(en=f"The bias must have the shape {wanted[:1]}, and yours is {tuple(bias.shape)}.",
                        ko=f"bias의 길이가 {josa(wanted[0], '이어야/여야')} 하는데 모양이 {josa(tuple(bias.shape), '이에요/예요')}."))
    conv = raw if isinstance(raw, nn.Conv2d) else None
    x = _map_for(channels, (height, width))
    if conv is not None:
        return copy.deepcopy(conv).double()(x).detach()
    return F.conv2d(x, weight.detach().double(), None if bias is None else bias.detach().double())


def _weights(case):
    """(learner's weight, learner's bias, linear's weight, linear's bias), each flat; None where the answer is no convolution."""
    try:
        weight, bias = _convolution_of(case.raw)
    except Unfit:
        return None
    linear = case.inputs[0]
    own = torch.zeros(linear.out_features) if bias is None else bias.detach().flatten().float()
    return weight.detach().flatten().float(), own, linear.weight.detach().flatten(), linear.bias.detach()


def _only_the_bias(cases):
    found = [_weights(case) for case in cases]
    return all(parts is not None and torch.equal(parts[0], parts[2]) and not torch.equal(parts[1], parts[3]) for parts in found)


def _other_order(cases):
    found = [_weights(case) for case in cases]
    return all(parts is not None and torch.equal(parts[0].sort()[0], parts[2].sort()[0]) for parts in found)


def _other_weights(cases):
    return all(_weights(case) is not None for case in cases)


@exercise(
    title=Both(en="fc6 as a convolution", ko="fc6을 합성곱으로"), minutes=10, difficulty=1,
    task=Both(
        en="""
A fully connected layer sees a map of `channels` x height x width, flattened. Give it the shape of a convolution that computes the same.

* `linear`: an `nn.Linear(channels * height * width, outputs)` with a bias
* `channels`: a number; `kernel_size`: the pair `(height, width)`, and the two differ
* gives `weight` of the shape `(outputs, channels, height, width)` and `bias` of the shape `(outputs,)`. An `nn.Conv2d` will do, too.

The check lets your convolution slide over random maps and asks the fully connected layer for each crop. They must agree to 1e-9. That is
fair: you only move the weights and compute nothing new, and the check itself computes in float64.
""",
        ko="""
완전 연결층 하나가 `channels` x 높이 x 너비 맵을 한 줄로 펼쳐서 봐요. 똑같은 계산을 하는 합성곱으로 바꿔 보세요.

* `linear`는 편향(bias)이 있는 `nn.Linear(channels * height * width, outputs)`예요.
* `channels`는 숫자, `kernel_size`는 `(height, width)` 쌍이에요. 높이와 너비는 서로 달라요.
* 모양이 `(outputs, channels, height, width)`인 `weight`와 `(outputs,)`인 `bias`를 돌려주세요. `nn.Conv2d`를 돌려줘도 돼요.

채점할 때는 여러분의 합성곱을 무작위 맵 위에서 밀고, 자리마다 조각을 잘라 완전 연결층에도 물어봐요. 두 답의 차이가 1e-9 안이면 돼요. 가중치는 자리만 옮길 뿐 새로 계산하는 것이 없고, 채점은 float64로 하니까 넉넉한 기준이에요.
"""),
    hints=(
        Both(en="`x.flatten(1)` of a map `(N, C, H, W)` writes the channels one after the other, and in each of them row after row. In "
                "which order do the columns of `linear.weight` stand, then?",
             ko="`(N, C, H, W)` 맵에 `x.flatten(1)`을 하면 채널이 차례로 놓이고, 채널 안에서는 줄이 차례로 놓여요. 그러면 `linear.weight`의 열은 어떤 순서일까요?"),
        Both(en="Each row of `linear.weight` belongs to one output. It becomes one filter.",
             ko="`linear.weight`의 한 행이 출력 하나의 가중치예요. 그 행이 필터 하나가 돼요."),
        Both(en="`view` reads the same numbers in a new shape: `linear.weight.view(outputs, channels, height, width)`.",
             ko="`view`는 같은 숫자를 새 모양으로 읽어요. `linear.weight.view(outputs, channels, height, width)`면 돼요."),
    ),
    checker=Checker(
        draw=_draw_linears,
        truths=(lambda linear, channels, kernel_size: ops.linear_to_conv(linear, kernel_size).double()(_map_for(channels, kernel_size)),
                _linear_on_crops),
        describe=lambda inputs: f"nn.Linear({inputs[0].in_features}, {inputs[0].out_features}), channels={inputs[1]}, "
                                f"kernel_size={inputs[2]}",
        read=_on_the_map, tolerance=1e-9, against=Both(en="nn.Linear and ops.linear_to_conv", ko="nn.Linear와 ops.linear_to_conv가 낸"),
        mistakes={
            "padding": Mistake(
                Both(en="The convolution gives a map of another size. The fully connected layer fits in without a frame and sees every "
                        "place once: no padding, stride 1.",
                     ko="합성곱이 내는 맵의 크기가 달라요. 완전 연결층에는 덧댄 테두리가 없고 자리를 건너뛰지도 않아요. 패딩은 0, 스트라이드는 1로 두세요."),
                lambda cases: all(case.value is not None and case.value.shape != case.truth.shape for case in cases)),
            "bias": Mistake(
                Both(en="The weights are right, the bias is not. A convolution has one number for each output, too: take the one of "
                        "`linear`.",
                     ko="가중치는 맞는데 편향이 달라요. 합성곱에도 출력마다 편향이 하나씩 있어요. `linear`의 편향을 그대로 쓰세요."), _only_the_bias),
            "order": Mistake(
                Both(en="All weights are there, but not in their places. Flattening puts the channels first, then the rows, then the "
                        "columns; read them back in that order: channels, height, width. Nothing has to be transposed.",
                     ko="가중치는 다 있는데 자리가 바뀌었어요. 펼칠 때 채널, 줄, 칸 순서로 놓였으니 읽을 때도 채널, 높이, 너비 순서로 읽어야 해요. 축을 바꿀 일은 없어요."),
                _other_order),
            "fresh": Mistake(
                Both(en="These are not the weights of `linear`. A new convolution of the same size is another function: its weights have "
                        "to be copied from the layer.",
                     ko="`linear`의 가중치가 아니에요. 크기만 같은 새 합성곱은 전혀 다른 함수예요. 층의 가중치를 그대로 옮겨 담아야 해요."), _other_weights),
        }),
)
def fc6_as_conv(linear, channels, kernel_size):
    """(weight (O, C, H, W), bias (O,)) of the convolution that computes what `linear` computes of a flattened (C, H, W) map. FCN, section
    3.1.

    Checked on random maps against nn.Linear on every crop and against ops.linear_to_conv, within 1e-9 in float64: fair, since weights are
    moved, not computed.
    """
    height, width = kernel_size
    outputs = linear.out_features
    weight = linear.weight.view(outputs, channels, height, width)  # hole  # (outputs, channels, height, width)
    bias = linear.bias  # hole  # (outputs,)
    return weight, bias


# --- 2 · stamp and add ----------------------------------------------------------------------------------------------------


def _draw_maps(generator):
    """(x, kernel, stride) in float64: whole numbers first, which a reader can check in their head; the stride is below, at and above the
    kernel's size.

    The others are multiples of 1/8: whoever begins with a float32 torch.zeros(...) gets the same sums to the last bit.
    """
    shapes = [((1, 2), (3, 3), 2), ((2, 2), (2, 3), 1), ((2, 3), (3, 2), 2), ((3, 2), (4, 4), 2), ((2, 2), (1, 3), 3), ((3, 3), (5, 4), 3),
              ((4, 2), (2, 2), 2), ((1, 1), (3, 5), 4), ((5, 4), (3, 3), 2), ((3, 6), (6, 4), 4)]
    for number, (size, kernel, stride) in enumerate(shapes):
        if number < 4:
            yield _whole(size, generator), _whole(kernel, generator), stride
        else:
            yield _eighths(size, generator), _eighths(kernel, generator), stride


def _whole(size, generator):
    """Whole numbers from 1 to 5, never 0, so that a stamp which is missing shows."""
    return torch.randint(1, 6, size, generator=generator).double()


def _eighths(size, generator):
    return torch.randn(size, generator=generator, dtype=torch.float64).mul(8).round() / 8


def _stamped(x, kernel, stride):
    return ops.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def _averaged(x, kernel, stride):
    return _stamped(x, kernel, stride) / ops.stamp_count(tuple(x.shape), tuple(kernel.shape), stride).clamp(min=1)


def _presses(x, kernel, step):
    """(place on the paper, print) of each cell, in reading order."""
    for y in range(x.shape[0]):
        for column in range(x.shape[1]):
            rows = slice(y * step, y * step + kernel.shape[0])
            columns = slice(column * step, column * step + kernel.shape[1])
            yield (rows, columns), x[y, column] * kernel


def _last_wins(x, kernel, stride):
    paper = torch.zeros_like(_stamped(x, kernel, stride))
    for place, stamp in _presses(x, kernel, stride):
        paper[place] = stamp
    return paper


def _one_cell_on(x, kernel, stride):
    """Stamps that move by one cell, on paper of the right size."""
    paper = torch.zeros_like(_stamped(x, kernel, stride))
    small = _stamped(x, kernel, 1)
    paper[:small.shape[0], :small.shape[1]] = small[:paper.shape[0], :paper.shape[1]]
    return paper


def _stamp_picture(case):
    differs = ((case.truth - case.value).abs() > 1e-9).nonzero()[0].tolist()
    return figures.grids([(case.truth, "output", say(en="expected", ko="기대한 값")), (case.value, "output", say(en="yours", ko="나온 값"))],
                         operators=("",), highlights=[tuple(differs)] * 2)


@exercise(
    title=Both(en="Stamp and add", ko="찍고 더하기"), minutes=20, difficulty=2,
    task=Both(
        en="""
Write the transposed convolution of one channel in plain loops: every cell of `x` presses the kernel, multiplied with its number, and the
next cell presses `stride` cells further.

* `x`: a tensor of the shape `(height, width)`; `kernel`: `(rows, columns)`; `stride`: a number from 1 on, the same down and across
* gives the paper, a tensor `(out_height, out_width)`, just large enough for all stamps

The check compares with `F.conv_transpose2d` and with `ops.conv_transpose2d`. A difference of up to 1e-9 is let pass, and that is fair: all
numbers are multiples of 1/8, whose sums come out exactly in float32 and float64 alike.
""",
        ko="""
채널이 하나인 전치 합성곱을 반복문만으로 써 보세요. `x`의 칸마다 자기 숫자를 곱한 커널을 찍고, 옆 칸은 `stride`칸 떨어진 자리에 찍어요.

* `x`는 모양이 `(height, width)`인 텐서, `kernel`은 `(rows, columns)`, `stride`는 1 이상이고 세로와 가로가 같아요.
* 도장이 모두 들어가는 가장 작은 종이를 텐서 `(out_height, out_width)`로 돌려주세요.

채점은 `F.conv_transpose2d`, `ops.conv_transpose2d`와 견줘요. 차이가 1e-9 안이면 돼요. 입력이 모두 1/8의 배수라서 float32로 더해도 float64로 더해도 오차가 없으니 넉넉한 기준이에요.
"""),
    hints=(
        Both(en="Begin with paper full of zeros. How far does the last stamp reach?", ko="0으로 채운 종이에서 시작해요. 마지막 도장은 어디까지 닿을까요?"),
        Both(en="The stamp of cell `(y, x)` has its top left corner at `(y * stride, x * stride)`. Which cells of the paper does it cover?",
             ko="`(y, x)` 칸의 도장은 왼쪽 위가 `(y * stride, x * stride)`에 놓여요. 그러면 종이의 어느 칸을 덮을까요?"),
        Both(en="The last stamp begins at `(height - 1) * stride` and is `rows` high; so that is the size. In the loops stands one line "
                "with `+=`.",
             ko="마지막 도장은 `(height - 1) * stride`에서 시작하고 높이가 `rows`예요. 그게 종이의 높이예요. 반복문 안에는 `+=`가 있는 한 줄이면 돼요."),
    ),
    checker=Checker(
        draw=_draw_maps,
        truths=(_stamped, lambda x, kernel, stride: F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]),
        describe=lambda inputs: _describe_stamps(*inputs), read=numbers, tolerance=1e-9, picture=_stamp_picture,
        against=Both(en="F.conv_transpose2d and ops.conv_transpose2d", ko="F.conv_transpose2d와 ops.conv_transpose2d가 낸"),
        mistakes={
            "average": Mistake(
                Both(en="Where stamps overlap you took their average. Nothing is divided: prints are added, and that is all.",
                     ko="도장이 겹친 칸에서 평균을 냈네요. 나눌 일은 없어요. 찍힌 값을 더하기만 하면 끝이에요."), gives(_averaged)),
            "assignment": Mistake(
                Both(en="A later stamp wipes out what an earlier one had printed. `=` replaces; which sign adds?",
                     ko="나중에 찍은 도장이 먼저 찍은 값을 지우고 있어요. `=`는 바꿔 써요. 더하려면 어떤 기호를 써야 할까요?"), gives(_last_wins)),
            "stride": Mistake(
                Both(en="Your stamps lie one cell apart. One cell on in `x` is `stride` cells on along the paper.",
                     ko="도장이 한 칸씩만 움직여요. `x`에서 한 칸 옆이면 종이에서는 `stride`칸 옆이에요."),
                gives(_one_cell_on, lambda x, kernel, stride: _stamped(x, kernel, 1))),
            "flipped": Mistake(
                Both(en="Your stamp is upside down. The kernel is pressed as it stands: `kernel[0, 0]` lands in the top left corner of "
                        "each print.",
                     ko="도장이 뒤집혔어요. 커널은 있는 그대로 찍어요. `kernel[0, 0]`은 도장 자리의 왼쪽 위에 떨어져요."),
                gives(*(lambda x, kernel, stride, axes=axes: _stamped(x, kernel.flip(axes), stride) for axes in ((0, 1), (0,), (1,))))),
            "size": Mistake(
                Both(en="Your paper has the wrong size. The last stamp begins at `(height - 1) * stride` and is as high as the kernel: the "
                        "paper ends where it ends.",
                     ko="종이 크기가 달라요. 마지막 도장은 `(height - 1) * stride`에서 시작하고 커널만큼 커요. 종이도 딱 거기까지예요."),
                lambda cases: _has_axes(cases, 2) and all(case.value.shape != case.truth.shape for case in cases)),
        }),
)
def stamp_and_add(x, kernel, stride):
    """The transposed convolution of x (H, W) with kernel (kH, kW): ((H - 1) * stride + kH, (W - 1) * stride + kW). FCN, section 3.3.

    Checked against torch's and the package's own within 1e-9: fair, since all numbers are multiples of 1/8, whose sums are exact
    in float32 and float64.
    """
    height, width = x.shape
    rows, columns = kernel.shape
    paper = x.new_zeros((height - 1) * stride + rows, (width - 1) * stride + columns)  # hole  # en: how large? | ko: 크기는?
    for y in range(height):
        for column in range(width):
            top, left = y * stride, column * stride  # hole  # en: where the stamp begins | ko: 도장이 시작하는 자리
            paper[top:top + rows, left:left + columns] += x[y, column] * kernel  # hole  # en: press it | ko: 찍기
    return paper


def _describe_stamps(x, kernel, stride):
    def shown(values):
        whole = values.numel() <= 9 and bool((values == values.round()).all())
        return f"{tuple(values.shape)} {values.int().tolist()}" if whole else f"{tuple(values.shape)}"

    return f"x {shown(x)}, kernel {shown(kernel)}, stride {stride}"


# --- 3 · the bilinear stamp -----------------------------------------------------------------------------------------------


def _draw_factors(generator):
    """(factor,), each once, in a random order that begins with an even one; with odd factors and powers of 2."""
    rest = [3, 4, 5, 6, 7, 8, 9]
    yield (2,)
    for place in torch.randperm(len(rest), generator=generator).tolist():
        yield (rest[place],)


def _interpolated_dot(factor):
    """torch's answer: a dot in a 3x3 picture, looked up by grid_sample at the places of the 2 * factor pixels around it, in float64."""
    dot = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    dot[..., 1, 1] = 1
    places = (torch.arange(2 * factor, dtype=torch.float64) - (2 * factor - 1) / 2) / factor     # in cells from the dot
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    return F.grid_sample(dot, torch.stack([columns, rows], -1)[None], align_corners=True)[0, 0]


def _tent(taps, centre, factor):
    """(taps, taps): the product of two tents of half-width `factor` around tap `centre`."""
    tent = (1 - (torch.arange(taps, dtype=torch.float64) - centre).abs() / factor).clamp(min=0)
    return tent[:, None] * tent


def _copies(factor):
    """What copies the nearest cell: factor x factor ones in the middle, or the ones alone."""
    def in_the_middle(first):
        paper = torch.zeros(2 * factor, 2 * factor, dtype=torch.float64)
        paper[first:first + factor, first:first + factor] = 1
        return paper
    return [in_the_middle(factor // 2), in_the_middle((factor + 1) // 2), in_the_middle(0), torch.ones(factor, factor, dtype=torch.float64),
            torch.ones(2 * factor, 2 * factor, dtype=torch.float64)]


def _pyramid(factor):
    line = 1 - (torch.arange(2 * factor, dtype=torch.float64) - factor + 0.5).abs() / factor
    return torch.minimum(line[:, None], line)


def _bilinear_picture(case):
    expected, yours = say(en="expected", ko="기대한 값"), say(en="yours", ko="나온 값")
    return figures.grids([(case.truth, "kernel", expected), (case.value, "kernel", yours)], operators=("",))


@exercise(
    title=Both(en="The bilinear stamp", ko="쌍선형 도장"), minutes=15, difficulty=2,
    task=Both(
        en="""
With which stamp does a transposed convolution of stride `factor` interpolate bilinearly?

* `factor`: a whole number from 2 on, even or odd
* gives a tensor of the shape `(2 * factor, 2 * factor)`, for one channel

The check compares with `ops.bilinear_kernel` and with a dot that `F.grid_sample` interpolates. 1e-6 is fair: the package keeps its weights
in float32, and the smallest right weight is above 1e-3.
""",
        ko="""
스트라이드가 `factor`인 전치 합성곱이 쌍선형 보간을 하려면 어떤 도장을 찍어야 할까요?

* `factor`는 2 이상의 정수예요. 짝수일 때도 홀수일 때도 있어요.
* 채널 하나에 쓸, 모양이 `(2 * factor, 2 * factor)`인 텐서를 돌려주세요.

채점은 `ops.bilinear_kernel`과 견주고, 점 하나를 `F.grid_sample`로 보간한 값과도 견줘요. 차이가 1e-6 안이면 돼요. 패키지는 가중치를 float32로 두고, 올바른 가중치는 가장 작아도 1e-3보다 커요.
"""),
    hints=(
        Both(en="Begin in one dimension. A pixel right on a cell takes all of it, and the weight falls evenly to 0 one whole cell away. "
                "How many pixels is one cell?",
             ko="한 줄에서 시작해요. 칸 한가운데에 있는 픽셀은 그 칸의 값을 그대로 받고, 한 칸 떨어지면 가중치가 고르게 줄어 0이 돼요. 한 칸은 몇 픽셀일까요?"),
        Both(en="There are `2 * factor` taps, an even number. So the top of the tent lies between two of them: where exactly?",
             ko="탭이 `2 * factor`개, 짝수예요. 그러니 텐트 꼭대기는 두 탭 사이에 있어요. 정확히 어디일까요?"),
        Both(en="Line: `1 - (position - (factor - 0.5)).abs() / factor`. The square: each row's weight times each column's.",
             ko="한 줄은 `1 - (position - (factor - 0.5)).abs() / factor`예요. 네모는 행의 가중치와 열의 가중치를 곱하면 돼요."),
    ),
    checker=Checker(
        draw=_draw_factors, truths=(lambda factor: ops.bilinear_kernel(1, factor)[0, 0], _interpolated_dot),
        describe=lambda inputs: f"factor {inputs[0]}", read=numbers, tolerance=1e-6, picture=_bilinear_picture,
        against=Both(en="ops.bilinear_kernel and F.grid_sample", ko="ops.bilinear_kernel, F.grid_sample이 낸"),
        mistakes={
            "odd": Mistake(
                Both(en="That is the tent of `2 * factor - 1` taps, with its top on a tap. It interpolates, too, but half a pixel beside "
                        "FCN's: here an even number of taps is asked for, and the top lies between two.",
                     ko="탭이 `2 * factor - 1`개이고 꼭대기가 탭 위에 있는 텐트예요. 이것도 보간은 하는데 FCN의 커널과 반 픽셀 어긋나요. 여기서는 탭이 짝수 개이고 꼭대기가 두 탭 사이에 있어요."),
                gives(lambda factor: _tent(2 * factor - 1, factor - 1, factor))),
            "centre": Mistake(
                Both(en="Your tent is not in the middle. Of taps 0 to `2 * factor - 1` the middle is `factor - 0.5`.",
                     ko="텐트가 한가운데에 있지 않아요. 0번부터 `2 * factor - 1`번까지 탭의 한가운데는 `factor - 0.5`예요."),
                gives(lambda factor: _tent(2 * factor, factor - 1, factor), lambda factor: _tent(2 * factor, factor, factor))),
            "sum": Mistake(
                Both(en="You made all weights add up to 1. But several stamps meet in each pixel: what must be 1 is the sum of the weights "
                        "that meet there. All weights of one stamp add up to `factor ** 2`.",
                     ko="도장 하나의 가중치를 모두 더해 1로 맞췄네요. 그런데 픽셀 하나에서는 도장이 여러 개 만나요. 거기서 만나는 가중치의 합이 1이어야 해요. 도장 하나의 가중치를 다 더하면 "
                        "`factor ** 2`예요."),
                gives(lambda factor: _tent(2 * factor, factor - 0.5, factor) / factor ** 2, tolerance=1e-7)),
            "nearest": Mistake(
                Both(en="That stamp copies: its weights are all 1. Bilinear weights fall with the distance.",
                     ko="그 도장은 복사를 해요. 가중치가 전부 1이거든요. 쌍선형 가중치는 멀어질수록 작아져요."),
                gives(*(lambda factor, which=which: _copies(factor)[which] for which in range(5)))),
            "pyramid": Mistake(
                Both(en="You took the smaller of the two weights. Bilinear means linear down *and* across: multiply the row's weight with "
                        "the column's.",
                     ko="두 가중치 중 작은 쪽을 골랐네요. 쌍선형은 세로로도 가로로도 선형이라는 뜻이에요. 행의 가중치와 열의 가중치를 곱하세요."), gives(_pyramid)),
            "line": Mistake(
                Both(en="That is one line of the stamp. Give each row and each column its weight, `line[:, None] * line`, and you have the "
                        "square.",
                     ko="도장의 한 줄만 나왔어요. 행과 열에 가중치를 하나씩 주고 `line[:, None] * line`처럼 곱하면 네모가 돼요."),
                lambda cases: _has_axes(cases, 1)),
        }),
)
def bilinear_weights(factor):
    """The (2 * factor, 2 * factor) weights with which a transposed convolution of stride `factor` interpolates bilinearly. FCN, section
    3.3.

    Checked against ops.bilinear_kernel and F.grid_sample within 1e-6: fair, since the package's weights are float32 and the smallest right
    weight is 1 / (4 * factor ** 2), above 1e-3.
    """
    position = torch.arange(2 * factor, dtype=torch.float64)
    centre = factor - 0.5  # hole  # en: of the taps | ko: 탭의 한가운데
    line = 1 - (position - centre).abs() / factor  # hole  # en: weights in one dimension | ko: 한 줄의 가중치
    return line[:, None] * line  # hole


# --- 4 · where the crop belongs -------------------------------------------------------------------------------------------


def _as_layers(modules):
    """nn modules as the tuples of this exercise: ("down" or "up", kernel, stride, padding); what has no kernel is left out."""
    def first(value):
        return value[0] if isinstance(value, tuple) else value

    return [("up" if isinstance(layer, nn.ConvTranspose2d) else "down", first(layer.kernel_size), first(layer.stride), first(layer.padding))
            for layer in modules if hasattr(layer, "kernel_size")]


@cache
def _paths(name):
    model = models.create(name, num_classes=2, width=1 / 64)       # kernels, strides and paddings are those of the full width
    trunk, ups = dict(model.features.named_children()), [layer for layer in model.children() if isinstance(layer, nn.ConvTranspose2d)]
    after = [model.fc6, model.fc7, model.score_fr]
    found = {}
    for cropped in model.crop_offsets():
        start = list(trunk).index(cropped.removeprefix("score_")) + 1 if cropped.startswith("score_") else 0
        count = {"score_pool4": 1, "score_pool3": 2}.get(cropped, len(ups))
        found[cropped] = tuple(_as_layers([*list(trunk.values())[start:], *after, *ups[:count]]))
    return found


def paths(name: str) -> dict[str, list[tuple]]:
    """Every crop in the network `name` ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet") with the paper's padding: the map that is cropped ->
    the layers (kind, kernel, stride, padding) which lie between the two maps that have to fit. Raises ValueError for another name.
    """
    if name not in ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet"):
        raise ValueError(say(en=f"no network of this exercise is called {name!r}: choose fcn32s, fcn16s, fcn8s or fcn_alexnet",
                             ko=f"이 문제에 {name!r}라는 네트워크는 없어요. fcn32s, fcn16s, fcn8s, fcn_alexnet 가운데서 골라 주세요."))
    return {cropped: list(layers) for cropped, layers in _paths(name).items()}


def _grid_after(layers):
    makers = {"up": nn.ConvTranspose2d, "down": nn.Conv2d}
    return Grid().after_all(makers[kind](1, 1, kernel, stride=stride, padding=padding, device="meta")
                            for kind, kernel, stride, padding in layers)


def _crop_of(layers):
    """The package's answer: the grids of models.geometry."""
    return abs(_grid_after(layers).offset_in(Grid()))


def _crop_of_a_ramp(layers):
    """torch's answer: a ramp whose every pixel says where it is, sent through averages and bilinear stamps; its middle is read off."""
    ramp = torch.arange(6000, dtype=torch.float64)[None, None]
    for kind, kernel, stride, padding in layers:
        if kind == "down":
            ramp = F.conv1d(ramp, torch.full((1, 1, kernel), 1 / kernel, dtype=torch.float64), stride=stride, padding=padding)
        else:
            tent = 1 - (torch.arange(kernel, dtype=torch.float64) - (kernel - 1) / 2).abs() / stride
            ramp = F.conv_transpose1d(ramp, tent[None, None], stride=stride, padding=padding)
    middle = ramp.shape[-1] // 2
    return abs(round(ramp[0, 0, middle].item() - middle))


def _draw_stacks(generator):
    """(layers,): a stack that one can follow in one's head, two random ones, every crop of the four networks, and nine random ones again.

    Random stacks whose cells do not meet, since an even and an odd kernel leave half a cell, are drawn again.
    """
    def pick(*choices):
        return choices[int(torch.randint(len(choices), (1,), generator=generator))]

    def stack():
        strides = [pick(2, 2, 3) for _ in range(pick(1, 2, 3))]
        layers = []
        for stride in strides:
            layers += [("down", pick(1, 3, 5, 4), 1, pick(0, 1, 2)) for _ in range(pick(0, 1, 2))]
            layers.append(("down", pick(stride, 3, 5), stride, pick(0, 0, 1)))
        layers.append(("down", pick(1, 4, 7), 1, 0))
        if pick(True, True, False):
            kind, kernel, stride, _ = layers[0]
            layers[0] = (kind, kernel, stride, pick(20, 35, 50, 100))
        product = 1
        for stride in strides:
            product *= stride
        ups = pick([product], strides[::-1])
        return layers + [("up", pick(2 * stride, 2 * stride - 1), stride, pick(0, 0, 1)) for stride in ups]

    def fitting():
        while True:
            layers = stack()
            shift = _grid_after(layers).shift
            if shift.denominator == 1 and shift != 0:
                return (layers,)

    yield ([("down", 2, 2, 0), ("up", 4, 2, 0)],)
    yield from (fitting() for _ in range(2))
    for name in ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet"):
        yield from ((layers,) for layers in paths(name).values())
    yield from (fitting() for _ in range(9))


def _describe_layers(inputs):
    layers = list(inputs[0])
    for name in ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet"):
        for cropped, own in paths(name).items():
            if own == layers:
                return f"exercises.fcn.paths({name!r})[{cropped!r}]"
    return f"layers {layers}"


def _a_number(raw, inputs=()):
    """One number; a Fraction or a tensor of one element will do."""
    return numbers(float(raw) if isinstance(raw, Fraction) else raw)


def _shift(layers, *, middle=lambda kernel, padding: Fraction(kernel - 1, 2) - padding, scaled=True, scale_first=True):
    """Where cell 0 of the last map lies, in cells of the first one, with one thing of it changed."""
    scale, shift = Fraction(1), Fraction(0)
    for kind, kernel, stride, padding in layers:
        step = middle(kernel, padding)
        if kind == "down":
            shift += (scale if scaled else 1) * step
            scale *= stride
        else:
            shift -= (scale / stride if scale_first else scale) * step if scaled else step
            scale /= stride
    return shift


def _wrong_shift(**changed):
    return lambda layers: float(abs(_shift(layers, **changed)))


def _unpadded(largest):
    """The answer of someone who leaves out every padding above `largest`."""
    def crop(layers):
        less = [(kind, kernel, stride, padding if padding <= largest else 0) for kind, kernel, stride, padding in layers]
        return float(abs(_shift(less)))
    return crop


def _half_the_difference(cases):
    """Whether half of what the size grows or shrinks explains the answers, for some picture of 64 to 1024 pixels and some way of
    rounding.
    """
    def sizes_agree(size, ceil, rounded):
        for case in cases:
            made = size
            for kind, kernel, stride, padding in case.inputs[0]:
                if kind == "up":
                    made = (made - 1) * stride + kernel - 2 * padding
                else:
                    room = made + 2 * padding - kernel
                    made = (-(-room // stride) if ceil and stride > 1 else room // stride) + 1
            if abs(case.value.item()) != rounded(abs(made - size)):
                return False
        return True

    return _has_axes(cases, 0) and any(
        sizes_agree(size, ceil, rounded) for size in range(64, 1025) for ceil in (False, True)
        for rounded in (lambda grown: grown // 2, lambda grown: (grown + 1) // 2, lambda grown: grown / 2))


def _one_number_for_all(cases):
    return len(cases) >= 3 and _has_axes(cases, 0) and len({case.value.item() for case in cases}) == 1


def _negative(cases):
    return _has_axes(cases, 0) and all(abs(case.value.item() + case.truth.item()) < 1e-6 for case in cases)


@exercise(
    title=Both(en="Where the crop belongs", ko="어디서부터 자를까요?"), minutes=30, difficulty=3,
    task=Both(
        en="""
A map goes down through convolutions and poolings, and up again through transposed convolutions. By how many cells must one of the two maps
be cut at the top left, so that cell 0 of the last one lies right over cell 0 of the first?

* `layers`: a list of `(kind, kernel, stride, padding)`; `kind` is `"down"` (convolution or pooling) or `"up"` (transposed convolution)
* gives a whole number from 0 on: how much to cut off the last map where it begins too far out, or off the first one where the last begins
  further in

Follow the centres: let cell `i` of a map lie over pixel `scale * i + shift`, and see what a layer makes of the two. The size of the picture
plays no part. For the paper's networks the answers are the numbers in braces that you saw above; `exercises.fcn.paths("fcn8s")` gives the
layers of each crop.

The check draws random stacks, too, and compares with `models.geometry` and with a ramp, a map in which each pixel holds its own place, that
torch sends through the same layers. 1e-6 is fair: the answer is a whole number, and a third in float64 is off by 1e-16.
""",
        ko="""
맵이 합성곱과 풀링을 지나 작아졌다가 전치 합성곱을 지나 다시 커져요. 마지막 맵의 0번 칸이 처음 맵의 0번 칸 바로 위에 오려면, 두 맵 중 하나를 왼쪽 위에서 몇 칸 잘라야 할까요?

* `layers`는 `(kind, kernel, stride, padding)`의 목록이에요. `kind`는 `"down"`(합성곱이나 풀링) 아니면 `"up"`(전치 합성곱)이에요.
* 0 이상의 정수를 돌려주세요. 마지막 맵이 더 바깥에서 시작하면 마지막 맵을, 더 안쪽에서 시작하면 처음 맵을 그만큼 잘라요.

칸의 중심을 따라가 보세요. 맵의 `i`번 칸이 픽셀 `scale * i + shift` 위에 있다고 하고, 층을 지날 때 두 수가 어떻게 바뀌는지 보면 돼요. 사진 크기는 상관없어요. 논문의 네트워크를 넣으면 앞에서 본 중괄호 안의 숫자가 나와요.
자르는 자리마다 어떤 층을 지나는지는 `exercises.fcn.paths("fcn8s")`가 알려 줘요.

채점할 때는 무작위로 쌓은 층도 넣어서 `models.geometry`와 견주고, 픽셀마다 제 위치를 적은 맵(경사면)을 torch로 같은 층에 통과시킨 값과도 견줘요. 차이가 1e-6 안이면 돼요. 답은 정수이고, float64로 3분의 1을 적어도
오차는 1e-16쯤이니까요.
"""),
    hints=(
        Both(en="One layer first: a pooling of 2, stride 2. Its cell 0 covers pixels 0 and 1. Over which place does its centre lie, and "
                "how far is it to the centre of cell 1?",
             ko="층 하나만 놓고 봐요. 2x2, 스트라이드 2 풀링의 0번 칸은 픽셀 0과 1을 덮어요. 중심은 어디일까요? 1번 칸의 중심까지는 얼마나 떨어져 있을까요?"),
        Both(en="Down: cell 0 begins at `-padding` and is `kernel` cells wide, so its centre lies `(kernel - 1) / 2 - padding` cells on. "
                "These are cells of the map before, each `scale` pixels apart. Only then `scale` grows.",
             ko="내려갈 때 0번 칸은 `-padding`에서 시작하고 너비가 `kernel`칸이에요. 그래서 중심은 `(kernel - 1) / 2 - padding`칸 옆이에요. 이때 한 칸은 앞 맵의 칸이라 "
                "`scale`픽셀이에요. `scale`은 그다음에 커져요."),
        Both(en="Up is the same, read backwards: the *old* cell lies `(kernel - 1) / 2 - padding` *new* cells from new cell 0. So first "
                "`scale = scale / stride`, then `shift = shift - scale * middle`.",
             ko="올라갈 때는 거꾸로 읽어요. *앞* 맵의 칸이 *새* 맵의 0번 칸에서 새 칸으로 `(kernel - 1) / 2 - padding`만큼 떨어져 있어요. 그러니 먼저 `scale = scale / stride`, "
                "그다음 `shift = shift - scale * middle`이에요."),
    ),
    checker=Checker(
        draw=_draw_stacks, truths=(_crop_of, _crop_of_a_ramp), describe=_describe_layers, read=_a_number, tolerance=1e-6,
        against=Both(en="models.geometry and a ramp in torch", ko="models.geometry와 torch의 경사면이 낸"),
        mistakes={
            "constant": Mistake(
                Both(en="The same number for different layers: it is remembered, not derived. Change one padding by 1 and the crop has to "
                        "follow.",
                     ko="층이 달라도 같은 숫자가 나와요. 구한 값이 아니라 외운 값이에요. 패딩 하나를 1만 바꿔도 자르는 자리가 따라 바뀌어야 해요."), _one_number_for_all),
            "sign": Mistake(
                Both(en="The amount is right, the sign is not: what is cut off is never negative.",
                     ko="크기는 맞는데 부호가 반대예요. 잘라 내는 칸 수는 음수가 될 수 없어요."), _negative),
            "padding": Mistake(
                Both(en="A padding is missing. Each layer's counts, and one of 100 above all: it moves cell 0 outwards by `padding` cells "
                        "of the map it is laid around.",
                     ko="패딩을 빠뜨렸어요. 층마다 다 세야 해요. 100이라면 더더욱요. 패딩은 그 층이 받는 맵의 칸으로 `padding`칸만큼 0번 칸을 바깥으로 밀어내요."),
                gives(_unpadded(-1), _unpadded(9), _unpadded(99))),
            "rounding": Mistake(
                Both(en="You rounded on the way. The middle of an even kernel lies between two cells, at a half, and such halves add up. "
                        "Keep them as they are.",
                     ko="중간에 반올림했어요. 크기가 짝수인 커널의 한가운데는 두 칸 사이, 0.5에 있어요. 이 반 칸이 모이면 커져요. 그대로 들고 가세요."),
                gives(_wrong_shift(middle=lambda kernel, padding: (kernel - 1) // 2 - padding),
                      _wrong_shift(middle=lambda kernel, padding: kernel // 2 - padding))),
            "scale": Mistake(
                Both(en="Cells of different maps were added as if they were equally large. One cell after a stride of 2 is two cells "
                        "before it: multiply by `scale`, on the way up by the new, finer one.",
                     ko="크기가 다른 칸을 그냥 더했어요. 스트라이드 2를 지난 뒤의 한 칸은 그 전의 두 칸이에요. `scale`을 곱하세요. 올라갈 때는 잘게 나눈 새 값을 곱해요."),
                gives(_wrong_shift(scaled=False), _wrong_shift(scale_first=False))),
            "half": Mistake(
                Both(en="That is half of what the size has grown. It would be right if the rest were cut off evenly on both sides, but "
                        "rounding of sizes happens at the bottom right only, and the answer then changes with the picture. Follow the "
                        "centre of cell 0.",
                     ko="늘어난 크기의 절반이네요. 양쪽을 똑같이 자른다면 맞겠지만, 크기를 반올림하는 일은 오른쪽 아래에서만 생겨요. 그래서 사진마다 답이 달라져요. 0번 칸의 중심을 따라가 보세요."),
                _half_the_difference),
        }),
    imports="from fractions import Fraction",
)
def crop_offset(layers):
    """How many cells to cut, at the top left, off the outer one of two maps with `layers` [(kind, kernel, stride, padding), ...] between
    them.

    FCN's crops: 19 (32s), 5 and 27 (16s), 5, 9 and 31 (8s), 18 (AlexNet). Checked against models.geometry and against a ramp in torch
    within 1e-6: fair, since the answer is a whole number and float64 rounds a third by 1e-16.
    """
    scale, shift = Fraction(1), Fraction(0)     # en: cell i lies over pixel scale * i + shift | ko: i번 칸은 픽셀 scale * i + shift 위에 있어요
    for kind, kernel, stride, padding in layers:
        middle = Fraction(kernel - 1, 2) - padding  # hole  # en: where the centre of cell 0 lies, in cells | ko: 0번 칸의 중심 자리, 칸 수로
        if kind == "down":
            shift = shift + scale * middle  # hole
            scale = scale * stride  # hole
        else:
            scale = scale / stride  # hole
            shift = shift - scale * middle  # hole
    return int(abs(shift))  # hole


# --- 5 · what the outlines cost -------------------------------------------------------------------------------------------

# Stride -> mIoU, boundary IoU and pole IoU of the oracle in per cent, on the test split of chapter 01's experiment; a test computes them.
ORACLE = {4: (85.8, 75.5, 57.5), 8: (71.3, 50.4, 26.4), 16: (53.2, 25.6, 6.5), 32: (35.5, 12.4, 3.1)}


# mIoU in per cent at this stride on the first pictures: of the oracle, and of scores tuned to the truth. A slow test computes them.
FREE = {"stride": 8, "pictures": 20, "steps": 150, "oracle": 67.0, "tuned": 82.3}


def _oracle_table(*headers):
    rows = [f"| {stride} | " + " | ".join(f"{value:.1f} %" for value in values) + " |" for stride, values in ORACLE.items()]
    return "\n".join([f"| {' | '.join(headers)} |", "|---:|---:|---:|---:|", *rows])


@exercise(
    title=Both(en="What the outlines cost", ko="윤곽에서 잃는 점수"), minutes=(40, 60), difficulty=4,
    task=Both(
        en="""
How much of FCN's error is the price of a coarse map, and how much is the network's own?

* Write an oracle `open_boundaries(labels, stride, num_classes)`. `labels` are the true ones, `(N, H, W)`. It may speak only once in every
  `stride` x `stride` block: the share of each class in the block. The shares are enlarged bilinearly, and the largest wins.
* Score it for strides 4, 8, 16 and 32 with `training.Scores.from_labels`: `miou`, `boundary_iou` and the IoU of the poles.
* Set the network beside it: `scores` above, and FCN-32s, which `experiment.run("fcn32s", seed=SEED)` trains. Which falls faster with the
  stride, mIoU or boundary IoU? Is the oracle a ceiling that no network can pass?

`images, labels = experiment.data("test").stack()` gives the pictures and their labels. Write down what you expect before you run it.
""",
        ko="""
FCN이 틀리는 것 가운데 맵이 성글어서 틀리는 것은 얼마이고, 네트워크가 몰라서 틀리는 것은 얼마일까요?

* 정답을 다 아는 예언자(oracle) `open_boundaries(labels, stride, num_classes)`를 써 보세요. `labels`는 모양이 `(N, H, W)`인 정답 레이블이에요. 예언자는 `stride` x `stride`
  블록마다 한 번만 말할 수 있어요. 블록 안에서 클래스가 차지하는 비율을 말하죠. 이 비율을 쌍선형 보간으로 키우고 가장 큰 클래스를 골라요.
* 스트라이드 4, 8, 16, 32에서 `training.Scores.from_labels`로 점수를 매겨 보세요. `miou`와 `boundary_iou`, 그리고 기둥의 IoU를 보면 돼요.
* 네트워크를 옆에 놓아 보세요. 위에서 구한 `scores`가 있고, FCN-32s는 `experiment.run("fcn32s", seed=SEED)`로 학습할 수 있어요. 스트라이드가 커지면 mIoU와 경계 IoU 중 어느 쪽이 더 빨리
  떨어지나요? 예언자는 어떤 네트워크도 넘지 못할 천장일까요?

사진과 레이블은 `images, labels = experiment.data("test").stack()`으로 얻어요. 실행하기 전에 어떤 결과가 나올지 먼저 적어 보세요.
"""),
    hints=(
        Both(en="`F.one_hot` makes a map of zeros and ones for each class, and `F.avg_pool2d` makes shares of them. `F.one_hot` puts the "
                "classes last, pooling wants them second.",
             ko="`F.one_hot`을 쓰면 클래스마다 0과 1로 된 맵이 나오고, `F.avg_pool2d`를 쓰면 비율이 돼요. `F.one_hot`은 클래스 축을 맨 뒤에 두는데 풀링은 두 번째 축에 있어야 해요."),
        Both(en="Void pixels carry the number `num_classes`. Let `F.one_hot` count them as one class more, and take it away before the "
                "largest is chosen.",
             ko="무시 레이블의 번호는 `num_classes`예요. `F.one_hot`에서 클래스를 하나 더 두었다가, 가장 큰 것을 고르기 전에 빼세요."),
        Both(en="Is it a ceiling? Think of a block which an outline cuts at a quarter. The oracle may say only the shares; a network may "
                "say any two numbers.",
             ko="정말 천장일까요? 윤곽이 4분의 1 지점을 지나는 블록을 떠올려 보세요. 예언자는 비율만 말할 수 있지만, 네트워크는 아무 숫자나 말할 수 있어요."),
    ),
    discussion=Both(
        en=f"""
On the test split of the streets (100 pictures of 96x128) we found:

{_oracle_table("stride", "mIoU", "boundary IoU", "pole IoU")}

* **The oracle knows everything, and still loses.** What is thinner than a block is outvoted in it. No training helps: shares of a coarse
  block do not say where in the block a thing is.
* **Boundary IoU falls faster than mIoU.** The insides of roads and skies go on being right and hold mIoU up. That is why the chapter asks
  for both. A finer short cut should show on the outlines first; look whether it does, in the chapter's table.
* **It is no ceiling.** The oracle may say shares only. A network may give any score, and so move the place where two enlarged scores cross:
  an outline *inside* a block. We tuned the scores of a map at stride {FREE["stride"]} themselves, with {FREE["steps"]} steps of Adam on the
  truth of the first {FREE["pictures"]} pictures. They reach an mIoU of {FREE["tuned"]:.1f} %, where the oracle has {FREE["oracle"]:.1f} %.
  A good part of what a coarse map seems to cost can be won back by scores that are not shares.
* **Your own numbers.** Is `scores` below the oracle at stride 8? Then it errs where even shares would have been enough, and the network
  itself is to blame for that part, not its map. What would you measure to be sure? One way: the share of its wrong pixels that lies in the
  band along the outlines, `ops.boundary_band`.
""",
        ko=f"""
거리 그림의 테스트 데이터(96x128, 100장)에서 나온 값이에요.

{_oracle_table("스트라이드", "mIoU", "경계 IoU", "기둥 IoU")}

* **다 아는 예언자도 틀려요.** 블록보다 가는 것은 블록 안에서 다수결에 져요. 더 오래 학습해도 소용없어요. 비율만 들어서는 블록 안 어디에 있는지 알 수 없으니까요.
* **경계 IoU가 mIoU보다 빨리 떨어져요.** 도로나 하늘의 안쪽은 계속 맞아서 mIoU를 받쳐 주거든요. 그래서 이 장에서는 둘 다 봐요. 더 촘촘한 스킵 연결의 효과도 윤곽에서 먼저 보일 것 같은데, 정말 그런지 이 장의 표에서 확인해 보세요.
* **천장은 아니에요.** 예언자는 비율만 말할 수 있어요. 네트워크는 어떤 점수든 낼 수 있어서, 키운 두 점수가 만나는 자리를 옮길 수 있어요. 그러면 윤곽이 블록 *안쪽*에도 놓여요. 스트라이드가 {FREE["stride"]}인 맵에서 점수만
  따로, 앞쪽 사진 {FREE["pictures"]}장의 정답에 맞춰 Adam으로 {FREE["steps"]}스텝 다듬어 봤어요. mIoU가 {FREE["tuned"]:.1f} %까지 올라갔고, 예언자는 {FREE["oracle"]:.1f}
  %였어요. 맵이 성글어서 잃은 것처럼 보이던 것도 비율이 아닌 점수를 쓰면 꽤 되찾을 수 있어요.
* **내 결과는 어떤가요?** `scores`가 스트라이드 8의 예언자보다 낮은가요? 그렇다면 비율만 알아도 맞힐 곳을 틀린 거예요. 그만큼은 맵이 아니라 네트워크 탓이에요. 확실히 알려면 무엇을 재야 할까요? 하나만 꼽으면, 틀린 픽셀 가운데 윤곽
  둘레의 띠(`ops.boundary_band`)에 든 비율이에요.
"""),
)
def open_boundaries(labels, stride, num_classes):
    """Scores of an oracle that gives the true share of each class once in every stride x stride block of labels (N, H, W); the stride
    divides H and W.

    Open: nothing is checked.
    """
    one_hot = F.one_hot(labels.long(), num_classes + 1)  # hole  # en: (N, H, W, classes and void) | ko: (N, H, W, 클래스와 무시 레이블)
    shares = F.avg_pool2d(one_hot.permute(0, 3, 1, 2).double(), stride)  # hole  # en: one vector a block | ko: 블록마다 벡터 하나
    enlarged = F.interpolate(shares, scale_factor=stride, mode="bilinear", align_corners=False)  # hole
    guess = enlarged[:, :num_classes].argmax(1)  # hole
    return training.Scores.from_labels(guess, labels, num_classes)
