"""What makes a chapter fit to be built: the rules of the course that a machine can hold, each with its remedy.

`problems(chapter, root)` reads a source and returns everything that is wrong with it. Nothing here runs a cell.
"""

import ast
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from segcourse.authoring import korean, localise
from segcourse.authoring.source import Cell, Chapter, Head, Problem, read_heads
from segcourse.language import LANGUAGES

CODE_LINES = 25  # the longest code cell
CHECKED_CELLS = 8  # the fewest cells a chapter's test compares with their output
SCREENFUL = 40  # lines on a screen; two of them without a heading is too long
COLUMNS = 100  # characters in such a line
SILENT_CELLS = 3  # code cells in a row that show nothing

TAGS = re.compile(
    r"claim-\d+\.\d+[a-z]?|for-claim-\d+\.\d+[a-z]?|stub:[a-z0-9_]+\.[a-z0-9_]+|setup|parameters|look|lab|train|baseline|nbval-check-output"
)

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_FORMULA = re.compile(r"(?<!\\)\$\$(.+?)\$\$|(?<![\\$])\$(?!\$)([^$\n]+?)(?<!\\)\$", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(\s*([^)\s]+)[^)]*\)")
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\)|\[[^\]]*\])*\]\(\s*([^)\s]+)[^)]*\)")
_ADDRESS = re.compile(r"(?<![(\w])<?(https?://[^\s<>)\]]+[^\s<>)\].,;])")
_HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_HEADING = re.compile(r"^(#{1,6})\s+\S", re.MULTILINE)
_ABSOLUTE = re.compile(r"(?<![\w.:/~])(?:/(?:home|root|Users|tmp|work|opt|usr|mnt|content|var)/\w|[A-Z]:\\+\w)")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_MANY = {"만": 10**4, "천": 10**3, "백만": 10**6, "천만": 10**7, "억": 10**8, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SCALED = re.compile(rf"({_NUMBER.pattern})\s?({'|'.join(sorted(_MANY, key=len, reverse=True))})")
# Small numbers may be words in one language and digits in the other.
_WORDS = {
    "en": {
        0: "zeros?|no|none|nothing|empty",
        1: "one|once|first|single|an?",
        2: "two|twice|second|both|pair|half|halves|doubles?",
        3: "three|thirds?|triple",
        4: "four|fourth|quarters?",
        5: "five|fifth",
        6: "six|sixth",
        7: "seven|seventh",
        8: "eight|eighth",
        9: "nine|ninth",
        10: "ten|tenth",
        11: "eleven|eleventh",
        12: "twelve|twelfth",
        13: "thirteen",
        14: "fourteen",
        15: "fifteen",
        16: "sixteen|sixteenth",
        20: "twenty",
        32: "thirty-second",
        100: "hundred",
        1000: "thousand",
    },
    "ko": {
        0: r"영(?=[ 이을은])|없|비어|빈",
        1: "하나|한 |첫|홑",
        2: "둘(?!레)|두 |반|절반",
        3: "셋|세 |석 ",
        4: "넷|네 ",
        5: "다섯",
        6: "여섯",
        7: "일곱",
        8: "여덟",
        9: "아홉",
        10: "열",
        11: "열하나|열한",
        12: "열둘|열두",
        13: "열셋|열세",
        14: "열넷|열네",
        15: "열다섯",
        16: "열여섯",
        20: "스무|스물",
        100: "백 ",
        1000: "천 ",
    },
}


def problems(chapter: Chapter, root: Path) -> list[Problem]:
    """Everything that is wrong with `chapter`, in the order of its lines; `root` is the course's folder, where links are looked up."""
    found = [
        *_tags(chapter),
        *_twins(chapter, root),
        *_head(chapter),
        *_needs(chapter, root),
        *_terms(chapter),
        *_code(chapter),
        *_rhythm(chapter),
        *_claims(chapter),
        *_paths(chapter),
    ]
    return sorted(set(found))


# --- text -----------------------------------------------------------------------------------------------------------------


def _twins(chapter: Chapter, root: Path) -> Iterator[Problem]:
    cells = chapter.cells
    at = 0
    while at < len(cells):
        cell = cells[at]
        if cell.kind != "markdown":
            at += 1
            continue
        twin = cells[at + 1] if at + 1 < len(cells) else None
        if cell.language == "en" and twin is not None and twin.kind == "markdown" and twin.language == "ko":
            yield from _differences(chapter, cell, twin)
            yield from _one_text(chapter, cell, root)
            yield from _one_text(chapter, twin, root)
            at += 2
        elif cell.language == "en":
            yield chapter.problem(cell.line, 'this English text has no Korean twin: put its # %% [markdown] lang="ko" cell right behind it')
            at += 1
        else:
            yield chapter.problem(cell.line, 'this Korean text has no English twin: put its # %% [markdown] lang="en" cell right before it')
            at += 1


def _differences(chapter: Chapter, en: Cell, ko: Cell) -> Iterator[Problem]:
    for what, remedy, parts in (
        ("heading levels", "give both the same headings", _headings),
        ("code blocks", "keep code blocks identical", _fences),
        ("inline code", "name the same code in both", _inline_code),
        ("formulas", "write the same formulas in both (words inside \\text{} may differ)", _formulas),
        ("pictures", "show the same pictures in both", _pictures),
        ("links", "link to the same places in both (../en/ and ../ko/ may differ)", _links),
    ):
        here, there = parts(en.text), parts(ko.text)
        if sorted(here) != sorted(there) or (what == "heading levels" and here != there):
            yield chapter.problem(
                ko.line, f"the Korean twin of line {en.line} differs in {what}: {_difference(here, there)}. {remedy[0].upper()}{remedy[1:]}"
            )
    if sorted(en.tags) != sorted(ko.tags):
        yield chapter.problem(ko.line - 1, "give both twins the same tags")
    only = _unmatched_numbers(_prose(en.text), _prose(ko.text))
    if only:
        yield chapter.problem(ko.line, f"the Korean twin of line {en.line} differs in numbers: {only}. Give the same numbers in both")


def _difference(here: list[str], there: list[str]) -> str:
    only_here, only_there = list((Counter(here) - Counter(there)).elements()), list((Counter(there) - Counter(here)).elements())
    said = [f"only in English {', '.join(map(repr, only_here))}"] if only_here else []
    said += [f"only in Korean {', '.join(map(repr, only_there))}"] if only_there else []
    return "; ".join(said) or f"{here} against {there}"


def _without(text: str, *patterns: re.Pattern) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda found: " " + "\n" * found[0].count("\n"), text)
    return text


