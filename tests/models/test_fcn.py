"""FCN-32s, 16s, 8s and AlexNet: the published counts and crops, any input size, where weights come from, what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn

from segcourse import models, ops

FCNS = ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet")
VGG_FCNS = FCNS[:3]
PADDINGS = pytest.mark.parametrize("padding", [100, "same"])
THIN = 1 / 16
MANY = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def on_paper(name, num_classes=21, **options):
    """The network at full size without memory for its weights: shapes and counts only."""
    with torch.device("meta"):
        return models.create(name, num_classes, **options).eval()


def thin(name, num_classes=5, *, seed=0, scores=True, **options):
    """A narrow network in evaluation mode; with `scores`, its score layers (zero at the start) are filled."""
    torch.manual_seed(seed)
    model = models.create(name, num_classes, width=THIN, **options).eval()
    for part, layer in model.named_modules():
        if scores and part.startswith("score"):
            nn.init.normal_(layer.weight, std=0.5)
            nn.init.normal_(layer.bias, std=0.5)
    return model


def counted(model, *, upsampling):
    return sum(part.numel() for name, part in model.named_parameters() if upsampling or not name.startswith("upscore"))


# -- counts ------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("name", "classes", "without", "whole"), [
    ("fcn32s", 21, 134_346_581, 136_152_917), ("fcn16s", 21, 134_357_354, 134_815_994), ("fcn8s", 21, 134_362_751, 134_489_759),
    ("fcn_alexnet", 21, 56_954_261, 56_954_261 + 21 * 21 * 63 * 63),
    ("fcn8s", 11, 134_314_081, 134_314_081 + 11 * 11 * (4 * 4 + 4 * 4 + 16 * 16)),
])
def test_parameters(name, classes, without, whole):
    """134M and 57M in the paper's table 1. Upsampling weights are counted as torch stores them, classes x classes."""
    for padding in (100, "same"):
        model = on_paper(name, classes, padding=padding)
        assert counted(model, upsampling=False) == without and counted(model, upsampling=True) == whole


def test_alexnet_is_57_million_only_with_its_groups():
    assert [layer.groups for name, layer in on_paper("fcn_alexnet").features.named_children() if name.startswith("conv")] == [1, 2, 1, 2, 2]


# -- crops -------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("name", "crops"), [
    ("fcn32s", {"upscore32": 19}), ("fcn16s", {"score_pool4": 5, "upscore16": 27}),
    ("fcn8s", {"score_pool4": 5, "score_pool3": 9, "upscore8": 31}),
    ("fcn_alexnet", {"upscore32": 18}),
])
def test_the_paper_s_crops(name, crops):
    assert on_paper(name).crop_offsets() == crops


@pytest.mark.parametrize(("name", "crops"), [
    ("fcn32s", {"upscore32": 16}), ("fcn16s", {"upscore2": 1, "upscore16": 8}),
    ("fcn8s", {"upscore2": 1, "upscore_pool4": 1, "upscore8": 4}),
    ("fcn_alexnet", {"upscore32": 47}),
])
def test_the_laptop_s_crops(name, crops):
    """Without the 100 pixels the enlarged maps reach further than the skips, so that they are cropped instead."""
    assert on_paper(name, padding="same").crop_offsets() == crops


def seen_sizes(model, side):
    """Name -> side of each layer's output, for an image of `side` x `side`."""
    sizes, handles = {}, []
    for name, layer in model.named_modules():
        def note(_, inputs, output, name=name.removeprefix("features.")):
            sizes[name] = output.shape[-1]

        handles.append(layer.register_forward_hook(note))
    model(torch.empty(1, 3, side, side, device="meta"))
    for handle in handles:
        handle.remove()
    return sizes


@pytest.mark.parametrize(("name", "padding", "side"), [(name, 100, 26) for name in VGG_FCNS] + [(name, "same", 224) for name in VGG_FCNS]
                         + [("fcn_alexnet", 100, 27), ("fcn_alexnet", "same", 97)])
def test_crops_are_centred_where_every_stride_comes_out_even(name, padding, side):
    """Another way to each number: with 26 + 2 * 99 = 224 cells no pooling rounds, so that as much must be cut off on either side."""
    model = on_paper(name, padding=padding)
    sizes, crops = seen_sizes(model, side), model.crop_offsets()
    partners = {"score_pool4": "upscore2", "upscore2": "score_pool4", "score_pool3": "upscore_pool4", "upscore_pool4": "score_pool3"}
    final = list(crops)[-1]
    for cropped, offset in crops.items():
        target = side if cropped == final else sizes[partners[cropped]]
        assert sizes[cropped] - target == 2 * offset, cropped


