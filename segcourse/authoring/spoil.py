"""Does the cell that decides a claim decide anything? Break the operation the claim names, and its assert must fail.

`python -m segcourse.authoring.spoil 01` tries every claim of a chapter, as it is and spoiled as `tests/notebooks/spoil_01_fcn.py` says:

    def averaged(spoil):
        true = ops.conv_transpose2d
        spoil.setattr(ops, "conv_transpose2d", lambda x, weight, *args, **options: true(x, weight, *args, **options) / 2)

    SPOILS = {"1.9": averaged}

Only the cells that matter are run: those tagged setup and parameters once for the chapter, then, for claim 1.9, those tagged for-claim-1.9
and claim-1.9. The rest of the chapter stays out, so a claim's cells may use nothing else.
"""

import argparse
import ast
import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from segcourse.authoring import check, localise
from segcourse.authoring.build import course_root, sources
from segcourse.authoring.source import Cell, Chapter, read_chapter


class Spoil:
    """What a spoiling function may do: replace attributes, names and pieces of code, for one run."""

    def __init__(self, names: dict, codes: dict[str, str]):
        self.names = names  # the notebook's names, set by the setup cells; assign to replace one
        self._codes = codes
        self._undo: list[tuple[object, str, object]] = []

    def setattr(self, target: object, name: str, value: object) -> None:
        """Replace ``target.name``, such as an operation of `ops`, until the run is over."""
        self._undo.append((target, name, getattr(target, name)))
        setattr(target, name, value)

    def replace(self, old: str, new: str) -> None:
        """Replace a piece of the claim's own code, where the operation is written out in its cells. Raises ValueError if it is absent."""
        if not any(old in code for code in self._codes.values()):
            raise ValueError(f"no cell of the claim contains {old!r}: correct the spoiling function")
        for label, code in self._codes.items():
            self._codes[label] = code.replace(old, new)

    def restore(self) -> None:
        while self._undo:
            setattr(*self._undo.pop())


class Bench:
    """A chapter's setup, run once, on which its claims are decided one by one. Raises what the setup cells raise."""

    def __init__(self, chapter: Chapter):
        self.chapter = chapter
        self._names = {"__name__": "__main__", "display": lambda *shown, **options: None}
        for cell in chapter.code:
            if {"setup", "parameters"} & set(cell.tags):
                exec(compile(localise.resolve(cell.text, "en"), f"{chapter.path}:{cell.line}", "exec"), self._names)

    def decide(self, claim: str, spoil: Callable[[Spoil], None] | None = None) -> AssertionError | None:
        """Run the cells of `claim`, spoiled where `spoil` is given: None where every assert holds, else what the deciding assert raised.

        Raises whatever else goes wrong; as RuntimeError an assert that fails anywhere but at the end of the claim's last cell.
        """
        cells = self.cells(claim)
        codes = {f"{self.chapter.path}:{cell.line}": localise.resolve(cell.text, "en") for cell in cells}
        names = dict(self._names)
        tool = Spoil(names, codes)
        label = None
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(0)  # a claim decided alone and after others draws the same numbers
        try:
            if spoil is not None:
                spoil(tool)
            for label, code in codes.items():
                exec(compile(code, label, "exec"), names)
        except AssertionError as error:
            if label is None or not _from_the_end(error.__traceback__, label, codes[label]) or label != list(codes)[-1]:
                raise RuntimeError(f"claim {claim}: an assert failed that does not decide it ({error})") from error
            return error
        finally:
            tool.restore()
        return None

    def cells(self, claim: str) -> list[Cell]:
        """The code cells that decide `claim`, in order. Raises KeyError where there are none."""
        cells = [cell for cell in self.chapter.code if {f"claim-{claim}", f"for-claim-{claim}"} & set(cell.tags)]
        if not cells:
            raise KeyError(f"{self.chapter.path} has no cell tagged claim-{claim}")
        return cells


def _from_the_end(trace: TracebackType | None, label: str, code: str) -> bool:
    """Whether an error was raised by one of the asserts with which `code` ends."""
    last = traceback.extract_tb(trace)[-1]
    deciding = set()
    for statement in reversed(ast.parse(code).body):
        if not isinstance(statement, ast.Assert):
            break
        deciding |= set(range(statement.lineno, statement.end_lineno + 1))
    return last.filename == label and last.lineno in deciding


def table(chapter: Chapter, root: Path) -> dict[str, Callable[[Spoil], None]]:
    """The spoiling functions of a chapter, claim by claim: SPOILS of `tests/notebooks/spoil_NN_name.py`. Raises FileNotFoundError."""
    path = root / "tests" / "notebooks" / f"spoil_{chapter.name}.py"
    if not path.exists():
        raise FileNotFoundError(f"{chapter.path} decides claims, but tests/notebooks/{path.name} is missing: say there how each is spoiled")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SPOILS


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 where every claim holds as it is and falls when spoiled."""
    parser = argparse.ArgumentParser(
        prog="python -m segcourse.authoring.spoil", description="Decide the claims of a chapter, then spoil them."
    )
    parser.add_argument("chapter", help="01 or 01_fcn")
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="1.9; all where none is named")
    chosen = parser.parse_args(arguments)
    root = course_root()
    chapter = read_chapter(sources(root, [chosen.chapter])[0], root)
    failures = 0
    with tempfile.TemporaryDirectory() as home, contextlib.redirect_stdout(io.StringIO()):
        os.environ.update(SEGCOURSE_QUICK="1", SEGCOURSE_HOME=home)
        started = time.monotonic()
        bench, spoils = Bench(chapter), table(chapter, root)
        print(f"setup: {time.monotonic() - started:.1f} s", file=sys.stderr)
        for claim in chosen.claims or check.claims().get(chapter.number, {}):
            started = time.monotonic()
            verdict = _tried(bench, claim, spoils)
            failures += verdict != "ok"
            print(f"{claim:6}{time.monotonic() - started:5.1f} s  {verdict}", file=sys.stderr)
    return 1 if failures else 0


def _tried(bench: Bench, claim: str, spoils: dict) -> str:
    try:
        if bench.decide(claim) is not None:
            return "its assert fails unspoiled"
        if claim not in spoils:
            return "nothing in SPOILS breaks it"
        return "ok" if bench.decide(claim, spoils[claim]) is not None else "its assert holds although the operation is spoiled"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
