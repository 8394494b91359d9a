"""There is no inverse: convolution, its transpose, convolution again; pooling, unpooling, pooling again.

Chapter 01 claim 1.6, chapter 03 claim 3.5b.
"""

import torch
from torch.nn import functional as F

from segcourse import figures, ops
from segcourse.labs.base import Field, Lab, LabValueError, module_source, style_source
from segcourse.language import say


def light_texts() -> dict[str, str]:
    """The words of the lights over a way there and back (_round_trip.js), in the language in force."""
    return {
        "largest": "max",
        "apart": say(en="off by {v}", ko="최대 {v} 차이"),
        "light.shape": say(en="Is the shape back?", ko="모양이 돌아왔나요?"),
        "light.values": say(en="Are the values back?", ko="값이 돌아왔나요?"),
        "pool.product": say(en="Is ⟨Px, y⟩ = ⟨x, Pᵀy⟩?", ko="⟨Px, y⟩ = ⟨x, Pᵀy⟩인가요?"),
        "shapeYes": say(en="the shape comes back", ko="모양은 돌아오고"),
        "shapeNo": say(en="the shape does not come back", ko="모양은 돌아오지 않고"),
        "valuesYes": say(en="so do the values", ko="값도 돌아와요"),
        "valuesNo": say(en="the values do not", ko="값은 돌아오지 않아요"),
        "productYes": say(en="the inner product is kept", ko="내적은 그대로고"),
        "productNo": say(en="the inner product is not kept", ko="내적은 달라지고"),
    }


