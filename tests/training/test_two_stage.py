"""DeconvNet's two stages: what passes from the first to the second, and that a run broken off in either goes on to the same weights."""

import io
import json
from dataclasses import replace

import pytest
import torch

from segcourse import cli, datasets, models
from segcourse.training import Recipe, crops, jobs, loop, recipes, two_stage
from segcourse.training.callbacks import counting
from segcourse.training.checkpoints import load_checkpoint

OPTIONS = {"width": 0.02, "grid": 2}
RECIPE = Recipe(steps=6, batch_size=4, optimizer="adamw", lr=0.01, schedule="one_cycle", flip=True, seed=3)


@pytest.fixture(scope="module")
def scenes():
    return datasets.hold(datasets.load("streets", "train", size=(64, 96), length=2))


@pytest.fixture(autouse=True)
def few_proposals(monkeypatch):
    monkeypatch.setattr(two_stage, "NUMBER", 6)


def test_the_stages_share_the_steps_and_drop_the_rate_alike():
    first, second = two_stage.recipes_of(replace(recipes.get("deconvnet", kind="paper"), steps=60000, step_every=27000))
    assert (first.steps, second.steps, first.step_every, second.step_every) == (20000, 40000, 9000, 18000)
    assert (first.lr, first.batch_size, first.crop, second.crop) == (0.01, 64, None, None)
    first, second = two_stage.recipes_of(replace(RECIPE, steps=2, crop=(5, 5), scale=(0.5, 2.0)))
    assert (first.steps, second.steps, first.scale) == (1, 1, None)


def test_only_the_score_of_the_background_is_dropped():
    torch.manual_seed(0)
    learner, model = models.create("deconvnet", 12, **OPTIONS), models.create("deconvnet", 11, **OPTIONS)
    two_stage.without_background(learner.state_dict(), model)
    there = learner.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, there[name][:11] if name.startswith("seg_score") else there[name]), name
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model.eval()(images), learner.eval()(images)[:, :11])
    with pytest.raises(ValueError, match="do not fit"):
        two_stage.without_background(models.create("deconvnet", 12, width=0.03, grid=2).state_dict(), model)


def test_fit_is_stage_one_and_then_stage_two(scenes, monkeypatch):
    seen, true = [], loop.fit
    monkeypatch.setattr(loop, "fit", lambda model, data, *rest, **more: (seen.append((model, {k: v.clone() for k, v in model.state_dict().items()}, data, rest[1])), true(model, data, *rest, **more))[1])
    first, second = crops.ObjectCrops(scenes, 64), crops.ProposalCrops(scenes, 64, 6)
    model, histories = two_stage.fit("deconvnet", OPTIONS, first, second, RECIPE, device="cpu")
    assert [data for _, _, data, _ in seen] == [first, second] and [recipe.steps for *_, recipe in seen] == [2, 4] == [len(history.losses) for history in histories]
    trained = seen[0][0].state_dict()
    assert torch.equal(seen[1][1]["fc6.weight"], trained["fc6.weight"]) and torch.equal(seen[1][1]["seg_score.weight"], trained["seg_score.weight"][:11])
    assert model is seen[1][0] and model.num_classes == 11 and not model.training
    with torch.random.fork_rng():
        torch.manual_seed(9)
        start = models.create("deconvnet", 11, **OPTIONS)
    two_stage.fit("deconvnet", OPTIONS, first, second, RECIPE, device="cpu", start=start)
    assert torch.equal(seen[2][1]["fc6.weight"], start.fc6.weight) and torch.equal(seen[2][1]["features.conv1_1.weight"], start.features["conv1_1"].weight)


def job(folder, **changes):
    return jobs.Job("deconvnet", "streets", RECIPE, folder, options=OPTIONS, data_options={"size": (64, 96)}, length=2, **changes)


@pytest.fixture
def short(monkeypatch):
    """Validation and test splits of two scenes."""
    true = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name, split="train", **more: true(name, split, **more | {"length": 2}))


class StopAt:
    """Ends the run at a step of a stage, by stopping between steps as Ctrl-C does, with the state kept."""

    def __init__(self, stage, step):
        self.stage, self.step, self.now = stage, step, 0

    def on_start(self, run):
        self.now += 1

    def on_step(self, run, step, loss):
        if (self.now, step) == (self.stage, self.step):
            raise KeyboardInterrupt

    def on_evaluate(self, run, step, scores): pass
    def on_end(self, run): pass


