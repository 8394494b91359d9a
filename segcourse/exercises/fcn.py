"""The exercises of chapter 01: fc6 as a convolution, stamp and add, the bilinear stamp, where the crop belongs, and what the outlines cost."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from segcourse import figures, ops
from segcourse.exercises.engine import Both, Checker, Mistake, Unfit, exercise, gives, numbers
from segcourse.language import josa, say


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
    if isinstance(raw, (tuple, list)) and len(raw) == 2 and isinstance(raw[0], torch.Tensor) and isinstance(raw[1], (torch.Tensor, type(None))):
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
    return all(parts is not None and parts[0].shape == parts[2].shape and torch.equal(parts[0].sort()[0], parts[2].sort()[0]) for parts in found)


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

The check lets your convolution slide over random maps and asks the fully connected layer for each crop. They must agree to 1e-9. That is fair: you only
move the weights and compute nothing new, and the check itself computes in float64.
""",
        ko="""
완전 연결층 하나가 `channels` x 높이 x 너비 맵을 한 줄로 펼쳐서 봐요. 똑같은 계산을 하는 합성곱으로 바꿔 보세요.

* `linear`는 바이어스가 있는 `nn.Linear(channels * height * width, outputs)`예요.
* `channels`는 숫자, `kernel_size`는 `(height, width)` 쌍이에요. 높이와 너비는 서로 달라요.
* 모양이 `(outputs, channels, height, width)`인 `weight`와 `(outputs,)`인 `bias`를 돌려주세요. `nn.Conv2d`를 돌려줘도 돼요.

채점할 때는 여러분의 합성곱을 무작위 맵 위에서 밀고, 자리마다 조각을 잘라 완전 연결층에도 물어봐요. 두 답의 차이가 1e-9 안이면 돼요. 가중치는 자리만 옮길 뿐 새로 계산하는
것이 없고, 채점은 float64로 하니까 넉넉한 기준이에요.
"""),
    hints=(
        Both(en="`x.flatten(1)` of a map `(N, C, H, W)` writes the channels one after the other, and in each of them row after row. In which order do the columns of "
                "`linear.weight` stand, then?",
             ko="`(N, C, H, W)` 맵에 `x.flatten(1)`을 하면 채널이 차례로 놓이고, 채널 안에서는 줄이 차례로 놓여요. 그러면 `linear.weight`의 열은 어떤 순서일까요?"),
        Both(en="Each row of `linear.weight` belongs to one output. It becomes one filter.", ko="`linear.weight`의 한 행이 출력 하나의 가중치예요. 그 행이 필터 하나가 돼요."),
        Both(en="`view` reads the same numbers in a new shape: `linear.weight.view(outputs, channels, height, width)`.",
             ko="`view`는 같은 숫자를 새 모양으로 읽어요. `linear.weight.view(outputs, channels, height, width)`면 돼요."),
    ),
    checker=Checker(
        draw=_draw_linears,
        truths=(lambda linear, channels, kernel_size: ops.linear_to_conv(linear, kernel_size).double()(_map_for(channels, kernel_size)), _linear_on_crops),
        describe=lambda inputs: f"nn.Linear({inputs[0].in_features}, {inputs[0].out_features}), channels={inputs[1]}, kernel_size={inputs[2]}",
        read=_on_the_map, tolerance=1e-9, against=Both(en="nn.Linear and ops.linear_to_conv", ko="nn.Linear와 ops.linear_to_conv가 낸"),
        mistakes={
            "padding": Mistake(
                Both(en="The convolution gives a map of another size. The fully connected layer fits in without a frame and sees every place once: no padding, stride 1.",
                     ko="합성곱이 내는 맵의 크기가 달라요. 완전 연결층에는 덧댄 테두리가 없고 자리를 건너뛰지도 않아요. 패딩은 0, 스트라이드는 1로 두세요."),
                lambda cases: all(case.value is not None and case.value.shape != case.truth.shape for case in cases)),
            "bias": Mistake(
                Both(en="The weights are right, the bias is not. A convolution has one number for each output, too: take the one of `linear`.",
                     ko="가중치는 맞는데 바이어스가 달라요. 합성곱에도 출력마다 바이어스가 하나씩 있어요. `linear`의 바이어스를 그대로 쓰세요."), _only_the_bias),
            "order": Mistake(
                Both(en="All weights are there, but not in their places. Flattening puts the channels first, then the rows, then the columns; read them back in that "
                        "order: channels, height, width. Nothing has to be transposed.",
                     ko="가중치는 다 있는데 자리가 바뀌었어요. 펼칠 때 채널, 줄, 칸 순서로 놓였으니 읽을 때도 채널, 높이, 너비 순서로 읽어야 해요. 축을 바꿀 일은 없어요."),
                _other_order),
            "fresh": Mistake(
                Both(en="These are not the weights of `linear`. A new convolution of the same size is another function: its weights have to be copied from the layer.",
                     ko="`linear`의 가중치가 아니에요. 크기만 같은 새 합성곱은 전혀 다른 함수예요. 층의 가중치를 그대로 옮겨 담아야 해요."), _other_weights),
        }),
)
def fc6_as_conv(linear, channels, kernel_size):
    """(weight (O, C, H, W), bias (O,)) of the convolution that computes what `linear` computes of a flattened (C, H, W) map. FCN, section 3.1.

    Checked on random maps against nn.Linear on every crop and against ops.linear_to_conv, within 1e-9 in float64: fair, since weights are moved, not
    computed.
    """
    height, width = kernel_size
    outputs = linear.out_features
    weight = linear.weight.view(outputs, channels, height, width)  # hole  # en: (outputs, channels, height, width) | ko: (outputs, channels, height, width)
    bias = linear.bias  # hole  # en: (outputs,) | ko: (outputs,)
    return weight, bias


