"""Tuning a fully connected CRF as DeepLab v1 does (section 5): a coarse grid, then a finer one around its best, scored by mIoU on validation pictures.

The bilateral kernel's weight and both its widths are searched; the Gaussian kernel keeps the paper's weight 3 and width 3. The paper's widths are
pixels of pictures whose longer side is 500. Here every width in pixels is a share of the longer side, so that one grid serves pictures of any size.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from segcourse.language import say
from segcourse.training import refine
from segcourse.training.scores import Scores, total

SIDE = 500                                          # pixels of the longer side of PASCAL VOC's pictures, to which the paper's widths belong
WEIGHTS = (3.0, 5.0, 10.0)                          # the paper: 5 to 10; DeepLab v2: 3 to 6
SHARES = (0.06, 0.1, 0.2)                           # of the longer side; 30, 50 and 100 pixels of 500. The paper: 50 to 100; v2: 30 to 100
COLOURS = (3.0, 5.0, 10.0)                          # grey levels. The paper: 3 to 10; v2: 3 to 6
GAUSSIAN_WEIGHT, GAUSSIAN_SHARE = 3.0, 3 / SIDE


@dataclass(frozen=True)
class Search:
    """What a search found. best: the keywords of `ops.dense_crf` with the highest mIoU of all trials; trials: a row for each, in the order in which they
    were tried, {"bilateral_weight", ..., "miou", "boundary_iou", "pixel_accuracy", "round"}; plain: the network's own scores on the same pictures.
    """

    best: dict[str, float]
    trials: list[dict]
    plain: Scores
    images: int

    @property
    def gain(self) -> float:
        """mIoU of the best less that without a CRF: below 0 where every setting hurts."""
        return max(trial["miou"] for trial in self.trials) - self.plain.miou

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        return {"setting": self.best, "images": self.images, "plain_miou": self.plain.miou, "trials": self.trials}


def settings(size: tuple[int, int], weights: Sequence[float] = WEIGHTS, shares: Sequence[float] = SHARES, colours: Sequence[float] = COLOURS) -> list[dict[str, float]]:
    """The grid for pictures of `size` (H, W), as keywords of `ops.dense_crf`: every weight with every width, those in pixels `shares` of the longer side."""
    side = max(size)
    return [{"bilateral_weight": float(weight), "bilateral_xy": share * side, "bilateral_rgb": float(colour), "gaussian_weight": GAUSSIAN_WEIGHT,
             "gaussian_xy": GAUSSIAN_SHARE * side} for weight, share, colour in itertools.product(weights, shares, colours)]


def _around(best: dict[str, float], step: float) -> list[dict[str, float]]:
    """The settings half a step of the coarse grid away from the best one, itself not among them; steps are factors."""
    names = ("bilateral_weight", "bilateral_xy", "bilateral_rgb")
    return [best | {name: best[name] * factor for name, factor in zip(names, factors, strict=True)}
            for factors in itertools.product((1 / step, 1.0, step), repeat=3) if factors != (1.0, 1.0, 1.0)]


def search(model: nn.Module, dataset, *, images: int = 100, grid: Sequence[dict] | None = None, finer: bool = True, iterations: int = 10,
           device: str | torch.device | None = None, batch_size: int = 8, precision: str = "auto", report: Callable[[str], None] | None = None) -> Search:
    """Try every setting of `grid` (`settings` of the first picture's size unless given) on the first `images` pictures of `dataset`; with `finer`, then
    the 26 around the best. The network runs once; its probabilities are kept, 4 bytes a class and pixel.

    Of settings with equal mIoU the first counts. `report` gets a line of text after each. Raises ValueError for an empty grid or no picture, and what
    `evaluate` and the CRF raise.
    """
    if images < 1 or not len(dataset):
        raise ValueError(say(en=f"a search needs pictures, got images={images} of {len(dataset)}", ko=f"이미지가 있어야 찾을 수 있는데 {len(dataset)}장 가운데 images={images}장이에요. 1 이상으로 해 주세요."))
    first = settings(tuple(dataset[0][0].shape[-2:])) if grid is None else [dict(setting) for setting in grid]
    if not first:
        raise ValueError(say(en="the grid is empty: give settings(size), or a list of dense_crf's keywords", ko="격자가 비었어요. settings(size)나 dense_crf의 값 목록을 넣어 주세요."))
    for setting in first:
        refine.check(setting)
    batches = list(refine.probabilities_of(model, dataset, device, batch_size, precision, images))
    plain = total([refine._scores(winners, labels, dataset) for _, _, labels, winners in batches])
    trials: list[dict] = []

    def attempt(candidates: Sequence[dict], number: int) -> None:
        for setting in candidates:
            crf = {"iterations": iterations} | setting
            scores = total([refine._scores(refine.sharpened(probabilities, pictures, crf).argmax(1), labels, dataset)
                            for pictures, probabilities, labels, _ in batches])
            trials.append(setting | {"miou": scores.miou, "boundary_iou": scores.boundary_iou, "pixel_accuracy": scores.pixel_accuracy, "round": number})
            if report is not None:
                words = "  ".join(f"{name} {value:.4g}" for name, value in setting.items())
                report(f"{words}   mIoU {100 * scores.miou:.2f} ({100 * (scores.miou - plain.miou):+.2f})")

    def best() -> dict:
        winner = max(trials, key=lambda trial: trial["miou"])
        return {name: value for name, value in winner.items() if name in refine.SETTINGS}

    attempt(first, 1)
    if finer and {"bilateral_weight", "bilateral_xy", "bilateral_rgb"} <= set(best()):
        attempt(_around(best(), math.sqrt(2)), 2)
    return Search(best(), trials, plain, sum(len(labels) for _, _, labels, _ in batches))
