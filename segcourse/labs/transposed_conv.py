"""The lab of transposed convolution: lay the stamps one by one, and see what happens where they overlap.

Chapter 01, claims 1.8 and 1.9.
"""

from functools import cache

import numpy as np
import torch

from segcourse import figures, ops
from segcourse.labs.base import Field, Lab, LabValueError, module_source, style_source
from segcourse.language import say

PATCH_SIDE = 24


@cache
def photo_patch() -> np.ndarray:
    """The astronaut's face, (24, 24) uint8 grey: a public-domain NASA photo that scikit-image carries. Means over 8x8 pixels."""
    from skimage import data   # only this lab's photo needs it, and it is slow to import

    red, green, blue = (data.astronaut()[10:202, 120:312, c].astype(np.float64) for c in range(3))
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    blocks = grey.reshape(PATCH_SIDE, 8, PATCH_SIDE, 8).mean(axis=(1, 3))
    return np.clip(np.round(blocks), 0, 255).astype(np.uint8)


class TransposedConvLab(Lab):
    """Input and kernel to type or drag, stride and padding; stamps laid one by one; sum, average or count; numbers or a photo patch.

    Fields: input and kernel (grids of 1x1 to 5x5 numbers from -9 to 9), stride 1 to 4, padding 0 to 4, stamps (how many are laid;
    25 is all), view (sum, average, count), scene (numbers, photo), cell (the output cell whose sum is written out, row and column
    counted from 0).
    """

    module = "transposed_conv"
    _esm = module_source("transposed_conv")
    _css = style_source()
    fields = (
        Field(name="input", kind="grid", default=[[1.0, 2.0], [3.0, 4.0]], low=-9, high=9, rows=(1, 5), cols=(1, 5)),
        Field(name="kernel", kind="grid", default=[[1.0] * 3] * 3, low=-9, high=9, rows=(1, 5), cols=(1, 5)),
        Field(name="stride", kind="int", default=2, low=1, high=4),
        Field(name="padding", kind="int", default=0, low=0, high=4),
        Field(name="stamps", kind="int", default=25, low=0, high=25),
        Field(name="view", kind="choice", default="sum", options=("sum", "average", "count")),
        Field(name="scene", kind="choice", default="numbers", options=("numbers", "photo")),
        Field(name="cell", kind="cell", default=(2, 2)),
    )

    @classmethod
    def agree(cls, state):
        sides = [(len(state["input"]) - 1) * state["stride"] + len(state["kernel"]),
                 (len(state["input"][0]) - 1) * state["stride"] + len(state["kernel"][0])]
        most = (min(sides) - 1) // 2
        if state["padding"] > most:
            raise LabValueError(say(
                en=f"padding={state['padding']} cuts away the whole {sides[0]}x{sides[1]} output: "
                   f"write padding={most} or less, or enlarge the input",
                ko=f"padding={state['padding']}이면 {sides[0]}x{sides[1]} 출력이 모두 잘려 나가요. padding={most} 이하로 쓰거나 입력을 키워 주세요."))
        return state

    def settings(self):
        return {"patch_side": PATCH_SIDE}

    def data(self):
        return photo_patch().tobytes()

    def texts(self):
        return {
            "title": say(en="Lab: transposed convolution, stamp by stamp", ko="도장으로 보는 전치 합성곱 실험실"),
            "input": say(en="input", ko="입력"),
            "kernel": say(en="kernel", ko="커널"),
            "output": say(en="output", ko="출력"),
            "photo": say(en="photo", ko="사진"),
            "inputTitle": say(en="input {h}×{w}", ko="입력 {h}×{w}"),
            "kernelTitle": say(en="kernel {h}×{w}", ko="커널 {h}×{w}"),
            "outTitle": say(en="output {h}×{w}", ko="출력 {h}×{w}"),
            "photoTitle": say(en="photo {h}×{w}", ko="사진 {h}×{w}"),
            "hint": say(en="Drag a blue or an orange number up and down, or click it and type.",
                        ko="파란 수나 주황 수를 위아래로 끌거나, 눌러서 직접 써 보세요."),
            "next": say(en="Next stamp", ko="다음 도장"),
            "stamps": say(en="stamps laid", ko="찍은 도장"),
            "ofAll": say(en="{n} of {all}", ko="{all}개 중 {n}개"),
            "stride": say(en="stride", ko="스트라이드"),
            "padding": say(en="padding", ko="패딩"),
            "kernelSize": say(en="kernel size", ko="커널 크기"),
            "inputSize": say(en="input size", ko="입력 크기"),
            "overlap": say(en="where stamps overlap", ko="도장이 겹치는 칸"),
            "sum": say(en="sum", ko="합"),
            "average": say(en="average", ko="평균"),
            "count": say(en="count", ko="개수"),
            "scene": say(en="input is", ko="입력 종류"),
            "numbers": say(en="numbers", ko="숫자"),
            "box": say(en="box", ko="상자"),
            "bilinear": say(en="bilinear", ko="쌍선형"),
            "random": say(en="random", ko="무작위"),
            "checkerboard": say(en="checkerboard: k = 3, s = 2", ko="체커보드(k = 3, s = 2)"),
            "profile": say(en="row {row} of the output, from the side", ko="출력의 {row}행을 옆에서 본 모습"),
            "outCell": say(en="output[row {row}, column {column}]", ko="출력[{row}행 {column}열]"),
            "cutCell": say(en="cut away by the padding", ko="패딩이 잘라 낸 칸"),
            "noStamp": say(en="no stamp reaches this cell", ko="이 칸에는 도장이 닿지 않아요"),
            "stampsHere": say(en="stamps on this cell: {n}", ko="이 칸에 찍힌 도장 {n}개"),
            "more": say(en="{n} more", ko="{n}개 더"),
            "notThis": say(en="(a transposed convolution gives the sum, {v})", ko="(전치 합성곱의 값은 합인 {v:이에요/예요})"),
            "pointMe": say(en="Point at an output cell to see where its number comes from.", ko="출력 칸을 가리키면 그 수가 어디서 왔는지 보여요."),
            "lineNone": say(en="No stamp has been laid yet.", ko="아직 도장을 찍지 않았어요."),
            "lineLaid": say(en="{n} of {all} stamps are laid.", ko="도장 {all}개 중 {n}개를 찍었어요."),
            "lineSize": say(en="The {h}×{w} input becomes {rows}×{cols}.", ko="{h}×{w} 입력이 {rows}×{cols:이/가} 됐어요."),
            "lineSum": say(en="Where stamps overlap they are added, up to {most} on one cell.", ko="겹치는 칸에서는 더해요. 한 칸에 많게는 {most}개가 겹쳐요."),
            "lineApart": say(en="No two stamps overlap.", ko="겹치는 도장이 없어요."),
            "lineAverage": say(en="This is the average the lecture notes speak of, not what a transposed convolution gives.",
                               ko="강의 노트가 말한 평균이에요. 전치 합성곱의 값은 아니에요."),
            "lineCount": say(en="A cell gets between {least} and {most} stamps.", ko="칸마다 도장이 {least}개에서 {most}개까지 찍혀요."),
            "lineCountSame": say(en="Every cell gets {most}.", ko="모든 칸에 {most}개씩 찍혀요."),
            "lineEven": say(en="Stride {s} divides kernel {k}: inside, all cells get equally many.",
                            ko="커널 크기 {k:은/는} 스트라이드 {s:으로/로} 나누어떨어져요. 안쪽 칸은 도장 수가 모두 같아요."),
            "lineUneven": say(en="Stride {s} does not divide kernel {k}: cells get different numbers of stamps, which is the checkerboard.",
                              ko="커널 크기 {k:은/는} 스트라이드 {s:으로/로} 나누어떨어지지 않아요. 그래서 칸마다 도장 수가 다르고 체커보드 무늬가 생겨요."),
            "try1": say(en="Two cells, 1 and 2, and a kernel of ones: what stands in the middle column, 1.5 or 3?",
                        ko="입력은 1과 2 두 칸, 커널은 모두 1이에요. 가운데 열의 값은 1.5일까요, 3일까요?"),
            "try2": say(en="With the bilinear kernel, switch from average to sum. Which of the two keeps the 8?",
                        ko="쌍선형 커널에서 평균을 합으로 바꿔 보세요. 8이 그대로 남는 쪽은 어느 쪽인가요?"),
            "try3": say(en="A photo with k = 3, s = 2. Now make the kernel 4×4: where did the checkerboard go?",
                        ko="사진을 k = 3, s = 2로 키웠어요. 커널을 4×4로 바꾸면 체커보드 무늬는 어디로 갈까요?"),
        }

    def static_picture(self):
        """Input, kernel and output of the default state, (2, 2), (3, 3) and (5, 5), with the cell on which all four stamps lie."""
        state = self.read_state("")
        x, kernel = torch.tensor(state["input"]), torch.tensor(state["kernel"])
        output = ops.conv_transpose2d(x[None, None], kernel[None, None], stride=state["stride"], padding=state["padding"])[0, 0]
        figure = figures.grids([
            (x, "input", say(en="input", ko="입력")),
            (kernel, "kernel", say(en="kernel", ko="커널")),
            (output, "output", say(en="output, stride 2", ko="출력, 스트라이드 2")),
        ], operators=("*", "="))
        rows = "; ".join(" ".join(f"{v:g}" for v in row) for row in output.tolist())
        figure.alt = say(
            en=f"Lab, transposed convolution: a 2x2 input (1 2; 3 4) and a 3x3 kernel of ones at stride 2 give a 5x5 output ({rows}). "
               "In the middle, where all four stamps overlap, stands their sum, 10.",
            ko=f"전치 합성곱 실험실: 2x2 입력(1 2; 3 4)과 모두 1인 3x3 커널을 스트라이드 2로 찍은 5x5 출력({rows}). 도장 네 개가 겹치는 가운데 칸에는 합인 10이 있어요.")
        return figure
