"""`make colab`: runs every notebook in Colab's packages, from an empty folder, through its own install cell. `--help` lists the options.

The packages are those of Colab's image that the course touches, of the versions named in tests/packaging/colab-2026-08-19.txt, on Python
3.13. The install cell runs unchanged: git is told, by a settings file of its own, that the repository's address is a copy of this working
tree, so pip clones, builds and installs what a reader would get once it is pushed. Colab's own front end is not there, and PyTorch is
PyPI's build of the same version.
"""

import argparse
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import nbformat

from segcourse.authoring import build, elsewhere, repository
from segcourse.authoring.elsewhere import Ran, Unavailable
from segcourse.language import LANGUAGES

PYTHON = "3.13"
LIST = "colab-2026-08-19.txt"
_FRONT = ("ipykernel", "ipython", "notebook", "jupyter-server", "pip", "setuptools", "wheel")    # what Colab runs notebooks with
_TORCH_OWN = re.compile(r"(nvidia|cuda)-|triton$")                     # libraries that one build of PyTorch brings and another does not


def listed(root: Path) -> dict[str, str]:
    """Name -> version of every package of Colab's image, PyTorch's with the kind of build ("2.11.0+cu128")."""
    lines = (root / "tests" / "packaging" / LIST).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pairs}


def canonical(name: str) -> str:
    """A package's name as indexes compare it: "Jupyter_Client" -> "jupyter-client"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies(root: Path) -> list[str]:
    """What segcourse itself asks for, as pyproject.toml writes it."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]


def touched(root: Path, folder: Path) -> dict[str, str]:
    """Name -> version of the packages of Colab's image that installing the course looks at, and of those a notebook needs there.

    What is not on Colab's list is left out, but for the libraries of PyPI's PyTorch. Raises RuntimeError where the course cannot be had
    without changing one of Colab's packages.
    """
    known = listed(root)
    fixed, wanted = folder / "colab.txt", folder / "wanted.txt"
    fixed.write_text("".join(f"{name}=={version.partition('+')[0]}\n" for name, version in known.items() if not _TORCH_OWN.match(name)), encoding="utf-8")
    wanted.write_text("\n".join([*dependencies(root), *_FRONT]) + "\n", encoding="utf-8")
    said = elsewhere.uv("pip", "compile", "--quiet", "--python-version", PYTHON, "--constraint", fixed, "--no-header", "--no-annotate", wanted)
    resolved = dict(line.split(" ")[0].split("==") for line in said.splitlines() if "==" in line)
    return {name: version for name, version in resolved.items() if name in known or _TORCH_OWN.match(name)}


