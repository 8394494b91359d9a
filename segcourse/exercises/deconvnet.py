"""The exercises of chapter 03: pooling that remembers, the way back, a deconvolution that enlarges nothing, many proposals in one map, and what
travels through the switches.
"""

from functools import cache

import torch
from torch.nn import functional as F

from segcourse import datasets, figures, ops
from segcourse.exercises.engine import Both, Checker, Mistake, Unfit, exercise, gives, numbers
from segcourse.language import josa, say


def _picked(generator, low, high, size):
    """Whole numbers from `low` to `high`, both included and never 0, so that a number which is missing shows."""
    values = torch.randint(low, high if low <= 0 < high else high + 1, size, generator=generator)
    return (values + (values >= 0).long() if low <= 0 < high else values).double()


def _shown(values):
    """A tensor in one line: its numbers where there are few whole ones."""
    few = values.numel() <= 16 and bool((values == values.round()).all())
    return f"{tuple(values.shape)} {values.long().tolist()}" if few else f"{tuple(values.shape)}"


# --- 1 · pool and remember ------------------------------------------------------------------------------------------------


def _draw_windows(generator):
    """(x, kernel, stride): sixteen different numbers first, then ties, negative numbers, odd sides, and windows that overlap or leave gaps.

    No number is 0: whoever begins with a best of 0 gets a number that stands nowhere in x.
    """
    yield (torch.randperm(16, generator=generator) + 1).double().view(4, 4), 2, 2
    for size, kernel, stride, low, high in [((4, 6), 2, 2, 1, 3), ((5, 7), 2, 2, -9, 9), ((7, 5), 3, 2, -9, -1), ((8, 6), 2, 2, -3, 3), ((7, 8), 3, 3, 1, 9),
                                            ((6, 5), 2, 1, -2, 2), ((9, 7), 3, 2, -3, 3), ((8, 9), 2, 3, -9, 9)]:
        yield _picked(generator, low, high, size), kernel, stride


def _remembered(x, kernel, stride):
    pooled, switches = ops.max_pool2d_with_switches(x[None, None], kernel, stride)
    return torch.stack([pooled[0, 0], switches[0, 0].double()])


def _remembered_by_torch(x, kernel, stride):
    pooled, switches = F.max_pool2d(x[None, None], kernel, stride, return_indices=True)
    return torch.stack([pooled[0, 0], switches[0, 0].double()])


