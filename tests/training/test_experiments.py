"""The chapters' comparisons: paired, repeatable, and their published results no older than the code that made them."""

import dataclasses
import json
import statistics

import pytest
import torch

from segcourse.training import experiments

CHAPTERS = experiments.names()


@pytest.fixture(scope="module")
def small():
    """Chapter 01's experiment on a handful of scenes."""
    whole = experiments.get("01")
    return dataclasses.replace(whole, lengths={"train": 4, "valid": 2, "test": 2}, data_options={"size": (48, 64)})


def test_one_seed_is_one_trunk_for_all_variants(small):
    first, *others = [small.build(variant, 3).state_dict() for variant in small.variants]
    for other in others:
        shared = [name for name in first if name in other and first[name].shape == other[name].shape]
        assert sum(name.startswith("features.") for name in shared) >= 26 and "fc6.weight" in shared
        assert all(torch.equal(first[name], other[name]) for name in shared)
    assert not torch.equal(first["features.conv1_1.weight"], small.build("fcn32s", 4).state_dict()["features.conv1_1.weight"])


def test_a_run_repeats_itself(small):
    rows = [small.run("fcn8s", 1, steps=2)[2] for _ in range(2)]
    for row in rows:
        row.pop("seconds")
    assert json.dumps(rows[0]) == json.dumps(rows[1])
    assert set(rows[0]) >= {"variant", "seed", "miou", "boundary_iou", "pole_iou", "pixel_accuracy", "iou"}
    assert small.run("fcn8s", 2, steps=2)[2]["loss"] != rows[0]["loss"]


def test_quick_shortens_training_and_nothing_else(small, monkeypatch):
    from segcourse.training import Callback

    seen = []

    class Count(Callback):
        def on_end(self, run):
            seen.append((run.step, run.recipe.batch_size, run.recipe.lr))

    monkeypatch.setenv("SEGCOURSE_QUICK", "1")
    short = dataclasses.replace(small, quick_steps=3)
    assert len(short.run("fcn32s", 0, callbacks=[Count()])[1].iou) == 11
    assert seen == [(3, small.recipe.batch_size, small.recipe.lr)]


def test_bench_writes_rows_summary_and_where_they_come_from(small, tmp_path, monkeypatch):
    monkeypatch.setattr(experiments.Experiment, "path", lambda self: tmp_path / "results.json")
    lines = []
    path = small.bench(seeds=[0, 1], steps=1, report=lines.append)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert {"command", "commit", "device", "threads", "seeds", "recipe", "fingerprint", "versions"} <= set(stored)
    assert [(row["seed"], row["variant"]) for row in stored["rows"]] == [(seed, variant) for seed in (0, 1) for variant in small.variants]
    mine = [row["miou"] for row in stored["rows"] if row["variant"] == "fcn16s"]
    assert stored["summary"]["fcn16s"]["miou"] == {"mean": pytest.approx(statistics.mean(mine)), "sd": pytest.approx(statistics.stdev(mine))}
    assert len(lines) == 9 and small.results() == stored and not small.stale()
    assert dataclasses.replace(small, recipe=dataclasses.replace(small.recipe, lr=1.0)).stale()
    assert small.bench(seeds=[0], steps=1, write=False) is None


def test_missing_results_name_the_command(small, tmp_path, monkeypatch):
    monkeypatch.setattr(experiments.Experiment, "path", lambda self: tmp_path / "none.json")
    with pytest.raises(FileNotFoundError, match="segcourse bench chapter 01"):
        small.results()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_published_results_are_those_of_this_code(chapter):
    """Fails when recipe, network, data set or loop have changed since the numbers were made: run `segcourse bench chapter NN` again."""
    experiment = experiments.get(chapter)
    stored = experiment.results()
    assert not experiment.stale(), f"segcourse/results/{experiment.slug}.json is older than the code: run `segcourse bench chapter {chapter}`"
    trained = {(v, s) for v in experiment.variants for s in experiment.seeds}
    told = {(row["variant"], row["seed"]) for row in stored["rows"]}
    assert told >= trained and (told == trained or experiment.afterwards), "more rows than variants come only from what is done afterwards"
    assert {len([s for v, s in told if v == name]) for name, _ in told} == {len(experiment.seeds)}, "a seed is missing"
    assert len(experiment.seeds) >= 3 and stored["recipe"] == experiment.recipe.as_dict() and stored["changes"] == experiment.changes
    for variant, values in experiments.summarise(stored["rows"]).items():
        for name, value in values.items():
            assert stored["summary"][variant][name] == pytest.approx(value)


def test_variants_may_be_one_network_with_several_recipes():
    """Chapter 00: the same start and the same batches, and one value of the recipe apart."""
    from segcourse.training import Callback

    whole = experiments.get("00")
    few = dataclasses.replace(whole, lengths={"train": 4, "valid": 2, "test": 2}, data_options={"size": (48, 64)})
    seen = []

    class Note(Callback):
        def on_end(self, run):
            seen.append((run.recipe.class_weights, run.recipe.top_k, run.history.losses[0]))

    for variant in few.variants:
        few.run(variant, 0, callbacks=[Note()], steps=1)
    starts = [few.build(variant, 0).state_dict() for variant in few.variants]
    assert all(torch.equal(start[name], starts[0][name]) for start in starts for name in starts[0])
    assert [entry[:2] for entry in seen] == [(None, 0.0), ("median_frequency", 0.0), (None, 0.25)]
    assert whole.fingerprint() != dataclasses.replace(whole, changes={**whole.changes, "top_k": {"top_k": 0.5}}).fingerprint()


def test_the_fingerprint_covers_what_decides_the_numbers():
    found = set(experiments.get("01").sources())
    assert {"segcourse.models.fcn", "segcourse.models.vgg", "segcourse.ops.bilinear_kernel", "segcourse.datasets.streets", "segcourse.training.loop",
            "segcourse.training.losses", "segcourse.training.augment", "segcourse.training.schedules", "segcourse.training.scores"} <= found
    assert not {"segcourse.language", "segcourse.ops.transposed_conv", "segcourse.cli", "segcourse.datasets.camvid"} & found


CODE = '''
"""Module words."""

def f(x):
    """Docstring
    over two lines."""
    y = x + 1  # a comment with é
    if y > 3:
        raise ValueError(say(en=f"{say(en='a', ko='나')} too large: {y}",   # inside
                             ko="너무 커요"))
    return y
'''


def test_rewording_leaves_the_fingerprint_and_new_code_does_not():
    reworded = CODE.replace("Module words", "Other").replace("over two lines", "over\n    three lines").replace("too large", "이상").replace("# a comment", "# another")
    assert experiments.bare(reworded) == experiments.bare(CODE)
    assert "y > 3" in experiments.bare(CODE) and "large" not in experiments.bare(CODE) and "#" not in experiments.bare(CODE)
    assert experiments.bare(CODE.replace("y > 3", "y > 4")) != experiments.bare(CODE)


def test_unknown_chapter_and_variant():
    with pytest.raises(ValueError, match="'99'.*01"):
        experiments.get("99")
    with pytest.raises(ValueError, match="fcn32s"):
        experiments.get("1").build("fcn64s", 0)
