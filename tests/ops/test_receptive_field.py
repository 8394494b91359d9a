"""Receptive fields: the published numbers, the cases known tools get wrong, and every closed form against gradients.

A gradient shows what an output really sees, if nothing cancels and nothing is chosen: positive weights, positive pictures, float64, average
for max pooling, nearest upsampling for unpooling.
"""

import time
from fractions import Fraction

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from segcourse import models, ops


def on_meta(make, *args, **kwargs):
    with torch.device("meta"):
        return make(*args, **kwargs)


def positive(model):
    """The same network with positive weights in float64, no biases, and averages where it took the largest."""
    model = model.double().eval()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d) and not child.return_indices:
                setattr(parent, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode))
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.rand_like(value) + 0.1) if value.dim() > 1 else value.zero_()
            value.div_(max(1.0, value[0].numel() ** 0.9)) if value.dim() > 1 else None
    return model


def seen(model, size, y, x, channels=1):
    """The rows and columns (half-open box) of the pixels that move output (y, x), by gradient."""
    images = (torch.rand(1, channels, *size, dtype=torch.double) + 0.5).requires_grad_()
    gradient, = torch.autograd.grad(model(images)[..., y, x].sum(), images)
    moved = gradient[0].abs().sum(0) > 0
    rows, columns = moved.any(1).nonzero().flatten(), moved.any(0).nonzero().flatten()
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def clipped(box, size):
    return max(0, box.y0), max(0, box.x0), min(size[0], box.y1), min(size[1], box.x1)


def agrees(model, size, places, channels=1):
    """Closed form and gradient give the same box, clipped to the picture."""
    field = ops.receptive_field(model, size)
    model = positive(model)
    for y, x in places:
        assert seen(model, size, y, x, channels) == clipped(field.at(y, x), size), (y, x)
    return field


# --- published numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at, size, stride", [("features.28", 196, 16), ("features.30", 212, 32)])
def test_vgg16_of_torchvision(at, size, stride):
    field = ops.receptive_field(on_meta(torchvision.models.vgg16), (224, 224), at=at)
    assert field.size == (size, size) and field.stride == (stride, stride)


@pytest.mark.parametrize("name, at, size, stride", [
    ("fcn32s", "features.conv5_3", 196, 16), ("fcn32s", "features.pool5", 212, 32), ("fcn32s", "fc6", 404, 32), ("fcn32s", "fc7", 404, 32),
    ("fcn8s", "score_fr", 404, 32), ("fcn_alexnet", "features.conv5", 163, 16), ("fcn_alexnet", "features.pool5", 195, 32), ("fcn_alexnet", "score_fr", 355, 32),
])
def test_fcn(name, at, size, stride):
    field = ops.receptive_field(on_meta(models.create, name, num_classes=21), (224, 224), at=at)
    assert field.size == (size, size) and field.stride == (stride, stride)


@pytest.mark.parametrize("depth, size", [(50, 427), (101, 971), (152, 1451)])
def test_resnets_of_torchvision(depth, size):
    """Torchvision strides in the 3x3 of a stage's first block, slim and Caffe in its 1x1: 483, 1027 and 1507 are theirs."""
    network = on_meta(getattr(torchvision.models, f"resnet{depth}"))
    assert ops.receptive_field(network, (224, 224), at="layer4").size == (size, size)


