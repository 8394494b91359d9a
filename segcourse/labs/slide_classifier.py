"""The lab of the sliding classifier: a window asked crop by crop, and the whole picture in one pass with the same weights.

Chapter 01, claim 1.4 (FCN, section 3.1).
"""

from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import figures, ops
from segcourse.labs.base import Field, Lab, LabValueError, module_source, style_source
from segcourse.language import josa, say

WINDOW, STRIDE, LEAST, LARGEST, STEP = 12, 2, 12, 48, 4     # pixels; pictures have LEAST, LEAST + STEP, ... LARGEST a side
PICTURES = ("photo", "drawing")
PADDINGS = {"valid": 0, "same": 1}
_SEED = 3
_EYES = {"photo": ((6, 2), (8, 14)), "drawing": ((0, 0), (8, 8), (16, 16))}    # map cells whose window holds an eye
_EDGE = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


def places(size: int) -> int:
    """How many places a side the window has in a picture of size x size pixels, and cells a side the map."""
    return (size - WINDOW) // STRIDE + 1


@cache
def pictures() -> np.ndarray:
    """The photo and the drawing, (2, 48, 48) uint8 grey: the face of the cat Chelsea, and eyes among other shapes on black.

    The photo is means over 6x6 pixels, its contrast stretched.
    """
    red, green, blue = figures.photo("chelsea")[:, 6:294, 110:398].double().numpy()
    grey = (0.299 * red + 0.587 * green + 0.114 * blue).reshape(LARGEST, 6, LARGEST, 6).mean(axis=(1, 3))
    cat = (grey - grey.min()) / (grey.max() - grey.min()) * 255
    return np.round(np.stack([cat, _drawing()])).astype(np.uint8)


def _drawing() -> np.ndarray:
    """Shapes of at most 10x10 pixels in the middle of some of nine windows: black remains around them."""
    fine = 4                       # drawn four times as large, for soft edges
    y, x = (np.mgrid[0:LARGEST * fine, 0:LARGEST * fine] + 0.5) / fine
    sheet = np.zeros_like(x)
    for row, column in _EYES["drawing"]:
        down, across = (y - STRIDE * row - WINDOW / 2), (x - STRIDE * column - WINDOW / 2)
        for tall, wide, grey in ((4.2, 4.7, 60), (3.4, 3.9, 190), (2.6, 1.1, 15)):      # rim, iris, pupil
            sheet[(down / tall) ** 2 + (across / wide) ** 2 <= 1] = grey
    sheet[((abs(y - 6) < 1) | (abs(x - 22) < 1)) & (abs(y - 6) < 4.5) & (abs(x - 22) < 4.5)] = 220
    sheet[np.hypot(y - 6, x - 38) <= 4.6] = 200
    sheet[(abs(y - 22) < 4) & (abs(x - 6) < 4)] = 200
    sheet[abs(np.hypot(y - 22, x - 38) - 3.6) < 0.9] = 210
    sheet[(y < 42) & (y > 33.5) & (abs(x - 6) < (y - 33.5) * 0.55)] = 190
    return sheet.reshape(LARGEST, fine, LARGEST, fine).mean(axis=(1, 3))


def picture(name: str, size: int = LARGEST) -> torch.Tensor:
    """The upper left size x size pixels of "photo" or "drawing", (1, 1, size, size) float64 from 0 to 1."""
    return torch.from_numpy(pictures()[PICTURES.index(name), :size, :size] / 255)[None, None]


def _conv_weights() -> tuple[torch.Tensor, torch.Tensor]:
    """Two layers of 3x3 kernels without bias, (5, 1, 3, 3) and (8, 5, 3, 3): brightness and four edges, then mixtures drawn from a seed."""
    edge = torch.tensor(_EDGE, dtype=torch.float64) / 4
    first = torch.stack([torch.full((3, 3), 0.11, dtype=torch.float64), edge, -edge, edge.T, -edge.T])[:, None]
    drawn = np.random.Generator(np.random.PCG64(_SEED)).standard_normal((8, 5, 3, 3)) * np.sqrt(2 / 45)
    return first, torch.from_numpy(np.round(drawn, 2))


