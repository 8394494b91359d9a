"""The lab of the fully connected CRF: a coarse labelling of a photo, and what the pixels make of it when each listens to all others.

Chapter 02, claims 2.7 to 2.9. Krähenbühl and Koltun (NIPS 2011); DeepLab (Chen et al., ICLR 2015), section 2.3. The mean field is computed in the
kernel by `segcourse.ops.DenseCRF` whenever a weight or a width changes; whom a pixel listens to, in the page.
"""

import functools
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from segcourse import figures, ops
from segcourse.datasets.palettes import CAMVID
from segcourse.figures import Figure, fonts
from segcourse.figures.base import FAINT, INK, ROLES, TEXT, box, drawn, heading, heading_height, tell
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import josa, say

HEIGHT, WIDTH = 120, 160                                     # pixels of the photo
PHOTO = "rocket"
LABELS = ("sky", "rocket", "mast", "tower", "light", "ground")
SKY, ROCKET, MAST, TOWER, LIGHT, GROUND = range(6)
IN_CAMVID = tuple(CAMVID.names_en.index(name) for name in ("sky", "pedestrian", "pole", "fence", "sign", "road"))   # whose colours the labels wear
STRIDE = 8                                                   # pixels a cell of the coarse labelling is wide
ITERATIONS = 10
LEAST = 1e-5                                                 # below which ops.dense_crf takes no probability
PIXEL = 62, 87                                               # pointed at when the lab opens: sky that the network takes for rocket
FLOOR = 0.03                                                 # what a label that is nowhere near still gets, before the scores are sharpened
PATIENCE = 5000                                              # ms a page waits for an answer before it says that none comes
VIEWS = ("result", "network", "neighbours", "doubt", "listens", "photo")
WEIGHTS_AND_WIDTHS = ("bilateral_weight", "bilateral_xy", "bilateral_rgb", "gaussian_weight", "gaussian_xy")
SETTING = ("confidence", *WEIGHTS_AND_WIDTHS)                # what Python has to compute anew
# What 'try this' sets up. Their answers are handed over with the lab, so that they can be seen without a kernel.
TRIES = ({"confidence": 70, "bilateral_weight": 0, "gaussian_weight": 10},
         {"confidence": 70, "bilateral_rgb": 9},
         {"confidence": 99})

# Drawn by hand, (x, y) in pixels of the photo, later ones on top. Nobody trained a network for this photo: the outlines are as wide, as round and
# as far off as those of a map of stride 8 are.
_DRAWN = (
    (GROUND, ((0, 108), (20, 106), (60, 107), (100, 104), (125, 104), (160, 107), (160, 120), (0, 120))),
    (TOWER, ((0, 0), (17, 0), (14, 60), (15, 104), (13, 120), (0, 120))),
    (TOWER, ((147, 0), (160, 0), (160, 120), (152, 120), (149, 60))),
    (MAST, ((44, 32), (50, 32), (49, 52), (51, 66), (51, 112), (38, 112), (40, 76), (42, 54))),
    (MAST, ((113, 32), (119, 32), (119, 52), (122, 70), (126, 112), (112, 112), (113, 70), (112, 52))),
    (ROCKET, ((79, 33), (84, 35), (88, 46), (88, 92), (89, 116), (75, 116), (74, 90), (75, 46))),
    (LIGHT, ((8, 94), (17, 93), (18, 103), (9, 104))),
    (LIGHT, ((26, 99), (39, 100), (39, 112), (27, 112))),
    (LIGHT, ((38, 105), (51, 105), (51, 118), (39, 118))),
    (LIGHT, ((14, 110), (28, 110), (28, 120), (14, 120))),
    (LIGHT, ((86, 104), (100, 105), (100, 118), (86, 117))),
    (LIGHT, ((106, 105), (118, 105), (118, 116), (106, 116))),
    (LIGHT, ((110, 111), (124, 111), (124, 120), (110, 120))),
    (GROUND, ((65, 115), (97, 115), (97, 120), (65, 120))),
)


