"""The runner that tests the notebooks must itself be able to fail: one notebook with every kind of fault."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output


def cell(source, said, *tags):
    return new_code_cell(
        source, execution_count=1, outputs=[new_output("stream", name="stdout", text=said)] if said else [], metadata={"tags": list(tags)}
    )


CELLS = {
    "right": cell("import os\nprint(2 + 1)", "3\n", "nbval-check-output"),
    "other output": cell("print(2 + 1)", "4\n", "nbval-check-output"),
    "not checked": cell("print(2 + 1)", "4\n"),
    "warns": cell("import warnings\nwarnings.warn('careful')", ""),
    "fails": cell("1 / 0", ""),
    "quick": cell("print(os.environ['SEGCOURSE_QUICK'], os.environ['OMP_NUM_THREADS'])", "1 2\n", "nbval-check-output"),
}


def test_every_fault_is_seen_and_cells_are_counted(tmp_path, notebook_runner):
    path = tmp_path / "a notebook.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Text"), *CELLS.values()]), path)
    (tmp_path / "home").mkdir()
    run = notebook_runner(path, tmp_path / "home")
    assert (run.code_cells, run.ran) == (6, 3)
    assert len(run.failures) == 3
    for failure, said in zip(run.failures, ("differ", "careful", "ZeroDivisionError"), strict=True):
        assert said in failure
