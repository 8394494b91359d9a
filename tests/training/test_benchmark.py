"""The table on CamVid: rows, what makes them, what they stand beside; in miniature, on a drawn CamVid."""

import json
import statistics

import pytest

from segcourse import cli
from segcourse.training import benchmark, jobs, recipes

TINY = {"steps": 2, "batch_size": 2}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Results in a folder of the test's own, networks narrow."""
    monkeypatch.setattr(benchmark, "path", lambda quick=False: tmp_path / ("camvid-quick.json" if quick else "camvid.json"))
    monkeypatch.setattr(benchmark, "QUICK_SIZE", (24, 32))
    real = recipes.network_options
    monkeypatch.setattr(recipes, "network_options", lambda name, **how: real(name, **how) | {"width": 0.03})
    return tmp_path


def run(folder, names=("fcn32s", "fcn8s"), **more):
    return benchmark.run(names, quick=True, root=folder, device="cpu", folder=folder / "runs", overrides=TINY, **more)


def test_every_seed_is_a_row_and_counts(small, camvid_folder):
    said = []
    results = run(camvid_folder, seeds=(0, 1), report=said.append)
    assert [(row["name"], row["seed"]) for row in results["rows"]] == [("fcn32s", 0), ("fcn32s", 1), ("fcn8s", 0), ("fcn8s", 1)] and len(said) == 4
    assert results == json.loads(benchmark.path(True).read_text(encoding="utf-8")) and results["quick"]
    mine = [row["miou"] for row in results["rows"] if row["name"] == "fcn8s"]
    assert results["summary"]["fcn8s"]["miou"] == {"mean": pytest.approx(statistics.mean(mine)), "sd": pytest.approx(statistics.stdev(mine))}
    row = results["rows"][0]
    assert {"parameters", "seconds", "images_per_second", "peak_memory_bytes", "pretrained", "device", "commit", "recipe", "command", "waited_share"} <= set(row)
    assert row["test_images"] == 3 and row["test_scored"] == 1 and row["size"] == [24, 32] and row["pretrained"] is None
    (folder,) = (camvid_folder / "runs" / "camvid-quick").glob("fcn32s-*-seed0")
    assert row["miou"] == json.loads((folder / "scores.json").read_text(encoding="utf-8"))["test"]["miou"]


def test_what_is_there_is_not_trained_again_and_other_rows_stay(small, camvid_folder, monkeypatch):
    first = run(camvid_folder, seeds=(0,))
    trained, real = [], jobs.run
    monkeypatch.setattr(jobs, "run", lambda job, **how: trained.append((job.name, job.recipe.seed)) or real(job, **how))
    assert run(camvid_folder, seeds=(0,))["rows"] == first["rows"] and trained == []
    more = run(camvid_folder, names=("fcn8s",), seeds=(0, 1))
    assert trained == [("fcn8s", 1)] and [(row["name"], row["seed"]) for row in more["rows"]] == [("fcn32s", 0), ("fcn8s", 0), ("fcn8s", 1)]
    run(camvid_folder, names=("fcn32s",), seeds=(0,), again=True)
    assert trained[1:] == [("fcn32s", 0)]


def test_one_mean_is_of_one_recipe(small, camvid_folder):
    """A recipe that was changed takes all of a network's older rows out of the table, whatever seeds have been done anew, and no other network's."""
    run(camvid_folder, seeds=(0, 1))
    changed = benchmark.run(("fcn8s",), quick=True, root=camvid_folder, device="cpu", folder=camvid_folder / "runs", overrides=TINY | {"lr": 1e-3}, seeds=(0,))
    assert [(row["name"], row["seed"]) for row in changed["rows"]] == [("fcn32s", 0), ("fcn32s", 1), ("fcn8s", 0)]
    assert changed["rows"][2]["recipe"]["lr"] == 1e-3 and changed["summary"]["fcn8s"]["miou"]["sd"] is None


def test_other_weights_are_another_experiment(tmp_path):
    import torch

    for name in "ab":
        torch.save({name: torch.zeros(1)}, tmp_path / f"{name}.pt")
    jobs_ = [benchmark.job("fcn8s", 0, backbone=weights) for weights in ("imagenet", "none", tmp_path / "a.pt", tmp_path / "b.pt")]
    assert len({job.folder for job in jobs_}) == len({benchmark._key(job) for job in jobs_}) == 4
    assert benchmark._key(benchmark.job("fcn8s", 0)) == benchmark._key(benchmark.job("fcn8s", 5)) and benchmark.job("fcn8s", 0).folder != benchmark.job("fcn8s", 5).folder