def _headings(text: str) -> list[str]:
    return [found[1] for found in _HEADING.finditer(_without(text, _FENCE))]


def _fences(text: str) -> list[str]:
    return [found[0].strip() for found in _FENCE.finditer(text)]


def _inline_code(text: str) -> list[str]:
    return [found[2] for found in _INLINE_CODE.finditer(_without(text, _FENCE))]


def _formulas(text: str) -> list[str]:
    bare = _without(text, _FENCE, _INLINE_CODE)
    return [
        re.sub(r"\s+", " ", re.sub(r"\\(?:text|textrm|mbox)\{[^{}]*\}", r"\\text{}", found[1] or found[2])).strip()
        for found in _FORMULA.finditer(bare)
    ]


def _pictures(text: str) -> list[str]:
    bare = _without(text, _FENCE, _INLINE_CODE)
    return [found[2] for found in _IMAGE.finditer(bare)] + ["<img>"] * len(_HTML_IMAGE.findall(bare))


def _targets(text: str) -> list[tuple[int, str]]:
    """(line from 0, target) of every link of a text."""
    bare = _without(text, _FENCE, _INLINE_CODE)
    bare_addresses = _IMAGE.sub(" ", re.sub(r"\]\([^)]*\)", "] ", bare))
    return [(bare.count("\n", 0, found.start(1)), found[1]) for found in _LINK.finditer(bare)] + [
        (bare_addresses.count("\n", 0, found.start(1)), found[1]) for found in _ADDRESS.finditer(bare_addresses)
    ]


def _links(text: str) -> list[str]:
    links = []
    for _, target in _targets(text):
        if "://" not in target:
            target = target.partition("#")[0] + ("#" if "#" in target else "")
        links.append(re.sub(r"(^|/)(en|ko)/", r"\1LANGUAGE/", target))
    return links