@pytest.mark.parametrize("name", VGG_FCNS)
@pytest.mark.parametrize(("padding", "side"), [(100, 26), ("same", 64)])
def test_a_mirrored_network_sees_mirrored_pictures(name, padding, side):
    """The crops in numbers: one pixel off and this fails."""
    model = thin(name, padding=padding).double()
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits = model(images)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.weight.copy_(layer.weight.flip(3))
    assert logits.std() > 1e-3
    torch.testing.assert_close(model(images.flip(3)).flip(3), logits, rtol=1e-9, atol=1e-9)


@PADDINGS
@pytest.mark.parametrize("name", FCNS)
def test_a_picture_moved_by_32_pixels_moves_the_answer_by_32(name, padding):
    model = thin(name, padding=padding).double()
    wide = torch.randn(1, 3, 40, 672, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    here, there = model(wide[..., :640]), model(wide[..., 32:])
    middle = slice(288, 320)        # its receptive field, 404 pixels and what upsampling adds, ends before either edge
    torch.testing.assert_close(here[..., 320:352], there[..., middle], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(here[..., middle], there[..., middle])


# -- any size ----------------------------------------------------------------------------------------------------------------------------

@PADDINGS
@pytest.mark.parametrize("name", FCNS)
def test_every_side_from_1_to_513(name, padding):
    """Heights from 1 up with widths from 513 down: each axis goes through all sides."""
    model = on_paper(name, 21, padding=padding, width=THIN)
    for side in range(1, 514):
        images = torch.empty(1, 3, side, 514 - side, device="meta")
        assert model(images).shape == (1, 21, side, 514 - side)


@PADDINGS
@pytest.mark.parametrize("name", FCNS)
@MANY
@given(height=st.integers(1, 513), width=st.integers(1, 513), count=st.integers(1, 3))
def test_any_picture(name, padding, height, width, count):
    model = on_paper(name, 3, padding=padding, width=THIN, in_channels=1)
    assert model(torch.empty(count, 1, height, width, device="meta")).shape == (count, 3, height, width)


@PADDINGS
@pytest.mark.parametrize("name", FCNS)
@pytest.mark.parametrize("size", [(1, 1), (33, 7), (48, 65)])
def test_in_numbers(name, padding, size):
    logits = thin(name, padding=padding)(torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 5, *size) and logits.isfinite().all() and logits.std() > 0


# -- the start ---------------------------------------------------------------------------------------------------------------------------

@PADDINGS
@pytest.mark.parametrize("name", FCNS)
def test_upsampling_starts_bilinear(name, padding):
    kernels = {"upscore32": (32, 63 if name == "fcn_alexnet" else 64), "upscore2": (2, 4), "upscore_pool4": (2, 4),
               "upscore16": (16, 32), "upscore8": (8, 16)}
    found = {part: layer for part, layer in thin(name, padding=padding).named_modules() if isinstance(layer, nn.ConvTranspose2d)}
    assert len(found) == {"fcn32s": 1, "fcn16s": 2, "fcn8s": 3, "fcn_alexnet": 1}[name]
    for part, layer in found.items():
        factor, taps = kernels[part]
        assert layer.stride == (factor, factor) and layer.bias is None and layer.weight.requires_grad
        assert torch.equal(layer.weight, ops.bilinear_kernel(5, factor, taps))


def test_the_release_freezes_upsampling():
    model = thin("fcn8s", freeze_upsampling=True)
    frozen = {name for name, part in model.named_parameters() if not part.requires_grad}
    assert frozen == {"upscore2.weight", "upscore_pool4.weight", "upscore8.weight"}


@pytest.mark.parametrize("name", FCNS)
def test_scores_start_at_zero(name):
    """So that a new skip changes nothing (section 4.3)."""
    assert thin(name, scores=False)(torch.randn(1, 3, 20, 20)).eq(0).all()


@pytest.mark.parametrize(("coarse", "fine", "new"), [
    ("fcn32s", "fcn16s", ["score_pool4.bias", "score_pool4.weight", "upscore16.weight", "upscore2.weight"]),
    ("fcn16s", "fcn8s", ["score_pool3.bias", "score_pool3.weight", "upscore8.weight", "upscore_pool4.weight"]),
])
def test_a_finer_network_continues_a_coarser_one(coarse, fine, new):
    """The new skip says nothing yet. So where the scores are the same all around (one colour, away from the rim), both answer alike."""
    before, after = thin(coarse, padding="same").double(), thin(fine, padding="same", seed=1, scores=False).double()
    assert after.load_from(before) == new and models.create(fine, 5, width=THIN).coarser == coarse
    images = torch.full((1, 3, 640, 640), 0.7, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = (model(images)[..., 304:336, 304:336] for model in (after, before))
    assert theirs.abs().min() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)      # the stamps' weights are float32 numbers


def test_continuing_from_another_width_is_refused():
    with pytest.raises(ValueError, match="width"):
        thin("fcn16s").load_from(models.create("fcn32s", 5, width=1 / 8))


def test_at_once_scales_the_skips():
    """The release's 0.01 and 0.0001 before the score layers."""
    plain, at_once = thin("fcn8s"), thin("fcn8s", at_once=True)
    at_once.load_state_dict(plain.state_dict())
    with torch.no_grad():
        at_once.score_pool4.weight.mul_(100)
        at_once.score_pool3.weight.mul_(10000)
    images = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(at_once(images), plain(images), rtol=1e-4, atol=1e-4)


@PADDINGS
@pytest.mark.parametrize("name", FCNS)
def test_a_step_moves_the_loss(name, padding):
    torch.manual_seed(0)
    model = models.create(name, 3, width=THIN, padding=padding, dropout=0.0)
    images, labels = torch.randn(2, 3, 32, 40), torch.randint(0, 3, (2, 32, 40))
    before = {part: value.detach().clone() for part, value in model.named_parameters()}
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(3):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(torch.tensor(3.0).log().item()) and losses[2] < losses[1] < losses[0]
    still = [part for part, value in model.named_parameters() if torch.equal(value, before[part])]
    assert not still, "no gradient reaches these"


def test_batch_norm_is_an_option_of_the_narrow_networks():
    model = thin("fcn8s", batch_norm=True)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules()) == 15
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in thin("fcn8s").modules())
    assert model(torch.randn(1, 3, 17, 30)).shape == (1, 5, 17, 30)


