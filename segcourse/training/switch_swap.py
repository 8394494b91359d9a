"""The switch swap: what travels through the code of a DeconvNet or a SegNet, and what through its switches.

A network that unpools with switches sends two things from its encoder to its decoder: the code, and at each level where in its window every maximum
stood. Both can be exchanged separately. Picture B's code with picture A's switches gives one map that is scored twice, against A's labels and
against B's: whichever fits better tells what carried the picture. The papers (Noh et al., 2015, section 3; Badrinarayanan et al., 2017, section 3)
do not make this comparison.
"""

import time

import torch
from torch import Tensor, nn

from segcourse.datasets import normalise
from segcourse.language import josa, say
from segcourse.training import inference, instancewise
from segcourse.training.scores import Scores, total

# What `swap` tells, in this order. Unless a name says otherwise the switches are the picture's own and the map is scored against its own labels.
KINDS = ("own",                     # nothing exchanged: the plain prediction
         "other_code",              # code of picture B, switches of A, against A's labels: the owner of the switches
         "other_switches",          # the same maps against B's labels: the owner of the code, seen through another picture's switches
         "mean_code",               # the mean of many pictures' codes, the same for all
         "zero_code",               # a code of zeros
         "random_switches")         # own code, every maximum put back somewhere in its window


def pairs(count: int, seed: int = 0) -> list[tuple[int, int]]:
    """(A, B) for each of `count` pictures A: every picture is A once and B once, and no picture meets itself. The same for the same seed.

    Raises ValueError for fewer than two pictures.
    """
    if count < 2:
        raise ValueError(say(en=f"a swap needs two pictures or more, got {count}", ko=f"바꿔 보려면 이미지가 2장 이상 있어야 하는데 {count}장이에요. 이미지를 더 넣어 주세요."))
    ring = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    partner = dict(zip(ring, ring[1:] + ring[:1]))
    return [(a, partner[a]) for a in range(count)]


def random_switches(switches: list[Tensor], sizes: list[tuple[int, int]], seed: int = 0, *, window: int = 2) -> list[Tensor]:
    """Switches as long as `switches`, each drawn evenly from the places of its own window.

    switches: int64 (N, C, h, w) for each pooling of `window` and stride `window`, pool1 first, flat indices into the map of `sizes` (H, W) that was
    pooled. A window that stands over the rim (ceil mode) has only the places inside.
    """
    generator, found = torch.Generator().manual_seed(seed), []
    for level, (height, width) in zip(switches, sizes, strict=True):
        places = []
        for side, cells, at in ((height, level.shape[-2], (-1, 1)), (width, level.shape[-1], (1, -1))):
            first = window * torch.arange(cells)
            room = (side - first).clamp(1, window).view(at)
            places.append(first.view(at) + (torch.rand(level.shape, generator=generator) * room).long())
        found.append((places[0] * width + places[1]).to(level.device))
    return found


def check(model: nn.Module) -> None:
    """Raise ValueError unless `model` gives its code and its switches, as DeconvNet and SegNet do."""
    if not (hasattr(model, "encode") and hasattr(model, "decode")):
        raise ValueError(say(en=f"a swap needs a network with encode and decode, and {type(model).__name__} has none: use models.create('deconvnet', ...) or 'segnet'",
                             ko=f"스위치를 바꾸려면 encode와 decode가 있는 네트워크여야 하는데 {josa(type(model).__name__, '은/는')} 아니에요. "
                                "models.create('deconvnet', ...)나 'segnet'을 써 주세요."))


def _one_size(dataset) -> None:
    if getattr(dataset, "same_size", True):
        return
    first = tuple(dataset[0][0].shape[-2:])
    for number in range(1, len(dataset)):
        here = tuple(dataset[number][0].shape[-2:])
        if here != first:
            raise ValueError(say(en=f"pictures that swap switches must have one size: picture 0 is {first}, picture {number} is {here}; resize or crop them",
                                 ko=f"스위치를 바꿀 이미지는 크기가 같아야 하는데 0번은 {first}, {number}번은 {here}예요. 크기를 맞춰 주세요."))


def _seen(model: nn.Module, images: Tensor, place) -> Tensor:
    return normalise(images.to(place)).to(next(model.parameters()).dtype)


def _batches(count: int, batch_size: int):
    return (range(start, min(start + batch_size, count)) for start in range(0, count, batch_size))


