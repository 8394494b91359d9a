"""Runs notebooks as a reader does, under nbval."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from segcourse.authoring.build import kernel_environment

PLUGINS = Path(__file__).parent
CELL_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """What came of running one notebook: how many cells it has and ran, and what was said of those that failed."""

    code_cells: int
    ran: int
    failures: list[str]
    output: str


def run_notebook(path: Path, home: Path) -> Run:
    """Run the notebook at `path` under nbval (lax: only checked cells are compared) with short training. `home` is an empty folder."""
    report, settings = home / "report.xml", home / "pytest.ini"
    settings.write_text("[pytest]\n", encoding="utf-8")
    environment = kernel_environment(home, quick=True)
    # A notebook shares the cores with other tests: threads that wait should not keep them busy.
    environment.update(OMP_WAIT_POLICY="PASSIVE", JUPYTER_PREFER_ENV_PATH="1")
    environment["PYTHONPATH"] = os.pathsep.join([str(PLUGINS), environment["PYTHONPATH"]])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        str(settings),
        f"--rootdir={path.parent}",
        "-p",
        "no:cacheprovider",
        "-p",
        "nbval_no_warnings",
        "--nbval-lax",
        "--nbval-current-env",
        f"--nbval-cell-timeout={CELL_SECONDS}",
        f"--junitxml={report}",
        str(path),
    ]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace")
    output = done.stdout + done.stderr
    cells = sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)
    if not report.exists():
        return Run(cells, 0, [output], output)
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [case for case in cases if any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))]
    reasons = [f"{case.get('name')}: {(child.text or child.get('message') or '').strip()}" for case in failed for child in case]
    return Run(cells, len(cases) - len(failed), reasons, output)


@pytest.fixture(scope="session")
def notebook_runner():
    """`notebook_runner(path, home)` runs one notebook, and gives its Run."""
    import matplotlib.font_manager  # noqa: F401  its font cache is built here, so that no cell says that it is being built

    return run_notebook