def _prose(text: str) -> str:
    """A text without its code, formulas, pictures, link targets and HTML tags."""
    text = _without(text, _FENCE, _INLINE_CODE, _FORMULA, _IMAGE)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return _without(text, re.compile(r"<?https?://\S+"), re.compile(r"</?[a-zA-Z][^>]*>"))


def _numbers(text: str) -> Counter:
    return Counter(format(float(found.replace(",", "")), ".10g") for found in _NUMBER.findall(text))


def _readings(text: str) -> list[str]:
    """The text as it stands, and with 3만 or 3 million written out. Both, because 1만 is 10,000 or "only 1"."""
    return [text, _SCALED.sub(lambda found: format(float(found[1].replace(",", "")) * _MANY[found[2]], ".0f"), text)]


def _unmatched_numbers(en: str, ko: str) -> str:
    """What differs between the numbers of two texts, or "". A small number may be a word in one of them."""
    words = {
        "en": {number for number, forms in _WORDS["en"].items() if re.search(rf"\b(?:{forms})\b", en, re.IGNORECASE)},
        "ko": {number for number, forms in _WORDS["ko"].items() if re.search(rf"(?<![가-힣])(?:{forms})", ko)},
    }
    verdicts = []
    for here, there in ((_numbers(here), _numbers(there)) for here in _readings(en) for there in _readings(ko)):
        only = {
            "English": [number for number in (here - there) if not _small_in(number, words["ko"])],
            "Korean": [number for number in (there - here) if not _small_in(number, words["en"])],
        }
        verdicts.append("; ".join(f"only in {language} {', '.join(numbers)}" for language, numbers in only.items() if numbers))
    return "" if "" in verdicts else verdicts[0]


def _small_in(number: str, words: set[int]) -> bool:
    return number.isdigit() and int(number) in words


def _one_text(chapter: Chapter, cell: Cell, root: Path) -> Iterator[Problem]:
    bare = _without(cell.text, _FENCE, _INLINE_CODE)
    for found in _IMAGE.finditer(bare):
        if not found[1].strip():
            yield chapter.problem(
                cell.line + bare.count("\n", 0, found.start()),
                f"the picture {found[2]} has no text for those who cannot see it: ![what it shows]({found[2]})",
            )
    for found in _HTML_IMAGE.finditer(bare):
        if not re.search(r"\balt\s*=\s*[\"'][^\"']", found[0]):
            yield chapter.problem(cell.line + bare.count("\n", 0, found.start()), 'this <img> has no alt="what it shows"')
    for line, target in _targets(cell.text):
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        file = target.partition("#")[0]
        place = root / "notebooks" / cell.language / file
        source = root / "notebooks" / "source" / f"{Path(file).stem}.py"
        if not place.exists() and not (file.endswith(".ipynb") and source.exists()):
            yield chapter.problem(
                cell.line + line, f"the link {target} leads nowhere (it starts from notebooks/{cell.language}): correct it"
            )
    if cell.language == "ko":
        prose = _prose(cell.text)
        for line, fault in korean.faults(prose):
            yield chapter.problem(cell.line + line, fault)
        for found in re.finditer(r"(?:^[ \t]*\S.*\n?)+", prose, re.MULTILINE):
            foreign = len(re.findall(r"[A-Za-z]{2,}", found[0])) > 4 and not re.search(r"[가-힣]", found[0])
            if foreign and not re.search(r"\b(?:19|20)\d\d\b", found[0]):  # a reference, with its year, stays as it is
                yield chapter.problem(
                    cell.line + prose.count("\n", 0, found.start()), "this paragraph of the Korean text has no Korean in it: translate it"
                )
    elif re.search(
        r"[가-힣]{2,}", _without(_prose(cell.text), re.compile(r"\([^)]*\)"), re.compile(r"[“\"][^”\"]*[”\"]"), re.compile(r"\*[^*\n]+\*"))
    ):
        yield chapter.problem(
            cell.line,
            "there is Korean in the English text: put it in the twin (a Korean word that is quoted stands in brackets, quotes or italics)",
        )


