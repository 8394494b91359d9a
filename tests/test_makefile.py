"""What `make setup` does with the Pythons and the .venv it finds, tried with stand-ins for Python: nothing is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt" or shutil.which("make") is None, reason="make is not installed")
ROOT = Path(__file__).resolve().parents[1]

# Answers what the Makefile asks of a Python. FITS and VENV are exit statuses.
PYTHON = """#!/bin/sh
case "$1 $2" in
    "--version ") echo "Python stand-in" ;;
    "-c "*.installed*) [ {fits} = 0 ] && [ "$(cat .venv/.installed)" = "$(pwd -P)" ] ;;
    "-c "*ensurepip*) [ {fits} = 0 ] && exit {venv} ;;
    "-c "*version_info*) exit {fits} ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "$0" > "$3/made-by" ;;
esac
"""


@pytest.fixture
def place(tmp_path):
    """A checkout with a space in its path, and a PATH on which there is no Python but those a test puts there."""
    folder, tools = tmp_path / "my course", tmp_path / "bin"
    folder.mkdir(), tools.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name in ("sh", "make", "cat", "rm", "mkdir", "cp", "touch"):
        (tools / name).symlink_to(shutil.which(name))
    return folder


def python(path, fits=0, venv=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PYTHON.format(fits=fits, venv=venv), encoding="utf-8")
    path.chmod(0o755)


def setup(place):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))} | {"PATH": str(place.parent / "bin")}
    return subprocess.run(["make", "setup"], cwd=place, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=60)


def old_venv(place, fits, stamp):
    python(place / ".venv" / "bin" / "python", fits=fits)
    (place / ".venv" / "of-the-old-one").write_text("", encoding="utf-8")
    if stamp is not None:
        (place / ".venv" / ".installed").write_text(f"{stamp}\n", encoding="utf-8")
        os.utime(place / ".venv" / ".installed", (2e9, 2e9))          # newer than pyproject.toml


@pytest.mark.parametrize("fits, stamp", [(1, "{here}"), (0, "/another/folder"), (1, None)], ids=["of another Python", "of another folder", "half-made"])
def test_a_venv_that_does_not_fit_is_made_anew(place, fits, stamp):
    old_venv(place, fits, stamp and stamp.format(here=place.resolve()))
    python(place.parent / "bin" / "python3.12")
    done = setup(place)
    assert done.returncode == 0 and "making it anew" in done.stdout and "Installed." in done.stdout, done.stdout + done.stderr
    assert not (place / ".venv" / "of-the-old-one").exists() and (place / ".venv" / "made-by").exists()
    assert "Installed." not in setup(place).stdout


def test_a_venv_whose_python_is_gone_is_made_anew(place):
    old_venv(place, 0, str(place.resolve()))
    (place / ".venv" / "bin" / "python").unlink()
    (place / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.9")
    python(place.parent / "bin" / "python3")
    assert "making it anew" in setup(place).stdout and not (place / ".venv" / "of-the-old-one").exists()


def test_a_venv_that_fits_is_left_alone(place):
    old_venv(place, 0, str(place.resolve()))
    done = setup(place)
    assert done.returncode == 0 and "Making" not in done.stdout and (place / ".venv" / "of-the-old-one").exists()


def test_a_python_without_venv_is_passed_over(place):
    python(place.parent / "bin" / "python3", venv=1)                  # Debian's, without python3-venv
    python(place.parent / "bin" / "python3.13", fits=1)
    python(place.parent / "bin" / "python3.11")
    assert setup(place).returncode == 0 and (place / ".venv" / "made-by").read_text(encoding="utf-8").strip().endswith("python3.11")


def test_no_python_that_fits_is_said_with_the_remedy(place):
    python(place.parent / "bin" / "python3", venv=1)
    done = setup(place)
    assert done.returncode != 0 and "Python 3.11, 3.12 or 3.13 is needed, with its venv module" in done.stderr and "apt install python3-venv" in done.stderr
    assert not (place / ".venv").exists()
