"""One trained network at output strides 32, 16 and 8, without another step of training: what the lab "the same weights, a denser map" draws.

`compute` works with any FCN-32s of a reader's; `make` trains the one whose maps come with the package (`segcourse bench dense-map`): a narrow
FCN-32s on streets of 128x192, the recipe of chapter 01, its enlargement kept bilinear, since that is what enlarges the denser maps too.
"""

import copy
import hashlib
import itertools
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from segcourse import models, ops
from segcourse.datasets import normalise, palettes
from segcourse.language import josa, say
from segcourse.models import dense
from segcourse.training.scores import Scores, total

FORMAT = "segcourse-dense-map-1"
STRIDES = (32, 16, 8)
SIZE = (128, 192)
SHOWN = (45, 61, 10)            # of the test split: chosen by their pictures, before any network had seen them; first the one that goes as the whole split goes
TUNED_ON = 12                   # pictures of the validation split
# What `tune` tries: corners and middle of the paper's first round (weight 5 to 10, width 50 to 100, colour 3 to 10). Its widths, and the 3 of the
# Gaussian kernel, are pixels of a picture 500 wide and are scaled to ours.
GRID = {"bilateral_weight": (5.0, 7.5, 10.0), "bilateral_xy": tuple(round(width * SIZE[1] / 500, 1) for width in (50, 75, 100)), "bilateral_rgb": (3.0, 6.0, 10.0)}
SMOOTH = {"gaussian_weight": 3.0, "gaussian_xy": round(3 * SIZE[1] / 500, 2)}


def results() -> Path:
    """The file that comes with the package."""
    from segcourse.training import provenance

    return provenance.results_file("dense-map").with_suffix(".safetensors")


def experiment():
    """Chapter 01's experiment with its FCN-32s alone, on pictures of 128x192, the enlargement frozen at bilinear interpolation."""
    from segcourse.training import experiments

    base = experiments.get("01")
    return replace(base, slug="dense-map", variants=("fcn32s",), seeds=(0,), options=base.options | {"freeze_upsampling": True},
                   data_options={"size": SIZE})


@torch.no_grad()
def multiply_adds(network: nn.Module, images: Tensor) -> int:
    """Multiply-adds of the convolutions of one pass, counted while it runs: for each output as many as its filter has weights."""
    counted = []

    def count(layer, inputs, output):
        counted.append(output.numel() * layer.weight[0].numel())

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counted)


def scorers(model: nn.Module) -> dict[int, nn.Module]:
    """Stride -> the layers of `model` up to its scores at that output stride, all with the same weights, in evaluation mode.

    Raises ValueError as `models.scorer` does, and for a network whose own output stride is not 32.
    """
    own = models.scorer(model).eval()
    found = dense.grid(own).scale
    if found != STRIDES[0]:
        raise ValueError(say(en=f"the lab starts at output stride {STRIDES[0]}, and {type(model).__name__} has {found}: use models.create('fcn32s', ...)",
                             ko=f"이 실험실은 출력 스트라이드 {STRIDES[0]}에서 시작하는데 {type(model).__name__}의 출력 스트라이드는 {josa(found, '이에요/예요')}. models.create('fcn32s', ...)를 써 주세요."))
    return {STRIDES[0]: own} | {stride: ops.make_dense(own, stride).eval() for stride in STRIDES[1:]}


@torch.no_grad()
def old_cells(model: nn.Module, images: Tensor) -> dict[int, float]:
    """Stride -> the largest difference, in float64, between the own scores of `model` and every second (16) or fourth (8) of the dense ones.

    `images` is uint8 (N, 3, H, W).
    """
    exact = scorers(copy.deepcopy(model).double().eval())
    seen = normalise(images).double()
    own = exact[STRIDES[0]](seen)
    found = {}
    for stride in STRIDES[1:]:
        step = STRIDES[0] // stride
        found[stride] = float((exact[stride](seen)[..., ::step, ::step] - own).abs().max())
    return found


