"""Chapters that come out of a wheel: whole or not at all, and nothing a reader has changed is ever lost."""

import errno
import json
import os
import sys
from importlib import resources

import pytest

import segcourse.datasets.root as root
from segcourse import cli
from segcourse.commands import chapters
from segcourse.language import reading

NAME = "en/01_fcn.ipynb"


@pytest.fixture
def wheel(tmp_path):
    """`wheel(version)` is a folder of chapters as that version of a wheel holds them."""
    def make(version, names=(NAME, "ko/01_fcn.ipynb", "LICENSE")):
        shipped = tmp_path / f"package {version}" / "notebooks"
        for name in names:
            (shipped / name).parent.mkdir(parents=True, exist_ok=True)
            (shipped / name).write_text(f"{name}, version {version}", encoding="utf-8")
        return shipped
    return make


@pytest.fixture
def desk(tmp_path):
    """The reader's folder, not there yet."""
    return tmp_path / "한글 폴더" / chapters.FOLDER


def text(folder, name=NAME):
    return (folder / name).read_text(encoding="utf-8")


def listing(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {chapters.RECORD}


def test_the_first_time_everything_is_copied_the_second_time_nothing(wheel, desk):
    done = chapters.copy(wheel(1), desk)
    assert listing(desk) == {NAME, "ko/01_fcn.ipynb", "LICENSE"} and len(done.new) == 3
    assert text(desk) == f"{NAME}, version 1"
    before = {path: path.stat().st_mtime_ns for path in desk.rglob("*")}
    again = chapters.copy(wheel(1), desk)
    assert len(again.kept) == 3 and not (again.new or again.updated or again.beside)
    assert {path: path.stat().st_mtime_ns for path in desk.rglob("*")} == before


def test_answers_stay_and_the_same_version_puts_nothing_beside_them(wheel, desk):
    chapters.copy(wheel(1), desk)
    (desk / NAME).write_text("my answers", encoding="utf-8")
    done = chapters.copy(wheel(1), desk)
    assert text(desk) == "my answers" and not done.beside and len(listing(desk)) == 3


def test_a_newer_chapter_takes_the_place_of_one_nobody_touched(wheel, desk):
    chapters.copy(wheel(1), desk)
    done = chapters.copy(wheel(2), desk)
    assert text(desk) == f"{NAME}, version 2" and len(done.updated) == 3 and len(listing(desk)) == 3


def test_a_newer_chapter_stands_beside_one_the_reader_changed(wheel, desk):
    chapters.copy(wheel(1), desk)
    (desk / NAME).write_text("my answers", encoding="utf-8")
    done = chapters.copy(wheel(2), desk)
    assert done.beside == [(desk / NAME, desk / "en/01_fcn-new.ipynb")]
    assert text(desk) == "my answers" and text(desk, "en/01_fcn-new.ipynb") == f"{NAME}, version 2"
    (desk / "en/01_fcn-new.ipynb").unlink()                     # thrown away: it does not come back
    assert not chapters.copy(wheel(2), desk).beside and not (desk / "en/01_fcn-new.ipynb").exists()


def test_the_next_newer_one_replaces_an_untouched_one_beside_and_spares_a_changed_one(wheel, desk):
    chapters.copy(wheel(1), desk)
    (desk / NAME).write_text("my answers", encoding="utf-8")
    chapters.copy(wheel(2), desk)
    chapters.copy(wheel(3), desk)
    assert text(desk, "en/01_fcn-new.ipynb") == f"{NAME}, version 3"
    (desk / "en/01_fcn-new.ipynb").write_text("answers here, too", encoding="utf-8")
    done = chapters.copy(wheel(4), desk)
    assert done.beside == [(desk / NAME, desk / "en/01_fcn-new-2.ipynb")]
    assert [text(desk, name) for name in (NAME, "en/01_fcn-new.ipynb", "en/01_fcn-new-2.ipynb")] == [
        "my answers", "answers here, too", f"{NAME}, version 4"]


@pytest.mark.parametrize("record", [None, "", "{", "[]", '{"files": 3}', '{"files": {"en/01_fcn.ipynb": 3}}', "\udcff"])
def test_without_its_record_every_file_counts_as_the_readers(wheel, desk, record):
    chapters.copy(wheel(1), desk)
    if record is None:
        (desk / chapters.RECORD).unlink()
    else:
        (desk / chapters.RECORD).write_bytes(record.encode("utf-8", "surrogateescape"))
    done = chapters.copy(wheel(2), desk)
    assert text(desk) == f"{NAME}, version 1" and len(done.beside) == 3 and not done.updated
    assert set(json.loads((desk / chapters.RECORD).read_text(encoding="utf-8"))["files"]) == listing(desk)
    assert not chapters.copy(wheel(2), desk).beside


def test_a_chapter_the_reader_deleted_comes_back_and_own_files_stay(wheel, desk):
    chapters.copy(wheel(1), desk)
    (desk / NAME).unlink()
    (desk / "my notes.ipynb").write_text("notes", encoding="utf-8")
    chapters.copy(wheel(1), desk)
    assert text(desk) == f"{NAME}, version 1" and text(desk, "my notes.ipynb") == "notes"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_link_is_the_readers(wheel, desk, tmp_path):
    chapters.copy(wheel(1), desk)
    elsewhere = tmp_path / "elsewhere.ipynb"
    elsewhere.write_text(text(desk), encoding="utf-8")
    (desk / NAME).unlink()
    (desk / NAME).symlink_to(elsewhere)
    chapters.copy(wheel(2), desk)
    assert (desk / NAME).is_symlink() and elsewhere.read_text(encoding="utf-8") == f"{NAME}, version 1"


@pytest.mark.parametrize("version", [1, 2])
def test_a_disk_that_fills_up_leaves_no_half_and_the_next_try_ends_it(wheel, desk, monkeypatch, version):
    """While the second file is written, as a new one (version 1) or over an untouched copy (version 2)."""
    if version == 2:
        chapters.copy(wheel(1), desk)
    true, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) == 3:                 # after the first file and the record of it
            raise OSError(errno.ENOSPC, "No space left on device")
        true(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="the disk is full.*Make room"):
        chapters.copy(wheel(version), desk)
    monkeypatch.setattr(os, "fsync", true)
    whole = {f"{name}, version {number}" for name in (NAME, "ko/01_fcn.ipynb", "LICENSE") for number in (1, 2)}
    assert {text(desk, name) for name in listing(desk)} <= whole
    chapters.copy(wheel(version), desk)
    assert {text(desk, name) for name in listing(desk)} == {f"{name}, version {version}" for name in (NAME, "ko/01_fcn.ipynb", "LICENSE")}


