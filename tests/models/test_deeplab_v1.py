"""DeepLab v1: the published counts, receptive fields, where cells lie, sizes, VGG16's weights by decimation, multi-scale branches, what is refused."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from segcourse import models, ops, published
from segcourse.models import deeplab_v1
from segcourse.models.geometry import Grid

THIN = 1 / 32
VARIANTS = tuple(deeplab_v1.VARIANTS)


def on_paper(num_classes=21, **options):
    """The network at full size without memory for its weights: shapes and counts only."""
    with torch.device("meta"):
        return models.create("deeplab_v1", num_classes, **options).eval()


def thin(num_classes=5, *, seed=0, **options):
    torch.manual_seed(seed)
    return models.create("deeplab_v1", num_classes, width=THIN, **options).eval()


def counted(model):
    return sum(part.numel() for part in model.parameters())


def pictures(*size, images=1, seed=0):
    return torch.randn(images, 3, *size, generator=torch.Generator().manual_seed(seed))


# -- counts and fields -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("variant", "classes", "count"), [("large_fov", 21, 20_505_429), ("large_fov", 11, 20_495_179), ("7x7", 21, 134_346_581),
                                                           ("4x4_rate4", 21, 65_140_565), ("4x4_rate8", 21, 65_140_565)])
def test_parameters(variant, classes, count):
    """The paper prints 20.5M, 134.3M, 65.1M and 65.1M."""
    model = on_paper(classes, variant=variant)
    assert counted(model) == count
    if classes == 21:
        assert f"{count / 1e6:.1f}M" == published.get(f"deeplab.{variant}.parameters").printed


def test_the_branches_add_what_they_should():
    """1,192,576 in the branches, and 5 x 128 more channels into the classifier."""
    model = on_paper(multi_scale=True)
    assert counted(model.branches) == 1_192_576 and counted(model) == 20_505_429 + 1_192_576 + 640 * 21
    assert model.fc8.in_channels == 1024 + 5 * 128


@pytest.mark.parametrize(("variant", "field"), [("large_fov", 435), ("7x7", 419), ("4x4_rate4", 323), ("4x4_rate8", 419)])
def test_the_receptive_field_of_a_score(variant, field):
    found = ops.receptive_field(on_paper(variant=variant), 321, at="fc8")
    assert found.size == (field, field) and found.stride == (8, 8) and found.extent == (41, 41)


def test_the_average_pool_makes_419_into_435():
    scorer = on_paper().scorer()
    scorer.features.pool5a = nn.Identity()
    assert ops.receptive_field(scorer, 321).size == (419, 419)


@pytest.mark.parametrize(("variant", "convolutional"), [("large_fov", 404), ("7x7", 404), ("4x4_rate4", 308), ("4x4_rate8", 404)])
def test_the_published_field_is_the_reach_of_the_kernel(variant, convolutional):
    """With VGG16's own pools, made dense, a score sees 404 or 308 pixels; 224 and 128 are 8 (k - 1) r + 32."""
    kernel, rate, _ = deeplab_v1.VARIANTS[variant]
    with torch.device("meta"):
        trunk = ops.make_dense(models.create("fcn32s", 21, padding="same").features, 8)
        fc6 = nn.Conv2d(512, 1, kernel, dilation=rate, padding=(kernel - 1) * rate // 2)
        assert ops.receptive_field(trunk, 321).size == (212, 212) and ops.receptive_field(nn.Sequential(trunk, fc6), 321).size == (convolutional,) * 2
    assert convolutional == 212 + 8 * (ops.effective_kernel(kernel, rate) - 1)
    assert published.get(f"deeplab.{variant}.receptive_field").value == 8 * (kernel - 1) * rate + 32


# -- where the cells lie -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("variant", VARIANTS)
def test_cell_i_lies_on_pixel_8i(variant):
    """Even rates: a 4x4 kernel too has its middle on a cell, with the same padding on both sides."""
    assert models.dense.grid(on_paper(variant=variant).scorer()) == Grid(Fraction(8), Fraction(0))


def test_the_branches_cells_lie_there_too():
    model = thin(multi_scale=True)
    grids = {"image": Grid()}
    place = Grid()
    for name, layer in model.features.named_children():
        place = grids[name] = place.after(layer)
    for name, branch in model.branches.items():
        own = models.dense.grid(branch)
        start = grids[name]
        assert (start.scale * own.scale, start.shift + start.scale * own.shift) == (8, 0), name


@pytest.mark.parametrize("multi_scale", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (8, 17), (33, 57), (40, 64)])
def test_any_size(size, multi_scale):
    model, images = thin(multi_scale=multi_scale), pictures(*size, images=2)
    scores = model.scores(images)
    assert scores.shape == (2, 5, *(-(-(side - 1) // 8) + 1 for side in size)) and model(images).shape == (2, 5, *size)


def test_at_the_releases_sizes_corners_meet_and_elsewhere_the_rest_is_cut_off():
    model = thin()
    scores, logits = model.scores(pictures(41, 65)), model(pictures(41, 65))
    assert torch.allclose(logits, F.interpolate(scores, size=(41, 65), mode="bilinear", align_corners=True))
    assert torch.allclose(logits[..., ::8, ::8], scores, atol=1e-6)
    scores, logits = model.scores(pictures(36, 60)), model(pictures(36, 60))
    assert torch.allclose(logits[..., ::8, ::8], scores[..., :-1, :-1], atol=1e-6)       # the last cell, 40, lies past the picture
    halfway = (scores[..., 0, 0] + scores[..., 0, 1]) / 2
    assert torch.allclose(logits[..., 0, 4], halfway, atol=1e-6)


def test_enlarging_by_the_grid_is_the_networks_own_enlargement():
    model = thin()
    for size in ((36, 60), (41, 65)):
        images = pictures(*size)
        ours = models.enlarge(models.scores(model, images), models.dense.grid(models.scorer(model)), size)
        assert torch.allclose(ours, model(images), atol=1e-5)


def test_a_map_is_enlarged_where_its_cells_lie():
    """A ramp of positions comes back as positions, between the outermost centres, whatever the grid."""
    for scale, shift in ((8, 0), (32, Fraction(31, 2)), (4, Fraction(-3, 2))):
        centres = torch.arange(6) * scale + float(shift)
        ramp = centres[:, None].expand(6, 7)[None, None]
        back = models.enlarge(ramp, Grid(Fraction(scale), Fraction(shift)), (200, 20))[0, 0, :, 3]
        assert torch.allclose(back, torch.arange(200.0).clamp(centres[0], centres[-1]), atol=1e-3)


# -- one row of layers -------------------------------------------------------------------------------------------------------------------

def test_the_scorer_shares_weights_and_says_what_the_network_says():
    model, images = thin(batch_norm=True), pictures(33, 40)
    scorer = models.scorer(model)
    assert torch.equal(scorer(images), model.scores(images)) and {id(part) for part in scorer.parameters()} == {id(part) for part in model.parameters()}
    assert not scorer.training and model.train().scorer().training and model.features.training


@pytest.mark.parametrize("name", ["fcn32s", "fcn_alexnet", "pixelnet"])
def test_other_networks_scorers(name):
    torch.manual_seed(0)
    model = models.create(name, 4, width=1 / 16, **({} if name == "pixelnet" else {"padding": "same"})).eval()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.any():
            nn.init.normal_(layer.weight)
    caught = []
    (model.score if name == "pixelnet" else model.score_fr).register_forward_hook(lambda module, inputs, output: caught.append(output))
    images = pictures(70, 90)
    model(images)
    assert caught[0].any() and torch.equal(models.scorer(model)(images), caught[0]) and torch.equal(models.scores(model, images), caught[0])


@pytest.mark.parametrize("options", [{}, {"variant": "4x4_rate4"}, {"multi_scale": True, "batch_norm": True}])
def test_fx_traces_it(options):
    model = thin(**options)
    traced = fx.symbolic_trace(model)
    for size in ((24, 31), (41, 17)):
        assert torch.equal(traced(pictures(*size)), model(pictures(*size)))


def test_every_name_is_traced():
    for name in models.names():
        fx.symbolic_trace(models.create(name, 3, width=THIN))


# -- weights -----------------------------------------------------------------------------------------------------------------------------

def test_the_classifier_is_the_head_and_begins_small():
    model = models.create("deeplab_v1", 21, width=0.25)
    assert [name for name, _ in model.named_parameters() if name.startswith(model.head)] == ["fc8.weight", "fc8.bias"]
    assert model.fc8.weight.std().item() == pytest.approx(0.01, rel=0.1) and not model.fc8.bias.any()
    assert model.fc6.weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.05)


@pytest.fixture(scope="module")
def vgg16():
    """A state dict as torchvision's, of shapes alone but for fc6 and fc7, whose filters say which they are."""
    state, channels = {}, 3
    for ours, theirs in models.vgg.torchvision_names().items():
        out = models.vgg.STAGES[int(ours[4]) - 1][1]
        state[f"{theirs}.weight"], state[f"{theirs}.bias"] = torch.full((1,), float(len(state))).expand(out, channels, 3, 3), torch.ones(1).expand(out)
        channels = out
    taps = torch.arange(49.0).expand(4096, 512, 49).reshape(4096, 512 * 49)             # every filter's tap i, j is 7 i + j
    numbers = torch.arange(4096.0)
    return state | {"classifier.0.weight": taps, "classifier.0.bias": numbers, "classifier.3.weight": numbers[:, None] + numbers[None] / 8192, "classifier.3.bias": -numbers}


def test_fc6_by_decimation(vgg16):
    model = models.create("deeplab_v1", 2)
    assert model.load_vgg16(vgg16) == []
    assert model.fc6.weight[7, 11].tolist() == [[0, 3, 6], [21, 24, 27], [42, 45, 48]]
    kept = model.fc6.bias.long()
    assert len(kept.unique()) == 1024 and not torch.equal(kept, torch.arange(1024)) and kept.max() > 3900
    assert torch.equal(model.fc7.weight[:, :, 0, 0], kept[:, None] + kept[None] / 8192) and torch.equal(model.fc7.bias, -kept.float())
    again = models.create("deeplab_v1", 2)
    again.load_vgg16(vgg16)
    assert torch.equal(again.fc6.bias, model.fc6.bias)                                  # always the same draw


def test_decimated_taps_lie_where_vgg16s_lay():
    """At rate 12 the 3x3 kernel is the 7x7 kernel of rate 4 with its other taps at zero."""
    full = torch.randn(1, 1, 7, 7)
    for kernel, rate in ((3, 12), (4, 8)):
        step = 6 // (kernel - 1)
        masked = torch.zeros_like(full)
        masked[..., ::step, ::step] = full[..., ::step, ::step]
        assert torch.equal(ops.zero_stuffed(full[..., ::step, ::step], rate), ops.zero_stuffed(masked, 4))


def test_convolutions_alone_leave_fc6_and_fc7_new(vgg16):
    model = models.create("deeplab_v1", 2, variant="large_fov")
    before = model.fc6.weight.clone()
    assert model.load_vgg16({name: value for name, value in vgg16.items() if name.startswith("features")}) == ["fc6", "fc7"]
    assert torch.equal(model.fc6.weight, before) and model.features.conv1_2.weight.unique().tolist() == [2.0]


# -- refused -----------------------------------------------------------------------------------------------------------------------------

REFUSED = {
    "variant": (lambda: thin(variant="5x5"), ValueError, ["'5x5'", "large_fov"]),
    "rate 0": (lambda: thin(rate=0), ValueError, ["0", "12"]),
    "an odd rate under an even kernel": (lambda: thin(variant="4x4_rate4", rate=3), ValueError, ["4x4", "3"]),
    "padding": (lambda: thin(padding=100), ValueError, ["deeplab_v1", "'padding'"]),
    "narrow for ImageNet": (lambda: thin().load_vgg16({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}), ValueError, ["features.0", "width=1.0"]),
    "narrow for fc6": (lambda: thin().load_vgg16({"classifier.3.weight": torch.zeros(4096, 4096), "classifier.3.bias": torch.zeros(4096)}), ValueError, ["classifier.3", "width=1.0"]),
    "no batch axis": (lambda: thin()(pictures(8, 8)[0]), ValueError, ["images[None]"]),
    "not normalised": (lambda: thin()(pictures(8, 8).byte()), TypeError, ["uint8"]),
    "a row of six maps": (lambda: thin(multi_scale=True).scorer(), ValueError, ["multi_scale"]),
    "a row of skips": (lambda: models.scorer(models.create("fcn8s", 3, width=THIN, padding="same")), ValueError, ["FCN8s", "fcn32s"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, kind, told = REFUSED[what]
    refused(action, told, kind)
