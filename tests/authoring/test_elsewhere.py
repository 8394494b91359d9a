"""What runs notebooks in other environments must itself be able to fail, ends its kernels, and tells a missing network from a fault."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from segcourse.authoring import colab, elsewhere, repository


def cell(source, *outputs, tags=()):
    return new_code_cell(source, execution_count=1, outputs=list(outputs), metadata={"tags": list(tags)})


def printed(text):
    return new_output("stream", name="stdout", text=text)


PICTURE = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "a picture"})
CHECKED = ["nbval-check-output"]
BARE = ("from IPython.display import display\n"
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'x', 'version_major': 2, 'version_minor': 0}}, raw=True)")
CELLS = {
    "": cell("import os\nprint(os.getpid())"),
    "None": cell("print(2 + 1)", printed("3\n"), tags=CHECKED),
    "says '3', the built notebook '4'": cell("print(2 + 1)", printed("4\n"), tags=CHECKED),
    "writes to stderr: careful": cell("import sys\nprint('careful', file=sys.stderr)"),
    "ZeroDivisionError": cell("1 / 0"),
    "shows 0 pictures, the built notebook 1": cell("1", PICTURE),
    "without the picture beside it": cell(BARE),
    "PATH of the reader": cell("print(os.environ['SEGCOURSE_QUICK'], os.getcwd() != os.environ['HOME'], 'PYTHONPATH' in os.environ)",
                               printed("1 True False\n"), tags=CHECKED),
}
WRONG = [2, 3, 4, 5, 6]


def test_every_fault_is_seen_and_the_kernel_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    desk, home = tmp_path / "내 폴더", tmp_path / "home"
    desk.mkdir()
    home.mkdir()
    path = tmp_path / "a notebook.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Text"), *CELLS.values()]), path)
    python = Path(sys.executable)
    running = _children()
    ran = elsewhere.run_notebook(path, python, desk, elsewhere.reader_environment(python, home))
    assert _children() == running
    assert (ran.cells, ran.ran, ran.widgets) == (8, 8, 1)
    assert len(ran.problems) == len(WRONG)
    for problem, index in zip(ran.problems, WRONG, strict=True):
        assert problem.startswith(f"cell {index + 1}: ") and list(CELLS)[index] in problem


def _children() -> set[str]:
    """The processes this one has started, where the system says."""
    place = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return set(place.read_text(encoding="ascii").split()) if place.is_file() else set()


@pytest.mark.parametrize("words, kind, said", [("Caused by: dns error: no", elsewhere.Unavailable, "out of reach.*dns error"),
                                               ("No solution found", RuntimeError, "No solution found")])
def test_a_missing_network_is_no_fault_of_the_course(words, kind, said):
    with pytest.raises(kind, match=said):
        elsewhere.run([sys.executable, "-c", f"print({words!r}); raise SystemExit(2)"])


def test_a_python_that_is_not_here_is_said():
    assert elsewhere.interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}") == Path(sys.executable)
    with pytest.raises(elsewhere.Unavailable, match="no Python 3.5"):
        elsewhere.interpreter("3.5")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_courses_address_leads_to_the_working_tree(tmp_path):
    tree = tmp_path / "a tree"
    (tree / "segcourse").mkdir(parents=True)
    (tree / "build").mkdir()
    for name, text in ((".gitignore", "build/\n"), ("segcourse/new.py", "not committed yet"), ("build/left", "out")):
        (tree / name).write_text(text, encoding="utf-8")
    (tmp_path / "colab").mkdir()
    settings = colab.publish(tree, tmp_path / "colab")
    subprocess.run(["git", "clone", "--quiet", repository.REPOSITORY, tmp_path / "cloned"], check=True,
                   env=os.environ | {"GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_NOSYSTEM": "1"})
    assert {path.relative_to(tmp_path / "cloned").as_posix() for path in (tmp_path / "cloned").rglob("*")
            if path.is_file() and ".git" not in path.parts} == {".gitignore", "segcourse/new.py"}
