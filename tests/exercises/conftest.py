"""Every test has a home of its own, English, and exercises that nobody has touched."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import exercises, language, ops, training


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The folder that stands in for ~/.segcourse."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SEGCOURSE_HOME", str(folder))
    monkeypatch.delenv("SEGCOURSE_BUILD", raising=False)
    monkeypatch.setitem(language._process, "language", "en")
    for exercise in exercises.all():
        exercise._mistake, exercise._given = None, []
    return folder


@pytest.fixture
def run():
    """run(text, "fcn.stamp_and_add"): the function of that name that `text` defines where the chapters' names are known."""
    def defined(text, name):
        names = {"torch": torch, "nn": nn, "F": F, "ops": ops, "training": training}
        exec(text, names)
        return names[name.partition(".")[2]]
    return defined


@pytest.fixture
def solution_code():
    """solution_code(exercise): the code that `exercise.solution()` shows."""
    return lambda exercise: re.search(r"```python\n(.*?)```", exercise.solution_text(), re.S)[1]


@pytest.fixture
def judge():
    """judge("fcn.stamp_and_add", function, status, kind): the exercise says this of the function, and its next hint is that of the kind of mistake."""
    def judged(name, function, status, kind):
        exercise = exercises.get(name)
        verdict = exercise.check(function)
        assert (verdict.status, verdict.mistake) == (status, kind), repr(verdict)
        if kind:
            assert exercise.next_hint() == exercise.mistakes[kind]
    return judged
