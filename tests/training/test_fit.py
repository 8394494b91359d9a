"""The loop: it learns, repeats itself, orders its batches by the seed alone, and leaves the caller's random numbers alone."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from segcourse.training import Callback, Recipe, TrainingError, evaluate, fit, predict
from segcourse.training import device as devices
from segcourse.training.augment import apply, draw
from segcourse.training.optimisers import make_optimizer
from segcourse.training.order import Order


def network(seed=0):
    """As conftest's, in a place where layers may be exchanged by number."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Dropout(0.1), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 3, 1))


QUICK = Recipe(steps=8, batch_size=2, optimizer="adamw", lr=0.01, weight_decay=0.0)


def test_overfits_four_scenes(scenes):
    data, model = scenes(), network()
    before = evaluate(model, data).miou
    history = fit(model, data, data, replace(QUICK, steps=150, batch_size=4, schedule="one_cycle", class_weights="median_frequency"), device="cpu")
    scores = history.scores[-1][1]
    assert before < 0.5 and scores.miou > 0.95 and scores.iou.min() > 0.9
    assert history.losses[-1] < 0.1 * history.losses[0]


def weights_after(scenes, recipe, seed=0):
    model = network(seed)
    fit(model, scenes(), None, recipe, device="cpu")
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def test_same_seed_same_weights_bit_for_bit(scenes):
    recipe = replace(QUICK, flip=True, scale=(0.5, 2.0), colour=0.2, crop=(20, 20))
    torch.manual_seed(1)
    first = weights_after(scenes, recipe)
    torch.manual_seed(2)
    assert torch.equal(first, weights_after(scenes, recipe))
    assert not torch.equal(first, weights_after(scenes, replace(recipe, seed=1)))


def test_the_callers_random_numbers_go_on_undisturbed(scenes):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    weights_after(scenes, QUICK)
    assert torch.equal(torch.rand(3), expected)


def test_one_plain_step_of_sgd_is_the_gradient_by_hand(scenes):
    """Weights move by minus lr times (gradient + decay times weight), biases by minus twice lr times gradient, as Caffe's recipes say."""
    data, model, reference = scenes(), network().eval(), network().eval()
    for net in (model, reference):
        net[2] = nn.Identity()
    from segcourse.datasets import normalise
    loss = nn.functional.cross_entropy(reference(normalise(data.images)), data.labels.long(), ignore_index=3)
    loss.backward()
    history = fit(model, data, None, Recipe(steps=1, batch_size=4, lr=0.1, momentum=0.9, weight_decay=0.01, bias_lr=2.0), device="cpu")
    assert history.losses[0] == pytest.approx(loss.item(), rel=1e-5)
    for new, old in zip(model.parameters(), reference.parameters(), strict=True):
        moved = 0.1 * (old.grad + 0.01 * old) if old.ndim > 1 else 0.2 * old.grad
        assert torch.allclose(new, old - moved, atol=1e-6)


def test_trunk_rate_and_frozen_layers_make_their_own_groups():
    net = network()
    model = nn.ModuleDict({"features": net[0], "middle": net[3], "score": net[5]})
    model["middle"].weight.requires_grad_(False)
    groups = make_optimizer(model, replace(QUICK, lr=1.0, trunk_lr=0.1, bias_lr=2.0, weight_decay=0.5)).param_groups
    assert sorted((group["rate"], group["weight_decay"], len(group["params"])) for group in groups) == [
        (0.1, 0.5, 1), (0.2, 0.0, 1), (1.0, 0.5, 1), (2.0, 0.0, 2)]


def test_batches_use_every_picture_once_a_pass():
    order = Order(10, seed=0)
    drawn = torch.cat([order.take(4 * step, 4) for step in range(5)])
    assert len(drawn) == 20 and sorted(drawn[:10].tolist()) == list(range(10)) == sorted(drawn[10:].tolist())
    assert drawn[:10].tolist() != drawn[10:].tolist()
    assert [Order(10, seed=0)[place] for place in (19, 3, 11)] == [int(drawn[place]) for place in (19, 3, 11)]      # whatever was asked before


def test_callbacks_are_told_everything_in_order(scenes):
    told = []

    class Listener(Callback):
        def on_start(self, run):
            told.append("start")

        def on_step(self, run, step, loss):
            told.append(step)
            assert run.step == step and run.history.losses[-1] == loss

        def on_evaluate(self, run, step, scores):
            told.append(f"look {step}")
            assert 0 <= scores.miou <= 1

        def on_end(self, run):
            told.append("end")

    fit(network(), scenes(), scenes(), replace(QUICK, steps=4, evaluate_every=2), callbacks=[Listener()], device="cpu")
    assert told == ["start", 1, 2, "look 2", 3, 4, "look 4", "end"]


def test_a_loss_that_is_no_number_stops_with_step_and_remedy(scenes):
    with pytest.raises(TrainingError, match="step 1.*learning rate"):
        model = network()
        nn.init.constant_(model[5].bias, float("nan"))
        fit(model, scenes(), None, QUICK, device="cpu")


def test_a_label_out_of_range_is_named(scenes):
    data = scenes()
    data.labels[2, 3, 3] = 7
    with pytest.raises(ValueError, match="picture 2 of scenes holds the label 7, but with 3 classes"):
        fit(network(), data, None, QUICK, device="cpu")


def test_another_number_of_classes_is_refused(scenes):
    with pytest.raises(ValueError, match="3 classes and scenes has 5"):
        data = scenes()
        data.num_classes = 5
        evaluate(network(), data)