def mean_code(model: nn.Module, dataset, *, device=None, batch_size: int = 8, precision: str = "auto") -> Tensor:
    """The mean over the pictures of `dataset` of their codes: (1, C, h, w), each place of the code for itself. Raises ValueError as `swap` does."""
    check(model)
    _one_size(dataset)
    if not len(dataset):
        raise ValueError(say(en="there is no picture to take the mean code of: give one or more", ko="평균 코드를 낼 이미지가 없어요. 1장 이상 넣어 주세요."))
    summed = 0
    with inference._ready(model, device, precision) as place:
        for part in _batches(len(dataset), batch_size):
            summed = summed + model.encode(_seen(model, dataset.stack(part)[0], place)).code.sum(0, keepdim=True, dtype=torch.float64)
    return (summed / len(dataset)).to(next(model.parameters()).dtype)


def scores(model: nn.Module, dataset, *, seed: int = 0, mean_over=None, device=None, batch_size: int = 8, precision: str = "auto") -> dict[str, Scores]:
    """What `swap` tells, as one `Scores` over the whole data set for each of KINDS."""
    check(model)
    _one_size(dataset)
    partner, parts = pairs(len(dataset), seed), {kind: [Scores.none(dataset.num_classes, tuple(dataset.classes))] for kind in KINDS}
    mean = mean_code(model, dataset if mean_over is None else mean_over, device=device, batch_size=batch_size, precision=precision)
    with inference._ready(model, device, precision) as place:
        for number, part in enumerate(_batches(len(dataset), batch_size)):
            images, labels = dataset.stack(part)
            others, other_labels = dataset.stack([partner[a][1] for a in part])
            mine, other = model.encode(_seen(model, images, place)), model.encode(_seen(model, others, place))
            if mean.shape[1:] != mine.code.shape[1:]:
                raise ValueError(say(en=f"the mean code is {tuple(mean.shape[1:])} and a picture's {tuple(mine.code.shape[1:])}: take the mean over pictures of the same size",
                                     ko=f"평균 코드는 {tuple(mean.shape[1:])}인데 이미지의 코드는 {tuple(mine.code.shape[1:])}이에요. 크기가 같은 이미지로 평균을 내 주세요."))
            shuffled = random_switches(mine.switches, mine.sizes, seed=seed * 100_003 + number)
            swapped = model.decode(mine._replace(code=other.code))
            instancewise.check_classes(swapped.shape[1], dataset)
            for kind, logits, truth in (
                    ("own", model.decode(mine), labels),
                    ("other_code", swapped, labels),
                    ("other_switches", swapped, other_labels),
                    ("mean_code", model.decode(mine._replace(code=mean.to(mine.code).expand_as(mine.code))), labels),
                    ("zero_code", model.decode(mine._replace(code=torch.zeros_like(mine.code))), labels),
                    ("random_switches", model.decode(mine._replace(switches=shuffled)), labels)):
                parts[kind].append(Scores.from_labels(logits.argmax(1), truth.to(place), dataset.num_classes, void=dataset.void, classes=tuple(dataset.classes)))
    return {kind: total(found) for kind, found in parts.items()}


def swap(model: nn.Module, dataset, *, seed: int = 0, mean_over=None, device=None, batch_size: int = 8, precision: str = "auto") -> dict[str, dict]:
    """Decode every picture of `dataset` with its own and with exchanged codes and switches -> {kind: plain numbers as `Scores.as_dict`}, see KINDS.

    model: a trained DeconvNet or SegNet (`models.create`); it stays as it is. seed: of the pairs and of the random switches. mean_over: the pictures
    whose mean code is taken, `dataset` itself unless given. Whose label counts is the owner of the switches except in "other_switches".
    Raises ValueError for a network without encode and decode or with another number of classes, fewer than two pictures, or pictures of several sizes.
    """
    found = scores(model, dataset, seed=seed, mean_over=mean_over, device=device, batch_size=batch_size, precision=precision)
    return {kind: of.as_dict() for kind, of in found.items()}


def rows(experiment, variant: str, seed: int, model: nn.Module) -> list[dict]:
    """Rows for the table of `experiment`: one for each of KINDS but "own", which the table has; the mean code is that of the validation split.

    None for a network without switches of its own (another unpooling, or none).
    """
    if not hasattr(model, "encode") or getattr(model, "unpool", "switches") != "switches":
        return []
    began = time.perf_counter()
    found = scores(model, experiment.data("test"), seed=seed, mean_over=experiment.data("valid"))
    seconds = round((time.perf_counter() - began) / (len(KINDS) - 1), 1)
    return [{"variant": f"{variant}_{kind}", "seed": seed, **experiment.figures(found[kind]), "seconds": seconds} for kind in KINDS if kind != "own"]