def _head(chapter: Chapter) -> Iterator[Problem]:
    first = chapter.cells[:2]
    if [cell.language for cell in first] != ["en", "ko"] or any(_headings(cell.text)[:1] != ["#"] for cell in first):
        yield chapter.problem(
            1,
            "begin with the chapter's title in both languages, a # heading; badge, minutes and the other language's link are put under it",
        )
    for cell in chapter.cells[2:]:
        if cell.kind == "markdown" and "#" in _headings(cell.text):
            yield chapter.problem(cell.line, "only the title is a # heading: begin sections with ##")
    parameters = [cell for cell in chapter.code if "parameters" in cell.tags]
    if len(parameters) != 1:
        line = parameters[1].line - 1 if parameters else 1
        yield chapter.problem(line, f'one cell, tagged "parameters", sets how much is trained; this chapter has {len(parameters)}')


def _terms(chapter: Chapter) -> Iterator[Problem]:
    """The glossary's chapter of first use, and 한국어(English) there. The other way round, a term that no longer is used, is held by a test."""
    cells = [cell for cell in chapter.cells if cell.kind == "markdown" and cell.language == "ko"]
    for term, number, line, glossed in korean.first_uses([_prose(cell.text) for cell in cells]):
        at = cells[number].line + line
        if chapter.number < term.chapter:
            yield chapter.problem(
                at, f'{term.ko} ({term.en}) is used here, before chapter {term.chapter}: write chapter = "{chapter.number}" into segcourse/glossary.toml'
            )
        elif term.gloss and chapter.number == term.chapter and not glossed:
            yield chapter.problem(at, f"the first use of {term.ko} in the chapter that brings it: write {term.ko}({term.en}), and {term.ko} from then on")


