"""A network's weights in a quarter of their bytes: kernels with 8 bits and one scale for each slice, for networks that come with the package."""

import torch
from torch import Tensor


def packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are kept: each kernel as int8 with NAME.scale, one number for each of its first axis; biases, norms and their statistics as float32.

    Counters are left out. `unpacked` is the way back; a number comes back within half a step, 1/254 of the largest of its slice.
    """
    kept = {}
    for name, value in state.items():
        if value.ndim > 1:
            scale = value.abs().amax(tuple(range(1, value.ndim)), keepdim=True).clamp(min=1e-12).float() / 127
            kept[name], kept[f"{name}.scale"] = (value / scale).round().to(torch.int8), scale
        elif value.is_floating_point():
            kept[name] = value.float()
    return kept


def unpacked(kept: dict[str, Tensor]) -> dict[str, Tensor]:
    """The float32 weights of what `packed` gave."""
    return {name: value * kept[f"{name}.scale"] if f"{name}.scale" in kept else value for name, value in kept.items() if not name.endswith(".scale")}
