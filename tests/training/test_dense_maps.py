"""What the lab of the denser map draws of a network: the same weights at three strides, counted, compared and scored."""

import pytest
import torch
from torch import nn

from segcourse import datasets, models, ops
from segcourse.models.dense import enlarge
from segcourse.training import dense_maps, evaluate
from segcourse.training.checkpoints import read_header
from segcourse.training.scores import Scores


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = models.create("fcn32s", num_classes=11, width=0.03, padding="same", batch_norm=True, dropout=0.0, freeze_upsampling=True)
    nn.init.normal_(model.score_fr.weight)
    return model


@pytest.fixture(scope="module")
def pictures():
    return datasets.load("streets", "valid", size=(64, 96), length=5)


def test_the_old_cells_stay_and_new_ones_come(network, pictures):
    network.train()
    maps = dense_maps.compute(network, pictures, show=(1, 3))
    assert network.training, "the network is left in the mode it was in"
    assert maps["scores32"].shape == (2, 11, 2, 3) and maps["scores16"].shape == (2, 11, 3, 5) and maps["scores8"].shape == (2, 11, 5, 9)
    assert set(maps["about"]["old_cells"]) == {"16", "8"} and max(maps["about"]["old_cells"].values()) < 1e-10
    for stride, step in ((16, 2), (8, 4)):
        torch.testing.assert_close(maps[f"scores{stride}"][..., ::step, ::step], maps["scores32"], rtol=1e-4, atol=1e-4)
    assert "crf32" not in maps and "crf" not in maps["about"]["strides"]["32"]["scores"]


def test_a_difference_of_the_old_cells_would_be_seen(network, pictures, monkeypatch):
    right = ops.make_dense

    def one_weight_moved(model, stride):
        dense = right(model, stride)
        with torch.no_grad():
            [layer for layer in dense.modules() if isinstance(layer, nn.Conv2d)][-1].weight[0, 0] += 0.01
        return dense

    monkeypatch.setattr(ops, "make_dense", one_weight_moved)
    found = dense_maps.old_cells(network, pictures.stack((0,))[0])
    assert set(found) == {16, 8} and min(found.values()) > 1e-6


def test_scores_are_those_of_the_whole_split_or_of_the_pictures_shown(network, pictures):
    network.eval()
    maps = dense_maps.compute(network, pictures, show=(0, 4), whole=True)
    table = maps["about"]["strides"]["32"]["scores"]["plain"]
    wanted = evaluate(network, pictures)
    # The network's own enlargement ends at the outermost cells with zeros, ours goes on: they differ at the rim alone.
    assert table["all"]["miou"] == pytest.approx(wanted.miou, abs=0.02) and maps["about"]["pictures"] == 5
    of = maps["about"]["strides"]["8"]
    labels = enlarge(maps["scores8"].double(), models.dense.grid(dense_maps.scorers(network)[8]), (64, 96)).argmax(1)
    for number, truth in enumerate(maps["truth"]):
        scores = Scores.from_labels(labels[number], truth, 11, void=11)
        assert of["scores"]["plain"]["shown"][number] == pytest.approx({"miou": scores.miou, "boundary_iou": scores.boundary_iou})
    alone = dense_maps.compute(network, pictures, show=(0, 4))["about"]
    both = Scores.from_labels(labels, maps["truth"], 11, void=11)
    assert alone["pictures"] == 2 and alone["strides"]["8"]["scores"]["plain"]["all"]["boundary_iou"] == pytest.approx(both.boundary_iou)


def test_the_crf_is_that_of_ops_on_the_enlarged_probabilities(network, pictures):
    network.eval()
    options = {"bilateral_xy": 8.0, "bilateral_rgb": 8.0, "gaussian_xy": 1.0, "iterations": 2}
    maps = dense_maps.compute(network, pictures, show=(2,), crf=options)
    logits = enlarge(maps["scores16"].double(), models.dense.grid(dense_maps.scorers(network)[16]), (64, 96))
    wanted = ops.dense_crf(logits.float().softmax(1), maps["images"], **options).argmax(1)
    assert (maps["crf16"] == wanted).float().mean() > 0.999
    assert maps["about"]["crf"] == options and maps["about"]["strides"]["16"]["scores"]["crf"]["shown"][0]["miou"] >= 0


def test_multiply_adds_by_hand():
    # 3x3 over 4 channels to 5 at 6x8 places, then 1x1 to 2 at 3x4 places.
    chain = nn.Sequential(nn.Conv2d(4, 5, 3, padding=1), nn.MaxPool2d(2, 2), nn.Conv2d(5, 2, 1))
    assert dense_maps.multiply_adds(chain, torch.zeros(1, 4, 6, 8)) == 9 * 4 * 5 * 6 * 8 + 5 * 2 * 3 * 4


def test_tuning_tries_the_grid_and_keeps_the_best(network, pictures, monkeypatch):
    network.eval()
    monkeypatch.setattr(dense_maps, "GRID", {"bilateral_weight": (0.0, 4.0), "bilateral_xy": (5.0,), "bilateral_rgb": (8.0,)})
    best, trials = dense_maps.tune(network, pictures, pictures=1, stride=8)
    assert [trial["bilateral_weight"] for trial in trials] == [0.0, 4.0]
    assert best["bilateral_weight"] == max(trials, key=lambda trial: trial["miou"])["bilateral_weight"] and best["gaussian_xy"] == dense_maps.SMOOTH["gaussian_xy"]


def test_what_has_no_coarse_scores_is_refused(pictures):
    with pytest.raises(ValueError, match="the scores of FCN8s do not come from one row of layers"):
        dense_maps.compute(models.create("fcn8s", num_classes=11, width=0.03, padding="same"), pictures)
    with pytest.raises(ValueError, match="the lab starts at output stride 32, and DeepLabV1 has 8"):
        dense_maps.compute(models.create("deeplab_v1", num_classes=11, width=0.03), pictures)
    with pytest.raises(ValueError, match="show is empty"):
        dense_maps.compute(models.create("fcn32s", num_classes=11, width=0.03, padding="same"), pictures, show=())


@pytest.mark.slow
def test_a_trial_is_written_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(dense_maps, "GRID", {"bilateral_weight": (4.0,), "bilateral_xy": (18.8,), "bilateral_rgb": (8.0,)})
    monkeypatch.setattr(dense_maps, "TUNED_ON", 1)
    small = dense_maps.experiment()
    small = type(small)(**{**vars(small), "lengths": {"train": 8, "valid": 1, "test": 2}})
    monkeypatch.setattr(dense_maps, "experiment", lambda: small)
    monkeypatch.setattr(dense_maps, "SHOWN", (0, 1))
    said = []
    path = dense_maps.make(tmp_path / "trial.safetensors", steps=1, report=said.append)
    about = read_header(path, what="maps", remedy="make it again")
    assert about["steps"] == 1 and about["shown"] == [0, 1] and about["tuned"]["trials"] and about["fingerprint"]
    assert len([line for line in said if line.startswith("stride")]) == 3
