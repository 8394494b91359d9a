"""What holds for the exercises of every chapter: both languages say the same."""

import re

import pytest

from segcourse import exercises
from segcourse.authoring import korean


def texts(exercise):
    yield from (exercise._title, exercise._task, *exercise._hints)
    if exercise._checker:
        yield exercise._checker.against
        yield from (mistake.hint for mistake in exercise._checker.mistakes.values())
    if exercise._discussion:
        yield exercise._discussion


@pytest.mark.parametrize("name", [exercise.name for exercise in exercises.all()])
def test_both_languages_say_the_same(name):
    """No translated Korean that a machine can hear, and the same code, formulas and numbers on both sides."""
    for text in texts(exercises.get(name)):
        assert not korean.faults(text.ko), text.ko
        for pattern in (r"`[^`]+`", r"\$[^$]+\$"):
            assert set(re.findall(pattern, text.en)) == set(re.findall(pattern, text.ko)), text.ko
        assert len(re.findall(r"^\* ", text.en, re.M)) == len(re.findall(r"^\* ", text.ko, re.M))
