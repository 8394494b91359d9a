"""Code that stands once and is read in two languages: `T(en=..., ko=...)`, `LANGUAGE` and paired comments, resolved for one language.

    title = T(en="the middle column is a sum", ko="가운데 열은 합이에요")
    # en: one stamp for every input pixel
    # ko: 입력 픽셀마다 도장 하나

becomes, for a Korean reader,

    title = "가운데 열은 합이에요"
    # 입력 픽셀마다 도장 하나

A comment at the end of a line is written ``# en: one stamp | ko: 도장 하나``. All else stays as it was typed, character by character.
"""

import ast
import io
import re
import token
import tokenize
from collections import Counter
from dataclasses import dataclass

from segcourse.language import LANGUAGES

_WIDEST = 120  # beyond this column a text of several parts keeps one part a line
_COMMENT = re.compile(r"# (en|ko): (.*)")
_TRAILING = re.compile(r"# en: (?P<en>.*?) \| ko: (?P<ko>.*)")
_LITERALS = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict)


class CodeError(ValueError):
    """Code that cannot be resolved; `.line` counts from 1 within the cell."""

    def __init__(self, line: int, message: str):
        self.line = line
        super().__init__(message)


@dataclass(frozen=True)
class Text:
    """One text in both languages as the code has it: its line in the cell, and what is constant in it ("{}" where a value is filled in)."""

    line: int
    en: str
    ko: str


def resolve(code: str, language: str) -> str:
    """`code` as a reader of `language` sees it. Raises CodeError."""
    assert language in LANGUAGES, language
    return _edited(code, [(start, end, words[language]) for start, end, words in _edits(code)])


def texts(code: str) -> list[Text]:
    """Every text of `code` that stands in both languages: of T(...) and of comments. Raises CodeError."""
    found = []
    for call in _calls(_parse(code)):
        values = {keyword.arg: keyword.value for keyword in call.keywords}
        en, ko = (list(_constants(values[language])) for language in LANGUAGES)
        if len(en) != len(ko):
            raise CodeError(call.lineno, f"T gives {len(en)} texts in English and {len(ko)} in Korean: give as many in both")
        found += [Text(call.lineno, *pair) for pair in zip(en, ko, strict=True)]
    found += [Text(line, *(words[language] for language in LANGUAGES)) for line, words in _comment_pairs(code)]
    return found


def words_only_in_english(code: str) -> list[int]:
    """Lines of `code` with a comment of several English words and no Korean twin."""
    paired = {line for line, _ in _comment_lines(code)}
    lines = []
    for comment in _comments(code):
        if (
            comment.start[0] not in paired
            and not _TRAILING.match(comment.string)
            and re.search(r"[A-Za-z]{3,} +[A-Za-z]{2,}", comment.string)
        ):
            lines.append(comment.start[0])
    return lines


def _parse(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise CodeError(
            error.lineno or 1, f"this is not plain Python ({error.msg}): correct it; magics and shell commands have no place here"
        ) from error


def _calls(tree: ast.Module) -> list[ast.Call]:
    """The T(...) calls of a tree, checked."""
    inside = {id(node) for string in ast.walk(tree) if isinstance(string, ast.JoinedStr) for node in ast.walk(string)}
    calls = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "T"):
            continue
        if id(node) in inside:
            raise CodeError(node.lineno, "take T(...) out of the f-string: write T(en=f'...', ko=f'...') around the whole text")
        given = [keyword.arg for keyword in node.keywords]
        if node.args or sorted(map(str, given)) != ["en", "ko"]:
            missing = [language for language in LANGUAGES if language not in given]
            raise CodeError(
                node.lineno, f"T takes en=... and ko=... and nothing else{'; missing: ' + ', '.join(missing) if missing else ''}"
            )
        values = {keyword.arg: keyword.value for keyword in node.keywords}
        for language in LANGUAGES:
            if not isinstance(values[language], _LITERALS):
                raise CodeError(
                    values[language].lineno, f"T(..., {language}=...) must be a plain string, an f-string, or a list, tuple or dict of them"
                )
        shown = [
            Counter(ast.unparse(value.value) for value in ast.walk(values[language]) if isinstance(value, ast.FormattedValue))
            for language in LANGUAGES
        ]
        if shown[0] != shown[1]:
            raise CodeError(node.lineno, "the English and the Korean of this T(...) fill in different values: fill in the same in both")
        calls.append(node)
    return calls