@pytest.fixture
def installed(tmp_path, monkeypatch, wheel):
    """The package as if it came from a wheel of version 1; the working folder is empty."""
    wheel(1)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(root, "checkout", lambda: None)
    monkeypatch.setattr(resources, "files", lambda name: tmp_path / "package 1")
    return tmp_path / "work"


def test_what_was_done_is_said(installed, capsys, wheel, tmp_path, monkeypatch):
    assert chapters.folder() == installed / chapters.FOLDER
    assert "3 copied, 0 left as they are" in capsys.readouterr().out
    (installed / chapters.FOLDER / NAME).write_text("my answers", encoding="utf-8")
    wheel(2)
    monkeypatch.setattr(resources, "files", lambda name: tmp_path / "package 2")
    chapters.folder()
    said = capsys.readouterr().out
    assert "0 copied, 2 that you had not changed brought up to date, 1 left as they are" in said
    assert "en/01_fcn.ipynb is newer in this version: yours stays, the newer one is 01_fcn-new.ipynb" in said


def test_started_inside_the_copied_folder_it_is_used_again(installed, monkeypatch):
    chapters.folder()
    monkeypatch.chdir(installed / chapters.FOLDER)
    assert chapters.folder() == installed / chapters.FOLDER
    assert not (installed / chapters.FOLDER / chapters.FOLDER).exists()


def test_a_checkout_is_opened_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(root, "checkout", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    assert chapters.folder() == tmp_path / "notebooks" and not list(tmp_path.iterdir())


@pytest.mark.parametrize("language, words", [("en", "cannot be copied.*nothing else is called segcourse-notebooks"), ("ko", "실행해 주세요")])
def test_a_place_that_is_taken_is_one_line(installed, capsys, language, words):
    import re

    (installed / chapters.FOLDER).write_text("a file", encoding="utf-8")
    with reading(language):
        assert cli.run(["lab", "--no-browser"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and re.search(words, lines[0]), lines
    assert (installed / chapters.FOLDER).read_text(encoding="utf-8") == "a file"


def test_a_folder_that_is_read_only_is_one_line(installed, capsys, monkeypatch):
    def refuse(number):
        raise PermissionError(errno.EACCES, "Permission denied")        # root, who runs these tests in CI, may write everywhere

    monkeypatch.setattr(os, "fsync", refuse)
    assert cli.run(["lab", "--no-browser"]) == 2
    assert "cannot be copied" in capsys.readouterr().err
    assert listing(installed) == set()


def test_an_installation_without_chapters_says_so(installed, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "files", lambda name: tmp_path / "package 9")
    with pytest.raises(FileNotFoundError, match="install segcourse again"):
        chapters.folder()
    assert not list(installed.iterdir())
