"""The small DeconvNet whose switches the labs of chapter 03 open: `segcourse bench switches` trains it and keeps it with the package.

Chapter 03's network, an eighth of the paper's channels and fc6 of 2x2 taps instead of 7x7, on whole drawn streets of 96x128, whose code has 2x3 places. As
there it begins with the trunk of an FCN-8s. So that the file stays small its kernels are kept with 8 bits, one scale for each slice of a kernel, and
everything measured is measured with what was kept.
"""

from dataclasses import replace
from pathlib import Path

import torch

from segcourse.language import say
from segcourse.models.eight_bits import packed, unpacked

FORMAT = "segcourse-switches-1"
SIZE = (96, 128)
SHOWN = (45, 61, 10, 28, 3, 52)          # of the test split; the first three are those of the lab of the denser map
STEPS = 400


def results() -> Path:
    """The file that comes with the package."""
    from segcourse.training import provenance

    return provenance.results_file("switches").with_suffix(".safetensors")


def experiment():
    """Chapter 03's network on larger pictures, after as many steps of chapter 01 for its trunk as chapter 01 takes."""
    from segcourse.training import experiments, recipes

    base = experiments.get("03")
    return replace(base, slug="switches", variants=("deconvnet",), seeds=(0,), recipe=replace(base.recipe, steps=STEPS), data_options={"size": SIZE},
                   encoder_recipe=recipes.get(base.encoder, data="streets"), networks={}, fresh=(), changes={}, from_nothing=(), afterwards="",
                   variant_options={name: base.variant_options[name] for name in ("deconvnet", base.encoder)})


def load(path: str | Path | None = None):
    """The network of a file that `make` wrote, that of the package unless a path is given, on the processor in evaluation mode."""
    from safetensors.torch import load_file

    from segcourse import models
    from segcourse.training.checkpoints import read_header

    path = Path(path or results())
    about = read_header(path, what=say(en="a network of the labs", ko="실험실의 네트워크"), remedy=say(en="run `segcourse bench switches`", ko="`segcourse bench switches`를 실행해 주세요"))
    model = models.create(about["network"], num_classes=11, **about["options"])
    weights = unpacked(load_file(str(path)))
    weights.pop("mean_code")
    model.load_state_dict(weights, strict=False)
    return model.eval()


def make(path: str | Path | None = None, *, steps: int | None = None, report=None) -> Path:
    """Train the network, keep it, and measure the switch swap with what was kept; returns the path.

    path: None for the file of the package. steps: fewer for a trial. `report` gets lines of text.
    """
    from segcourse.training import dense_maps, evaluate, experiments, provenance, switch_swap
    from segcourse.training.checkpoints import write_tensors
    from segcourse.training.device import describe

    tell = report or (lambda line: None)
    what = experiment()
    seed = what.seeds[0]
    model, _, row = what.run("deconvnet", seed, steps=steps)
    tell(f"deconvnet seed {seed}   miou {100 * row['miou']:.2f}   boundary_iou {100 * row['boundary_iou']:.2f}   {row['seconds']:.0f} s")
    kept = packed(model.state_dict())
    model.load_state_dict(unpacked(kept), strict=False)
    test = what.data("test")
    with experiments._threads(experiments.THREADS):
        swapped = switch_swap.swap(model, test, seed=seed, mean_over=what.data("valid"))
        kept["mean_code"] = switch_swap.mean_code(model, what.data("valid"))
        scores = evaluate(model, test)
        where = describe(torch.device("cpu"))
    figures = {kind: {name: of[name] for name in ("miou", "boundary_iou", "pixel_accuracy")} for kind, of in swapped.items()}
    for kind, of in figures.items():
        tell(f"{kind:<16} " + "   ".join(f"{name} {100 * value:.2f}" for name, value in of.items()))
    about = {"format": FORMAT, "command": "segcourse bench switches", "commit": provenance.commit(), "device": where, "threads": experiments.THREADS,
             "versions": provenance.versions(), "seed": seed, "steps": steps or what.recipe.steps, "recipe": what.recipe.as_dict(), "network": "deconvnet",
             "options": what.options_of("deconvnet"), "data": f"{what.data_name} {test.split}", "data_options": {"size": list(SIZE)}, "lengths": what.lengths, "shown": list(SHOWN),
             "fingerprint": what.fingerprint(), "pictures_digest": dense_maps.digest(test.stack(SHOWN)[0]), "swap": figures,
             "trained": {"miou": scores.miou, "boundary_iou": scores.boundary_iou, "float_miou": row["miou"]} | {name: row[name] for name in ("valid_miou", "loss", "seconds")}}
    return write_tensors(path or results(), kept, about)
