"""predict and evaluate with a CRF behind the network: what goes in, that nothing else changes, what is refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from segcourse import models, ops, training
from segcourse.datasets import normalise
from segcourse.training import inference, refine

WEAK = {"bilateral_xy": 6.0, "bilateral_rgb": 20.0, "iterations": 3}


@pytest.fixture
def sure(network):
    """An untrained network whose classes are far enough apart that a CRF has something to say."""
    model = network(seed=1)
    with torch.no_grad():
        model[-1].weight.mul_(30)
    return model


def test_without_a_crf_it_is_inference(sure, scenes):
    data = scenes()
    assert torch.equal(training.evaluate(sure, data).confusion, inference.evaluate(sure, data).confusion)
    assert torch.equal(training.predict(sure, data[0][0]), inference.predict(sure, data[0][0]))


def by_hand(model, picture, crf):
    with torch.no_grad():
        probabilities = model(normalise(picture[None])).softmax(1)
    return ops.dense_crf(probabilities, picture[None], **crf).argmax(1)[0]


def test_the_probabilities_and_the_picture_go_in(sure, scenes):
    data = scenes(3)
    model = sure.eval()
    expected = [by_hand(model, data[number][0], WEAK) for number in range(3)]
    for number in range(3):
        assert torch.equal(training.predict(sure, data[number][0], crf=WEAK).long(), expected[number])
    truth = torch.stack([data[number][1] for number in range(3)])
    scores = training.evaluate(sure, data, crf=WEAK, batch_size=2)
    assert torch.equal(scores.confusion, ops.confusion_matrix(truth, torch.stack(expected), 3, 3).cpu())
    assert not torch.equal(scores.confusion, training.evaluate(sure, data).confusion)


def test_one_pass_gives_both(sure, scenes):
    seen = []
    sure.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    plain, refined = refine.both(sure, scenes(3), WEAK, batch_size=2)
    assert seen == [2, 1]
    assert torch.equal(plain.confusion, inference.evaluate(sure, scenes(3)).confusion) and torch.equal(refined.confusion, training.evaluate(sure, scenes(3), crf=WEAK).confusion)
    assert torch.equal(plain.boundary_union, inference.evaluate(sure, scenes(3)).boundary_union)


def test_a_layer_that_learns_serves_as_well_and_modes_stay(sure, scenes):
    layer = ops.DenseCRF(3, **WEAK)
    data = scenes(2)
    sure.train()
    assert torch.equal(training.predict(sure, data[0][0], crf=layer), training.predict(sure, data[0][0], crf=WEAK))
    assert torch.equal(training.evaluate(sure, data, crf=layer).confusion, training.evaluate(sure, data, crf=WEAK).confusion)
    assert sure.training and layer.training and all(part.requires_grad for part in sure.parameters()) and not torch.is_inference_mode_enabled()


def test_no_weight_changes_nothing(sure, scenes):
    nothing = {"bilateral_weight": 0.0, "gaussian_weight": 0.0}
    assert torch.equal(training.evaluate(sure, scenes(), crf=nothing).confusion, training.evaluate(sure, scenes()).confusion)


def test_the_crf_sees_the_photo_at_its_own_size(tmp_path):
    """The network sees it shrunk; its probabilities come back to 60x90, and the CRF's widths are pixels of the photo."""
    torch.manual_seed(0)
    model = models.create("deeplab_v1", 4, width=1 / 32, rate=2).eval()
    with torch.no_grad():
        model.fc8.weight.mul_(400)
    photo = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    found = training.predict(model, tmp_path / "photo.png", short_side=30, crf=WEAK)
    picture = torch.from_numpy(photo).permute(2, 0, 1)
    with torch.no_grad():
        small = F.interpolate(normalise(picture)[None], size=(30, 45), mode="bilinear", align_corners=False, antialias=True)
        logits = F.interpolate(model(small), size=(60, 90), mode="bilinear", align_corners=False)
    assert found.dtype == torch.uint8 and torch.equal(found.long(), ops.dense_crf(logits.softmax(1), picture[None], **WEAK).argmax(1)[0])


def test_pictures_of_different_sizes(sure):
    class Mixed:
        name, num_classes, void, classes, same_size = "mixed", 3, 3, ("a", "b", "c"), False

        def __len__(self):
            return 2

        def stack(self, indices):
            (number,) = indices
            return torch.full((1, 3, 8 + 4 * number, 9), 90, dtype=torch.uint8), torch.zeros(1, 8 + 4 * number, 9, dtype=torch.uint8)

    assert training.evaluate(sure, Mixed(), crf=WEAK).confusion.sum() == 8 * 9 + 12 * 9


REFUSED = {
    "a flag": (lambda model, data: training.evaluate(model, data, crf=True), TypeError, ["True", "bilateral_xy"]),
    "another name": (lambda model, data: training.predict(model, data[0][0], crf={"bilateral_x": 3}), ValueError, ["'bilateral_x'", "bilateral_xy"]),
    "no width": (lambda model, data: training.evaluate(model, data, crf={"gaussian_xy": 0}), ValueError, ["gaussian_xy", "0"]),
    "other labels": (lambda model, data: training.evaluate(model, data, crf=ops.DenseCRF(5)), ValueError, ["5", "3"]),
    "other classes": (lambda model, data: training.evaluate(model[:-1], data, crf={}), ValueError, ["12", "3"]),
    "a float picture": (lambda model, data: training.predict(model, data[0][0].float(), crf={}), ValueError, ["float32"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused, sure, scenes):
    action, kind, told = REFUSED[what]
    refused(lambda: action(sure, scenes()), told, kind)