def features(x: torch.Tensor, padding: int) -> torch.Tensor:
    """x (N, 1, H, W) -> (N, 8, H', W'): conv 3x3, ReLU, conv 3x3, ReLU, 2x2 max pooling. H' is (H - 4) // 2, with padding 1 H // 2."""
    for weight in _conv_weights():
        x = F.relu(ops.conv2d(x, weight, padding=padding))
    return F.max_pool2d(x, 2)


def crops(name: str, size: int = LARGEST) -> torch.Tensor:
    """All windows of a picture, row by row: (places ** 2, 1, 12, 12)."""
    return picture(name, size).unfold(2, WINDOW, STRIDE).unfold(3, WINDOW, STRIDE).reshape(-1, 1, WINDOW, WINDOW)


@cache
def fully_connected(padding: str) -> nn.Linear:
    """The last layer of the classifier, fitted by ridge regression to the crops of both pictures: 1 on an eye, 0 away from it.

    (8 * 4 * 4 -> 1) for "valid", (8 * 6 * 6 -> 1) for "same"; float64, rounded to 3 decimals. Eyes are few and count 7 times.
    """
    rows = torch.cat([features(crops(name), PADDINGS[padding]).flatten(1) for name in PICTURES])
    rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], 1)
    here = np.mgrid[0:places(LARGEST), 0:places(LARGEST)]
    bumps = [[np.exp(-((here - np.reshape(eye, (2, 1, 1))) ** 2).sum(0) / (2 * 0.8 ** 2)) for eye in _EYES[name]] for name in PICTURES]
    wanted = torch.from_numpy(np.stack([np.max(each, axis=0) for each in bumps])).flatten()
    counts = 1 + 6 * (wanted > 0.3)
    ridge = 0.1 * torch.eye(rows.shape[1], dtype=torch.float64)
    ridge[-1, -1] = 0              # the bias is free
    weighted = (rows * counts[:, None]).T
    fitted = torch.round(torch.linalg.solve(weighted @ rows + ridge, weighted @ wanted), decimals=3)
    linear = nn.Linear(rows.shape[1] - 1, 1, dtype=torch.float64).requires_grad_(False)
    linear.weight.copy_(fitted[None, :-1])
    linear.bias.copy_(fitted[-1:])
    return linear


def crop_answers(name: str, size: int, padding: str) -> torch.Tensor:
    """What the classifier says of every crop, each asked on its own: (places, places)."""
    answers = fully_connected(padding)(features(crops(name, size), PADDINGS[padding]).flatten(1))
    return answers.reshape(places(size), places(size))


def one_pass(name: str, size: int, padding: str) -> torch.Tensor:
    """The map of the same weights over the whole picture, the fully connected layer read as a convolution: (places, places)."""
    side = (WINDOW - (0 if PADDINGS[padding] else 4)) // 2
    with torch.no_grad():
        return ops.linear_to_conv(fully_connected(padding), side)(features(picture(name, size), PADDINGS[padding]))[0, 0]


def multiplications(size: int, padding: str) -> tuple[int, int]:
    """(all crops one by one, one pass): multiplications in the two convolutions and the last layer; zeros of a frame count as numbers."""
    first, second = _conv_weights()
    rim = 0 if PADDINGS[padding] else 2                      # what a valid convolution takes off both sides together

    def passed(side: int) -> int:
        last = places(side) ** 2 * fully_connected(padding).in_features
        return (side - rim) ** 2 * first.numel() + (side - 2 * rim) ** 2 * second.numel() + last

    return places(size) ** 2 * passed(WINDOW), passed(size)


@cache
def score_range() -> tuple[float, float]:
    """The least and the largest score in any map, to one decimal: one scale of colours for all of them."""
    scores = torch.stack([one_pass(name, LARGEST, padding) for name in PICTURES for padding in PADDINGS])
    return round(scores.min().item(), 1), round(scores.max().item(), 1)


