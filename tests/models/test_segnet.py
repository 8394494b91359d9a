"""SegNet: the release's layers and counts, any size, encode and decode, where its dropout stands, what is refused."""

import pytest
import torch
from torch import fx, nn

from segcourse import models, ops, published

THIN = 1 / 32
EVERY_WAY = pytest.mark.parametrize("options", [{}, {"unpool": "corner"}, {"unpool": "nearest"}, {"unpool": "bilinear"}, {"batch_norm": False}], ids=str)


def on_paper(num_classes=11, **options):
    with torch.device("meta"):
        return models.create("segnet", num_classes, **options).eval()


def thin(num_classes=5, **options):
    """A narrow network in evaluation mode whose normalisations have seen pictures once."""
    torch.manual_seed(0)
    model = models.create("segnet", num_classes, width=THIN, **options)
    for norm in (layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))
    return model.eval()


def pictures(*size, images=1, seed=0):
    return torch.randn(images, 3, *size, generator=torch.Generator().manual_seed(seed))


TABLE = [("unpool5", (23, 30), 512), ("conv5_3_D", (23, 30), 512), ("conv5_2_D", (23, 30), 512), ("conv5_1_D", (23, 30), 512), ("unpool4", (45, 60), 512),
         ("conv4_3_D", (45, 60), 512), ("conv4_2_D", (45, 60), 512), ("conv4_1_D", (45, 60), 256), ("unpool3", (90, 120), 256), ("conv3_3_D", (90, 120), 256),
         ("conv3_2_D", (90, 120), 256), ("conv3_1_D", (90, 120), 128), ("unpool2", (180, 240), 128), ("conv2_2_D", (180, 240), 128),
         ("conv2_1_D", (180, 240), 64), ("unpool1", (360, 480), 64), ("conv1_2_D", (360, 480), 64), ("conv1_1_D", (360, 480), 11)]


def test_the_releases_table_on_camvid():
    """Pooled rounding up: 45 rows leave 23, and 23 return to 45."""
    model = on_paper()
    encoded = model.encode(torch.empty(2, 3, 360, 480, device="meta"))
    assert encoded.code.shape == (2, 512, 12, 15) and [tuple(size) for size in encoded.sizes] == [(360, 480), (180, 240), (90, 120), (45, 60), (23, 30)]
    assert [(name, tuple(map_.shape)) for name, map_ in model.decode_steps(encoded)] == [(name, (2, channels, *size)) for name, size, channels in TABLE]


def test_parameters():
    """29,433,483 in 26 convolutions, their biases among them; 29.5M as printed."""
    model = on_paper()
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    count = sum(part.numel() for part in model.parameters())
    assert len(convolutions) == 26 and sum(part.numel() for layer in convolutions for part in layer.parameters()) == 29_433_483 and count == 29_449_355
    assert abs(count - published.get("segnet.segnet.parameters").value) < 0.1e6