def _wrongly_remembered(place=lambda y, column, top, left, kernel, x, columns: y * x.shape[1] + column, *, last=False, zero=None, step=lambda kernel, stride: stride):
    """The loops with one thing changed. zero: the best begins at 0, and where nothing beats it the switch is 0 ("none") or the true one ("kept")."""
    def pool(x, kernel, stride):
        move = step(kernel, stride)
        rows, columns = ((side - kernel) // move + 1 for side in x.shape)
        out = x.new_zeros(2, rows, columns)
        for r in range(rows):
            for c in range(columns):
                top, left = r * move, c * move
                cells = [(y, column) for y in range(top, top + kernel) for column in range(left, left + kernel)]
                best = max(float(x[cell]) for cell in cells)
                y, column = [cell for cell in cells if x[cell] == best][-1 if last else 0]
                lost = zero is not None and best < 0
                out[0, r, c] = 0 if lost else best
                out[1, r, c] = 0 if lost and zero == "none" else place(y, column, top, left, kernel, x, columns)
        return out
    return pool


def _rounded_up(cases):
    """Whether every answer has a window more exactly where one would stick out."""
    return all(case.value is not None and case.value.ndim == 3 and tuple(case.value.shape[1:]) == tuple(
        -(-(side - case.inputs[1]) // case.inputs[2]) + 1 for side in case.inputs[0].shape) for case in cases)


def _pair_of_maps(raw, inputs):
    """(pooled, switches) that a learner gave, as one tensor (2, rows, columns). Raises Unfit where they are no such pair."""
    if not isinstance(raw, (tuple, list)) or len(raw) != 2:
        raise Unfit(say(en="A pair (pooled, switches) was expected.", ko="(pooled, switches) 두 개가 나와야 해요."))
    pooled, switches = (numbers(part) for part in raw)
    if pooled.shape != switches.shape:
        raise Unfit(say(en=f"Every pooled number has one switch, a single whole number: pooled is {tuple(pooled.shape)}, switches are {tuple(switches.shape)}.",
                        ko=f"풀링한 값마다 스위치가 정수 하나씩 있어야 하는데 pooled는 {tuple(pooled.shape)}, switches는 {josa(tuple(switches.shape), '이에요/예요')}."))
    return torch.stack([pooled, switches])


def _switches_picture(case):
    x, kernel, stride = case.inputs
    r, c = ((case.truth - case.value).abs() > 1e-9).any(0).nonzero()[0].tolist()
    return figures.grids([(x, "input", say(en="x, and the window", ko="x와 그 창")), (case.truth[0], "output", say(en="pooled", ko="풀링한 값")),
                          (case.truth[1], "count", say(en="switches, expected", ko="기대한 스위치")), (case.value[1], "count", say(en="yours", ko="나온 스위치"))],
                         operators=("→", "", ""), highlights=[[(r * stride, c * stride, kernel, kernel)], *[[(r, c)]] * 3])


def _wrong_switches(*ways):
    return gives(*(_wrongly_remembered(way) for way in ways))


@exercise(
    title=Both(en="Pool and remember", ko="풀링하고 자리 기억하기"), minutes=15, difficulty=2,
    task=Both(
        en="""
Write max pooling of one channel in plain loops, and write down for every window where its largest number stood: that is the switch.

* `x`: a tensor of the shape `(height, width)`; `kernel`: the side of the square window; `stride`: how far the next window begins. They need not be equal
* gives `(pooled, switches)`, both `(rows, columns)`: a cell for every window that fits into `x` whole. What is left over at the lower and the right rim is dropped
* a switch is one whole number, the place counted through `x` in reading order: the top left cell is 0, the one below it is `width`
* of equal numbers the first in reading order wins

The check compares with `ops.max_pool2d_with_switches` and with torch's `F.max_pool2d(return_indices=True)`. A difference of up to 1e-9 is let pass,
and that is fair: nothing is computed here, only chosen, so there is no rounding at all.
""",
        ko="""
채널이 하나인 최대 풀링을 반복문만으로 써 보세요. 창마다 가장 큰 값이 어디 있었는지도 함께 적어 두세요. 그 자리가 스위치예요.

* `x`는 모양이 `(height, width)`인 텐서, `kernel`은 정사각형 창의 한 변, `stride`는 다음 창까지의 거리예요. 둘이 다를 수도 있어요.
* `(pooled, switches)`를 돌려주세요. 둘 다 모양이 `(rows, columns)`이고, 창이 통째로 `x` 안에 들어가는 자리마다 한 칸이에요. 아래쪽과 오른쪽 끝에 남는 줄은 버려요.
* 스위치는 정수 하나예요. `x`의 칸을 글 읽는 순서로 세어요. 왼쪽 위 칸이 0이고, 바로 아래 칸은 `width`예요.
* 값이 같으면 글 읽는 순서로 먼저 나온 칸이 이겨요.

채점할 때는 `ops.max_pool2d_with_switches`, torch의 `F.max_pool2d(return_indices=True)`와 견줘요. 차이가 1e-9 안이면 돼요. 값을 계산하지 않고 고르기만 하니 반올림 오차가 아예 없어요.
"""),
    hints=(
        Both(en="Draw 5 cells in a row and windows of 2 with a stride of 2. How many windows fit, and which cell belongs to none?",
             ko="칸 5개를 한 줄로 그리고 크기 2인 창을 스트라이드 2로 놓아 보세요. 창은 몇 개 들어가나요? 어느 창에도 들지 못한 칸은 어디인가요?"),
        Both(en="Start with a best that any number beats, and go through the window in reading order. When is the best replaced: where the new number is larger, or "
                "also where it is equal?",
             ko="어떤 값이 와도 지는 값에서 시작해 창을 글 읽는 순서로 훑어요. 언제 바꿔야 할까요? 새 값이 더 클 때만일까요, 같을 때도일까요?"),
        Both(en="`(height - kernel) // stride + 1` rows. Where `x[y, column] > pooled[r, c]`, keep the number and `y * width + column`.",
             ko="줄 수는 `(height - kernel) // stride + 1`이에요. `x[y, column] > pooled[r, c]`이면 그 값과 `y * width + column`을 적어 두세요."),
    ),
    checker=Checker(
        draw=_draw_windows, truths=(_remembered, _remembered_by_torch), describe=lambda inputs: f"x {_shown(inputs[0])}, kernel {inputs[1]}, stride {inputs[2]}",
        read=_pair_of_maps, tolerance=1e-9, picture=_switches_picture,
        against=Both(en="F.max_pool2d and ops.max_pool2d_with_switches", ko="F.max_pool2d와 ops.max_pool2d_with_switches가 낸"),
        mistakes={
            "window": Mistake(
                Both(en="Your switches count inside the window, from 0 to `kernel * kernel - 1`. Then nobody knows any more which window it was. Count through the whole "
                        "of `x`.",
                     ko="스위치를 창 안에서만 셌어요. 0부터 `kernel * kernel - 1`까지예요. 그러면 어느 창이었는지 알 수 없어요. `x` 전체에서 몇 번째 칸인지 세어 주세요."),
                _wrong_switches(lambda y, column, top, left, kernel, x, columns: (y - top) * kernel + column - left)),
            "width": Mistake(
                Both(en="Your rows have the wrong length: one row down is `width` cells on, and `width` is that of `x`, not of the pooled map.",
                     ko="한 줄의 길이를 잘못 잡았어요. 한 줄 내려가면 번호가 `width`만큼 커져요. 여기서 `width`는 풀링한 맵이 아니라 `x`의 너비예요."),
                _wrong_switches(lambda y, column, top, left, kernel, x, columns: y * columns + column,
                                lambda y, column, top, left, kernel, x, columns: y * columns * kernel + column)),
            "transposed": Mistake(
                Both(en="You count down the columns. Reading order goes along a row first: `y * width + column`, not `column * height + y`.",
                     ko="칸을 세로로 셌어요. 글 읽는 순서는 가로가 먼저예요. `column * height + y`가 아니라 `y * width + column`이에요."),
                _wrong_switches(lambda y, column, top, left, kernel, x, columns: column * x.shape[0] + y,
                                lambda y, column, top, left, kernel, x, columns: column * x.shape[1] + y)),
            "last": Mistake(
                Both(en="Of two equal numbers you keep the later one: that is what `>=` does. The first one stays, as in torch.",
                     ko="값이 같을 때 뒤의 것을 남겼어요. `>=`로 견주면 그렇게 돼요. torch처럼 먼저 나온 것이 남아야 해요."),
                gives(_wrongly_remembered(last=True))),
            "zero": Mistake(
                Both(en="Where all numbers of a window are negative you give 0, which stands nowhere in it: the best must not begin at 0. Which number loses to every other?",
                     ko="창의 값이 모두 음수면 0이 나와요. 창 안에 없는 값이에요. 0에서 시작하면 안 돼요. 무엇과 견주어도 지는 수는 무엇일까요?"),
                gives(_wrongly_remembered(zero="none"), _wrongly_remembered(zero="kept"))),
            "stride": Mistake(
                Both(en="Your windows lie `kernel` cells apart. They begin every `stride` cells, and so they may overlap or leave gaps.",
                     ko="창을 `kernel`칸씩 옮겼어요. 창은 `stride`칸마다 시작해요. 그래서 겹치기도 하고 사이가 비기도 해요."),
                gives(_wrongly_remembered(step=lambda kernel, stride: kernel))),
            "rim": Mistake(
                Both(en="You count windows that stick out at the rim. Only whole ones count here: round down. (SegNet rounds up; torch calls that `ceil_mode`.)",
                     ko="가장자리 밖으로 나가는 창까지 셌어요. 여기서는 통째로 들어가는 창만 세니까 내림해 주세요. (SegNet은 올림을 해요. torch에서는 `ceil_mode`라고 불러요.)"),
                _rounded_up),
        }),
)
def pool_and_remember(x, kernel, stride):
    """Max pooling of x (H, W) with its switches: two maps ((H - k) // s + 1, (W - k) // s + 1), a switch being y * W + x. DeconvNet, section 3.1.1.

    Checked against torch's and the package's own within 1e-9: fair, since numbers are chosen and none is computed.
    """
    height, width = x.shape
    rows, columns = (height - kernel) // stride + 1, (width - kernel) // stride + 1  # hole  # en: how many windows fit? | ko: 창이 몇 개 들어갈까요?
    pooled = x.new_full((rows, columns), float("-inf"))  # hole  # en: what does every number beat? | ko: 어떤 값이 와도 지는 값은?
    switches = torch.zeros(rows, columns, dtype=torch.int64)
    for r in range(rows):
        for c in range(columns):
            for y in range(r * stride, r * stride + kernel):
                for column in range(c * stride, c * stride + kernel):
                    if x[y, column] > pooled[r, c]:  # hole  # en: the number and its place | ko: 값과 자리
                        pooled[r, c] = x[y, column]
                        switches[r, c] = y * width + column
    return pooled, switches


# --- 2 · back to where it came from ---------------------------------------------------------------------------------------


def _draw_pooled(generator):
    """(pooled, switches, output_size): switches of a random map, and other numbers than its maxima, as a decoder has them. None is 0.

    Sides that the window does not divide, and maps higher than wide as well as wider than high; side // cells is the window in every case. The third map
    has room for the rows that too short a width makes of its switches.
    """
    for number, (size, kernel) in enumerate([((4, 4), 2), ((5, 6), 2), ((5, 7), 2), ((7, 5), 2), ((10, 11), 3), ((9, 6), 3), ((8, 5), 2), ((7, 9), 2)]):
        _, switches = ops.max_pool2d_with_switches(torch.rand(1, 1, *size, generator=generator), kernel)
        yield _picked(generator, 1 if number < 2 else -9, 9, tuple(switches.shape[2:])), switches[0, 0], size


def _put_back(pooled, switches, output_size):
    return ops.max_unpool2d(pooled[None, None], switches[None, None], output_size)[0, 0]


def _put_back_by_torch(pooled, switches, output_size):
    """What F.max_unpool2d calls; that one asks for a kernel, only to check the size against it."""
    return torch.ops.aten.max_unpool2d(pooled[None, None], switches[None, None], list(output_size))[0, 0]


def _window(pooled, output_size):
    return output_size[0] // pooled.shape[0]


def _without_switches(way, *, share=1):
    def back(pooled, switches, output_size):
        window = _window(pooled, output_size)
        return way((pooled / window ** 2 if share == "each" else pooled)[None, None], window, output_size)[0, 0]
    return back


def _put(row_and_column, size=lambda pooled, output_size: output_size):
    """Unpooling that reads a switch as row_and_column(switch, pooled, output_size) says."""
    def back(pooled, switches, output_size):
        out = pooled.new_zeros(*size(pooled, output_size))
        for value, switch in zip(pooled.flatten().tolist(), switches.flatten().tolist()):
            out[row_and_column(switch, pooled, output_size)] = value
        return out
    return back


def _window_times_cells(pooled, output_size):
    return tuple(cells * _window(pooled, output_size) for cells in pooled.shape)


def _unpooled_picture(case):
    pooled, switches, _ = case.inputs
    if case.value.shape != case.truth.shape:
        return None
    place = tuple(((case.truth - case.value).abs() > 1e-9).nonzero()[0].tolist())
    return figures.grids([(pooled, "output", say(en="pooled", ko="풀링한 값")), (switches, "count", say(en="switches", ko="스위치")),
                          (case.truth, "input", say(en="expected", ko="기대한 값")), (case.value, "input", say(en="yours", ko="나온 값"))],
                         operators=("", "→", ""), highlights=[None, None, [place], [place]], hatches=[None, None, case.truth == 0, case.value == 0])


@exercise(
    title=Both(en="Back to where it came from", ko="있던 자리로 되돌리기"), minutes=10, difficulty=1,
    task=Both(
        en="""
Now the way back. Put every number of a pooled map where its switch points, and zeros everywhere else.

* `pooled`: the numbers, `(rows, columns)`. They need not be the maxima any more: between pooling and unpooling a network has worked on them
* `switches`: a whole number for each, `(rows, columns)`: its place in the large map, counted in reading order
* `output_size`: `(height, width)` of the large map
* gives a tensor `(height, width)`

The check compares with `ops.max_unpool2d` and with what torch's `F.max_unpool2d` computes. A difference of up to 1e-9 is let pass, and that is fair: numbers
are moved, none is computed.
""",
        ko="""
이번에는 되돌아가는 길이에요. 풀링한 맵의 값을 스위치가 가리키는 자리에 놓고, 나머지는 모두 0으로 채워 보세요.

* `pooled`는 값이고 모양은 `(rows, columns)`예요. 최댓값 그대로가 아닐 수도 있어요. 풀링과 언풀링 사이에서 네트워크가 값을 바꿔 놓거든요.
* `switches`는 값마다 하나씩 딸린 정수 `(rows, columns)`예요. 큰 맵에서 몇 번째 칸인지를 글 읽는 순서로 센 거예요.
* `output_size`는 큰 맵의 크기 `(height, width)`예요.
* 텐서 `(height, width)`를 돌려주세요.

채점할 때는 `ops.max_unpool2d`, 그리고 torch의 `F.max_unpool2d`가 계산하는 값과 견줘요. 차이가 1e-9 안이면 돼요. 값을 옮기기만 하고 계산하지 않으니 공정한 기준이에요.
"""),
    hints=(
        Both(en="In a map 6 wide, where is place number 14? Count on paper: row and column.",
             ko="너비가 6인 맵에서 14번 칸은 어디일까요? 종이에 그려서 몇째 줄 몇째 칸인지 세어 보세요."),
        Both(en="Every full row before it takes `width` off the number. What is left is the column.", ko="앞에 꽉 찬 줄이 하나 있을 때마다 번호에서 `width`를 빼요. 남은 수가 칸 번호예요."),
        Both(en="`row = switch // width`, `column = switch % width`, and `width` is `output_size[1]`.",
             ko="`row = switch // width`, `column = switch % width`예요. `width`는 `output_size[1]`이에요."),
    ),
    checker=Checker(
        draw=_draw_pooled, truths=(_put_back, _put_back_by_torch),
        describe=lambda inputs: f"pooled {_shown(inputs[0])}, switches {_shown(inputs[1])}, output_size {inputs[2]}",
        read=numbers, tolerance=1e-9, picture=_unpooled_picture, against=Both(en="F.max_unpool2d and ops.max_unpool2d", ko="F.max_unpool2d와 ops.max_unpool2d가 낸"),
        mistakes={
            "corner": Mistake(
                Both(en="Every number lies in the top left corner of its block. That is a way back without switches (a bed of nails): `switches` knows better.",
                     ko="값이 모두 블록의 왼쪽 위에 놓였어요. 스위치 없이 되돌리는 방법이에요(bed of nails). 어디에 놓을지는 `switches`가 알고 있어요."),
                gives(_without_switches(ops.bed_of_nails))),
            "block": Mistake(
                Both(en="You fill the whole block. A pooled number came from one cell, and it goes back to that one whole; the others stay 0.",
                     ko="블록을 모두 채웠어요. 풀링한 값은 칸 하나에서 왔어요. 그 칸으로 값을 통째로 돌려보내고 나머지는 0으로 두세요."),
                gives(_without_switches(ops.nearest_unpool2d), _without_switches(ops.nearest_unpool2d, share="each"))),
            "transposed": Mistake(
                Both(en="Row and column have changed places. In reading order `switch // width` counts the rows, `switch % width` the cells in the row.",
                     ko="행과 열이 바뀌었어요. 글 읽는 순서에서는 `switch // width`가 줄 번호, `switch % width`가 그 줄의 칸 번호예요."),
                gives(_put(lambda switch, pooled, size: (switch % size[1], switch // size[1])), _put(lambda switch, pooled, size: (switch % size[0], switch // size[0])))),
            "size": Mistake(
                Both(en="Your map has the wrong size. Sides of 4 and of 5 both leave 2 cells, so the size cannot be computed from `pooled`: take `output_size`.",
                     ko="맵의 크기가 달라요. 한 변이 4여도 5여도 풀링하면 2칸이 돼요. 그래서 크기를 `pooled`에서 계산할 수 없어요. `output_size`를 쓰세요."),
                lambda cases: all(case.value is not None and case.value.ndim == 2 and case.value.shape != case.truth.shape for case in cases)),
            "width": Mistake(
                Both(en="You count with rows that are too short: `columns` times the window. Where a column was left over in pooling, the map is wider. Rows are "
                        "`output_size[1]` long.",
                     ko="줄의 길이를 짧게 잡았어요. `columns`에 창의 크기를 곱했네요. 풀링할 때 한 열이 남았다면 맵은 그보다 넓어요. 줄의 길이는 `output_size[1]`이에요."),
                gives(_put(lambda switch, pooled, size: divmod(switch, _window_times_cells(pooled, size)[1])))),
        }),
)
def put_back(pooled, switches, output_size):
    """Unpooling: each number of pooled (h, w) at the place that its switch (h, w) names, zeros elsewhere: (H, W) = output_size. DeconvNet, section 3.1.1.

    Checked against torch's and the package's own within 1e-9: fair, since numbers are moved and none is computed.
    """
    height, width = output_size
    out = pooled.new_zeros(height, width)  # hole  # en: how large? | ko: 크기는?
    for r in range(pooled.shape[0]):
        for c in range(pooled.shape[1]):
            switch = int(switches[r, c])
            row, column = switch // width, switch % width  # hole  # en: which row, which cell in it? | ko: 몇째 줄, 몇째 칸?
            out[row, column] = pooled[r, c]
    return out


# --- 3 · a deconvolution that enlarges nothing ----------------------------------------------------------------------------


def _draw_stamps(generator):
    """(weight, padding): the paper's 3x3 with padding 1 first, where padding cannot go wrong; then other sizes, paddings and channels."""
    yield torch.arange(1.0, 10, dtype=torch.float64).view(1, 1, 3, 3), 1
    for size, padding in [((1, 1, 3, 3), 0), ((2, 2, 3, 3), 1), ((2, 3, 3, 3), 2), ((3, 2, 2, 2), 0), ((2, 4, 5, 5), 1), ((2, 2, 4, 4), 3), ((4, 1, 5, 5), 3)]:
        yield _picked(generator, -9, 9, size), padding


@cache
def _map_with(channels):
    """(1, channels, 6, 7) whole numbers: all sums come out exactly."""
    return torch.randint(-9, 10, (1, channels, 6, 7), generator=torch.Generator().manual_seed(channels)).double()


def _deconvolved(weight, padding):
    return ops.conv_transpose2d(_map_with(weight.shape[0]), weight, padding=padding)[0]


def _deconvolved_by_torch(weight, padding):
    return F.conv_transpose2d(_map_with(weight.shape[0]), weight, padding=padding)[0]


def _convolution_of(raw, inputs):
    """(weights, padding) of an ordinary convolution that a learner gave. Raises Unfit where they are none, or do not fit the channels."""
    weight, _ = inputs
    if not isinstance(raw, (tuple, list)) or len(raw) != 2:
        raise Unfit(say(en="A pair (weights, padding) was expected.", ko="(가중치, 패딩) 두 개가 나와야 해요."))
    kernel, padding = (numbers(part) for part in raw)
    outputs = (weight.shape[1], weight.shape[0], *weight.shape[2:])
    if tuple(kernel.shape) != outputs:
        raise Unfit(say(en=f"An ordinary convolution has weights (out, in, k, k): {outputs} was expected, and yours are {tuple(kernel.shape)}.",
                        ko=f"보통 합성곱의 가중치는 (out, in, k, k)예요. {josa(outputs, '이어야/여야')} 하는데 {josa(tuple(kernel.shape), '이에요/예요')}."))
    if padding.unique().numel() != 1 or padding.min() < 0 or padding.max() > 99 or (padding != padding.round()).any():
        raise Unfit(say(en="The padding is one whole number from 0 on.", ko="패딩은 0 이상인 정수 하나예요."))
    return kernel, int(padding.flatten()[0])


def _convolved(raw, inputs):
    kernel, padding = _convolution_of(raw, inputs)
    return F.conv2d(_map_with(inputs[0].shape[0]), kernel, padding=padding)[0]


def _weights(*ways, padding=True):
    """`Mistake.explains` for wrong weights: one of `ways` gives every answer's. padding=False: whatever the padding is."""
    def same(way, case):
        if not isinstance(case.raw, (tuple, list)) or len(case.raw) != 2:
            return False
        try:
            kernel, pad = (numbers(part) for part in case.raw)
        except Unfit:
            return False
        weight, used = case.inputs
        right = weight.shape[-1] - 1 - used
        return torch.equal(kernel, way(weight)) and (not padding or bool((pad == right).all()))

    return lambda cases: any(all(same(way, case) for case in cases) for way in ways)


def _seen_from_the_other_side(weight):
    return weight.transpose(0, 1).flip(2, 3)


@exercise(
    title=Both(en="A deconvolution that enlarges nothing", ko="아무것도 키우지 않는 디컨볼루션"), minutes=20, difficulty=3,
    task=Both(
        en="""
DeconvNet's deconvolutions have stride 1. Show that such a layer is an ordinary convolution: find the weights and the padding with which `F.conv2d` gives the same.

* `weight`: of the transposed convolution, `(in, out, k, k)`; its `padding`: how many cells are cut off its rim, from 0 to `k - 1`
* gives `(kernel, padding)`: weights `(out, in, k, k)` and a whole number, such that `F.conv2d(x, kernel, padding=padding)` equals
  `F.conv_transpose2d(x, weight, padding=...)` for every `x`

The check sends a map of whole numbers through your convolution and compares with `ops.conv_transpose2d` and with torch. A difference of up to 1e-9 is fair: all
weights are whole as well, so float32 and float64 make no error.
""",
        ko="""
DeconvNet의 디컨볼루션은 스트라이드가 1이에요. 그런 층은 보통 합성곱과 다르지 않아요. `F.conv2d`로 똑같은 값을 내는 가중치와 패딩을 찾아보세요.

* `weight`는 전치 합성곱의 가중치이고 모양은 `(in, out, k, k)`예요. `padding`은 둘레에서 잘라 내는 칸 수이고, 0부터 `k - 1`까지예요.
* `(kernel, padding)`을 돌려주세요. 모양이 `(out, in, k, k)`인 가중치와 정수 하나예요. 어떤 `x`를 넣어도 `F.conv2d(x, kernel, padding=padding)`이
  `F.conv_transpose2d(x, weight, padding=...)`와 같아야 해요.

채점할 때는 정수로 된 맵을 여러분의 합성곱에 통과시켜 `ops.conv_transpose2d`, torch와 견줘요. 차이가 1e-9 안이면 돼요. 가중치도 정수라서 float32로도 float64로도 오차가 없어요.
"""),
    hints=(
        Both(en="One channel, 3 taps in a row: `a b c`. Cell 5 of the input presses `a` onto cell 4, `b` onto 5, `c` onto 6. Now stand on cell 5 of the *output*: which input "
                "cells reach it, and each with which tap?",
             ko="채널 하나에 탭 세 개 `a b c`가 한 줄로 있다고 해 봐요. 입력의 5번 칸은 `a`를 4번, `b`를 5번, `c`를 6번 칸에 찍어요. 이제 *출력*의 5번 칸에 서 보세요. 어느 입력 칸이 어느 탭으로 닿나요?"),
        Both(en="Seen from the output, the taps come in the opposite order, in both directions. And who was `in` for the one layer's weights is `out` for the other's.",
             ko="출력에서 보면 탭의 순서가 거꾸로예요. 세로도 가로도 그래요. 그리고 두 층의 가중치는 `in`과 `out`이 놓인 순서가 서로 달라요."),
        Both(en="`weight.transpose(0, 1).flip(2, 3)`. Without cutting, the transposed convolution is `k - 1` cells larger: so pad by `k - 1`, and one less for each cell "
                "cut off.",
             ko="`weight.transpose(0, 1).flip(2, 3)`이에요. 자르지 않은 전치 합성곱은 입력보다 `k - 1`칸 커요. 그러니 패딩은 `k - 1`이고, 둘레에서 한 칸 잘라 낼 때마다 하나씩 줄어요."),
    ),
    checker=Checker(
        draw=_draw_stamps, truths=(_deconvolved, _deconvolved_by_torch), describe=lambda inputs: f"weight {_shown(inputs[0])}, padding {inputs[1]}", read=_convolved, tolerance=1e-9,
        against=Both(en="F.conv_transpose2d and ops.conv_transpose2d", ko="F.conv_transpose2d와 ops.conv_transpose2d가 낸"),
        mistakes={
            "untouched": Mistake(
                Both(en="These are the weights as they stand, with another reading: neither turned nor swapped. Look from an output cell: which taps reach it, and in which order?",
                     ko="가중치를 그대로 두었어요. 뒤집지도 않고 채널도 바꾸지 않았네요. 출력 칸에서 바라보세요. 어느 탭이 어떤 순서로 닿나요?"),
                _weights(lambda weight: weight, lambda weight: weight.reshape(weight.shape[1], weight.shape[0], *weight.shape[2:]), padding=False)),
            "flip": Mistake(
                Both(en="The channels are right, the taps are not: they must be turned round in both directions, up with down and left with right.",
                     ko="채널은 맞는데 탭의 순서가 달라요. 위아래로도 좌우로도 뒤집어야 해요. 한쪽만 뒤집거나 전치하면 모자라요."),
                _weights(*(lambda weight, turn=turn: turn(weight.transpose(0, 1)) for turn in (
                    lambda w: w, lambda w: w.flip(2), lambda w: w.flip(3), lambda w: w.transpose(2, 3), lambda w: w.flip(2, 3).transpose(2, 3))), padding=False)),
            "swap": Mistake(
                Both(en="The taps are turned, the channels are not swapped: `weight` has `in` before `out`, and `F.conv2d` expects `out` first.",
                     ko="탭은 뒤집었는데 채널은 그대로예요. `weight`는 `in`이 `out`보다 앞에 있고, `F.conv2d`는 `out`이 앞에 있어야 해요."),
                _weights(lambda weight: weight.flip(2, 3), lambda weight: weight.flip(2, 3).reshape(weight.shape[1], weight.shape[0], *weight.shape[2:]), padding=False)),
            "padding": Mistake(
                Both(en="The weights are right, the padding is not. For the transposed convolution a padding *cuts*: the more it cuts, the less you pad. With 0 cut off, how many cells "
                        "must you lay around `x` so that every stamp counts?",
                     ko="가중치는 맞는데 패딩이 달라요. 전치 합성곱에서 패딩은 *잘라 내는* 칸 수예요. 많이 자를수록 덜 덧대야 해요. 하나도 자르지 않을 때, 찍힌 값을 모두 세려면 `x` 둘레에 몇 칸을 덧대야 할까요?"),
                _weights(_seen_from_the_other_side, padding=False)),
        }),
)
def as_convolution(weight, padding):
    """Weights (out, in, k, k) and padding with which conv2d equals the transposed convolution of stride 1 with weight (in, out, k, k) and `padding`.
    DeconvNet, section 3.1.2; claim 3.1.

    Checked on a map of whole numbers within 1e-9: fair, since sums of whole numbers are exact in float32 and float64.
    """
    k = weight.shape[-1]
    kernel = weight.transpose(0, 1)  # hole  # en: which channels come first? | ko: 어느 채널이 앞일까요?
    kernel = kernel.flip(2, 3)  # hole  # en: in which order do the taps reach an output cell? | ko: 탭은 출력 칸에 어떤 순서로 닿나요?
    return kernel, k - 1 - padding  # hole


# --- 4 · many proposals, one map ------------------------------------------------------------------------------------------


def _draw_proposals(generator):
    """(size, boxes, maps): two squares that overlap, with probabilities to read; then more boxes of every shape, one inside another, two classes or more.

    The first two have square boxes only: whoever reads a box as (left, top, right, bottom) gets an answer there.
    """
    yield (4, 4), torch.tensor([[0, 1, 2, 3], [1, 1, 3, 3]]), [torch.tensor([[[0.9, 0.6], [0.8, 0.3]], [[0.1, 0.4], [0.2, 0.7]]], dtype=torch.float64),
                                                               torch.tensor([[[0.7, 0.2], [0.1, 0.4]], [[0.3, 0.8], [0.9, 0.6]]], dtype=torch.float64)]
    for size, classes, boxes in [((5, 6), 3, [[0, 2, 3, 5], [2, 1, 5, 4], [1, 3, 4, 6]]), ((6, 8), 2, [[0, 0, 6, 8], [2, 3, 5, 5], [1, 0, 3, 7]]),
                                 ((7, 5), 4, [[3, 0, 7, 2], [0, 1, 6, 5], [2, 2, 3, 3], [1, 0, 5, 3]]), ((5, 9), 3, [[1, 6, 4, 9], [0, 0, 5, 2]])]:
        yield size, torch.tensor(boxes), [torch.randn(classes, bottom - top, right - left, generator=generator, dtype=torch.float64).mul(2).softmax(0)
                                          for top, left, bottom, right in boxes]


def _stacked(size, boxes, maps):
    """Every map on a sheet of its own, (n, C, H, W), zeros around it."""
    return torch.stack([F.pad(scores, (int(left), size[1] - int(right), int(top), size[0] - int(bottom))) for (top, left, bottom, right), scores in zip(boxes, maps)])


def _covered(size, boxes):
    """How many boxes lie over each pixel, (H, W)."""
    return _stacked(size, boxes, [torch.ones(1, int(bottom - top), int(right - left), dtype=torch.float64) for top, left, bottom, right in boxes]).sum(0)[0]


def _merged(size, boxes, maps):
    return _stacked(size, boxes, maps).amax(0)


def _merged_pixel_by_pixel(size, boxes, maps):
    """The same without a paste: each pixel asks every box that it lies in."""
    return torch.tensor([[[max((float(scores[k, y - top, x - left]) for (top, left, bottom, right), scores in zip(boxes.tolist(), maps)
                                if top <= y < bottom and left <= x < right), default=0.0)
                           for x in range(size[1])] for y in range(size[0])] for k in range(len(maps[0]))], dtype=torch.float64)


def _pasted(size, boxes, maps):
    """One over the other: the later one wins."""
    out = maps[0].new_zeros(len(maps[0]), *size)
    for (top, left, bottom, right), scores in zip(boxes.tolist(), maps):
        out[:, top:bottom, left:right] = scores
    return out


def _boxes_turned(size, boxes, maps):
    out = maps[0].new_zeros(len(maps[0]), *size)
    for (left, top, right, bottom), scores in zip(boxes.tolist(), maps):
        out[:, top:bottom, left:right] = torch.maximum(out[:, top:bottom, left:right], scores)
    return out


def _winner_takes_all(size, boxes, maps):
    """At every pixel all classes come from the proposal that is surest of something there."""
    sheets = _stacked(size, boxes, maps)
    surest = sheets.amax(1).argmax(0)
    return sheets.gather(0, surest[None, None].expand(1, *sheets.shape[1:]))[0]


def _summing_to_one(size, boxes, maps):
    merged = _merged(size, boxes, maps)
    return torch.where(merged.sum(0) > 0, merged / merged.sum(0), 0)


def _describe_proposals(inputs):
    size, boxes, maps = inputs
    shown = [[[[round(value, 2) for value in row] for row in plane] for plane in scores.tolist()] if len(maps) == 2 and scores.numel() <= 8 else tuple(scores.shape)
             for scores in maps]
    return f"size {tuple(size)}, boxes {boxes.tolist()}, maps {shown}"


@exercise(
    title=Both(en="Many proposals, one map", ko="후보 영역은 여럿, 맵은 하나"), minutes=15, difficulty=2,
    task=Both(
        en="""
DeconvNet looks at one proposal after the other. Put the answers together: paste each into the image at its box, and where several lie over a pixel, keep the largest
probability *of each class*.

* `size`: `(height, width)` of the image
* `boxes`: whole numbers `(n, 4)`, each `(top, left, bottom, right)`; `bottom` and `right` lie just outside, as in a Python slice
* `maps`: a list of n tensors `(classes, bottom - top, right - left)`, the probabilities of each box, already of the box's size
  (`training.instancewise` merges the scores before the softmax, as the paper does; with probabilities 0 is the natural value where no box lies)
* gives a tensor `(classes, height, width)`; 0 where no box lies

The check compares with the maximum over full-size sheets in torch and with one pixel by pixel. A difference of up to 1e-6 is fair: a maximum does not round, and
whoever works in float32 errs by less than 1e-7.
""",
        ko="""
DeconvNet은 후보 영역을 하나씩 봐요. 그 답을 한데 모아 보세요. 하나하나 제 상자 자리에 붙이고, 한 픽셀에 여러 개가 겹치면 *클래스마다* 가장 큰 확률을 남겨요.

* `size`는 이미지의 크기 `(height, width)`예요.
* `boxes`는 정수 `(n, 4)`이고, 하나하나가 `(top, left, bottom, right)`예요. 파이썬 슬라이스처럼 `bottom`과 `right`는 바로 바깥을 가리켜요.
* `maps`는 텐서 n개가 든 리스트예요. 모양은 `(classes, bottom - top, right - left)`이고, 상자마다의 확률을 이미 상자 크기로 맞춰 두었어요. (`training.instancewise`는 논문처럼 소프트맥스 전의 점수를 합쳐요. 확률로 하면 상자가 없는 곳은 0이면 돼요.)
* 텐서 `(classes, height, width)`를 돌려주세요. 어느 상자에도 들지 않은 픽셀은 0이에요.

채점할 때는 이미지 크기의 종이를 겹쳐 torch로 구한 최댓값, 그리고 픽셀마다 하나씩 구한 최댓값과 견줘요. 차이가 1e-6 안이면 돼요. 최댓값을 고를 때는 반올림이 없고, float32로 해도 오차가 1e-7보다 작으니 공정한 기준이에요.
"""),
    hints=(
        Both(en="Begin with zeros everywhere. Which slice of the image does a box cover? In which order do rows and columns stand in it?",
             ko="모두 0에서 시작해요. 상자 하나는 이미지의 어느 조각을 덮나요? 그 조각을 자를 때 행과 열 중 무엇이 먼저일까요?"),
        Both(en="Before you paste, look at what already lies there: of the old and the new, the larger one stays, number by number.",
             ko="붙이기 전에 그 자리에 이미 있는 값을 보세요. 칸마다 옛 값과 새 값 가운데 큰 쪽이 남아요."),
        Both(en="`torch.maximum(out[:, top:bottom, left:right], scores)` goes back into the same slice.",
             ko="`torch.maximum(out[:, top:bottom, left:right], scores)`를 같은 조각에 다시 넣으세요."),
    ),
    checker=Checker(
        draw=_draw_proposals, truths=(_merged, _merged_pixel_by_pixel), describe=_describe_proposals, read=numbers, tolerance=1e-6,
        against=Both(en="the maximum of all sheets, and of each pixel by itself", ko="종이를 모두 겹쳐 구한 값, 픽셀마다 따로 구한"),
        mistakes={
            "last": Mistake(
                Both(en="A later proposal wipes out what an earlier one knew. Where both lie, the larger number stays, whoever came first.",
                     ko="나중 후보 영역이 먼저 것을 지우고 있어요. 겹친 곳에는 순서와 상관없이 큰 값이 남아야 해요."),
                gives(_pasted, lambda size, boxes, maps: _pasted(size, boxes.flip(0), maps[::-1]))),
            "sum": Mistake(
                Both(en="You add where boxes overlap. Then a pixel that lies in many boxes is surer than one that lies in a single good one, and above 1 it is no probability. "
                        "The paper takes the maximum.",
                     ko="상자가 겹친 곳에서 더했어요. 그러면 여러 상자에 든 픽셀이 좋은 상자 하나에 든 픽셀보다 더 확실해지고, 1을 넘으면 확률도 아니에요. 논문은 최댓값을 써요."),
                gives(lambda size, boxes, maps: _stacked(size, boxes, maps).sum(0))),
            "average": Mistake(
                Both(en="You averaged. One proposal that fits a thing well would be outvoted by all those that cut it in two: take the maximum.",
                     ko="평균을 냈어요. 그러면 물체에 딱 맞는 후보 영역 하나가, 물체를 반만 담은 여러 개에 묻혀요. 최댓값을 쓰세요."),
                gives(lambda size, boxes, maps: _stacked(size, boxes, maps).sum(0) / _covered(size, boxes).clamp(min=1),
                      lambda size, boxes, maps: _stacked(size, boxes, maps).mean(0))),
            "transposed": Mistake(
                Both(en="Your boxes are mirrored in the diagonal: rows come first, `(top, left, bottom, right)`, so the slice is `[:, top:bottom, left:right]`.",
                     ko="상자가 대각선으로 뒤집혔어요. `(top, left, bottom, right)`에서는 행이 먼저예요. 그러니 조각은 `[:, top:bottom, left:right]`예요."),
                gives(_boxes_turned)),
            "winner": Mistake(
                Both(en="At each pixel you take all classes from the one proposal that is surest there. Each class asks for itself: the road may come from one box, the car from another.",
                     ko="픽셀마다 가장 확신하는 후보 영역 하나에서 모든 클래스를 가져왔어요. 클래스마다 따로 물어야 해요. 도로는 이 상자에서, 자동차는 저 상자에서 올 수 있어요."),
                gives(_winner_takes_all)),
            "normalised": Mistake(
                Both(en="You made the classes sum to 1 again. Not here: the maximum stays as it is, so that every proposal that comes later is compared with the same numbers.",
                     ko="클래스의 합이 1이 되도록 다시 나눴어요. 여기서는 나누지 않아요. 최댓값을 그대로 두어야 나중에 오는 후보 영역도 같은 값과 견줄 수 있어요."),
                gives(_summing_to_one)),
        }),
)
def merge_proposals(size, boxes, maps):
    """The pixelwise maximum of proposals: maps, each (C, bottom - top, right - left), pasted into (C, H, W) at boxes (n, 4). DeconvNet, section 4.2.

    Checked against the maximum in torch and pixel by pixel within 1e-6: fair, since a maximum does not round and float32 holds a probability to 1e-7.
    """
    height, width = size
    out = maps[0].new_zeros(len(maps[0]), height, width)
    for box, scores in zip(boxes, maps):
        top, left, bottom, right = box.tolist()
        there = out[:, top:bottom, left:right]  # hole  # en: what lies there already | ko: 그 자리에 이미 있는 값
        out[:, top:bottom, left:right] = torch.maximum(there, scores)  # hole  # en: what stays | ko: 남는 값
    return out


# --- 5 · what travels through the switches? -------------------------------------------------------------------------------

LEVELS = 4          # of pooling: 96x128 pixels become 6x8 cells
BLUR = 9            # pixels a side: what remains behind a mean over so many counts as detail
_TENT = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])

# What is put together -> likeness to A, to B, of A's details, of B's details, in per cent on `grey_pairs()`; a test computes them.
SWAPPED = {"own": (65.1, 18.5, 44.0, -0.2), "swap": (33.5, 48.2, 39.2, -0.4), "mean code": (22.6, -0.4, 40.9, -0.5), "zero code": (-22.6, 0.4, -40.9, 0.5),
           "finest only": (33.9, 49.6, 38.9, -0.7), "all but finest": (19.4, 64.2, 0.0, 43.9), "light for dark": (30.8, 17.4, -43.7, 0.2),
           "no switches": (58.9, 23.4, 2.0, 0.3)}
COARSER = {4: (39.2, -0.4), 3: (36.6, 1.4), 2: (29.1, 22.2), 1: (12.7, 73.1)}       # levels of pooling -> likeness of the swap's details to A and to B


def grey_pairs(split: str = "test", *, pictures: int = 20):
    """(A, B): brightness (N, 1, 96, 128) from 0 to 1 of the first streets of `split`, and the same pictures, each moved on by one place."""
    grey = datasets.load("streets", split).stack(range(pictures))[0].float().mean(1, keepdim=True) / 255
    return grey, grey.roll(1, 0)


def fold(pictures, levels: int = LEVELS):
    """Pool brightness and darkness of pictures (N, 1, H, W) `levels` times by 2x2: (code (N, 2, h, w), switches, sizes), both lists finest first.

    The code holds how bright the brightest pixel of each block is, and 1 less how dark the darkest; where they stood is in the switches.
    """
    code, switches, sizes = torch.cat([pictures, 1 - pictures], 1), [], []
    for _ in range(levels):
        sizes.append(tuple(code.shape[2:]))
        code, level = ops.max_pool2d_with_switches(code, 2)
        switches.append(level)
    return code, switches, sizes


def unfold(code, switches, sizes):
    """The way back, without a single learned weight: unpool, fill the holes with the mean of what is near, level by level. (N, 1, H, W)."""
    for level, size in zip(reversed(switches), reversed(sizes)):
        known = ops.max_unpool2d(torch.ones_like(code), level, size)
        code = ops.max_unpool2d(code, level, size)
        if size != sizes[0]:
            code = _filled(code, known)
    bright, dark = code[:, :1], known[:, 1:] - code[:, 1:]
    return _filled(bright + dark, known.sum(1, keepdim=True))


def _filled(values, known):
    """The mean of the known cells among the nine around each cell, near ones counting more; 0 where there is none."""
    kernel = _TENT.expand(values.shape[1], 1, 3, 3)
    total, weight = (F.conv2d(part, kernel, padding=1, groups=values.shape[1]) for part in (values, known))
    return torch.where(weight > 0, total / weight.clamp(min=1), 0)


def likeness(found, pictures):
    """(whole, detail) in per cent: the correlation of found and pictures (N, 1, H, W), mean over N; and that of what is left of both behind a mean over 9x9 pixels."""
    def correlation(one, other):
        one, other = (part.flatten(1) - part.flatten(1).mean(1, keepdim=True) for part in (one, other))
        return 100 * ((one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1)).clamp(min=1e-9)).mean().item()

    def detail(part):
        return part - F.avg_pool2d(F.pad(part, (BLUR // 2,) * 4, mode="reflect"), BLUR, 1)

    return correlation(found, pictures), correlation(detail(found), detail(pictures))


def _swap_table(*headers):
    rows = [f"| `{name}` | " + " | ".join(f"{value:.0f} %" for value in values) + " |" for name, values in SWAPPED.items()]
    return "\n".join([f"| {' | '.join(headers)} |", "|:---|---:|---:|---:|---:|", *rows])


@exercise(
    title=Both(en="What travels through the switches?", ko="스위치를 타고 가는 것은 무엇일까요?"), minutes=(40, 60), difficulty=4,
    task=Both(
        en="""
Here is an encoder and a decoder without a single learned weight. `fold` pools a picture several times and remembers in every block the brightest and the darkest pixel:
the *code* holds how bright they are, the *switches* where they stood. `unfold` goes back, level by level, and fills the holes with what is near.

The function below runs as it stands. It folds twenty streets. Each is A once, and the one before it is its B. A comes back from its own code and switches, then from B's code
with A's switches: the switch swap. `likeness` measures how alike the result is to A and to B, once the whole picture and once only the details, which remain behind a mean
over 9x9 pixels.

* Run it: `open_swap()`. Whom does the swapped picture resemble? Look at one, with `figures.images`.
* Add pairs of your own, `(code, switches)`: a code that knows nothing, the switches of one level only, the switches of light and dark exchanged, no switches at all.
  Which of the levels carries the details? What do the switches *not* know?
* Make the swap fail, so that B's code wins with its details, too. `levels` is one thing to turn; find another.

Write down what you expect before you run it. Then: what does it mean for a decoder of a trained network?
""",
        ko="""
학습한 가중치가 하나도 없는 인코더와 디코더가 있어요. `fold`는 그림을 여러 번 풀링하면서 블록마다 가장 밝은 픽셀과 가장 어두운 픽셀을 기억해요. 얼마나 밝은지는 *코드*에, 어디 있었는지는 *스위치*에 담겨요. `unfold`는 한 단계씩 되돌아가며 빈 곳을
가까운 값으로 채워요.

아래 함수는 고치지 않아도 돌아가요. 거리 그림 스무 장을 접는데, 한 장 한 장이 차례로 A가 되고 바로 앞 그림이 B가 돼요. 먼저 A의 코드와 A의 스위치로 A를 되돌리고, 그다음에는 B의 코드에 A의 스위치를 끼워 되돌려요. 본문에서 본 스위치 바꿔 끼우기예요. `likeness`는 결과가 A, B와 얼마나 닮았는지 재요. 한 번은 그림 전체로,
한 번은 9x9 픽셀의 평균을 빼고 남은 세부만으로요.

* 먼저 `open_swap()`을 실행해 보세요. 바꿔 끼운 그림은 누구를 닮았나요? `figures.images`로 한 장 그려 보세요.
* 나만의 짝 `(code, switches)`를 더해 보세요. 아무것도 모르는 코드, 한 단계만 가져온 스위치, 밝은 쪽과 어두운 쪽을 맞바꾼 스위치, 스위치가 아예 없는 경우 같은 것이요. 세부를 나르는 것은 어느 단계인가요? 스위치가 *모르는* 것은 무엇인가요?
* 스위치를 바꿔 끼워도 B가 나오게 해 보세요. 세부에서도 B의 코드가 이겨야 해요. `levels`를 바꾸는 것이 한 방법이에요. 다른 방법도 찾아보세요.

실행하기 전에 어떤 결과가 나올지 먼저 적어 보세요. 그리고 생각해 보세요. 학습한 네트워크의 디코더라면 이 결과가 무엇을 뜻할까요?
"""),
    hints=(
        Both(en="How many bits does one switch of a 2x2 pooling hold? How many switches has the finest level, and how many the next?",
             ko="2x2 풀링의 스위치 하나에는 몇 비트가 들어 있을까요? 가장 촘촘한 단계에는 스위치가 몇 개 있고, 다음 단계에는 몇 개 있을까요?"),
        Both(en="`switches[0]` belongs to the finest level. A list such as `switches_a[:1] + switches_b[1:]` takes that one from A and the others from B.",
             ko="`switches[0]`이 가장 촘촘한 단계예요. `switches_a[:1] + switches_b[1:]` 같은 리스트는 그것만 A에서, 나머지는 B에서 가져와요."),
        Both(en="A switch says where the brightest pixel is, and nobody tells it how bright. What does a code do that holds 0 for bright *and* for dark?",
             ko="스위치는 가장 밝은 픽셀이 어디 있는지만 알고 얼마나 밝은지는 몰라요. 코드가 밝은 쪽도 어두운 쪽도 0이면 어떤 그림이 나올까요?"),
    ),
    discussion=Both(
        en=f"""
On twenty streets and four levels of pooling, from 96x128 pixels to a code of 6x8, we found:

{_swap_table("pair", "like A", "like B", "details of A", "details of B")}

(Two streets are alike by about {SWAPPED["own"][1]:.0f} % anyhow: the sky is above and the road below.)

* **The details are A's.** B's code in A's switches resembles B as a whole, and none of B's details are in it. A code that knows nothing but a mean has {SWAPPED["mean code"][2]:.0f} % of A's
  details, where A's own code has {SWAPPED["own"][2]:.0f} %.
* **The finest level carries them.** With A's switches at that level only, nearly all of A's details are there; with A's switches at all levels but that one, none. Its map is
  four times as large as the next, and no later level can put back what it has lost.
* **What the switches do not know is the sign.** Exchange those of light and dark, and the details come out as a negative ({SWAPPED["light for dark"][2]:.0f} %). A code of zeros does the same: at the
  bright places it says 0, at the dark ones 1 less 0.
* **Without switches** the whole picture suffers little and the details are gone ({SWAPPED["no switches"][2]:.0f} %): every value lies in the corner of its block.
* **The swap fails where the code is fine.** With three levels the details are like A by {COARSER[3][0]:.0f} % and like B by {COARSER[3][1]:.0f} %, with two by {COARSER[2][0]:.0f} % and {COARSER[2][1]:.0f} %, with one
  by {COARSER[1][0]:.0f} % and {COARSER[1][1]:.0f} %. At one level a quarter of the pixels is left, and details that are larger than a block lie in the code.

So switches are no mere addresses: they are a second picture that goes past the code, a skip connection that one does not see in the drawing. But this decoder has learned
nothing. A trained one may lean on its switches more or less than this one; the chapter's own swap measures it.
""",
        ko=f"""
거리 그림 스무 장을 네 번 풀링해서 96x128픽셀을 6x8짜리 코드로 줄였을 때 나온 값이에요.

{_swap_table("짝", "A와 닮음", "B와 닮음", "A의 세부", "B의 세부")}

(거리 그림 두 장은 원래 {SWAPPED["own"][1]:.0f} %쯤 닮았어요. 하늘은 위에, 도로는 아래에 있으니까요.)

* **세부는 A의 것이에요.** B의 코드를 A의 스위치에 끼우면 전체로는 B를 닮았는데, B의 세부는 하나도 없어요. 평균밖에 모르는 코드에서도 A의 세부가 {SWAPPED["mean code"][2]:.0f} % 나와요. A의 원래 코드로도 {SWAPPED["own"][2]:.0f} %예요.
* **세부를 나르는 것은 가장 촘촘한 단계예요.** 그 단계에서만 A의 스위치를 써도 A의 세부가 거의 다 나오고, 그 단계만 빼고 모두 A의 스위치를 쓰면 하나도 나오지 않아요. 그 단계의 맵은 다음 단계보다 네 배 크고, 거기서 잃은 것은 뒤의 어느 단계도 되돌려 놓지 못해요.
* **스위치가 모르는 것은 부호예요.** 밝은 쪽과 어두운 쪽의 스위치를 맞바꾸면 세부가 음화처럼 뒤집혀 나와요({SWAPPED["light for dark"][2]:.0f} %). 0으로 채운 코드도 마찬가지예요. 밝은 자리에 0을, 어두운 자리에 1에서 0을 뺀 값을 놓거든요.
* **스위치가 없으면** 그림 전체는 별로 나빠지지 않는데 세부는 사라져요({SWAPPED["no switches"][2]:.0f} %). 값이 모두 블록의 왼쪽 위 칸에 놓이니까요.
* **코드가 촘촘하면 스위치를 바꿔 끼워도 B가 나와요.** 세 단계에서는 세부가 A와 {COARSER[3][0]:.0f} %, B와 {COARSER[3][1]:.0f} % 닮았고, 두 단계에서는 {COARSER[2][0]:.0f} %와 {COARSER[2][1]:.0f} %, 한 단계에서는 {COARSER[1][0]:.0f} %와 {COARSER[1][1]:.0f} %예요. 한 번만 풀링하면 픽셀의 4분의 1이 남아서, 블록보다 큰
  세부는 코드에 담겨요.

그러니 스위치는 단순한 주소가 아니에요. 코드를 거치지 않고 옆길로 가는 또 하나의 그림이고, 구조도에는 보이지 않는 스킵 연결이에요. 다만 이 디코더는 아무것도 배우지 않았어요. 학습한 디코더는 스위치에 더 기댈 수도 있고 덜 기댈 수도 있어요. 얼마나 기대는지는 이 장의 본문에서 쟀어요.
"""),
    imports="import torch\n\nfrom segcourse.exercises.deconvnet import fold, grey_pairs, likeness, unfold",
)
def open_swap(levels=4):
    """Likeness in per cent to A, to B, of details to A, of details to B, of what comes back from codes and switches: {name: (four numbers)}. Open: nothing
    is checked.
    """
    a, b = grey_pairs()
    code_a, switches_a, sizes = fold(a, levels)
    code_b, switches_b, _ = fold(b, levels)
    tried = {"own": (code_a, switches_a), "swap": (code_b, switches_a)}
    tried |= {  # hole  # en: yours: name -> (code, switches) | ko: 나만의 조합, 이름 -> (code, switches)
        "mean code": (code_a.mean((2, 3), keepdim=True).expand_as(code_a), switches_a),
        "zero code": (torch.zeros_like(code_a), switches_a),
        "finest only": (code_b, switches_a[:1] + switches_b[1:]),
        "all but finest": (code_b, switches_b[:1] + switches_a[1:]),
        "light for dark": (code_a, [level.flip(1) for level in switches_a]),
        "no switches": (code_a, [level - level % 2 - level // size[1] % 2 * size[1] for level, size in zip(switches_a, sizes)]),
    }
    found = {}
    for name, (code, switches) in tried.items():
        back = unfold(code, switches, sizes)
        (whole_a, detail_a), (whole_b, detail_b) = likeness(back, a), likeness(back, b)
        found[name] = tuple(round(value, 1) for value in (whole_a, whole_b, detail_a, detail_b))
    return found
