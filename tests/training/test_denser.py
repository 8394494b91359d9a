"""What chapter 02 measures without further training: the same weights at other strides, and the CRF behind a network."""

from dataclasses import replace

import pytest
import torch

from segcourse import models
from segcourse.models import dense
from segcourse.training import crf_search, denser, experiments

ROW = {"variant", "seed", "miou", "boundary_iou", "pole_iou", "pixel_accuracy", "mean_accuracy", "iou", "boundary_iou_per_class", "seconds"}


@pytest.fixture(scope="module")
def chapter():
    """Chapter 02's experiment on a handful of pictures."""
    return replace(experiments.get("02"), lengths={"train": 4, "valid": 2, "test": 3})


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_the_old_cells_stay_and_the_logits_have_the_pictures_size(chapter, stride):
    torch.manual_seed(0)
    network = models.create("fcn32s", 11, **chapter.options_of("fcn32s")).double().eval()
    torch.nn.init.normal_(network.score_fr.weight, std=0.1)
    images = torch.randn(2, 3, 96, 128, dtype=torch.double)
    at = denser.AtStride(network, stride).eval()
    with torch.no_grad():
        step = 32 // stride
        torch.testing.assert_close(at.scorer(images)[..., ::step, ::step], dense.scores(network, images), rtol=0, atol=1e-10)
        logits = at(images)
        cells = at.scorer(images)
    assert logits.shape == (2, 11, 96, 128)
    # over the middle of four pixels the mean of theirs is the cell's own score, where the enlargement is linear about it: in the rim it is flat
    middle = [int(at.grid.shift + at.grid.scale * i) for i in range(2)]
    corner = logits[:, :, middle[0] : middle[0] + 2, middle[0] : middle[0] + 2].mean((2, 3))
    assert (corner - cells[:, :, 0, 0]).abs().max() < (cells.amax() - cells.amin()) / stride


def test_the_network_itself_is_left_as_it_was(chapter):
    network = models.create("fcn32s", 11, **chapter.options_of("fcn32s"))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    denser.AtStride(network, 8)
    assert network.features.pool5.stride in (2, (2, 2))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("variant, names", [("fcn32s", ["fcn32s_16", "fcn32s_8", "fcn32s_8_crf"]), ("deeplab_v1", ["deeplab_v1_crf"])])
def test_rows(chapter, variant, names, monkeypatch):
    seen = []
    true, grid = crf_search.search, crf_search.settings((96, 128))[13:15]

    def search(model, dataset, **options):
        seen.append((type(model).__name__, dataset.split, options["images"]))
        return true(model, dataset, grid=grid, **options)

    monkeypatch.setattr(crf_search, "search", search)
    found = denser.rows(chapter, variant, 0, chapter.build(variant, 0))
    assert [row["variant"] for row in found] == names
    assert all(set(row) >= ROW and row["seed"] == 0 for row in found)
    assert found[-1]["crf"] in grid
    # tuned on the validation split, and behind the densest map, not the first
    assert seen == [("AtStride" if variant == "fcn32s" else "DeepLabV1", "valid", denser.TUNED_ON)]


def test_the_variants_differ_in_their_options_and_share_what_they_can(chapter):
    assert chapter.options_of("fcn32s")["freeze_upsampling"] and chapter.options_of("deeplab_v1")["rate"] == 4
    fcn, deeplab = (chapter.build(variant, 1).state_dict() for variant in chapter.variants)
    assert torch.equal(fcn["features.conv3_2.weight"], deeplab["features.conv3_2.weight"])
    other = replace(chapter, variant_options=chapter.variant_options | {"deeplab_v1": chapter.variant_options["deeplab_v1"] | {"rate": 5}})
    assert other.fingerprint() != chapter.fingerprint()
    assert {"segcourse.training.denser", "segcourse.ops.make_dense", "segcourse.ops.permutohedral"} <= set(chapter.sources())
