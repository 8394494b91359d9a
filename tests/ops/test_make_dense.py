"""make_dense: every s-th cell of the dense map is a cell of the strided one, at any size and however pools round; what it refuses.

Equality is asked to 1e-10 of the map's largest value in float64: the sums have the same terms, in another order at most.
"""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segcourse import models, ops

THIN = 1 / 32
SCORERS = {"fcn32s, same": ("fcn32s", {"padding": "same"}), "fcn32s, 100": ("fcn32s", {"padding": 100}), "fcn_alexnet, same": ("fcn_alexnet", {"padding": "same"}),
           "fcn_alexnet, 100": ("fcn_alexnet", {"padding": 100}), "deeplab_v1": ("deeplab_v1", {"batch_norm": True}), "pixelnet": ("pixelnet", {})}


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def filled(module):
    """In float64 and evaluation mode, with weights everywhere: score layers and biases begin as zero, running statistics as 0 and 1."""
    for number, (name, value) in enumerate([*module.named_parameters(), *module.named_buffers()]):
        with torch.no_grad():
            if value.is_floating_point() and (name.endswith(("bias", "running_mean")) or not value.any()):
                value.copy_(0.3 * numbers(*value.shape, seed=number))
            elif name.endswith("running_var"):
                value.copy_(0.5 + numbers(*value.shape, seed=number).abs())
    return module.double().eval()


def scorer(what):
    name, options = SCORERS[what]
    torch.manual_seed(0)
    return models.scorer(filled(models.create(name, 3, width=THIN, **options)))


def check(layers, output_stride, *sizes):
    """The dense copy's cells are the strided net's, shape for shape; returns how many cells apart they lie."""
    dense = ops.make_dense(layers, output_stride)
    for size in sizes:
        images = numbers(1, 3, *size)
        with torch.no_grad():
            strided, map_ = layers(images), dense(images)
        step = models.dense.grid(layers).scale / models.dense.grid(dense).scale
        assert step.denominator == 1 and torch.isfinite(map_).all(), size
        again = map_[:, :, ::int(step), ::int(step)]
        assert again.shape == strided.shape, (size, again.shape, strided.shape)
        assert (again - strided).abs().max() <= 1e-10 * strided.abs().max(), size
    return int(step)


