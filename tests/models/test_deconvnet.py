"""DeconvNet: the release's layers and counts, there and back at any size, what its ways of unpooling are, encode and decode, what is refused."""

import pytest
import torch
from torch import fx, nn

from segcourse import models, ops, published

THIN = 1 / 32
MANNERS = [{}, {"deconvolve": False}, {"unpool": "corner"}, {"unpool": "nearest"}, {"unpool": "bilinear"}, {"unpool": "none"}, {"batch_norm": False},
           {"unpool": "nearest", "deconvolve": False}]
EVERY_WAY = pytest.mark.parametrize("options", MANNERS, ids=str)


def on_paper(num_classes=21, **options):
    """The network at full size without memory for its weights: shapes and counts only."""
    with torch.device("meta"):
        return models.create("deconvnet", num_classes, **options).eval()


def thin(num_classes=5, *, grid=2, **options):
    """A narrow network in evaluation mode whose normalisations have seen pictures once, so that its numbers are neither all alike nor vanish."""
    torch.manual_seed(0)
    model = models.create("deconvnet", num_classes, width=THIN, grid=grid, **options)
    for norm in norms(model):
        norm.momentum = 1.0
    with torch.no_grad():
        model(torch.randn(4, 3, 32 * grid, 32 * grid))
    return model.eval()


def pictures(*size, images=1, seed=0):
    return torch.randn(images, 3, *size, generator=torch.Generator().manual_seed(seed))


def norms(model):
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


# -- the release's layers ----------------------------------------------------------------------------------------------------------------

TABLE = [("pool1", 112, 64), ("pool2", 56, 128), ("pool3", 28, 256), ("pool4", 14, 512), ("pool5", 7, 512), ("fc6", 1, 4096), ("fc7", 1, 4096),
         ("fc6_deconv", 7, 512), ("unpool5", 14, 512), ("deconv5_1", 14, 512), ("deconv5_2", 14, 512), ("deconv5_3", 14, 512), ("unpool4", 28, 512),
         ("deconv4_1", 28, 512), ("deconv4_2", 28, 512), ("deconv4_3", 28, 256), ("unpool3", 56, 256), ("deconv3_1", 56, 256), ("deconv3_2", 56, 256),
         ("deconv3_3", 56, 128), ("unpool2", 112, 128), ("deconv2_1", 112, 128), ("deconv2_2", 112, 64), ("unpool1", 224, 64), ("deconv1_1", 224, 64),
         ("deconv1_2", 224, 64), ("seg_score", 224, 21)]


def test_the_releases_table_from_224_to_one_cell_and_back():
    model, seen = on_paper(), []
    wanted = {name for name, _, _ in TABLE}
    for name, layer in model.named_modules():
        short = name.split(".")[-1]
        if short in wanted:
            layer.register_forward_hook(lambda _, inputs, output, short=short: seen.append((short, output[0] if isinstance(output, tuple) else output)))
    assert model(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 21, 224, 224)
    assert [(name, tuple(map_.shape)) for name, map_ in seen] == [(name, (1, channels, side, side)) for name, side, channels in TABLE]


def test_parameters():
    """251,772,245 in convolutions, their biases among them, and 29 normalisations; 252M as printed."""
    model = on_paper()
    count = sum(part.numel() for part in model.parameters())
    assert count == 251_805_653 and len(norms(model)) == 29
    assert count - sum(part.numel() for norm in norms(model) for part in norm.parameters()) == 251_772_245
    assert f"{count / 1e6:.0f}M" == published.get("deconvnet.deconvnet.parameters").printed


def test_the_number_of_camvid_is_the_one_of_chapter_00():
    for key, other in (("camvid", "miou"), ("camvid_accuracy", "pixel_accuracy")):
        assert published.get(f"deconvnet.deconvnet.{key}").printed == published.get(f"pixels.deconvnet.{other}").printed


def test_a_deconvolution_enlarges_nothing_but_fc6_s():
    """Claim 3.1: stride 1 and padding 1, so that the map keeps its size; 1x1 becomes 7x7 in fc6_deconv."""
    deconvs = [layer for name, layer in on_paper().named_modules() if isinstance(layer, nn.ConvTranspose2d) and name != "fc6_deconv"]
    assert len(deconvs) == 13 and all((layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1)) for layer in deconvs)
    assert on_paper().fc6_deconv.kernel_size == (7, 7)


