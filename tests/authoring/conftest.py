"""A course of one small chapter, in a folder of its own."""

import shutil
from pathlib import Path

import pytest

from segcourse.authoring import check
from segcourse.authoring.source import read_chapter

SAMPLE = Path(__file__).parent / "sample" / "90_stamps.py"


class Course:
    """A course under `root` whose only chapter is the sample; tests edit it and look at what is said."""

    def __init__(self, root: Path):
        self.root = root
        self.source = root / "notebooks" / "source" / SAMPLE.name
        self.source.parent.mkdir(parents=True)
        shutil.copy(SAMPLE, self.source)

    @property
    def text(self) -> str:
        return self.source.read_text(encoding="utf-8")

    def replace(self, old: str, new: str) -> None:
        assert self.text.count(old) == 1, f"{old!r} stands {self.text.count(old)} times in the sample"
        self.source.write_text(self.text.replace(old, new), encoding="utf-8")

    def append(self, text: str) -> None:
        self.source.write_text(f"{self.text}\n{text}\n", encoding="utf-8")

    def line(self, part: str) -> int:
        """The number of the first line that contains `part`."""
        return next(number for number, line in enumerate(self.text.splitlines(), 1) if part in line)

    def read(self):
        return read_chapter(self.source, self.root)

    def problems(self):
        return check.problems(self.read(), self.root)


@pytest.fixture(scope="session")
def make_course():
    """`make_course(root)` is a new Course in the folder `root`."""
    return Course


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "a course")
