"""The small DeconvNet whose switches the labs of chapter 03 open: `segcourse bench switches` trains it and keeps it with the package.

A tenth of the paper's channels, fc6 of 2x2 taps instead of 7x7, trained on crops of 64x64 of drawn streets. Of a crop the code is a single place, as
in the paper; a whole street of 96x128 goes through as well and has a code of 2x3 places. Its weights are kept with 16 bits, statistics with 32.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

FORMAT = "segcourse-switches-1"
SIZE = (96, 128)
OPTIONS = {"width": 0.1, "grid": 2, "batch_norm": True}
SHOWN = (45, 61, 10, 28, 3, 52, 77, 90)          # of the test split; the first three are those of the lab of the denser map
STEPS = 700


def results() -> Path:
    """The file that comes with the package."""
    from segcourse.training import provenance

    return provenance.results_file("switches").with_suffix(".safetensors")


def experiment():
    """Chapter 01's experiment with this network, on crops of 64x64."""
    from segcourse.training import experiments

    base = experiments.get("01")
    recipe = replace(base.recipe, steps=STEPS, batch_size=16, crop=(64, 64), scale=(0.75, 1.5))
    return replace(base, slug="switches", variants=("deconvnet",), seeds=(0,), recipe=recipe, options=OPTIONS, data_options={"size": SIZE})


def halved(model: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of `model` as they are kept: kernels with 16 bits, biases, norms and their statistics with 32; counters are left out."""
    return {name: value.half() if value.ndim > 1 else value.float() for name, value in model.state_dict().items() if value.is_floating_point()}


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
    kept = halved(model)
    model.load_state_dict(kept, strict=False)
    test = what.data("test")
    with experiments._threads(experiments.THREADS):
        swapped = switch_swap.swap(model, test, seed=seed, mean_over=what.data("valid"))
        kept["mean_code"] = switch_swap.mean_code(model, what.data("valid"))
        crops = evaluate(model, test)
        where = describe(torch.device("cpu"))
    figures = {kind: {name: of[name] for name in ("miou", "boundary_iou", "pixel_accuracy")} for kind, of in swapped.items()}
    for kind, of in figures.items():
        tell(f"{kind:<16} " + "   ".join(f"{name} {100 * value:.2f}" for name, value in of.items()))
    about = {"format": FORMAT, "command": "segcourse bench switches", "commit": provenance.commit(), "device": where, "threads": experiments.THREADS,
             "versions": provenance.versions(), "seed": seed, "steps": steps or what.recipe.steps, "recipe": what.recipe.as_dict(), "network": "deconvnet",
             "options": what.options, "data": f"{what.data_name} {test.split}", "data_options": {"size": list(SIZE)}, "lengths": what.lengths, "shown": list(SHOWN),
             "fingerprint": what.fingerprint(), "pictures_digest": dense_maps.digest(test.stack(SHOWN)[0]), "swap": figures,
             "trained": {"miou": crops.miou, "boundary_iou": crops.boundary_iou} | {name: row[name] for name in ("valid_miou", "loss", "seconds")}}
    return write_tensors(path or results(), kept, about)