@EVERY_WAY
def test_any_size_there_and_back_to_the_bit_and_traced(options):
    model = thin(**options)
    traced = fx.symbolic_trace(model)
    for size in ((1, 1), (33, 70), (64, 17)):
        images = pictures(*size, images=2)
        logits, encoded = model(images), model.encode(images)
        assert logits.shape == (2, 5, *size) and logits.isfinite().all() and (logits.std() > 0 or size == (1, 1))      # one pixel may leave every unit off
        assert torch.equal(logits, model.decode(encoded)) and torch.equal(logits, traced(images)) and encoded.code.shape == (2, 16, -(-size[0] // 32), -(-size[1] // 32))


def test_only_the_switches_cross_over():
    """Another picture's switches change the answer; without switches nothing of them is looked at."""
    for way, same in (("switches", False), ("nearest", True)):
        model = thin(unpool=way)
        a, b = model.encode(pictures(64, 64)), model.encode(pictures(64, 64, seed=1))
        assert torch.allclose(model.decode(b._replace(switches=a.switches)), model.decode(b)) == same


def test_dropout_stands_in_the_deep_layers():
    """As in Bayesian SegNet: after pool3 to pool5, and at the end of the decoder's blocks 5, 4 and 3."""
    places = [name for name, layer in on_paper(dropout=0.3).named_modules() if isinstance(layer, nn.Dropout) and layer.p == 0.3]
    assert places == ["features.drop3", "features.drop4", "features.drop5", "decoder.conv5_1_D.drop", "decoder.conv4_1_D.drop", "decoder.conv3_1_D.drop"]
    model = thin(dropout=0.0).train()
    for norm in (layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.eval()
    assert torch.equal(model(pictures(40, 40)), model.eval()(pictures(40, 40)))


def test_receptive_field():
    field = ops.receptive_field(on_paper(), (224, 224))
    assert field.stride == (1, 1) and field.size_min == (372, 372) and field.size_max == (404, 404) and field.extent == (224, 224)


@EVERY_WAY
def test_a_step_moves_the_loss(options, learns):
    torch.manual_seed(0)
    model = models.create("segnet", 3, width=THIN, dropout=0.0, **options)
    learns(model, pictures(40, 33, images=2), torch.randint(0, 3, (2, 40, 33)), 0.005)


def test_vgg16_fits_at_full_width():
    import torchvision

    with torch.device("meta"):
        state = torchvision.models.vgg16(weights=None, init_weights=False).state_dict()
        model = models.create("segnet", 11)
        assert model.load_vgg16(state) == []
        del state["features.0.weight"]
        assert model.load_vgg16(state) == ["features.conv1_1"]


def test_the_weights_get_there():
    from segcourse.models import vgg

    model = thin()
    state = {f"{their}.{kind}": torch.full_like(getattr(model.features[ours], kind), number) for number, (ours, their) in enumerate(vgg.torchvision_names().items())
             for kind in ("weight", "bias")}
    assert model.load_vgg16(state) == []
    assert model.features["conv1_1"].weight.eq(0).all() and model.features["conv2_1"].bias.eq(2).all() and model.features["conv5_3"].weight.eq(12).all()


def _swap(**parts):
    model = thin()
    return model.decode(model.encode(pictures(64, 64))._replace(**parts))


REFUSED = {
    "one picture of one cell": (lambda: thin().train()(pictures(16, 16)), ValueError, ["eval()", "conv5"]),
    "another way": (lambda: thin(unpool="none"), ValueError, ["'none'", "bilinear"]),
    "a code of another width": (lambda: _swap(code=torch.zeros(1, 8, 2, 2)), ValueError, ["(1, 8, 2, 2)", "16"]),
    "switches of a narrower picture": (lambda: _swap(switches=thin().encode(pictures(64, 63)).switches), ValueError, ["pool1", "64x64", "2x2"]),
    "a grid": (lambda: thin(grid=7), ValueError, ["segnet", "'grid'"]),
    "switches of a larger picture": (lambda: _swap(switches=thin().encode(pictures(128, 128)).switches), ValueError, ["(1, 16, 4, 4)", "(1, 16, 2, 2)"]),
    "sizes of a larger picture": (lambda: _swap(sizes=thin().encode(pictures(128, 128)).sizes), ValueError, ["2x2", "8x8"]),
    "an empty picture": (lambda: thin()(pictures(8, 0)), ValueError, ["(1, 3, 8, 0)"]),
    "not normalised": (lambda: thin()(pictures(8, 8).byte()), TypeError, ["uint8"]),
    "narrow for ImageNet": (lambda: thin().load_vgg16({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}), ValueError, ["width=1.0"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused):
    action, kind, told = REFUSED[what]
    refused(action, told, kind)


def test_one_small_picture_is_welcome_where_nothing_is_learned_from_it():
    for model, size in ((thin(), 16), (thin(batch_norm=False).train(), 16), (thin().train(), 17)):
        assert model(pictures(size, size)).isfinite().all()
