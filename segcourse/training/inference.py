"""Using a trained network: `predict` labels a picture, `evaluate` scores a data set."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segcourse.datasets import normalise
from segcourse.language import say
from segcourse.training import device as devices
from segcourse.training.scores import Scores, total


@contextlib.contextmanager
def _ready(model: nn.Module, device, precision: str):
    """The model on its device in eval mode without gradients, at the recipe's precision; yields the device, restores the mode."""
    place = next(model.parameters()).device if device is None else devices.choose(device)
    model.to(place, memory_format=torch.channels_last if place.type == "cuda" else torch.preserve_format)
    was_training = model.training
    model.eval()
    word = devices.precision_for(place, precision)
    half = contextlib.nullcontext() if word == "32-true" else torch.autocast(
        place.type, dtype=torch.bfloat16 if word == "bf16-mixed" else torch.float16)
    try:
        # the same algorithms every time, so that a checkpoint scores again as it did
        with torch.inference_mode(), half, torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield place
    finally:
        model.train(was_training)


def evaluate(model: nn.Module, dataset, device: str | torch.device | None = None, batch_size: int = 8, precision: str = "auto", *,
             rank: int = 0, world: int = 1, add_up: Callable[[Tensor], Tensor] | None = None) -> Scores:
    """Score `model` on every picture of `dataset`: one confusion matrix over all of them, void left out of both sides.

    Runs where the model lies unless a device is named. Of several processes the one with `rank` scores every `world`-th batch, and `add_up`
    adds their counts. Pictures of different sizes go one at a time. Raises ValueError if the network has another number of classes.
    """
    batch_size = batch_size if getattr(dataset, "same_size", True) else 1
    parts = [Scores.none(dataset.num_classes, tuple(dataset.classes))]
    with _ready(model, device, precision) as place:
        dtype = next(model.parameters()).dtype
        for start in range(rank * batch_size, len(dataset), world * batch_size):
            images, labels = dataset.stack(range(start, min(start + batch_size, len(dataset))))
            logits = model(normalise(images.to(place)).to(dtype))
            if logits.shape[1] != dataset.num_classes:
                raise ValueError(say(
                    en=f"the network has {logits.shape[1]} classes and {dataset.name} has {dataset.num_classes}: use a network trained for it",
                    ko=f"네트워크의 클래스는 {logits.shape[1]}개인데 {dataset.name}의 클래스는 {dataset.num_classes}개예요. 맞는 네트워크를 써 주세요."))
            parts.append(Scores.from_labels(logits.argmax(1), labels.to(place), dataset.num_classes, void=dataset.void, classes=tuple(dataset.classes)))
    scores = total(parts)
    return scores if add_up is None else scores.mapped(lambda counts: add_up(counts.to(place)).cpu())


def _argmax_at(logits: Tensor, height: int, width: int) -> Tensor:
    """(1, C, h, w) logits -> uint8 (height, width): the winner after bilinear enlargement, one class at a time to keep big photos small."""
    if logits.shape[-2:] == (height, width):
        return logits[0].argmax(0).to(torch.uint8)
    best = torch.full((height, width), float("-inf"), device=logits.device)
    winner = torch.zeros((height, width), dtype=torch.uint8, device=logits.device)
    for number, plane in enumerate(logits[0].float()):
        plane = F.interpolate(plane[None, None], size=(height, width), mode="bilinear", align_corners=False)[0, 0]
        winner = torch.where(plane > best, number, winner)
        best = torch.maximum(best, plane)
    return winner


def predict(model: nn.Module, image, device: str | torch.device | None = None, *, short_side: int | None = None) -> Tensor:
    """The label of every pixel of one picture -> uint8 (H, W) on the processor, of the picture's own size.

    `image` is uint8 (3, H, W), a PIL image or a path; greyscale and transparent photos are converted (`datasets.pictures.read_photo`).
    With `short_side` the network sees the picture shrunk until its shorter side has that many pixels, the size it was trained at.
    """
    if isinstance(image, Tensor):
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
            raise ValueError(say(en=f"a picture is uint8 (3, H, W), not {image.dtype} {tuple(image.shape)}: pass one picture as a data set gives it",
                                 ko=f"이미지는 uint8 (3, H, W)여야 하는데 {image.dtype} {tuple(image.shape)}이에요. 데이터 세트가 준 이미지 1장을 넣어 주세요."))
        picture = image
    else:
        from segcourse.datasets.pictures import read_photo

        picture, _ = read_photo(Path(image) if isinstance(image, (str, os.PathLike)) else image)
    height, width = picture.shape[-2:]
    with _ready(model, device, "auto") as place:
        seen = normalise(picture.to(place))[None]
        if short_side and short_side < min(height, width):
            factor = short_side / min(height, width)
            smaller = (max(1, round(height * factor)), max(1, round(width * factor)))
            seen = F.interpolate(seen, size=smaller, mode="bilinear", align_corners=False, antialias=True)
        return _argmax_at(model(seen), height, width).cpu()
