"""Every test has a home of its own, English, and exercises that nobody has touched."""

import pytest

from segcourse import exercises, language


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
