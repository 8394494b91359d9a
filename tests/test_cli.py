"""The command: train, evaluate and predict on a drawn CamVid; every mistake of a reader is one line and the right exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segcourse import cli
from segcourse.commands import lab
from segcourse.datasets import palettes

SMALL = ["--width", "0.03", "--padding", "same", "--steps", "2", "--batch-size", "2", "--device", "cpu"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.delenv("SEGCOURSE_DEBUG", raising=False)
    monkeypatch.delenv("SEGCOURSE_DATA", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def trained(camvid_folder, capsys):
    """A trained run in run/, its report in all.json, what was printed in printed.txt."""
    out = camvid_folder / "run"
    assert cli.run(["train", "fcn8s", "--data", "camvid", "--root", str(camvid_folder), "--out", str(out), "--json", str(camvid_folder / "all.json"),
                    "--test", *SMALL]) == 0
    (camvid_folder / "printed.txt").write_text(capsys.readouterr().out, encoding="utf-8")
    return camvid_folder


def table(text):
    """Class name -> the numbers of its row."""
    rows = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_train_prints_and_writes_its_scores_and_evaluate_repeats_them(trained, capsys):
    printed = (trained / "printed.txt").read_text(encoding="utf-8")
    report = json.loads((trained / "all.json").read_text(encoding="utf-8"))
    assert {"command", "commit", "device", "recipe", "seconds", "peak_memory_bytes", "valid", "test", "parameters"} <= set(report)
    assert len(report["test"]["iou"]) == 11 and report["recipe"]["steps"] == 2 and report["options"]["width"] == 0.03
    for split in ("valid", "test"):
        assert cli.run(["evaluate", str(trained / "run" / "checkpoint.safetensors"), "--root", str(trained), "--split", split, "--device", "cpu",
                        "--json", str(trained / "again.json")]) == 0
        again = capsys.readouterr().out
        assert again.strip() in printed
        stored = json.loads((trained / "again.json").read_text(encoding="utf-8"))
        assert stored["confusion"] == report[split]["confusion"] and stored["boundary_iou_per_class"] == report[split]["boundary_iou_per_class"]
        assert set(table(again)) == {*palettes.CAMVID.names()[:11], "mean"}
    truth = np.concatenate([np.array(Image.open(path)).ravel() for path in sorted((trained / "CamVid" / "testannot").iterdir())])
    assert np.array(report["test"]["confusion"]).sum() == (truth != 11).sum()


def test_the_printed_table_is_read_from_the_scores(trained):
    rows = table((trained / "printed.txt").read_text(encoding="utf-8").split("· test")[1])
    report = json.loads((trained / "all.json").read_text(encoding="utf-8"))["test"]
    for name, value in zip(palettes.CAMVID.names(), report["iou"], strict=False):
        assert rows[name][0] == ("–" if value is None else f"{100 * value:.2f}")
    assert rows["mean"][0] == f"{100 * report['miou']:.2f}"


def test_predict_writes_label_map_and_overlay_of_the_photos_size(trained, capsys):
    photos = trained / "photos"
    photos.mkdir()
    Image.new("L", (70, 50), 128).save(photos / "grey.png")
    Image.new("RGB", (33, 90), (90, 120, 200)).save(photos / "tall.jpg")
    checkpoint = str(trained / "run" / "checkpoint.safetensors")
    assert cli.run(["predict", checkpoint, str(photos), "--out", str(trained / "out"), "--device", "cpu"]) == 0
    assert "grey.png is greyscale" in capsys.readouterr().out
    assert {path.name for path in (trained / "out").iterdir()} == {f"{name}-{kind}.png" for name in ("grey", "tall") for kind in ("labels", "overlay", "legend")}
    for name, size in (("grey", (70, 50)), ("tall", (33, 90))):
        labels, overlay = Image.open(trained / "out" / f"{name}-labels.png"), Image.open(trained / "out" / f"{name}-overlay.png")
        assert labels.size == overlay.size == size and labels.mode == "P" and overlay.mode == "RGB"
        numbers = np.array(labels)
        assert numbers.max() < 11
        assert np.array_equal(np.array(labels.convert("RGB")), palettes.CAMVID.colours[numbers])


def test_evaluate_and_predict_with_a_crf(trained, capsys):
    """Any of its numbers turns it on; the scores say how it was set, and are those of training.evaluate."""
    from segcourse import datasets, training
    from segcourse.training import checkpoints

    checkpoint, out = str(trained / "run" / "checkpoint.safetensors"), trained / "crf.json"
    words = ["--crf-bilateral-weight", "5", "--crf-bilateral-xy", "8", "--crf-bilateral-rgb", "20", "--crf-gaussian-weight", "2", "--crf-gaussian-xy", "1.5"]
    settings = {"bilateral_weight": 5.0, "bilateral_xy": 8.0, "bilateral_rgb": 20.0, "gaussian_weight": 2.0, "gaussian_xy": 1.5}
    model, _ = checkpoints.load_checkpoint(checkpoint)
    data = datasets.load("camvid", "test", root=trained)
    for given, crf in ((words, settings), (["--crf"], {}), ([], None)):
        assert cli.run(["evaluate", checkpoint, "--root", str(trained), "--split", "test", "--device", "cpu", "--json", str(out), *given]) == 0
        stored = json.loads(out.read_text(encoding="utf-8"))
        assert stored["crf"] == crf and stored["confusion"] == training.evaluate(model, data, crf=crf).confusion.tolist()
        assert ("fcn8s + CRF · camvid · test" in capsys.readouterr().out) == (crf is not None)
    photo = trained / "CamVid" / "test" / "test_0.png"
    assert cli.run(["predict", checkpoint, str(photo), "--out", str(trained / "sharp"), "--device", "cpu", *words]) == 0
    found = np.array(Image.open(trained / "sharp" / "test_0-labels.png"))
    assert np.array_equal(found, training.predict(model, photo, crf=settings).numpy())


def test_deeplab_trains_on_the_command_line(camvid_folder, capsys):
    out = camvid_folder / "deeplab"
    words = ["train", "deeplab_v1", "--data", "camvid", "--root", str(camvid_folder), "--out", str(out), "--width", "0.03", "--steps", "1", "--batch-size", "2", "--device", "cpu"]
    assert cli.run([*words, "--option", "rate=2", "--option", "multi_scale=true"]) == 0
    report = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert report["options"] == {"num_classes": 11, "width": 0.03, "rate": 2, "multi_scale": True}
    assert cli.run(["evaluate", str(out / "checkpoint.safetensors"), "--root", str(camvid_folder), "--device", "cpu"]) == 0
    capsys.readouterr()
    assert cli.run([*words, "--overwrite", "--padding", "same"]) == 2 and "'padding'" in capsys.readouterr().err


def test_a_server_without_matplotlib_predicts_too(trained, monkeypatch):
    from segcourse.training import provenance

    monkeypatch.setattr(provenance, "version", lambda name: "")
    monkeypatch.setitem(sys.modules, "segcourse.figures", None)
    photo = str(trained / "CamVid" / "test" / "test_0.png")
    assert cli.run(["predict", str(trained / "run" / "checkpoint.safetensors"), photo, photo, "--out", str(trained / "bare"), "--device", "cpu"]) == 0
    assert {path.name for path in (trained / "bare").iterdir()} == {f"test_0{number}-{kind}.png" for number in ("", "-2") for kind in ("labels", "overlay")}


def test_sizes_and_settings_reach_the_run(camvid_folder, capsys):
    out = camvid_folder / "small"
    assert cli.run(["train", "fcn32s", "--data", "camvid", "--root", str(camvid_folder), "--size", "24x32", "--out", str(out), "--set", "schedule=cosine",
                    "--set", "scale=[0.5,2]", "--seed", "3", "--recipe", "paper", "--width", "0.03", "--padding", "same", "--epochs", "1", "--batch-size", "3",
                    "--device", "cpu"]) == 0
    report = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    recipe = report["recipe"]
    assert (recipe["schedule"], recipe["scale"], recipe["seed"], recipe["steps"], recipe["lr"]) == ("cosine", [0.5, 2], 3, 2, 1e-4)
    assert report["data"]["size"] == [24, 32]
    capsys.readouterr()
    assert cli.run(["evaluate", str(out / "checkpoint.safetensors"), "--root", str(camvid_folder), "--device", "cpu"]) == 0      # at 24x32 again
    assert f"mIoU {100 * report['valid']['miou']:.2f}" in capsys.readouterr().out


TRAIN = ["train", "fcn8s", "--data", "camvid", "--root", "{here}", "--out", "{here}/out", *SMALL]
BAD = {
    "unknown model": (["train", "fcn8", "--root", "{here}", "--data", "camvid"], "fcn8s"),
    "unknown data": (["train", "fcn8s", "--data", "camvit"], "camvid"),
    "no data": (["train", "fcn8s", "--data", "camvid", "--root", "{here}/CamVid/train"], "there is no CamVid in"),
    "cuda": ([*TRAIN, "--device", "cuda"], "--device cpu"),
    "device": ([*TRAIN, "--device", "gpu"], "'gpu'"),
    "size": ([*TRAIN, "--size", "0x20"], "HEIGHTxWIDTH.*0x20"),
    "size of one": ([*TRAIN, "--size", "96"], "HEIGHTxWIDTH.*'96'"),
    "padding": ([*TRAIN, "--padding", "none"], "'none'"),
    "width": ([*TRAIN, "--width", "-1"], "-1"),
    "steps": ([*TRAIN, "--steps", "0"], "steps must be at least 1, got 0"),
    "setting": ([*TRAIN, "--set", "stepz=3"], "stepz"),
    "setting without value": ([*TRAIN, "--set", "lr"], "NAME=VALUE"),
    "switch that is none": ([*TRAIN, "--set", "flip=perhaps"], "flip must be true or false.*'perhaps'"),
    "steps that are not whole": ([*TRAIN, "--set", "warmup=10.5"], "warmup must be a whole number.*10.5"),
    "crop that is no pair": ([*TRAIN, "--set", "crop=32x32"], "crop must be none or a pair.*'32x32'"),
    "seed as a setting": ([*TRAIN, "--set", "seed=1"], "--seed"),
    "setting of the wrong kind": ([*TRAIN, "--set", "lr=fast"], "lr must be a number.*'fast'"),
    "schedule": ([*TRAIN, "--set", "schedule=poli"], "poly"),
    "recipe": ([*TRAIN, "--recipe", "mine"], "'mine'.*paper or ours"),
    "backbone": ([*TRAIN, "--backbone", "{here}/vgg.pt"], "vgg.pt"),
    "backbone of another kind": ([*TRAIN, "--backbone", "{here}/CamVid/train/train_0.png"], "damaged or holds more than weights"),
    "no number": ([*TRAIN, "--steps", "many"], "--steps.*'many'"),
    "option": ([*TRAIN, "--stepz", "3"], "--stepz"),
    "command": (["trian", "fcn8s"], "trian"),
    "no checkpoint": (["evaluate", "{here}/none.safetensors"], "there is no checkpoint .*none"),
    "foreign checkpoint": (["evaluate", "{here}/CamVid/train/train_0.png"], "damaged or no safetensors"),
    "no photo": (["predict", "{here}/none.safetensors", "{here}/none.jpg"], "there is no file .*none.jpg"),
    "empty folder": (["predict", "{here}/none.safetensors", "{here}/empty"], "holds no pictures"),
    "corrupt photo": (["predict", "{here}/none.safetensors", "{here}/corrupt.png"], "corrupt.png is damaged"),
    "a CRF without width": (["evaluate", "{here}/none.safetensors", "--crf-bilateral-xy", "wide"], "--crf-bilateral-xy.*'wide'"),
    "chapter": (["bench", "chapter", "77"], "'77'"),
    "bench": (["bench", "everything", "01"], "everything"),
    "label out of range": (["train", "fcn8s", "--data", "camvid", "--root", "{here}/wrong", "--out", "{here}/out", *SMALL], "holds the label 12"),
    "grey data set": (["train", "fcn8s", "--data", "camvid", "--root", "{here}/grey", "--out", "{here}/out", *SMALL], "greyscale.*RGB"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_with_value_and_remedy(case, camvid_folder, capsys):
    import re
    import shutil

    if case == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    (camvid_folder / "empty").mkdir()
    picture = camvid_folder / "CamVid" / "train" / "train_0.png"
    (camvid_folder / "corrupt.png").write_bytes(picture.read_bytes()[:200])
    if case in ("label out of range", "grey data set"):
        name = "wrong" if case == "label out of range" else "grey"
        shutil.copytree(camvid_folder / "CamVid", camvid_folder / name / "CamVid")
        target = camvid_folder / name / "CamVid" / ("trainannot" if name == "wrong" else "train") / "train_1.png"
        Image.fromarray(np.full((48, 64), 12 if name == "wrong" else 100, np.uint8)).save(target)
    arguments, words = BAD[case]
    status = cli.run([part.format(here=camvid_folder) for part in arguments])
    output = capsys.readouterr()
    lines = output.err.strip().splitlines()
    assert status == 2, output
    assert len(lines) == 1 and lines[0].startswith("segcourse: ") and "Traceback" not in output.err, output.err
    assert re.search(words, lines[0]), lines[0]
    assert not (camvid_folder / "out").exists()


def test_the_same_in_korean_ends_politely(camvid_folder, capsys):
    from segcourse.language import reading

    with reading("ko"):
        assert cli.run(["train", "fcn8s", "--data", "camvit"]) == 2
        assert cli.run([*[part.format(here=camvid_folder) for part in TRAIN], "--steps", "0"]) == 2
    assert all(line.endswith("해 주세요.") or line.endswith("고쳐 주세요.") for line in capsys.readouterr().err.strip().splitlines())


def test_a_finished_run_is_not_overwritten_unasked(trained, capsys):
    again = ["train", "fcn8s", "--data", "camvid", "--root", str(trained), "--out", str(trained / "run"), *SMALL]
    before = (trained / "run" / "checkpoint.safetensors").read_bytes()
    assert cli.run(again) == 2 and "--overwrite" in capsys.readouterr().err
    assert (trained / "run" / "checkpoint.safetensors").read_bytes() == before
    assert cli.run([*again, "--overwrite", "--seed", "1"]) == 0
    assert (trained / "run" / "checkpoint.safetensors").read_bytes() != before


def test_failures_while_running_are_status_1(camvid_folder, capsys):
    arguments = [part.format(here=camvid_folder) for part in TRAIN]
    assert cli.run([*arguments, "--lr", "1e30", "--steps", "8", "--set", "clip=0", "--set", "optimizer=sgd", "--set", "schedule=constant",
                    "--set", "warmup=0"]) == 1
    assert "learning rate" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_keeps_the_last_checkpoint_and_says_so(camvid_folder):
    out = camvid_folder / "long"
    process = subprocess.Popen(
        [sys.executable, "-m", "segcourse", "train", "fcn8s", "--data", "camvid", "--root", str(camvid_folder), "--out", str(out), "--width", "0.03",
         "--padding", "same", "--steps", "100000", "--batch-size", "2", "--set", "evaluate_every=3", "--device", "cpu"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 60
        while not (out / "checkpoint.safetensors").exists():
            assert time.monotonic() < deadline and process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors and "stays in" in errors.strip().splitlines()[-1]
    assert {path.name for path in out.iterdir()} == {"checkpoint.safetensors", "state.safetensors", "log.jsonl", ".segcourse-lock"}
    assert cli.run(["evaluate", str(out / "checkpoint.safetensors"), "--root", str(camvid_folder), "--device", "cpu"]) == 0


def test_data_list_and_doctor_say_what_is_there(camvid_folder, tmp_path, capsys, monkeypatch):
    assert cli.run(["data", "list", "--root", str(camvid_folder)]) == 0
    assert ("train 6/367, valid 3/101, test 3/233; 1402 of 1402 files, 187 MB, are missing: `segcourse data get camvid` brings them"
            in capsys.readouterr().out)
    monkeypatch.setenv("SEGCOURSE_DATA", str(tmp_path / "nothing"))
    assert cli.run(["data", "list"]) == 0
    assert "git clone" in capsys.readouterr().out
    assert cli.run(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert torch.__version__.split("+")[0] in printed and str(tmp_path / "nothing") in printed and "computes" in printed and "BROKEN" not in printed


@pytest.mark.parametrize("environment, page", [({"SEGCOURSE_LANG": "ko", "LANG": "C"}, "ko"), ({"SEGCOURSE_LANG": "en", "LANG": "ko_KR.UTF-8"}, "en"), ({"LANG": "ko_KR.UTF-8"}, "ko"),
                                               ({"LANG": "fr_FR.UTF-8"}, "en")])
def test_lab_opens_with_the_start_page_in_the_readers_language(tmp_path, monkeypatch, environment, page):
    import locale

    monkeypatch.delenv("SEGCOURSE_LANG", raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: (None, None))
    monkeypatch.setenv("JUPYTERLAB_DIR", str(tmp_path / "lab"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "lab" / "settings").mkdir(parents=True)
    (tmp_path / "lab" / "settings" / "overrides.json").write_text('{"@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Dark"}}', encoding="utf-8")
    (tmp_path / "mine").mkdir()
    assert lab.first_page(tmp_path / "no chapters", tmp_path / "mine") == []
    root = Path(cli.__file__).parents[1]
    options = lab.first_page(root / "notebooks", tmp_path / "mine")
    assert options == [f"--LabApp.default_url=/lab/tree/{page}/start.md", f"--LabApp.app_settings_dir={tmp_path / 'mine'}"]
    overrides = json.loads((tmp_path / "mine" / "overrides.json").read_text(encoding="utf-8"))
    assert overrides == {"@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Dark"},
                         "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}}}


def test_help_names_every_command(capsys):
    assert cli.run(["--help"]) == 0
    printed = capsys.readouterr().out
    for command in ("lab", "train", "evaluate", "predict", "data", "bench", "doctor", "notebooks"):
        assert command in printed


@pytest.mark.slow
def test_bench_speed_and_record_print_and_keep_what_they_measured(camvid_folder, capsys):
    here, results = str(camvid_folder), Path(cli.__file__).parent / "results"
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    assert cli.run(["bench", "speed", "--root", here, "--device", "cpu", "--crop", "32x32", "--batch-size", "2", "--steps", "1", "--repeats", "1", "--workers", "0",
                    "--json", f"{here}/speed.json"]) == 0
    speed = json.loads((camvid_folder / "speed.json").read_text(encoding="utf-8"))
    assert speed["ratio"] > 0 and speed["memory"]["measured"] is False and "images/s" in capsys.readouterr().out
    assert cli.run(["bench", "record", "--root", here, "--device", "cpu", "--seeds", "0", "--option", "width=0.03", "--set", "steps=1", "--set", "batch_size=2",
                    "--set", "crop=none", "--json", f"{here}/record.json"]) == 0
    record = json.loads((camvid_folder / "record.json").read_text(encoding="utf-8"))
    assert record["failed"] == [0] and record["rows"][0]["recipe"]["steps"] == 1 and "no record" in capsys.readouterr().out       # one step reaches nothing, and says so
    assert cli.run(["bench", "speed", "--crop", "32", "--root", here]) == 2 and "HEIGHTxWIDTH" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in results.iterdir()} == before          # trials


def test_switches_may_be_written_as_python_writes_them(camvid_folder):
    out = camvid_folder / "plain"
    assert cli.run([*[part.format(here=camvid_folder) for part in TRAIN][:-len(SMALL)], "--overwrite", *SMALL, "--set", "flip=False", "--option", "batch_norm=True", "--out", str(out)]) == 0
    report = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert report["recipe"]["flip"] is False and report["options"]["batch_norm"] is True
