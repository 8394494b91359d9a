"""`segcourse lab` where a port is taken and where the home cannot be written to."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from segcourse import cli
from segcourse.commands import lab
from segcourse.language import reading


@pytest.fixture
def occupied():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_said_with_the_one_that_is_used(occupied):
    port, said = lab.free_port(occupied)
    assert occupied < port <= occupied + lab.TRIES and said == f"port {occupied} is taken (perhaps by a JupyterLab that is still open): using {port}"
    assert lab.free_port(port) == (port, "")
    with reading("ko"):
        assert lab.free_port(occupied)[1].startswith(f"{occupied}번 포트는 이미 쓰이고 있어서")


def test_ports_that_cannot_be_used(occupied, monkeypatch, capsys):
    for port, words in ((70000, "a port is a number from 1 to 65535"), (-1, "a port is a number")):
        assert cli.run(["lab", "--port", str(port)]) == 2
        assert words in capsys.readouterr().err
    monkeypatch.setattr(lab, "taken", lambda port: True)
    with pytest.raises(ValueError, match="are all taken: name another with --port"):
        lab.free_port(8888)

    def kept_by_the_system(port):
        raise PermissionError

    monkeypatch.setattr(lab, "taken", kept_by_the_system)
    with pytest.raises(ValueError, match="--port 80: .* above 1023"):
        lab.free_port(80)


def test_jupyterlab_gets_the_free_port(occupied, monkeypatch, capsys):
    started = []
    monkeypatch.setattr(subprocess, "call", lambda command, env: started.append((command, env)) or 0)
    assert cli.run(["lab", "--no-browser", "--port", str(occupied)]) == 0
    said = capsys.readouterr().out
    port = next(part.rpartition("=")[2] for part in started[0][0] if part.startswith("--ServerApp.port="))
    assert f"using {port}" in said and int(port) > occupied


def test_a_home_that_can_be_written_to_is_left_alone(tmp_path, monkeypatch):
    for name in lab._KEEPERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(lab.Path, "home", lambda: tmp_path)
    assert lab.homes() == ({}, "")


def test_a_home_that_cannot_be_written_to_is_stood_in_for(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("no folder", encoding="utf-8")
    for name in lab._KEEPERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))              # this one can
    monkeypatch.setattr(lab.Path, "home", lambda: tmp_path / "home")
    settings, said = lab.homes()
    assert set(settings) == {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_PATH"}
    assert "cannot be written to" in said and "SEGCOURSE_HOME" in said and os.path.isdir(Path(settings["IPYTHONDIR"]).parent)


COMMANDS = [["--help"], ["data", "list"], ["data", "get", "streets"], ["data", "get", "camvit"], ["train", "fcn9"]]


@pytest.mark.parametrize("encoding", ["ascii", "cp949"])
def test_a_terminal_that_cannot_write_every_letter(encoding, tmp_path):
    """ascii has no Korean: English then, and one line that says why. cp949 is what a Korean Windows gives a pipe."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))} | {
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding, "PYTHONCOERCECLOCALE": "0", "SEGCOURSE_LANG": "ko",
        "SEGCOURSE_DATA": str(tmp_path / "데이터 폴더"), "PYTHONPATH": str(Path(lab.__file__).resolve().parents[2])}
    program = "import sys; from segcourse.__main__ import speak_what_the_terminal_can as speak; speak([sys.stdout, sys.stderr]); from segcourse import cli\n" \
              f"print([cli.run(words) for words in {COMMANDS!r}])"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=300)
    out, errors = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == 0 and "Traceback" not in errors and "UnicodeEncodeError" not in errors, errors
    assert out.strip().endswith("[0, 0, 0, 2, 2]")
    if encoding == "cp949":
        assert "바로 쓸 수 있어요" in out
    else:
        assert errors.count("cannot show Korean") == 1 and "nothing to fetch" in out
    assert "\\ud" in out or sys.platform == "win32"            # the folder's name, which such a system cannot even read


def test_a_full_disk_is_one_line_for_every_command(monkeypatch, capsys):
    """A checkpoint or a score file that finds no room: status 1, the file, and what to do."""
    from segcourse.commands import data

    def full(root):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/one/checkpoint.safetensors")

    monkeypatch.setattr(data, "listing", full)
    assert cli.run(["data", "list"]) == 1
    assert capsys.readouterr().err == "segcourse: the disk of runs/one/checkpoint.safetensors is full: free some room, or name another folder\n"
    with reading("ko"):
        assert cli.run(["data", "list"]) == 1
    assert capsys.readouterr().err.strip().endswith("알려 주세요.")
