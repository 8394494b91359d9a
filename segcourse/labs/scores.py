"""The lab of the scores: a truth, a prediction over it to paint, move, shrink and spoil, and every score of it at once.

Chapter 00, claim 0.3. Long, Shelhamer and Darrell (2015, section 5) for the four figures, Cheng et al. (2021) for the boundary.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segcourse import ops
from segcourse.datasets.palettes import CAMVID
from segcourse.figures import Figure, fonts
from segcourse.figures.base import FAINT, INK, MUTED, ROLES, SOFT, TEXT, WIDTH, box, drawn, heading, heading_height, percent, tell
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import say

ROWS, COLUMNS = 32, 48                                       # cells of a scene
CLASSES = ("sky", "building", "road", "car", "pole", "pedestrian", "sign")
SKY, BUILDING, ROAD, CAR, POLE, PEDESTRIAN, SIGN, VOID = range(8)
IN_CAMVID = tuple(CAMVID.names_en.index(name) for name in CLASSES) + (CAMVID.void,)
SCENES = ("street", "disc", "pole")
VIEWS = ("labels", "errors", "band")
MOST_MOVED, MOST_GROWN, MOST_BRUSH, MOST_REACH = 6, 4, 7, 4   # cells
_ORDER_OF_FILLING = sorted(((r, c) for r in range(1 - ROWS, ROWS) for c in range(1 - COLUMNS, COLUMNS)), key=lambda at: (at[0] ** 2 + at[1] ** 2, at))


# -- the scenes --------------------------------------------------------------------------------------------------------------------

@cache
def _scene(name: str) -> np.ndarray:
    cells = np.full((ROWS, COLUMNS), SKY, dtype=np.uint8)
    if name == "disc":
        y, x = np.mgrid[0:ROWS, 0:COLUMNS]
        cells[np.hypot(y - 15.5, x - 23.5) <= 14] = SIGN
    elif name == "pole":
        cells[26:] = ROAD
        cells[3:29, 23] = POLE
    else:
        for top, left, right in ((1, 0, 8), (3, 8, 15), (4, 30, 37), (1, 37, 48)):
            cells[top:7, left:right] = BUILDING
        cells[7:] = ROAD
        cells[11:13, 30:37], cells[13:17, 28:40] = CAR, CAR
        cells[2:23, 9] = POLE
        cells[13:15, 19:21], cells[15:19, 18:22], cells[19:23, 18:19], cells[19:23, 21:22] = (PEDESTRIAN,) * 4
        cells[19:21, 19:21] = PEDESTRIAN
        cells[25:27, 40:44] = VOID                           # something on the road that nobody could name
        cells[30, 14:34], cells[31, 12:36] = VOID, VOID      # the bonnet of the car with the camera
    cells.setflags(write=False)
    return cells


def scene(name: str) -> Tensor:
    """The truth of one of SCENES, (32, 48) int64: numbers of CLASSES, 7 where void."""
    return torch.from_numpy(_scene(name).astype(np.int64))


# -- what a reader does to a prediction --------------------------------------------------------------------------------------------

def fill(labels: Tensor, holes: Tensor, sources: Tensor) -> Tensor:
    """`labels` (H, W) with each of `holes` given the class of the nearest of `sources`; of several, the uppermost, then the leftmost.

    Both bool (H, W); distances between the middles of cells. Without any source nothing changes.
    """
    filled = labels.clone()
    if not sources.any():
        return filled
    rows, columns = labels.shape
    open_ = sources.tolist()
    for r, c in holes.nonzero().tolist():
        for down, across in _ORDER_OF_FILLING:
            y, x = r + down, c + across
            if 0 <= y < rows and 0 <= x < columns and open_[y][x]:
                filled[r, c] = labels[y, x]
                break
    return filled


def grown(labels: Tensor, kind: int, by: int) -> Tensor:
    """Class `kind` of `labels` (H, W) spread by `by` cells on all sides (chessboard distance), or shrunk where `by` is negative.

    What it gives up goes to the nearest other class. At the edge of the scene a class goes on beyond it and does not shrink.
    """
    mask = labels == kind
    if by == 0 or not mask.any() or mask.all():
        return labels.clone()

    def spread(cells: Tensor) -> Tensor:
        return F.max_pool2d(cells[None, None].float(), 2 * abs(by) + 1, stride=1, padding=abs(by))[0, 0] > 0

    if by > 0:
        return torch.where(spread(mask), torch.full_like(labels, kind), labels)
    return fill(labels, mask & spread(~mask), ~mask)


def moved(labels: Tensor, down: int, right: int) -> Tensor:
    """`labels` (H, W) moved by whole cells; what comes in from outside repeats the edge."""
    rows = (torch.arange(labels.shape[0]) - down).clamp(0, labels.shape[0] - 1)
    columns = (torch.arange(labels.shape[1]) - right).clamp(0, labels.shape[1] - 1)
    return labels[rows][:, columns]


def start(name: str) -> Tensor:
    """What the prediction of a scene is at first: the truth, and on void cells the nearest class, as a network has no output for void."""
    truth = scene(name)
    return fill(truth, truth == VOID, truth != VOID)


def largest(name: str) -> int:
    """The class with the most cells of a scene."""
    return int(torch.bincount(scene(name).flatten(), minlength=len(CLASSES) + 1)[:-1].argmax())


def prediction(state: dict) -> Tensor:
    """The prediction of a state, (32, 48) int64: painted cells over the start, then forgotten, flattened, grown and moved."""
    labels = start(state["scene"])
    for kind, row, column, wide, tall in painted_boxes(state["painted"]):
        labels[row:row + tall, column:column + wide] = kind
    lost = [CLASSES.index(name) for name in named(state["forget"])]
    if lost:
        holes = torch.isin(labels, torch.tensor(lost))
        labels = fill(labels, holes, ~holes)
    if state["flat"]:
        labels = torch.full_like(labels, largest(state["scene"]))
    for name, by in amounts(state["grow"]).items():
        labels = grown(labels, CLASSES.index(name), by)
    return moved(labels, state["dy"], state["dx"])


def scores(state: dict) -> dict:
    """Every score of a state by segcourse.ops, as fractions: "pixel", "mean", "miou", "weighted", "boundary", and per class (nan where it
    does not occur) "iou" and "boundary_iou", both (7,), or (8,) with void="yes", which counts void as a class like any other."""
    truth, labels = scene(state["scene"]), prediction(state)
    classes, void = (len(CLASSES) + 1, None) if state["void"] else (len(CLASSES), VOID)
    counts = ops.confusion_matrix(truth, labels, classes, void).double()
    both, either = ops.boundary_counts(truth[None], labels[None], classes, void, state["reach"])
    hit, share = counts.diagonal(), counts.sum(1) / counts.sum()
    iou, band = ops.class_iou(counts), both.double() / either
    return {"pixel": float(hit.sum() / counts.sum()), "mean": float((hit / counts.sum(1)).nanmean()), "miou": float(iou.nanmean()),
            "weighted": float((share * iou.nan_to_num()).sum()), "boundary": float(band.nanmean()), "iou": iou, "boundary_iou": band}


# -- how it is written -------------------------------------------------------------------------------------------------------------

def named(text: str) -> list[str]:
    """``"pole,car"`` as a list; nothing for none."""
    return [] if text == "none" else text.split(",")


def amounts(text: str) -> dict[str, int]:
    """``"car:-1,pole:2"`` as a dict; empty for none."""
    return {part.split(":")[0]: int(part.split(":")[1]) for part in named(text)}


def painted_boxes(text: str) -> list[tuple[int, int, int, int, int]]:
    """``"pole:4,30,2,10/8,1,1,1;car:..."`` as boxes (class, row, column, width, height); later ones lie on top."""
    if text == "none":
        return []
    return [(CLASSES.index(name), *(int(n) for n in box.split(","))) for name, boxes in (part.split(":") for part in text.split(";"))
            for box in boxes.split("/")]


def write_painted(cells: np.ndarray) -> str:
    """Painted cells (32, 48), numbers of CLASSES and -1 elsewhere, as boxes: each as wide as it can be from its first cell, then as tall."""
    left, boxes = np.array(cells), [[] for _ in CLASSES]
    for row, column in np.argwhere(left >= 0).tolist():
        kind = left[row, column]
        if kind < 0:
            continue                                         # inside an earlier box
        wide = tall = 1
        while column + wide < COLUMNS and left[row, column + wide] == kind:
            wide += 1
        while row + tall < ROWS and (left[row + tall, column:column + wide] == kind).all():
            tall += 1
        left[row:row + tall, column:column + wide] = -1
        boxes[kind].append(f"{row},{column},{wide},{tall}")
    return ";".join(f"{name}:{'/'.join(found)}" for name, found in zip(CLASSES, boxes) if found) or "none"


@dataclass(frozen=True, kw_only=True)
class ForgetField(Field):
    """Classes the prediction does not know, written ``pole,car``. The page reads it as a word."""

    kind: str = "choice"

    def wanted(self) -> str:
        return say(en=f"none or classes out of {', '.join(CLASSES)}", ko=f"none이거나 {', '.join(CLASSES)} 중에서 고른 클래스")

    def check(self, value: object) -> str:
        names = named(value) if isinstance(value, str) else list(value or ())
        if not set(names) <= set(CLASSES):
            raise self._refuse(value)
        return ",".join(name for name in CLASSES if name in names) or "none"


@dataclass(frozen=True, kw_only=True)
class GrowField(Field):
    """By how many cells classes are spread or shrunk, written ``car:-1,pole:2``. The page reads it as a word."""

    kind: str = "choice"

    def wanted(self) -> str:
        return say(en=f"none or classes with whole numbers from {-MOST_GROWN} to {MOST_GROWN}, as in car:-1,pole:2",
                   ko=f"none이거나 car:-1,pole:2처럼 클래스와 {-MOST_GROWN}에서 {MOST_GROWN}까지의 정수")

    def check(self, value: object) -> str:
        try:
            given = amounts(value) if isinstance(value, str) else dict(value or {})
            if not set(given) <= set(CLASSES) or any(by != int(by) or abs(by) > MOST_GROWN for by in given.values()):
                raise ValueError
        except (ValueError, TypeError, IndexError):
            raise self._refuse(value) from None
        return ",".join(f"{name}:{int(given[name])}" for name in CLASSES if given.get(name)) or "none"


@dataclass(frozen=True, kw_only=True)
class PaintedField(Field):
    """Painted cells, written ``pole:4,30,2,10`` (row, column, width, height); in Python also an array (32, 48) with -1 where nothing is painted."""

    kind: str = "choice"

    def wanted(self) -> str:
        return say(en=f"none, an array of {ROWS}x{COLUMNS} class numbers with -1 where nothing is painted, or boxes class:row,column,width,height within it, "
                      "as in car:20,30,4,2",
                   ko=f"none이거나, 칠하지 않은 칸이 -1인 {ROWS}x{COLUMNS} 클래스 번호 배열이거나, car:20,30,4,2(행, 열, 너비, 높이)처럼 쓴, 그 안에 들어가는 "
                      "상자")

    def _refuse(self, given: object):
        text = f"{given.shape}" if hasattr(given, "shape") else given
        return super()._refuse(text)

    def check(self, value: object) -> str:
        try:
            if isinstance(value, str):
                cells = np.full((ROWS, COLUMNS), -1)
                for kind, row, column, wide, tall in painted_boxes(value):
                    if min(row, column, wide - 1, tall - 1) < 0 or row + tall > ROWS or column + wide > COLUMNS:
                        raise ValueError
                    cells[row:row + tall, column:column + wide] = kind
            else:
                cells = np.asarray(value)
                if cells.shape != (ROWS, COLUMNS) or (cells != cells.astype(int)).any() or cells.min() < -1 or cells.max() >= len(CLASSES):
                    raise ValueError
                cells = cells.astype(int)
            return write_painted(cells)
        except (ValueError, TypeError, IndexError):
            raise self._refuse(value) from None


# -- the lab -----------------------------------------------------------------------------------------------------------------------

class ScoresLab(Lab):
    """A truth and a prediction of 32x48 cells, painted, moved, shrunk, spoiled by the reader; pixel accuracy, IoU and boundary IoU beside them.

    Fields: scene (street, disc, pole), chosen (the class painted with, shown and shrunk), painted (boxes of cells: see `PaintedField`), forget
    (classes predicted as their neighbours), flat (yes: the largest class everywhere), grow (cells by which classes are spread or
    shrunk), dx and dy (cells to the right and down), view (labels, errors, band: what the large picture shows), reach (depth of the boundary
    band in cells; `ops.boundary_reach` of this size is 1), void (yes: counted as a class, which is wrong), brush (its side in cells).
    """

    module = "scores"
    _esm = module_source("scores")
    _css = style_source()
    fields = (
        Field(name="scene", kind="choice", default="street", options=SCENES),
        Field(name="chosen", kind="choice", default="pole", options=CLASSES),
        Field(name="dx", kind="int", default=0, low=-MOST_MOVED, high=MOST_MOVED),
        Field(name="dy", kind="int", default=0, low=-MOST_MOVED, high=MOST_MOVED),
        GrowField(name="grow", default="none"),
        ForgetField(name="forget", default="none"),
        Field(name="flat", kind="flag", default=False),
        Field(name="view", kind="choice", default="labels", options=VIEWS),
        Field(name="reach", kind="int", default=ops.boundary_reach(ROWS, COLUMNS), low=1, high=MOST_REACH),
        Field(name="void", kind="flag", default=False),
        Field(name="brush", kind="int", default=2, low=1, high=MOST_BRUSH),
        PaintedField(name="painted", default="none"),
    )

    def settings(self):
        return {"rows": ROWS, "columns": COLUMNS, "classes": list(CLASSES), "scenes": list(SCENES), "mostGrown": MOST_GROWN,
                "colours": ["#%02x%02x%02x" % CAMVID.colour(label) for label in IN_CAMVID]}

    def data(self):
        return b"".join(_scene(name).tobytes() for name in SCENES)

    def texts(self):
        return {
            "title": say(en="Lab: what each score sees", ko="평가 지표마다 무엇을 보는지 살피는 실험실"),
            "truth": say(en="truth", ko="정답 레이블"),
            "prediction": say(en="prediction", ko="예측"),
            "paintTitle": say(en="prediction: paint here", ko="예측(여기에 칠해 보세요)"),
            "errors": say(en="hits, errors", ko="맞음과 틀림"),
            "errorsOf": say(en="{name}: hits, errors", ko="{name}의 맞음과 틀림"),
            "bandTitle": say(en="{name}: boundary band", ko="{name}의 경계 띠"),
            "hint": say(en="drag to paint {name}; keys: arrows, space", ko="끌어서 {name} 칠하기, 키보드는 화살표와 스페이스"),
            "cellSays": say(en="row {r}, column {c}: {what}", ko="{r}행 {c}열, {what}"),
            "cellRight": say(en="{a}, and predicted so", ko="정답도 예측도 {a}"),
            "cellWrong": say(en="truth {a}, predicted {b}", ko="정답은 {a}, 예측은 {b}"),
            "cellVoid": say(en="void, so {b} does not count", ko="무시 레이블이라 예측 {b:은/는} 세지 않아요"),
            "percent": say(en="{v}\u00a0%", ko="{v}%"),
            "notCounted": say(en="left out", ko="제외"),
            "iouOf": say(en="IoU of {name}", ko="{name} IoU"),
            "bandOf": say(en="boundary IoU of {name}", ko="{name} 경계 IoU"),
            "hitMeans": say(en="hit: in truth A and prediction B", ko="맞은 칸(정답 A와 예측 B 모두)"),
            "missedMeans": say(en="missed: in A alone", ko="놓친 칸(A에만)"),
            "falseMeans": say(en="false alarm: in B alone", ko="잘못 짚은 칸(B에만)"),
            "perClass": say(en="IoU of each class; choose one to look at and to paint with", ko="클래스별 IoU, 보거나 칠할 클래스 고르기"),
            "classHead": say(en="class", ko="클래스"),
            "boundaryShort": say(en="boundary", ko="경계 IoU"),
            "classSays": say(en="{name}, IoU {iou}, boundary IoU {band}", ko="{name}, IoU {iou}, 경계 IoU {band}"),
            "allClasses": say(en="scores over all classes", ko="전체 평가 지표"),
            "score.pixel": say(en="pixel accuracy", ko="픽셀 정확도"),
            "score.mean": say(en="mean class accuracy", ko="클래스 평균 정확도"),
            "score.weighted": say(en="frequency-weighted IoU", ko="빈도 가중 IoU"),
            "score.miou": say(en="mean IoU (mIoU)", ko="평균 IoU(mIoU)"),
            "score.boundary": say(en="mean boundary IoU", ko="평균 경계 IoU"),
            "scene": say(en="scene", ko="장면"),
            "scene.street": say(en="street", ko="거리"),
            "scene.disc": say(en="round sign", ko="둥근 표지판"),
            "scene.pole": say(en="thin pole", ko="가는 기둥"),
            "view": say(en="large picture", ko="크게 보기"),
            "view.labels": say(en="classes", ko="클래스"),
            "view.errors": say(en="hits, errors", ko="맞음과 틀림"),
            "view.band": say(en="boundary", ko="경계 띠"),
            "brush": say(en="brush", ko="붓 크기"),
            "brushSize": "{n}×{n}",
            "grow": say(en="grow {name}", ko="{name} 키우기"),
            "dx": say(en="move across →", ko="가로 이동 →"),
            "dy": say(en="move down ↓", ko="세로 이동 ↓"),
            "reach": say(en="boundary depth", ko="경계 띠 두께"),
            "cells": say(en="{n}", ko="{n}칸"),
            "forget": say(en="forget {name}", ko="{name} 잊기"),
            "flat": say(en="everything is {name}", ko="모두 {name:으로/로} 예측"),
            "countVoid": say(en="count void as a class (wrong)", ko="무시 레이블까지 세기(잘못된 방법)"),
            "undo": say(en="Undo", ko="되돌리기"),
            "lineRight": say(en="All {all} cells that count are right.", ko="세는 칸 {all}개가 모두 맞았어요."),
            "lineWrong": say(en="{n} of {all} cells wrong: pixel accuracy {pixel}, mIoU {miou}, boundary IoU {band}.",
                             ko="{all}칸 가운데 {n}칸이 틀렸어요. 픽셀 정확도는 {pixel}, mIoU는 {miou}, 경계 IoU는 {band}예요."),
            "lineClass": say(en="Of the class {name}: {hit} hit, {missed} missed, {wrong} false alarms; IoU {iou}, boundary IoU {band}.",
                             ko="{name:은/는} 맞은 칸이 {hit}개, 놓친 칸이 {missed}개, 잘못 짚은 칸이 {wrong}개예요. IoU는 {iou}, 경계 IoU는 {band}예요."),
            "lineAbsent": say(en="There is no {name} in truth or prediction: it has no IoU, and the mean leaves it out.",
                              ko="{name:은/는} 정답에도 예측에도 없어요. 그래서 IoU가 없고 평균에서도 빠져요."),
            "lineInvented": say(en="The truth has no {name}: the cells predicted so ({wrong}) give it an IoU of 0, and the mean counts that.",
                                ko="정답에는 {name:이/가} 없어요. 예측에 {wrong}칸이 있으니 IoU는 0이고, 평균에도 0으로 들어가요."),
            "lineVoid": say(en="Void is counted as a class: nothing predicts it, its IoU is 0, and no prediction can reach 100 %.",
                            ko="무시 레이블까지 클래스로 세고 있어요. 아무도 예측하지 않는 클래스라 IoU가 0이고, 어떤 예측도 100%가 될 수 없어요."),
            "try1": say(en="Everything is road. Which score still looks good, and which one collapses?",
                        ko="모두 도로로 예측했어요. 그래도 높아 보이는 지표는 무엇이고, 무너지는 지표는 무엇일까요?"),
            "try2": say(en="The prediction moves by one cell. What becomes of the pole, and what of pixel accuracy?",
                        ko="예측을 한 칸 옮겼어요. 기둥의 IoU는 어떻게 될까요? 픽셀 정확도는요?"),
            "try3": say(en="A large sign, one cell too small all around. Compare its IoU with its boundary IoU. What would that cell cost the thin pole?",
                        ko="큰 표지판을 둘레로 한 칸씩 줄였어요. IoU와 경계 IoU를 견주어 보세요. 가는 기둥을 똑같이 줄이면 어떻게 될까요?"),
            "try4": say(en="A perfect prediction, but void is counted. Where do the missing points go? Then take the tick away.",
                        ko="완벽한 예측인데 무시 레이블까지 세고 있어요. 점수는 어디에서 깎였을까요? 확인한 다음 체크를 꺼 보세요."),
        } | {f"class.{name}": CAMVID.name(label) for name, label in zip((*CLASSES, "void"), IN_CAMVID)}

    def static_picture(self):
        """The street with its prediction moved by one cell: truth, prediction, the pole's hits and errors, and under them every score."""
        return _drawn_scores(self.read_state("dx=1"))