def make_set(root: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Make the environment with Colab's packages in `folder`/environment; returns its Python and what is in it."""
    wanted = touched(root, folder)
    pinned = folder / "set.txt"
    pinned.write_text("".join(f"{name}=={version}\n" for name, version in sorted(wanted.items())), encoding="utf-8")
    python = elsewhere.make_environment(folder / "environment", PYTHON)
    elsewhere.install(python, "--no-deps", "--requirement", pinned)
    there = elsewhere.packages(python)
    assert there == wanted, f"not as asked: {set(there.items()) ^ set(wanted.items())}"
    return python, there


def publish(root: Path, folder: Path) -> Path:
    """Put the working tree, as git would commit it, into a repository under `folder`; returns the git settings that make it the course's address."""
    bare = folder / "segcourse.git"
    shutil.rmtree(bare, ignore_errors=True)
    settings = folder / "gitconfig"
    settings.write_text(f'[url "{bare.resolve().as_uri()}"]\n\tinsteadOf = {repository.REPOSITORY}\n[user]\n\tname = colab\n\temail = colab@localhost\n',
                        encoding="utf-8")
    alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_NOSYSTEM": "1"}
    elsewhere.run(["git", "init", "--quiet", "--bare", f"--initial-branch={repository.BRANCH}", bare], env=alone)
    for words in (["add", "--all"], ["commit", "--quiet", "--message", "the working tree"]):
        elsewhere.run(["git", f"--git-dir={bare}", f"--work-tree={root}", "-c", "core.bare=false", *words], env=alone, cwd=root)
    return settings


def _with_the_first_cell_again(path: Path, folder: Path) -> Path:
    """A copy of the notebook at `path` that ends in its install cell once more, which must then do and say nothing."""
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells.append(nbformat.v4.new_code_cell(first.source, metadata={"tags": ["nbval-check-output"]}))
    copy = folder / path.name
    nbformat.write(notebook, copy)
    return copy


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What became of the packages of `before`: one line for each that is gone or has another version."""
    return [f"{name} {version} became {after.get(name, 'nothing')}" for name, version in before.items() if after.get(name) != version]


def run(root: Path, folder: Path, *, chapters: Iterable[str] | None = None, languages: Iterable[str] = LANGUAGES, quick: bool = True, say=print) -> list[str]:
    """Run the notebooks in Colab's packages, write `folder`/report.md, and return what is wrong. Raises Unavailable where it cannot be tried."""
    folder.mkdir(parents=True, exist_ok=True)
    say(f"Making Colab's packages on Python {PYTHON} ...")
    python, before = make_set(root, folder)
    settings = publish(root, folder)
    rows, wrong, added = [], [], {}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = elsewhere.reader_environment(python, home, GIT_CONFIG_GLOBAL=str(settings), GIT_CONFIG_NOSYSTEM="1", MPLCONFIGDIR=str(folder / "matplotlib"),
                                               PIP_CACHE_DIR=str(folder / "pip"), PIP_DISABLE_PIP_VERSION_CHECK="1")
    if not quick:
        del environment["SEGCOURSE_QUICK"]
    elsewhere.run([python, "-c", "import matplotlib.font_manager"], env=environment)        # Colab's image has its font cache already
    for path in build.sources(root, chapters):
        for language in languages:
            shutil.rmtree(home)
            content = folder / "content" / f"{language} {path.stem}"
            shutil.rmtree(content, ignore_errors=True)
            for place in (home, content):
                place.mkdir(parents=True)
            notebook = root / "notebooks" / language / f"{path.stem}.ipynb"
            ran = elsewhere.run_notebook(_with_the_first_cell_again(notebook, folder), python, content, environment)
            after = elsewhere.packages(python)
            problems = [*ran.problems, *changes(before, after)]
            if "segcourse" not in after:
                problems.append("the install cell installed nothing")
            if not ran.widgets:
                problems.append("no lab was shown as a widget")
            added = {name: version for name, version in after.items() if name not in before}
            rows.append((f"{language}/{path.stem}", ran))
            wrong += [f"{language}/{path.stem}: {problem}" for problem in problems]
            say(f"{language}/{path.stem}: {ran.ran} of {ran.cells} cells, {ran.seconds:.0f} s (install cell {ran.install_seconds:.0f} s)"
                + "".join(f"\n    {problem}" for problem in problems))
            if added:                           # the next reader opens a machine of their own
                elsewhere.uv("pip", "uninstall", "--quiet", "--python", python, *added)
            elsewhere.install(python, "--no-deps", "--requirement", folder / "set.txt")
    _report(folder / "report.md", root, python, before, added, rows, wrong, quick)
    say(f"written: {folder / 'report.md'}")
    return wrong


def _report(path: Path, root: Path, python: Path, before: dict[str, str], added: dict[str, str], rows: list[tuple[str, Ran]], wrong: list[str],
            quick: bool) -> None:
    version = elsewhere.run([python, "-c", "import platform; print(platform.python_version())"]).strip()
    known = listed(root)
    named = ["torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "widgetsnbextension", "anywidget", "ipython", "ipykernel", "traitlets", "notebook", "pip"]
    lines = ["# The course in Colab's packages", "",
             f"Python {version}; {sum(name in known for name in before)} of the {len(known)} packages of Colab's image of {LIST[6:16]}, those that installing "
             f"the course looks at or a notebook needs; training {'shortened (SEGCOURSE_QUICK=1)' if quick else 'as a reader runs it'}; no GPU.",
             "PyTorch is PyPI's build of that version with its own CUDA libraries. Not there: google.colab and Colab's front end.", "",
             "| Package | Version |", "|---|---|", *(f"| {name} | {before.get(name, 'not there')} |" for name in named), "",
             "| Notebook | Cells run | Seconds | of these the install cell | Pictures | Widgets |", "|---|---|---|---|---|---|",
             *(f"| {name} | {ran.ran} of {ran.cells} | {ran.seconds:.0f} | {ran.install_seconds:.0f} | {ran.pictures} | {ran.widgets} |" for name, ran in rows), "",
             "The last cell of each is its install cell once more.", "",
             f"The install cell added: {', '.join(f'{name} {version}' for name, version in sorted(added.items()))}.", "",
             *(["What is wrong:", "", *(f"- {line}" for line in wrong)] if wrong else ["No package of the set changed; nothing went wrong."])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 0 all ran, 1 something is wrong, 2 it cannot be tried here, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m segcourse.authoring.colab", description="Run the notebooks in Colab's packages, each through its install cell.")
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="01 or 01_fcn; all where none is named")
    parser.add_argument("--language", choices=LANGUAGES, help="one language only")
    parser.add_argument("--full", action="store_true", help="train as long as a reader does, instead of shortly")
    chosen = parser.parse_args(arguments)
    try:
        root = build.course_root()
        wrong = run(root, root / "build" / "colab", chapters=chosen.chapters or None, languages=[chosen.language] if chosen.language else LANGUAGES,
                    quick=not chosen.full, say=lambda text: print(text, flush=True))
    except (Unavailable, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