class SlideClassifierLab(Lab):
    """A window over a picture: the answer to its crop, the map of one pass, whether the two agree, and what each of them costs.

    Fields: padding (valid, same), size (pixels a side of the picture, 12 to 48 in steps of 4), view (what the map shows: score or
    difference), picture (photo, drawing), window (its row and column among the places it has, two pixels apart, from 0 to 18; in a smaller
    picture it stands at the nearest place there is).
    """

    module = "slide_classifier"
    _esm = module_source("slide_classifier")
    _css = style_source()
    fields = (
        Field(name="padding", kind="choice", default="valid", options=tuple(PADDINGS)),
        Field(name="size", kind="int", default=40, low=LEAST, high=LARGEST),
        Field(name="view", kind="choice", default="score", options=("score", "difference")),
        Field(name="picture", kind="choice", default="photo", options=PICTURES),
        Field(name="window", kind="cell", default=_EYES["photo"][0]),
    )

    @classmethod
    def agree(cls, state):
        size, window, most = state["size"], state["window"], places(LARGEST) - 1
        if size % STEP:
            below = size // STEP * STEP
            raise LabValueError(say(en=f"size must be a multiple of {STEP}, got {size}: write size={below} or size={below + STEP}",
                                    ko=f"size는 {STEP}의 배수여야 하는데 {josa(size, '이에요/예요')}. "
                                       f"size={below}, size={below + STEP}처럼 써 주세요."))
        if window is None or max(window) > most:
            given = "none" if window is None else f"{window[0]},{window[1]}"
            raise LabValueError(say(en=f"window must be a row and a column from 0 to {most}, got '{given}': write for example window=6,2",
                                    ko=f"window는 0에서 {most}까지의 행과 열이어야 하는데 {josa(given, '이에요/예요')}. window=6,2처럼 써 주세요."))
        return state

    def settings(self):
        first, second = _conv_weights()
        heads = {padding: fully_connected(padding) for padding in PADDINGS}
        return {
            "window": WINDOW, "stride": STRIDE, "least": LEAST, "largest": LARGEST, "step": STEP, "pictures": list(PICTURES),
            "first": first.flatten().tolist(), "second": second.flatten().tolist(), "channels": [1, len(first), len(second)],
            "heads": {padding: {"weight": head.weight[0].tolist(), "bias": head.bias.item()} for padding, head in heads.items()},
            "range": list(score_range()),
        }

    def data(self):
        return pictures().tobytes()

    def texts(self):
        return {
            "title": say(en="Lab: slide a classifier over a picture", ko="분류기를 밀어 보는 실험실"),
            "window": say(en="window", ko="창"),
            "windowAt": say(en="window, row {row} of {n}, column {column} of {n}; the arrow keys move it",
                            ko="창, 세로 {n}곳 가운데 {row}번째, 가로 {n}곳 가운데 {column}번째. 화살표 키로 움직여요"),
            "photo": say(en="photo", ko="사진"),
            "drawing": say(en="drawing", ko="그림"),
            "photoTitle": say(en="photo {n}×{n}", ko="사진 {n}×{n}"),
            "drawingTitle": say(en="drawing {n}×{n}", ko="그림 {n}×{n}"),
            "cropTitle": say(en="crop {n}×{n}", ko="조각 {n}×{n}"),
            "cropFramed": say(en="crop in a frame of zeros", ko="둘레에 0을 덧댄 조각"),
            "mapTitle": say(en="map {n}×{n}, one pass", ko="한 번에 계산한 맵 {n}×{n}"),
            "mapShort": say(en="map {n}×{n}", ko="맵 {n}×{n}"),
            "apartTitle": say(en="|crop − map|, {n}×{n}", ko="|조각 − 맵|, {n}×{n}"),
            "crop": say(en="crop", ko="조각"),
            "map": say(en="map", ko="맵"),
            "agree": say(en="agree", ko="같은 칸"),
            "apart": say(en="{v} apart", ko="차이 {v}"),
            "ratio": say(en="{r} times as many", ko="{r}배"),
            "classifier": say(en="classifier", ko="분류기"),
            "stride": say(en="stride {s}: one cell of the map is {s} pixels of the picture",
                          ko="스트라이드 {s}: 맵의 한 칸이 사진의 {s}픽셀이에요"),
            "strideShort": say(en="stride {s}: one cell of the map is {s} pixels", ko="스트라이드 {s}: 맵의 한 칸이 {s}픽셀"),
            "hint": say(en="The classifier answers about 1 where its window holds an eye. Drag the window, or click on a picture.",
                        ko="분류기는 창 안에 눈이 있으면 1에 가까운 점수를 내요. 창을 끌거나, 사진이나 맵을 눌러 보세요."),
            "padding": say(en="padding", ko="패딩"),
            "valid": say(en="none (valid)", ko="없음(valid)"),
            "same": say(en="zeros (same)", ko="0으로(same)"),
            "size": say(en="picture size", ko="사진 크기"),
            "view": say(en="map of", ko="맵에 보일 값"),
            "score": say(en="scores", ko="점수"),
            "difference": say(en="differences", ko="조각과의 차이"),
            "picture": say(en="picture", ko="입력"),
            "validCrop": say(en="fully connected, {n} weights", ko="완전 연결층, 가중치 {n}개"),
            "validMap": say(en="the same {n} weights as a {k}×{k} kernel", ko="같은 가중치 {n}개를 {k}×{k} 커널로"),
            "inner": say(en=" (inner {k}×{k} cells)", ko="(안쪽 {k}×{k}칸)"),
            "rim": say(en=" (rim)", ko="(둘레 칸)"),
            "cropCost": say(en="crop by crop, {n} crops", ko="조각 {n}개를 하나씩"),
            "cropCostOne": say(en="crop by crop, 1 crop", ko="조각 1개"),
            "passCost": say(en="one pass", ko="한 번에"),
            "costs": say(en="multiplications", ko="곱셈 횟수"),
            "lineCosts": say(en="{n} crops cost {ratio} times the multiplications of one pass.",
                             ko="조각 {n}개를 따로 계산하면 곱셈이 한 번에 할 때의 {ratio}배예요."),
            "lineCostsSame": say(en="One crop costs as much as one pass.", ko="조각이 하나뿐이라 곱셈 횟수도 같아요."),
            "lineValid": say(en="Crop {a} = map {b}. Without padding, one pass gives just what every crop gives on its own.",
                             ko="조각 {a} = 맵 {b}. 패딩이 없으면 한 번에 계산한 값이 조각마다 따로 계산한 값과 같아요."),
            "lineApart": say(en="Crop {a} ≠ map {b}. The crop wears a frame of zeros, but the {what} goes on beyond it, {sides}.",
                             ko="조각 {a} ≠ 맵 {b}. 조각 둘레에는 0이 덧대어졌지만, 실제 {what:은/는} {sides} 더 이어져요."),
            "on4": say(en="on all four sides", ko="사방으로"),
            "on3": say(en="on three sides", ko="세 쪽으로"),
            "on2": say(en="on two sides", ko="두 쪽으로"),
            "lineWhole": say(en="Crop {a} = map {b}. The {what} is no larger than the window, so both wear the same frame of zeros.",
                             ko="조각 {a} = 맵 {b}. {what:이/가} 창과 크기가 같아서 둘 다 둘레에 똑같이 0이 덧대어졌어요."),
            "lineBlack": say(en="Crop {a} = map {b}. Around the window the {what} is black: zeros, just like the frame of the crop.",
                             ko="조각 {a} = 맵 {b}. 여기는 {what}에서 창 둘레가 새까매요. 조각 둘레에 덧댄 값처럼 모두 0이에요."),
            "lineChance": say(en="Crop {a} = map {b}. Here the frame of zeros changes nothing.",
                              ko="조각 {a} = 맵 {b}. 이 자리에서는 0을 덧대도 값이 그대로예요."),
            "linePlaces": say(en="They agree at {m} of {n} places; elsewhere they differ by up to {v}.",
                              ko="{n}곳 가운데 {m}곳에서 같고, 다른 곳은 {v}까지 차이가 나요."),
            "linePlacesNone": say(en="They agree at none of the {n} places and differ by up to {v}.",
                                  ko="{n}곳 가운데 같은 곳이 하나도 없고, {v}까지 차이가 나요."),
            "linePlacesAll": say(en="They agree at every place.", ko="어느 자리에서나 같아요."),
            "try1": say(en="Padding on, window in the corner: where do crop and map differ, and which sides of the crop are to blame?",
                        ko="패딩을 켜고 창을 구석에 놓았어요. 조각과 맵은 어디에서 다를까요? 조각의 어느 쪽 때문일까요?"),
            "try2": say(en="Let the picture grow from 12 to 48: 16 times the pixels. How many times the cost, crop by crop and in one go?",
                        ko="사진을 12에서 48까지 키워 보세요. 픽셀은 16배예요. 하나씩 할 때와 한 번에 할 때, 곱셈은 몇 배가 될까요?"),
            "try3": say(en="On the photo, padding spoils every place. On this drawing it does not: find a place where the two agree.",
                        ko="사진에서는 패딩을 켜면 어디에서도 같지 않아요. 이 그림은 달라요. 조각과 맵이 같은 자리를 찾아보세요."),
        }

    def static_picture(self):
        """The default state, (40, 40) with its window, its crop (12, 12), the map (15, 15), and where padding would make the two differ."""
        state = self.read_state("")
        name, size, (row, column) = state["picture"], state["size"], state["window"]
        top, left = STRIDE * row, STRIDE * column
        scores, padded = one_pass(name, size, "valid"), one_pass(name, size, "same")
        apart = (crop_answers(name, size, "same") - padded).abs()
        score = scores[row, column].item()
        shown = picture(name, size)[0, 0].numpy()
        grey = np.repeat((shown * 255).round().astype(np.uint8).repeat(8, 0).repeat(8, 1)[..., None], 3, 2)
        framed, (a, b, c, d) = grey.copy(), (8 * edge for edge in (top, top + WINDOW, left, left + WINDOW))
        framed[a:b, c:d] = (31, 111, 180)       # the input's blue
        framed[a + 6:b - 6, c + 6:d - 6] = grey[a + 6:b - 6, c + 6:d - 6]
        titles = [
            say(en=f"photo {size}×{size} with the window", ko=f"사진 {size}×{size}과 창"),
            say(en=f"its crop: {score:.3f}", ko=f"조각의 점수 {score:.3f}"),
            say(en=f"the map in one pass: {score:.3f} there, too", ko=f"한 번에 계산한 맵도 그 자리가 {score:.3f}"),
            say(en=f"with padding they differ, by up to {apart.max():.2f}", ko=f"패딩이 있으면 {apart.max():.2f}까지 차이"),
        ]
        figure = figures.images([framed, grey[a:b, c:d], scores, apart], columns=4, kinds=["photo", "photo", "heat", "heat"], titles=titles)
        many, once = multiplications(size, "valid")
        cells, answer = f"{len(scores)}x{len(scores)}", f"{score:.3f}"
        figure.alt = say(
            en=f"Lab, slide a classifier: a window of {WINDOW}x{WINDOW} on the eye of a cat in a photo of {size}x{size} pixels. The crop "
               f"scores {answer}, and so does its cell in the {cells} map that one pass over the photo gives. {scores.numel()} crops cost "
               f"{many:,} multiplications, one pass {once:,}. With padding, crop and map differ by up to {apart.max():.2f}.",
            ko=f"분류기를 밀어 보는 실험실. {size}x{size} 사진 속 고양이 눈에 {WINDOW}x{WINDOW} 창이 놓여 있어요. 조각의 점수는 {answer}이고, 사진을 한 번에 계산한 "
               f"{cells} 맵의 그 칸도 {josa(answer, '이에요/예요')}. 곱셈은 조각 {scores.numel()}개를 하나씩 하면 {many:,}번, 한 번에 하면 {once:,}번이에요. "
               f"패딩이 있으면 조각과 맵이 {apart.max():.2f}까지 달라요.")
        return figure