# -- the picture for readers without a kernel ---------------------------------------------------------------------------------------

_WIDE, _GAP, _ROW = 234, 9, 24      # pixels: a picture, what is between two, a row of scores


def _enlarged(cells: np.ndarray, height: int) -> np.ndarray:
    rows, columns = ((np.arange(n) + 0.5) * side / n for n, side in ((height, ROWS), (_WIDE, COLUMNS)))
    return cells[rows.astype(int)[:, None], columns.astype(int)[None]]


def _coloured(labels: Tensor, height: int) -> np.ndarray:
    cells = _enlarged(labels.numpy(), height)
    shown = np.array([CAMVID.colour(label) for label in IN_CAMVID], dtype=np.uint8)[cells]
    y, x = np.mgrid[:height, :_WIDE]
    shown[(cells == VOID) & ((x + y) % 8 < 2)] = (150, 154, 160)
    return shown


def _hits_and_errors(truth: Tensor, labels: Tensor, kind: int, height: int) -> np.ndarray:
    def rgb(colour: str) -> np.ndarray:
        return np.array([int(colour[k:k + 2], 16) for k in (1, 3, 5)])

    pale = (255 - 0.2 * (255.0 - _coloured(truth, height))).astype(np.uint8)
    a, b = (_enlarged((cells == kind).numpy(), height) for cells in (truth, labels))
    pale[a & b], pale[a & ~b], pale[~a & b] = (rgb(ROLES[role]) for role in ("output", "input", "kernel"))
    y, x = np.mgrid[:height, :_WIDE]
    stripes = (a & ~b & ((x + y) % 5 < 1)) | (~a & b & ((x - y) % 5 < 1))      # nothing hangs on colour alone
    pale[stripes] = 255 - (255 - pale[stripes]) // 3
    return pale