# --- 2 · stamp and add ----------------------------------------------------------------------------------------------------


def _draw_maps(generator):
    """(x, kernel, stride) in float64: whole numbers first, which a reader can check in their head; the stride is below, at and above the kernel's size.

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
Write the transposed convolution of one channel in plain loops: every cell of `x` presses the kernel, multiplied with its number, and the next cell presses
`stride` cells further.

* `x`: a tensor of the shape `(height, width)`; `kernel`: `(rows, columns)`; `stride`: a number from 1 on, the same down and across
* gives the paper, a tensor `(out_height, out_width)`, just large enough for all stamps

The check compares with `F.conv_transpose2d` and with `ops.conv_transpose2d`. A difference of up to 1e-9 is let pass, and that is fair: all numbers are multiples of
1/8, whose sums come out exactly in float32 and float64 alike.
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
        Both(en="The last stamp begins at `(height - 1) * stride` and is `rows` high; so that is the size. In the loops stands one line with `+=`.",
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
                Both(en="Your stamp is upside down. The kernel is pressed as it stands: `kernel[0, 0]` lands in the top left corner of each print.",
                     ko="도장이 뒤집혔어요. 커널은 있는 그대로 찍어요. `kernel[0, 0]`은 도장 자리의 왼쪽 위에 떨어져요."),
                gives(lambda x, kernel, stride: _stamped(x, kernel.flip(0, 1), stride), lambda x, kernel, stride: _stamped(x, kernel.flip(0), stride),
                      lambda x, kernel, stride: _stamped(x, kernel.flip(1), stride))),
            "size": Mistake(
                Both(en="Your paper has the wrong size. The last stamp begins at `(height - 1) * stride` and is as high as the kernel: the paper ends where it ends.",
                     ko="종이 크기가 달라요. 마지막 도장은 `(height - 1) * stride`에서 시작하고 커널만큼 커요. 종이도 딱 거기까지예요."),
                lambda cases: all(case.value is not None and case.value.ndim == 2 and case.value.shape != case.truth.shape for case in cases)),
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
    places = (torch.arange(2 * factor, dtype=torch.float64) - (2 * factor - 1) / 2) / factor     # in input cells; align_corners puts -1 and 1 on the rim
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
    return figures.grids([(case.truth, "kernel", say(en="expected", ko="기대한 값")), (case.value, "kernel", say(en="yours", ko="나온 값"))], operators=("",))


@exercise(
    title=Both(en="The bilinear stamp", ko="쌍선형 도장"), minutes=15, difficulty=2,
    task=Both(
        en="""
With which stamp does a transposed convolution of stride `factor` interpolate bilinearly?

* `factor`: a whole number from 2 on, even or odd
* gives a tensor of the shape `(2 * factor, 2 * factor)`, for one channel

The check compares with `ops.bilinear_kernel` and with a dot that `F.grid_sample` interpolates. 1e-6 is fair: the package keeps its weights in float32, and
the smallest right weight is above 1e-3.
""",
        ko="""
