"""Prediction as DeconvNet makes it (section 4.4): proposal by proposal, pasted into the picture and merged by the pixelwise maximum.

Each box is stretched to the network's square, its scores are stretched back to the box, and where several boxes overlap the larger score of each class wins;
the softmax comes after. `steps` shows the map after each box, `predict` the last one, and `evaluate` scores a data set. `ensemble` joins a prediction
with an FCN's, both ways that the sources describe.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segcourse.datasets import normalise
from segcourse.language import josa, say
from segcourse.training import inference, proposals
from segcourse.training.crops import size_pair, stretched
from segcourse.training.scores import Scores, total

_AT_ONCE = 16           # boxes that go through the network together


class Step(NamedTuple):
    """After a box: the box (4,), the probabilities so far float32 (C, H, W), and the pixels that a box has covered, bool (H, W)."""

    box: Tensor
    probabilities: Tensor
    covered: Tensor


def check_classes(found: int, dataset) -> None:
    """Raise ValueError where a network with `found` scores a pixel is to be scored on `dataset`, which has another number of classes."""
    if found != dataset.num_classes:
        raise ValueError(say(en=f"the network has {found} classes and {dataset.name} has {dataset.num_classes}: use a network trained for it",
                             ko=f"네트워크의 클래스는 {found}개인데 {dataset.name}의 클래스는 {dataset.num_classes}개예요. 맞는 네트워크를 써 주세요."))


def _check(image: Tensor, boxes: Tensor) -> None:
    proposals.check_picture(image)
    height, width = image.shape[1:]
    whole_numbers = isinstance(boxes, Tensor) and not (boxes.is_floating_point() or boxes.is_complex() or boxes.dtype == torch.bool)
    if not whole_numbers or boxes.ndim != 2 or boxes.shape[1] != 4:
        shown = f"{boxes.dtype} {tuple(boxes.shape)}" if isinstance(boxes, Tensor) else type(boxes).__name__
        raise ValueError(say(en=f"boxes must be a tensor of whole numbers (n, 4), top, left, bottom, right, not {shown}: pass what proposals.covering gives",
                             ko=f"boxes는 (위, 왼쪽, 아래, 오른쪽) 정수로 된 (n, 4) 텐서여야 하는데 {josa(shown, '이에요/예요')}. proposals.covering의 결과를 넣어 주세요."))
    if not len(boxes):
        raise ValueError(say(en="there is no box to predict: a picture without any proposal still has the whole picture; pass proposals.covering(image)",
                             ko="예측할 상자가 없어요. 후보 영역이 없는 이미지에도 이미지 전체라는 상자는 있으니 proposals.covering(image)를 넣어 주세요."))
    wrong = (boxes[:, :2] < 0).any(1) | (boxes[:, 2] > height) | (boxes[:, 3] > width) | (boxes[:, 2:] <= boxes[:, :2]).any(1)
    if wrong.any():
        box = tuple(boxes[wrong][0].tolist())
        raise ValueError(say(en=f"the box {box} does not lie in the picture of {height}x{width}: cut it to the picture",
                             ko=f"상자 {box}가 {height}x{width} 이미지 안에 있지 않아요. 이미지 안으로 잘라 주세요."))


def _scores(model: nn.Module, image: Tensor, boxes: Tensor, size: tuple[int, int], device) -> Iterator[Tensor]:
    """The scores of each box, float32 (C, h, w) of the box's size, on the processor."""
    for start in range(0, len(boxes), _AT_ONCE):
        some = boxes[start:start + _AT_ONCE].tolist()
        crops = torch.stack([stretched(image[:, top:bottom, left:right], size) for top, left, bottom, right in some])
        with inference._ready(model, device, "auto") as place:
            logits = model(normalise(crops.to(place)).to(next(model.parameters()).dtype)).float().cpu()
        for (top, left, bottom, right), one in zip(some, logits, strict=True):
            yield F.interpolate(one[None], size=(bottom - top, right - left), mode="bilinear", align_corners=False)[0]


def _merged(model, image, boxes, size, zeros, device) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """(box, scores so far (C, H, W), covered (H, W)) after each box; the tensors are the same ones each time."""
    _check(image, boxes)
    best, covered = None, torch.zeros(image.shape[1:], dtype=torch.bool)
    for box, scores in zip(boxes, _scores(model, image, boxes, size_pair(size), device), strict=True):
        top, left, bottom, right = box.tolist()
        if best is None:
            best = torch.full((len(scores), *image.shape[1:]), 0.0 if zeros else float("-inf"))
        place = best[:, top:bottom, left:right]
        torch.maximum(place, scores, out=place)
        covered[top:bottom, left:right] = True
        yield box, best, covered


def _probabilities(scores: Tensor, covered: Tensor) -> Tensor:
    """Softmax over the classes; where no box has been, every class is as likely as any other."""
    return torch.where(covered, scores, 0.0).softmax(0)


