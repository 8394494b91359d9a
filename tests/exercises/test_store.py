"""Progress: kept over restarts, by several notebooks at once, beside damaged files, and where nothing can be written."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import segcourse
from segcourse import exercises, language
from segcourse.exercises import store

NAME = "fcn.fc6_as_conv"


@pytest.fixture(autouse=True)
def restarted():
    """A kernel that has just started; call it again for the next one."""
    store._store.cache_clear()
    return store._store.cache_clear


def row(table=None):
    """Minutes, state, hints used and solution of NAME in `progress()`."""
    return next(line for line in (table or segcourse.progress()).rows if line[0] == NAME)[2:]


def wrong(linear, channels, kernel_size):
    return linear.weight.view(-1, channels, *kernel_size), None


def test_a_readers_way_through_an_exercise(home, restarted, capsys):
    exercise = exercises.get(NAME)
    assert row() == ["10", "not yet", "–", "–"] and not home.exists()
    exercise.check(lambda *inputs: None)
    assert row() == ["10", "not yet", "–", "–"]
    exercise.check(wrong)
    assert row()[1] == "tried once"
    exercise.check(lambda *inputs: 1 / 0)
    exercise.hint(), exercise.hint()
    assert row() == ["10", "tried 2 times", "2", "–"]
    restarted()
    exercise._given, exercise._mistake = [], None
    exercise.hint()
    assert row() == ["10", "tried 2 times", "2", "–"], "a hint seen before counts once"
    exercise.solution()
    exercise.check(exercise.answer)
    exercise.check(wrong)
    restarted()
    assert row() == ["10", "solved", "2", "seen"]
    assert sorted(path.name for path in home.iterdir()) == ["progress.json"]
    with language.reading("ko"):
        assert row() == ["10", "맞았어요", "2", "봤어요"]


def test_the_table_shows_as_html_and_text():
    table = segcourse.progress("fcn")
    assert len(table.rows) == len(exercises.all("fcn"))
    assert "<table" in table._repr_html_() and NAME in repr(table)
    with pytest.raises(KeyError, match="did you mean 'fcn'"):
        segcourse.progress("fnc")


def test_what_is_done_is_never_undone():
    before = {"solved": True, "tries": 2, "hints": ["1"], "of a later course": 5}
    assert store.merged(before, {"tries": 1, "hints": ["1", "bias"], "solved": False}) == {
        "solved": True, "tries": 3, "hints": ["1", "bias"], "solution_seen": False, "of a later course": 5}


WRITER = """
import sys
from segcourse.exercises import store
for number in range(int(sys.argv[2])):
    store.current().add("fcn.both", tries=1)
    store.current().add(f"fcn.{sys.argv[1]}", hints=[str(number)])