스트라이드가 `factor`인 전치 합성곱이 쌍선형 보간을 하려면 어떤 도장을 찍어야 할까요?

* `factor`는 2 이상의 정수예요. 짝수일 때도 홀수일 때도 있어요.
* 채널 하나에 쓸, 모양이 `(2 * factor, 2 * factor)`인 텐서를 돌려주세요.

채점은 `ops.bilinear_kernel`과 견주고, 점 하나를 `F.grid_sample`로 보간한 값과도 견줘요. 차이가 1e-6 안이면 돼요. 패키지는 가중치를 float32로 두고, 올바른 가중치는 가장 작아도
1e-3보다 커요.
"""),
    hints=(
        Both(en="Begin in one dimension. A pixel right on a cell takes all of it, and the weight falls evenly to 0 one whole cell away. How many pixels is one cell?",
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
                Both(en="That is the tent of `2 * factor - 1` taps, with its top on a tap. It interpolates, too, but half a pixel beside FCN's: here an even number of taps "
                        "is asked for, and the top lies between two.",
                     ko="탭이 `2 * factor - 1`개이고 꼭대기가 탭 위에 있는 텐트예요. 이것도 보간은 하는데 FCN의 커널과 반 픽셀 어긋나요. 여기서는 탭이 짝수 개이고 꼭대기가 두 탭 사이에 있어요."),
                gives(lambda factor: _tent(2 * factor - 1, factor - 1, factor))),
            "centre": Mistake(
                Both(en="Your tent is not in the middle. Of taps 0 to `2 * factor - 1` the middle is `factor - 0.5`.",
                     ko="텐트가 한가운데에 있지 않아요. 0번부터 `2 * factor - 1`번까지 탭의 한가운데는 `factor - 0.5`예요."),
                gives(lambda factor: _tent(2 * factor, factor - 1, factor), lambda factor: _tent(2 * factor, factor, factor))),
            "sum": Mistake(
                Both(en="You made all weights add up to 1. But several stamps meet in each pixel: what must be 1 is the sum of the weights that meet there. All weights of one "
                        "stamp add up to `factor ** 2`.",
                     ko="도장 하나의 가중치를 모두 더해 1로 맞췄네요. 그런데 픽셀 하나에서는 도장이 여러 개 만나요. 거기서 만나는 가중치의 합이 1이어야 해요. 도장 하나의 가중치를 다 더하면 "
                        "`factor ** 2`예요."),
                gives(lambda factor: _tent(2 * factor, factor - 0.5, factor) / factor ** 2, tolerance=1e-7)),
            "nearest": Mistake(
                Both(en="That stamp copies: its weights are all 1. Bilinear weights fall with the distance.",
                     ko="그 도장은 복사를 해요. 가중치가 전부 1이거든요. 쌍선형 가중치는 멀어질수록 작아져요."),
                gives(*(lambda factor, which=which: _copies(factor)[which] for which in range(5)))),
            "pyramid": Mistake(
                Both(en="You took the smaller of the two weights. Bilinear means linear down *and* across: multiply the row's weight with the column's.",
                     ko="두 가중치 중 작은 쪽을 골랐네요. 쌍선형은 세로로도 가로로도 선형이라는 뜻이에요. 행의 가중치와 열의 가중치를 곱하세요."), gives(_pyramid)),
            "line": Mistake(
                Both(en="That is one line of the stamp. Give each row and each column its weight, `line[:, None] * line`, and you have the square.",
                     ko="도장의 한 줄만 나왔어요. 행과 열에 가중치를 하나씩 주고 `line[:, None] * line`처럼 곱하면 네모가 돼요."),
                lambda cases: all(case.value is not None and case.value.ndim == 1 for case in cases)),
        }),
)
def bilinear_weights(factor):
    """The (2 * factor, 2 * factor) weights with which a transposed convolution of stride `factor` interpolates bilinearly. FCN, section 3.3.

    Checked against ops.bilinear_kernel and F.grid_sample within 1e-6: fair, since the package's weights are float32 and the smallest right weight is
    1 / (4 * factor ** 2), above 1e-3.
    """
    position = torch.arange(2 * factor, dtype=torch.float64)
    centre = factor - 0.5  # hole  # en: of the taps | ko: 탭의 한가운데
    line = 1 - (position - centre).abs() / factor  # hole  # en: weights in one dimension | ko: 한 줄의 가중치
    return line[:, None] * line  # hole
