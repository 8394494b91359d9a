"""One example of every public figure function, made in either language."""

import logging
import warnings

import numpy as np
import pytest
import torch

from segcourse import figures
from segcourse.language import current, reading

NAN = float("nan")


def words(en, ko):
    return ko if current() == "ko" else en


def street():
    """A little scene: image uint8 (3, 48, 64) and its label uint8 (48, 64) with sky, building, road, car and void."""
    label = torch.zeros(48, 64, dtype=torch.uint8)
    label[16:] = 1
    label[32:] = 3
    label[24:36, 10:30] = 8
    label[:, 62:] = 11
    image = torch.stack([(label * 20).to(torch.uint8), 255 - label * 15, (torch.arange(64) * 3).to(torch.uint8).expand(48, 64)])
    return image, label


def runs():
    shift = {"fcn32s": 0.40, "fcn16s": 0.47, "fcn8s": 0.52}
    return [{"variant": name, "seed": seed, "miou": value + 0.01 * seed, "boundary_iou": value / 2 + 0.005 * seed} for seed in range(3) for name, value in shift.items()]


def example(name):
    image, label = street()
    wrong = label.clone()
    wrong[:, 1:] = label[:, :-1]
    wrong[wrong == 11] = 3
    x, k, y = torch.tensor([[1.0, 2], [3, 4]]), torch.ones(3, 3), torch.arange(25.0).view(5, 5) - 3
    ious = [0.9, 0.7, 0.2, 0.9, 0.6, 0.7, 0.3, 0.4, 0.7, 0.3, NAN]
    return {
        "grid": lambda: figures.grid(y, role="input", title=words("numbers", "숫자"), highlight=(1, 2), annotate=words("1 − 3 = −2", "1에서 3을 빼요")),
        "grids": lambda: figures.grids([(x, "input", words("input", "입력")), (k, "kernel", words("kernel", "커널")), (y, "output", words("output", "출력"))],
                                       formula=[(words("sum:", "합:"), None), ("1 + 2", "input")], hatches=[None, None, y < 0]),
        "image": lambda: figures.image(image, title=words("a street", "거리")),
        "images": lambda: figures.images([image, label, y, y.abs() / 30], titles=[words(a, b) for a, b in (("a", "가"), ("b", "나"), ("c", "다"), ("d", "라"))]),
        "label_map": lambda: figures.label_map(label, title=words("one class a pixel", "픽셀마다 클래스 하나")),
        "overlay": lambda: figures.overlay(image, label),
        "prediction_rows": lambda: figures.prediction_rows([image], [label], [wrong], title=words("edges are wrong", "경계가 틀려요"), names=[words("first", "첫째")]),
        "heat_map": lambda: figures.heat_map(image, torch.rand(4, 5, generator=torch.Generator().manual_seed(0)), label=words("score", "점수")),
        "receptive_field": lambda: figures.receptive_field(image, [(-4, -2, 20, 30)], heat=torch.ones(48, 64), labels=["pool5"], title=words("beyond", "바깥까지")),
        "class_iou": lambda: figures.class_iou({"fcn8s": ious, "fcn32s": ious[::-1]}, title=words("two models", "모델 두 개")),
        "compare": lambda: figures.compare(runs(), metrics=("miou", "boundary_iou"), title=words("finer is better", "촘촘할수록 좋아요")),
        "bars": lambda: figures.bars({"fc6": 102760448, words("rest", "나머지"): 3.1}, unit=words("weights", "개")),
        "lines": lambda: figures.lines({words("one", "하나"): [1, 2, 4], words("two", "둘"): ([1, 2], [-3, 2])}, x_label=words("layer", "층"), y_label=words("size", "크기")),
        "curve": lambda: figures.curve(np.linspace(2, 1, 60), scores=[(30, 0.2), (60, 0.31)], title=words("it learns", "배우고 있어요")),
        "confusion": lambda: figures.confusion(np.eye(11) * 9 + 1, title=words("rows are the truth", "행은 정답이에요")),
        "architecture": lambda: figures.architecture([("pool3", 8, 256), ("pool4", 16, 512), ("fc7", 32, 4096)], [("fc7", "score_fr"), ("pool4", "score_pool4")], channels=11),
        "mirror": lambda: figures.mirror([(224, 64), (112, 128), (7, 512)], (1, 4096), [(7, 512), (112, 64), (224, 64)], across=(words("pool1 to unpool1", "pool1에서 unpool1로"), words("pool2 to unpool2", "pool2에서 unpool2로")),
                                         title=words("what goes across", "건너가는 것")),
        "pixel_centres": lambda: figures.pixel_centres(4, 8, title=words("centres fall between centres", "중심은 중심 사이에 놓여요")),
        "chapter_map": lambda: figures.chapter_map([
            {"number": "00", "title": words("Pixels and scores", "픽셀과 평가 지표"), "needs": [], "minutes": (60, 1)},
            {"number": "01", "title": words("FCN: a classifier for every pixel", "FCN, 픽셀마다 답하는 분류기"), "needs": ["00"], "minutes": (70, 1.5)},
            {"number": "02", "title": words("Later", "나중에"), "needs": ["00", "01"], "minutes": None}], title=words("from the top", "위에서부터")),
    }[name]()


NAMES = ("grid", "grids", "image", "images", "label_map", "overlay", "prediction_rows", "heat_map", "receptive_field", "class_iou", "compare", "bars", "lines", "curve",
         "confusion", "architecture", "mirror", "pixel_centres", "chapter_map")


class Shelf(logging.Handler):
    """Keeps what is logged: matplotlib reports a missing weight or family there."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.kept = []

    def emit(self, record):
        self.kept.append(record.getMessage())


@pytest.fixture(scope="session")
def made():
    """made(name, language) -> (figure, its PNG, what was warned or logged on the way); each is drawn once."""
    shelf, done = Shelf(), {}
    logging.getLogger("matplotlib").addHandler(shelf)

    def draw(name, language):
        if (name, language) not in done:
            shelf.kept.clear()
            with reading(language), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                figure = example(name)
                png = figure.png()
            done[name, language] = figure, png, [str(entry.message) for entry in caught] + list(shelf.kept)
        return done[name, language]

    yield draw
    logging.getLogger("matplotlib").removeHandler(shelf)


@pytest.fixture
def scene():
    return street()
