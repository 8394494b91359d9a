"""The pipeline for data too large to hold on the device: worker processes read files, scale, crop, mirror and recolour them, ahead of the training.

It does what `segcourse.training.augment` does on the device, with torchvision's transforms. Everything random depends on the recipe's seed and on
the position of a picture in the run, step * batch_size + its place in the batch, and on nothing else: the batches are the same for any number of
worker processes, for any number of ranks that share them, and for a run that goes on from its middle.
"""

import hashlib
import math
import os
import signal
import time
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from segcourse.datasets import IMAGENET_MEAN, normalise
from segcourse.language import current, reading, say
from segcourse.training.order import Order, seed_of
from segcourse.training.recipes import Recipe

_MOST = 8       # worker processes, unless the caller asks for more


class ScaleEvenly(v2.Transform):
    """Resize image and label by one factor, drawn evenly on a log scale from `low` to `high`.

    The image by bilinear interpolation with antialiasing, the label by "nearest-exact", the pixel under each centre: torch's "nearest" takes the
    one under each corner, and v2.Resize uses it for every mask, so that the label would be up to half a pixel off its image.
    """

    def __init__(self, low: float, high: float):
        super().__init__()
        self.low, self.high = low, high

    def make_params(self, flat_inputs) -> dict:
        """The new (height, width)."""
        height, width = flat_inputs[0].shape[-2:]
        factor = math.exp(float(torch.empty(()).uniform_(math.log(self.low), math.log(self.high))))
        return {"size": [max(round(height * factor), 1), max(round(width * factor), 1)]}

    def transform(self, inpt, params):
        """The resized image or label, of the same type."""
        if isinstance(inpt, tv_tensors.Mask):
            plain = inpt.as_subclass(Tensor).unsqueeze(0)
            return tv_tensors.wrap(v2.functional.resize(plain, params["size"], v2.InterpolationMode.NEAREST_EXACT).squeeze(0), like=inpt)
        return v2.functional.resize(inpt, params["size"], v2.InterpolationMode.BILINEAR, antialias=True)


def transforms(recipe: Recipe, crop: tuple[int, int] | None, void: int) -> v2.Compose:
    """What happens to a picture and its label: scale, crop to `crop` (h, w), mirror, recolour, as `recipe` says; each step only where it is asked for.

    Outside the picture the image is ImageNet's mean colour, to the nearest of 256 levels, and the label void.
    """
    steps: list[v2.Transform] = []
    if recipe.scale:
        steps.append(ScaleEvenly(*recipe.scale))
    if crop:
        mean = [round(255 * part) for part in IMAGENET_MEAN]
        steps.append(v2.RandomCrop(crop, pad_if_needed=True, fill={tv_tensors.Image: mean, tv_tensors.Mask: void}))
    if recipe.flip:
        steps.append(v2.RandomHorizontalFlip(0.5))
    if recipe.colour:
        steps.append(v2.ColorJitter(brightness=recipe.colour, contrast=recipe.colour))
    return v2.Compose(steps or [v2.Identity()])


class _Pictures(torch.utils.data.Dataset):
    """The pictures of a run by position; what a worker process has a copy of."""

    def __init__(self, dataset, recipe: Recipe, crop: tuple[int, int] | None):
        self.dataset, self.seed, self.language = dataset, recipe.seed, current()
        self.order = Order(len(dataset), recipe.seed)
        self.change = transforms(recipe, crop, dataset.void)

    def __len__(self) -> int:
        return len(self.dataset)

    def _read(self, index: int) -> tuple[Tensor, Tensor] | Exception:
        """A picture, or the data set's error: raised in a worker, it would reach the reader as the worker's traceback."""
        with reading(self.language):
            try:
                return self.dataset[index]
            except (ValueError, OSError) as error:
                return error.with_traceback(None)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor] | Exception:
        pair = self._read(self.order[position])
        if isinstance(pair, Exception):
            return pair
        with torch.random.fork_rng(devices=[]):           # torchvision draws from the processor's generator
            torch.default_generator.manual_seed(seed_of(self.seed, "augment", position))
            image, label = self.change(tv_tensors.Image(pair[0]), tv_tensors.Mask(pair[1]))
        return image.as_subclass(Tensor), label.as_subclass(Tensor)


class _Labels(_Pictures):
    """The labels alone, by index, unchanged."""

    def __getitem__(self, index: int) -> Tensor | Exception:
        pair = self._read(index)
        return pair if isinstance(pair, Exception) else pair[1]