def _constants(node: ast.expr):
    """The texts of a literal: a string, an f-string, or the strings in a list, tuple or dict."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    else:
        for child in node.values if isinstance(node, ast.Dict) else node.elts:
            yield from _constants(child)


def _edits(code: str) -> list[tuple[int, int, dict[str, str]]]:
    """What is to be replaced: (start, end, {language: text}) in characters, in order, without overlaps."""
    tree, offset = _parse(code), _Offsets(code)
    edits = []
    for call in _calls(tree):
        start, end = offset.of(call.lineno, call.col_offset), offset.of(call.end_lineno, call.end_col_offset)
        column = start - (code.rfind("\n", 0, start) + 1)
        words = {}
        for keyword in call.keywords:
            value = keyword.value
            segment = code[offset.of(value.lineno, value.col_offset) : offset.of(value.end_lineno, value.end_col_offset)]
            words[keyword.arg] = _one_literal(segment, column) if isinstance(value, (ast.Constant, ast.JoinedStr)) else segment
        edits.append((start, end, words))
    strings = {id(node) for string in ast.walk(tree) if isinstance(string, ast.JoinedStr) for node in ast.walk(string)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "LANGUAGE":
            if id(node) in strings:
                raise CodeError(node.lineno, "take LANGUAGE out of the f-string: give it a name on a line of its own first")
            edits.append(
                (offset.of(node.lineno, node.col_offset), offset.of(node.end_lineno, node.end_col_offset), {"en": '"en"', "ko": '"ko"'})
            )
    texts_end = [(start, end) for start, end, _ in edits]
    for comment in _comments(code):
        at = offset.characters(*comment.start)
        if any(start <= at < end for start, end in texts_end):
            raise CodeError(comment.start[0], "put this comment above the T(...) it stands in")
        both = _TRAILING.match(comment.string)
        if both:
            edits.append((at, at + len(comment.string), {language: f"# {both[language]}" for language in LANGUAGES}))
    for line, language in _comment_lines(code):
        start = offset.characters(line, 0)
        text = code[start : (code.find("\n", start) + 1) or len(code)]
        kept = text.replace(f"# {language}: ", "# ", 1)
        edits.append((start, start + len(text), {other: kept if other == language else "" for other in LANGUAGES}))
    return sorted(edits, key=lambda edit: edit[:2])


def _edited(code: str, edits: list[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for start, end, text in edits:
        pieces += [code[at:start], text]
        at = end
    return "".join([*pieces, code[at:]]).rstrip("\n")


class _Offsets:
    """Turns Python's (line, column) into an index into the text. The syntax tree counts bytes, the tokenizer characters."""

    def __init__(self, code: str):
        self.lines = code.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def characters(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def of(self, line: int, column: int) -> int:
        return self.characters(line, len(self.lines[line - 1].encode()[:column].decode()))


def _tokens(code: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(code).readline))


def _comments(code: str) -> list[tokenize.TokenInfo]:
    return [found for found in _tokens(code) if found.type == token.COMMENT]


def _runs(code: str) -> list[list[tuple[int, str, str]]]:
    """Comments "# en: ..." and "# ko: ..." on lines of their own, as runs of neighbouring lines: (line, language, text)."""
    runs, last = [], None
    for comment in _comments(code):
        found = _COMMENT.match(comment.string)
        if not found or _TRAILING.match(comment.string) or comment.line[: comment.start[1]].strip():
            continue
        line = comment.start[0]
        previous = runs[-1][-1][1] if runs else None
        if last is None or line != last + 1 or (previous == "ko" and found[1] == "en"):
            runs.append([])
        runs[-1].append((line, found[1], found[2]))
        last = line
    return runs


def _comment_lines(code: str) -> list[tuple[int, str]]:
    """(line, language) of every comment that belongs to a pair. Raises CodeError where a comment has no twin."""
    lines = []
    for run in _runs(code):
        languages = [language for _, language, _ in run]
        if languages[0] != "en" or "ko" not in languages:
            raise CodeError(run[0][0], "a comment stands in both languages: '# en: ...' and '# ko: ...' on the next line")
        lines += [(line, language) for line, language, _ in run]
    return lines


def _comment_pairs(code: str) -> list[tuple[int, dict[str, str]]]:
    pairs = []
    for run in _runs(code):
        pairs.append((run[0][0], {wanted: " ".join(text for _, language, text in run if language == wanted) for wanted in LANGUAGES}))
    for comment in _comments(code):
        both = _TRAILING.match(comment.string)
        if both:
            pairs.append((comment.start[0], {language: both[language] for language in LANGUAGES}))
    return pairs


def _one_literal(segment: str, column: int) -> str:
    """A literal of one or more adjacent strings as one literal on one line; as several lines in brackets where that would be too long."""
    if "\n" not in segment or '"""' in segment or "'''" in segment:
        return segment
    parts = _parts(segment)
    opening = [re.match(r"([A-Za-z]*)(['\"])", part) for part in parts]
    if all(found[1] in ("", "f") and found[2] == opening[0][2] for found in opening):
        formatted = any(found[1] for found in opening)
        bodies = [part[len(found[0]) : -1] for part, found in zip(parts, opening, strict=True)]
        if formatted:
            bodies = [body if found[1] else body.replace("{", "{{").replace("}", "}}") for body, found in zip(bodies, opening, strict=True)]
        one = ("f" if formatted else "") + opening[0][2] + "".join(bodies) + opening[0][2]
    else:
        one = " ".join(parts)
    if column + len(one) <= _WIDEST:
        return one
    return "(" + ("\n" + " " * (column + 1)).join(parts) + ")"


def _parts(segment: str) -> list[str]:
    """The adjacent string literals in a piece of code. From Python 3.12 on an f-string is many tokens, before it is one."""
    wrapped = f"({segment})"
    offset = _Offsets(wrapped)
    opens, closes = getattr(token, "FSTRING_START", None), getattr(token, "FSTRING_END", None)
    parts, depth, begin = [], 0, None
    for found in _tokens(wrapped):
        if opens is not None and found.type == opens:
            if depth == 0:
                begin = found.start
            depth += 1
        elif closes is not None and found.type == closes:
            depth -= 1
            if depth == 0:
                parts.append(wrapped[offset.characters(*begin) : offset.characters(*found.end)])
        elif found.type == token.STRING and depth == 0:
            parts.append(found.string)
    return parts
