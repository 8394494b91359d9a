"""The doctor: says what is broken and what to do, and outlives torch and Jupyter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import segcourse
from segcourse.commands import columns, doctor
from segcourse.language import reading

SOUND = {"torch": "2.15.0", "cuda": "", "device": "cpu", "kind": "cpu", "words": "cpu", "computes": "", "torchvision": "", "data": ["camvid  there"]}
SHOWN = {"font": "NanumGothic", "kernel": "python"}


def report(monkeypatch, *, torch=SOUND, jupyter=SHOWN, port=0):
    """(status, printed lines) with the trials answering as given."""
    monkeypatch.setattr(doctor, "_begin", lambda trial: trial)
    monkeypatch.setattr(doctor, "_end", lambda trial: {"torch": torch, "jupyter": jupyter}[trial])
    lines = []
    return doctor.examine(lines.append, port=port), lines


def problems(lines):
    return [text for text in lines if " → " in text]


@pytest.fixture(autouse=True)
def sound(monkeypatch, tmp_path):
    """A machine on which nothing is wrong, whatever this one is like."""
    for name in ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEGCOURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SEGCOURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "checkout", lambda: None)
    monkeypatch.setattr(doctor, "requirements", lambda: {"": ["torch>=2.8", "numpy>=2.0"]})


def test_a_sound_machine(monkeypatch):
    status, lines = report(monkeypatch)
    assert status == 0 and lines[-1] == "Everything works." and not problems(lines)
    with reading("ko"):
        status, lines = report(monkeypatch)
    assert status == 0 and lines[-1] == "모두 잘 돼요."
    assert any(text.startswith("데이터 폴더") for text in lines) and not any("None" in text for text in lines)


def test_columns_count_korean_letters_twice():
    assert {columns.width(columns.line(head, "")) for head in ("torch", "장치", "데이터 폴더")} == {columns.HEAD}


@pytest.mark.parametrize("torch, words, remedy", [
    ({"died": "ImportError: libcudart.so.13: cannot open shared object file"}, "PyTorch: ImportError: libcudart", "--force-reinstall"),
    ({"died": "crashed with status -4"}, "PyTorch: crashed with status -4", "install it again"),
    (SOUND | {"computes": "RuntimeError: CUDA error: no kernel image is available", "kind": "cuda", "device": "cuda"}, "device: cuda: RuntimeError", "pytorch.org"),
    (SOUND | {"computes": "OutOfMemoryError: CUDA out of memory", "kind": "cuda", "device": "cuda"}, "out of memory", "--device cpu"),
    (SOUND | {"computes": "wrong: [1.0]"}, "device: cpu: wrong", "install it again"),
    (SOUND | {"torchvision": "RuntimeError: operator torchvision::nms does not exist"}, "torchvision: .*nms does not exist", "install both together"),
])
def test_what_is_broken_is_one_line_with_the_remedy_and_status_1(monkeypatch, torch, words, remedy):
    import re

    status, lines = report(monkeypatch, torch=torch)
    found = problems(lines)
    assert status == 1 and len(found) == 1 and found[0].startswith("BROKEN  ")
    assert re.search(words, found[0]) and remedy in found[0] and lines[-1].startswith("1 needed thing is broken, 0 notes")
    with reading("ko"):
        status, lines = report(monkeypatch, torch=torch)
    assert status == 1 and problems(lines)[0].startswith("문제  ") and "주세요" in problems(lines)[0] and lines[-1].endswith("고쳐 주세요.")


VERSIONS = {"torch": "2.15.0", "torchvision": "0.29.2", "numpy": "2.4", "ipywidgets": "8.1.9", "jupyterlab_widgets": "3.0.17", "jupyterlab": "4.6.6", "anywidget": "0.11.0"}


@pytest.mark.parametrize("given, words", [
    ({"numpy": ""}, 'BROKEN  numpy: not installed → '), ({"torch": "2.7.1+cu126"}, "BROKEN  torch: 2.7.1+cu126, and torch>=2.8 is needed → "),
    ({"ipywidgets": "7.7.1"}, '"jupyterlab_widgets<2"'), ({"jupyterlab_widgets": "1.1.11"}, '"jupyterlab_widgets>=3,<4"'),
    ({"ipywidgets": "7.7.1", "jupyterlab_widgets": "1.1.11"}, '"ipywidgets>=8"'), ({"jupyterlab_widgets": ""}, '"jupyterlab_widgets>=3,<4"'),
    ({"ipywidgets": "7.7.1", "jupyterlab_widgets": "1.1.11", "jupyterlab": "3.6.8"}, None), ({"torch": "2.8.0+cpu"}, None), ({"jupyterlab": ""}, None),
])
def test_versions_that_do_not_fit(monkeypatch, given, words):
    monkeypatch.setattr(doctor, "_version", lambda name: (VERSIONS | given).get(name, ""))
    status, lines = report(monkeypatch)
    assert status == (1 if words else 0) and len(problems(lines)) == (1 if words else 0), problems(lines)
    assert words is None or words in problems(lines)[0]


def test_requirements_are_those_of_the_project(monkeypatch):
    """Of the checkout, and of the metadata that pip would leave."""
    import tomllib

    monkeypatch.undo()
    project = tomllib.loads((Path(segcourse.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert doctor.requirements() == {"": project["dependencies"], **project["optional-dependencies"]}
    monkeypatch.setattr(doctor, "checkout", lambda: None)
    lines = [*project["dependencies"], *(f"{text.partition(';')[0].strip()}; " + (f"{text.partition(';')[2].strip()} and " if ";" in text else "")
                                         + f"extra == '{extra}'" for extra, texts in project["optional-dependencies"].items() for text in texts)]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: lines)
    found = doctor.requirements()
    assert found[""] == project["dependencies"] and set(found) == {"", *project["optional-dependencies"]}
    assert doctor._lacks(found["crf"][0]) is None or sys.version_info < (3, 13)


def test_an_extra_that_is_missing_is_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "requirements", lambda: {"": ["numpy>=2.0"], "lab": ["surely-not-installed>=4.2"], "crf": ["nor-this>=1; python_version < '3.13'"]})
    status, lines = report(monkeypatch)
    assert status == 0 and len(problems(lines)) == 1
    assert problems(lines)[0].startswith("note  segcourse[lab]: incomplete, needed to open the chapters → ") and '"surely-not-installed>=4.2"' in problems(lines)[0]
    assert lines[-1] == "Everything that is needed works, 1 note."


def test_notes_about_the_machine(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("SEGCOURSE_DATA", str(tmp_path / "file" / "data"))
    monkeypatch.setenv("SEGCOURSE_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file" / "mpl"))
    monkeypatch.setenv("HTTPS_PROXY", "http://kim:secret@proxy:3128")
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, lines = report(monkeypatch, port=other.getsockname()[1])
    found = problems(lines)
    assert status == 0 and len(found) == 4 and all(text.startswith("note  ") for text in found)
    assert "is a file: move it away, or set SEGCOURSE_DATA" in "".join(found) and "set SEGCOURSE_HOME" in "".join(found)
    assert "is taken" in "".join(found) and "matplotlib" in "".join(found)
    assert any("HTTPS_PROXY=http://proxy:3128" in text for text in lines) and "secret" not in "".join(lines)


def test_a_progress_file_that_is_damaged_is_told_and_left_alone(monkeypatch, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "progress.json").write_text('{"exercises": {"fcn.x"', encoding="utf-8")
    status, lines = report(monkeypatch)
    assert status == 0 and "it is damaged" in problems(lines)[0] and sorted(path.name for path in (tmp_path / "home").iterdir()) == ["progress.json"]


@pytest.mark.parametrize("version, told", [("3.10.4", True), ("3.14.0", True), ("3.12.1", False)])
def test_the_python_of_a_checkouts_venv(monkeypatch, tmp_path, version, told):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n", encoding="utf-8")
    monkeypatch.setattr(doctor, "checkout", lambda: tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    found = [finding for finding in doctor.python() if finding.problem]
    assert len(found) == told and (not told or "makes it anew" in found[0].remedy)


def test_a_part_that_fails_does_not_stop_the_doctor(monkeypatch):
    def words():
        raise RuntimeError("no words")
        yield

    monkeypatch.setattr(doctor, "words", words)
    status, lines = report(monkeypatch)
    assert status == 0 and "RuntimeError: no words" in problems(lines)[0]


BROKEN = {"raises": "raise ImportError('libtorch.so: cannot open shared object file')", "crashes": "import os; os.abort()", "exits": "raise SystemExit(3)"}


@pytest.mark.parametrize("how", ["crashes", *(pytest.param(how, marks=pytest.mark.slow) for how in ("raises", "exits"))])
def test_the_whole_command_with_a_torch_that_is_broken(how, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(BROKEN[how], encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(segcourse.__file__).parents[1])]), "SEGCOURSE_LANG": "en"}
    done = subprocess.run([sys.executable, "-m", "segcourse", "doctor"], env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    found = next(text for text in done.stdout.splitlines() if text.startswith("BROKEN  PyTorch: "))
    assert {"raises": "libtorch.so", "crashes": "crashed with status", "exits": "crashed with status 3"}[how] in found and "--force-reinstall" in found


@pytest.mark.slow
def test_the_trials_run_here():
    """For real: this machine's torch computes, its torchvision fits, its figures have Korean letters."""
    running = {name: doctor._begin(name) for name in ("torch", "jupyter")}
    found = {name: doctor._end(process) for name, process in running.items()}
    assert found["torch"]["computes"] == "" and found["torch"]["torchvision"] == "" and found["jupyter"]["font"] == "NanumGothic", json.dumps(found)
