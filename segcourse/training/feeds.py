"""Where a run's batches come from: `Held`, a whole split on the device as uint8, or `workers.Workers`, files read ahead by other processes.

A feed gives this process's share of every batch, and says how long the run has waited for it.
"""

import hashlib
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from segcourse.datasets import normalise
from segcourse.language import josa, say
from segcourse.training import augment
from segcourse.training.device import moved
from segcourse.training.order import Order, generator
from segcourse.training.recipes import Recipe


def check_labels(labels: Tensor, dataset) -> None:
    """Raise ValueError if a label of `dataset` is neither a class nor void: on a GPU it would end as a failure without a name."""
    wrong = (labels >= dataset.num_classes) & (labels != dataset.void)
    if wrong.any():
        value, where = int(labels[wrong][0]), int(wrong.flatten(1).any(1).nonzero()[0])
        raise ValueError(say(en=f"picture {where} of {dataset.name} holds the label {value}, but with {dataset.num_classes} classes a label is 0 to "
                                f"{dataset.num_classes - 1}, or {dataset.void} for void: correct it",
                             ko=f"{dataset.name}의 {where}번째 이미지에 레이블 {josa(value, '이/가')} 있어요. 클래스가 {dataset.num_classes}개면 0부터 "
                                f"{dataset.num_classes - 1}까지이고 무시 레이블은 {josa(dataset.void, '이에요/예요')}. 고쳐 주세요."))


class Held:
    """All pictures of `dataset` on `place` as uint8, and their batches cut and augmented there: after the first copy no step waits for data.

    count: pictures of the split; waited: seconds that making the batches has taken. Raises ValueError for a label that is no class.
    """

    def __init__(self, dataset, recipe: Recipe, place: torch.device, *, rank: int = 0, world: int = 1):
        images, labels = dataset.stack()
        check_labels(labels, dataset)
        self.images, self._labels, self.void = images.to(place), labels.to(place), dataset.void
        self.recipe, self.place, self.count, self.waited = recipe, place, len(images), 0.0
        self._fingerprint = ""
        share = recipe.batch_size // world
        self.mine = slice(rank * share, (rank + 1) * share)

    def labels(self) -> Tensor:
        """uint8 (N, H, W): every label, for class weights."""
        return self._labels

    def fingerprint(self) -> str:
        """A hash of every picture and label: a run must go on with the data it began with."""
        if not self._fingerprint:
            digest = hashlib.blake2b(digest_size=8)
            for part in (self.images, self._labels):
                digest.update(part.cpu().contiguous().numpy())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def batches(self, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """For each step from `first` (0 is the run's first): normalised float32 images (n, 3, h, w) and uint8 labels (n, h, w)."""
        recipe, order = self.recipe, Order(self.count, self.recipe.seed)
        for step in range(first, recipe.steps):
            began = time.perf_counter()
            chosen = moved(order.take(step * recipe.batch_size, recipe.batch_size)[self.mine], self.place)
            draws = augment.draw(recipe.batch_size, tuple(self.images.shape[-2:]), recipe, generator(recipe.seed, "augment", step))
            draws = draws[self.mine].mapped(lambda values: moved(values, self.place))
            images, labels = augment.apply(normalise(self.images[chosen]), self._labels[chosen], draws, void=self.void)
            self.waited += time.perf_counter() - began
            yield images, labels


def feed(dataset, recipe: Recipe, place: torch.device, *, rank: int = 0, world: int = 1):
    """The feed that fits `dataset`: held on the device where its pictures have one size, read by worker processes otherwise (VOC)."""
    if getattr(dataset, "same_size", True):
        return Held(dataset, recipe, place, rank=rank, world=world)
    from segcourse.training.workers import Workers

    return Workers(dataset, recipe, place, rank=rank, world=world)