def steps(model: nn.Module, image: Tensor, boxes: Tensor, size, *, zeros: bool = False, device=None) -> Iterator[Step]:
    """The prediction after each box, in the order of `boxes`: a `Step` each, for an animation. Arguments and errors are those of `predict`, but boxes need
    not cover the picture."""
    for box, scores, covered in _merged(model, image, boxes, size, zeros, device):
        yield Step(box, _probabilities(scores, covered), covered.clone())


def predict(model: nn.Module, image: Tensor, boxes: Tensor, size, *, zeros: bool = False, scores: bool = False, device=None) -> Tensor:
    """Probabilities of every class at every pixel, float32 (C, H, W), from the boxes together; with `scores` what the softmax is taken of.

    `image` is uint8 (3, H, W), `boxes` int64 (n, 4) as `proposals.covering` gives them, `size` the side (or sides) of the network's square. The maximum is
    taken over the boxes that hold a pixel. The paper pads each box's map with zeros, so that no merged score is below 0: `zeros` does that. A network
    trained with cross-entropy fixes its scores up to a constant only, and what lies below 0 then says as much as the rest.

    Raises ValueError for boxes that are none, lie outside the picture, or leave pixels uncovered (with `zeros` those have equal scores).
    """
    for _, best, covered in _merged(model, image, boxes, size, zeros, device):
        pass
    if not zeros and not covered.all():
        missing = int((~covered).sum())
        raise ValueError(say(en=f"the boxes leave {missing} of {covered.numel()} pixels without a score: put the whole picture among them, as proposals.covering does",
                             ko=f"픽셀 {covered.numel()}개 가운데 {missing}개를 어느 상자도 덮지 않아요. proposals.covering처럼 이미지 전체도 상자에 넣어 주세요."))
    return best if scores else _probabilities(best, covered)


def evaluate(model: nn.Module, dataset, size, number: int = 50, *, boxes: Callable[[int, Tensor], Tensor] | None = None, device=None,
             each: Callable[[int, Tensor], None] | None = None) -> Scores:
    """Score the prediction from `number` boxes a picture, the whole picture among them, on every picture of `dataset`.

    boxes(index, image) gives other ones; each(index, labels uint8 (H, W)) is told every prediction. Raises ValueError as `predict` does, and
    for a network with another number of classes.
    """
    parts = [Scores.none(dataset.num_classes, tuple(dataset.classes))]
    for index in range(len(dataset)):
        image, label = dataset[index]
        chosen = proposals.covering(image, number) if boxes is None else boxes(index, image)
        probabilities = predict(model, image, chosen, size, device=device)
        check_classes(len(probabilities), dataset)
        winners = probabilities.argmax(0).to(torch.uint8)
        parts.append(Scores.from_labels(winners, label, dataset.num_classes, void=dataset.void, classes=tuple(dataset.classes)))
        if each is not None:
            each(index, winners)
    return total(parts)


def ensemble(first: Tensor, second: Tensor, how: str = "mean") -> Tensor:
    """DeconvNet's prediction `first` joined with an FCN's `second`, both (..., C, H, W): probabilities (..., C, H, W).

    "mean" is the paper's EDeconvNet (section 4.4): both are probabilities, and so is their mean. "product" is what the released code does instead: both are
    *scores*; DeconvNet's are multiplied by max(0, the FCN's), and the softmax is taken of that. Raises ValueError for another way, for maps of
    two sizes, and for "mean" of what are no probabilities.
    """
    if how not in ("mean", "product"):
        raise ValueError(say(en=f"how must be mean (the paper) or product (the release), not {how!r}", ko=f"how는 mean(논문)이나 product(공개 코드)여야 하는데 {josa(repr(how), '이에요/예요')}. 고쳐 주세요."))
    if first.shape != second.shape or first.ndim < 3:
        raise ValueError(say(en=f"two maps of one shape (C, H, W) are joined, not {tuple(first.shape)} and {tuple(second.shape)}: resize one to the other",
                             ko=f"모양이 같은 (C, H, W) 맵 2개를 합치는데 {tuple(first.shape)}과 {tuple(second.shape)}이에요. 크기를 맞춰 주세요."))
    if how == "product":
        return (first * second.clamp(min=0)).softmax(-3)
    for name, given in (("first", first), ("second", second)):
        if float(given.min()) < -1e-4 or float((given.sum(-3) - 1).abs().max()) > 1e-3:
            raise ValueError(say(en=f"the mean is taken of probabilities, and {name} does not add up to 1 over the classes: pass it through a softmax first, or use how='product' for scores",
                                 ko=f"평균은 확률끼리 내는데 {name}의 합이 클래스에 걸쳐 1이 아니에요. 먼저 softmax를 하거나, 점수라면 how='product'로 해 주세요."))
    return (first + second) / 2
