"""What chapter 03 measures beside its decoders: the switch swap on its trained networks, and large and small objects (DeconvNet, sections 1 and 4.2.2).

Whole scenes are small by now, so this part has larger ones, 128x192, with objects of 3 to 100 pixels, and crops of 64 from them. One seed trains

    forty_pixels    VGG16 cut where it sees 40 pixels, on windows of the scene at its own scale: one small fixed field
    whole           DeconvNet on the whole scene, stretched to its square: one large fixed field, a single cell
    one_stage       DeconvNet on proposals and whole scenes, every step
    two_stages      DeconvNet on single objects first, then as one_stage, with as many steps altogether

and scores all four on the same test scenes, with the recall by object size in the row ("recall", see `recall.by_size`; "recall_cars", of cars alone): the first two on the scene at
once, the others proposal by proposal; one_stage_whole is one_stage on the scene at once. Batches and rates are those of the chapter's recipe; steps are twice as many,
since crops of all scales are harder to learn than whole scenes: after 300 steps one stage is at 17 mIoU on crops of validation scenes, after 600 at 23 (one seed).
"""

import functools
import time
from dataclasses import replace

import torch

from segcourse import datasets, models
from segcourse.training import crops, instancewise, loop, proposals, recall, switch_swap, two_stage
from segcourse.training.inference import evaluate
from segcourse.training.inference import predict as predict_whole

SIZE = (128, 192)
SCENES = {"train": 300, "valid": 20, "test": 50}
SIDE = 64                   # of the network's square
NUMBER = 25                 # boxes of a picture in prediction, the whole picture among them
WINDOW = (96, 96)           # of forty_pixels in training
SWAPPED = ("deconvnet", "segnet")
WITH = "deconvnet"          # the variant after which the rest is trained
WIDTH = 0.125
LONGER = 2                  # times the chapter's steps


@functools.lru_cache(maxsize=None)
def scenes(split: str, count: int):
    """The scenes of a split, in memory."""
    return datasets.hold(datasets.load("streets", split, size=SIZE, length=count))


@functools.lru_cache(maxsize=None)
def training_set(kind: str, count: int):
    """ "objects", "proposals" or "wholes" of `count` training scenes, or "looks", proposals of validation scenes, in memory; made once for all seeds."""
    made = {"objects": lambda data: crops.ObjectCrops(data, SIDE), "proposals": lambda data: crops.ProposalCrops(data, SIDE, two_stage.NUMBER),
            "looks": lambda data: crops.ProposalCrops(data, SIDE, two_stage.NUMBER), "wholes": lambda data: crops.Wholes(data, SIDE)}
    return datasets.hold(made[kind](scenes("valid" if kind == "looks" else "train", count)))


@functools.lru_cache(maxsize=None)
def _boxes(count: int, number: int) -> list:
    data = scenes("test", count)
    return [proposals.covering(data[index][0], number) for index in range(count)]


def rows(experiment, variant: str, seed: int, model, *, counts: dict[str, int] | None = None, steps: int | None = None) -> list[dict]:
    """Rows for the table of `experiment` after one of its variants has been trained with one seed. counts and steps: fewer scenes and steps, for a trial."""
    found = switch_swap.rows(experiment, variant, seed, model) if variant in SWAPPED else []
    return found + _by_scale(experiment, seed, counts or SCENES, steps) if variant == WITH else found


def _by_scale(experiment, seed: int, counts: dict[str, int], steps: int | None) -> list[dict]:
    recipe = experiment.recipe_of(WITH)
    recipe = replace(recipe, seed=seed, steps=steps or LONGER * recipe.steps, evaluate_every=LONGER * recipe.evaluate_every)
    options, test = experiment.options_of(WITH), scenes("test", counts["test"])

    def begun(network):
        return experiment.begin(network, seed, steps) if experiment.encoder else network

    def row(name: str, network, began: float, boxes=None, history=None, before: int = 0) -> dict:
        """boxes: None to show the network the scene as it is, else a function of a picture's number. before: steps that `history` does not count."""
        found = recall.Recall(test)
        if boxes is None:
            scores = evaluate(network, test, device=experiment.device)
            for index in range(len(test)):
                found(index, predict_whole(network, test[index][0]))
        else:
            scores = instancewise.evaluate(network, test, SIDE, boxes=lambda index, image: boxes(index), each=found)
        return {"variant": name, "seed": seed, **experiment.figures(scores), "recall": found.table(), "recall_cars": found.table(test.palette.names_en.index("car")), "seconds": round(time.perf_counter() - began, 1),
                **({"curve": [[before + step, score.miou] for step, score in history.scores]} if history and history.scores else {})}

    def at_once(index: int):
        return proposals.whole(test[index][0])

    def from_proposals(index: int):
        return _boxes(counts["test"], NUMBER)[index]

    lines = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        forty = recall.FortyPixels(test.num_classes, width=WIDTH)
    began = time.perf_counter()
    loop.fit(begun(forty), scenes("train", counts["train"]), None, replace(recipe, crop=WINDOW), device=experiment.device)
    lines.append(row("forty_pixels", forty, began))
    for name, kind in (("whole", "wholes"), ("one_stage", "proposals")):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = models.create("deconvnet", test.num_classes, **options)
        data = training_set(kind, counts["train"])
        began = time.perf_counter()
        history = loop.fit(begun(network), data, training_set("looks", counts["valid"]) if kind == "proposals" else None, recipe, device=experiment.device)
        lines.append(row(name, network, began, at_once if kind == "wholes" else from_proposals, history))
        if kind == "proposals":
            lines.append(row("one_stage_whole", network, time.perf_counter(), at_once))
    first, second = training_set("objects", counts["train"]), training_set("proposals", counts["train"])
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = models.create("deconvnet", test.num_classes, **options)
    network, histories = two_stage.fit("deconvnet", options, first, second, recipe, device=experiment.device, start=begun(start), valid=training_set("looks", counts["valid"]))
    lines.append(row("two_stages", network, began, from_proposals, histories[1], two_stage.recipes_of(recipe)[0].steps))
    return lines
