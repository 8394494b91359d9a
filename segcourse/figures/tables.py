"""Tables of numbers in a notebook: `table(rows, headers)` shows as html, as markdown or as plain text, whichever the place can show."""

import html
import unicodedata
from collections.abc import Sequence

from segcourse.figures.base import number
from segcourse.language import say

_STYLE = "text-align: {}; padding: 4px 12px; white-space: {};"


class Table:
    """Rows of cells under headers. Columns that hold numbers are right-aligned; the first column names its row.

    headers: one text a column; rows: one list a row, numbers or texts; caption: what to see, above the table. Raises ValueError for a row of another
    length or no header.
    """

    def __init__(self, rows: Sequence[Sequence], headers: Sequence[str], *, caption: str | None = None):
        self.headers = [str(header) for header in headers]
        self.rows = [[_text(cell) for cell in row] for row in rows]
        self.caption = caption or ""
        if not self.headers:
            raise ValueError(say(en="a table needs at least one header: name its columns", ko="표에 머리글이 없어요. 열 이름을 넣어 주세요."))
        for k, row in enumerate(self.rows):
            if len(row) != len(self.headers):
                raise ValueError(say(en=f"row {k + 1} has {len(row)} cells and the table {len(self.headers)} columns: make them agree",
                                     ko=f"{k + 1}번째 행의 칸은 {len(row)}개인데 열은 {len(self.headers)}개예요. 수를 맞춰 주세요."))
        self.numeric = [column > 0 and any(row[column].strip("–") for row in self.rows) and all(_is_number(row[column]) for row in self.rows)
                        for column in range(len(self.headers))]

    def _repr_html_(self) -> str:
        def side(column):
            return "right" if self.numeric[column] else "left"

        def cell(tag, column, text, scope=""):
            style = _STYLE.format(side(column), "nowrap" if self.numeric[column] else "normal")
            return f'<{tag}{scope} style="{style}">{html.escape(text)}</{tag}>'

        head = "".join(cell("th", column, text, ' scope="col"') for column, text in enumerate(self.headers))
        body = "\n".join("<tr>" + cell("th", 0, row[0], ' scope="row"') + "".join(cell("td", column, text) for column, text in enumerate(row) if column) + "</tr>"
                         for row in self.rows)
        caption = f'<caption style="text-align: left; caption-side: top; padding: 4px 0;">{html.escape(self.caption)}</caption>\n' if self.caption else ""
        return f'<table style="font-variant-numeric: tabular-nums;">\n{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def _repr_markdown_(self) -> str:
        def line(cells):
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        rule = "|" + "|".join("---:" if numeric else ":---" for numeric in self.numeric) + "|"
        lines = [line(self.headers), rule, *(line(row) for row in self.rows)]
        return "\n".join([*([f"{self.caption}\n"] if self.caption else []), *lines])

    def __repr__(self) -> str:
        columns = list(zip(self.headers, *self.rows))
        widths = [max(_width(text) for text in column) for column in columns]

        def line(cells):
            parts = [" " * (w - _width(text)) + text if numeric else text + " " * (w - _width(text)) for text, w, numeric in zip(cells, widths, self.numeric)]
            return "  ".join(parts).rstrip()

        lines = [line(self.headers), "  ".join("─" * w for w in widths), *(line(row) for row in self.rows)]
        return "\n".join([*([self.caption] if self.caption else []), *lines])

    def _repr_mimebundle_(self, include=None, exclude=None, **_):
        return {"text/html": self._repr_html_(), "text/markdown": self._repr_markdown_(), "text/plain": repr(self)}


def _text(cell) -> str:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return "–"
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return str(cell)
    return f"{cell:,}" if isinstance(cell, int) else number(cell)


def _is_number(text: str) -> bool:
    """Whether a cell reads as a number: 12, −0.5, 1,234, 56.1 ± 0.4, 93 %, 7x7 or 3.2 s are; FCN-8s is not."""
    bare = text.replace("±", "").replace(",", "").replace("%", "").replace("−", "-").replace("–", "").replace("×", "").replace("x", "").split()
    units = {"s", "ms", "M", "k", "K", "px", "MB", "GB", "초", "개"}
    numbers = [part for part in bare if part not in units]
    try:
        return all(float(part.lstrip("+")) == float(part.lstrip("+")) for part in numbers) and not (bare and not numbers)
    except ValueError:
        return False


def _width(text: str) -> int:
    """Columns in a terminal: Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def table(rows: Sequence[Sequence], headers: Sequence[str], *, caption: str | None = None) -> Table:
    """A `Table` of `rows` under `headers`."""
    return Table(rows, headers, caption=caption)
