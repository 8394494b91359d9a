"""What the lab of object proposals draws: a network's label of each box, and the map merged by the pixelwise maximum after each (Noh et al., section 4.4).

`compute` works with any network of a reader's; `make` trains the small DeconvNet of chapter 03 on proposals, in one stage, which is the better one at
so few steps, and keeps what it says (`segcourse bench proposals`).
"""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segcourse import ops
from segcourse.datasets import normalise, palettes
from segcourse.language import say
from segcourse.training import inference, instancewise, proposals
from segcourse.training.crops import stretched
from segcourse.training.scores import Scores

FORMAT = "segcourse-proposals-1"
NUMBER, SIDE = 50, 64
SHOWN = (13, 45, 27)            # pictures of the test split
STEPS = 4000


def results() -> Path:
    """The file that comes with the package."""
    from segcourse.training import provenance

    return provenance.results_file("proposals").with_suffix(".safetensors")


def _miou(labels: Tensor, truth: Tensor, dataset) -> float:
    return Scores.from_labels(labels, truth, dataset.num_classes, void=dataset.void).miou


def _so_far(labels: Tensor, covered: Tensor, truth: Tensor, dataset) -> float:
    """Mean IoU of a map that is not complete: a pixel without a label is wrong, whatever it is, and predicted as nothing."""
    counts = ops.confusion_matrix(truth[covered], labels[covered], dataset.num_classes, dataset.void)
    all_of = torch.bincount(truth[truth != dataset.void].long(), minlength=dataset.num_classes).double()
    hits = counts.diagonal().double()
    return float((hits / (all_of + counts.sum(0) - hits)).nanmean())


def compute(model: nn.Module, dataset, show=(0, 1, 2), *, number: int = NUMBER, size: int = SIDE) -> dict:
    """What `labs.proposals(maps=...)` draws of `model` on the pictures number `show` of `dataset`, each box seen at `size` x `size` pixels.

    Returns {"images" uint8 (P, 3, H, W), "truth" uint8 (P, H, W); lists of one array a picture with n boxes: "boxes" int64 (n, 4), "labels" uint8 (n, H, W),
    the merged map after each box, "crops" uint8 (n, size, size), what the network says of each box; and "about", plain values, among them "miou", of the
    merged map after each box, and "whole", of the whole picture in one pass}. Raises ValueError for no picture, one without any proposal, or a network of
    other classes.
    """
    show = tuple(show)
    if not show:
        raise ValueError(say(en="show is empty: name at least one picture by its number, as show=(0,)", ko="show가 비어 있어요. show=(0,)처럼 이미지 번호를 하나 이상 넣어 주세요."))
    images, truth = dataset.stack(show)
    found = {"boxes": [], "labels": [], "crops": []}
    miou, whole = [], []
    for which, image, label in zip(show, images, truth):
        boxes = proposals.propose(image, number)
        if not len(boxes):
            raise ValueError(say(en=f"picture {which} has no proposal: name others in show", ko=f"{which}번 이미지에는 후보 영역이 없어요. show에 다른 번호를 넣어 주세요."))
        maps, scores = [], []
        for step in instancewise.steps(model, image, boxes, size):
            instancewise.check_classes(len(step.probabilities), dataset)
            maps.append(step.probabilities.argmax(0).to(torch.uint8))
            scores.append(_so_far(maps[-1], step.covered, label, dataset))
        with inference._ready(model, None, "auto") as place:
            def labelled(pictures: Tensor) -> Tensor:
                return model(normalise(pictures.to(place)).to(next(model.parameters()).dtype)).argmax(1).to(torch.uint8).cpu()

            crops = labelled(torch.stack([stretched(image[:, top:bottom, left:right], (size, size)) for top, left, bottom, right in boxes.tolist()]))
            whole.append(_miou(labelled(image[None])[0], label, dataset))
        found["boxes"].append(boxes.numpy())
        found["labels"].append(torch.stack(maps).numpy())
        found["crops"].append(crops.numpy())
        miou.append(scores)
    about = {"format": FORMAT, "palette": palettes.key(dataset.palette), "data": f"{dataset.name} {dataset.split}", "size": list(images.shape[-2:]), "shown": list(show), "side": size, "number": number,
             "counts": [len(boxes) for boxes in found["boxes"]], "miou": miou, "whole": whole}
    return {"images": images, "truth": truth, **found, "about": about}


def train(steps: int = STEPS):
    """The network whose maps come with the package: chapter 03's, on proposals of its larger scenes. -> (model, its experiment, the test scenes)."""
    from segcourse import models
    from segcourse.training import experiments, loop, scales

    what = experiments.get("03")
    seed = what.seeds[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = models.create("deconvnet", num_classes=what.data("valid").num_classes, **what.options_of("deconvnet"))
    loop.fit(what.begin(model, seed), scales.training_set("proposals", scales.SCENES["train"]), None, replace(what.recipe, steps=steps, seed=seed), device="cpu")
    return model.eval(), what, scales.scenes("test", scales.SCENES["test"])


def make(path: str | Path | None = None, *, steps: int = STEPS, report=None) -> Path:
    """Train the network, compute its maps and write them; returns the path. Maps are deflated, pictures are drawn again. steps: fewer for a trial."""
    from segcourse.training import dense_maps, experiments, provenance
    from segcourse.training.checkpoints import write_tensors
    from segcourse.training.device import describe

    tell = report or (lambda line: None)
    with experiments._threads(experiments.THREADS):
        model, what, test = train(steps)
        maps = compute(model, test, SHOWN)
        where = describe(torch.device("cpu"))
    about = maps["about"] | {"command": "segcourse bench proposals", "commit": provenance.commit(), "device": where, "threads": experiments.THREADS,
                             "versions": provenance.versions(), "seed": what.seeds[0], "steps": steps, "fingerprint": what.fingerprint(), "pictures_digest": dense_maps.digest(maps["images"])}
    kept = {}
    for n, boxes in enumerate(maps["boxes"]):
        kept[f"boxes{n}"] = torch.from_numpy(boxes.astype(np.int16))
        for kind in ("labels", "crops"):
            kept[f"{kind}{n}"] = torch.frombuffer(bytearray(zlib.compress(maps[kind][n].tobytes(), 9)), dtype=torch.uint8)
        after = ", ".join(f"{count} boxes {100 * about['miou'][n][count - 1]:.1f}" for count in (1, 10, len(boxes)))
        tell(f"picture {about['shown'][n]:>3}   mIoU after {after}; in one pass {100 * about['whole'][n]:.1f}")
    return write_tensors(path or results(), kept, about)
