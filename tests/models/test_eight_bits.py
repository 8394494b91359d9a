"""Weights in a quarter of their bytes come back near enough."""

import torch

from segcourse import models
from segcourse.models.eight_bits import packed, unpacked


def test_kernels_come_back_within_half_a_step():
    torch.manual_seed(0)
    state = models.create("deconvnet", num_classes=11, width=0.03, grid=2).state_dict()
    state["fc7.weight"][3] *= 100                                # a slice of its own scale must not coarsen the others
    kept = packed(state)
    back = unpacked(kept)
    assert not any(name.endswith("num_batches_tracked") for name in kept) and set(back) == {name for name in state if not name.endswith("num_batches_tracked")}
    for name, value in back.items():
        if value.ndim == 1:
            assert torch.equal(value, state[name])
        else:
            assert kept[name].dtype == torch.int8
            step = state[name].abs().amax(tuple(range(1, value.ndim)), keepdim=True) / 127
            assert ((value - state[name]).abs() <= 0.501 * step + 1e-9).all(), name
