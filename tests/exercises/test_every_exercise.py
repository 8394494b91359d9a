"""What holds for the exercises of every chapter: solutions pass, stubs are no attempts, both languages say the same."""

import re

import pytest

from segcourse import exercises, language
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


@pytest.mark.parametrize("name", [exercise.name for exercise in exercises.all() if not exercise.open])
@pytest.mark.parametrize("spoken", language.LANGUAGES)
def test_the_solution_as_shown_passes_and_the_stub_is_no_attempt(name, spoken, run, solution_code):
    exercise = exercises.get(name)
    with language.reading(spoken):
        assert exercise.check(run(solution_code(exercise), name)).status == "correct"
        assert exercise.check(run(exercise.stub(spoken), name)).status == "not attempted"
        assert exercise.check(exercise.answer).status == "correct"