def test_evaluate_leaves_the_mode_and_does_not_depend_on_the_batch(scenes):
    model = network().train()
    one, many = evaluate(model, scenes(), batch_size=1), evaluate(model, scenes(), batch_size=4)
    assert model.training and torch.equal(one.confusion, many.confusion) and torch.equal(one.boundary_union, many.boundary_union)


def test_predict_keeps_the_photos_size_and_takes_paths(tmp_path, scenes):
    from PIL import Image

    model = network().eval()
    image = scenes().images[0]
    label = predict(model, image)
    assert label.shape == (24, 32) and label.dtype == torch.uint8
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "photo.png")
    assert torch.equal(predict(model, tmp_path / "photo.png"), label) and torch.equal(predict(model, Image.open(tmp_path / "photo.png")), label)
    assert predict(model, image.repeat(1, 4, 4), short_side=24).shape == (96, 128)
    with pytest.raises(ValueError, match="uint8"):
        predict(model, image.float())


def augment(images, labels, recipe, *, void, generator):
    """Draw and apply at once."""
    return apply(images, labels, draw(len(images), tuple(images.shape[-2:]), recipe, generator), void=void)


class TestAugment:
    images = torch.arange(2 * 3 * 12 * 16).view(2, 3, 12, 16).float()
    labels = (torch.arange(2 * 12 * 16) % 11).view(2, 12, 16).to(torch.uint8)

    def run(self, seed=0, **values):
        return augment(self.images, self.labels, replace(Recipe(), **values), void=11, generator=torch.Generator().manual_seed(seed))

    def test_nothing_asked_nothing_done(self):
        images, labels = self.run()
        assert torch.equal(images, self.images) and torch.equal(labels, self.labels)

    def test_flip_mirrors_both_or_neither(self):
        seen = set()
        for seed in range(8):
            images, labels = self.run(seed, flip=True)
            for number in range(2):
                turned = torch.equal(images[number], self.images[number].flip(-1))
                assert turned or torch.equal(images[number], self.images[number])
                assert torch.equal(labels[number], self.labels[number].flip(-1) if turned else self.labels[number])
                seen.add(turned)
        assert seen == {True, False}

    def test_a_crop_is_a_window_moved_by_less_than_a_pixel(self):
        """Image and label must be resampled at the same place: a picture whose value is its column and a label that is the column agree."""
        columns = torch.arange(11.0).expand(1, 3, 10, 11)
        labels = torch.arange(11, dtype=torch.uint8).expand(1, 10, 11)
        for seed in range(20):
            images, cut = augment(columns, labels, replace(Recipe(), crop=(6, 5), flip=True), void=255, generator=torch.Generator().manual_seed(seed))
            assert images.shape == (1, 3, 6, 5) and cut.shape == (1, 6, 5)
            assert (images[0, 0] - cut[0].float()).abs().max() <= 0.5 + 1e-4

    def test_outside_is_void_and_mean_colour(self):
        images, labels = augment(torch.ones(1, 3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8), replace(Recipe(), scale=(0.5, 0.5)), void=11,
                                 generator=torch.Generator().manual_seed(0))
        assert labels.unique().tolist() == [0, 11] and (labels == 0).sum() == 16
        assert images[0, 0][labels[0] == 11].max() < 1 and images.min() == 0

    def test_a_share_of_a_batch_is_treated_as_in_the_whole(self):
        recipe = replace(Recipe(), scale=(0.5, 2.0), crop=(10, 9), flip=True, colour=0.2)
        whole = augment(self.images, self.labels, recipe, void=11, generator=torch.Generator().manual_seed(3))
        drawn = draw(2, (12, 16), recipe, torch.Generator().manual_seed(3))
        for number in range(2):
            part = slice(number, number + 1)
            images, labels = apply(self.images[part], self.labels[part], drawn[part], void=11)
            assert torch.equal(images, whole[0][part]) and torch.equal(labels, whole[1][part])

    def test_enlarging_shows_a_part(self):
        _, labels = self.run(scale=(2.0, 2.0))
        assert labels.shape == (2, 12, 16) and 11 not in labels.unique().tolist()


class TestDevice:
    def test_cuda_asked_for_but_absent(self):
        if torch.cuda.is_available():
            pytest.skip("this machine has a CUDA device")
        with pytest.raises(ValueError, match="no CUDA GPU.*--device cpu"):
            devices.choose("cuda")

    def test_no_such_device(self):
        with pytest.raises(ValueError, match="'gpu'"):
            devices.choose("gpu")

    def test_fabric_leaves_torchmetrics_importable(self):
        import sys

        devices.fabric(torch.device("cpu"))
        assert not hasattr(sys.modules.get("torchmetrics"), "__file__") or sys.modules["torchmetrics"].__file__

    @pytest.mark.gpu
    def test_cpu_and_gpu_train_alike(self, scenes):
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")
        results = []
        for place in ("cpu", "cuda"):
            model = network()
            model[2] = nn.Identity()          # dropout draws from the device's own numbers
            history = fit(model, scenes(), scenes(), replace(QUICK, precision="float32", scale=(0.5, 2.0), flip=True), device=place)
            results.append(history.losses)
        assert results[0] == pytest.approx(results[1], rel=1e-3)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch_size": 0}, {"optimizer": "adam"}, {"loss_reduction": "none"}, {"precision": "int8"}, {"top_k": 1.5},
                                   {"top_k": 0.25, "class_weights": "median_frequency"}, {"top_k": 0.25, "loss_reduction": "sum"}])
def test_recipes_refuse_values_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Recipe(**wrong)


def test_recipe_survives_json():
    import json

    recipe = Recipe(scale=(0.5, 2.0), crop=(200, 240))
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