def label_names() -> tuple[str, ...]:
    """The names of LABELS in the language in force."""
    return tuple(say(en=en, ko=ko) for en, ko in (
        ("sky", "하늘"), ("rocket", "로켓"), ("mast", "기둥"), ("tower", "철탑"), ("light", "조명"), ("ground", "땅")))


# -- what goes in -------------------------------------------------------------------------------------------------------------------

@cache
def image() -> Tensor:
    """The photo, (3, 120, 160) uint8."""
    return figures.photo(PHOTO, size=(HEIGHT, WIDTH))


@cache
def cells() -> Tensor:
    """How much of each cell of 8x8 pixels the drawn outlines give to each label: (6, 15, 20), sums of 1 over the labels."""
    fine = 8                                                 # drawn eight times as large, so that a cell may hold a share of a pixel
    sheet = Image.new("L", (WIDTH * fine, HEIGHT * fine), SKY)
    pen = ImageDraw.Draw(sheet)
    for label, corners in _DRAWN:
        pen.polygon([(x * fine, y * fine) for x, y in corners], fill=label)
    labels = torch.from_numpy(np.array(sheet)).long()
    return F.avg_pool2d(ops.one_hot(labels[None], len(LABELS)).float(), STRIDE * fine)[0]


@cache
def scores() -> Tensor:
    """Scores (6, 120, 160), before they are sharpened: the cells enlarged as a network's scores are, and their logarithm."""
    enlarged = F.interpolate(cells()[None], size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False)[0]
    return (enlarged + FLOOR).log()


@cache
def sharpness(confidence: int) -> float:
    """By what to multiply the scores so that the most likely label has a probability of `confidence` per cent, on average over the photo."""
    low, high = 0.05, 100.0
    for _ in range(25):
        middle = (low * high) ** 0.5
        if (middle * scores()).softmax(0).amax(0).mean() < confidence / 100:
            low = middle
        else:
            high = middle
    return low


def unary(confidence: int) -> Tensor:
    """The probabilities (6, 120, 160) of a network as sure of itself as `confidence` says. Its labels are the same for any."""
    return (sharpness(confidence) * scores()).softmax(0)


# -- what Python answers ------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Answer:
    """The mean field of one setting, iteration by iteration.

    labels: uint8 (11, 120, 160), the most likely ones after 0, 1, ..., 10 iterations. pull: uint8 (10, 6, 120, 160), in units of `unit`: what the
    neighbours added to the logarithm of each label's probability in each iteration, less what they added to the label they favour least.
    energy: 11 floats, the mean of E under the mean field, a pixel.
    """

    labels: np.ndarray
    pull: np.ndarray
    unit: float
    energy: tuple[float, ...]

    def bytes(self) -> bytes:
        """Labels, then pulls."""
        return self.labels.tobytes() + self.pull.tobytes()