@drawn
def _drawn_scores(state: dict) -> Figure:
    truth, labels, seen = scene(state["scene"]), prediction(state), scores(state)
    pole, tall = CLASSES.index(state["chosen"]), round(_WIDE * ROWS / COLUMNS)
    title = say(en=f"One cell to the side: {percent(seen['pixel'], 1)} of the cells are right, and the pole's IoU is {percent(float(seen['iou'][pole]))}",
                ko=f"한 칸만 옮겨도 기둥 IoU는 {percent(float(seen['iou'][pole]))}, 맞은 칸은 {percent(seen['pixel'], 1)}")
    head = heading_height(title)
    board = head + 22 + tall + 26
    figure = Figure.of_size(board + _ROW * (len(CLASSES) + 1) + 6, flat=True)
    heading(figure, title)
    shown = ((say(en="truth", ko="정답 레이블"), _coloured(truth, tall)), (say(en="prediction", ko="예측"), _coloured(labels, tall)),
             ("", _hits_and_errors(truth, labels, pole, tall)))
    for k, (name, pixels) in enumerate(shown):
        figure.write(k * (_WIDE + _GAP), head + 9, name, bold=True)
        panel = figure.panel(k * (_WIDE + _GAP), head + 22, _WIDE, tall)
        panel.imshow(pixels, interpolation="nearest", aspect="auto")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
    x = 2 * (_WIDE + _GAP)
    for word, role in ((say(en="hit", ko="맞은 칸"), "output"), (say(en="missed", ko="놓친 칸"), "input"),
                       (say(en="false alarm", ko="잘못 짚은 칸"), "kernel")):
        box(figure.sheet, x, head + 4, 12, 12, facecolor=ROLES[role], edgecolor="none")
        figure.write(x + 17, head + 9, word, colour=ROLES[role], bold=True)
        x += 17 + fonts.width(word, TEXT, bold=True) + 9
    figure.write(268, board - 6, "IoU", colour=MUTED, ha="right")
    figure.write(356, board - 6, say(en="boundary", ko="경계 IoU"), colour=MUTED, ha="right")
    for k, name in enumerate(CLASSES):
        _class_row(figure, board + _ROW * (k + 0.75), CAMVID.name(IN_CAMVID[k]), CAMVID.colour(IN_CAMVID[k]), float(seen["iou"][k]), float(seen["boundary_iou"][k]))
    totals = [(say(en=en, ko=ko), seen[key]) for key, en, ko in (
        ("pixel", "pixel accuracy", "픽셀 정확도"), ("weighted", "frequency-weighted IoU", "빈도 가중 IoU"),
        ("mean", "mean class accuracy", "클래스 평균 정확도"), ("miou", "mean IoU (mIoU)", "평균 IoU(mIoU)"), ("boundary", "mean boundary IoU", "평균 경계 IoU"))]
    for k, (name, share) in enumerate(totals):
        _total_row(figure, board + 4 + 37 * k, name, share)
    figure.exact = CAMVID.colours
    each = ", ".join(f"{CAMVID.name(IN_CAMVID[k])} {_share(float(seen['iou'][k]))}" for k in range(len(CLASSES)))
    return tell(figure, say(
        en=f"Lab, what each score sees: a street of {ROWS}x{COLUMNS} cells and its prediction, the truth moved by one cell to the right. "
           f"The pole is hit nowhere, missed in all its cells and predicted beside them. "
           + ", ".join(f"{name} {percent(share, 1)}" for name, share in totals) + f". IoU of each class: {each}.",
        ko=f"평가 지표마다 무엇을 보는지 살피는 실험실. {ROWS}x{COLUMNS}칸짜리 거리의 정답 레이블과, 그것을 오른쪽으로 한 칸 옮긴 예측이에요. "
           f"기둥은 한 칸도 맞지 않아서 전부 놓치고, 그 옆 칸을 전부 잘못 짚었어요. "
           + ", ".join(f"{name} {percent(share, 1)}" for name, share in totals) + f". 클래스별 IoU는 {each}."))


def _share(value: float) -> str:
    return "–" if value != value else percent(value, 1)


def _class_row(figure: Figure, y: float, name: str, colour, iou: float, band: float) -> None:
    paint = tuple(part / 255 for part in colour)
    box(figure.sheet, 0.5, y - 7, 18, 14, facecolor=paint, edgecolor=INK, linewidth=0.6)
    figure.write(26, y, name)
    box(figure.sheet, 110, y - 6, 100, 12, facecolor=SOFT, edgecolor="none")
    if iou == iou:
        box(figure.sheet, 110, y - 6, max(100 * iou, 1), 12, facecolor=paint, edgecolor=INK, linewidth=0.6)
    figure.write(268, y, _share(iou), bold=iou == iou, ha="right")
    figure.write(356, y, _share(band), colour=MUTED, ha="right")


def _total_row(figure: Figure, y: float, name: str, share: float) -> None:
    figure.write(410, y, name)
    figure.write(WIDTH - 1, y, _share(share), bold=True, ha="right")
    box(figure.sheet, 410, y + 11, WIDTH - 411, 8, facecolor=SOFT, edgecolor="none")
    box(figure.sheet, 410, y + 11, (WIDTH - 411) * share, 8, facecolor=MUTED, edgecolor="none")
