"""The exercises of chapter 01: fc6 as a convolution, stamp and add, the bilinear stamp, where the crop belongs, and what the outlines cost."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from segcourse import ops
from segcourse.exercises.engine import Both, Checker, Mistake, Unfit, exercise
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
