"""The start page, its map and the glossary page: made of the chapters' heads, in step with them, and every link leads somewhere."""

import re
from pathlib import Path

import pytest
from PIL import Image

from segcourse import glossary
from segcourse.authoring import build, pages
from segcourse.authoring.repository import REPOSITORY

ROOT = Path(__file__).resolve().parents[2]
PLAN = '["91"]\nen = "Ink: what comes later"\nko = "잉크, 나중에 올 것"\nneeds = ["90"]\n'
BOTH = pytest.mark.parametrize("language", ["en", "ko"])


def test_the_course_s_pages_are_in_step():
    behind = [f"{name}: {reason}" for name, reason in pages.stale(ROOT)]
    assert not behind, "run make notebooks\n" + "\n".join(behind)


@BOTH
@pytest.mark.parametrize("name", [pages.START, pages.GLOSSARY])
def test_every_link_leads_somewhere(language, name):
    text = (ROOT / "notebooks" / language / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 3
    for link in links:
        if "://" in link:
            assert REPOSITORY.removeprefix("https://") in link or "/github/" + REPOSITORY.removeprefix("https://github.com/") in link
        else:
            built = ROOT / "notebooks" / language / link
            # A chapter that is not built yet is what tests/notebooks says; here a link must name one that has a source.
            assert built.is_file() or link.endswith(".ipynb") and (ROOT / "notebooks" / "source" / f"{built.stem}.py").is_file(), link


@BOTH
def test_the_start_page_names_every_chapter_with_its_minutes(language):
    text = (ROOT / "notebooks" / language / pages.START).read_text(encoding="utf-8")
    for path in build.sources(ROOT):
        row = next(line for line in text.splitlines() if line.startswith(f"| {path.stem[:2]} |"))
        reading, running = re.search(r"reading: ([\d.]+), running: ([\d.]+)", path.read_text(encoding="utf-8")).groups()
        assert f"]({path.stem}.ipynb)" in row and reading in row and running in row
    assert "](glossary.md)" in text and "](chapters.png)" in text


@BOTH
def test_the_glossary_page_has_every_term_in_the_order_of_its_language(language):
    text = (ROOT / "notebooks" / language / pages.GLOSSARY).read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(glossary.terms()) and all(len(row) == 5 and all(row) for row in rows)
    names = [row[0].split(", ")[0] for row in rows]
    assert sorted(names, key=str.casefold) == names and set(names) == {term.ko if language == "ko" else term.en for term in glossary.terms()}


# --- made of what? ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def planned(course):
    (course.source.parent / "plan.toml").write_text(PLAN, encoding="utf-8")
    return course


def test_written_once_and_left_alone_until_something_changes(planned):
    assert {reason for _, reason in pages.stale(planned.root)} == {"not built yet"}
    written = [path.relative_to(planned.root).as_posix() for path in pages.build(planned.root)]
    assert sorted(written) == [f"notebooks/{language}/{name}" for language in ("en", "ko") for name in ("chapters.png", "glossary.md", "start.md")]
    assert pages.stale(planned.root) == [] and pages.build(planned.root) == []
    start = (planned.root / "notebooks" / "ko" / "start.md").read_text(encoding="utf-8")
    assert "| 90 | [도장](90_stamps.ipynb) | 읽기 5, 실행 0.1 | – |" in start and "| 91 | 잉크, 나중에 올 것 | 준비 중 | 90 |" in start
    with Image.open(planned.root / "notebooks" / "ko" / "chapters.png") as image:
        assert image.width == 720 and "91 잉크, 나중에 올 것 (준비 중; 먼저 볼 장은 90)" in image.info["Description"]
    assert [path.name for path in pages.build(planned.root, ["en"], force=True)] == ["chapters.png", "start.md", "glossary.md"]


@pytest.mark.parametrize("old, new, behind", [
    ("reading: 5,", "reading: 6,", {"en/chapters.png", "en/start.md", "ko/chapters.png", "ko/start.md"}),
    ("# # 도장\n", "# # 도장 찍기\n", {"ko/chapters.png", "ko/start.md"}),
])
def test_a_head_or_a_title_makes_them_stale(planned, old, new, behind):
    pages.build(planned.root)
    planned.replace(old, new)
    assert {name.removeprefix("notebooks/") for name, _ in pages.stale(planned.root)} == behind


def test_a_chapter_s_own_title_comes_before_the_plan(planned):
    (planned.source.parent / "plan.toml").write_text(PLAN + PLAN.replace('"91"', '"90"').replace("Ink", "Paper"), encoding="utf-8")
    known = pages.chapters(planned.root, "en")
    assert [(chapter["number"], chapter["title"], chapter["minutes"]) for chapter in known] == [("90", "Stamps", (5.0, 0.1)), ("91", "Ink: what comes later", None)]


def test_edited_by_hand_or_damaged_is_out_of_step(planned):
    pages.build(planned.root)
    (planned.root / "notebooks" / "en" / "start.md").write_text("mine", encoding="utf-8")
    (planned.root / "notebooks" / "en" / "chapters.png").write_bytes(b"half")
    assert sorted(name for name, _ in pages.stale(planned.root)) == ["notebooks/en/chapters.png", "notebooks/en/start.md"]


def test_the_command_builds_and_checks_them(planned, monkeypatch, capsys):
    monkeypatch.setattr(build, "course_root", lambda: planned.root)
    assert build.main(["--check"]) == 1
    assert "notebooks/ko/start.md: not built yet" in capsys.readouterr().out
    monkeypatch.setattr(build, "build_all", lambda *_, **__: [])         # the chapters themselves are built elsewhere
    assert build.main([]) == 0
    assert "notebooks/ko/start.md: written" in capsys.readouterr().out and pages.stale(planned.root) == []
    assert build.main(["--no-execute"]) == 0 and not (planned.root / "build").exists()
