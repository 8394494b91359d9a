"""The README in step with what there is: commands, files, anchors, the chapter tables, the messages its table of troubles quotes."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from segcourse import cli
from segcourse.authoring import contents
from segcourse.authoring.source import read_chapter
from segcourse.datasets import names as data_sets

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENGLISH, KOREAN = README.split("\n# 한국어\n")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands(text):
    """Every command line of the text: lines of code blocks without their comments, and inline code that begins as one."""
    blocks = re.findall(r"^```(?:sh|powershell)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:segcourse|make|pip|apt|conda|git) [^`]+)`", text)
    return [line for line in [*lines, *inline] if line]


def test_both_languages_name_the_same_commands():
    assert commands(ENGLISH) and sorted(set(commands(ENGLISH))) == sorted(set(commands(KOREAN)))


@pytest.mark.parametrize("line", [line for line in sorted(set(commands(README))) if line.startswith("make ")])
def test_make_has_the_target(line):
    assert re.search(rf"^{line.split()[1]}:", MAKEFILE, re.MULTILINE)


SEGCOURSE = sorted({line[line.index("segcourse ") + 10:] for line in commands(README) if re.match(r"(.*-m )?segcourse ", line)})


@pytest.mark.parametrize("line", SEGCOURSE)
def test_the_command_has_what_the_readme_uses(line):
    command = typer.main.get_command(cli.app)
    words = shlex.split(line)
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    if "--data" in words:
        assert words[words.index("--data") + 1] in data_sets()


def test_powershell_does_what_make_does():
    extras = re.search(r"^EXTRAS := (.+)$", MAKEFILE, re.MULTILINE)[1]
    for text in (ENGLISH, KOREAN):
        shell = [line for line in commands(text) if line.startswith((".venv\\", "py "))]
        assert shell == ["py -3.12 -m venv .venv", f'.venv\\Scripts\\python -m pip install -e ".[{extras}]"', ".venv\\Scripts\\python -m segcourse lab",
                         '.venv\\Scripts\\python -m pytest -m "not slow"']
    for target, line in (("lab", "-m segcourse lab"), ("test", '-m pytest -m "not slow"')):
        assert line in MAKEFILE.partition(f"\n{target}: ")[2].partition("\n\n")[0]


def anchors(text):
    """The anchors GitHub gives to the headings."""
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_links_lead_somewhere():
    outside = re.sub(r"`[^`\n]*`", "", README)
    targets = set(re.findall(r"\]\(([^)\s]+)\)", outside))
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in anchors(README), target
        elif not target.startswith("https://"):
            assert (ROOT / target).exists(), target
    assert {"#when-something-does-not-work", "#잘-안-될-때"} <= targets


def chapters():
    return [read_chapter(path, ROOT) for path in sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))]


def test_the_chapter_tables_are_those_of_the_sources():
    assert contents.written(README, chapters()) == README, "run python -m segcourse.authoring.contents"


def test_a_chapter_that_is_new_gets_its_rows():
    old = chapters()[0]
    new = type(old)(old.path, "90_stamps", 12, 0.5, old.cells)
    text = contents.written(README, [*chapters(), new])
    assert text.count("notebooks/en/90_stamps.ipynb") == 4 and "12 to read, 0.5 to run" in text and "읽기 12, 실행 0.5" in text
    assert contents.written(text, chapters()) == README


def rows(text, heading):
    table = text.partition(heading)[2].partition("\n## ")[0]
    return [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]


def test_both_tables_of_troubles_have_the_same_rows():
    english, korean = rows(ENGLISH, "## When something does not work"), rows(KOREAN, "## 잘 안 될 때")
    assert len(english) == len(korean) >= 12 and all(len(row) == 3 for row in [*english, *korean])

    def installs(row):
        return sorted(re.findall(r"`((?:pip|apt) install[^`]*)`", row[2]))

    assert [installs(row) for row in english] == [installs(row) for row in korean]


OURS = ["out of memory on ", "at a time fit", "the loss is ", "is of a run with ", "holds a run that was broken off", "의 메모리가 모자라요(", "스텝에서 손실이 ", "상태를 저장할 때는 ", "멈춘 학습이 있어요", "is needed, with its venv module", "half-made, of a Python that does not fit, or of another folder", "is taken", "an HTML page came instead of a", "another run fetches into",
        "cannot be reached", "cannot show Korean, so this is English", "Progress cannot be saved in", "was damaged", "포트는 이미 쓰이고 있어서", "대신 HTML 페이지가 왔어요",
        "다른 실행이", "폴더에 받고 있어요", "진도를 저장할 수 없어요", "파일이 망가져 있었어요"]


@pytest.mark.parametrize("words", OURS)
def test_the_messages_it_quotes_are_those_the_course_gives(words):
    sources = [MAKEFILE, *(path.read_text(encoding="utf-8") for path in (ROOT / "segcourse").rglob("*.py"))]
    assert words in README and any(words in text for text in sources)
