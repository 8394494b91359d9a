"""Chapter 03's experiment: its variants differ in what their names say, and what is measured beside them."""

from dataclasses import replace

import pytest
import torch

from segcourse.training import experiments, recall, scales, switch_swap

ROW = {"variant", "seed", "miou", "boundary_iou", "pole_iou", "pixel_accuracy", "mean_accuracy", "iou", "boundary_iou_per_class", "seconds"}
WHOLE = experiments.get("03")


@pytest.fixture(scope="module")
def chapter():
    return replace(WHOLE, lengths={"train": 4, "valid": 3, "test": 3}, recipe=replace(WHOLE.recipe, batch_size=4), encoder_recipe=replace(WHOLE.encoder_recipe, batch_size=4),
                   variant_options={name: options | {"width": 0.02} for name, options in WHOLE.variant_options.items()})


def test_variants_are_the_paper_with_one_thing_changed():
    paper = WHOLE.options_of("deconvnet")
    for variant in WHOLE.variants:
        network, options = WHOLE.network_of(variant), WHOLE.options_of(variant)
        assert network == variant.split("_")[0]
        if network == "deconvnet":
            assert len(set(options.items()) ^ set(paper.items())) == (variant not in ("deconvnet", "deconvnet_from_nothing"))
    assert WHOLE.from_nothing == ("deconvnet_from_nothing",) and set(WHOLE.changes) == {"deconvnet_no_batch_norm", "deconvnet_from_nothing"}
    assert WHOLE.changes["deconvnet_from_nothing"] == {"trunk_lr": 1.0}, "a trunk that knows nothing must not be held back"
    assert {WHOLE.recipe_of(variant).steps for variant in WHOLE.variants} == {WHOLE.recipe.steps}


def test_one_seed_is_one_start_wherever_the_start_is_not_the_question(chapter):
    first, *others = [chapter.build(variant, 2).state_dict() for variant in chapter.variants]
    for variant, other in zip(chapter.variants[1:], others, strict=True):
        assert variant in chapter.fresh or torch.equal(first["features.conv3_2.weight"], other["features.conv3_2.weight"]), variant
    bare = dict(zip(chapter.variants[1:], others, strict=True))["deconvnet_no_batch_norm"]
    # He's variance where nothing rescales the signal; with the release's 0.01 it would die
    assert bare["decoder.deconv3_1.deconv.weight"].std() > 1.5 * first["decoder.deconv3_1.deconv.weight"].std()


def test_every_variant_but_one_begins_with_the_trunk_that_chapter_01_has_trained(chapter):
    teacher, row = chapter.teacher(2, steps=3)
    assert chapter.teacher(2, steps=3)[0] is teacher and row["variant"] == "fcn8s" and set(row) >= ROW
    teacher.eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first = torch.relu(teacher.features.bn1_1(teacher.features.conv1_1(images)))
        for variant in chapter.variants:
            model = chapter.begin(chapter.build(variant, 2), 2, steps=3).eval()
            norm = model.features["bn1_1"] if "bn1_1" in model.features else torch.nn.Identity()
            torch.testing.assert_close(torch.relu(norm(model.features["conv1_1"](images))), first, rtol=1e-4, atol=1e-5)
            assert model.features["conv5_3"].weight.shape == teacher.features.conv5_3.weight.shape
    with pytest.raises(ValueError, match="chapter 01 trains from nothing"):
        experiments.get("01").teacher(0)


def test_a_run_begins_with_that_trunk_and_from_nothing_without_it(chapter, monkeypatch):
    asked = []
    monkeypatch.setattr(experiments.Experiment, "begin", lambda self, model, seed, steps=None: asked.append((seed, steps)) or model)
    for variant in ("deconvnet", "deconvnet_from_nothing", "segnet"):
        chapter.run(variant, 1, steps=1)
    assert asked == [(1, 1), (1, 1)]


@pytest.mark.slow
def test_rows(chapter):
    model = chapter.build("deconvnet", 0)
    found = scales.rows(chapter, "deconvnet", 0, model, counts={"train": 3, "valid": 3, "test": 2}, steps=3)
    swapped = [f"deconvnet_{kind}" for kind in switch_swap.KINDS if kind != "own"]
    assert [row["variant"] for row in found] == [*swapped, "forty_pixels", "whole", "one_stage", "one_stage_whole", "two_stages"]
    assert all(set(row) >= ROW and row["seed"] == 0 for row in found)
    counts = [[part["objects"] for part in row["recall"]] for row in found[len(swapped):]]
    assert all(count == counts[0] for count in counts) and sum(counts[0]) > 0 and len(counts[0]) == len(recall.EDGES)
    assert all(0 <= cars["objects"] <= part["objects"] for row in found[len(swapped):] for cars, part in zip(row["recall_cars"], row["recall"], strict=True))
    segnet = chapter.build("segnet", 0)
    assert [row["variant"] for row in scales.rows(chapter, "segnet", 0, segnet)] == [name.replace("deconvnet", "segnet") for name in swapped]
    assert scales.rows(chapter, "deconvnet_corner", 0, chapter.build("deconvnet_corner", 0)) == []


def test_one_stage_and_two_have_as_many_steps_and_one_start(chapter, monkeypatch):
    from segcourse.training import loop

    seen = []

    def note(model, data, valid, recipe, **more):
        seen.append((data.name, recipe.steps, model.state_dict()["features.conv1_1.weight"].sum().item() if hasattr(model, "grid") else None))
        model.eval()
        return loop.History()

    chapter.teacher(1, steps=9)
    monkeypatch.setattr(loop, "fit", note)
    scales._by_scale(chapter, 1, {"train": 3, "valid": 3, "test": 1}, 9)
    assert [(name, steps) for name, steps, _ in seen] == [("streets", 9), ("streets wholes", 9), ("streets proposals", 9), ("streets objects", 3), ("streets proposals", 6)]
    assert len({start for *_, start in seen[1:]}) == 1, "the first weights differ"


def test_the_fingerprint_covers_what_is_trained_beside_the_variants():
    assert {f"segcourse.training.{name}" for name in ("scales", "crops", "proposals", "instancewise", "two_stage", "recall", "switch_swap")} <= set(WHOLE.sources())
    assert "segcourse.training.jobs" not in WHOLE.sources()
    assert replace(WHOLE, fresh=()).fingerprint() != WHOLE.fingerprint()


def test_on_camvid_the_two_papers_networks_at_full_size():
    full = experiments.get("03", "camvid")
    assert full.variants == ("deconvnet", "segnet") and full.options_of("deconvnet") == {} and not full.changes