def test_what_it_starts_from():
    torch.manual_seed(0)
    model = models.create("deconvnet", 5, width=0.25, grid=2)
    assert all(norm.weight.eq(1).all() and norm.bias.eq(0.001).all() for norm in norms(model))
    assert model.decoder["deconv5_2"].deconv.weight.std().item() == pytest.approx(0.02, rel=0.02)       # 0.01 at the paper's width
    torch.manual_seed(0)
    bare = models.create("deconvnet", 5, width=0.25, grid=2, batch_norm=False)
    assert bare.decoder["deconv5_2"].deconv.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    steps = dict(bare.decode_steps(bare.encode(pictures(64, 64))))
    assert steps["deconv1_2"].std() > 1e-4 * steps["fc6_deconv"].std()                                           # with 0.02 it would be 1e-12


# -- sizes -------------------------------------------------------------------------------------------------------------------------------

def test_odd_sides_return_to_where_they_came_from():
    """CamVid: 45 cells are pooled to 23, rounded up as Caffe does, and unpooled to 45 again."""
    model = on_paper(11)
    encoded = model.encode(torch.empty(1, 3, 360, 480, device="meta"))
    assert [tuple(size) for size in encoded.sizes] == [(360, 480), (180, 240), (90, 120), (45, 60), (23, 30)] and encoded.code.shape == (1, 4096, 6, 9)
    sides = {name: tuple(map_.shape[2:]) for name, map_ in model.decode_steps(encoded)}
    assert [sides[name] for name in ("fc6_deconv", "unpool5", "unpool4", "unpool3", "unpool2", "unpool1", "seg_score")] == [
        (12, 15), (23, 30), (45, 60), (90, 120), (180, 240), (360, 480), (360, 480)]


@pytest.mark.parametrize("grid", [1, 2, 3])
def test_grid_is_the_kernel_of_fc6(grid):
    model = on_paper(3, width=THIN, grid=grid)
    assert model.fc6.kernel_size == model.fc6_deconv.kernel_size == (grid, grid)
    assert model.encode(torch.empty(1, 3, 32 * grid, 32 * grid, device="meta")).code.shape == (1, 128, 1, 1)
    least = 32 * (grid - 1) + 1
    assert model(torch.empty(1, 3, least, least, device="meta")).shape == (1, 3, least, least)


# -- there and back ----------------------------------------------------------------------------------------------------------------------

@EVERY_WAY
def test_any_size_there_and_back_to_the_bit_and_traced(options):
    """Forward is decode of encode, its last step is the answer, and torch.fx follows."""
    model = thin(**options)
    traced = fx.symbolic_trace(model)
    for size in ((64, 64), (33, 90), (70, 65)):
        images = pictures(*size, images=2)
        logits, encoded = model(images), model.encode(images)
        for _, last in model.decode_steps(encoded):
            pass
        assert logits.shape == (2, 5, *size) and logits.isfinite().all() and logits.std() > 0
        assert isinstance(encoded, models.Encoded) and all(torch.equal(logits, same) for same in (model.decode(encoded), last, traced(images)))
    assert encoded.code.shape == (2, 128, 2, 2) and [tuple(size) for size in encoded.sizes] == [(70, 65), (35, 33), (18, 17), (9, 9), (5, 5)]
    assert [switches.dtype for switches in encoded.switches] == [torch.int64] * 5


def test_the_steps_in_order():
    names = [name for name, _ in thin().decode_steps(thin().encode(pictures(64, 64)))]
    assert names == [name for name, _, _ in TABLE if name.startswith(("fc6_d", "unpool", "deconv", "seg"))]
    bare = thin(deconvolve=False)
    assert [name for name, _ in bare.decode_steps(bare.encode(pictures(64, 64)))] == [
        "fc6_deconv", "unpool5", "unpool4", "narrow4", "unpool3", "narrow3", "unpool2", "narrow2", "unpool1", "seg_score"]


def test_switches_and_maps_are_those_of_the_course_s_own_operations():
    """The trunk's switches and what unpooling makes of them, beside ops written out."""
    model, images = thin(), pictures(64, 64, images=2)
    x = images
    encoded = model.encode(images)
    stage = 0
    for name, layer in model.features.items():
        if name.startswith("pool"):
            x, switches = ops.max_pool2d_with_switches(x, 2, ceil_mode=True)
            assert torch.equal(switches, encoded.switches[stage])
            stage += 1
        else:
            x = layer(x)
    before = None
    for name, map_ in model.decode_steps(encoded):
        if name.startswith("unpool"):
            number = int(name[-1]) - 1
            assert torch.equal(map_, ops.max_unpool2d(before, encoded.switches[number], encoded.sizes[number]))
        before = map_


