"""The pages of the course that are no chapters: where a reader starts, with the map of chapters, and the glossary. `make notebooks` writes them.

They are made of what stands elsewhere: the heads and titles of the chapters' sources, `notebooks/source/plan.toml`, `segcourse/glossary.toml`.
Markdown, so that GitHub shows them, and JupyterLab's preview, without a kernel.
"""

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from segcourse import glossary
from segcourse.authoring import check, repository
from segcourse.authoring.source import Chapter, read_chapter
from segcourse.language import LANGUAGES, reading, say

START, GLOSSARY, MAP = "start.md", "glossary.md", "chapters.png"


def chapters(root: Path, language: str) -> list[dict]:
    """What the map is drawn from, in the order of the numbers: number, title, needs, minutes (None for a planned chapter) and file ("" for one)."""
    found = {}
    for path in sorted((root / "notebooks" / "source").glob("[0-9][0-9]_*.py")):
        chapter = read_chapter(path, root)
        found[chapter.number] = {
            "number": chapter.number, "title": _title(chapter, language), "needs": list(chapter.needs), "minutes": (chapter.reading, chapter.running),
            "file": f"{chapter.name}.ipynb"}
    for number, entry in check.plan(root).items():
        found.setdefault(number, {"number": number, "title": entry[language], "needs": list(entry["needs"]), "minutes": None, "file": ""})
    return [found[number] for number in sorted(found)]


def _title(chapter: Chapter, language: str) -> str:
    """The chapter's # heading without its number, "FCN: a classifier that names every pixel"."""
    text = next((cell.text for cell in chapter.cells if cell.language == language), "")
    title = text.strip().splitlines()[0].lstrip("# ").strip() if text.strip() else chapter.name
    return title.removeprefix(chapter.number).lstrip(" ·").strip() or chapter.name


def picture(known: list[dict]):
    """The map of chapters, a figures.Figure in the language in force."""
    from segcourse import figures

    return figures.chapter_map(known, title=say(en="Start at the top: an arrow leads to what builds on it", ko="맨 위에서 시작해요. 화살표를 따라가면 다음 장이 나와요"))


def _minutes(chapter: dict) -> str:
    if chapter["minutes"] is None:
        return say(en="planned", ko="준비 중")
    reading_time, running = chapter["minutes"]
    return say(en=f"{reading_time:g} to read, {running:g} to run", ko=f"읽기 {reading_time:g}, 실행 {running:g}")


def start_page(known: list[dict], language: str) -> str:
    """The page a reader sees first, as Markdown; called with `language` in force."""
    rows = []
    for chapter in known:
        title = f"[{chapter['title']}]({chapter['file']})" if chapter["file"] else chapter["title"]
        colab = f"[Colab]({repository.colab_address(language, chapter['file'].removesuffix('.ipynb'))})" if chapter["file"] else ""
        rows.append(f"| {chapter['number']} | {title} | {_minutes(chapter)} | {', '.join(chapter['needs']) or '–'} | {colab} |")
    first = next((chapter for chapter in known if chapter["file"]), None)
    begin = f"[{first['number']} · {first['title']}]({first['file']})" if first else ""
    alt = say(en="The map of chapters: what builds on what. The table below says the same in words.", ko="장 지도, 어느 장이 어느 장 위에 서는지 보여 줘요. 아래 표에 같은 내용이 글로 있어요.")
    return _START[language].format(map=f"![{alt}]({MAP})", rows="\n".join(rows), begin=begin)


_START = {
    "en": """# Start here

[한국어](../ko/start.md) · [Glossary](glossary.md)

Learn semantic segmentation by taking apart the papers that made it. One chapter takes one paper: you do its operation by hand, move it with your
mouse, write its decisive lines yourself, and train the network.

{map}

## Chapters

| | Chapter | Minutes | Read before | |
|---|---|---|---|---|
{rows}

## How to begin

1. Open {begin}. Click on the first cell and press Shift+Enter, cell by cell, from top to bottom.
2. Each chapter opens with claims. Decide for each of them *before* you run the cell that settles it: holds, half right, or fails.
3. Whatever moves is a **lab**: drag in it, or press Tab and use the arrow keys. Without a running kernel you see its picture.
4. In an exercise, `check` tells you what is wrong, `hint` gives the next step, `solution` shows the code. `segcourse.progress()` in any notebook shows how far you are.
5. A word you do not know stands in the [glossary](glossary.md), with its Korean name and the chapter that brings it.

Nothing has to be downloaded for the chapters. To train on real streets, fetch CamVid (187 MB) with `segcourse data get camvid`; `segcourse doctor` says what is
installed and which device would be used.
""",
    "ko": """# 여기서 시작해요

[English](../en/start.md) · [용어집](glossary.md)

의미론적 분할을, 그 분야를 만든 논문을 하나씩 뜯어보며 배워요. 한 장에서 논문 한 편을 다뤄요. 논문의 연산을 손으로 해 보고, 마우스로 움직여 보고,
핵심이 되는 몇 줄을 직접 쓰고, 네트워크를 학습해요.

{map}

## 차례

| | 장 | 시간(분) | 먼저 볼 장 | |
|---|---|---|---|---|
{rows}

## 이렇게 시작해요

1. {begin} 노트북을 열어요. 첫 셀을 누르고, 위에서부터 한 셀씩 Shift+Enter로 실행해요.
2. 장은 주장으로 시작해요. 결론을 내는 셀을 실행하기 *전에* 하나씩 골라 보세요. 맞아요, 반만 맞아요, 틀려요 가운데 하나예요.
3. 움직이는 그림은 **실험실**이에요. 마우스로 끌거나, Tab을 누르고 화살표 키를 써 보세요. 커널이 꺼져 있으면 그림만 보여요.
4. 연습 문제에서는 `check`가 어디가 틀렸는지, `hint`가 그다음 한 걸음을, `solution`이 코드를 보여 줘요. 어느 노트북에서든 `segcourse.progress()`로 어디까지 했는지 볼 수 있어요.
5. 모르는 말은 [용어집](glossary.md)에서 찾아보세요. 영어 이름과 처음 나오는 장도 적혀 있어요.

장에서 쓰는 데이터는 따로 받을 것이 없어요. 진짜 거리 사진으로 학습하고 싶다면 `segcourse data get camvid`로 CamVid(187 MB)를 받아 주세요. 무엇이 설치되어 있고 어떤 장치를 쓸지는
`segcourse doctor`가 알려 줘요.
""",
}