# -- torch.fx ----------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", models.names())
def test_every_network_can_be_traced(name):
    """The checks of the input must not stand in the way, and the traced network takes any size, too."""
    model = thin(name)
    traced = fx.symbolic_trace(model)
    for size in ((24, 31), (40, 17)):
        images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
        assert torch.equal(traced(images), model(images))


# -- refused -----------------------------------------------------------------------------------------------------------------------------

def test_names():
    assert models.names() == ["pixelnet", *FCNS, "deeplab_v1"]


@pytest.mark.parametrize(("asked", "near"), [("fcn8", "fcn8s"), ("FCN16s", "fcn16s"), ("fcn-alexnet", "fcn_alexnet"), ("fcn32", "fcn32s")])
def test_an_unknown_name_suggests_the_nearest(asked, near):
    with pytest.raises(ValueError, match=f"did you mean '{near}'"):
        models.create(asked, 21)


IMAGES = torch.zeros(1, 3, 8, 8)
REFUSED = {
    "a name like no other": (lambda: models.create("zzzz", 21), ValueError, ["zzzz", "fcn8s"]),
    "no class": (lambda: models.create("fcn8s", 0), ValueError, ["0"]),
    "half a class": (lambda: models.create("fcn8s", 2.5), ValueError, ["2.5"]),
    "no width": (lambda: models.create("fcn8s", 3, width=0), ValueError, ["0", "1.0"]),
    "no channel": (lambda: models.create("fcn8s", 3, in_channels=0), ValueError, ["0"]),
    "unknown option": (lambda: models.create("fcn8s", 3, depth=4), ValueError, ["fcn8s", "'depth'"]),
    "another padding": (lambda: models.create("fcn8s", 3, width=THIN, padding=50), ValueError, ["50", "100", "same"]),
    "another padding, AlexNet": (lambda: models.create("fcn_alexnet", 3, width=THIN, padding="valid"), ValueError,
                                 ["'valid'", "100", "same"]),
    "no batch axis": (lambda: thin("fcn8s")(IMAGES[0]), ValueError, ["(3, 8, 8)", "images[None]"]),
    "grey": (lambda: thin("fcn8s")(IMAGES[:, :1]), ValueError, ["3", "1", "in_channels=1"]),
    "not normalised": (lambda: thin("fcn32s")(IMAGES.byte()), TypeError, ["uint8", "normalise"]),
    "not a tensor": (lambda: thin("fcn_alexnet")([1, 2]), TypeError, ["list"]),
    "an empty picture": (lambda: thin("fcn8s")(IMAGES[..., :0]), ValueError, ["(1, 3, 8, 0)"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, kind, told = REFUSED[what]
    refused(action, told, kind)