@pytest.mark.parametrize(("way", "ours"), [("corner", lambda x, size: ops.bed_of_nails(x, 2, size)), ("nearest", lambda x, size: ops.nearest_unpool2d(x, 2, size)),
                                           ("bilinear", lambda x, size: ops.resize(x, (2 * x.shape[2], 2 * x.shape[3]))[..., :size[0], :size[1]])])
def test_the_other_ways_back_are_the_course_s_too(way, ours):
    model = thin(unpool=way)
    encoded, before = model.encode(pictures(70, 65)), None
    for name, map_ in model.decode_steps(encoded):
        if name.startswith("unpool"):
            torch.testing.assert_close(map_, ours(before, encoded.sizes[int(name[-1]) - 1]), rtol=1e-6, atol=1e-6)
        before = map_
    other = encoded._replace(switches=model.encode(pictures(70, 65, seed=1)).switches)
    assert torch.equal(model.decode(encoded), model.decode(other))                       # no switch is looked at


def test_another_picture_s_switches_change_the_answer():
    model = thin()
    a, b = model.encode(pictures(64, 64)), model.encode(pictures(64, 64, seed=1))
    swapped = model.decode(b._replace(switches=a.switches))
    assert not torch.allclose(swapped, model.decode(a)) and not torch.allclose(swapped, model.decode(b))


def test_unpooling_alone_leaves_most_places_empty():
    """Claim 3.1: each unpooling leaves three quarters of a channel empty, and what joins channels in 1x1 convolutions fills no place that all leave empty."""
    model = thin(deconvolve=False)
    before = None
    for name, map_ in model.decode_steps(model.encode(pictures(64, 64))):
        if name.startswith("unpool"):
            assert torch.equal(map_.ne(0).sum((2, 3)), before.ne(0).sum((2, 3))) and map_[0, 0].numel() == 4 * before[0, 0].numel()
        if name.startswith("narrow"):
            assert torch.equal(map_.ne(0).any(1), before.ne(0).any(1))
        before = map_
    assert not any(isinstance(layer, nn.ConvTranspose2d) for layer in model.decoder.modules())


def test_deconvolving_alone_has_as_many_weights():
    both, alone = on_paper(), on_paper(unpool="none")
    assert sum(part.numel() for part in alone.parameters()) == 251_805_653 and alone.state_dict().keys() == both.state_dict().keys()
    assert not any(name.startswith("unpool") for name in alone.decoder)


