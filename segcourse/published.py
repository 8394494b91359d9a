"""The numbers that papers and releases published, each with its source: `published.toml`, read.

    >>> from segcourse import published
    >>> published.get("fcn.fcn8s.miou").value
    62.7
"""

import difflib
import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

from segcourse.language import say


@dataclass(frozen=True)
class Number:
    """One published number: its value, how the source prints it, the data it belongs to, where it was read."""

    key: str
    value: float
    printed: str
    source: str
    data: str = ""
    note: str = ""

    def __str__(self) -> str:
        return self.printed


@functools.cache
def _numbers() -> dict[str, Number]:
    tree = tomllib.loads(resources.files("segcourse").joinpath("published.toml").read_text(encoding="utf-8"))
    found = {}

    def walk(branch, path):
        if "value" in branch:
            key = ".".join(path)
            found[key] = Number(key=key, **branch)
        else:
            for name, child in branch.items():
                walk(child, [*path, name])

    walk(tree, [])
    return found


def keys() -> list[str]:
    """All keys, in the order of the file."""
    return list(_numbers())


def get(key: str) -> Number:
    """The published number called `key`, such as "fcn.fcn8s.miou". Raises KeyError naming the nearest keys."""
    numbers = _numbers()
    if key not in numbers:
        near = ", ".join(difflib.get_close_matches(key, numbers, n=3, cutoff=0.4)) or ", ".join(numbers)
        raise KeyError(say(en=f"no published number is called {key!r}; the nearest are {near}",
                           ko=f"{key!r}라는 공표 수치는 없어요. 가까운 이름은 {near}예요. 그중에서 골라 주세요."))
    return numbers[key]
