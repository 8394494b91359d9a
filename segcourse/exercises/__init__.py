"""The exercises of the course: `exercises.fcn.stamp_and_add.question()`, and the lecture notes' claims. One module per chapter, loaded when
used.
"""

import difflib
import importlib

from segcourse.language import say

CHAPTERS = ("pixels", "fcn", "deeplab", "deconvnet")     # in the order of the course

__all__ = [*CHAPTERS, "all", "claims", "get", "progress"]


def _nearest(name: str, known: list[str]) -> str:
    return (difflib.get_close_matches(name, known, n=1, cutoff=0.3) or known)[0]


def _exercises(chapter: str) -> list:
    from segcourse.exercises.engine import Exercise

    return [value for value in vars(importlib.import_module(f"segcourse.exercises.{chapter}")).values() if isinstance(value, Exercise)]


def all(chapter: str | None = None) -> list:
    """The exercises of `chapter` ("fcn") in their order; without a chapter those of the whole course. Raises KeyError for an unknown
    chapter.
    """
    if chapter is not None and chapter not in CHAPTERS:
        number = int(chapter) if str(chapter).isdigit() else -1
        near = CHAPTERS[number] if 0 <= number < len(CHAPTERS) else _nearest(str(chapter), list(CHAPTERS))
        raise KeyError(say(en=f"no chapter of exercises is called {chapter!r}; did you mean {near!r}?",
                           ko=f"{chapter!r}라는 장은 없어요. 혹시 {near!r}인가요? 이름을 확인해 주세요."))
    return [exercise for name in CHAPTERS if chapter in (None, name) for exercise in _exercises(name)]


def get(name: str):
    """The exercise called "fcn.stamp_and_add". Raises KeyError for an unknown name, with the nearest one."""
    known = {exercise.name: exercise for exercise in all()}
    if name not in known:
        near = _nearest(str(name), list(known))
        raise KeyError(say(en=f"no exercise is called {name!r}; did you mean {near!r}?",
                           ko=f"{name!r}라는 연습 문제는 없어요. 혹시 {near!r}인가요? 이름을 확인해 주세요."))
    return known[name]


def __getattr__(name):
    if name in CHAPTERS or name == "claims":
        return importlib.import_module(f"segcourse.exercises.{name}")
    if name == "progress":
        return importlib.import_module("segcourse.exercises.store").progress
    raise AttributeError(f"module 'segcourse.exercises' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__():
    return sorted([*globals(), *__all__])