def test_a_picture_larger_than_the_grid_is_decoded_cell_by_cell():
    """fc6 is a convolution without padding: a picture moved by 32 pixels moves its code by one cell, away from the rims."""
    model = thin().double()
    wide = torch.randn(1, 3, 64, 512, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        here, there = model.encode(wide).code, model.encode(wide.roll(-32, 3)).code
    assert here.shape == (1, 128, 1, 15)
    torch.testing.assert_close(here[..., 6:9], there[..., 5:8], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(here[..., 6:9], there[..., 6:9])


# -- receptive fields, tracing, learning ---------------------------------------------------------------------------------------------------

def test_receptive_fields():
    """A cell of pool5 sees 212 pixels and fc6 404; unpooling counts as nearest upsampling, and each deconvolution sees one cell more on either side."""
    model = on_paper()
    assert ops.receptive_field(model, 224, at="features.pool5").size == (212, 212)
    assert ops.receptive_field(model, 224, at="fc7").size == (404, 404)
    assert ops.receptive_field(model, 224, at="fc6_deconv").size == (404 + 6 * 32,) * 2
    whole = ops.receptive_field(model, 224)
    assert whole.stride == (1, 1) and whole.size_min == (756, 756) and whole.size_max == (788, 788)      # more than the whole square from everywhere


@EVERY_WAY
def test_receptive_field_of_every_way(options):
    field = ops.receptive_field(on_paper(5, width=THIN, grid=2, **options), (64, 64))
    assert field.extent == (64, 64) and field.stride == (1, 1) and field.size_min[0] >= 276


@EVERY_WAY
def test_a_step_moves_the_loss(options, learns):
    torch.manual_seed(0)
    model = models.create("deconvnet", 3, width=THIN, grid=2, **options)
    learns(model, pictures(64, 64, images=4), torch.randint(0, 3, (4, 64, 64)), 0.01)


# -- weights -----------------------------------------------------------------------------------------------------------------------------

def test_vgg16_fits_at_full_width():
    """Names and shapes; fc6 is that of a classifier only at grid 7."""
    import torchvision

    with torch.device("meta"):
        state = torchvision.models.vgg16(weights=None, init_weights=False).state_dict()
        assert models.create("deconvnet", 21).load_vgg16(state) == []
        assert models.create("deconvnet", 21, grid=2).load_vgg16(state) == ["fc6"]


def test_vgg16_in_numbers():
    """The trunk, biases too, and fc6 read as a convolution."""
    from segcourse.models import vgg

    torch.manual_seed(0)
    classifier = vgg.VGG16(10, width=THIN).eval()
    names = {f"features.{ours}": their for ours, their in vgg.torchvision_names().items()} | {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
    state = {f"{names[key.rsplit('.', 1)[0]]}.{key.rsplit('.', 1)[1]}": value for key, value in classifier.state_dict().items()}
    model = models.create("deconvnet", 5, width=THIN, batch_norm=False).eval()
    assert model.load_vgg16(state) == []
    images = pictures(224, 224)
    with torch.no_grad():
        hidden = torch.relu(classifier.fc7(torch.relu(classifier.fc6(classifier.features(images).flatten(1)))))
        torch.testing.assert_close(model.encode(images).code[..., 0, 0], hidden, rtol=1e-4, atol=1e-5)
    del state["features.28.weight"]
    assert model.load_vgg16(state) == ["features.conv5_3"]


# -- refused -----------------------------------------------------------------------------------------------------------------------------

def _swap(**parts):
    model = thin()
    return model.decode(model.encode(pictures(64, 64))._replace(**parts))


REFUSED = {
    "smaller than the grid": (lambda: thin()(pictures(64, 32)), ValueError, ["64x32", "2x2", "33"]),
    "smaller than the paper's": (lambda: thin(grid=7)(pictures(192, 300)), ValueError, ["192x300", "7x7", "193"]),
    "one picture of one cell": (lambda: thin().train()(pictures(64, 64)), ValueError, ["eval()", "2"]),
    "grid 0": (lambda: thin(grid=0), ValueError, ["0", "7"]),
    "a grid of two numbers": (lambda: thin(grid=(2, 2)), ValueError, ["(2, 2)"]),
    "another way": (lambda: thin(unpool="nails"), ValueError, ["'nails'", "corner"]),
    "nothing that enlarges": (lambda: thin(unpool="none", deconvolve=False), ValueError, ["deconvolve=False"]),
    "padding": (lambda: thin(padding="same"), ValueError, ["deconvnet", "'padding'"]),
    "switches of a larger picture": (lambda: _swap(switches=thin().encode(pictures(128, 128)).switches), ValueError, ["(1, 16, 4, 4)", "(1, 16, 2, 2)"]),
    "sizes of a larger picture": (lambda: _swap(sizes=thin().encode(pictures(128, 128)).sizes), ValueError, ["2x2", "8x8"]),
    "a code of another picture size": (lambda: _swap(code=torch.zeros(1, 128, 2, 2)), ValueError, ["3x3", "4x4"]),
    "two codes": (lambda: _swap(code=torch.zeros(2, 128, 1, 1)), ValueError, ["(2, 16, 2, 2)", "(1, 16, 2, 2)"]),
    "a code of another width": (lambda: _swap(code=torch.zeros(1, 64, 1, 1)), ValueError, ["(1, 64, 1, 1)", "128"]),
    "switches of three levels": (lambda: _swap(switches=thin().encode(pictures(64, 64)).switches[:3]), ValueError, ["3", "5"]),
    "switches in 32 bits": (lambda: _swap(switches=[level.int() for level in thin().encode(pictures(64, 64)).switches]), ValueError, ["pool1", "torch.int32"]),
    # a side of 63 and one of 64 both leave 32: the shapes fit, and only where the switches point tells
    "switches of a narrower picture": (lambda: _swap(switches=thin().encode(pictures(64, 63)).switches), ValueError, ["pool1", "64x64", "2x2"]),
    "sizes of a narrower picture": (lambda: _swap(sizes=thin().encode(pictures(64, 63)).sizes), ValueError, ["pool1", "64x63", "2x2"]),
    "no batch axis": (lambda: thin()(pictures(64, 64)[0]), ValueError, ["images[None]"]),
    "narrow for ImageNet": (lambda: thin().load_vgg16({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}), ValueError, ["features.0", "width=1.0"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, kind, told = REFUSED[what]
    refused(action, told, kind)


def test_one_picture_of_one_cell_is_welcome_where_nothing_is_learned_from_it():
    """In evaluation, with frozen statistics, without normalisation; and a larger picture can be learned from alone."""
    from segcourse.training import batch_norm

    frozen = thin()
    batch_norm.train_mode(frozen, "frozen")
    for model, size in ((thin(), 64), (frozen, 64), (thin(batch_norm=False).train(), 64), (thin().train(), 65)):
        assert model(pictures(size, size)).isfinite().all()