def mean_field(state: dict) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(q, energy, kl) after each of 0, ..., 10 iterations at the weights and widths of a state, as `ops.DenseCRF.steps` gives them."""
    crf = ops.DenseCRF(len(LABELS), iterations=ITERATIONS, **{name: state[name] for name in WEIGHTS_AND_WIDTHS})
    with torch.no_grad():
        return list(crf.steps(unary(state["confidence"]), image()))


@lru_cache(maxsize=8)
def _answered(setting: tuple) -> Answer:
    steps = mean_field(dict(zip(SETTING, setting)))
    q = torch.stack([step[0] for step in steps])
    labels, most = torch.zeros(q[:, 0].shape, dtype=torch.uint8), q[:, 0]
    for label in range(1, len(LABELS)):                      # an argmax over the labels, which lie far apart in memory: this way it is fast
        labels = torch.where(q[:, label] > most, torch.tensor(label, dtype=torch.uint8), labels)
        most = torch.maximum(most, q[:, label])
    pull = q.clamp_(min=1e-30).log_()[1:].sub_(q[0])
    least = functools.reduce(torch.minimum, pull.unbind(1))
    pull.sub_(least[:, None])
    unit = max(float(pull.max()), 1e-6) / 255
    return Answer(labels.numpy(), pull.mul_(1 / unit).round_().to(torch.uint8).numpy(), unit, tuple(float(step[1]) / (HEIGHT * WIDTH) for step in steps))


def answer(state: dict) -> Answer:
    """The answer to a state; of the last eight settings it is kept."""
    return _answered(tuple(state[name] for name in SETTING))


@cache
def _packed(setting: tuple) -> bytes:
    """An answer for a page: pulls in eighths of their unit, as it takes a third of the room and is not seen, and deflated."""
    found = _answered(setting)
    coarse = (np.minimum(found.pull.astype(int) + 4, 255) // 8 * 8).astype(np.uint8)
    return zlib.compress(found.labels.tobytes() + coarse.tobytes(), 6)


def listening(state: dict, row: int, column: int) -> np.ndarray:
    """How strongly pixel (row, column) listens to each: both kernels times their weights, (120, 160) float64, as yet without the normalisation."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    near = (y - row) ** 2 + (x - column) ** 2
    colours = image().numpy().astype(float)
    unlike = ((colours - colours[:, row:row + 1, column:column + 1]) ** 2).sum(0)
    return (state["bilateral_weight"] * np.exp(-near / (2 * state["bilateral_xy"] ** 2) - unlike / (2 * state["bilateral_rgb"] ** 2))
            + state["gaussian_weight"] * np.exp(-near / (2 * state["gaussian_xy"] ** 2)))


# -- the lab ------------------------------------------------------------------------------------------------------------------------

