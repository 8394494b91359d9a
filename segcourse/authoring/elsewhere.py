"""The course where its readers are: a fresh environment of another Python, the course installed into it, its notebooks run there.

The notebooks are run from here by nbclient; the environment itself needs no more than a reader's has. uv makes the environments and fills
them from its cache.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from segcourse.authoring.build import CELL_SECONDS, THREADS, kernel_manager

WIDGET = "application/vnd.jupyter.widget-view+json"
_UNREACHABLE = re.compile(r"dns error|connect error|error sending request|timed? ?out|connection (refused|reset|error)|network is unreachable|"
                          r"temporary failure in name resolution|failed to establish a new connection|network connectivity is disabled", re.IGNORECASE)


class Unavailable(Exception):
    """What is needed is not on this machine, or the package index cannot be reached: no fault of the course. The message says what."""


def uv(*words: str | Path, **options) -> str:
    """Run uv and return what it says, both streams together. Raises Unavailable where there is no uv or no network, RuntimeError where it fails."""
    here = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    command = str(here) if here.is_file() else shutil.which("uv")
    if command is None:
        raise Unavailable("uv is not installed: pip install uv")
    return run([command, *words], **options)


def run(words: list[str | Path], **options) -> str:
    """Run a command and return what it says, both streams together; raises as `uv`."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
                          errors="replace", **options)
    if done.returncode:
        out_of_reach = _UNREACHABLE.search(done.stdout)
        if out_of_reach:
            raise Unavailable(f"the network is out of reach: {Path(words[0]).name} says {out_of_reach[0]!r}")
        raise RuntimeError(f"{' '.join(str(word) for word in words)} failed ({done.returncode}):\n{done.stdout[-3000:]}")
    return done.stdout


def interpreter(version: str) -> Path:
    """A Python of `version` ("3.13") on this machine: this one, uv's, or pyenv's. Raises Unavailable where there is none; none is downloaded."""
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return Path(sys.executable)
    candidates = sorted(Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob(f"versions/{version}.*/bin/python{version}"))
    try:
        found = uv("python", "find", "--quiet", "--no-project", "--no-python-downloads", version).strip().splitlines()
        candidates += [Path(line) for line in found[-1:]]
    except (RuntimeError, Unavailable):
        pass
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise Unavailable(f"there is no Python {version} on this machine")


def make_environment(folder: Path, version: str) -> Path:
    """Make an empty environment of Python `version` in `folder`, in place of what is there; returns its interpreter."""
    uv("venv", "--quiet", "--clear", "--no-project", "--python", interpreter(version), folder)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python: Path, *words: str | Path) -> None:
    """`uv pip install` into the environment of `python`."""
    uv("pip", "install", "--quiet", "--python", python, *words)


def packages(python: Path) -> dict[str, str]:
    """Name -> version of everything that is installed in the environment of `python`."""
    listed = run([python, "-c", "import json; from importlib.metadata import distributions as all\n"
                                "print(json.dumps({each.metadata['Name']: each.version for each in all()}))"], env=_bare())
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in json.loads(listed.splitlines()[-1]).items()}


def build_wheel(root: Path, folder: Path) -> Path:
    """The wheel of the checkout `root`, built into `folder`."""
    uv("build", "--quiet", "--wheel", "--out-dir", folder, root)
    return next(folder.glob("*.whl"))


def _bare() -> dict[str, str]:
    """This process's environment without what belongs to its own Python and to this machine's course."""
    unwanted = ("SEGCOURSE_", "PYTHON", "MAKE", "MFLAGS", "MPL", "IPYTHON", "JUPYTER", "VIRTUAL_ENV", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def reader_environment(python: Path, home: Path, **more: str) -> dict[str, str]:
    """The environment variables of a reader whose home is `home`, in the environment of `python`: two threads, short training, no GPU.

    The reader installs from where this machine does: pip's settings, which it would look for in the home, are named.
    """
    environment = _bare() | {name: str(THREADS) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]),
                    "VIRTUAL_ENV": str(python.parent.parent), "CUDA_VISIBLE_DEVICES": "", "SEGCOURSE_QUICK": "1",
                    "PYDEVD_DISABLE_FILE_VALIDATION": "1"}      # a word of the debugger's to whoever starts the kernel
    settings = [Path.home() / ".config" / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf"]
    if "PIP_CONFIG_FILE" not in environment:
        environment |= {"PIP_CONFIG_FILE": str(path) for path in settings if path.is_file()}
    return environment | more


# --- running notebooks ----------------------------------------------------------------------------------------------------


@dataclass
class Ran:
    """What came of one notebook: its code cells, how many of them ran, how many pictures and widgets they showed, and what went wrong."""

    cells: int
    ran: int = 0
    pictures: int = 0
    widgets: int = 0
    seconds: float = 0.0
    install_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def run_notebook(path: Path, python: Path, folder: Path, environment: Mapping[str, str]) -> Ran:
    """Run the built notebook at `path` from top to bottom in the environment of `python`, with `folder` as the working folder.

    A cell is wrong where it raises, writes to stderr, shows a widget without a picture or other pictures than the built one or, where it is
    tagged "nbval-check-output", says something else. `install_seconds` is what the first code cell took.
    """
    from nbclient import NotebookClient

    notebook, expected = nbformat.read(path, as_version=4), nbformat.read(path, as_version=4)
    times: dict[int, float] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, kernel_manager_class=kernel_manager(python), timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}}, allow_errors=True,
        record_timing=False, store_widget_state=False, coalesce_streams=True,
        on_cell_execute=lambda cell, cell_index: times.__setitem__(cell_index, time.monotonic()),
        on_cell_executed=lambda cell, cell_index, execute_reply: times.__setitem__(cell_index, time.monotonic() - times[cell_index]))
    began = time.monotonic()
    done = Ran(sum(cell.cell_type == "code" for cell in notebook.cells))
    try:
        client.execute(env=dict(environment))
    except Exception as error:          # the kernel died, or a cell took too long
        done.problems.append(f"{type(error).__name__}: {error}")
    done.seconds = time.monotonic() - began
    first = next(index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    done.install_seconds = times.get(first, 0.0)
    for index, (cell, was) in enumerate(zip(notebook.cells, expected.cells, strict=True)):
        if cell.cell_type == "code":
            done.ran += cell.execution_count is not None
            done.pictures += _count(cell, "image/png")
            done.widgets += _count(cell, WIDGET)
            done.problems += [f"cell {index}: {problem}" for problem in _problems(cell, was)]
    return done


def _problems(cell, was) -> list[str]:
    found = [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
    said = "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stderr").strip()
    if said:
        found.append(f"writes to stderr: {said[-500:]}")
    if any(WIDGET in shown and not {"image/png", "text/html"} & set(shown) for shown in (output.get("data", {}) for output in cell.outputs)):
        found.append("shows a widget without the picture beside it")
    if not found and _count(cell, "image/png") != _count(was, "image/png"):
        found.append(f"shows {_count(cell, 'image/png')} pictures, the built notebook {_count(was, 'image/png')}")
    if not found and "nbval-check-output" in cell.metadata.get("tags", []) and _text(cell) != _text(was):
        found.append(f"says {_text(cell)!r}, the built notebook {_text(was)!r}")
    return found


def _count(cell, kind: str) -> int:
    return sum(kind in output.get("data", {}) for output in cell.outputs)


def _text(cell) -> str:
    """What a cell prints, and its values as text, without the descriptions of pictures."""
    return "".join(output.text if output.output_type == "stream" else output.data.get("text/plain", "") for output in cell.outputs
                   if output.output_type == "stream" or "image/png" not in output.get("data", {})).strip()