@pytest.mark.parametrize("what", SCORERS)
def test_every_step_th_cell_is_the_strided_networks(what):
    layers = scorer(what)
    total = int(models.dense.grid(layers).scale)
    sizes = [(1, 1), (33, 46), (63, 34)] if "100" not in what else [(1, 17), (34, 47)]
    for output_stride in (total // 2, max(1, total // 8)):
        assert check(layers, output_stride, *sizes) == total // output_stride
    assert check(layers, total, sizes[1]) == 1


@pytest.mark.parametrize("side", range(1, 41))
def test_every_size_where_pools_overhang(side):
    """FCN's trunk at output stride 4, with three pools in a row that round up and have lost their stride."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.MaxPool2d(2, 2, ceil_mode=True), nn.Conv2d(3, 3, 3, padding=1), nn.MaxPool2d(2, 2, ceil_mode=True), nn.ReLU(),
                           nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), nn.Conv2d(3, 2, 3, padding=1), nn.MaxPool2d(2, 2, ceil_mode=True)).double()
    for output_stride in (1, 2, 4):
        check(layers, output_stride, (side, 23))


@st.composite
def rows(draw):
    """A Sequential of random layers, some nested, with its size."""
    layers = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "conv", "max", "average", "pad", "cellwise"]))
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        if kind == "conv":
            groups = draw(st.sampled_from([1, 3]))
            layers.append(nn.Conv2d(3, 3, kernel, stride=stride, padding=draw(st.integers(0, 2)), dilation=draw(st.integers(1, 2)), groups=groups))
        elif kind == "max":
            layers.append(nn.MaxPool2d(kernel, stride, padding=draw(st.integers(0, kernel // 2)), dilation=draw(st.integers(1, 2)), ceil_mode=draw(st.booleans())))
        elif kind == "average":
            layers.append(nn.AvgPool2d(kernel, stride, padding=draw(st.integers(0, kernel // 2)), ceil_mode=draw(st.booleans()),
                                       count_include_pad=draw(st.booleans()), divisor_override=draw(st.sampled_from([None, 5]))))
        elif kind == "pad":
            layers.append(draw(st.sampled_from([nn.ZeroPad2d((1, 2, 0, 1)), nn.ConstantPad2d((0, 1, 2, 0), 0.7)])))
        else:
            layers.append(draw(st.sampled_from([nn.ReLU(), nn.LocalResponseNorm(3), nn.Softmax(1), nn.Sequential(nn.Tanh(), nn.Conv2d(3, 3, (1, 2), stride=(1, 2)))])))
    return nn.Sequential(*layers), (draw(st.integers(9, 30)), draw(st.integers(9, 30)))


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(case=rows(), choice=st.integers(0, 99))
def test_any_row_of_layers(case, choice):
    layers, size = case
    torch.manual_seed(choice)
    layers = filled(layers)
    images = numbers(1, 3, *size)
    try:
        with torch.no_grad():
            strided = layers(images)
    except RuntimeError:            # a kernel that does not fit
        return
    total = [1, 1]
    for layer in layers.modules():
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            own = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2
            total = [so_far * stride for so_far, stride in zip(total, own, strict=True)]
    shared = [number for number in range(1, min(total) + 1) if total[0] % number == 0 and total[1] % number == 0]
    output_stride = shared[choice % len(shared)]
    with torch.no_grad():
        dense = ops.make_dense(layers, output_stride)(images)
    again = dense[:, :, ::total[0] // output_stride, ::total[1] // output_stride]
    assert again.shape == strided.shape
    finite = torch.isfinite(strided)        # torch's own averages over nothing
    assert torch.equal(torch.isfinite(again), finite)
    assert (again - strided)[finite].abs().max() <= 1e-10 * strided[finite].abs().max().clamp(min=1)


@pytest.mark.parametrize("what", SCORERS)
def test_the_receptive_field_stays_and_the_stride_falls(what):
    name, options = SCORERS[what]
    with torch.device("meta"):
        layers = models.scorer(models.create(name, 21, **options))
        strided = ops.receptive_field(layers, 500)
        dense = ops.receptive_field(ops.make_dense(layers, int(strided.stride[0]) // 2), 500)
    assert (dense.size, dense.start) == (strided.size, strided.start) and dense.stride[0] == strided.stride[0] / 2


def test_vgg16_at_stride_8_sees_404_pixels():
    with torch.device("meta"):
        layers = models.scorer(models.create("fcn32s", 21, padding="same"))
        dense = ops.make_dense(layers, 8)
    assert ops.receptive_field(dense, 321).size == (404, 404) and ops.receptive_field(dense, 321).stride == (8, 8)
    assert [getattr(dense.features, name).dilation for name in ("conv4_3", "conv5_1", "conv5_3")] == [(1, 1), (2, 2), (2, 2)]
    assert dense.fc6.dilation == (4, 4) and dense.fc6.padding == (12, 12) and dense.features.pool5.dilation == (2, 2)


def strided_parent(model):
    """What the release's trunk was before its strides were taken out: pool4 and pool5 of stride 2, conv5 undilated."""
    trunk = copy.deepcopy(model.features)
    for name, layer in trunk.named_children():
        if name in ("pool4", "pool5"):
            layer.stride = 2
        elif name.startswith("conv5"):
            layer.dilation = layer.padding = (1, 1)
    return trunk


def test_the_released_deeplab_is_not_what_make_dense_makes():
    """It left pool5 undilated: up to conv5_3 the two agree in every cell, behind pool5 they do not."""
    torch.manual_seed(0)
    model = filled(models.create("deeplab_v1", 3, width=THIN))
    dense, released = ops.make_dense(strided_parent(model), 8), model.features
    assert released.pool5.dilation == 1 and dense.pool5.dilation == (2, 2) and dense.conv5_1.dilation == released.conv5_1.dilation == (2, 2)
    ours, theirs = numbers(1, 3, 65, 97), numbers(1, 3, 65, 97)
    for (name, mine), (_, other) in zip(dense.named_children(), released.named_children(), strict=True):
        with torch.no_grad():
            ours, theirs = mine(ours), other(theirs)
        if name == "relu5_3":
            assert ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=0, atol=1e-12)
        if name == "pool5":
            apart = (ours[..., ::2, ::2] != theirs[..., ::2, ::2]).double().mean()
            assert ours.shape == theirs.shape and apart > 0.3
    strided = strided_parent(model)
    with torch.no_grad():
        kept = strided(numbers(1, 3, 65, 97))
    assert torch.allclose(ours[..., ::4, ::4], kept, rtol=0, atol=1e-12) and not torch.allclose(theirs[..., ::4, ::4], kept, rtol=0, atol=1e-3)