def test_a_trial_does_not_look_at_the_test_images(small, camvid_folder):
    results = run(camvid_folder, seeds=(0,), write=False)
    assert results["trial"] and not benchmark.path(True).exists()
    assert all(row["split"] == "valid" and row["test_scored"] == 0 and row["miou"] == row["valid_miou"] for row in results["rows"])
    kept = run(camvid_folder, seeds=(0,))
    assert all(row["split"] == "test" and row["test_scored"] == 1 for row in kept["rows"])
    again = run(camvid_folder, seeds=(0,), again=True)
    assert all(row["test_scored"] == 2 for row in again["rows"])                # and every look is counted


def test_a_table_that_was_broken_off_goes_on(small, camvid_folder, monkeypatch):
    """The results file is lost, the runs are there: none is trained again."""
    first = run(camvid_folder, seeds=(0,))
    benchmark.path(True).unlink()
    monkeypatch.setattr(jobs, "run", lambda *_, **__: pytest.fail("trained again"))
    assert run(camvid_folder, seeds=(0,))["rows"] == first["rows"]


def test_the_published_numbers_stand_beside_ours():
    assert benchmark.quoted("fcn8s") == {"miou": "57.0", "pixel_accuracy": "88.0"} and benchmark.quoted("fcn32s") == {"miou": "", "pixel_accuracy": ""}
    row = {"name": "fcn8s", "miou": 0.63, "pixel_accuracy": 0.9, "boundary_iou": 0.4, "parameters": 134489759, "seconds": 140.0, "images_per_second": 239.0,
           "peak_memory_bytes": 9_100_000_000, "pretrained": {"backbone": "vgg16_features.pt"}}
    rows = [row | {"seed": seed, "miou": miou} for seed, miou in enumerate((0.62, 0.63, 0.64))]
    head, line = benchmark.lines({"rows": rows, "summary": benchmark.summarise(rows)})
    assert len(head) == len(line)
    assert line == ["fcn8s", "57.0", "63.00 ± 1.00", "62.00 63.00 64.00", "88.0", "90.00 ± 0.00", "134.49M", "140", "9.1 GB", "239.0", "vgg16_features.pt"]


def test_deeplab_has_a_line_with_its_crf_and_the_test_images_are_seen_once(small, camvid_folder, monkeypatch):
    """Tuned on the validation split; one pass over the test images for both lines; nothing is done again."""
    from segcourse.training import crf_search, refine

    monkeypatch.setattr(crf_search, "settings", lambda size: [{"bilateral_weight": 0.0, "gaussian_weight": weight, "gaussian_xy": 2.0} for weight in (1.0, 3.0)])
    passes, real = [], refine.both
    monkeypatch.setattr(refine, "both", lambda model, data, *how, **more: passes.append(data.split) or real(model, data, *how, **more))
    trial = run(camvid_folder, names=("deeplab_v1",), seeds=(0,), write=False)
    assert passes == [] and trial["rows"][0]["split"] == "valid" and trial["rows"][0]["crf"]["trials"] == 2
    results = run(camvid_folder, names=("deeplab_v1", "fcn32s"), seeds=(0,))
    row = {line["name"]: line for line in results["rows"]}["deeplab_v1"]
    assert passes == ["test"] and row["test_scored"] == 1 and row["split"] == "test" and set(row["crf"]["setting"]) == {"bilateral_weight", "gaussian_weight", "gaussian_xy"}
    assert set(results["summary"]) == {"fcn32s", "deeplab_v1", "deeplab_v1 + CRF"} and "crf" not in {line["name"]: line for line in results["rows"]}["fcn32s"]
    assert results["summary"]["deeplab_v1 + CRF"]["miou"]["mean"] == row["crf"]["miou"] and results["summary"]["deeplab_v1"]["miou"]["mean"] == row["miou"]
    named = {line[0]: line for line in benchmark.lines(results)[1:]}
    assert named["deeplab_v1"][1] == "61.6" and named["deeplab_v1 + CRF"][1] == "–" and named["deeplab_v1 + CRF"][2] == f"{100 * row['crf']['miou']:.2f}"
    (folder,) = (camvid_folder / "runs" / "camvid-quick").glob("deeplab_v1-*-seed0")
    from segcourse.training import checkpoints, evaluate

    model, _ = checkpoints.load_checkpoint(folder / "checkpoint.safetensors")
    data = benchmark.job("deeplab_v1", 0, quick=True, root=camvid_folder).split("test")
    assert evaluate(model, data).miou == row["miou"]
    assert evaluate(model, data, crf=row["crf"]["setting"]).miou == row["crf"]["miou"]
    passes.clear()
    assert run(camvid_folder, names=("deeplab_v1", "fcn32s"), seeds=(0,))["rows"] == results["rows"] and passes == []


