"""The small trained DeconvNet that comes with the package (`segcourse bench switches`), for the labs that look into it, and the streets they show."""

import json
from functools import cache
from importlib import resources

import torch
from torch import Tensor, nn

from segcourse import datasets, models
from segcourse.models.eight_bits import unpacked

FILE = "switches.safetensors"


@cache
def _read() -> tuple[dict, dict[str, Tensor]]:
    from safetensors import safe_open

    with resources.as_file(resources.files("segcourse") / "results" / FILE) as path, safe_open(str(path), framework="pt") as file:
        told, kept = json.loads(file.metadata()["segcourse"]), {name: file.get_tensor(name) for name in file.keys()}
    return told, unpacked(kept)


def about() -> dict:
    """What the file says of itself: how the network was trained and what it scores."""
    return _read()[0]


@cache
def network() -> nn.Module:
    """The network, on the processor in evaluation mode."""
    told, weights = _read()
    model = models.create(told["network"], num_classes=11, **told["options"])
    missing = model.load_state_dict({name: value for name, value in weights.items() if name != "mean_code"}, strict=False)
    assert not missing.unexpected_keys and all(name.endswith("num_batches_tracked") for name in missing.missing_keys), missing
    return model.eval().requires_grad_(False)


def mean_code() -> Tensor:
    """The mean code of the validation pictures, (1, C, h, w)."""
    return _read()[1]["mean_code"]


@cache
def pictures():
    """The data set of which the labs show `about()["shown"]`."""
    told = about()
    name, split = told["data"].split()
    return datasets.load(name, split, size=tuple(told["data_options"]["size"]))


@cache
def shown() -> tuple[Tensor, Tensor]:
    """Images uint8 (P, 3, H, W) and labels uint8 (P, H, W) of the streets the labs show."""
    return pictures().stack(about()["shown"])


def threads(count: int = 1):
    """A with block in which torch computes with `count` threads: for small networks more would only wait for one another."""
    from contextlib import contextmanager

    @contextmanager
    def inside():
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
    return inside()
