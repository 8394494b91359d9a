"""VGG16 and the way of its weights: torchvision's names, the classifier read as convolutions."""

import pytest
import torch
import torchvision
from torch import nn

from segcourse import models, ops
from segcourse.language import reading
from segcourse.models import vgg

THIN = 1 / 16
CLASSIFIER = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}


@pytest.fixture(scope="module")
def theirs():
    """torchvision's vgg16 without memory for its weights."""
    with torch.device("meta"):
        return torchvision.models.vgg16(weights=None, init_weights=False)


def named_as_torchvision(network):
    """The weights of our VGG16 under torchvision's names."""
    names = {f"features.{ours}": their for ours, their in vgg.torchvision_names().items()} | CLASSIFIER
    return {f"{names[key.rsplit('.', 1)[0]]}.{key.rsplit('.', 1)[1]}": value for key, value in network.state_dict().items()}


@pytest.fixture(scope="module")
def thin():
    torch.manual_seed(0)
    return vgg.VGG16(10, width=THIN).eval()


def test_parameters(theirs):
    with torch.device("meta"):
        ours = vgg.VGG16()
    assert sum(part.numel() for part in ours.features.parameters()) == 14_714_688
    assert sum(part.numel() for part in ours.parameters()) == sum(part.numel() for part in theirs.parameters()) == 138_357_544


def test_every_weight_of_torchvision_has_its_place(theirs):
    with torch.device("meta"):
        ours = vgg.VGG16()
    renamed = named_as_torchvision(ours)
    assert {name: value.shape for name, value in renamed.items()} == {name: value.shape for name, value in theirs.state_dict().items()}


def test_the_layers_of_the_trunk_in_the_paper_s_order():
    names = [name for name, _ in vgg.trunk_layers(width=THIN) if not name.startswith("relu")]
    assert names == ["conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2", "conv3_1", "conv3_2", "conv3_3", "pool3",
                     "conv4_1", "conv4_2", "conv4_3", "pool4", "conv5_1", "conv5_2", "conv5_3", "pool5"]


def test_the_trunk_computes_what_torchvision_s_does():
    """torchvision's vgg16, its trunk with real weights: an FCN that loads them has the same features."""
    torch.manual_seed(0)
    with torch.device("meta"):
        trunk = torchvision.models.vgg16(weights=None, init_weights=False).features
    trunk.to_empty(device="cpu")
    vgg.he_initialise(trunk)
    state = {f"features.{name}": value for name, value in trunk.state_dict().items()}
    with torch.device("meta"):
        fcn = models.create("fcn32s", 21, padding="same")
    fcn.features.to_empty(device="cpu")
    assert fcn.load_vgg16(state) == ["fc6", "fc7"]
    images = torch.randn(1, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(fcn.features(images), trunk(images), rtol=1e-5, atol=1e-5)


def test_a_whole_classifier_fits_at_full_width(theirs):
    """Names and shapes of all of torchvision's vgg16; no memory is touched."""
    state = theirs.state_dict()
    with torch.device("meta"):
        for name in ("fcn32s", "fcn16s", "fcn8s"):
            assert models.create(name, 21).load_vgg16(state) == []


@pytest.mark.slow
def test_a_whole_classifier_fits_in_numbers():
    """The same with 138 million numbers: about 1.1 GB for a moment."""
    network = torchvision.models.vgg16(weights=None, init_weights=False)
    fcn = models.create("fcn8s", 21)
    assert fcn.load_vgg16(network.state_dict()) == []
    assert torch.equal(fcn.fc6.weight.flatten(1), network.classifier[0].weight) and torch.equal(fcn.fc7.bias, network.classifier[3].bias)


@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
def test_fc6_and_fc7_are_the_classifier_s(name, thin):
    """On the 7x7 map of a 224x224 picture the convolutions give the classifier's 4096 (here 256) numbers, and again
    at each place of a larger map."""
    fcn = models.create(name, 21, width=THIN).eval()
    assert fcn.load_vgg16(named_as_torchvision(thin)) == []
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pool5 = thin.features(images)
        hidden6 = thin.fc6(pool5.flatten(1))
        hidden7 = thin.fc7(torch.relu(hidden6))
        assert pool5.shape[2:] == (7, 7)
        torch.testing.assert_close(fcn.fc6(pool5)[..., 0, 0], hidden6, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(fcn.fc7(torch.relu(fcn.fc6(pool5)))[..., 0, 0], hidden7, rtol=1e-4, atol=1e-5)
        twice = fcn.fc6(torch.cat([pool5, pool5], dim=3))
        torch.testing.assert_close(twice[..., 0, 0], twice[..., 0, 7], rtol=1e-4, atol=1e-5)


def test_loading_is_what_linear_to_conv_does(thin):
    fcn = models.create("fcn8s", 21, width=THIN)
    fcn.load_vgg16(named_as_torchvision(thin))
    for layer, linear, kernel in ((fcn.fc6, thin.fc6, 7), (fcn.fc7, thin.fc7, 1)):
        conv = ops.linear_to_conv(linear, kernel)
        assert torch.equal(layer.weight, conv.weight) and torch.equal(layer.bias, conv.bias)


def test_the_score_layers_and_stamps_stay_as_they_were(thin):
    torch.manual_seed(1)
    fcn = models.create("fcn8s", 21, width=THIN)
    before = {name: value.clone() for name, value in fcn.state_dict().items() if name.startswith(("score", "upscore"))}
    fcn.load_vgg16(named_as_torchvision(thin))
    assert all(torch.equal(fcn.state_dict()[name], value) for name, value in before.items())


def test_what_is_missing_is_named(thin):
    state = named_as_torchvision(thin)
    for name in ("features.28.weight", "classifier.3.weight"):
        del state[name]
    assert models.create("fcn8s", 21, width=THIN).load_vgg16(state) == ["features.conv5_3", "fc7"]


def test_a_network_with_batch_normalisation_takes_the_weights_without_biases(thin):
    fcn = models.create("fcn8s", 21, width=THIN, batch_norm=True)
    assert fcn.load_vgg16(named_as_torchvision(thin)) == []
    assert torch.equal(fcn.features.conv3_2.weight, thin.features.conv3_2.weight) and fcn.features.conv3_2.bias is None


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("options", [{"width": 1 / 8}, {"width": THIN, "in_channels": 1}], ids=str)
def test_weights_of_another_size_are_refused(thin, options, language):
    with reading(language), pytest.raises(ValueError) as error:
        models.create("fcn8s", 21, **options).load_vgg16(named_as_torchvision(thin))
    message = str(error.value)
    assert "\n" not in message and "(4, 3, 3, 3)" in message and "width=1.0" in message


def test_our_vgg16_takes_them_too(thin):
    torch.manual_seed(1)
    other = vgg.VGG16(10, width=THIN).eval()
    other.load_torchvision(named_as_torchvision(thin))
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(other(images), thin(images))


def test_the_classifier_refuses_another_size_by_design(thin):
    with pytest.raises(RuntimeError):
        thin(torch.zeros(1, 3, 256, 256))


def test_he_initialisation_keeps_the_variance():
    """2 / fan_out for convolutions; biases zero."""
    layer = nn.Sequential(nn.Conv2d(64, 128, 3), nn.Linear(512, 256))
    torch.manual_seed(0)
    vgg.he_initialise(layer)
    assert layer[0].weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert layer[1].weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    assert layer[0].bias.eq(0).all() and layer[1].bias.eq(0).all()