class NoInverseLab(Lab):
    """One x, two ways there and back, and lights that are computed: shape, values, inner product, and forward again.

    Fields: x (grid of 4x4 to 6x6 numbers from -9 to 9), kernel (1x1 to 3x3), stride 1 or 2 of the convolution, seed 0 to 99 (which y is
    drawn for the inner product). Pooling is 2x2 with stride 2 and keeps the switches of x.
    """

    module = "no_inverse"
    _esm = module_source("no_inverse")
    _css = style_source()
    fields = (
        Field(name="x", kind="grid", default=[[1.0, 3.0, 2.0, 0.0], [4.0, 2.0, 1.0, 5.0], [0.0, 6.0, 3.0, 2.0], [7.0, 1.0, 2.0, 4.0]],
              low=-9, high=9, rows=(4, 6), cols=(4, 6)),
        Field(name="kernel", kind="grid", default=[[1.0, 2.0], [0.0, 1.0]], low=-9, high=9, rows=(1, 3), cols=(1, 3)),
        Field(name="stride", kind="int", default=2, low=1, high=2),
        Field(name="seed", kind="int", default=1, low=0, high=99),
    )

    def texts(self):
        both = {
            "xSize": say(en="x size", ko="x 크기"),
            "kernelSize": say(en="kernel size", ko="커널 크기"),
            "stride": say(en="stride", ko="스트라이드"),
            "kernel": say(en="kernel", ko="커널"),
            "kernelTitle": say(en="kernel {size}", ko="커널 {size}"),
            "newX": say(en="Another x", ko="다른 x"),
            "newY": say(en="Another y", ko="다른 y"),
            "hint": say(en="Drag a number of x or of the kernel up and down, or click it and type. The lights are computed anew each time.",
                        ko="x나 커널의 수를 위아래로 끌거나, 눌러서 직접 써 보세요. 불은 그때마다 다시 계산해요."),
            "pointMe": say(en="Point at a number to see where it comes from.", ko="수를 가리키면 어디서 왔는지 보여요."),
            "was": say(en="(x had {v} here)", ko="(x의 이 칸은 {v})"),
            "switchHere": say(en="(a switch stood here; x had {v})", ko="(스위치가 있던 칸, x는 {v})"),
            "noSwitch": say(en="(no switch here: zero; x had {v})", ko="(스위치가 없어서 0, x는 {v})"),
            "conv.product": say(en="Is ⟨Ax, y⟩ = ⟨x, Aᵀy⟩?", ko="⟨Ax, y⟩ = ⟨x, Aᵀy⟩인가요?"),
            "light.again": say(en="Forward again: unchanged?", ko="한 번 더 가도 그대로인가요?"),
            "againYes": say(en="and going forward again changes nothing", ko="한 번 더 앞으로 가도 달라지지 않아요"),
            "againNo": say(en="and going forward again gives other numbers", ko="한 번 더 앞으로 가면 다른 수가 나와요"),
            "convLine": say(en="Convolution and its transpose: {shape}, {values}, {product}, {again}.",
                            ko="합성곱과 전치에서는 {shape} {values}. {product} {again}."),
            "poolLine": say(en="Pooling and unpooling: {shape}, {values}, {product}, {again}.",
                            ko="풀링과 언풀링에서는 {shape} {values}. {product} {again}."),
            "title": say(en="Lab: there is no inverse", ko="역연산이 없다는 것을 보는 실험실"),
            "try1": say(en="Make every kernel number 0.5 at stride 2. One more light turns on. Why does the one for the values stay off?",
                        ko="스트라이드 2에서 커널을 모두 0.5로 바꿔 보세요. 불이 하나 더 켜져요. 값의 불은 왜 꺼져 있을까요?"),
            "try2": say(en="Which x does pooling give back unharmed? Here is one: move a zero and watch.",
                        ko="풀링을 거쳐도 그대로 돌아오는 x가 있을까요? 하나를 준비했어요. 0 하나를 다른 수로 바꿔 보세요."),
            "try3": say(en="Make one 2×2 window of x all negative. Who wins when it is pooled again?",
                        ko="x의 2×2 창 하나를 모두 음수로 만들어 보세요. 다시 풀링하면 누가 이길까요?"),
        }
        conv = {
            "convHead": say(en="Convolution", ko="합성곱"),
            "convThere": say(en="conv", ko="합성곱"),
            "convBack": say(en="transpose", ko="전치"),
        }
        pool = {
            "poolHead": say(en="Max pooling", ko="최대 풀링"),
            "poolThere": say(en="pool", ko="풀링"),
            "poolBack": say(en="unpool", ko="언풀링"),
        }
        names = {"x": ("x", "x"), "there": ("Ax", "Px"), "back": ("AᵀAx", "PᵀPx"), "again": ("AAᵀAx", "PPᵀPx"), "y": ("y", "y")}
        shorts = {f"{side}Short.{key}": pair[i] for i, side in enumerate(("conv", "pool")) for key, pair in names.items()}
        titles = {f"{side}Title.{key}": pair[i] for i, side in enumerate(("conv", "pool")) for key, pair in names.items()}
        titles |= {"convTitle.y": say(en="any y", ko="아무 y"), "poolTitle.y": say(en="any y", ko="아무 y"),
                   "poolTitle.x": say(en="x, switches framed", ko="x(테두리가 스위치)")}
        return light_texts() | both | conv | pool | shorts | titles

    @classmethod
    def agree(cls, state):
        if len({len(row) for row in state["x"]}) != 1 or len(state["x"]) != len(state["x"][0]):
            raise LabValueError(say(
                en=f"x must be square, got {len(state['x'])}x{len(state['x'][0])}: write as many rows as columns, 4 to 6",
                ko=f"x는 정사각형이어야 하는데 {len(state['x'])}x{len(state['x'][0])}예요. 행과 열의 수를 같게, 4에서 6까지로 써 주세요."))
        return state

    @staticmethod
    def there_and_back(state: dict) -> dict[str, list[torch.Tensor]]:
        """The four grids of each column, by segcourse.ops and torch: x, forward, back, forward again.

        Keys "conv" and "pool"; each grid float64 (H, W).
        """
        x = torch.tensor(state["x"], dtype=torch.float64)[None, None]
        weight = torch.tensor(state["kernel"], dtype=torch.float64)[None, None]
        stride = state["stride"]
        there = F.conv2d(x, weight, stride=stride)
        reached = [(n - 1) * stride + k for n, k in zip(there.shape[2:], weight.shape[2:])]
        rest = tuple(n - m for n, m in zip(x.shape[2:], reached))
        back = ops.conv_transpose2d(there, weight, stride=stride, output_padding=rest)
        pooled, switches = F.max_pool2d(x, 2, return_indices=True)
        unpooled = F.max_unpool2d(pooled, switches, 2, output_size=x.shape[2:])
        return {"conv": [v[0, 0] for v in (x, there, back, F.conv2d(back, weight, stride=stride))],
                "pool": [v[0, 0] for v in (x, pooled, unpooled, F.max_pool2d(unpooled, 2))]}

    def static_picture(self):
        """Both ways of the default state, one above the other: x (4, 4), forward (2, 2), back (4, 4), forward again (2, 2)."""
        both = self.there_and_back(self.read_state(""))
        names = {"conv": ("x", "Ax", "AᵀAx", "AAᵀAx"), "pool": ("x", "Px", "PᵀPx", "PPᵀPx")}
        steps = {"conv": (say(en="conv", ko="합성곱"), say(en="transpose", ko="전치"), say(en="conv", ko="합성곱")),
                 "pool": (say(en="pool", ko="풀링"), say(en="unpool", ko="언풀링"), say(en="pool", ko="풀링"))}
        items = [(grid, "input" if index == 0 else "output", name if index == 0 else f"{name}, {steps[column][index - 1]}")
                 for column, grids in both.items() for index, (grid, name) in enumerate(zip(grids, names[column]))]
        figure = figures.grids(items, operators=("→", "→", "→", "", "→", "→", "→"),
                               title=say(en="The shape comes back, the values do not", ko="모양은 돌아오지만 값은 돌아오지 않아요"))
        told = {column: " → ".join("; ".join(" ".join(f"{v:g}" for v in line) for line in grid.tolist()) for grid in grids)
                for column, grids in both.items()}
        figure.alt = say(
            en=f"Lab, there is no inverse. Convolution, transpose, convolution: {told['conv']}. "
               f"The 4x4 shape comes back, the values do not. "
               f"Max pooling, unpooling, pooling: {told['pool']}. The values do not come back either, but pooling again changes nothing.",
            ko=f"역연산은 없어요. 합성곱, 전치, 다시 합성곱 순서로 {told['conv']}. 4x4 모양은 돌아오지만 값은 돌아오지 않아요. "
               f"최대 풀링, 언풀링, 다시 풀링 순서로 {told['pool']}. 값은 역시 돌아오지 않지만, 다시 풀링해도 그대로예요.")
        return figure