def _crf(labels_of: Tensor, images: Tensor, options: dict) -> Tensor:
    return ops.dense_crf(labels_of.softmax(1), images, **options).argmax(1)


@torch.no_grad()
def compute(model: nn.Module, dataset, show=(0, 1, 2), *, crf: dict | None = None, whole: bool = False) -> dict:
    """What `labs.dense_map(maps=...)` draws of `model`, an FCN-32s, on the pictures number `show` of `dataset`.

    crf: the keywords of `ops.dense_crf` for a label map after the CRF at each stride; None leaves the lab's switch out. whole: score all of
    `dataset` at each stride as well, not only the pictures shown. The model's own enlargement is not used: every map is enlarged bilinearly.

    Returns {"images" uint8 (P, 3, H, W), "truth" uint8 (P, H, W), "scores32" float32 (P, C, h, w), "scores16", "scores8", with `crf` "crf32"
    uint8 (P, H, W), "crf16", "crf8", and "about", a dict of plain values: per stride cells, scale and shift of the grid, receptive field,
    multiply-adds and scores}. Raises ValueError as `scorers` does, and for pictures of several sizes.
    """
    was_training = model.training
    model.eval()
    try:
        return _computed(model, dataset, tuple(show), crf, whole)
    finally:
        model.train(was_training)


def _computed(model: nn.Module, dataset, show: tuple[int, ...], crf: dict | None, whole: bool) -> dict:
    if not show:
        raise ValueError(say(en="show is empty: name at least one picture by its number, as show=(0,)", ko="show가 비어 있어요. show=(0,)처럼 이미지 번호를 하나 이상 넣어 주세요."))
    images, truth = dataset.stack(show)
    size = tuple(images.shape[-2:])
    networks, first = scorers(model), normalise(images[:1]).to(next(model.parameters()))
    names = dict(void=dataset.void, classes=tuple(dataset.classes))
    maps = {"images": images, "truth": truth}
    about = {"format": FORMAT, "classes": list(dataset.classes), "palette": palettes.key(dataset.palette), "size": list(size), "shown": list(show), "pictures": len(dataset) if whole else len(show),
             "data": f"{dataset.name} {dataset.split}", "crf": crf, "strides": {}, "old_cells": {str(stride): value for stride, value in old_cells(model, images).items()}}
    for stride, network in networks.items():
        grid, field = dense.grid(network), ops.receptive_field(network, size)
        parts = {"plain": [], "crf": []}

        def scored(pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, list[Scores], list[Scores]]:
            scores = network(normalise(pictures).to(first))
            logits = dense.enlarge(scores.double(), grid, size)
            after = None if crf is None else _crf(logits.float(), pictures, crf)
            plain = [Scores.from_labels(p, t, dataset.num_classes, **names) for p, t in zip(logits.argmax(1), labels)]
            return scores, after, plain, [] if after is None else [Scores.from_labels(p, t, dataset.num_classes, **names) for p, t in zip(after, labels)]

        scores, after, *each = scored(images, truth)
        maps[f"scores{stride}"] = scores.float().cpu()
        if after is not None:
            maps[f"crf{stride}"] = after.to(torch.uint8).cpu()
        for start in range(0, len(dataset) if whole else 0, 10):
            _, _, plain, others = scored(*dataset.stack(range(start, min(start + 10, len(dataset)))))
            parts["plain"] += plain
            parts["crf"] += others
        table = {}
        for name, shown in zip(("plain", "crf"), each):
            if shown:
                table[name] = {"shown": [_figures(one) for one in shown], "all": _figures(total(parts[name] if whole else shown))}
        about["strides"][str(stride)] = {
            "cells": list(scores.shape[-2:]), "scale": float(grid.scale), "shift": float(grid.shift), "field": list(field.size_max),
            "multiply_adds": multiply_adds(network, first), "scores": table}
    return maps | {"about": about}


