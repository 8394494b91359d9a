"""The record: what the clock counts, that a run is fixed beforehand and scored once, that a failed seed stays a failed seed, and the floor by hand."""

import json
import sys
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from segcourse.training import checkpoints, inference, record, recipes

TINY = {"overrides": {"steps": 3, "batch_size": 2, "crop": [32, 32], "precision": "float32"}, "options": {"width": 0.03}, "device": "cpu"}


# ------------------------------------------------------------------------------------------------------------------------------------- clock

@pytest.mark.alone
def test_the_age_of_this_process_grows_with_the_clock():
    first, source = record.age()
    began = time.perf_counter()
    time.sleep(0.2)
    second, _ = record.age()
    assert second - first == pytest.approx(time.perf_counter() - began, abs=0.03)
    assert source == ("/proc" if sys.platform == "linux" else "import") and first > 0


@pytest.mark.alone
def test_without_proc_the_age_is_counted_from_the_import(monkeypatch):
    def none(*_arguments, **_more):
        raise OSError
    monkeypatch.setattr(record.Path, "read_text", none)
    seconds, source = record.age()
    assert source == "import" and seconds == pytest.approx(time.perf_counter() - record._IMPORTED, abs=0.05)


def test_a_container_with_another_clock_is_not_believed(monkeypatch):
    monkeypatch.setattr(record.time, "clock_gettime", lambda _which: 1e9, raising=False)
    assert record.age()[1] == "import"


def test_the_clock_leaves_imports_and_files_out():
    clock = record.Clock()
    start = clock.read()["counted"]
    with clock.importing():
        time.sleep(0.15)
    with clock.reading():
        time.sleep(0.1)
    time.sleep(0.05)
    found = clock.read()
    assert found["imports"] == pytest.approx(0.15, abs=0.03) and found["files"] == pytest.approx(0.1, abs=0.03)
    assert found["counted"] - start == pytest.approx(0.05, abs=0.04)
    assert found["total"] == pytest.approx(found["imports"] + found["files"] + found["counted"])


# ------------------------------------------------------------------------------------------------------------------------------------ recipe

def test_the_recipe_is_fast_with_overrides():
    changed = record.recipe({"steps": 600, "crop": [96, 128]}, seed=4)
    assert (changed.steps, changed.crop, changed.seed) == (600, (96, 128), 4)
    assert replace(changed, steps=record.FAST.steps, crop=record.FAST.crop, seed=0) == record.FAST
    assert record.FAST.evaluate_every == 0 and record.FAST.steps < recipes.get("fcn8s").steps
    with pytest.raises(ValueError, match="stepz"):
        record.recipe({"stepz": 600})
    with pytest.raises(ValueError, match="steps"):
        record.recipe({"steps": 0})


def test_the_target_is_the_published_number():
    assert record.target() == 57.0


# ----------------------------------------------------------------------------------------------------------------------------------- one run

def test_a_run_trains_its_steps_and_scores_the_test_split_once(camvid_folder, monkeypatch):
    looked = []
    score = inference.evaluate
    monkeypatch.setattr(inference, "evaluate", lambda model, dataset, *given, **more: looked.append(dataset.split) or score(model, dataset, *given, **more))
    for kind in ("val", "valannot"):                      # never read
        for path in (camvid_folder / "CamVid" / kind).iterdir():
            path.write_bytes(b"no picture")
    row = record.run(1, root=camvid_folder, **TINY)
    assert looked == ["test"] and row["recipe"]["steps"] == 3 and row["recipe"]["seed"] == row["seed"] == 1
    assert row["pictures"] == {"train": 6, "test": 3} and row["goal"] == 57.0 and row["reached"] is (row["miou"] >= 57.0)
    assert row["clock"]["counted"] == row["seconds"] and row["seconds"] >= row["training_seconds"] > 0
    assert row["clock"]["files"] > 0 and row["scoring_seconds"] > 0 and row["backbone"] is None
    assert json.loads(json.dumps(row)) == row


