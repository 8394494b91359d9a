"""A table that a notebook, GitHub and a console can all show."""

import html
import re

_NUMBER = re.compile(r"[-\u2212]?[\d.,]+( ?%|M| ± [\d.,]+)?")


class Table:
    """Rows of cells under a header, numbers to the right. Shown as HTML, Markdown or text."""

    def __init__(self, rows, headers, caption: str = ""):
        self.headers = [str(cell) for cell in headers]
        self.rows = [[str(cell) for cell in row] for row in rows]
        self.caption = caption
        for row in self.rows:
            if len(row) != len(self.headers):
                raise ValueError(f"a row has {len(row)} cells, the header {len(self.headers)}: {row}")
        self._right = [all(_NUMBER.fullmatch(row[column]) or not row[column] for row in self.rows) for column in range(len(self.headers))]

    def _repr_html_(self) -> str:
        def cells(row, tag):
            return "".join(f'<{tag}{" scope=col" if tag == "th" else ""} style="text-align:{"right" if right else "left"}">{html.escape(cell)}</{tag}>'
                           for cell, right in zip(row, self._right, strict=True))

        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        return f"<table>{caption}<thead><tr>{cells(self.headers, 'th')}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        def wide(text):
            return sum(2 if "\u1100" <= c <= "\ud7a3" else 1 for c in text)

        every = [self.headers, *self.rows]
        widths = [max(wide(row[column]) for row in every) for column in range(len(self.headers))]
        lines = ["  ".join(" " * (width - wide(cell)) + cell if right else cell + " " * (width - wide(cell))
                           for cell, width, right in zip(row, widths, self._right, strict=True)).rstrip() for row in every]
        return "\n".join([*([self.caption] if self.caption else []), *lines])


def table(rows, headers, *, caption: str = "") -> Table:
    """A table of `rows` (lists of cells) under `headers`. Raises ValueError where a row is longer or shorter than the header."""
    return Table(rows, headers, caption)