class _Positions:
    """For each step from `first` on, the positions of this rank's share of its batch."""

    def __init__(self, recipe: Recipe, rank: int, world: int, first: int = 0):
        self.size, self.steps, self.first = recipe.batch_size, recipe.steps, first
        self.share = range(-(-rank * self.size // world), -(-(rank + 1) * self.size // world))

    def __iter__(self) -> Iterator[list[int]]:
        return ([step * self.size + place for place in self.share] for step in range(self.first, self.steps))

    def __len__(self) -> int:
        return max(self.steps - self.first, 0)


def _together(pairs: list) -> tuple[Tensor, Tensor] | Exception:
    """Images uint8 (n, 3, h, w) and labels uint8 (n, h, w), or the first error among them."""
    broken = next((pair for pair in pairs if isinstance(pair, Exception)), None)
    return broken if broken is not None else tuple(torch.stack(part) for part in zip(*pairs, strict=True))


def _as_it_is(item):
    return item


def _without_errors(loader: DataLoader) -> Iterator:
    """What comes from the loader, up to an error, which is raised."""
    for came in loader:
        if isinstance(came, Exception):
            raise came
        yield came


def sensible_workers(world: int = 1) -> int:
    """How many worker processes each of `world` ranks of this computer should have: its share of the cores, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores // world, _MOST)


def _deaf(_number: int) -> None:
    """Leave Ctrl-C and SIGTERM to the process that trains: it ends its workers when it has kept its state."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Workers:
    """The batches of a run, read and augmented by worker processes.

    count: pictures of the split; waited: seconds spent waiting for the next batch so far, which is what more workers would save.

    `dataset` gives (image uint8 (3, H, W), label uint8 (H, W)) and must be picklable; `rank` of `world` processes gets pictures j of each batch
    with rank * batch_size / world <= j < (rank + 1) * batch_size / world. `workers` 0 reads in this process; `start` is multiprocessing's start
    method, the system's own unless given. Raises ValueError where the pictures differ in size and the recipe has no crop, or where a rank
    would get nothing; while batches are taken, whatever the data set raises on a damaged file, as if it were read here.
    """

    def __init__(self, dataset, recipe: Recipe, device: str | torch.device, *, rank: int = 0, world: int = 1, workers: int | None = None,
                 start: str | None = None):
        if recipe.crop is None and not getattr(dataset, "same_size", True):
            raise ValueError(say(en=f"the pictures of {dataset.name} differ in size and the recipe has no crop: give it one, as crop=(320, 320)",
                                 ko=f"{dataset.name}의 이미지는 크기가 서로 다른데 학습 조건에 crop이 없어요. crop=(320, 320)처럼 정해 주세요."))
        if not 0 <= rank < world <= recipe.batch_size:
            raise ValueError(say(en=f"rank {rank} of {world} cannot have a share of a batch of {recipe.batch_size}: use fewer processes or a larger batch",
                                 ko=f"배치가 {recipe.batch_size}장인데 프로세스 {world}개 가운데 {rank}번의 몫이 없어요. 프로세스를 줄이거나 배치를 키워 주세요."))
        self.dataset, self.recipe, self.device = dataset, recipe, torch.device(device)
        self.count, self.waited = len(dataset), 0.0
        if not self.count:
            raise ValueError(say(en=f"{dataset.name} has no pictures: check its folder", ko=f"{dataset.name}에 이미지가 없어요. 폴더를 확인해 주세요."))
        self._crop = recipe.crop or (tuple(dataset[0][0].shape[-2:]) if recipe.scale else None)
        self._rank, self._world = rank, world
        self._number = sensible_workers(world) if workers is None else workers
        self._start = start if self._number else None

    def _loader(self, pictures: _Pictures, **options) -> DataLoader:
        # One pass of the loader is the whole run, so its workers live as long, and end with it: "persistent" ones would outlive an error until the
        # garbage collector finds them. A generator of its own: it draws a seed for the workers, which use none.
        return DataLoader(pictures, num_workers=self._number, pin_memory=self.device.type == "cuda", multiprocessing_context=self._start,
                          generator=torch.Generator(), worker_init_fn=_deaf, **options)

    def labels(self) -> Iterator[Tensor]:
        """Every label once, uint8 (H, W), in the data set's order: for class weights."""
        yield from _without_errors(self._loader(_Labels(self.dataset, self.recipe, self._crop), batch_size=None, collate_fn=_as_it_is))

    def fingerprint(self) -> str:
        """A hash of the split, its number of pictures and the names of their files: a run must go on with the data it began with. No file is read."""
        digest, files = hashlib.blake2b(digest_size=8), getattr(self.dataset, "images", ())
        names = [path.name for path in files] if isinstance(files, list) else []
        for text in (self.dataset.name, self.dataset.split, str(self.count), *names):
            digest.update(text.encode() + b"\0")
        return digest.hexdigest()

    def batches(self, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """For each step from `first` (0 is the run's first) to the last: this rank's share, images normalised float32 (n, 3, h, w) and labels
        uint8 (n, h, w), on the device."""
        pictures, positions = _Pictures(self.dataset, self.recipe, self._crop), _Positions(self.recipe, self._rank, self._world, first)
        loader = self._loader(pictures, batch_sampler=positions, collate_fn=_together)
        began, copied_in_the_background = time.perf_counter(), self.device.type == "cuda"
        for batch in _without_errors(loader):
            self.waited += time.perf_counter() - began
            images, labels = (part.to(self.device, non_blocking=copied_in_the_background) for part in batch)
            yield normalise(images), labels
            began = time.perf_counter()