class CrfLab(Lab):
    """A photo of 120x160 pixels and a coarse labelling with six labels, drawn by hand; the mean field of a fully connected CRF redraws it.

    Fields: iteration (0 to 10: what is shown), view (result, network, neighbours, doubt, listens, photo: what the large picture shows), label (whose
    pull the neighbours' picture shows; pointed: that of the pixel pointed at), pixel (row and column of it), confidence (the mean probability of
    the network's favourite label in per cent), and bilateral_weight, bilateral_xy, bilateral_rgb, gaussian_weight, gaussian_xy as in
    `ops.dense_crf`; a weight of 0 leaves the kernel out.

    A change of the last six asks Python: the page keeps one question under way and then asks the newest. Messages: {"ask": text of a state} comes,
    {"answer": the same text, "unit", "energy", "sharpness"} and one buffer (see `Answer.bytes`) go.
    """

    module = "crf"
    _esm = module_source("crf")
    _css = style_source()
    fields = (
        Field(name="iteration", kind="int", default=ITERATIONS, low=0, high=ITERATIONS),
        Field(name="view", kind="choice", default="result", options=VIEWS),
        Field(name="label", kind="choice", default="pointed", options=("pointed", *LABELS)),
        Field(name="pixel", kind="cell", default=PIXEL),
        Field(name="confidence", kind="int", default=70, low=40, high=99),
        Field(name="bilateral_weight", kind="number", default=4, low=0, high=20),
        Field(name="bilateral_xy", kind="int", default=16, low=1, high=60),
        Field(name="bilateral_rgb", kind="int", default=5, low=1, high=40),
        Field(name="gaussian_weight", kind="number", default=3, low=0, high=20),
        Field(name="gaussian_xy", kind="number", default=3, low=0.5, high=10),
    )

    def __init__(self, **state):
        self._opened = self.complete(state)
        super().__init__(**state)
        self.on_msg(self._asked)

    @classmethod
    def agree(cls, state):
        row, column = state["pixel"] or PIXEL
        return state | {"pixel": (min(row, HEIGHT - 1), min(column, WIDTH - 1))}

    def _asked(self, _, content, buffers):
        """A question of the page."""
        if not isinstance(content, dict) or "ask" not in content:
            return
        state = self.read_state(content["ask"])
        found = answer(state)
        self.send({"answer": content["ask"], "unit": found.unit, "energy": list(found.energy), "sharpness": sharpness(state["confidence"])}, [found.bytes()])

    @classmethod
    def setting(cls, state: dict) -> str:
        """The part of a state that Python must answer, as the page writes it."""
        return " ".join(f"{field.name}={field.write(state[field.name])}" for field in cls.fields if field.name in SETTING)

    def _handed(self) -> list[tuple[str, tuple]]:
        """The settings whose answers are handed over: the default, those of 'try this', and the one the lab opens at."""
        start = self.complete({})
        states = [start, *(start | changed for changed in TRIES), self._opened]
        return list({self.setting(state): tuple(state[name] for name in SETTING) for state in states}.items())

    def settings(self):
        handed, begin = [], image().numel() + 4 * cells().numel()
        for text, setting in self._handed():
            found, size = _answered(setting), len(_packed(setting))
            handed.append({"answer": text, "unit": found.unit, "energy": list(found.energy), "sharpness": sharpness(setting[0]), "begin": begin, "size": size})
            begin += size
        return {"rows": HEIGHT, "columns": WIDTH, "labels": list(LABELS), "iterations": ITERATIONS, "stride": STRIDE, "floor": FLOOR,
                "least": LEAST, "initial": list(PIXEL), "patience": PATIENCE, "setting": list(SETTING), "tries": [dict(changed) for changed in TRIES], "handed": handed,
                "colours": ["#%02x%02x%02x" % CAMVID.colour(label) for label in IN_CAMVID]}

    def data(self):
        photo = image().permute(1, 2, 0).contiguous().numpy().tobytes()
        return photo + cells().numpy().astype("<f4").tobytes() + b"".join(_packed(setting) for _, setting in self._handed())

    def html(self, picture: bool = True) -> str:
        """As `Lab.html`; the answer to the state the lab is in goes along."""
        opened, self._opened = self._opened, self.state
        try:
            if self.setting(opened) != self.setting(self._opened):
                self._settings, self._data = self.settings(), self.data()
            return super().html(picture)
        finally:
            self._opened = opened

    def texts(self):
        return {
            "title": say(en="Lab: the fully connected CRF", ko="완전 연결 CRF 실험실"),
            "cellLabel": say(en="{grid}: row {row}, column {column}", ko="{grid}, {row}행 {column}열"),
            "large": say(en="large picture", ko="큰 그림"),
            "above": say(en="upper small picture", ko="위쪽 작은 그림"),
            "below": say(en="lower small picture", ko="아래쪽 작은 그림"),
            "title.photo": say(en="the photo", ko="사진"),
            "title.network": say(en="the network says", ko="네트워크의 예측"),
            "title.result": say(en="after iteration {n}", ko="{n}번 반복한 결과"),
            "title.result0": say(en="before any iteration", ko="반복하기 전"),
            "title.neighbours": say(en="what neighbours add to {name}", ko="이웃이 {name}에 더하는 값"),
            "title.silence": say(en="no neighbour has spoken yet", ko="아직 아무도 말하지 않았어요"),
            "title.doubt": say(en="who is torn after iteration {n}", ko="{n}번 반복하고도 망설이는 픽셀"),
            "title.doubt0": say(en="where the network is torn", ko="네트워크가 망설이는 픽셀"),
            "title.listens": say(en="({r}, {c}) listens to", ko="({r}, {c})가 듣는 픽셀"),
            "sure": say(en="sure", ko="확신"),
            "torn": say(en="torn", ko="망설임"),
            "computing": say(en="computing …", ko="계산하는 중…"),
            "noAnswer": say(en="no answer", ko="답이 없어요"),
            "pixelSays": say(en="network {a}, now {b}", ko="네트워크는 {a}, 지금은 {b}"),
            "pixelTitle": say(en="Pixel in row {r}, column {c}", ko="{r}행 {c}열 픽셀"),
            "column.network": say(en="network", ko="네트워크"),
            "column.neighbours": say(en="+ neighbours", ko="+ 이웃"),
            "column.neighboursShort": say(en="+ others", ko="+ 이웃"),
            "column.after": say(en="after {n}", ko="{n}번 뒤"),
            "column.before": say(en="so far", ko="지금"),
            "softmax": say(en=" → softmax → ", ko=" → 소프트맥스 → "),
            "energy": say(en="energy, per pixel", ko="픽셀당 에너지"),
            "iteration": say(en="iteration", ko="반복"),
            "times": say(en="{n}", ko="{n}번"),
            "next": say(en="One more", ko="한 번 더"),
            "view": say(en="large picture", ko="큰 그림"),
            "view.result": say(en="result", ko="결과"),
            "view.network": say(en="network", ko="네트워크"),
            "view.neighbours": say(en="neighbours", ko="이웃"),
            "view.doubt": say(en="doubt", ko="망설임"),
            "view.listens": say(en="listens to", ko="듣는 픽셀"),
            "view.photo": say(en="photo", ko="사진"),
            "label": say(en="neighbours add to", ko="이웃이 편드는 레이블"),
            "label.pointed": say(en="the pixel's label", ko="가리킨 픽셀의 레이블"),
            "bilateral_weight": say(en="bilateral weight", ko="bilateral 가중치"),
            "bilateral_xy": say(en="bilateral reach", ko="bilateral 거리"),
            "bilateral_rgb": say(en="bilateral colour", ko="bilateral 색"),
            "gaussian_weight": say(en="Gaussian weight", ko="가우시안 가중치"),
            "gaussian_xy": say(en="Gaussian reach", ko="가우시안 거리"),
            "confidence": say(en="network is sure", ko="네트워크의 확신"),
            "off": say(en="off", ko="끔"),
            "pixels": say(en="{n} px", ko="{n}픽셀"),
            "levels": say(en="{n} levels", ko="{n}단계"),
            "percent": say(en="{v}\u00a0%", ko="{v}%"),
            "needsPython": say(en="Weights, widths and sureness are computed by Python, and there is none behind this page. The settings under 'Try this' "
                                  "came along; open the notebook to move the sliders.",
                               ko="가중치와 폭, 확신을 바꾸면 파이썬이 다시 계산해야 하는데 이 페이지에는 파이썬이 없어요. '해 보세요'에 있는 설정은 미리 계산해 두었어요. "
                                  "슬라이더는 노트북을 열어서 움직여 보세요."),
            "lineMissing": say(en="This setting takes Python, and there is none behind this page: what is shown belongs to another setting.",
                               ko="이 설정은 파이썬이 계산해야 하는데 이 페이지에는 파이썬이 없어요. 그림은 다른 설정의 결과예요."),
            "lineLost": say(en="Python does not answer: it is busy with another cell, or was restarted; then run this cell again. What is shown belongs to "
                               "the setting before.",
                            ko="파이썬이 답하지 않아요. 다른 셀을 실행하고 있거나 다시 시작된 상태예요. 다시 시작했다면 이 셀을 한 번 더 실행해 주세요. "
                               "그림은 바꾸기 전 설정의 결과예요."),
            "lineWaiting": say(en="Python is computing; what is shown still belongs to the setting before.",
                               ko="파이썬이 계산하고 있어요. 그림은 아직 바꾸기 전 설정의 결과예요."),
            "lineNetwork": say(en="What the network says, before any iteration.", ko="반복하기 전, 네트워크의 예측 그대로예요."),
            "lineChanged": say(en="After iteration {n}, {m} of {all} pixels have another label than the network gave them.",
                               ko="{n}번 반복하니 {all}픽셀 가운데 {m}픽셀의 레이블이 네트워크의 예측과 달라졌어요."),
            "linePixel0": say(en="To the pixel in row {r}, column {c} it says {a} ({p}).", ko="{r}행 {c}열 픽셀은 {a:이라고/라고} 해요({p})."),
            "linePixelSame": say(en="The pixel in row {r}, column {c} stays {a}: {p} by the network, {q} now.",
                                 ko="{r}행 {c}열 픽셀은 그대로 {a:이에요/예요}. 네트워크는 {p}, 지금은 {q}예요."),
            "linePixelOther": say(en="The pixel in row {r}, column {c} was {a} to the network ({p}) and is {b} now ({q}).",
                                  ko="{r}행 {c}열 픽셀을 네트워크는 {a:이라고/라고} 했는데({p}) 지금은 {b:이에요/예요}({q})."),
            "lineHears": say(en="The kernels turn {share} of its attention to pixels labelled {name}.",
                             ko="커널로 보면 이 픽셀이 듣는 말의 {share:이/가} {name} 픽셀에서 와요."),
            "lineDeaf": say(en="Both kernels are off: it listens to nobody, and the network has the last word.",
                            ko="두 커널을 모두 껐으니 아무 말도 듣지 않아요. 네트워크의 예측이 그대로 결과가 돼요."),
            "try1": say(en="One iteration: what do the neighbours say for the rocket, and why do they stop so exactly at its outline? Then choose the mast.",
                        ko="한 번 반복했어요. 이웃이 로켓 편을 드는 곳은 왜 로켓의 윤곽에서 딱 멈출까요? 이웃이 편드는 레이블을 기둥으로 바꿔서도 살펴보세요."),
            "try2": say(en="The bilateral kernel is off and the Gaussian one strong: smoothing, blind to colour. What becomes of the outlines, and of the tips?",
                        ko="bilateral 커널을 끄고 가우시안 커널을 세게 했어요. 색을 보지 않고 매끄럽게만 하는 셈이에요. 윤곽과 뾰족한 끝은 어떻게 됐나요?"),
            "try3": say(en="Colours may differ more before a neighbour is not believed. Go from 0 to 10 iterations: where do the masts go, and whom does this pixel of a mast hear?",
                        ko="색이 꽤 달라도 이웃의 말을 믿게 했어요. 반복을 0번에서 10번까지 늘려 보세요. 기둥은 어디로 갔을까요? 기둥에 있는 이 픽셀은 누구의 말을 듣나요?"),
            "try4": say(en="The same labels from a network that is 99 % sure. How many pixels can the neighbours still persuade?",
                        ko="레이블은 같은데 네트워크가 99% 확신해요. 이웃의 말에 마음을 바꾸는 픽셀은 얼마나 되나요?"),
        } | {f"label.{name}": text for name, text in zip(LABELS, label_names())}

    def static_picture(self):
        """The default state: what the network says, what ten iterations make of it, and whom one pixel listens to."""
        return _drawn_picture(self.read_state(""))


