"""The lab of the denser map: one trained FCN-32s at output strides 32, 16 and 8 with the same weights, and then with the CRF.

Chapter 02, claims 2.1, 2.1b, 2.2, 2.6. Chen et al. (2015, section 3): the hole algorithm for the density, the fully connected CRF for the outlines.
"""

import json
from functools import cache
from importlib import resources

import numpy as np
import torch
from torch import Tensor

from segcourse import datasets, figures
from segcourse.datasets import palettes
from segcourse.figures.base import percent
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import say
from segcourse.models import dense
from segcourse.models.geometry import Grid

STRIDES = (32, 16, 8)
MOST = 9                        # pictures
FILE = "dense-map.safetensors"


@cache
def shipped() -> dict:
    """The maps that come with the package, as `training.dense_maps.compute` gives them; its pictures are drawn again, they are not in the file."""
    from safetensors import safe_open

    with resources.as_file(resources.files("segcourse") / "results" / FILE) as path, safe_open(str(path), framework="pt") as file:
        about = json.loads(file.metadata()["segcourse"])
        maps = {name: file.get_tensor(name) for name in file.keys()}
    name, split = about["data"].split()
    pictures = datasets.load(name, split, size=tuple(about["data_options"]["size"]))
    maps["images"], maps["truth"] = pictures.stack(about["shown"])
    return maps | {"about": about}


def checked(maps: dict) -> dict:
    """`maps` themselves. Raises ValueError for anything else than what `training.dense_maps.compute` gives."""
    wanted = {"images", "truth", "about", *(f"scores{stride}" for stride in STRIDES)}
    missing = sorted(wanted - set(maps if isinstance(maps, dict) else ()))
    if missing:
        raise ValueError(say(en=f"maps lacks {', '.join(missing)}: pass what training.dense_maps.compute(model, dataset) gave",
                             ko=f"maps에 {', '.join(missing)} 항목이 없어요. training.dense_maps.compute(model, dataset)의 결과를 넣어 주세요."))
    if len(maps["images"]) > MOST:
        raise ValueError(say(en=f"the lab shows at most {MOST} pictures, got {len(maps['images'])}: name fewer in show",
                             ko=f"이 실험실에서 볼 수 있는 이미지는 {MOST}장까지인데 {len(maps['images'])}장이에요. show에 번호를 더 적게 넣어 주세요."))
    return maps


def prediction(maps: dict, picture: int, stride: int, crf: bool = False) -> Tensor:
    """The label map (H, W) of picture number `picture` (from 0) at one output stride: enlarged bilinearly, then argmax; or after the CRF."""
    if crf:
        return maps[f"crf{stride}"][picture].long()
    of = maps["about"]["strides"][str(stride)]
    return dense.enlarge(maps[f"scores{stride}"][picture][None].double(), Grid(of["scale"], of["shift"]), tuple(maps["truth"].shape[1:]))[0].argmax(0)


