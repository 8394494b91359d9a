"""Recall against object size: what DeconvNet's paper says a fixed receptive field costs (section 1, figure 1), in numbers.

The recall of an object is the share of its pixels that have its class. Objects are sorted by the square root of the pixels one sees of them. Each object
counts once, so that a car of 5000 pixels does not speak for 100 poles. Small things are of other classes than large ones, too: what size does alone is
seen in the objects of one class.
"""

import statistics
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segcourse.language import say
from segcourse.models import vgg

EDGES = (4, 8, 16, 32, 64)          # pixels: sizes from 4 to 8, 8 to 16 ... and from 64 on


class Seen(NamedTuple):
    """An object: its size, the square root of its pixels; the share of them that have its class; and that class."""

    size: float
    recall: float
    label: int


def of_objects(prediction: Tensor, label: Tensor, numbers: Tensor) -> list[Seen]:
    """Each object of one picture, in the order of its number.

    `prediction` and `label` are uint8 (H, W), `numbers` (H, W) holds 0 or the number of the object. Raises ValueError where the three differ in size.
    """
    if not prediction.shape == label.shape == numbers.shape:
        raise ValueError(say(en=f"prediction, label and numbers must have one size, not {tuple(prediction.shape)}, {tuple(label.shape)} and {tuple(numbers.shape)}: predict at the picture's own size",
                             ko=f"예측 {tuple(prediction.shape)}, 레이블 {tuple(label.shape)}, 물체 번호 {tuple(numbers.shape)}의 크기가 서로 달라요. 이미지 크기 그대로 예측해 주세요."))
    count = int(numbers.max()) + 1
    flat, right = numbers.flatten().long(), (prediction == label).flatten()
    pixels, hits = torch.bincount(flat, minlength=count), torch.bincount(flat[right], minlength=count)
    classes = torch.bincount(flat * 256 + label.flatten().long(), minlength=count * 256).view(count, 256).argmax(1)
    return [Seen(pixel ** 0.5, hit / pixel, kind) for pixel, hit, kind in zip(pixels[1:].tolist(), hits[1:].tolist(), classes[1:].tolist(), strict=True) if pixel]


def by_size(objects: Iterable[Seen], edges: Sequence[float] = EDGES) -> list[dict]:
    """The mean recall of the objects of each range of sizes: [{"from", "to" (None for no end), "objects", "recall" (None where there is none)}]."""
    objects = list(objects)
    ranges = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        mine = [seen.recall for seen in objects if low <= seen.size and (high is None or seen.size < high)]
        ranges.append({"from": low, "to": high, "objects": len(mine), "recall": statistics.fmean(mine) if mine else None})
    return ranges


class Recall:
    """Collects predictions: `recall(index, labels)` after each picture of `dataset`, which must number its objects; then `.table()`."""

    def __init__(self, dataset, edges: Sequence[float] = EDGES):
        self.dataset, self.edges, self.objects = dataset, edges, []

    def __call__(self, index: int, prediction: Tensor) -> None:
        self.objects += of_objects(prediction.cpu(), self.dataset[index][1], self.dataset.instance(index))

    def table(self, label: int | None = None) -> list[dict]:
        """What `by_size` makes of all pictures so far, of the objects of one class if a label is given."""
        return by_size((seen for seen in self.objects if label in (None, seen.label)), self.edges)


class FortyPixels(nn.Module):
    """VGG16 cut behind conv3_3, with scores at once: images (N, 3, H, W) -> logits (N, classes, H, W). Each cell of stride 4 sees 40x40 pixels, whatever it
    is part of; the scores are enlarged bilinearly. The network with one small receptive field that the paper argues against."""

    def __init__(self, num_classes: int, *, width: float = 1.0):
        super().__init__()
        layers = vgg.trunk_layers(width=width, batch_norm=True)
        names = [name for name, _ in layers]
        self.features = nn.Sequential(OrderedDict(layers[:names.index("relu3_3") + 1]))
        self.score = nn.Conv2d(vgg.scaled(256, width), num_classes, 1)
        vgg.he_initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(self.score(self.features(images)), size=images.shape[2:], mode="bilinear", align_corners=False)
