"""The lab of the switches: pool a map, keep where each maximum stood, put it back there; three other ways back; pool again.

Chapter 03, claims 3.5 and 3.5b.
"""

import torch
from torch import Tensor

from segcourse import figures, ops
from segcourse.labs.base import Field, Lab, LabValueError, module_source, style_source
from segcourse.labs.no_inverse import light_texts
from segcourse.language import say

NUMBERS = ((1, 3, 0, 2, 4, 1, 0, 2),
           (2, 0, 5, 1, 0, 2, 6, 1),
           (0, 1, 2, 0, 3, 7, 1, 0),
           (4, 2, 1, 6, 1, 0, 2, 3),
           (1, 0, 8, 2, 0, 1, 4, 1),
           (3, 5, 0, 1, 5, 2, 0, 2),
           (0, 2, 1, 3, 1, 9, 2, 0),
           (6, 1, 4, 0, 2, 0, 1, 5))
ANY_Y = ((2, 0, 3, 1), (4, 5, 1, 2), (0, 3, 6, 2), (1, 4, 2, 3))
SIDE, POOLED, STRIDE = len(NUMBERS), len(ANY_Y), 2


class WholeGrid(Field):
    """A grid of whole numbers: they fit into small cells, and sums of them are exact."""

    def wanted(self) -> str:
        low, high = int(self.low), int(self.high)
        return say(en=f"{self.rows[0]}x{self.cols[0]} whole numbers from {low} to {high}",
                   ko=f"크기가 {self.rows[0]}x{self.cols[0]}이고 값이 {low}에서 {high}까지인 정수")

    def check(self, value: object) -> list[list[float]]:
        grid = super().check(value)
        if any(v != int(v) for row in grid for v in row):
            raise self._refuse(self.write(grid))
        return grid