"""


def writer(home, name, times):
    environment = {**os.environ, "SEGCOURSE_HOME": str(home), "PYTHONPATH": str(Path(segcourse.__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-c", WRITER, name, str(times)], env=environment, stdout=subprocess.PIPE, text=True,
                            encoding="utf-8")


def test_two_notebooks_at_once_lose_nothing(home):
    both = [writer(home, name, 60) for name in ("one", "two")]
    for process in both:
        assert process.communicate(timeout=120)[0] == "" and process.returncode == 0
    records = store.Store(home / "progress.json").read()
    assert records["fcn.both"]["tries"] == 120
    assert len(records["fcn.one"]["hints"]) == len(records["fcn.two"]["hints"]) == 60
    assert [path.name for path in home.iterdir()] == ["progress.json"]


def test_a_notebook_that_is_killed_while_it_writes_leaves_a_whole_file(home):
    process = writer(home, "one", 100_000)
    path = home / "progress.json"
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    process.kill()
    process.communicate()
    before = json.loads(path.read_text(encoding="utf-8"))["exercises"]["fcn.both"]["tries"]
    kept = store.Store(path)
    kept.add("fcn.both", tries=1)
    assert before > 0 and kept.read()["fcn.both"]["tries"] == before + 1 and not kept._unsaved


def test_a_lock_that_was_left_behind_goes_stale(home, monkeypatch, capsys):
    monkeypatch.setattr(store, "STALE", 0.2)
    home.mkdir()
    (home / "progress.json.lock").write_text("", encoding="utf-8")
    kept = store.Store(home / "progress.json")
    kept.add(NAME, tries=1)
    assert kept.read()[NAME]["tries"] == 1 and [path.name for path in home.iterdir()] == ["progress.json"] and not capsys.readouterr().out


def test_a_lock_in_use_is_waited_for_and_what_could_not_be_saved_is_kept(home, monkeypatch, capsys):
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    home.mkdir()
    lock = home / "progress.json.lock"
    lock.write_text("another notebook", encoding="utf-8")
    kept = store.Store(home / "progress.json")
    kept.add(NAME, tries=1)
    assert lock.read_text(encoding="utf-8") == "another notebook" and not (home / "progress.json").exists()
    assert kept.read()[NAME]["tries"] == 1
    lock.unlink()
    kept.add(NAME, tries=1)
    assert store.Store(home / "progress.json").read()[NAME]["tries"] == 2
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_whoever_lost_the_lock_does_not_overwrite(home, monkeypatch):
    kept = store.Store(home / "progress.json")
    taken = []
    write = store._write

    def slow(path, text, still):
        if not taken:       # while this one sleeps, another takes the lock for stale, and saves
            taken.append(True)
            path.with_name("progress.json.lock").unlink()
            store.Store(path).add("fcn.other", tries=1)
        return write(path, text, still)

    monkeypatch.setattr(store, "_write", slow)
    kept.add(NAME, tries=1)
    assert {name: record["tries"] for name, record in store.Store(home / "progress.json").read().items()} == {"fcn.other": 1, NAME: 1}


DAMAGED = [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b"{}", b'{"exercises": []}', b'{"exercises": {"fcn.x": 3}}',
           b'{"exercises": {"fcn.x": {"tries": "2"}}}',
           b'{"exercises": {"fcn.x": {"hints": [1]}}}', b"[" * 100_000]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_kept_aside(home, content, capsys):
    home.mkdir()
    (home / "progress.json").write_bytes(content)
    store.current().add(NAME, tries=1)
    assert capsys.readouterr().out == "progress.json was damaged: it is kept as progress.json.damaged, and a new one begins.\n"
    assert (home / "progress.json.damaged").read_bytes() == content
    assert row()[1] == "tried once" and not capsys.readouterr().out


def test_a_file_cut_in_half_loses_only_what_was_cut(home, restarted, capsys):
    names = [f"fcn.exercise_{number}" for number in range(10)]
    for name in names:
        store.current().add(name, tries=3, solved=True, hints=["bias"])
    path = home / "progress.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    restarted()
    found = store.current().read()
    said = capsys.readouterr().out
    assert 3 <= len(found) <= 5 and set(found) == set(names[: len(found)])
    assert all(record == {"tries": 3, "solved": True, "hints": ["bias"], "solution_seen": False} for record in found.values())
    assert said.startswith(f"progress.json was damaged: {len(found)} exercises could be read") and said.count("\n") == 1
    assert (home / "progress.json.damaged").read_bytes() == whole[: len(whole) // 2]
    restarted()
    store.current().add(names[0], tries=1)
    assert store.current().read() == {**found, names[0]: {**found[names[0]], "tries": 4}} and not capsys.readouterr().out


def test_a_second_damaged_file_is_kept_beside_the_first(home, capsys):
    home.mkdir()
    for content in ("{", "["):
        (home / "progress.json").write_text(content, encoding="utf-8")
        store.current().add(NAME, tries=1)
    assert (home / "progress.json.damaged").read_text(encoding="utf-8") == "{"
    assert (home / "progress.json.damaged2").read_text(encoding="utf-8") == "[" and "progress.json.damaged2" in capsys.readouterr().out


def test_a_damaged_file_in_a_folder_that_is_read_only_shows_what_stands_in_it(home, monkeypatch, restarted, capsys):
    store.current().add(NAME, tries=2)
    path = home / "progress.json"
    path.write_bytes(path.read_bytes().rstrip()[:-1])
    restarted()

    def refuse(*args, **options):
        raise PermissionError("read-only")

    monkeypatch.setattr(store.os, "open", refuse)
    assert store.current().read()[NAME]["tries"] == 2 and "SEGCOURSE_HOME" in capsys.readouterr().out


def test_reading_alone_keeps_a_damaged_file_aside_too(home, capsys):
    home.mkdir()
    (home / "progress.json").write_text("{", encoding="utf-8")
    with language.reading("ko"):
        assert row()[1] == "아직"
    assert "progress.json.damaged" in capsys.readouterr().out and (home / "progress.json.damaged").exists()


def test_a_byte_order_mark_and_a_later_courses_file_are_no_damage(home, capsys):
    home.mkdir()
    later = {"version": 9, "reader": "Kim", "exercises": {NAME: {"tries": 2, "stars": 3}, "hrnet.x": {"solved": True}}}
    (home / "progress.json").write_text("\ufeff" + json.dumps(later), encoding="utf-8")
    store.current().add(NAME, solved=True)
    content = json.loads((home / "progress.json").read_text(encoding="utf-8"))
    assert content["reader"] == "Kim" and content["version"] == 9 and content["exercises"]["hrnet.x"]["solved"]
    assert content["exercises"][NAME]["stars"] == 3 and content["exercises"][NAME]["tries"] == 2
    assert row()[1] == "solved" and not capsys.readouterr().out


def test_where_nothing_can_be_made_progress_lasts_as_long_as_the_notebook(tmp_path, monkeypatch, capsys):
    (tmp_path / "a file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("SEGCOURSE_HOME", str(tmp_path / "a file" / "home"))
    exercise = exercises.get(NAME)
    exercise.check(wrong), exercise.check(wrong)
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1 and "SEGCOURSE_HOME" in said
    assert row()[1] == "tried 2 times" and not capsys.readouterr().out


def test_a_folder_that_is_read_only_shows_what_is_there(home, monkeypatch, capsys):
    store.current().add(NAME, tries=1)

    def refuse(*args, **options):
        raise PermissionError("read-only")

    monkeypatch.setattr(store.os, "open", refuse)
    store.current().add(NAME, tries=1)
    store.current().add(NAME, hints=["bias"])
    assert row()[1:3] == ["tried 2 times", "1"] and len(capsys.readouterr().out.splitlines()) == 1


def test_nobodys_home(monkeypatch, capsys):
    monkeypatch.delenv("SEGCOURSE_HOME")

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(store.Path, "home", nobody)
    store.current().add(NAME, tries=1)
    store.current().add(NAME, tries=1)
    assert row()[1] == "tried 2 times" and len(capsys.readouterr().out.splitlines()) == 1


def test_the_home_of_the_reader(tmp_path, monkeypatch):
    monkeypatch.delenv("SEGCOURSE_HOME")
    monkeypatch.setattr(store.Path, "home", lambda: tmp_path)
    store.current().add(NAME, tries=1)
    assert (tmp_path / ".segcourse" / "progress.json").is_file()


def test_a_build_neither_reads_nor_writes(home, monkeypatch, capsys):
    store.current().add(NAME, tries=1)
    before = (home / "progress.json").read_bytes()
    monkeypatch.setenv("SEGCOURSE_BUILD", "1")
    assert row()[1] == "not yet"
    exercises.get(NAME).check(wrong)
    assert row()[1] == "not yet" and (home / "progress.json").read_bytes() == before and not capsys.readouterr().out
