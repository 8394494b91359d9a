"""Boxes that may hold an object, from the picture alone: `propose(image)`. A simple stand-in for the edge boxes that DeconvNet takes (section 4.3).

In the manner of selective search (Uijlings et al., IJCV 2013): the picture falls into small even patches (Felzenszwalb, Huttenlocher, 2004); then, again and
again, the two neighbours that go together best become one, until the picture is whole. Every patch on the way has a box. The boxes are ranked by two
questions, which integral images answer in a few additions however large a box is, and by their size, without which specks would come first:

    contrast    how far the colours inside differ from those of the ring around it (Alexe, Deselaers, Ferrari, *What is an object?*, CVPR 2010, section 2.2)
    outline     which share of the edges lies along its own border: an object's outline fills its box, the windows of a wall lie within

Non-maximum suppression takes the doubles out. Nothing is learnt, no label is seen and nothing is drawn at random: one picture has one list. How good
it is, `recall` measures: `recall(datasets.load("streets", "valid", size=(128, 192)))`.
"""

import heapq
import itertools
import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from segcourse.language import josa, say

SCALE, SIGMA, SMALLEST = 50, 0.8, 20            # of the first patches: preference for large ones, blur and least area in pixels
SHORTEST = 4                                    # pixels: the shorter side of the smallest box
LARGEST = 0.5                                   # share of the picture that a box may cover
RING = 0.5                                      # width of the ring around a box, in sides
OVERLAP = 0.5                                   # of two boxes, above which the worse one goes
_LEVELS = 4                                     # of each colour channel, for the contrast
_FINE = 8                                       # and for what goes together
_LEAST = 8                                      # pixels of the shorter side of a picture that can be taken apart


def check_picture(image: Tensor) -> Tensor:
    """`image` as it is. Raises ValueError where it is no uint8 (3, H, W)."""
    if not isinstance(image, Tensor) or image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
        shown = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(say(en=f"image must be uint8 (3, H, W), not {shown}: pass one picture as a data set gives it",
                             ko=f"image는 uint8 (3, H, W)여야 하는데 {josa(shown, '이에요/예요')}. 데이터 세트가 준 이미지 1장을 넣어 주세요."))
    return image


