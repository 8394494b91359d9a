"""Makes the notebooks of the course from their sources: `python -m segcourse.authoring.build --help`.

A notebook is built once per language: resolved for it, run in a fresh kernel, cleaned of all that could differ between two builds on one
machine, and written in one step. Whether it is stale is decided by a hash of what the reader would see before running it.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import segcourse
from segcourse.authoring import check, localise, pages, repository
from segcourse.authoring.source import Cell, Chapter, Problem, SourceError, read_chapter
from segcourse.language import LANGUAGES

LARGEST = 1_500_000  # bytes of a built notebook: what GitHub still shows
CELL_SECONDS = 600  # no cell of a chapter takes that long
THREADS = 2

_WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ADDRESS = re.compile(r"\b(?:at|object) 0x[0-9a-fA-F]{6,}")
_ELSEWHERE = re.compile(r"(?<![\w.:/])(?:/(?:home|root|Users|tmp|private/var)/[\w.]|[A-Z]:\\+Users)")


def course_root() -> Path:
    """The checkout this package was imported from. Raises FileNotFoundError in an installed wheel, which has no sources."""
    root = Path(segcourse.__file__).resolve().parents[1]
    if not (root / "notebooks" / "source").is_dir():
        raise FileNotFoundError(
            "notebooks are built in a checkout of the course, where notebooks/source is: clone the repository and run it there"
        )
    return root


def sources(root: Path, chapters: Iterable[str] | None = None) -> list[Path]:
    """The source files, or those of `chapters` ("01" or "01_fcn"). Raises ValueError for a chapter that does not exist."""
    found = sorted((root / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
    if chapters is None:
        return found
    chosen = []
    for chapter in chapters:
        fitting = [path for path in found if path.stem == chapter or path.stem[:2] == chapter]
        if not fitting:
            raise ValueError(f"there is no chapter {chapter!r}; there are {', '.join(path.stem for path in found) or 'none yet'}")
        chosen += fitting
    return chosen


# --- from source to notebook ----------------------------------------------------------------------------------------------


class Page(NamedTuple):
    """A notebook, and for each of its cells the line of the source where it begins."""

    notebook: nbformat.NotebookNode
    lines: list[int]

    @property
    def digest(self) -> str:
        return self.notebook.metadata.segcourse.source_sha256


def make_notebook(chapter: Chapter, language: str, *, draft: bool = False) -> Page:
    """A chapter in one language, not run yet. Raises SourceError where code cannot be resolved; a draft keeps it as the source has it."""
    cells, lines, problems = [], [], []
    for cell in chapter.cells:
        if cell.language not in (None, language):
            continue
        try:
            cells.append(_markdown(cell, chapter, language, first=not cells) if cell.kind == "markdown" else _code(cell, language))
            lines.append(cell.line)
        except localise.CodeError as error:
            problems.append(chapter.problem(cell.line + error.line - 1, str(error)))
            cells.append(new_code_cell(cell.text))
            lines.append(cell.line)
        if len(cells) == 1:
            cells.append(new_code_cell(repository.install_cell(language), metadata={"tags": ["setup"]}))
            lines.append(cell.line)
    if problems and not draft:
        raise SourceError(problems)
    for position, cell in enumerate(cells):
        cell.id = f"{chapter.name[:2]}-{position:03d}"
    notebook = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        },
    )
    notebook.metadata["segcourse"] = {"chapter": chapter.name, "language": language, "source_sha256": _digest(notebook)}
    return Page(notebook, lines)


def _digest(notebook: nbformat.NotebookNode) -> str:
    """SHA-256 of what a reader sees before running: the cells' kinds, texts and tags."""
    seen = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells]
    return hashlib.sha256(json.dumps(seen, ensure_ascii=False).encode()).hexdigest()