class DenseMapLab(Lab):
    """One trained FCN-32s at output strides 32, 16 and 8 with the same weights: its cells on the picture, the enlarged prediction, what a cell sees.

    Fields: stride (32, 16, 8), crf (yes: the prediction after the CRF), picture (from 1; beyond the last it is the last), cell (row and column, from
    0, of the map shown; none is the one in the middle, and a cell beyond the last stands at the rim).
    maps: what `training.dense_maps.compute` made of a network of your own; without it those of the package.
    """

    module = "dense_map"
    _esm = module_source("dense_map")
    _css = style_source()
    fields = (
        Field(name="stride", kind="choice", default="32", options=tuple(str(stride) for stride in STRIDES)),
        Field(name="crf", kind="flag", default=False),
        Field(name="picture", kind="choice", default="1", options=tuple(str(n) for n in range(1, MOST + 1))),
        Field(name="cell", kind="cell", default=None),
    )

    def __init__(self, *, maps: dict | None = None, **state):
        self.maps = shipped() if maps is None else checked(maps)
        super().__init__(**{name: str(value) if name in ("stride", "picture") else value for name, value in state.items()})

    @property
    def crf(self) -> bool:
        """Whether the maps hold what the CRF makes of them."""
        return f"crf{STRIDES[0]}" in self.maps

    def _parts(self) -> list[tuple[str, bytes]]:
        """Numbers of four bytes first, so that the page can read them in place."""
        floats = [(f"scores{stride}", self.maps[f"scores{stride}"].to(torch.float32).numpy().astype("<f4")) for stride in STRIDES]
        labels = [("truth", self.maps["truth"]), *((f"crf{stride}", self.maps[f"crf{stride}"]) for stride in STRIDES if self.crf)]
        bytes_ = [("images", self.maps["images"].permute(0, 2, 3, 1)), *labels]
        return [*((name, values.tobytes()) for name, values in floats),
                *((name, values.to(torch.uint8).contiguous().numpy().tobytes()) for name, values in bytes_)]

    def settings(self):
        about, places, start = self.maps["about"], {}, 0
        for name, values in self._parts():
            places[name] = [start, len(values)]
            start += len(values)
        palette = palettes.get(about["palette"])
        return {"size": about["size"], "pictures": len(self.maps["images"]), "strides": [
            {"stride": stride, "old": about["old_cells"].get(str(stride)), **about["strides"][str(stride)]} for stride in STRIDES],
            "crf": self.crf, "all": about["pictures"], "parts": places, "void": palette.void,
            "colours": ["#%02x%02x%02x" % palette.colour(label) for label in (*range(len(palette)), palette.void)]}

    def data(self):
        return b"".join(values for _, values in self._parts())

    def texts(self):
        palette = palettes.get(self.maps["about"]["palette"])
        return {
            "title": say(en="Lab: the same weights, a denser map", ko="가중치는 그대로 두고 점수 맵만 촘촘하게 하는 실험실"),
            # A cell is named by its own words, counted from 0.
            "cellLabel": say(en="{grid}", ko="{grid}"),
            "cells": say(en="cells of the score map", ko="점수 맵의 칸"),
            "cellsTitle": say(en="score map {h}×{w}: each cell's best class", ko="점수 맵 {h}×{w}, 칸마다 1등 클래스"),
            "predictionTitle": say(en="enlarged ×{s} (lines: truth)", ko="{s}배로 확대한 예측(선은 정답)"),
            "crfTitle": say(en="enlarged ×{s}, then CRF (lines: truth)", ko="{s}배로 확대한 뒤 CRF(선은 정답)"),
            "truth": say(en="truth", ko="정답 레이블"),
            "fieldTitle": say(en="it sees {h}×{w}", ko="이 칸이 보는 {h}×{w}"),
            "fieldNote": say(en="hatched: padding", ko="빗금은 패딩"),
            "scoresTitle": say(en="scores of cell ({y}, {x})", ko="칸 ({y}, {x})의 점수"),
            "old": say(en="old cell", ko="원래 칸"),
            "new": say(en="new cell", ko="새 칸"),
            "markOld": say(en="▏as at stride 32", ko="▏스트라이드 32 때 점수"),
            "markNew": say(en="▏interpolated from 32", ko="▏32에서 보간한 점수"),
            "describe": say(en="({y}, {x}), {kind}, {name}", ko="({y}, {x}), {kind}, {name}"),
            "hint": say(en="Point at a cell; press to keep it, then the arrow keys move by one cell. Thick frame: a cell of stride 32; thin frame: new. Rows and columns count from 0.",
                        ko="칸을 가리켜 보세요. 누르면 그 칸에 고정되고, 화살표 키로 한 칸씩 옮길 수 있어요. 테두리가 굵으면 스트라이드 32 때부터 있던 칸, 가늘면 새로 생긴 칸이에요. 행과 열은 0부터 세요."),
            "stride": say(en="output stride", ko="출력 스트라이드"),
            "crf": say(en="CRF", ko="CRF 켜기"),
            "picture": say(en="picture", ko="이미지"),
            "results": say(en="what changes with the output stride, and what stays", ko="출력 스트라이드에 따라 달라지는 값과 그대로인 값"),
            "rowStride": say(en="output stride", ko="출력 스트라이드"),
            "rowCells": say(en="cells", ko="칸 수"),
            "rowOld": say(en="old cells differ by", ko="원래 칸의 차이"),
            "rowField": say(en="receptive field", ko="수용 영역"),
            "rowCost": say(en="multiply-adds", ko="곱셈·덧셈 수"),
            "rowBoundary": say(en="boundary IoU{crf}", ko="경계 IoU{crf}"),
            "rowMiou": say(en="mIoU{crf}", ko="mIoU{crf}"),
            "rowAll": say(en="all {n} pictures", ko="{n}장 전체"),
            "withCrf": say(en=" with CRF", ko="(CRF 뒤)"),
            "cost": say(en="{n} M", ko="{n}억"),
            "times": say(en="×{n}", ko="×{n}"),
            "percent": say(en="{v}\u00a0%", ko="{v}%"),
            "formulaCells": say(en="cells = ", ko="칸 수 = "),
            "formulaOld": say(en="{n} old", ko="원래 칸 {n}"),
            "formulaNew": say(en="{n} new", ko="새 칸 {n}"),
            "lineFirst": say(en="At output stride {s} the map has {h}×{w} = {n} cells.", ko="출력 스트라이드 {s}에서 점수 맵은 {h}×{w}, 모두 {n}칸이에요."),
            "lineDense": say(en="At output stride {s} the map has {h}×{w} = {n} cells: the {old} old ones with their old scores and {new} between them, for {cost} times the multiplications.",
                             ko="출력 스트라이드 {s}에서 점수 맵은 {h}×{w}, 모두 {n}칸이에요. 원래 있던 {old}칸은 점수까지 그대로이고 그 사이에 {new}칸이 새로 생겼어요. 곱셈은 {cost}배로 늘었어요."),
            "lineOld": say(en="Cell ({y}, {x}), an old one, scores {name} highest; it sees {fh}×{fw} pixels, as at every stride.",
                           ko="칸 ({y}, {x})는 원래 있던 칸이고 점수는 {name:이/가} 가장 높아요. 어느 스트라이드에서나 {fh}×{fw}픽셀을 봐요."),
            "lineNew": say(en="Cell ({y}, {x}), a new one, scores {name} highest; it sees {fh}×{fw} pixels, as at every stride.",
                           ko="칸 ({y}, {x})는 새로 생긴 칸이고 점수는 {name:이/가} 가장 높아요. 어느 스트라이드에서나 {fh}×{fw}픽셀을 봐요."),
            "lineScores": say(en="In this picture boundary IoU is {b}, mIoU {m}.", ko="이 이미지의 경계 IoU는 {b}, mIoU는 {m}예요."),
            "lineCrf": say(en="The CRF takes boundary IoU in this picture from {b0} to {b}, mIoU from {m0} to {m}; the cells are what they were.",
                           ko="CRF를 켜니 이 이미지의 경계 IoU가 {b0}에서 {b}로, mIoU가 {m0}에서 {m}로 바뀌었어요. 칸의 점수는 그대로예요."),
            "try1": say(en="{n} cells for a whole picture. Before you go to 16 and 8: how many cells will there be, and which rows of the table will stay as they are?",
                        ko="이미지 전체를 {n}칸으로 봐요. 16과 8로 바꾸기 전에 맞혀 보세요. 칸은 몇 개가 될까요? 표에서 그대로인 줄은 무엇일까요?"),
            "try2": say(en="An old cell at stride 8: every bar ends at its mark. Go one cell aside with the arrow keys. Do the bars still end there?",
                        ko="스트라이드 8의 원래 칸이에요. 막대가 모두 눈금에서 끝나죠. 화살표 키로 한 칸 옆으로 가 보세요. 이번에도 눈금에서 끝날까요?"),
            "try3": say(en="The densest map, and the outlines are still round. Which problem is left? Switch on the CRF and watch the edges, then the poles.",
                        ko="가장 촘촘한 맵인데 윤곽은 여전히 둥글어요. 아직 남은 문제는 무엇일까요? CRF를 켜고 윤곽과 기둥을 살펴보세요."),
            "try4": say(en="The coarsest map again, of another picture, and the CRF is on. Can it bring back what {n} cells have missed?",
                        ko="이번에는 다른 이미지예요. 가장 성긴 맵에 CRF를 켰어요. {n}칸이 놓친 것을 CRF가 되찾을 수 있을까요?"),
        } | {f"class.{label}": palette.name(label) for label in (*range(len(palette)), palette.void)}

    def static_picture(self):
        """The first picture and its truth; the prediction at strides 32, 16 and 8, and where the maps have it the last one after the CRF."""
        maps, about = self.maps, self.maps["about"]
        crf = [(8, True)] if self.crf else []
        shown = [(stride, False) for stride in STRIDES] + crf
        cells = {stride: about["strides"][str(stride)]["cells"] for stride in STRIDES}
        counts = [h * w for h, w in cells.values()]
        edge = {which: about["strides"][str(which[0])]["scores"]["crf" if which[1] else "plain"]["shown"][0]["boundary_iou"] for which in shown}
        names = [say(en="picture", ko="사진"), say(en="truth", ko="정답 레이블")] + [
            say(en=f"stride {stride}{', CRF' if after else ''}: boundary IoU {percent(edge[stride, after])}",
                ko=f"스트라이드 {stride}{', CRF 뒤' if after else ''}, 경계 IoU {percent(edge[stride, after])}") for stride, after in shown]
        palette = palettes.get(about["palette"])
        title = say(en=f"The same weights, {counts[0]}, {counts[1]} and {counts[2]} cells: a denser map still has round outlines",
                    ko=f"같은 가중치로 {counts[0]}칸, {counts[1]}칸, {counts[2]}칸. 맵이 촘촘해져도 윤곽은 둥글어요")
        figure = figures.images([maps["images"][0], maps["truth"][0].long(), *(prediction(maps, 0, *which) for which in shown)],
                                kinds=["photo"] + ["labels"] * (len(shown) + 1), columns=3, titles=names, title=title, palette=palette)
        field = about["strides"]["32"]["field"]
        each = ", ".join(say(en=f"at stride {stride} {h}x{w} cells and boundary IoU {percent(edge[stride, False])}",
                             ko=f"스트라이드 {stride}에서 {h}x{w}칸, 경계 IoU {percent(edge[stride, False])}") for stride, (h, w) in cells.items())
        after = say(en=f" After the CRF boundary IoU is {percent(edge[crf[0]])}.", ko=f" CRF를 거치면 경계 IoU는 {percent(edge[crf[0]])}예요.") if crf else ""
        figure.alt = say(
            en=f"Lab, the same weights, a denser map: a street of {about['size'][0]}x{about['size'][1]} pixels, its truth, and what one trained network predicts, {each}. "
               f"Every cell sees {field[0]}x{field[1]} pixels at every stride.{after}",
            ko=f"가중치는 그대로 두고 점수 맵만 촘촘하게 하는 실험실. {about['size'][0]}x{about['size'][1]}픽셀짜리 거리와 정답 레이블, 그리고 학습한 네트워크 하나의 예측이에요. "
               f"{each}예요. 어느 스트라이드에서나 한 칸이 {field[0]}x{field[1]}픽셀을 봐요.{after}")
        return figure
