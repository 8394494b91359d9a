"""Colab: installing the course changes none of Colab's packages, the install cell does its work once, and a notebook runs in Colab's packages.

`make colab` runs them all; here one does, through the same code.
"""

import importlib.machinery
import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from segcourse import figures, labs, language
from segcourse.authoring import build, colab, elsewhere, repository

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT.parent / "shared" / "data" / "colab" / "packages-2026-08-19.txt"


# --- what Colab has -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published list is not beside this checkout")
def test_our_list_is_the_published_one():
    ours = (ROOT / "tests" / "packaging" / colab.LIST).read_text(encoding="utf-8").splitlines()
    assert [line for line in ours if not line.startswith("#")] == PUBLISHED.read_text(encoding="utf-8").splitlines()


def test_the_list_names_what_the_course_was_written_for():
    known = colab.listed(ROOT)
    assert {name: known[name] for name in ("numpy", "matplotlib", "ipywidgets", "anywidget", "ipython", "ipykernel", "traitlets", "notebook")} == {
        "numpy": "2.1.3", "matplotlib": "3.10.0", "ipywidgets": "7.7.1", "anywidget": "0.9.21", "ipython": "7.34.0", "ipykernel": "6.17.1",
        "traitlets": "5.7.1", "notebook": "6.5.7"}
    assert known["torch"].startswith("2.11.0") and known["torchvision"].startswith("0.26.0") and known["jupyter-client"] == "7.4.9"


@pytest.fixture(scope="module")
def colab_with_pip(tmp_path_factory):
    """The Python of an environment that holds Colab's pip, and of every other package of Colab's list the entry that says it is installed."""
    folder = tmp_path_factory.mktemp("colab")
    known = colab.listed(ROOT)
    python = elsewhere.make_environment(folder / "environment", colab.PYTHON)
    elsewhere.install(python, f"pip=={known['pip']}")
    site = Path(elsewhere.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    for name, version in known.items():
        if name != "pip":
            entry = site / f"{name.replace('-', '_')}-{version}.dist-info"
            entry.mkdir()
            (entry / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
            (entry / "INSTALLER").write_text("pip\n", encoding="utf-8")
            (entry / "RECORD").write_text("", encoding="utf-8")
    assert elsewhere.packages(python) == known
    return python


def _would_install(python: Path, *words) -> dict[str, str]:
    """Name -> version of what pip would install or replace."""
    said = elsewhere.run([python, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check", "--report", "-", *words])
    report = json.loads(said[said.index("{"):])
    return {colab.canonical(each["metadata"]["name"]): each["metadata"]["version"] for each in report["install"]}


@pytest.mark.slow
def test_installing_the_course_changes_none_of_colabs_packages(colab_with_pip, tmp_path):
    wheel = elsewhere.build_wheel(ROOT, tmp_path)
    coming = _would_install(colab_with_pip, wheel)
    assert "segcourse" in coming and not set(coming) & set(colab.listed(ROOT)), coming
    assert len(coming) < 10, f"a reader waits for each of them: {coming}"
    assert "rich" in _would_install(colab_with_pip, f"rich>{colab.listed(ROOT)['rich']}"), "a change would not have been seen"


@pytest.mark.slow
def test_a_notebook_runs_in_colabs_packages(tmp_path):
    first = build.sources(ROOT)[0].stem
    wrong = colab.run(ROOT, tmp_path / "colab", chapters=[first], languages=["ko"])
    assert not wrong, "\n".join(wrong)
    report = (tmp_path / "colab" / "report.md").read_text(encoding="utf-8")
    assert "| ipywidgets | 7.7.1 |" in report and f"ko/{first}" in report and "No package of the set changed" in report


def test_a_changed_package_is_seen():
    assert colab.changes({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ["b 1 became 2", "c 1 became nothing"]


# --- the install cell -----------------------------------------------------------------------------------------------------


def _run_cell(chosen: str, magics: list, **names) -> None:
    """Run the install cell as IPython does; what it asks IPython for is noted in `magics`."""
    shell = types.SimpleNamespace(run_line_magic=lambda name, line: magics.append((name, line)))
    exec(TransformerManager().transform_cell(repository.install_cell(chosen)), {"get_ipython": lambda: shell, **names})


@pytest.fixture
def no_language(monkeypatch):
    monkeypatch.setitem(language._process, "language", None)


@pytest.mark.parametrize("chosen", ["en", "ko"])
def test_the_cell_installs_nothing_where_the_course_is(chosen, no_language, capsys):
    magics = []
    _run_cell(chosen, magics)
    assert magics == [] and language.current() == chosen and capsys.readouterr().out == ""


def test_the_cell_asks_pip_once_where_the_course_is_not(monkeypatch, no_language):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    magics = []
    _run_cell("ko", magics)
    assert magics == [("pip", f'install -q "segcourse @ git+{repository.REPOSITORY}"')] and language.current() == "ko"


def test_a_folder_that_git_clone_left_is_not_the_course(monkeypatch, no_language, tmp_path):
    """In Colab a reader may clone the repository: /content/segcourse, found by Python as a package without a file, holds no course."""
    (tmp_path / "segcourse" / "segcourse").mkdir(parents=True)
    found = importlib.machinery.PathFinder.find_spec("segcourse", [str(tmp_path)])
    assert found is not None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    magics = []
    _run_cell("en", magics)
    assert len(magics) == 1


def test_every_notebook_begins_with_that_cell():
    for path in (ROOT / "notebooks").glob("[ek][no]/*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        first = next(cell for cell in cells if cell["cell_type"] == "code")
        assert "".join(first["source"]) == repository.install_cell(path.parent.name), path


# --- what a lab tells Colab -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", labs.names())
def test_a_lab_in_colab_names_the_manager_that_shows_it(name, monkeypatch):
    """Colab shows a custom widget only where the output's metadata name a widget manager; anywidget puts them there, the lab must keep them."""
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: None
    output._widgets = types.SimpleNamespace(_installed_url="https://manager.example")
    parent = types.ModuleType("google.colab")
    parent.output = output
    for module, value in (("google.colab", parent), ("google.colab.output", output)):
        monkeypatch.setitem(sys.modules, module, value)
    lab = getattr(labs, name)()
    monkeypatch.setattr(type(lab), "static_picture", lambda self: figures.Figure.of_size(20, alt="a small picture"))
    bundle, metadata = lab._repr_mimebundle_()
    assert {elsewhere.WIDGET, "image/png"} <= set(bundle)
    assert metadata[elsewhere.WIDGET]["colab"]["custom_widget_manager"]["url"] == "https://manager.example"