# -- the picture for readers without a kernel ---------------------------------------------------------------------------------------

_WIDE, _TALL, _GAP = 234, 176, 9         # pixels: a picture, and what is between two


def _enlarged(values: np.ndarray) -> np.ndarray:
    rows, columns = ((np.arange(n) * side) // n for n, side in ((_TALL, HEIGHT), (_WIDE, WIDTH)))
    return values[rows[:, None], columns[None]]


def _overlaid(labels: np.ndarray) -> np.ndarray:
    photo = image().permute(1, 2, 0).numpy().astype(float)
    colours = np.array([CAMVID.colour(label) for label in IN_CAMVID], dtype=float)
    shown, large = _enlarged((photo + colours[labels]) / 2), _enlarged(labels)
    edge = np.zeros(large.shape, dtype=bool)
    edge[:, 1:] |= large[:, 1:] != large[:, :-1]
    edge[1:] |= large[1:] != large[:-1]
    shown[edge] = (22, 32, 42)
    return shown.astype(np.uint8)


def _heard(state: dict) -> np.ndarray:
    """The pixels a pixel listens to: viridis over the grey photo, the pixel framed."""
    row, column = state["pixel"]
    share = listening(state, row, column) / (state["bilateral_weight"] + state["gaussian_weight"])
    grey = image().permute(1, 2, 0).numpy() @ np.array([0.299, 0.587, 0.114])
    cover = np.minimum(1, 0.3 + 3 * share)[..., None]
    shown = _enlarged(cover * 255 * matplotlib.colormaps["viridis"](share)[..., :3] + (1 - cover) * grey[..., None])
    y, x = round((row + 0.5) * _TALL / HEIGHT), round((column + 0.5) * _WIDE / WIDTH)
    for reach, colour in ((6, 255), (5, 20)):
        shown[y - reach:y + reach, [x - reach, x + reach - 1]] = colour
        shown[[y - reach, y + reach - 1], x - reach:x + reach] = colour
    return shown.astype(np.uint8)


@drawn
def _drawn_picture(state: dict) -> Figure:
    found = answer(state)
    before, after = found.labels[0], found.labels[ITERATIONS]
    names, (row, column) = label_names(), state["pixel"]
    moved = int((before != after).sum())
    title = say(en="Neighbours of the same colour redraw the outlines", ko="색이 같은 이웃이 윤곽을 다시 그려요")
    head = heading_height(title)
    figure = Figure.of_size(head + 22 + _TALL + 34, flat=False)
    heading(figure, title)
    shown = ((say(en="the network says", ko="네트워크의 예측"), "input", _overlaid(before)),
             (say(en=f"after iteration {ITERATIONS}", ko=f"{ITERATIONS}번 반복한 결과"), "output", _overlaid(after)),
             (say(en=f"({row + 1}, {column + 1}) listens to", ko=f"({row + 1}, {column + 1})가 듣는 픽셀"), "kernel", _heard(state)))
    for k, (name, role, pixels) in enumerate(shown):
        figure.write(k * (_WIDE + _GAP), head + 9, name, bold=True, colour=ROLES[role])
        panel = figure.panel(k * (_WIDE + _GAP), head + 22, _WIDE, _TALL)
        panel.imshow(pixels, interpolation="nearest", aspect="auto")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
    x, y = 0, head + 22 + _TALL + 18
    for name, label in zip(names, IN_CAMVID):
        box(figure.sheet, x + 0.5, y - 7, 18, 14, facecolor=tuple(part / 255 for part in CAMVID.colour(label)), edgecolor=INK, linewidth=0.6)
        figure.write(x + 25, y, name)
        x += 25 + fonts.width(name, TEXT) + 22
    first, then = (names[int(labels[row, column])] for labels in (before, after))
    return tell(figure, say(
        en=f"Lab, the fully connected CRF: a rocket between two masts at dusk, {HEIGHT}x{WIDTH} pixels, with a coarse labelling of {len(LABELS)} labels drawn by "
           f"hand. After {ITERATIONS} iterations {moved} pixels have another label: the rocket's outline is that of the photo, and the masts have lost "
           f"{int((before == MAST).sum() - (after == MAST).sum())} of {int((before == MAST).sum())} pixels. The pixel in row {row + 1}, column {column + 1} was "
           f"{first} to the network and is {then} now; it listens to the sky around it, not to the rocket beside it.",
        ko=f"완전 연결 CRF 실험실. 해 질 녘 기둥 두 개 사이에 로켓이 서 있는 {HEIGHT}x{WIDTH} 사진과, 손으로 그린 거친 레이블 {len(LABELS)}가지예요. "
           f"{ITERATIONS}번 반복하니 {moved}픽셀의 레이블이 바뀌었어요. 로켓의 윤곽은 사진과 같아졌고, 기둥은 {int((before == MAST).sum())}픽셀 가운데 "
           f"{int((before == MAST).sum() - (after == MAST).sum())}픽셀을 잃었어요. {row + 1}행 {column + 1}열 픽셀을 네트워크는 {josa(first, '이라고/라고')} 했는데 지금은 "
           f"{josa(then, '이에요/예요')}. 옆에 있는 로켓이 아니라 둘레의 하늘에 귀를 기울여요."))
