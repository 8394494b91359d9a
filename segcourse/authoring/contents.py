"""The chapter tables of README.md, made from the heads of the chapters' sources: `python -m segcourse.authoring.contents` (--check: only says whether
they are in step).
"""

import re
import sys
from pathlib import Path

from segcourse.authoring.repository import colab_badge
from segcourse.authoring.source import Chapter, read_chapter
from segcourse.datasets.root import checkout

_ROWS = re.compile(r"(?:^\| \d\d \|.*\n)+", re.MULTILINE)
_PAPER = re.compile(r"^(.+), \*[^*]+\*, .*?\b(\d{4})\.?$", re.MULTILINE)


def _title(chapter: Chapter, language: str) -> str:
    """"# 01 · FCN: a classifier" -> "**FCN**: a classifier"; in Korean a comma stands for the colon."""
    text = next(cell.text for cell in chapter.cells if cell.language == language)
    title = re.search(r"^# (?:\d\d · )?(.+)$", text, re.MULTILINE)[1]
    name, sign, rest = title.partition({"en": ":", "ko": ","}[language])
    return f"**{name}**{sign}{rest}"


def _paper(chapter: Chapter) -> str:
    """" (Long, Shelhamer, Darrell, 2015)" of the paper that the chapter's first text names, or ""."""
    found = _PAPER.search(next(cell.text for cell in chapter.cells if cell.language == "en"))
    if not found:
        return ""
    names = [name.split()[-1] for name in re.split(r",\s+(?:and\s+)?|\s+and\s+", found[1])]
    return f" ({', '.join(names)}, {found[2]})"


def row(chapter: Chapter, language: str) -> str:
    """The chapter's row in the table of `language`."""
    links = {"en": f"[notebook](notebooks/en/{chapter.name}.ipynb) {colab_badge('en', chapter.name)}",
             "ko": f"[노트북](notebooks/ko/{chapter.name}.ipynb) {colab_badge('ko', chapter.name)}"}
    first, second = (links["en"], links["ko"]) if language == "en" else (links["ko"], links["en"])
    minutes = (f"{chapter.reading:g} to read, {chapter.running:g} to run" if language == "en" else f"읽기 {chapter.reading:g}, 실행 {chapter.running:g}")
    return f"| {chapter.number} | {_title(chapter, language)}{_paper(chapter)} | {first} | {second} | {minutes} |\n"


def written(readme: str, chapters: list[Chapter]) -> str:
    """README.md with the rows of `chapters` in both tables. Raises ValueError where it has not two."""
    if len(_ROWS.findall(readme)) != 2:
        raise ValueError("README.md must hold two tables of chapters, English and Korean, whose rows begin with '| 01 |'")
    languages = iter(("en", "ko"))

    def rows(_match: re.Match) -> str:
        language = next(languages)
        return "".join(row(chapter, language) for chapter in chapters)

    return _ROWS.sub(rows, readme)


def main(arguments: list[str]) -> int:
    """Bring README.md in step with the sources, or with --check say whether it is."""
    root = checkout()
    if root is None:
        print("the README is in a checkout, and this is an installed package", file=sys.stderr)
        return 2
    path = root / "README.md"
    chapters = [read_chapter(source, root) for source in sorted((root / "notebooks" / "source").glob("[0-9][0-9]_*.py"))]
    before = path.read_text(encoding="utf-8")
    after = written(before, chapters)
    if before == after:
        return 0
    if "--check" in arguments:
        print("README.md: its chapter tables are not those of notebooks/source: run python -m segcourse.authoring.contents")
        return 1
    part = path.with_name(path.name + ".part")
    part.write_text(after, encoding="utf-8", newline="\n")
    part.replace(path)
    print("README.md: chapter tables written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
