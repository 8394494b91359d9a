"""DeconvNet's two training sets (section 4.2.2): single objects first, then whatever a proposal holds.

    ObjectCrops     stage 1: a crop centred on one object, and only that object labelled: few ways to look, the network learns what a class is
    ProposalCrops   stage 2: the crops of proposals that overlap an object, with everything in them labelled

Both give (image uint8 (3, size, size), label uint8 (size, size)) and serve as data sets of `training.fit`. A box is stretched to the square, whatever its
shape, as the paper does: images bilinearly, labels by the pixel under each centre.

*Background.* In PASCAL VOC what is no object is labelled background. On streets every pixel has a class, and a sky that is right in stage 2 must not be
wrong in stage 1. So stage 1 has a class of its own, "background", the last one: everything but the object in the middle, other objects too. Void stays
void. A network for stage 1 has one score more, which `two_stage` drops before stage 2.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse.datasets import IMAGENET_MEAN
from segcourse.datasets.base import Dataset
from segcourse.language import josa, say
from segcourse.training import proposals

EXTENDED = 1.2              # an object's box, in its own sides
NARROWEST = 8               # pixels: a pole's box is widened to this, or its crop would be a few columns stretched
SEEN = 36                   # pixels of an object below which it makes no crop
OVERLAP = 0.5               # with an object, from which on a proposal is used


def cut(planes: Tensor, box, fill) -> Tensor:
    """The pixels of `box` (top, left, bottom, right) in (..., H, W); outside the picture `fill`, a number or one number a plane."""
    top, left, bottom, right = (int(side) for side in box)
    height, width = planes.shape[-2:]
    out = torch.empty(*planes.shape[:-2], bottom - top, right - left, dtype=planes.dtype)
    out[:] = torch.as_tensor(fill, dtype=planes.dtype).view(-1, 1, 1) if planes.ndim == 3 else fill
    t, l, b, r = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    if t < b and l < r:
        out[..., t - top:b - top, l - left:r - left] = planes[..., t:b, l:r]
    return out


def stretched(image: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (3, h, w) -> uint8 (3, *size), bilinear with antialiasing: what networks see of a box, in training and in prediction."""
    return F.interpolate(image[None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)[0].round().clamp(0, 255).to(torch.uint8)


def stretched_label(label: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (h, w) -> uint8 size, the pixel under each centre: a mixture of two labels would be a third."""
    return F.interpolate(label[None, None].float(), size=size, mode="nearest-exact")[0, 0].to(torch.uint8)


def extend(box, factor: float = EXTENDED, narrowest: int = NARROWEST) -> tuple[int, int, int, int]:
    """`box` with sides of `factor` times their length, and at least `narrowest`, about the same centre (to half a pixel); it may leave the picture."""
    found = []
    for low, high in ((int(box[0]), int(box[2])), (int(box[1]), int(box[3]))):
        side = max(round(factor * (high - low)), narrowest)
        start = round((low + high - side) / 2)
        found.append((start, start + side))
    return found[0][0], found[1][0], found[0][1], found[1][1]


def size_pair(size) -> tuple[int, int]:
    """64 or (64, 64) -> (64, 64). Raises ValueError for anything else."""
    pair = (size, size) if isinstance(size, int) else size
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(side, int) and not isinstance(side, bool) and side >= 1 for side in pair)):
        raise ValueError(say(en=f"size is the side of a crop in pixels, as 64 or (64, 64), not {size!r}", ko=f"size는 64나 (64, 64)처럼 크롭의 크기(픽셀)여야 하는데 {josa(repr(size), '이에요/예요')}. 고쳐 주세요."))
    return pair[0], pair[1]


class Crops(Dataset):
    """What the sets share: `boxes`, a list of (picture, box, number of the object or 0), cut and stretched when asked for. Labels are the data set's own."""

    def __init__(self, dataset, size, kind: str):
        super().__init__(name=f"{dataset.name} {kind}", split=dataset.split, palette=dataset.palette)
        self.classes, self.num_classes, self.void = dataset.classes, dataset.num_classes, dataset.void
        self.dataset, self.size = dataset, size_pair(size)
        self.boxes: list[tuple[int, tuple[int, int, int, int], int]] = []

    def _need_some(self):
        if not self.boxes:
            raise ValueError(say(en=f"none of the {len(self.dataset)} pictures of {self.dataset.name} gives a crop: use more pictures, or larger ones",
                                 ko=f"{self.dataset.name}의 이미지 {len(self.dataset)}장에서 크롭이 하나도 나오지 않았어요. 이미지를 늘리거나 더 큰 이미지를 써 주세요."))

    def __len__(self) -> int:
        return len(self.boxes)

    def _pair(self, index: int) -> tuple[Tensor, Tensor]:
        picture, box, _ = self.boxes[index]
        image, label = self.dataset[picture]
        mean = [round(255 * part) for part in IMAGENET_MEAN]
        return stretched(cut(image, box, mean), self.size), cut(label, box, self.dataset.void)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self._pair(self.check_index(index))
        return image, stretched_label(label, self.size)


class ObjectCrops(Crops):
    """Stage 1: each object of `dataset` in the middle of its own crop, its box extended 1.2 times; the object has its class, the rest is "background".

    `dataset` must have `.instance(i)`; objects of which fewer than 36 pixels are seen make no crop. `num_classes` is one more than the data set's and
    `void` one more than that. Outside the picture the image has ImageNet's mean colour and the label is void. Raises ValueError for a data set
    that does not number its objects, or in which there are none.
    """

    def __init__(self, dataset, size, *, smallest: int = SEEN):
        proposals.check_numbered(dataset)
        super().__init__(dataset, size, "objects")
        self.classes = (*dataset.classes, "background")
        self.background, self.num_classes, self.void = dataset.num_classes, dataset.num_classes + 1, dataset.num_classes + 1
        self._numbers: tuple[int, Tensor] | None = None
        for picture in range(len(dataset)):
            for box, number in zip(*proposals.object_boxes(dataset.instance(picture), smallest), strict=True):
                self.boxes.append((picture, extend(box), int(number)))
        self._need_some()

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        index = self.check_index(index)
        image, label = self._pair(index)
        picture, box, number = self.boxes[index]
        if self._numbers is None or self._numbers[0] != picture:          # neighbours in the list share a picture
            self._numbers = picture, self.dataset.instance(picture)
        own = cut(self._numbers[1], box, 0) == number
        alone = torch.where(own, label, self.background)
        alone[label == self.dataset.void] = self.void
        return image, stretched_label(alone, self.size)


class ProposalCrops(Crops):
    """Stage 2: of the best `number` proposals of each picture those that overlap an object with an IoU of at least 0.5, everything labelled.

    Sky and road have no object for a proposal to overlap, and prediction needs them: so the whole picture is one more crop of each picture unless `whole`
    is False. Proposing takes its time: each(index) is told every picture that is done. Raises ValueError as `ObjectCrops` does.
    """

    def __init__(self, dataset, size, number: int = 50, *, whole: bool = True, smallest: int = SEEN, each: Callable[[int], None] | None = None):
        proposals.check_numbered(dataset)
        super().__init__(dataset, size, "proposals")
        for picture in range(len(dataset)):
            image = dataset[picture][0]
            true, _ = proposals.object_boxes(dataset.instance(picture), smallest)
            boxes = proposals.propose(image, number)
            met = boxes[(proposals.overlaps(boxes, true) >= OVERLAP).any(1)]
            chosen = [*(proposals.whole(image) if whole else ()), *met]
            self.boxes.extend((picture, tuple(box.tolist()), 0) for box in chosen)
            if each is not None:
                each(picture)
        self._need_some()


class Wholes(Crops):
    """Whole pictures, stretched to `size`: what a network with one fixed field is shown. No object is asked for."""

    def __init__(self, dataset, size):
        super().__init__(dataset, size, "wholes")
        self.boxes = [(picture, tuple(proposals.whole(dataset[picture][0])[0].tolist()), 0) for picture in range(len(dataset))]