def _markdown(cell: Cell, chapter: Chapter, language: str, *, first: bool) -> nbformat.NotebookNode:
    text = cell.text
    if first:
        title, _, rest = text.partition("\n")
        line = repository.head_line(language, chapter.name, reading=chapter.reading, running=chapter.running)
        text = "\n\n".join(part for part in (title, line, rest.strip()) if part)
    return new_markdown_cell(text, metadata={"tags": list(cell.tags)} if cell.tags else {})


def _code(cell: Cell, language: str) -> nbformat.NotebookNode:
    stubs = cell.tagged("stub:")
    if stubs:
        from segcourse import exercises

        try:
            text = exercises.get(stubs[0]).stub(language).strip("\n")
        except (AttributeError, KeyError, ValueError) as error:
            raise localise.CodeError(
                0, f"there is no exercise {stubs[0]!r} to take the stub from ({error}): correct the tag, or write the exercise"
            ) from error
    else:
        text = localise.resolve(cell.text, language)
    return new_code_cell(text, metadata={"tags": list(cell.tags)} if cell.tags else {})


# --- running --------------------------------------------------------------------------------------------------------------


def kernel_environment(home: Path, *, quick: bool = False) -> dict[str, str]:
    """The environment a chapter is run in, by the build and by the tests: two threads, no GPU, no data or progress of this machine.

    `home` is an empty folder that stands in for the reader's; `quick` shortens training as SEGCOURSE_QUICK=1 does.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGCOURSE_")}
    package = str(Path(segcourse.__file__).resolve().parents[1])
    environment.update(
        {name: str(THREADS) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
        PYTHONPATH=os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH")])),
        PYTHONHASHSEED="0",
        PYTHONIOENCODING="utf-8",
        CUDA_VISIBLE_DEVICES="",
        IPYTHONDIR=str(home / "ipython"),
        SEGCOURSE_BUILD="1",
        SEGCOURSE_HOME=str(home / "home"),
        SEGCOURSE_DATA=str(home / "data"),
    )
    environment.pop("MPLBACKEND", None)
    if quick:
        environment["SEGCOURSE_QUICK"] = "1"
    return environment


def kernel_manager(python: str | Path = sys.executable) -> type:
    """The kind of kernel manager that starts this very Python, or the one at `python`, whatever kernels are installed as python3.

    A kind and not a manager: nbclient shuts down only the kernels of managers it made itself.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class OneKernel(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return KernelSpec(
                argv=[str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=40"],
                display_name="Python 3",
                language="python",
            )

    class OfOnePython(AsyncKernelManager):
        def __init__(self, *args, **options):
            super().__init__(*args, kernel_spec_manager=OneKernel(), **options)

    return OfOnePython


def execute(page: Page, chapter: Chapter, folder: Path, *, quick: bool = False, draft: bool = False, report=None) -> None:
    """Run the notebook of `page` in place in a fresh kernel with `folder` as the working folder. Raises SourceError where a cell fails.

    A draft goes on after a failing cell and keeps the error in the notebook. `report(done, cells)` is told before each cell.
    """
    import matplotlib.font_manager  # noqa: F401  builds its font cache here and now, so that no cell says that it does
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    folder.mkdir(parents=True, exist_ok=True)
    here = {"index": 0}

    def starts(cell, cell_index):
        here["index"] = cell_index
        if report:
            report(cell_index + 1, len(page.notebook.cells))

    with tempfile.TemporaryDirectory(prefix="segcourse-") as home:
        client = NotebookClient(
            page.notebook,
            kernel_manager_class=kernel_manager(),
            timeout=CELL_SECONDS,
            resources={"metadata": {"path": str(folder)}},
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            allow_errors=draft,
            on_cell_start=starts,
        )
        try:
            client.execute(env=kernel_environment(Path(home), quick=quick))
        except (CellExecutionError, DeadKernelError, TimeoutError) as error:
            lines = [line for line in _ANSI.sub("", str(error)).strip().splitlines() if line.strip()]
            tail = "\n    ".join(lines[-25:])
            raise SourceError(
                [chapter.problem(page.lines[here["index"]], f"this cell failed ({page.notebook.metadata.segcourse.language}):\n    {tail}")]
            ) from None


# --- cleaning -------------------------------------------------------------------------------------------------------------


def clean(page: Page, chapter: Chapter, root: Path) -> list[Problem]:
    """Take out of a notebook that has run what a reader does not need or what differs from run to run; return what must not be in it."""
    notebook, problems = page.notebook, []
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for cell, line in zip(notebook.cells, page.lines, strict=True):
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs, faults = _clean_outputs(cell, root)
            problems += [chapter.problem(line, fault) for fault in faults]
    return problems


def _clean_outputs(cell: nbformat.NotebookNode, root: Path) -> tuple[list, list[str]]:
    kept, faults = [], []
    for output in cell.outputs:
        if output.output_type == "error":
            faults.append(
                f"this cell ends in an error ({output.ename}: {_ANSI.sub('', output.evalue)}): correct it, or catch the error and print it"
            )
            kept.append(output)
        elif output.output_type == "stream" and output.name == "stderr":
            faults.append(f"this cell writes to stderr: {_last_line(output.text)!r}. Correct what warns; a reader should see no warning")
        elif output.output_type == "stream":
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
            else:
                kept.append(new_output("stream", name="stdout", text=output.text))
        else:
            kept.append(output)
            faults += _clean_display(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = _typed_over(output.text)
        faults += _unfit_text(output, root)
    if "nbval-check-output" in cell.metadata.get("tags", []) and not any(_comparable(output) for output in kept):
        faults.append(
            'this cell is tagged "nbval-check-output" but shows no text to compare: print what should be checked, or take the tag off'
        )
    return kept, faults


def _clean_display(output: nbformat.NotebookNode) -> Iterator[str]:
    widget = output.data.pop(_WIDGET, None)
    if widget is not None and not {"image/png", "text/html"} & set(output.data):
        yield "this widget has no static picture: where no widget can run, a reader would see nothing. Show a Lab, or a picture beside it"
    picture = output.metadata.get("image/png", {})
    alt = str(picture.get("alt") or output.metadata.get("alt") or "").strip()
    output.metadata = nbformat.from_dict({"image/png": dict(picture)} if picture else {"alt": alt} if alt else {})
    if "image/png" in output.data:
        if not alt:
            yield "this picture has no text for those who cannot see it: show a figures.Figure, which has one"
        elif widget is not None:
            output.data["text/plain"] = alt


def _typed_over(text: str) -> str:
    """What is left on the screen of a text whose lines were typed over with carriage returns, as progress bars do."""
    return re.sub(r"[^\n]*\r(?!\n)", "", text.replace("\r\n", "\n").rstrip("\r"))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(_ANSI.sub("", text).splitlines()) if line.strip()), "")


def _texts(output: nbformat.NotebookNode) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    return [text for kind, text in output.get("data", {}).items() if kind.startswith("text/") and isinstance(text, str)]


def _comparable(output: nbformat.NotebookNode) -> bool:
    """Whether nbval has something to compare: text that is more than the description of a picture."""
    return any(text.strip() for text in _texts(output)) and "image/png" not in output.get("data", {})


def _unfit_text(output: nbformat.NotebookNode, root: Path) -> Iterator[str]:
    for text in _texts(output):
        places = {str(root), str(Path.home()), tempfile.gettempdir()} - {"/"}
        found = next((place for place in places if place in text), None) or next(iter(_ELSEWHERE.findall(text)), None)
        if found:
            yield f"this cell shows a path of this machine ({found}): print the file's name only"
        address = _ADDRESS.search(text)
        if address:
            yield f"this cell shows an address in memory ({address[0]}), another in every run: end it in display(...) or print what matters"


# --- building -------------------------------------------------------------------------------------------------------------


def stale(
    chapters: Iterable[str] | None = None, languages: Iterable[str] | None = None, *, root: Path | None = None
) -> list[tuple[str, str, str]]:
    """What is out of step: (chapter, language, reason). Empty where every notebook is what its source says."""
    root = root or course_root()
    found = []
    for path in sources(root, chapters):
        chapter = read_chapter(path, root)
        for language in languages or LANGUAGES:
            reason = _why_stale(make_notebook(chapter, language), root / "notebooks" / language / f"{chapter.name}.ipynb")
            if reason:
                found.append((chapter.name, language, reason))
    if chapters is None:
        names = {path.stem for path in sources(root)}
        for language in languages or LANGUAGES:
            found += [
                (path.stem, language, "its source is gone: delete it")
                for path in sorted((root / "notebooks" / language).glob("*.ipynb"))
                if path.stem not in names
            ]
    return found


def _why_stale(page: Page, path: Path) -> str:
    if not path.exists():
        return "not built yet"
    try:
        notebook = nbformat.from_dict(nbformat.v4.reads(path.read_text(encoding="utf-8")))
        built, found = notebook.metadata.segcourse.source_sha256, _digest(notebook)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "damaged, or not written by the builder"
    if built != page.digest:
        return "its source has changed since"
    return "" if found == built else "it was edited by hand: write that into its source instead"


def build_all(
    chapters: Iterable[str] | None = None,
    languages: Iterable[str] | None = None,
    force: bool = False,
    *,
    root: Path | None = None,
    out: Path | None = None,
    run: bool = True,
    draft: bool = False,
    quick: bool = False,
    say=print,
) -> list[Path]:
    """Build what is stale (with `force`: everything) and return the paths written.

    A chapter with problems is refused: SourceError lists all of them, nothing is written for it. `draft` writes it all the same,
    `run=False` leaves its cells unrun and `quick` shortens training; drafts go to `out`, never to notebooks/en and notebooks/ko. `say` is
    told what happens.
    """
    root = root or course_root()
    languages = list(languages or LANGUAGES)
    if out is None and (draft or quick or not run):
        raise ValueError("a draft is not a chapter: give it a folder of its own (out)")
    written, refused = [], []
    for path in sources(root, chapters):
        try:
            chapter = read_chapter(path, root)
            pages = {language: make_notebook(chapter, language, draft=draft) for language in languages}
            faults = _told(check.problems(chapter, root), say, draft)
        except SourceError as error:
            refused += error.problems
            continue
        if faults and not draft:
            refused += faults
            continue
        for language, page in pages.items():
            target = (out or root / "notebooks") / language / f"{chapter.name}.ipynb"
            if not (force or out) and not _why_stale(page, target):
                say(f"{target.relative_to(root).as_posix()}: up to date")
                continue
            try:
                written.append(_build_one(page, chapter, language, target, root=root, run=run, draft=draft, quick=quick, say=say))
            except SourceError as error:
                refused += error.problems
    if refused:
        raise SourceError(refused)
    return written


def _told(problems: list[Problem], say, draft: bool = False) -> list[Problem]:
    """Say the warnings (of a draft: everything); return what stops the build."""
    for problem in problems:
        if problem.warning or draft:
            say(str(problem))
    return [problem for problem in problems if not problem.warning]


def _build_one(page, chapter: Chapter, language: str, target: Path, *, root: Path, run: bool, draft: bool, quick: bool, say) -> Path:
    started = time.monotonic()
    if run:
        say(f"{chapter.name} ({language}): running {sum(cell.cell_type == 'code' for cell in page.notebook.cells)} cells ...")
        execute(page, chapter, root / "notebooks" / language, quick=quick, draft=draft, report=_live_counter())
    problems = clean(page, chapter, root) if run else []
    nbformat.validate(page.notebook)
    text = nbformat.writes(page.notebook).rstrip("\n") + "\n"
    size = len(text.encode())
    if size > LARGEST:
        problems.append(chapter.problem(1, f"{language}: {size:,} bytes, {LARGEST:,} is the most: make pictures smaller or fewer"))
    for problem in problems if draft else []:
        say(str(problem))
    if problems and not draft:
        raise SourceError(problems)
    write(target, text)
    say(
        f"{target.relative_to(root).as_posix() if target.is_relative_to(root) else target}: written, {size / 1000:,.0f} kB"
        + (f", {time.monotonic() - started:.0f} s" if run else ", not run")
    )
    return target


def _live_counter():
    if not sys.stderr.isatty():
        return None

    def report(done, cells):
        print(f"\r  cell {done} of {cells}", end="\n" if done == cells else "", file=sys.stderr, flush=True)

    return report


def write(target: Path, content: str | bytes) -> None:
    """Write a file in one step: whoever reads it sees the old content or the new, never half of one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 0 done, 1 refused or stale, 2 wrong usage, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m segcourse.authoring.build", description="Build the notebooks that are out of step with their source."
    )
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="01 or 01_fcn; all where none is named")
    parser.add_argument("--language", choices=LANGUAGES, help="one language only")
    parser.add_argument("--force", action="store_true", help="build those that are up to date too")
    parser.add_argument("--check", action="store_true", help="build nothing: say what is stale or wrong, and exit with 1 if anything is")
    drafts = parser.add_argument_group(
        "while you write a chapter", "a draft says what is wrong and is written all the same, to build/notebooks or --out"
    )
    drafts.add_argument("--draft", action="store_true", help="run it, go on after a failing cell")
    drafts.add_argument("--no-execute", action="store_true", help="do not run it: seconds instead of minutes")
    drafts.add_argument("--quick", action="store_true", help="a draft with short training, as the tests run it")
    drafts.add_argument("--out", type=Path, help="write to DIR/en and DIR/ko instead")
    chosen = parser.parse_args(arguments)
    languages = [chosen.language] if chosen.language else None
    draft = chosen.draft or chosen.no_execute or chosen.quick
    try:
        root = course_root()
        if chosen.check:
            return _check(root, chosen.chapters or None, languages)
        out = chosen.out or (root / "build" / "notebooks" if draft else None)
        written = build_all(
            chosen.chapters or None,
            languages,
            chosen.force,
            root=root,
            out=out,
            run=not chosen.no_execute,
            draft=draft,
            quick=chosen.quick,
            say=lambda text: print(text, flush=True),
        )
        if out is None:
            for path in pages.build(root, languages or LANGUAGES, force=chosen.force):
                written.append(path)
                print(f"{path.relative_to(root).as_posix()}: written", flush=True)
    except SourceError as error:
        print(
            f"{error}\nNothing was written for {'this chapter' if len(chosen.chapters) == 1 else 'a chapter named here'}: "
            f"{len(error.problems)} to correct.",
            file=sys.stderr,
        )
        return 1
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing is half-written", file=sys.stderr)
        return 130
    if not written:
        print("Nothing to do.")
    return 0


def _check(root: Path, chapters: list[str] | None, languages: list[str] | None) -> int:
    wrong = []
    for path in sources(root, chapters):
        try:
            chapter = read_chapter(path, root)
            wrong += check.problems(chapter, root)
            for language in languages or LANGUAGES:
                make_notebook(chapter, language)
        except SourceError as error:
            wrong += error.problems
    if chapters is None:
        wrong += check.package(root)
    for problem in sorted(set(wrong)):
        print(problem)
    if any(not problem.warning for problem in wrong):
        return 1
    behind = stale(chapters, languages, root=root)
    for name, language, reason in behind:
        print(f"notebooks/{language}/{name}.ipynb: {reason}")
    pages_behind = pages.stale(root, languages or LANGUAGES)
    for name, reason in pages_behind:
        print(f"{name}: {reason}")
    return 1 if behind or pages_behind else 0


if __name__ == "__main__":
    sys.exit(main())
