"""Text in two columns, where a Korean letter is two wide."""

import unicodedata

HEAD = 22


def width(text: str) -> int:
    """How many cells of a terminal `text` takes."""
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def line(head: str, text: object) -> str:
    """`head` in its column, and `text`."""
    return head + " " * max(HEAD - width(head), 1) + str(text)