def test_reading_and_scoring_do_not_count(camvid_folder, monkeypatch):
    from segcourse.datasets.camvid import CamVid

    score, stack = inference.evaluate, CamVid.stack
    monkeypatch.setattr(inference, "evaluate", lambda *given, **more: time.sleep(0.4) or score(*given, **more))
    monkeypatch.setattr(CamVid, "stack", lambda *given: time.sleep(0.4) or stack(*given))
    clock = record.Clock()
    before = clock.read()["counted"]
    row = record.run(0, root=camvid_folder, clock=clock, **TINY)
    assert row["clock"]["files"] > 0.4 and row["scoring_seconds"] > 0.4
    assert row["seconds"] - before < row["training_seconds"] + 0.6


def test_the_same_seed_twice_is_the_same_run(camvid_folder):
    first, second, other = (record.run(seed, root=camvid_folder, **TINY) for seed in (0, 0, 1))
    assert first["last_loss"] == second["last_loss"] and first["iou"] == second["iou"]
    assert first["last_loss"] != other["last_loss"]


def test_a_backbone_is_named_with_its_hash(camvid_folder, tmp_path):
    from segcourse import models
    from segcourse.models.vgg import torchvision_names

    model = models.create("fcn8s", num_classes=11, **record.OPTIONS | TINY["options"])
    state = {f"{theirs}.{kind}": torch.full_like(getattr(model.features.get_submodule(ours), kind), 0.01)
             for ours, theirs in torchvision_names().items() for kind in ("weight", "bias")}
    path = checkpoints.write_tensors(tmp_path / "vgg16.safetensors", state, {})
    row = record.run(0, root=camvid_folder, backbone=path, **TINY)
    assert row["backbone"] == {"file": "vgg16.safetensors", "sha256": checkpoints.digest(path), "new_layers": ["fc6", "fc7"]}
    assert row["first_loss"] == pytest.approx(record.run(0, root=camvid_folder, **TINY)["first_loss"], abs=1e-3)       # all scores begin at zero


# --------------------------------------------------------------------------------------------------------------------------------- all seeds

def test_every_seed_is_a_process_of_its_own_and_a_broken_one_is_told(camvid_folder):
    lines = []
    result = record.record((3,), root=camvid_folder, goal=0.0, report=lines.append, **TINY)
    assert result["seeds"] == [3] and result["reached"] == 1 and result["failed"] == []
    found = result["rows"][0]
    assert found["seed"] == found["recipe"]["seed"] == 3 and found["recipe"]["crop"] == [32, 32] and found["goal"] == 0.0
    assert found["clock"]["imports"] > 0.3 and found["seconds"] < found["clock"]["total"] - 0.3          # a fresh process: it has loaded torch itself
    assert result["seconds"] == {"mean": found["seconds"], "median": found["seconds"], "least": found["seconds"], "most": found["seconds"]}
    assert result["times_the_floor"] == pytest.approx(found["seconds"] / result["floor"]["seconds"])
    assert len(lines) == 3 and json.loads(json.dumps(result)) == result

    (camvid_folder / "CamVid" / "train" / "train_2.png").write_bytes(b"no picture")
    broken = record.record((5,), root=camvid_folder, goal=0.0, report=lines.append, with_floor=False, **TINY)
    assert broken["reached"] == 0 and broken["failed"] == [5] and broken["seconds"] is None
    assert "train_2.png" in broken["rows"][0]["error"] and broken["rows"][0]["status"] == 1 and broken["rows"][0]["reached"] is False
    assert "failed" in lines[-2] and lines[-1].startswith("no record")


def row(seed, miou, seconds):
    return {"seed": seed, "miou": miou, "reached": miou >= 57.0, "seconds": seconds, "scoring_seconds": 1.0, "device": "a GPU"}


def test_one_failed_seed_is_no_record(camvid_folder, monkeypatch):
    answers = iter([row(0, 58.0, 30.0), row(1, 56.99, 29.0), row(2, 57.0, 31.0)])
    monkeypatch.setattr(record, "_in_a_process_of_its_own", lambda _request: next(answers))
    lines = []
    result = record.record(root=camvid_folder, report=lines.append, with_floor=False, **TINY)
    assert result["reached"] == 2 and result["failed"] == [1] and result["seconds"] is None and len(result["rows"]) == 3
    assert "failed, 56.99" in lines[1] and "1 of 3" in lines[-1]


