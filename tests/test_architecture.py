"""The house rules: who may import whom, what a bare GPU server must not need, and how quickly the package and the command start."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "segcourse"
COMMON = {"glossary", "language", "published", "source_view", "__init__"}       # words and numbers: everyone may use them
ALLOWED = {
    "ops": set(), "models": {"ops"}, "datasets": set(), "training": {"ops", "models", "datasets"}, "figures": {"datasets"},
    "labs": {"ops", "models", "datasets", "figures"},
}
FREE = {"exercises", "cli", "commands", "authoring", "__main__"}                # may import everything
HEADLESS = ("ops", "models", "datasets", "training")
NOTEBOOK_WORLD = {"IPython", "jupyter", "jupyter_core", "jupyterlab", "notebook", "nbformat", "nbclient", "ipywidgets", "anywidget", "matplotlib"}


def part_of(path):
    """The part of the course a file belongs to: ops, models, cli, language..."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(path):
    """Full names of everything the file imports, inside functions too."""
    own = ["segcourse", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = node.module or ""
            if node.level:
                parent = ".".join([*own[:-node.level], *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{parent}.{alias.name}"


def files():
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_who_may_import_whom(path):
    part = part_of(path)
    wrong = []
    for name in imported_modules(path):
        words = name.split(".")
        if words[0] != "segcourse" or len(words) < 2:
            continue
        other = words[1]
        if other == "authoring" and part not in ("authoring", "cli"):
            wrong.append(name)
        elif part in ALLOWED and other != part and other not in ALLOWED[part] | COMMON and (PACKAGE / other).exists() | (PACKAGE / f"{other}.py").exists():
            wrong.append(name)
    assert not wrong, f"{part} must not import {', '.join(wrong)}"


@pytest.mark.parametrize("path", [path for path in files() if part_of(path) in HEADLESS], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_bare_server_can_train(path):
    needed = {name.split(".")[0] for name in imported_modules(path)} & NOTEBOOK_WORLD
    assert not needed, f"{path.name} needs {needed}"


def test_every_part_is_known():
    parts = {part_of(path) for path in files()}
    assert parts <= set(ALLOWED) | FREE | COMMON, "a new part of the course needs its line in ALLOWED"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_unpickled(path):
    """No pickle in any form; torch.load only with weights_only=True, which builds tensors and runs no code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {name.split(".")[0] for name in imported_modules(path)} & {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load" \
                and isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "np", "numpy"):
            words = {keyword.arg: keyword.value for keyword in node.keywords}
            if node.func.value.id == "torch":
                assert isinstance(words.get("weights_only"), ast.Constant) and words["weights_only"].value is True, f"{path.name}:{node.lineno}"
            else:
                assert "allow_pickle" not in words, f"{path.name}:{node.lineno}"


def seconds(code):
    """Seconds that `python -c code` takes, and its output."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True)
    return time.perf_counter() - began, done.stdout


def start(code):
    """Seconds that `python -c code` takes beyond an empty python, and its output; the better of three, since other work may disturb one."""
    best = min((seconds(code) for _ in range(3)), key=lambda pair: pair[0])
    return best[0] - min(seconds("")[0] for _ in range(3)), best[1]


LOADED = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"


@pytest.mark.alone
def test_importing_the_package_is_quick_and_loads_no_torch():
    seconds, loaded = start(f"import segcourse; {LOADED}")
    assert "torch" not in loaded.split() and "numpy" not in loaded.split() and "matplotlib" not in loaded.split()
    assert seconds < 0.3


@pytest.mark.alone
def test_the_command_starts_without_torch():
    seconds, loaded = start(f"import segcourse.cli; {LOADED}")
    assert "torch" not in loaded.split() and "numpy" not in loaded.split() and "matplotlib" not in loaded.split()
    assert seconds < 1.0


def test_the_server_parts_load_neither_jupyter_nor_matplotlib():
    """Loaded for real, third-party imports included. (lightning is left out: it is loaded by the first `fit`.)"""
    _, loaded = seconds("import segcourse.ops, segcourse.models, segcourse.datasets.camvid, segcourse.training.loop, segcourse.training.experiments; "
                        + LOADED)
    assert not set(loaded.split()) & NOTEBOOK_WORLD