def flat(folder):
    return torch.cat([value.flatten().double() for value in load_checkpoint(folder / jobs.CHECKPOINT)[0].state_dict().values()])


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_run_broken_off_in_either_stage_goes_on_to_the_same_weights(tmp_path):
    result = two_stage.run(job(tmp_path / "whole"), device="cpu", test=True)
    report = json.loads((tmp_path / "whole" / jobs.SCORES).read_text(encoding="utf-8"))
    assert set(report["instancewise"]) == {"valid", "test"} and [stage["steps"] for stage in report["stages"]] == [2, 4] and report["proposals"] == 6
    assert list(result.scores) == ["valid", "test", "valid, 6 proposals", "test, 6 proposals"] and set(result.report["splits"]) >= set(result.scores)
    for stage, step in ((1, 2), (2, 3)):
        folder = tmp_path / f"broken{stage}"
        with pytest.raises(KeyboardInterrupt):
            two_stage.run(job(folder), device="cpu", save_seconds=0, callbacks=(StopAt(stage, step),))
        with pytest.raises(ValueError, match="--resume"):
            two_stage.run(job(folder), device="cpu") if stage == 1 else jobs.check_folder(folder, resume=False, overwrite=False)
        counted = StopAt(9, 9)
        two_stage.run(job(folder), device="cpu", resume=True, save_seconds=0, callbacks=(counted,))
        assert torch.equal(flat(folder), flat(tmp_path / "whole")) and counted.now == (2 if stage == 1 else 1), "a finished stage was trained again"
    with pytest.raises(ValueError, match="finished"):
        two_stage.run(job(tmp_path / "whole"), device="cpu", resume=True)


@pytest.mark.usefixtures("short")
def test_the_first_stage_of_another_command_and_a_run_in_one_stage_are_refused(tmp_path, refused):
    with pytest.raises(KeyboardInterrupt):
        two_stage.run(job(tmp_path / "a"), device="cpu", save_seconds=0, callbacks=(StopAt(2, 2),))
    other = replace(job(tmp_path / "a"), recipe=replace(RECIPE, lr=0.02))
    refused(lambda: two_stage.run(other, device="cpu", resume=True), ["recipe", "0.02", "--overwrite"])
    with pytest.raises(KeyboardInterrupt):
        jobs.run(job(tmp_path / "b"), device="cpu", save_seconds=0, callbacks=(StopAt(1, 2),))
    refused(lambda: two_stage.run(job(tmp_path / "b"), device="cpu", resume=True), ["--stages one", "--overwrite"])


@pytest.mark.usefixtures("short")
def test_on_the_command_line(tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", "deconvnet", "--stages", "two", "--width", "0.02", "--steps", "3", "--batch-size", "4", "--size", "64x96", "--length", "2", "--device", "cpu", "--out", str(out)]
    assert cli.run(words) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "deconvnet · streets · valid" in said.out and "valid, 6 proposals" in said.out
    assert "pictures proposed 2/2" in said.err and "valid: pictures predicted from proposals 2/2" in said.err
    assert (out / "stage1" / "checkpoint.safetensors").exists() and load_checkpoint(out / "checkpoint.safetensors")[1]["options"]["num_classes"] == 11
    assert cli.run(words) == 2 and "--overwrite" in capsys.readouterr().err


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("words, told", [
    (["--size", "32x64"], ["32x64", "33"]), (["--option", "grid=7"], ["64x96", "193"]), (["--option", "grid=abc"], ["'abc'"]), (["--option", "padding=same"], ["padding"]),
    (["--batch-size", "1"], ["fc6", "2"])])
def test_what_does_not_fit_is_refused_before_the_first_stage_is_trained(words, told, tmp_path, capsys):
    out = tmp_path / "run"
    size = [] if "--size" in words else ["--size", "64x96"]
    assert cli.run(["train", "deconvnet", "--stages", "two", "--width", "0.02", "--steps", "3", "--length", "2", "--device", "cpu", "--out", str(out), *size, *words]) == 2
    said = capsys.readouterr()
    assert all(part in said.err for part in told) and len(said.err.strip().splitlines()) == 1 and "validation" not in said.out + said.err
    assert not (out / "stage1" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("words, told", [
    (["deconvnet", "--stages", "three"], ["--stages", "three"]), (["fcn8s", "--stages", "two"], ["fcn8s"]), (["segnet", "--stages", "two"], ["segnet"]),
    (["deconvnet", "--stages", "two", "--data", "camvid"], ["camvid", "streets"]), (["deconvnet", "--stages", "two", "--devices", "2"], ["2", "--devices"]),
    (["deconvnet", "--stages", "two", "--epochs", "2"], ["--steps"])])
def test_refused_on_the_command_line(words, told, capsys):
    assert cli.run(["train", *words, "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert all(part in said for part in told) and len(said.strip().splitlines()) == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_takes_its_time_is_counted_in_a_terminal_and_in_a_log():
    for stream, last in ((Terminal(), "7/7"), (io.StringIO(), "proposed 7/7")):
        with counting("proposed", 7, stream=stream) as done:
            for _ in range(7):
                done()
        said = stream.getvalue()
        assert last in said and (stream.isatty() or len(said.splitlines()) == 5)