def test_three_good_seeds_are_one(camvid_folder, monkeypatch):
    answers = iter([row(0, 58.0, 30.0), row(1, 57.5, 29.0), row(2, 57.0, 32.0)])
    monkeypatch.setattr(record, "_in_a_process_of_its_own", lambda _request: next(answers))
    result = record.record(root=camvid_folder, report=None, with_floor=False, **TINY)
    assert result["seconds"] == {"mean": pytest.approx(91 / 3), "median": 30.0, "least": 29.0, "most": 32.0} and result["failed"] == []


def test_what_is_not_there_is_said_before_a_process_starts(camvid_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "_in_a_process_of_its_own", lambda _request: pytest.fail("a process was started"))
    with pytest.raises(FileNotFoundError, match="CamVid"):
        record.record(root=tmp_path / "nowhere", **TINY)
    with pytest.raises(FileNotFoundError, match="vgg"):
        record.record(root=camvid_folder, backbone=tmp_path / "vgg.safetensors", **TINY)
    with pytest.raises(ValueError, match="seed"):
        record.record((), root=camvid_folder, **TINY)
    with pytest.raises(ValueError, match="seed"):
        record.record(root=camvid_folder, overrides={"seed": 3})


# ------------------------------------------------------------------------------------------------------------------------------------- floor

def test_two_layers_counted_by_hand():
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 1, stride=2))
    found = record.count(model, (2, 3, 16, 20))
    first, second = 2 * 2 * (3 * 9) * 8 * 16 * 20, 2 * 2 * 8 * 5 * 8 * 10
    assert found["forward"] == first + second
    assert found["backward"] == first + 2 * second              # nobody asks for the gradient of the pictures
    assert found["activations"] == 2 * 8 * 16 * 20 + 2 * 5 * 8 * 10
    assert found["parameters"] == 8 * 27 + 8 + 5 * 8 + 5


def test_vgg_s_pad_of_100_costs_almost_twice():
    """FCN-8s at 360x480: the trunk sees 558x678 pixels, 2.19 times as many; fc6 and fc7 a little less than that."""
    whole, peak = replace(record.FAST, crop=None), {"flops": 1.0, "bandwidth": 1.0}
    flops = {padding: record.floor(whole, options={"padding": padding}, device="cpu", measured=peak)["counted"] for padding in (100, "same")}
    assert 1.8 < flops[100]["forward"] / flops["same"]["forward"] < 2.19
    assert flops["same"]["parameters"] == flops[100]["parameters"] == 134348929


def test_the_floor_adds_up():
    chosen = replace(record.FAST, steps=10, batch_size=4, crop=(64, 96), precision="float32")
    found = record.floor(chosen, options={"width": 0.1}, device="cpu", measured={"flops": 1e9, "bandwidth": 1e9})
    counted, step = found["counted"], found["step"]
    assert found["size"] == [64, 96] and step["flops"] == counted["forward"] + counted["backward"]
    assert step["bytes"] == 32 * counted["parameters"] + 8 * counted["activations"]
    assert step["arithmetic_seconds"] == step["flops"] / 1e9 and step["transport_seconds"] == step["bytes"] / 1e9
    assert found["seconds"] == pytest.approx(10 * max(step["arithmetic_seconds"], step["transport_seconds"])) and step["bound_by"] == "arithmetic"
    slow = record.floor(chosen, options={"width": 0.1}, device="cpu", measured={"flops": 1e15, "bandwidth": 1e9})
    assert slow["step"]["bound_by"] == "transport" and slow["seconds"] == pytest.approx(10 * slow["step"]["transport_seconds"])
    sgd = record.bytes_of(counted, replace(chosen, optimizer="sgd"), 2)
    assert sgd == 24 * counted["parameters"] + 4 * counted["activations"]
    assert json.loads(json.dumps(found)) == found


def test_the_peaks_of_this_processor():
    found = record.peaks(torch.device("cpu"), torch.float32, side=128, copied=2 ** 20, repeats=3)
    assert 1e8 < found["flops"] < 1e14 and 1e8 < found["bandwidth"] < 1e13 and found["dtype"] == "float32"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_run_on_a_gpu(camvid_folder):
    row = record.run(0, root=camvid_folder, overrides={"steps": 3, "batch_size": 2, "crop": [32, 32]}, options={"width": 0.03}, device="cuda")
    assert row["peak_memory"] > 0 and record.floor(record.recipe({"steps": 3}), options={"width": 0.03}, device="cuda")["seconds"] > 0
