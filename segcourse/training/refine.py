"""`predict` and `evaluate` with a fully connected CRF behind the network, as DeepLab v1 uses it: its probabilities go in at the picture's size.

Without `crf` they are those of `training.inference`. A CRF is an `ops.DenseCRF`, or the keywords of `ops.dense_crf`: {} for the values released
with DeepLab v1, which were tuned to pictures of about 500 pixels; `training.crf_search` tunes them.
"""

import difflib
import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segcourse import ops
from segcourse.datasets import normalise
from segcourse.language import say
from segcourse.training import inference
from segcourse.training.scores import Scores, total

SETTINGS = tuple(name for name, parameter in inspect.signature(ops.dense_crf).parameters.items() if parameter.kind is parameter.KEYWORD_ONLY)
Crf = ops.DenseCRF | Mapping[str, object]


def check(crf: Crf) -> None:
    """Raise TypeError for what is no CRF, ValueError for a name that dense_crf does not have, with the nearest."""
    if isinstance(crf, ops.DenseCRF):
        return
    if not isinstance(crf, Mapping):
        raise TypeError(say(en=f"crf is an ops.DenseCRF or a dict of dense_crf's values, such as {{}} or {{\"bilateral_xy\": 12}}, not {crf!r}",
                            ko=f"crf에는 ops.DenseCRF나 dense_crf의 값을 담은 dict({{}}나 {{\"bilateral_xy\": 12}})를 넣어야 하는데 {crf!r}이에요. 고쳐 주세요."))
    for name in crf:
        if name not in SETTINGS:
            near = (difflib.get_close_matches(str(name), SETTINGS, n=1, cutoff=0.4) or [", ".join(SETTINGS)])[0]
            raise ValueError(say(en=f"dense_crf has no value {name!r}: try {near}", ko=f"dense_crf에 {name!r}라는 값은 없어요. {near}로 해 보세요."))


@torch.inference_mode()
def sharpened(probabilities: Tensor, images: Tensor, crf: Crf) -> Tensor:
    """`crf` on probabilities (N, C, H, W) and pictures uint8 (N, 3, H, W), where the probabilities lie and never in 16 bits. Raises ValueError for other labels."""
    if isinstance(crf, ops.DenseCRF) and crf.num_labels != probabilities.shape[1]:
        raise ValueError(say(en=f"the CRF has {crf.num_labels} labels and the network {probabilities.shape[1]} classes: make it with ops.DenseCRF({probabilities.shape[1]})",
                             ko=f"CRF의 레이블은 {crf.num_labels}개인데 네트워크의 클래스는 {probabilities.shape[1]}개예요. ops.DenseCRF({probabilities.shape[1]})로 만들어 주세요."))
    images = images.to(probabilities.device)
    with torch.autocast(probabilities.device.type, enabled=False):
        return crf.to(probabilities.device)(probabilities, images) if isinstance(crf, ops.DenseCRF) else ops.dense_crf(probabilities, images, **crf)


class _Sharpening(nn.Module):
    """A network and the CRF behind it, for one picture, however large the network sees it."""

    def __init__(self, model: nn.Module, picture: Tensor, crf: Crf):
        super().__init__()
        self.model, self.picture, self.crf = model, picture, crf
        self.training = model.training

    def forward(self, seen: Tensor) -> Tensor:
        logits = self.model(seen).float()
        size = tuple(self.picture.shape[-2:])
        if logits.shape[-2:] != size:
            logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return sharpened(logits.softmax(1), self.picture[None], self.crf)


def predict(model: nn.Module, image, device: str | torch.device | None = None, *, short_side: int | None = None, crf: Crf | None = None) -> Tensor:
    """The label of every pixel of one picture -> uint8 (H, W) on the processor, of the picture's own size.

    `image` is uint8 (3, H, W), a PIL image or a path; greyscale and transparent photos are converted (`datasets.pictures.read_photo`).
    With `short_side` the network sees the picture shrunk until its shorter side has that many pixels, the size it was trained at. With `crf` its
    probabilities, enlarged to the picture's own size, and the whole picture go through the CRF, whose widths are pixels of the picture. Raises
    ValueError for a tensor of another kind, and what the CRF raises.
    """
    if crf is None:
        return inference.predict(model, image, device, short_side=short_side)
    check(crf)
    if not isinstance(image, Tensor):
        from segcourse.datasets.pictures import read_photo

        image, _ = read_photo(Path(image) if isinstance(image, (str, os.PathLike)) else image)
    return inference.predict(_Sharpening(model, image, crf), image, device, short_side=short_side)


def evaluate(model: nn.Module, dataset, device: str | torch.device | None = None, batch_size: int = 8, precision: str = "auto", *,
             crf: Crf | None = None, **processes) -> Scores:
    """Score `model` on every picture of `dataset`: one confusion matrix over all of them, void left out of both sides.

    Runs where the model lies unless a device is named. Pictures of different sizes go one at a time. With `crf`, what the CRF makes of the network's
    probabilities is scored. `processes`: rank, world and add_up, as `inference.evaluate` has them; not with a CRF. Raises ValueError if the
    network has another number of classes, and what the CRF raises.
    """
    if crf is None:
        return inference.evaluate(model, dataset, device, batch_size, precision, **processes)
    return both(model, dataset, crf, device, batch_size, precision)[1]


def both(model: nn.Module, dataset, crf: Crf, device: str | torch.device | None = None, batch_size: int = 8, precision: str = "auto") -> tuple[Scores, Scores]:
    """(Scores without, Scores with the CRF) of one pass: the network sees every picture once."""
    check(crf)
    plain, refined = [], []
    for images, probabilities, labels, winners in probabilities_of(model, dataset, device, batch_size, precision):
        for parts, prediction in ((plain, winners), (refined, sharpened(probabilities, images, crf).argmax(1))):
            parts.append(_scores(prediction, labels, dataset))
    return total([_none(dataset), *plain]), total([_none(dataset), *refined])


def _none(dataset) -> Scores:
    return Scores.none(dataset.num_classes, tuple(dataset.classes))


def _scores(prediction: Tensor, labels: Tensor, dataset) -> Scores:
    return Scores.from_labels(prediction, labels, dataset.num_classes, void=dataset.void, classes=tuple(dataset.classes))


def probabilities_of(model: nn.Module, dataset, device=None, batch_size: int = 8, precision: str = "auto",
                     images: int | None = None) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Batch by batch, of the first `images` pictures or all: (pictures uint8, probabilities float32 (N, C, H, W), labels, the network's own winners), all
    on the device. Winners are of the logits, as `inference.evaluate` takes them. Raises ValueError if the network has another number of classes.
    """
    batch_size = batch_size if getattr(dataset, "same_size", True) else 1
    count = len(dataset) if images is None else min(images, len(dataset))
    for start in range(0, count, batch_size):
        pictures, labels = dataset.stack(range(start, min(start + batch_size, count)))
        with inference._ready(model, device, precision) as place:           # per batch: what it switches must not reach the caller
            logits = model(normalise(pictures.to(place)).to(next(model.parameters()).dtype))
            if logits.shape[1] != dataset.num_classes:
                raise ValueError(say(
                    en=f"the network has {logits.shape[1]} classes and {dataset.name} has {dataset.num_classes}: use a network trained for it",
                    ko=f"네트워크의 클래스는 {logits.shape[1]}개인데 {dataset.name}의 클래스는 {dataset.num_classes}개예요. 맞는 네트워크를 써 주세요."))
            with torch.autocast(place.type, enabled=False):
                batch = pictures.to(place), logits.float().softmax(1), labels.to(place), logits.argmax(1)
        yield batch