class SwitchesLab(Lab):
    """An 8x8 map to type into, its max pooling with stride 2, and the switches: where each maximum stood.

    Three views. switches: pool, and unpool with the switches; the maximum of a window can be moved inside it. ways: four ways back to 8x8 and
    their mean error to the map. again: pool, unpool, pool, with lights that are computed, and any y to try it on.

    Fields: view (switches, ways, again), kernel 2 or 3 (3x3 windows overlap; with a padding of 1 they pool to 4x4 too), x (8x8 whole numbers
    from -9 to 9), y (4x4), at (row and column of the pooled cell whose window is shown, counted from 0).
    """

    module = "switches"
    _esm = module_source("switches")
    _css = style_source()
    fields = (
        Field(name="view", kind="choice", default="switches", options=("switches", "ways", "again")),
        Field(name="kernel", kind="int", default=2, low=2, high=3),
        WholeGrid(name="x", kind="grid", default=[[float(v) for v in row] for row in NUMBERS], low=-9, high=9, rows=(SIDE, SIDE), cols=(SIDE, SIDE)),
        WholeGrid(name="y", kind="grid", default=[[float(v) for v in row] for row in ANY_Y], low=-9, high=9, rows=(POOLED, POOLED),
                  cols=(POOLED, POOLED)),
        Field(name="at", kind="cell", default=(1, 2)),
    )

    def settings(self):
        return {"numbers": [list(row) for row in NUMBERS], "y": [list(row) for row in ANY_Y]}

    @classmethod
    def agree(cls, state):
        if state["at"] is None or max(state["at"]) >= POOLED:
            given = "none" if state["at"] is None else ",".join(str(part) for part in state["at"])
            raise LabValueError(say(
                en=f"at must be a row and a column of the pooled map, 0 to {POOLED - 1} each, got '{given}': write for example at=1,2",
                ko=f"at은 풀링한 맵의 행과 열이라 0에서 {POOLED - 1}까지인데 '{given}'을 받았어요. at=1,2처럼 써 주세요."))
        return state

    @staticmethod
    def computed(state: dict) -> dict[str, Tensor]:
        """What the page shows in a state, by segcourse.ops, float64 (8, 8) or (4, 4).

        pooled and switches (int64, flat indices); the ways back unpooled, nails, nearest, bilinear; yBack, y unpooled with the switches of x;
        and yAgain, that pooled once more.
        """
        kernel, padding = state["kernel"], 1 if state["kernel"] == 3 else 0
        x, y = (torch.tensor(state[name], dtype=torch.float64)[None, None] for name in ("x", "y"))
        size = x.shape[2:]
        pooled, switches = ops.max_pool2d_with_switches(x, kernel, stride=STRIDE, padding=padding)
        back = ops.max_unpool2d(y, switches, size)
        found = {"pooled": pooled, "switches": switches, "unpooled": ops.max_unpool2d(pooled, switches, size),
                 "nails": ops.bed_of_nails(pooled, STRIDE, size), "nearest": ops.nearest_unpool2d(pooled, STRIDE, size),
                 "bilinear": ops.resize(pooled, tuple(size)), "yBack": back,
                 "yAgain": ops.max_pool2d_with_switches(back, kernel, stride=STRIDE, padding=padding)[0]}
        return {name: grid[0, 0] for name, grid in found.items()}

    def texts(self):
        own = {
            "title": say(en="Lab: switches", ko="스위치 실험실"),
            "cellLabel": "{grid}",                  # where a cell stands is said by its own words, counted from 0 as the switches are
            "place": "({r}, {c})",
            "hint": say(en="Take hold of a framed number, the largest of its window, and move it inside the window. Drag any other number up and down, or "
                           "click it and type. Rows and columns count from 0.",
                        ko="테두리가 있는 수가 창에서 가장 큰 수예요. 이 수를 잡고 창 안에서 옮겨 보세요. 다른 수는 위아래로 끌어서 바꾸거나, 눌러서 직접 쓰세요. "
                           "행과 열은 0부터 세요."),
            "view": say(en="show", ko="보기"),
            "view.switches": say(en="switches", ko="스위치"),
            "view.ways": say(en="four ways back", ko="되돌리는 네 방법"),
            "view.again": say(en="pool again", ko="다시 풀링"),
            "kernel": say(en="window", ko="창"),
            # -- names
            "label.x": say(en="map x", ko="맵 x"),
            "label.pooled": say(en="pooled", ko="풀링한 값"),
            "label.switches": say(en="switches", ko="스위치"),
            "label.unpooled": say(en="unpooled", ko="언풀링"),
            "label.nails": say(en="bed of nails", ko="왼쪽 위"),
            "label.nearest": say(en="nearest", ko="최근접"),
            "label.bilinear": say(en="bilinear", ko="쌍선형"),
            "label.y": "y",
            "label.yBack": "Pᵀy",
            "label.yAgain": "PPᵀy",
            "label.maximum": say(en="maximum", ko="최댓값"),
            "switchesTitle.x": say(en="map x, maxima framed", ko="맵 x(테두리가 최댓값)"),
            "switchesTitle.pooled": say(en="pooled: how much", ko="풀링한 값"),
            "switchesTitle.switches": say(en="switches: where", ko="스위치(있던 자리)"),
            "switchesTitle.unpooled": say(en="unpooled", ko="언풀링"),
            "waysTitle.x": say(en="map x", ko="맵 x"),
            "waysTitle.pooled": say(en="pooled", ko="풀링한 값"),
            "waysTitle.unpooled": say(en="with switches", ko="스위치로 언풀링"),
            "waysTitle.nails": say(en="bed of nails", ko="왼쪽 위 칸에 놓기"),
            "waysTitle.nearest": say(en="nearest", ko="최근접 보간"),
            "waysTitle.bilinear": say(en="bilinear", ko="쌍선형 보간"),
            "againTitle.x": "x",
            "againTitle.pooled": say(en="Px, pooled", ko="Px(풀링)"),
            "againTitle.unpooled": say(en="PᵀPx, unpooled", ko="PᵀPx(언풀링)"),
            "againTitle.y": say(en="any y", ko="아무 y"),
            "againTitle.yBack": say(en="Pᵀy, at the switches of x", ko="Pᵀy(x의 스위치로)"),
            "againTitle.yAgain": say(en="PPᵀy: y again?", ko="PPᵀy, y와 같나요?"),
            "way.unpooled": say(en="switches", ko="스위치"),
            "way.nails": say(en="bed of nails", ko="왼쪽 위"),
            "way.nearest": say(en="nearest", ko="최근접"),
            "way.bilinear": say(en="bilinear", ko="쌍선형"),
            "error": say(en="mean error {v}", ko="평균 오차 {v}"),
            # -- where a number comes from
            "switchWord": say(en="switch", ko="스위치"),
            "noSwitch": say(en="(no switch points here; x had {v})", ko="(여기를 가리키는 스위치가 없어요. x는 {v})"),
            "xHad": say(en="(x had {v})", ko="(x는 {v})"),
            "maximumWords": say(en="maximum {v} of window ({i}, {j}), at ({r}, {c}); the arrow keys move it inside the window",
                                ko="창 ({i}, {j})의 최댓값 {v}, 자리는 ({r}, {c}). 화살표 키로 창 안에서 옮길 수 있어요"),
            "describeMax": say(en="({r}, {c}), the maximum of its window", ko="({r}, {c}), 창의 최댓값"),
            "describeSwitch": say(en="({r}, {c}), it points to ({i}, {j})", ko="({r}, {c}), 가리키는 자리 ({i}, {j})"),
            "describeZero": say(en="({r}, {c}), no switch points here", ko="({r}, {c}), 가리키는 스위치 없음"),
            "describeSame": say(en="({r}, {c}), as in y", ko="({r}, {c}), y와 같음"),
            "describeOther": say(en="({r}, {c}), y has {v}", ko="({r}, {c}), y는 {v}"),
            # -- the line
            "lineWindow": say(en="Window ({i}, {j}): the largest of its {n} numbers is {v}, and it stands at ({r}, {c}): that is switch {s}. Unpooling puts it "
                                 "back there.",
                              ko="창 ({i}, {j})에서는 수 {n}개 중 {v:이/가} 가장 커요. 자리는 ({r}, {c}), 스위치는 {s}번이에요. 언풀링하면 그 자리로 돌아가요."),
            "lineEqual": say(en="It stands there {n} times, and the first, read row by row, is the one that counts.",
                             ko="같은 값이 {n}개라서, 윗줄 왼쪽부터 읽어 처음 나오는 것을 골라요."),
            "lineKept": say(en="{n} of the {all} numbers come back; the other {rest} cells are zeros.", ko="{all}칸 중 {n}칸만 돌아오고, 나머지 {rest}칸은 0이에요."),
            "lineShared": say(en="{n} of the 16 windows share their maximum with a neighbour.", ko="창 16개 중 {n}개는 이웃한 창과 최댓값 자리가 같아요."),
            "lineErrors": say(en="Mean error to x: switches {unpooled}, bed of nails {nails}, nearest {nearest}, bilinear {bilinear}.",
                              ko="x와의 평균 오차는 스위치 {unpooled}, 왼쪽 위 {nails}, 최근접 {nearest}, 쌍선형 {bilinear:이에요/예요}."),
            "lineBest": say(en="Closest to x this time: {way}.", ko="이번에 x와 가장 가까운 방법은 {way:이에요/예요}."),
            "lineTie": say(en="Equally close: {ways}.", ko="{ways}의 오차가 똑같이 가장 작아요."),
            "lineAllSame": say(en="All four are equally close.", ko="네 방법의 오차가 모두 같아요."),
            "and": say(en=", ", ko=", "),
            "lineAgain": say(en="Pooling and unpooling: {shape}, {values}, {product}, and {again}.", ko="풀링과 언풀링에서는 {shape} {values}. {product}, {again}."),
            "light.again": say(en="Is PPᵀy = y?", ko="PPᵀy = y인가요?"),
            "yYes": say(en="pooling what was unpooled gives y back", ko="y를 언풀링했다가 다시 풀링하면 y가 돌아와요"),
            "yNo": say(en="pooling what was unpooled gives another number than y in {n} of 16 cells", ko="y를 언풀링했다가 다시 풀링하면 16칸 중 {n}칸이 y와 달라요"),
            # -- buttons
            "scene.numbers": say(en="Numbers", ko="처음 수"),
            "scene.outline": say(en="Outline", ko="윤곽선"),
            "scene.hill": say(en="Hill", ko="언덕"),
            "scene.dots": say(en="Dots", ko="점"),
            "scene.random": say(en="Random", ko="무작위"),
            "newY": say(en="Another y", ko="다른 y"),
            "signless": say(en="Drop the minus signs", ko="음수 부호 떼기"),
            "pooledY": say(en="y = Px", ko="y = Px"),
            # -- things to try
            "try1": say(en="Move the 7 inside its window. Which of the other three grids change, and which one does not?",
                        ko="7을 창 안에서 옮겨 보세요. 나머지 세 격자 중 어느 것이 달라지고, 어느 것이 그대로일까요?"),
            "try2": say(en="An outline: which way back keeps it thin? Then try the hill and the dots. Does the same way win?",
                        ko="윤곽선이에요. 가늘게 되돌리는 방법은 어느 것일까요? 언덕과 점에서도 같은 방법이 이길까요?"),
            "try3": say(en="y comes back, whichever numbers you type? Find one that does not.", ko="y는 어떤 수를 써도 돌아올까요? 돌아오지 않는 수를 찾아보세요."),
            "try4": say(en="3×3 windows overlap, and no number of y is below zero. Which lights go out now? Point at a dashed cell.",
                        ko="3×3 창은 서로 겹쳐요. y에 음수가 없는데도 꺼지는 불은 무엇일까요? 점선 칸을 가리켜 보세요."),
        }
        return light_texts() | own

    def static_picture(self):
        """The default state: the map (8, 8), pooled and switches (4, 4), and unpooled (8, 8)."""
        state = self.read_state("")
        grids = self.computed(state)
        places = [divmod(place, SIDE) for place in grids["switches"].flatten().tolist()]
        hatch = torch.ones(SIDE, SIDE, dtype=torch.bool)
        for place in places:
            hatch[place] = False
        figure = figures.grids([
            (torch.tensor(state["x"]), "input", say(en="map x, maxima framed", ko="맵 x(테두리가 최댓값)")),
            (grids["pooled"], "output", say(en="pooled: how much", ko="풀링한 값")),
            (grids["switches"], "kernel", say(en="switches: where", ko="스위치(있던 자리)")),
            (grids["unpooled"], "output", say(en="unpooled", ko="언풀링")),
        ], operators=("→", "+", "→"), highlights=[places, None, None, places], hatches=[None, None, None, hatch])
        told = {name: "; ".join(" ".join(f"{v:g}" for v in row) for row in grids[name].tolist()) for name in ("pooled", "switches")}
        figure.alt = say(
            en=f"Lab, switches: an 8x8 map, the largest number of each 2x2 window framed. Pooled: {told['pooled']}. The switches, row times 8 plus "
               f"column of each maximum: {told['switches']}. Unpooled, each number stands where it came from and the other 48 cells are zeros.",
            ko=f"스위치 실험실. 8x8 맵에서 2x2 창마다 가장 큰 수에 테두리가 있어요. 풀링한 값은 {told['pooled']}. 최댓값의 행에 8을 곱하고 열을 더한 번호가 "
               f"스위치예요. 차례로 {told['switches']}. 언풀링하면 값이 모두 제자리로 돌아가고 나머지 48칸은 0이에요.")
        return figure