def _figures(scores: Scores) -> dict[str, float]:
    return {"miou": scores.miou, "boundary_iou": scores.boundary_iou}


@torch.no_grad()
def tune(model: nn.Module, dataset, pictures: int = TUNED_ON, stride: int = STRIDES[-1], report=None) -> tuple[dict, list[dict]]:
    """The CRF of largest mean IoU on the first `pictures` of `dataset` (a validation split), by trying every point of GRID at output stride `stride`.

    Returns the keywords of `ops.dense_crf` and every trial. Of equals the first wins.
    """
    model.eval()
    network = scorers(model)[stride]
    images, truth = dataset.stack(range(min(pictures, len(dataset))))
    logits = dense.enlarge(network(normalise(images).to(next(model.parameters()))), dense.grid(network), tuple(images.shape[-2:]))
    trials = []
    for values in itertools.product(*GRID.values()):
        options = dict(zip(GRID, values)) | SMOOTH
        scores = Scores.from_labels(_crf(logits, images, options), truth, dataset.num_classes, void=dataset.void)
        trials.append(options | _figures(scores))
        if report is not None:
            report("   ".join(f"{name} {value:.4g}" for name, value in trials[-1].items()))
    best = max(trials, key=lambda trial: trial["miou"])
    return {name: best[name] for name in (*GRID, *SMOOTH)}, trials


def digest(pictures: Tensor) -> str:
    """A short hash of pictures: whether the data set still draws what the maps were made of."""
    return hashlib.sha256(pictures.contiguous().numpy().tobytes()).hexdigest()[:16]


def make(path: str | Path | None = None, *, steps: int | None = None, report=None) -> Path:
    """Train the network, tune its CRF on the validation split, and write its maps on three test pictures; returns the path.

    path: None for the file of the package. steps: fewer for a trial. Of the pictures only a hash is kept, since streets are drawn again. `report` gets
    lines of text.
    """
    from segcourse.training import experiments, provenance
    from segcourse.training.checkpoints import write_tensors
    from segcourse.training.device import describe

    tell = report or (lambda line: None)
    what = experiment()
    seed = what.seeds[0]
    model, scores, row = what.run("fcn32s", seed, steps=steps)
    tell(f"fcn32s seed {seed}   miou {100 * row['miou']:.2f}   boundary_iou {100 * row['boundary_iou']:.2f}   {row['seconds']:.0f} s")
    with experiments._threads(experiments.THREADS):
        crf, trials = tune(model, what.data("valid"), report=tell)
        maps = compute(model, what.data("test"), SHOWN, crf=crf, whole=True)
        where = describe(torch.device("cpu"))
    about = maps["about"] | {
        "command": "segcourse bench dense-map", "commit": provenance.commit(), "device": where, "threads": experiments.THREADS, "versions": provenance.versions(),
        "seed": seed, "steps": steps or what.recipe.steps, "recipe": what.recipe.as_dict(), "network": "fcn32s", "options": what.options, "data_options": {"size": list(SIZE)},
        "lengths": what.lengths, "fingerprint": what.fingerprint(), "trained": {name: row[name] for name in ("miou", "boundary_iou", "valid_miou", "loss", "seconds")},
        "pictures_digest": digest(maps["images"]), "tuned": {"on": f"{what.data_name} valid", "pictures": TUNED_ON, "stride": STRIDES[-1], "trials": trials}}
    kept = {name: values for name, values in maps.items() if name.startswith(("scores", "crf"))}
    for stride, values in about["strides"].items():
        tell(f"stride {stride:>2}   {values['cells'][0]}x{values['cells'][1]} cells   {values['multiply_adds'] / 1e6:.1f} M multiply-adds   "
             + "   ".join(f"{name}: miou {100 * table['all']['miou']:.2f} boundary_iou {100 * table['all']['boundary_iou']:.2f}" for name, table in values["scores"].items()))
    return write_tensors(path or results(), kept, about)
