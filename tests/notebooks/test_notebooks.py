"""Every built notebook runs from top to bottom, says what it said when it was built, and is what its source says."""

from pathlib import Path

import pytest

from segcourse.authoring import build, check
from segcourse.authoring.source import read_chapter
from segcourse.language import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [ROOT / "notebooks" / language / f"{path.stem}.ipynb" for path in build.sources(ROOT) for language in LANGUAGES]


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def test_there_are_chapters():
    assert NOTEBOOKS, "notebooks/source holds no chapter"


@pytest.mark.parametrize("chapter", [path.stem for path in build.sources(ROOT)])
def test_source_is_fit_to_build(chapter):
    wrong = [
        problem
        for problem in check.problems(read_chapter(ROOT / "notebooks" / "source" / f"{chapter}.py", ROOT), ROOT)
        if not problem.warning
    ]
    assert not wrong, "\n" + "\n".join(map(str, wrong))


def test_nothing_is_stale():
    behind = [f"notebooks/{language}/{name}.ipynb: {reason}" for name, language, reason in build.stale(root=ROOT)]
    assert not behind, "run make notebooks\n" + "\n".join(behind)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_notebook_is_clean(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert len(text.encode()) <= build.LARGEST
    for unwanted in ("application/vnd.jupyter.widget", '"output_type": "error"', '"name": "stderr"', '"iopub.'):
        assert unwanted not in text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_notebook_runs(notebook, notebook_runner, tmp_path):
    run = notebook_runner(notebook, tmp_path)
    assert not run.failures, "\n".join(run.failures)
    assert run.code_cells > 0
    assert run.ran == run.code_cells, f"{run.ran} of {run.code_cells} code cells ran\n{run.output}"