def test_a_copy_with_the_same_weights_and_the_original_as_it_was():
    layers = scorer("deeplab_v1")
    before, shown = {name: value.clone() for name, value in layers.state_dict().items()}, repr(layers)
    dense = ops.make_dense(layers, 2)
    assert repr(layers) == shown and list(dense.state_dict()) == list(before) and not dense.training
    assert all(torch.equal(value, before[name]) for name, value in dense.state_dict().items())
    with torch.no_grad():
        dense.fc8.weight.zero_()
    assert torch.equal(layers.state_dict()["fc8.weight"], before["fc8.weight"]) and ops.make_dense(layers.train(), 2).training


def test_a_layer_that_stands_in_two_places_gets_its_rate_in_each():
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 3, 3, padding=1)
    layers = nn.Sequential(conv, nn.MaxPool2d(2), conv, nn.MaxPool2d(2), conv).double()
    dense = ops.make_dense(layers, 1)
    assert [layer.dilation[0] for layer in dense if isinstance(layer, nn.Conv2d)] == [1, 2, 4] and dense[0].weight is dense[4].weight
    check(layers, 1, (13, 18))


def test_gradients_reach_the_weights_through_every_tap():
    layers = scorer("fcn32s, same")
    dense = ops.make_dense(layers, 8)
    images = numbers(1, 3, 40, 56)
    layers(images)[0, 0, 0, 0].backward()
    dense(images)[0, 0, 0, 0].backward()
    for mine, theirs in zip(dense.parameters(), layers.parameters(), strict=True):
        assert (mine.grad - theirs.grad).abs().max() <= 1e-10 * theirs.grad.abs().max().clamp(min=1e-6)


class Own(nn.Sequential):
    pass


def half(*layers):
    return nn.Sequential(nn.MaxPool2d(2), *layers)


REFUSED = {
    "a whole FCN": (lambda: ops.make_dense(models.create("fcn8s", 3, width=THIN, padding="same"), 8), ["FCN8s", "models.scorer"]),
    "transposed": (lambda: ops.make_dense(half(nn.ConvTranspose2d(3, 3, 2)), 1), ["1 (ConvTranspose2d)"]),
    "adaptive": (lambda: ops.make_dense(half(nn.AdaptiveAvgPool2d(1)), 1), ["AdaptiveAvgPool2d"]),
    "fully connected": (lambda: ops.make_dense(half(nn.Sequential(nn.Flatten())), 1), ["1.0 (Flatten)"]),
    "own forward": (lambda: ops.make_dense(Own(nn.ReLU()), 1), ["Own"]),
    "mirrored padding": (lambda: ops.make_dense(half(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")), 1), ["'reflect'"]),
    "same for an even kernel": (lambda: ops.make_dense(half(nn.Conv2d(3, 3, 4, padding="same")), 1), ["nn.ZeroPad2d"]),
    "switches": (lambda: ops.make_dense(nn.Sequential(nn.MaxPool2d(2, return_indices=True)), 1), ["return_indices=False"]),
    "statistics of the map": (lambda: ops.make_dense(half(nn.BatchNorm2d(3, track_running_stats=False)), 1), ["BatchNorm2d"]),
    "groups of channels": (lambda: ops.make_dense(half(nn.GroupNorm(1, 3)), 1), ["GroupNorm"]),
    "softmax over places": (lambda: ops.make_dense(half(nn.Softmax(-1)), 1), ["-1"]),
    "no divisor": (lambda: ops.make_dense(half(nn.MaxPool2d(2)), 3), ["4", "3", "1, 2, 4"]),
    "larger than the network's": (lambda: ops.make_dense(half(), 4), ["2", "4"]),
    "none": (lambda: ops.make_dense(half(), 0), ["0"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, told = REFUSED[what]
    refused(action, told)


def test_same_padding_of_an_odd_kernel_and_valid():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 3, 3, padding="same", dilation=2), nn.Conv2d(3, 2, 2, padding="valid")).double()
    images = numbers(1, 3, 16, 17)
    assert torch.allclose(ops.make_dense(layers, 1)(images)[..., ::2, ::2], layers(images), rtol=0, atol=1e-12)
