"""Reads a chapter's source: percent-format Python, text blocks in both languages side by side, code once.

Jupytext reads the format; this module adds what the course needs to know of every cell: its language, its tags, and its line in the file,
so that whatever is wrong can be said with file and line.
"""

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

NAME = re.compile(r"\d\d_[a-z0-9_]+")
_MARKER = re.compile(r"# %%(\s|$)")
_HEADER = re.compile(r"# ---\n(.*?)\n# ---\n", re.DOTALL)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where, what, and what to do. A warning is told but does not stop the build."""

    path: str
    line: int
    message: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {'warning: ' if self.warning else ''}{self.message}"


class SourceError(ValueError):
    """A chapter that cannot be built. `.problems` holds every reason found."""

    def __init__(self, problems: list[Problem]):
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True)
class Cell:
    """One cell of a source: `kind` "markdown" or "code", `language` "en", "ko" or None (code), `line` where its text begins."""

    kind: str
    text: str
    line: int
    language: str | None = None
    tags: tuple[str, ...] = ()

    def tagged(self, prefix: str) -> list[str]:
        """What follows `prefix` in those tags that begin with it: ``cell.tagged("claim-")`` is ["1.9"]."""
        return [tag.removeprefix(prefix) for tag in self.tags if tag.startswith(prefix)]


@dataclass(frozen=True)
class Head:
    """What the header of a source says: its name "01_fcn", minutes of reading and of running, and the chapters it needs, ("00",)."""

    name: str
    reading: float
    running: float
    needs: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The chapter's two digits, "01"."""
        return self.name[:2]


@dataclass(frozen=True)
class Chapter:
    """A chapter as its source has it. `path` is relative to the course's root, `reading` and `running` are minutes, `needs` the chapters before it."""

    path: str
    name: str
    reading: float
    running: float
    cells: list[Cell] = field(default_factory=list)
    needs: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The chapter's two digits, "01"."""
        return self.name[:2]

    @property
    def code(self) -> list[Cell]:
        """The code cells, in order."""
        return [cell for cell in self.cells if cell.kind == "code"]

    def problem(self, line: int, message: str, *, warning: bool = False) -> Problem:
        return Problem(self.path, line, message, warning)


def read_chapter(path: Path, root: Path) -> Chapter:
    """Read the source at `path` of the course at `root`. Raises SourceError where it is not a chapter's source."""
    import jupytext

    shown = path.relative_to(root).as_posix()
    name = path.stem
    if not NAME.fullmatch(name):
        raise SourceError([Problem(shown, 1, f"call the file NN_name.py, such as 01_fcn.py, not {path.name}")])
    text = path.read_text(encoding="utf-8")
    markers = [number for number, line in enumerate(text.splitlines(), 1) if _MARKER.match(line)]
    cells = jupytext.reads(text, fmt="py:percent").cells
    header = cells.pop(0).source if cells and cells[0].cell_type == "raw" else ""
    head = _head(header, shown)
    if len(cells) != len(markers):
        raise SourceError(
            [
                Problem(
                    shown,
                    1,
                    f"{len(markers)} lines begin with '# %%' but there are {len(cells)} cells: every cell begins with its own "
                    "'# %%' line, and nothing but the header stands before the first",
                )
            ]
        )
    problems, read = [], []
    for marker, cell in zip(markers, cells, strict=True):
        language = cell.metadata.get("lang")
        unknown = sorted(set(cell.metadata) - {"lang", "tags", "lines_to_next_cell"})
        if unknown:
            problems.append(Problem(shown, marker, f"a cell carries lang=... or tags=[...] only, not {', '.join(unknown)}"))
        if cell.cell_type not in ("markdown", "code"):
            problems.append(Problem(shown, marker, f"a {cell.cell_type} cell has no place in a chapter: make it [markdown] or code"))
        elif cell.cell_type == "markdown" and language not in ("en", "ko"):
            problems.append(Problem(shown, marker, 'say which language this text is in: # %% [markdown] lang="en" (or "ko")'))
        elif cell.cell_type == "code" and language is not None:
            problems.append(
                Problem(
                    shown, marker, "code stands once, without lang=...; what differs between the languages goes through T(en=..., ko=...)"
                )
            )
        read.append(Cell(cell.cell_type, cell.source, marker + 1, language, tuple(cell.metadata.get("tags", ()))))
    if problems:
        raise SourceError(problems)
    return Chapter(shown, head.name, head.reading, head.running, read, head.needs)


def read_heads(root: Path) -> dict[str, Head]:
    """The heads of all sources of the course at `root` that have a fit one, chapter by chapter: {"01": Head}. Nothing below them is read."""
    heads = {}
    for path in sorted((root / "notebooks" / "source").glob("[0-9][0-9]_*.py")):
        header = _HEADER.match(path.read_text(encoding="utf-8"))
        with contextlib.suppress(SourceError):  # said where that chapter is read
            head = _head(re.sub(r"^# ?", "", header[1], flags=re.MULTILINE) if header else "", path.name)
            heads[head.number] = head
    return heads


def _head(header: str, path: str) -> Head:
    """What a source's header says. It must agree with the file's name."""
    name = Path(path).stem
    wanted = (
        f'begin the file with a header, each line behind "# ": ---, chapter: "{name[:2]}", name: {name[3:]}, '
        'minutes: {reading: 60, running: 1.5}, needs: ["00"], --- (running: measured on 2 cores; needs: the chapters to read before, or [])'
    )
    try:
        fields = yaml.safe_load(header.strip().strip("-")) or {}
        minutes = float(fields["minutes"]["reading"]), float(fields["minutes"]["running"])
        needs = fields["needs"]
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        raise SourceError([Problem(path, 1, wanted)]) from None
    if str(fields.get("chapter")) != name[:2] or fields.get("name") != name[3:] or set(fields) != {"chapter", "name", "minutes", "needs"}:
        raise SourceError([Problem(path, 1, wanted)])
    if not isinstance(needs, list) or not all(isinstance(need, str) and re.fullmatch(r"\d\d", need) for need in needs):
        said = f'needs lists chapters by their two digits, in quotes, such as needs: ["00"], or needs: [], not {needs!r}'
        raise SourceError([Problem(path, 1, said)])
    return Head(name, *minutes, tuple(needs))