def package(root: Path) -> list[Problem]:
    """Names that the glossary has otherwise, in the Korean texts of the package (labs, exercises, figures, errors), of the claims and of the README."""
    found = []
    for path in sorted((root / "segcourse").rglob("*.py")):
        shown = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                if keyword.arg == "ko":
                    for text in localise._constants(keyword.value) if isinstance(keyword.value, localise._LITERALS) else ():
                        found += [Problem(shown, keyword.value.lineno + line, fault) for line, fault in korean.words(text)]
    for name in ("segcourse/exercises/claims.toml", "notebooks/source/plan.toml", "README.md"):
        text = (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""
        # In TOML and in an English paragraph quotes are no sign that a word is spoken of: only lines with Korean count.
        korean_lines = [line if re.search("[가-힣]", line) else "" for line in text.splitlines()]
        korean_lines = [line.removeprefix('ko = "').removesuffix('"') for line in korean_lines]
        found += [Problem(name, line + 1, fault) for line, fault in korean.words("\n".join(korean_lines))]
    return sorted(set(found))


def plan(root: Path) -> dict[str, dict]:
    """The chapters that are planned, by number, as notebooks/source/plan.toml has them: {"02": {"en": ..., "ko": ..., "needs": [...]}}."""
    path = root / "notebooks" / "source" / "plan.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _needs(chapter: Chapter, root: Path) -> Iterator[Problem]:
    heads, planned = read_heads(root), plan(root)
    line = next((number for number, text in enumerate(_lines(chapter, root), 1) if text.startswith("# needs:")), 1)
    for need in chapter.needs:
        if need not in heads and need not in planned:
            known = ", ".join(sorted({*heads, *planned})) or "none yet"
            yield chapter.problem(line, f"needs: there is no chapter {need!r}; there are {known}: correct the header")
        elif need not in heads:
            yield chapter.problem(line, f"needs: chapter {need} is planned but not written yet", warning=True)
    circle = _circle(chapter.number, heads)
    if circle:
        yield chapter.problem(
            line, f"needs: a reader would go round in a circle, {' -> '.join(circle)}: take out the need that is none"
        )
    if chapter.number in planned:
        yield chapter.problem(1, f"chapter {chapter.number} is written: take it out of notebooks/source/plan.toml", warning=True)


def _lines(chapter: Chapter, root: Path) -> list[str]:
    return (root / chapter.path).read_text(encoding="utf-8").splitlines()


def _circle(start: str, heads: dict[str, Head]) -> list[str]:
    """The way from a chapter over what it needs back to itself, as ["01", "00", "01"]; empty where there is none."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop()
        for need in heads[way[-1]].needs if way[-1] in heads else ():
            if need == start:
                return [*way, need]
            if need not in seen:
                seen.add(need)
                ways.append([*way, need])
    return []


# --- code -----------------------------------------------------------------------------------------------------------------


def _tags(chapter: Chapter) -> Iterator[Problem]:
    for cell in chapter.cells:
        for tag in cell.tags:
            if not TAGS.fullmatch(tag):
                yield chapter.problem(
                    cell.line - 1,
                    f"there is no tag {tag!r}; there are claim-ID, for-claim-ID, stub:CHAPTER.NAME, setup, parameters, look, lab, train, "
                    "baseline and nbval-check-output",
                )
    for cell in chapter.code:
        if cell.tagged("stub:") and any(line.strip() and not line.lstrip().startswith("#") for line in cell.text.splitlines()):
            yield chapter.problem(cell.line, "leave this cell empty but for a comment: the exercise's stub is put here")
    checked = sum("nbval-check-output" in cell.tags for cell in chapter.code)
    if checked < CHECKED_CELLS:
        yield chapter.problem(
            1,
            f"{checked} cells are checked against their output, and at least {CHECKED_CELLS} must be: tag cells that print counts, shapes "
            'or "< 1e-6" with "nbval-check-output"',
        )


def _code(chapter: Chapter) -> Iterator[Problem]:
    for cell in chapter.code:
        if cell.tagged("stub:"):
            continue
        try:
            seen = {language: localise.resolve(cell.text, language) for language in LANGUAGES}
            texts = localise.texts(cell.text)
        except localise.CodeError as error:
            yield chapter.problem(cell.line + error.line - 1, str(error))
            continue
        longest = max(len(code.splitlines()) for code in seen.values())
        if longest > CODE_LINES:
            yield chapter.problem(
                cell.line,
                f"{longest} lines of code in one cell, {CODE_LINES} is the most: cut it where the reader should look, "
                "or move what is not taught into the package",
            )
        for line in localise.words_only_in_english(cell.text):
            yield chapter.problem(
                cell.line + line - 1,
                "this comment would stay English in the Korean notebook: write '# en: ...' and '# ko: ...' on the next line "
                "(at the end of a line: '# en: ... | ko: ...')",
            )
        for text in texts:
            line = cell.line + text.line - 1
            for _, fault in korean.faults(text.ko, label=True):
                yield chapter.problem(line, fault)
            if re.search(r"[A-Za-z]{3,} +[a-z]{2,}", text.ko) and not re.search(r"[가-힣]", text.ko):
                yield chapter.problem(line, f"the Korean text {text.ko!r} has no Korean in it: translate it")
            only = _unmatched_numbers(text.en, text.ko)
            if only:
                yield chapter.problem(line, f"the two texts differ in numbers: {only}. Give the same numbers in both")
        tree = ast.parse(cell.text)
        yield from _labels(chapter, cell, tree)
        yield from _lost_pictures(chapter, cell, tree)


_LABELLED = {"title", "titles", "label", "labels", "caption", "captions", "xlabel", "ylabel", "name", "names", "text"}


def _labels(chapter: Chapter, cell: Cell, tree: ast.Module) -> Iterator[Problem]:
    """English that a Korean reader would see: in titles and labels, and in what is printed."""
    translated = {id(node) for call in localise._calls(tree) for node in ast.walk(call)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in translated):
        printed = isinstance(call.func, ast.Name) and call.func.id == "print"
        shown = [*(call.args if printed else []), *(keyword.value for keyword in call.keywords if keyword.arg in _LABELLED)]
        for part in (node for value in shown for node in ast.walk(value)):
            if (
                isinstance(part, ast.Constant)
                and isinstance(part.value, str)
                and id(part) not in translated
                and re.search(r"[A-Za-z]{2,},? +[a-z]{2,}", part.value)
            ):
                yield chapter.problem(
                    cell.line + part.lineno - 1, f"a Korean reader would see {part.value.strip()!r}: write T(en=..., ko=...)"
                )


def _lost_pictures(chapter: Chapter, cell: Cell, tree: ast.Module) -> Iterator[Problem]:
    for statement in tree.body[:-1]:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            name = ast.unparse(statement.value.func)
            if name.split(".")[0] in ("figures", "labs"):
                yield chapter.problem(
                    cell.line + statement.lineno - 1, f"nobody sees this: only a cell's last line shows itself. Write display({name}(...))"
                )


def _shows(cell: Cell) -> bool:
    """Whether a code cell gives the reader something to look at."""
    if cell.tagged("stub:") or {"look", "lab"} & set(cell.tags):
        return True
    try:
        tree = ast.parse(cell.text)
    except SyntaxError:
        return True
    calls = {ast.unparse(node.func).split(".")[-1] for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return bool(calls & {"print", "display", "show"}) or bool(tree.body) and isinstance(tree.body[-1], ast.Expr)


def _rhythm(chapter: Chapter) -> Iterator[Problem]:
    for language in LANGUAGES:
        lines, since = 0, 1
        for cell in chapter.cells:
            if cell.language not in (None, language):
                continue
            if cell.kind == "markdown" and _headings(cell.text):
                after = re.split(_HEADING, cell.text)[-1]
                before = cell.text[: _HEADING.search(cell.text).start()]
                if lines + _height(before) > 2 * SCREENFUL:
                    break
                lines, since = _height(after), cell.line
            else:
                lines += _height(cell.text) + 1
            if lines > 2 * SCREENFUL:
                break
        if lines > 2 * SCREENFUL:
            yield chapter.problem(
                since,
                f"two screens without a heading begin here (about {lines} lines, {2 * SCREENFUL} is the most): put a heading in between",
            )
            break
    silent: list[Cell] = []
    for cell in chapter.cells:
        silent = [*silent, cell] if cell.kind == "code" and not _shows(cell) else []
        if len(silent) == SILENT_CELLS + 1:
            yield chapter.problem(
                silent[0].line, "more than three code cells in a row show nothing: print, draw or say something in between", warning=True
            )


def _height(text: str) -> int:
    """How many lines a text takes on a screen."""
    widths = [sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line) for line in text.strip().splitlines()]
    return sum(max(1, -(-width // COLUMNS)) for width in widths)


# --- claims and paths -----------------------------------------------------------------------------------------------------


def claims() -> dict[str, dict[str, dict[str, str]]]:
    """The lecture notes' claims by chapter: {"01": {"1.1": {"verdict": ..., "en": ..., "ko": ...}}}, as the exercises have them."""
    return tomllib.loads(resources.files("segcourse").joinpath("exercises", "claims.toml").read_text(encoding="utf-8"))


def _claims(chapter: Chapter) -> Iterator[Problem]:
    known = claims().get(chapter.number, {})
    decided = {name: cell for cell in chapter.code for name in cell.tagged("claim-")}
    for name in known:
        if name not in decided:
            yield chapter.problem(
                1, f"no cell decides claim {name}: tag one claim-{name} and end it in an assert on a value computed in it"
            )
    for cell in chapter.code:
        for prefix in ("claim-", "for-claim-"):
            for name in cell.tagged(prefix):
                if name not in known:
                    yield chapter.problem(
                        cell.line - 1,
                        f"segcourse/exercises/claims.toml has no claim {name} for chapter {chapter.number}: add it, or correct the tag",
                    )
        for name in cell.tagged("claim-"):
            fault = _indecision(cell.text)
            if fault:
                yield chapter.problem(cell.line, f"claim {name} is not decided: {fault}")


def _indecision(code: str) -> str:
    """Why a cell decides nothing, or ""."""
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return ""  # said elsewhere
    if not body or not isinstance(body[-1], ast.Assert):
        return "end the cell in an assert (a cell that only prepares it is tagged for-claim-ID)"
    test = body[-1].test
    stored = {
        node.id for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    if not used & stored and not any(isinstance(node, ast.Call) for node in ast.walk(test)):
        return "the assert at its end must test a value that this cell computes"
    return ""


def _paths(chapter: Chapter) -> Iterator[Problem]:
    for cell in chapter.cells:
        for number, line in enumerate(cell.text.splitlines()):
            found = _ABSOLUTE.search(line)
            if found and "://" not in line[: found.start()].rpartition(" ")[2]:
                yield chapter.problem(
                    cell.line + number, f"{found[0]}...: a path of one machine means nothing on another; use a relative one"
                )