def test_full_size_is_the_papers_network_with_the_backbone_and_quick_is_neither():
    full, quick = benchmark.job("fcn8s", 1, backbone="imagenet"), benchmark.job("fcn8s", 1, quick=True)
    assert full.options == {} and full.backbone == "imagenet" and full.recipe.seed == 1 and full.data_options == {}
    assert quick.options["width"] == 0.125 and quick.backbone is None and quick.data_options == {"size": benchmark.QUICK_SIZE}
    assert benchmark.job("fcn_alexnet", 0).backbone is None
    assert benchmark.job("fcn8s", 0, kind="paper").recipe.optimizer == "sgd"
    with pytest.raises(ValueError, match="fcn8s"):
        benchmark.job("fcn8z", 0)


def test_no_results_name_the_command(small):
    with pytest.raises(FileNotFoundError, match="segcourse bench camvid --quick"):
        benchmark.read(quick=True)


def test_the_command_marks_a_quick_table_and_a_trial_writes_nothing(small, camvid_folder, capsys):
    words = ["bench", "camvid", "fcn32s", "--quick", "--root", str(camvid_folder), "--device", "cpu", "--out", str(camvid_folder / "runs"), "--set", "steps=1", "--set", "batch_size=2"]
    assert cli.run([*words, "--seeds", "3"]) == 0
    printed = capsys.readouterr().out
    assert "TRIAL" in printed and "validation split" in printed and "fcn32s" in printed and "written" not in printed and not benchmark.path(True).exists()
    from segcourse.commands import bench

    assert "no reproduction" in bench.title({"trial": False, "quick": True}) and "QUICK" not in bench.title({"trial": False, "quick": False})
    assert cli.run([*words, "--seeds", "a"]) == 2 and "--seeds" in capsys.readouterr().err
    assert cli.run(["bench", "camvid", "fcn9", "--quick"]) == 2 and "fcn" in capsys.readouterr().err


def test_torchvisions_weights_come_from_a_server_checked_or_not_at_all(tmp_path):
    """The real download, from a server on 127.0.0.1: right bytes are read, wrong ones and none are refused with the way by hand."""
    import hashlib
    import http.server
    import threading

    import torch

    torch.save({"features.0.weight": torch.ones(4, 3, 3, 3)}, tmp_path / "w.pth")
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()[:8]
    (tmp_path / "w.pth").rename(tmp_path / f"vgg16-{digest}.pth")
    (tmp_path / "vgg16-00000000.pth").write_bytes((tmp_path / f"vgg16-{digest}.pth").read_bytes())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        at = f"http://127.0.0.1:{server.server_port}"
        here = tmp_path / "kept"
        assert jobs.imagenet_vgg16(f"{at}/vgg16-{digest}.pth", here)["features.0.weight"].sum() == 108
        for wrong in ("vgg16-00000000.pth", "vgg16-11111111.pth"):
            with pytest.raises(OSError, match="--backbone FILE"):
                jobs.imagenet_vgg16(f"{at}/{wrong}", here)
    finally:
        server.shutdown()
        server.server_close()
    assert [path.name for path in here.iterdir() if path.suffix != ".lock"] == [f"vgg16-{digest}.pth"]
    assert jobs.imagenet_vgg16(f"{at}/vgg16-{digest}.pth", here)                   # kept
    with pytest.raises(OSError, match="--backbone none"):
        jobs.imagenet_vgg16(f"{at}/vgg16-22222222.pth", here)


def test_a_network_without_vgg_refuses_a_backbone(camvid_folder, capsys):
    (camvid_folder / "w.pt").write_bytes(b"x")
    assert cli.run(["train", "fcn_alexnet", "--data", "camvid", "--root", str(camvid_folder), "--out", str(camvid_folder / "out"), "--backbone", str(camvid_folder / "w.pt"),
                    "--width", "0.03", "--padding", "same", "--steps", "1", "--device", "cpu"]) == 2
    assert "fcn_alexnet is not built on VGG16" in capsys.readouterr().err


def test_deconvnet_and_segnet_have_rows_beside_what_was_published(small, camvid_folder, monkeypatch):
    """SegNet's published accuracy is left out: published.toml says why. DeconvNet's fc6 needs a map of 3x3 cells."""
    monkeypatch.setattr(benchmark, "QUICK_SIZE", (66, 90))
    named = {line[0]: line for line in benchmark.lines(run(camvid_folder, names=("deconvnet", "segnet"), seeds=(0,)))[1:]}
    assert {name: (line[1], line[4]) for name, line in named.items()} == {"deconvnet": ("48.9", "85.9"), "segnet": ("46.4", "–")}
    assert recipes.network_options("deconvnet", kind="quick")["grid"] == 3 and benchmark.job("segnet", 0).backbone == "imagenet"


@pytest.mark.parametrize("data", ["camvid", "voc", "streets"])
@pytest.mark.parametrize("name", recipes.names())
def test_every_change_of_a_recipe_is_one_with_a_reason(name, data):
    told = recipes.changes(name, data=data)
    assert len({what for what, *_ in told}) == len(told) and all(why and paper != ours for _, paper, ours, why in told)