def _check_number(number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(say(en=f"number is how many boxes you want, a whole number from 1 on, not {number!r}",
                             ko=f"number는 상자 개수라서 1 이상의 정수여야 하는데 {josa(repr(number), '이에요/예요')}. 고쳐 주세요."))


def check_numbered(dataset) -> None:
    """Raise ValueError where `dataset` does not number its objects."""
    if not callable(getattr(dataset, "instance", None)):
        raise ValueError(say(en=f"{dataset.name} does not number its objects, so that nobody can tell one from the next: use streets, or train in one stage",
                             ko=f"{dataset.name}에는 물체마다 붙인 번호가 없어서 물체를 하나씩 가려낼 수 없어요. streets를 쓰거나 한 단계로 학습해 주세요."))


def _joined(first: tuple, second: tuple) -> tuple[int, int, int, int]:
    return min(first[0], second[0]), min(first[1], second[1]), max(first[2], second[2]), max(first[3], second[3])


def _patches(image: np.ndarray) -> np.ndarray:
    """The boxes of all patches, the first ones and those that grew: int64 (n, 4)."""
    from skimage.segmentation import felzenszwalb

    height, width = image.shape[1:]
    labels = felzenszwalb(image.transpose(1, 2, 0), scale=SCALE, sigma=SIGMA, min_size=SMALLEST)
    count = int(labels.max()) + 1
    flat = labels.ravel()
    rows, columns = (part.ravel() for part in np.indices(labels.shape))
    corners = np.tile(np.array([height, width, 0, 0]), (count, 1))
    for side, places, extreme in ((0, rows, np.minimum), (1, columns, np.minimum), (2, rows + 1, np.maximum), (3, columns + 1, np.maximum)):
        extreme.at(corners[:, side], flat, places)
    levels = (image // (256 // _FINE)).reshape(3, -1)
    histograms = np.concatenate([np.bincount(flat * _FINE + plane, minlength=count * _FINE).reshape(count, _FINE) for plane in levels], 1)
    size = dict(enumerate(np.bincount(flat).tolist()))
    box = {number: tuple(corner) for number, corner in enumerate(corners.tolist())}
    colour = {number: histogram / (3 * size[number]) for number, histogram in enumerate(histograms)}
    beside: dict[int, set[int]] = {number: set() for number in range(count)}
    for one, other in ((labels[:-1], labels[1:]), (labels[:, :-1], labels[:, 1:])):
        for pair in set(zip(one[one != other].tolist(), other[one != other].tolist(), strict=True)):
            beside[pair[0]].add(pair[1])
            beside[pair[1]].add(pair[0])

    def together(a: int, b: int) -> float:
        """Three of the four terms of selective search, alike in weight: like colours, both small, and few holes in their box. The last two are the box:
        what is not small in it is hole."""
        top, left, bottom, right = _joined(box[a], box[b])
        return float(np.minimum(colour[a], colour[b]).sum()) - (bottom - top) * (right - left) / (height * width)

    found, turn, pairs = list(box.values()), itertools.count(), []

    def join(a: int, b: int) -> None:
        heapq.heappush(pairs, (-together(a, b), next(turn), a, b))          # of pairs that go together equally well the older one comes first

    for a in beside:
        for b in sorted(beside[a]):
            if a < b:
                join(a, b)
    while pairs:
        _, _, a, b = heapq.heappop(pairs)
        if a not in beside or b not in beside:          # one of the two has become a part of another patch
            continue
        new = len(found)
        size[new], box[new] = size[a] + size[b], _joined(box[a], box[b])
        colour[new] = (colour[a] * size[a] + colour[b] * size[b]) / size[new]
        beside[new] = (beside.pop(a) | beside.pop(b)) - {a, b}
        found.append(box[new])
        for other in sorted(beside[new]):
            beside[other] = beside[other] - {a, b} | {new}
            join(other, new)
    boxes = np.unique(np.array(found, np.int64), axis=0)
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes[(sides.min(1) >= SHORTEST) & (sides.prod(1) <= LARGEST * height * width)]


def _integral(plane: np.ndarray) -> np.ndarray:
    """(H, W) -> float64 (H + 1, W + 1): entry (y, x) is the sum of all above y and left of x."""
    return np.pad(plane.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))


def _sum(integral: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The sum inside each box: four look-ups."""
    top, left, bottom, right = boxes.T
    return integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _grown(boxes: np.ndarray, share: float, height: int, width: int) -> np.ndarray:
    """Boxes with `share` of their sides added on each side (negative: taken away), at least a pixel, within the picture."""
    tall = np.maximum(1, np.abs(share) * (boxes[:, 2] - boxes[:, 0])).round().astype(np.int64) * (1 if share > 0 else -1)
    wide = np.maximum(1, np.abs(share) * (boxes[:, 3] - boxes[:, 1])).round().astype(np.int64) * (1 if share > 0 else -1)
    moved = boxes + np.stack([-tall, -wide, tall, wide], 1)
    return np.stack([moved[:, 0].clip(0), moved[:, 1].clip(0), moved[:, 2].clip(max=height), moved[:, 3].clip(max=width)], 1)


def _scores(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Contrast, times outline, times the square root of the area, of each box; 0 where the picture gives it nothing."""
    height, width = image.shape[1:]
    bins = (image // (256 // _LEVELS)).astype(np.int64)
    bins = (bins[0] * _LEVELS + bins[1]) * _LEVELS + bins[2]
    smooth = image.astype(np.float64)
    smooth[:, 1:-1, 1:-1] = sum(smooth[:, 1 + dy:height - 1 + dy, 1 + dx:width - 1 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9     # noise is no edge
    edges = np.zeros((height, width))
    edges[:, 1:-1] += np.abs(smooth[:, :, 2:] - smooth[:, :, :-2]).max(0)
    edges[1:-1] += np.abs(smooth[:, 2:] - smooth[:, :-2]).max(0)
    edges = _integral(edges)

    outer, inner = _grown(boxes, RING, height, width), _grown(boxes, -0.15, height, width)
    # one colour after the other: all integral images at once would be half a gigabyte for a photo of a million pixels
    counts = np.stack([np.stack([_sum(one, boxes), _sum(one, outer)]) for one in (_integral(bins == colour) for colour in np.unique(bins))], -1)
    inside, around = counts[0], counts[1] - counts[0]
    inside, around = inside / inside.sum(1, keepdims=True), around / np.maximum(around.sum(1, keepdims=True), 1)
    contrast = ((inside - around) ** 2 / np.maximum(inside + around, 1e-9)).sum(1) / 2
    contrast[_area(outer) == _area(boxes)] = 0
    within, whole = _sum(edges, inner), _sum(edges, boxes)
    border = (whole - within) / np.maximum(_area(boxes) - _area(inner), 1)
    return contrast * border / (border + within / _area(inner) + 1e-9) * np.sqrt(_area(boxes) / (height * width))


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes (n, 4) with boxes (m, 4): float64 (n, m). Boxes are (top, left, bottom, right), half-open."""
    first, second = first.double()[:, None], second.double()[None]
    shared = (torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])).clamp(min=0).prod(2)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(2) for boxes in (first, second)]
    return shared / (areas[0] + areas[1] - shared)


def suppress(boxes: Tensor, number: int, overlap: float = OVERLAP) -> Tensor:
    """Non-maximum suppression: of boxes (n, 4), best first, the first `number` that overlap none kept before them by more than `overlap`."""
    left, kept = boxes, []
    while len(left) and len(kept) < number:
        kept.append(left[0])
        left = left[1:][overlaps(left[:1], left[1:])[0] <= overlap]
    return torch.stack(kept) if kept else boxes[:0]


def propose(image: Tensor, number: int = 50) -> Tensor:
    """At most `number` boxes that may hold an object, best first: int64 (n, 4), (top, left, bottom, right) in pixels, half-open.

    `image` is uint8 (3, H, W). A picture of one colour, or with a side below 8 pixels, gives none: (0, 4); `covering` puts the whole
    picture in front, so that prediction covers every pixel of any picture. Raises ValueError for another kind of picture or a number below 1.
    """
    check_picture(image)
    _check_number(number)
    if min(image.shape[1:]) < _LEAST:
        return torch.zeros(0, 4, dtype=torch.int64)
    picture = image.numpy(force=True)
    boxes = _patches(picture)
    scores = _scores(picture, boxes)
    order = np.argsort(-scores, kind="stable")
    return suppress(torch.from_numpy(boxes[order[scores[order] > 0]]), number)


def whole(image: Tensor) -> Tensor:
    """The box of the whole picture: int64 (1, 4)."""
    return torch.tensor([[0, 0, *image.shape[-2:]]])


def covering(image: Tensor, number: int = 50) -> Tensor:
    """The whole picture and the best number - 1 boxes: at least one box, and together they cover every pixel. Raises ValueError as `propose` does."""
    check_picture(image)
    _check_number(number)
    return torch.cat([whole(image), propose(image, number - 1)]) if number > 1 else whole(image)


def object_boxes(numbers: Tensor, smallest: int = 1) -> tuple[Tensor, Tensor]:
    """The boxes of the objects that one sees `smallest` pixels of or more, in an instance map (H, W) that holds 0 for none: (boxes int64 (n, 4),
    their numbers int64 (n,))."""
    found, kept = [], []
    for number in torch.unique(numbers).tolist():
        if number:
            rows, columns = torch.nonzero(numbers == number, as_tuple=True)
            if len(rows) >= smallest:
                found.append([int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1])
                kept.append(number)
    return torch.tensor(found, dtype=torch.int64).view(-1, 4), torch.tensor(kept, dtype=torch.int64)


def recall(dataset, numbers: Iterable[int] = (1, 10, 50), *, overlap: float = 0.5, smallest: int = 64, pictures: int | None = None, make=propose) -> dict[int, float]:
    """The share of true objects that at least one of the first n boxes overlaps by `overlap` or more, for each n of `numbers`.

    Counts the objects of which `smallest` pixels or more are seen, in the first `pictures` pictures of `dataset` (all, unless given), which must number
    its objects. make(image, number) gives the boxes. nan where there is no object at all. Raises ValueError for a data set that does not number them.
    """
    check_numbered(dataset)
    numbers, found, total = tuple(numbers), dict.fromkeys(numbers, 0), 0
    for index in range(len(dataset) if pictures is None else min(pictures, len(dataset))):
        true, _ = object_boxes(dataset.instance(index), smallest)
        boxes = make(dataset[index][0], max(numbers))
        total += len(true)
        met = overlaps(true, boxes) >= overlap
        for number in numbers:
            found[number] += int(met[:, :number].any(1).sum())
    return {number: found[number] / total if total else math.nan for number in numbers}