def test_resnet50_with_the_stride_in_the_first_convolution():
    network = on_meta(torchvision.models.resnet50)
    for stage in (network.layer2, network.layer3, network.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    assert ops.receptive_field(network, (224, 224), at="layer4").size == (483, 483)


def large_fov(kernel, rate, average=False):
    """DeepLab v1: pools 3x3, the last two at stride 1, conv5 dilated by 2, fc6 of `kernel` at `rate`."""
    layers, channels = [], 3
    for stage, (depth, wide) in enumerate(models.vgg.STAGES, 1):
        for _ in range(depth):
            dilation = 2 if stage == 5 else 1
            layers += [nn.Conv2d(channels, wide // 64, 3, padding=dilation, dilation=dilation), nn.ReLU()]
            channels = wide // 64
        layers.append(nn.MaxPool2d(3, stride=2 if stage < 4 else 1, padding=1))
    if average:
        layers.append(nn.AvgPool2d(3, stride=1, padding=1))
    return nn.Sequential(*layers, nn.Conv2d(channels, 8, kernel, dilation=rate, padding=(kernel - 1) * rate // 2))


@pytest.mark.parametrize("kernel, rate, size", [(7, 4, 419), (4, 4, 323), (4, 8, 419), (3, 12, 419)])
def test_large_field_of_view(kernel, rate, size):
    assert ops.receptive_field(large_fov(kernel, rate), (321, 321)).size == (size, size)
    assert (kernel - 1) * rate * 8 + 32 == (128 if (kernel, rate) == (4, 4) else 224), "what DeepLab's table prints is the kernel's extent"


def test_large_field_of_view_of_the_release():
    assert ops.receptive_field(large_fov(3, 12, average=True), (321, 321)).size == (435, 435)


def test_whole_networks_depend_on_the_position():
    """FCN's output pixels: 436 pixels at 32s; 16s and 8s reach a cell further at some positions."""
    found = {}
    for name in ("fcn32s", "fcn16s", "fcn8s"):
        field = ops.receptive_field(on_meta(models.create, name, num_classes=21), (224, 224))
        found[name] = field.size_min[0], field.size_max[0], field.stride[0]
    assert found == {"fcn32s": (436, 436, 1), "fcn16s": (436, 468, 1), "fcn8s": (436, 468, 1)}


@pytest.mark.alone
def test_fcn8s_takes_less_than_two_seconds():
    network = on_meta(models.create, "fcn8s", num_classes=21)
    start = time.process_time()
    ops.receptive_field(network, (224, 224))
    assert time.process_time() - start < 2


# --- by gradient ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
def test_fcn_by_gradient(name):
    """Every phase of the pattern, in the middle of a picture large enough to hold the field, along the rows; the columns are alike."""
    torch.manual_seed(0)
    network = models.create(name, num_classes=2, width=1 / 64, in_channels=1, dropout=0.0, padding="same")
    nn.init.ones_(network.score_fr.weight)
    for skip in ("score_pool4", "score_pool3"):
        if hasattr(network, skip):
            nn.init.ones_(getattr(network, skip).weight)
    size = (576, 64)
    agrees(network, size, [(y, 32) for y in range(272, 304, 3)])


def test_alexnet_by_gradient():
    torch.manual_seed(0)
    network = models.create("fcn_alexnet", num_classes=2, width=1 / 48, in_channels=1, dropout=0.0, padding="same")
    for norm in ("norm1", "norm2"):
        setattr(network.features, norm, nn.Identity())
    nn.init.ones_(network.score_fr.weight)
    field = agrees(network, (512, 64), [(y, 32) for y in (240, 247, 255, 256, 263)])
    assert (field.size_min[0], field.size_max[0]) == (355, 387)


class Branches(nn.Module):
    """Two paths from the same map, added or stacked."""

    def __init__(self, left, right, *, stack=False):
        super().__init__()
        self.left, self.right, self.stack = left, right, stack

    def forward(self, x):
        a, b = self.left(x), self.right(x)
        return torch.cat([a, b], 1) if self.stack else a + b


def conv(kernel, *, stride=1, padding=0, dilation=1):
    return nn.Conv2d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation)


@pytest.mark.parametrize("stack", [False, True])
def test_branches_take_the_union_not_the_sum(stack):
    """A hook in the order of calls adds the branches up, to 11."""
    field = agrees(nn.Sequential(conv(3, padding=1), Branches(conv(3, padding=1), nn.Sequential(conv(3, padding=1), conv(5, padding=2)), stack=stack),
                                 *([conv(1)] if not stack else [])), (32, 32), [(0, 0), (16, 17), (31, 5)])
    assert field.size == (9, 9) and field.start == (-4, -4)


def test_dilated_convolutions_start_where_they_should():
    field = agrees(nn.Sequential(conv(3, padding=2, dilation=2), conv(3, padding=4, dilation=4)), (32, 32), [(0, 0), (16, 16)])
    assert field.size == (13, 13) and field.start == (-6, -6) and field.at(8, 8) == (2, 2, 15, 15)


def test_pooling_counts_all_that_it_may_choose():
    field = agrees(nn.Sequential(conv(3), nn.MaxPool2d(3, 2), conv(3)), (32, 32), [(0, 0), (5, 6)])
    assert field.size == (9, 9) and field.start == (0, 0) and field.at(5, 6) == (10, 12, 19, 21)


def test_down_and_up_is_seven_at_both_parities():
    field = agrees(nn.Sequential(conv(3, stride=2, padding=1), nn.ConvTranspose2d(1, 1, 4, 2, 1), conv(3, padding=1)), (32, 32), [(y, 15) for y in range(10, 14)])
    assert field.size == (7, 7) and field.stride == (1, 1)


def test_transposed_convolution_with_uneven_overlap():
    field = agrees(nn.Sequential(conv(3, padding=1), nn.ConvTranspose2d(1, 1, 3, 2)), (16, 16), [(8, 8), (8, 9), (9, 9)])
    assert (field.size_min, field.size_max, field.stride) == ((3, 3), (4, 4), (Fraction(1, 2), Fraction(1, 2)))
    with pytest.raises(ValueError, match="size_min"):
        field.size


def test_branches_out_of_step():
    """Two paths of different stride and offset: how far apart their windows lie changes from output to output."""
    field = agrees(Branches(nn.Sequential(conv(3, stride=2, padding=1), nn.Upsample(scale_factor=2, mode="nearest")), conv(3, padding=1)), (32, 32),
                   [(y, 12) for y in range(10, 14)])
    assert (field.size_min, field.size_max) == ((3, 3), (4, 4)) and field.at(10, 11) == (9, 9, 12, 13)


class PoolAndBack(nn.Module):
    """Max pooling, and unpooling with its switches, between two convolutions."""

    def __init__(self):
        super().__init__()
        self.first, self.pool, self.unpool, self.last = conv(3, padding=1), nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2), conv(3, padding=1)

    def forward(self, x):
        pooled, switches = self.pool(self.first(x))
        return self.last(self.unpool(pooled, switches))


def test_unpooling_is_nearest_upsampling():
    field = ops.receptive_field(PoolAndBack(), (32, 32))
    twin = nn.Sequential(conv(3, padding=1), nn.AvgPool2d(2), nn.Upsample(scale_factor=2, mode="nearest"), conv(3, padding=1))
    other = agrees(twin, (32, 32), [(y, 15) for y in range(10, 14)])
    assert [field.at(y, 15) for y in range(32)] == [other.at(y, 15) for y in range(32)]
    assert field.size == (6, 6) and field.stride == (1, 1)


@pytest.mark.parametrize("mode, corners", [("nearest", None), ("nearest-exact", None), ("bilinear", False), ("bilinear", True), ("bicubic", False)])
@pytest.mark.parametrize("size", [None, (27, 40)])
def test_resizing(mode, corners, size):
    class Resize(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv(3, padding=1)

        def forward(self, x):
            return F.interpolate(self.conv(x), size=size, scale_factor=None if size else 2, mode=mode, align_corners=corners)

    model = Resize()
    field = ops.receptive_field(model, (16, 16))
    model = positive(model)
    for place in (6, 7, 8, 9):                  # bilinear weights of exactly 0 are not seen, and are not counted either
        assert seen(model, (16, 16), place, place) == clipped(field.at(place, place), (16, 16))
    assert (field.stride == (None, None)) == (size is not None or bool(corners))


class Cropped(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = conv(3, padding=10), conv(3)

    def forward(self, x):
        return self.last(F.pad(self.conv(x)[..., 7:-3, 4::2], (1, 0, 2, 0)))


def test_crops_steps_and_pads_are_signed():
    field = agrees(Cropped(), (24, 24), [(8, 8), (12, 9)])
    # rows: 2 padded, 7 cut off, 10 padded: 0 - 2 + 7 - 10 = -5, three and two more; columns: 2 (0 - 1) + 4 - 10 = -8, three and two steps of 2
    assert field.stride == (1, 2) and field.at(0, 0) == (-5, -8, 0, -1) and field.start == (-5, -8)


def test_what_everything_sees():
    """A globally pooled context, spread over the map again: each output sees all there is, padding included."""
    class Context(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv(3, padding=1)

        def forward(self, x):
            x = self.conv(x)
            return x + F.interpolate(F.adaptive_avg_pool2d(x, 1), size=x.shape[2:], mode="bilinear", align_corners=False)

    field = agrees(Context(), (20, 24), [(0, 0), (10, 23)])
    assert field.at(3, 3) == (-1, -1, 21, 25) and field.stride == (None, None)


layers = st.one_of(
    st.builds(lambda k, s, p, d: ("conv", k, s, min(p, d * (k - 1) // 2), d), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3)),
    st.builds(lambda k, s: ("pool", k, s), st.integers(2, 3), st.integers(1, 2)),
    st.builds(lambda k, s: ("up", max(k, s), s), st.integers(2, 5), st.integers(1, 3)),
    st.just(("nearest",)), st.just(("bilinear",)), st.just(("branch",)),
)


def layer(kind, *numbers):
    if kind == "conv":
        k, s, p, d = numbers
        return conv(k, stride=s, padding=p, dilation=d)
    if kind == "pool":
        return nn.MaxPool2d(*numbers)
    if kind == "up":
        return nn.ConvTranspose2d(1, 1, *numbers)
    if kind == "branch":
        return Branches(conv(3, padding=1), nn.Sequential(conv(5, padding=2), conv(1)))
    return nn.Upsample(scale_factor=2, mode=kind)


@settings(max_examples=60, deadline=None)
@given(st.lists(layers, min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 3))
def test_random_stacks(stack, dy, dx):
    """In the middle of a picture, where no intermediate border is near; the box of the closed form is that of the gradient."""
    size = (96, 96)
    model = nn.Sequential(conv(1), *(layer(*what) for what in stack))
    try:
        field = ops.receptive_field(model, size)
    except ValueError as refused:           # three strides of 3, and the last kernel no longer fits
        assert "choose a larger input_size" in str(refused)
        return
    if min(field.extent) < 8 or max(field.extent) > 600:
        return
    y, x = field.extent[0] // 2 + dy, field.extent[1] // 2 + dx
    box = field.at(y, x)
    if min(box.y0, box.x0) < 0 or max(box.y1, box.x1) > 96:
        return
    assert seen(positive(model), size, y, x) == tuple(box)


# --- the effective field --------------------------------------------------------------------------------------------------


def test_a_count_is_no_extent():
    """3x3 at rates 2 and 4 touches 7 rows of an extent of 13; three 3x3 at rate 2 touch 49 of 169 pixels (gridding)."""
    torch.manual_seed(0)
    for rates, rows, pixels in (((2, 4), 7, 49), ((2, 2, 2), 7, 49)):
        model = positive(nn.Sequential(*(conv(3, padding=rate, dilation=rate) for rate in rates)))
        influence = ops.effective_receptive_field(model, (31, 31)) > 0
        assert int(influence.any(1).sum()) == rows and int(influence.sum()) == pixels
        assert ops.receptive_field(model, (31, 31)).size == (13, 13)


def test_effective_field_lies_inside_the_box_and_peaks_near_its_middle():
    torch.manual_seed(0)
    model = models.create("fcn32s", num_classes=3, width=1 / 16, padding="same").features
    influence = ops.effective_receptive_field(model, (256, 320), position=(4, 5))
    box = ops.receptive_field(model, (256, 320)).at(4, 5)
    assert influence.shape == (256, 320) and influence.max() == 1 and influence.min() == 0
    outside = influence.clone()
    outside[max(0, box.y0):box.y1, max(0, box.x0):box.x1] = 0
    assert not outside.any()
    y, x = divmod(int(influence.argmax()), 320)
    assert abs(y - (box.y0 + box.y1) / 2) < box.height / 4 and abs(x - (box.x0 + box.x1) / 2) < box.width / 4


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(conv(3), nn.BatchNorm2d(1), nn.Dropout(0.5))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ops.receptive_field(model, (16, 16))
    ops.effective_receptive_field(model, (16, 16))
    assert model.training and model[2].training and not model[1].training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model[0].weight.grad is None


# --- bad input ------------------------------------------------------------------------------------------------------------


def one_line(error, *words):
    text = str(error.value)
    assert "\n" not in text and all(word in text for word in words), text


def test_unknown_module():
    with pytest.raises(ValueError) as error:
        ops.receptive_field(models.create("fcn32s", num_classes=2, width=1 / 64), (64, 64), at="score_f")
    one_line(error, "score_f", "score_fr")


def test_a_picture_that_is_too_small():
    with pytest.raises(ValueError) as error:
        ops.receptive_field(nn.Sequential(conv(7)), (5, 5))
    one_line(error, "5x5", "larger")
    with pytest.raises(ValueError) as error:
        ops.receptive_field(nn.Sequential(conv(3)), (0, 5))
    one_line(error, "0x5")


def test_an_operation_that_cannot_be_followed():
    class Turned(nn.Module):
        def forward(self, x):
            return torch.fft.fft2(x).real

    with pytest.raises(ValueError) as error:
        ops.receptive_field(Turned(), (16, 16))
    one_line(error, "fft", "at=")


def test_positions_outside_the_map():
    field = ops.receptive_field(nn.Sequential(conv(3)), (16, 16))
    with pytest.raises(IndexError) as error:
        field.at(14, 0)
    one_line(error, "(14, 0)", "14x14")
    with pytest.raises(IndexError) as error:
        ops.effective_receptive_field(nn.Sequential(conv(3)), (16, 16), position=(0, 20))
    one_line(error, "(0, 20)")


def test_an_output_between_the_stamps():
    field = ops.receptive_field(nn.Sequential(nn.ConvTranspose2d(1, 1, 1, stride=2)), (8, 8))
    assert field.at(2, 4) == (1, 2, 2, 3)
    with pytest.raises(ValueError) as error:
        field.at(1, 0)
    one_line(error, "(1, 0)")
