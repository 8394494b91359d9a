"""The grid search for a CRF: the grid scales with the picture, every setting is tried and scored as `evaluate` scores it, the best is the best."""

import pytest
import torch
from torch import nn

from segcourse import training
from segcourse.training import crf_search

GRID = [{"bilateral_weight": weight, "bilateral_xy": 6.0, "bilateral_rgb": 30.0, "gaussian_weight": 3.0, "gaussian_xy": 1.0, "iterations": 2} for weight in (0.0, 4.0)]


class Noisy(nn.Module):
    """Says each pixel's class by its colour, with noise of its own for each of them: what a CRF smooths away."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.calls = 0

    def forward(self, images):
        self.calls += len(images)
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
        centred = images - images.mean(1, keepdim=True)
        return self.scale * torch.stack([-centred.abs().sum(1) + 0.8, centred[:, 0], centred[:, 1]], 1) + 2 * noise


def test_the_grid_is_a_share_of_the_longer_side():
    paper = crf_search.settings((375, 500))
    assert len(paper) == 27 and {setting["bilateral_xy"] for setting in paper} == {30.0, 50.0, 100.0} and all(setting["gaussian_xy"] == 3.0 for setting in paper)
    small = crf_search.settings((96, 128))
    assert {round(setting["bilateral_xy"] / 128, 6) for setting in small} == {0.06, 0.1, 0.2} and small[0]["gaussian_xy"] == pytest.approx(3 * 128 / 500)
    assert {setting["bilateral_rgb"] for setting in small} == {3.0, 5.0, 10.0} and {setting["gaussian_weight"] for setting in small} == {3.0}
    assert len(crf_search.settings((8, 8), weights=(4,), shares=(0.1, 0.2))) == 6


def test_every_setting_is_scored_as_evaluate_scores_it(scenes):
    data, model = scenes(4), Noisy()
    said = []
    found = crf_search.search(model, data, grid=GRID, finer=False, report=said.append)
    assert model.calls == 4 and len(said) == len(found.trials) == 2 and found.images == 4          # the network runs once
    for setting, trial in zip(GRID, found.trials, strict=True):
        scores = training.evaluate(Noisy(), data, crf=setting)
        assert trial["miou"] == scores.miou and trial["boundary_iou"] == scores.boundary_iou and trial["round"] == 1
    assert found.plain.miou == training.evaluate(Noisy(), data).miou
    assert found.best == max(zip(GRID, found.trials), key=lambda pair: pair[1]["miou"])[0]


def test_a_crf_that_helps_is_found_and_one_that_hurts_said(scenes):
    found = crf_search.search(Noisy(), scenes(4), grid=GRID, finer=False)
    assert found.gain > 0.02 and found.trials[0]["miou"] != found.trials[1]["miou"]
    blur = {"bilateral_weight": 0.0, "gaussian_weight": 50.0, "gaussian_xy": 12.0}
    assert crf_search.search(Noisy(), scenes(4), grid=[blur], finer=False).gain < 0


def test_the_second_round_looks_around_the_first_ones_best(scenes):
    found = crf_search.search(Noisy(), scenes(2), grid=GRID[1:], iterations=2)
    assert [trial["round"] for trial in found.trials] == [1] + [2] * 26
    weights = sorted({round(trial["bilateral_weight"], 3) for trial in found.trials})
    assert weights == [2.828, 4.0, 5.657] and {trial["gaussian_weight"] for trial in found.trials} == {3.0}
    assert len({(trial["bilateral_weight"], trial["bilateral_xy"], trial["bilateral_rgb"]) for trial in found.trials}) == 27
    best = max(found.trials, key=lambda trial: trial["miou"])
    assert all(found.best[name] == best[name] for name in found.best) and found.gain == best["miou"] - found.plain.miou


def test_only_the_first_images_are_looked_at(scenes):
    model = Noisy()
    found = crf_search.search(model, scenes(4), images=3, grid=GRID[:1], finer=False, batch_size=2)
    assert model.calls == 3 == found.images and found.plain.confusion.sum() == training.evaluate(Noisy(), scenes(3), batch_size=2).confusion.sum()


REFUSED = {
    "no picture": (lambda data: crf_search.search(Noisy(), data, images=0), ["0", "4"]),
    "no grid": (lambda data: crf_search.search(Noisy(), data, grid=[]), ["settings(size)"]),
    "another name": (lambda data: crf_search.search(Noisy(), data, grid=[{"bilateral": 3}]), ["'bilateral'"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line_with_the_value(what, refused, scenes):
    action, told = REFUSED[what]
    refused(lambda: action(scenes(4)), told)