def glossary_page(known: list[dict], language: str) -> str:
    """The glossary as Markdown: the English page in the order of the English names, the Korean page in that of the Korean ones."""
    files = {chapter["number"]: chapter["file"] for chapter in known}

    def place(term: glossary.Term) -> str:
        return f"[{term.chapter}]({files[term.chapter]})" if files.get(term.chapter) else term.chapter

    def korean(term: glossary.Term) -> str:
        return ", ".join((term.ko, *term.also))

    if language == "ko":
        rows = [f"| {korean(term)} | {term.en} | {'뜻' if term.by == 'T' else '소리'} | {term.note_ko} | {place(term)} |"
                for term in sorted(glossary.terms(), key=lambda term: term.ko.casefold())]
    else:
        rows = [f"| {term.en} | {korean(term)} | {term.by} | {term.note_en} | {place(term)} |" for term in sorted(glossary.terms(), key=lambda term: term.en.casefold())]
    return _GLOSSARY[language].format(rows="\n".join(rows), count=len(rows))


_GLOSSARY = {
    "en": """# Glossary

[Start](start.md) · [한국어](../ko/glossary.md)

The {count} terms of the course, as Korean researchers use them. T: the Korean name translates the English one; S: it follows its sound. The last column is the chapter that
uses the term first.

| English | Korean | | Meaning | Chapter |
|---|---|---|---|---|
{rows}
""",
    "ko": """# 용어집

[처음으로](start.md) · [English](../en/glossary.md)

이 강의에서 쓰는 용어 {count}개예요. 한국 연구자들이 실제로 쓰는 말을 골랐어요. '뜻'은 뜻을 옮긴 말, '소리'는 영어 소리를 따른 말이에요. 마지막 칸은 그 용어를
처음 쓰는 장이에요.

| 한국어 | 영어 | | 설명 | 장 |
|---|---|---|---|---|
{rows}
""",
}


def made(root: Path, languages: Iterable[str] = LANGUAGES) -> dict[Path, str]:
    """Every page of the course at `root` as it should be: the file, and its text; for the map the text that stands in the PNG."""
    texts = {}
    for language in languages:
        with reading(language):
            known, folder = chapters(root, language), root / "notebooks" / language
            alt = picture(known).alt
            texts |= {folder / MAP: alt, folder / START: start_page(known, language), folder / GLOSSARY: glossary_page(known, language)}
    return texts


def _found(path: Path) -> str | None:
    """What a page says now; of the map, its description. None where it is not there or cannot be read."""
    try:
        if path.suffix == ".png":
            with Image.open(path) as image:
                return image.info.get("Description")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def stale(root: Path, languages: Iterable[str] = LANGUAGES) -> list[tuple[str, str]]:
    """Pages out of step with what they are made of: (path from the root, reason)."""
    found = []
    for path, text in made(root, languages).items():
        now = _found(path)
        if now != text:
            found.append((path.relative_to(root).as_posix(), "not built yet" if now is None else "what it is made of has changed since, or it was edited by hand"))
    return found


def build(root: Path, languages: Iterable[str] = LANGUAGES, *, force: bool = False) -> list[Path]:
    """Write the pages that are out of step (with `force`: all), each in one step; returns their paths."""
    from segcourse.authoring.build import write

    written = []
    for path, text in made(root, languages).items():
        if force or _found(path) != text:
            if path.suffix == ".png":
                with reading(path.parent.name):
                    write(path, picture(chapters(root, path.parent.name)).png())
            else:
                write(path, text)
            written.append(path)
    return written
