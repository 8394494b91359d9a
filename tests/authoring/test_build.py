"""From source to notebook: what is put in, what is taken out, what is refused, and when a notebook is stale."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from segcourse.authoring import build, repository
from segcourse.authoring.source import SourceError

PICTURE = base64.b64encode(b"\x89PNG").decode()


# What a kernel sends while something goes on, and a figure with its text, as figures.Figure and a Lab show themselves.
LIVE = """# %%
from IPython.display import HTML, clear_output, display

handle = display(HTML("<p>0 %</p>"), display_id=True)
for step in (50, 100):
    handle.update(HTML(f"<p>{step} %</p>"))

# %%
for step in (1, 2):
    clear_output(wait=True)
    print(step)

# %%
class Shown:
    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"image/png": "iVBORw0KGgo=", "text/plain": "Shown()", "application/vnd.jupyter.widget-view+json": {"model_id": "1f"}}
        return data, {"image/png": {"alt": T(en="a stamp", ko="도장 하나")}}


Shown()
"""


def quiet(*_):
    pass


def built(course, language):
    return nbformat.read(course.root / "notebooks" / language / "90_stamps.ipynb", as_version=4)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_course):
    """The sample, built once in both languages."""
    course = make_course(tmp_path_factory.mktemp("finished") / "a course")
    course.append(LIVE)
    course.written = build.build_all(root=course.root, say=quiet)
    return course


def test_both_languages_are_written(finished):
    assert [path.relative_to(finished.root).as_posix() for path in finished.written] == [
        "notebooks/en/90_stamps.ipynb",
        "notebooks/ko/90_stamps.ipynb",
    ]
    assert sorted(path.name for path in (finished.root / "notebooks" / "en").iterdir()) == ["90_stamps.ipynb"]


@pytest.mark.parametrize(
    "language, said",
    [
        ("en", ["prints: [1, 1, 3, 2, 5, 3, 3]\n", "the middle is a sum, not a mean 7\n", "en\n"]),
        ("ko", ["자국: [1, 1, 3, 2, 5, 3, 3]\n", "가운데는 합이에요. 평균이 아니에요 7\n", "ko\n"]),
    ],
)
def test_cells_have_run_in_their_language(finished, language, said):
    # Three stamps of (1, 1, 1), two cells apart and weighted 1, 2, 3: 1 1 1+2 2 2+3 3 3.
    notebook = built(finished, language)
    printed = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "stream"]
    assert printed[:3] == said
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == list(range(1, 15))


def test_only_what_is_left_in_the_end_is_kept(finished):
    updated, cleared, shown = (cell.outputs for cell in built(finished, "ko").cells[-3:])
    assert [output.data["text/html"] for output in updated] == ["<p>100 %</p>"]
    assert [output.text for output in cleared] == ["2\n"]
    assert [(output.data, output.metadata) for output in shown] == [
        ({"image/png": "iVBORw0KGgo=", "text/plain": "도장 하나"}, {"image/png": {"alt": "도장 하나"}})
    ]


def test_code_without_text_is_the_same_in_both(finished):
    en, ko = built(finished, "en"), built(finished, "ko")
    assert [cell.id for cell in en.cells] == [cell.id for cell in ko.cells] == [f"90-{position:03d}" for position in range(len(en.cells))]
    assert [cell.get("metadata") for cell in en.cells] == [cell.get("metadata") for cell in ko.cells]
    assert en.cells[-2].source == ko.cells[-2].source


@pytest.mark.parametrize("language, other", [("en", "ko"), ("ko", "en")])
def test_head(finished, language, other):
    lines = built(finished, language).cells[0].source.splitlines()
    assert lines[0].startswith("# ")
    badge = re.match(r"\[!\[(.+?)\]\(\S+\)\]\((\S+)\)", lines[2])
    assert badge[1] and badge[2].endswith(f"/blob/main/notebooks/{language}/90_stamps.ipynb")
    assert repository.REPOSITORY.removeprefix("https://github.com/") in badge[2]
    assert f"](../{other}/90_stamps.ipynb)" in lines[2]
    assert re.findall(r"(?<![\w./])5|0\.1", lines[2]) == ["5", "0.1"]


def test_first_code_cell_installs_only_where_the_course_is_missing(finished):
    first = next(cell for cell in built(finished, "ko").cells if cell.cell_type == "code")
    assert f"git+{repository.REPOSITORY}" in first.source
    assert 'find_spec("segcourse")' in first.source and 'use_language("ko")' in first.source
    assert first.outputs == []


def test_nothing_in_it_tells_where_and_when_it_was_built(finished):
    for path in finished.written:
        text = path.read_text(encoding="utf-8")
        for telling in (str(finished.root), str(Path.home()), sys.version.split()[0], "iopub", "transient"):
            assert telling not in text


def test_up_to_date_is_left_alone_until_forced(finished):
    assert build.stale(root=finished.root) == []
    before = [path.stat().st_mtime_ns for path in finished.written]
    assert build.build_all(root=finished.root, say=quiet) == []
    assert [path.stat().st_mtime_ns for path in finished.written] == before
    assert [path.parent.name for path in build.build_all(languages=["ko"], force=True, root=finished.root, say=quiet)] == ["ko"]


def test_text_in_one_language_makes_only_that_one_stale(course):
    assert {reason for _, _, reason in build.stale(root=course.root)} == {"not built yet"}
    for language in ("en", "ko"):
        page = build.make_notebook(course.read(), language)
        path = course.root / "notebooks" / language / "90_stamps.ipynb"
        path.parent.mkdir()
        path.write_text(nbformat.writes(page.notebook), encoding="utf-8")
    assert build.stale(root=course.root) == []
    course.replace("테스트에서 쓰는 장이에요.", "테스트에 쓰는 장이에요.")
    assert build.stale(root=course.root) == [("90_stamps", "ko", "its source has changed since")]
    course.replace("max(prints)", "max(prints) + 1")
    assert [language for _, language, _ in build.stale(root=course.root)] == ["en", "ko"]
    (course.root / "notebooks" / "en" / "90_stamps.ipynb").write_text("{", encoding="utf-8")
    (course.root / "notebooks" / "en" / "91_gone.ipynb").write_text("{}", encoding="utf-8")
    reasons = {(name, language): reason for name, language, reason in build.stale(root=course.root)}
    assert "damaged" in reasons["90_stamps", "en"] and "source is gone" in reasons["91_gone", "en"]


def test_a_notebook_edited_by_hand_is_out_of_step(course):
    for language in ("en", "ko"):
        path = course.root / "notebooks" / language / "90_stamps.ipynb"
        path.parent.mkdir()
        path.write_text(nbformat.writes(build.make_notebook(course.read(), language).notebook), encoding="utf-8")
    assert build.stale(root=course.root) == []
    path.write_text(path.read_text(encoding="utf-8").replace("자국은 둘이에요", "자국은 두 개예요"), encoding="utf-8")
    assert build.stale(root=course.root) == [("90_stamps", "ko", "it was edited by hand: write that into its source instead")]


def test_a_refused_chapter_is_not_written_and_every_reason_is_given(course):
    course.replace("커널은 하나", "커널은 7개")
    course.replace("from fractions", "# the whole fraction\nfrom fractions")
    with pytest.raises(SourceError) as refused:
        build.build_all(root=course.root, say=quiet)
    assert [problem.line for problem in refused.value.problems] == [course.line("# # 도장"), course.line("the whole fraction")]
    assert not (course.root / "notebooks" / "en").exists()


def test_a_draft_is_written_all_the_same_but_elsewhere(course, tmp_path):
    course.replace("커널은 하나", "커널은 7개")
    said = []
    written = build.build_all(root=course.root, out=tmp_path / "out", run=False, draft=True, say=said.append)
    assert [path.parent.name for path in written] == ["en", "ko"] and "numbers" in said[0]
    with pytest.raises(ValueError, match="folder of its own"):
        build.build_all(root=course.root, run=False)


def test_failing_cell_is_reported_at_its_line_and_nothing_is_written(course):
    course.replace("max(prints)", "max(prints) / 0")
    with pytest.raises(SourceError) as refused:
        build.build_all(languages=["ko"], root=course.root, say=quiet)
    assert refused.value.problems[0].line == course.line("max(prints)")
    assert "ZeroDivisionError" in str(refused.value)
    assert not list((course.root / "notebooks" / "ko").iterdir())


def test_unknown_chapter_names_those_there_are(course):
    with pytest.raises(ValueError, match="no chapter '07'; there are 90_stamps"):
        build.build_all(["07"], root=course.root)


# --- cleaning, on outputs made by hand -------------------------------------------------------------------------------------


def cleaned(course, *outputs, tags=()):
    """What becomes of a cell with these outputs: the outputs kept, and what is said."""
    cell = new_code_cell("x", outputs=list(outputs), metadata={"tags": list(tags)})
    cell.metadata["execution"] = {"iopub.status.busy": "2026-11-23T08:00:00"}
    page = build.Page(new_notebook(cells=[cell]), [7])
    page.notebook.metadata.update(widgets={"state": {}}, language_info={"version": "3.11.7"})
    problems = build.clean(page, course.read(), course.root)
    assert (
        "widgets" not in page.notebook.metadata
        and "version" not in page.notebook.metadata.language_info
        and "execution" not in cell.metadata
    )
    assert {problem.line for problem in problems} <= {7}
    return cell.outputs, [problem.message for problem in problems]


def shown(data, metadata=None):
    return new_output("display_data", data=data, metadata=metadata or {})


def test_a_widget_leaves_its_static_picture_with_its_text(course):
    outputs, said = cleaned(
        course,
        shown(
            {"application/vnd.jupyter.widget-view+json": {"model_id": "a1"}, "image/png": PICTURE, "text/plain": "TransposedConv()"},
            {"image/png": {"alt": "도장"}, "application/vnd.jupyter.widget-view+json": {"colab": {}}},
        ),
    )
    assert said == []
    assert outputs[0].data == {"image/png": PICTURE, "text/plain": "도장"} and outputs[0].metadata == {"image/png": {"alt": "도장"}}


FAULTY = {
    "widget without picture": (shown({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "VBox()"}), "no static picture"),
    "picture without text": (shown({"image/png": PICTURE, "text/plain": "<Figure>"}), "no text for those who cannot see it"),
    "stderr": (new_output("stream", name="stderr", text="UserWarning: careful\n"), "UserWarning: careful"),
    "error": (new_output("error", ename="ValueError", evalue="no", traceback=[]), "ValueError: no"),
    "home": (new_output("stream", name="stdout", text=f"saved {Path.home() / 'x'}"), "path of this machine"),
    "someone's home": (new_output("stream", name="stdout", text="/Users/kim/x.png"), "path of this machine"),
    "address": (shown({"text/plain": "<Linear object at 0x7f3a12345678>"}), "address in memory"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_unfit_output_is_refused(course, fault):
    output, said = FAULTY[fault]
    found = cleaned(course, output)[1]
    assert len(found) == 1 and said in found[0]


def test_the_checkout_s_own_path_is_refused(course):
    assert "path of this machine" in cleaned(course, shown({"text/plain": str(course.root / "data")}))[1][0]


def test_streams_become_one_without_what_was_typed_over(course):
    outputs, said = cleaned(
        course, *(new_output("stream", name="stdout", text=text) for text in (" 10 %\r 20 %\r", "done\nnext\n", "last"))
    )
    assert said == [] and [output.text for output in outputs] == ["done\nnext\nlast"]


@pytest.mark.parametrize(
    "outputs", [[], [shown({"image/png": PICTURE, "text/plain": "a"}, {"image/png": {"alt": "a"}})]], ids=["nothing", "picture"]
)
def test_a_checked_cell_must_show_text(course, outputs):
    assert "no text to compare" in cleaned(course, *outputs, tags=["nbval-check-output"])[1][0]


def test_too_large_is_refused(course, monkeypatch):
    monkeypatch.setattr(build, "LARGEST", 2000)
    page = build.make_notebook(course.read(), "en")
    with pytest.raises(SourceError, match="2,000 is the most"):
        build._build_one(
            page, course.read(), "en", course.root / "x.ipynb", root=course.root, run=False, draft=False, quick=False, say=quiet
        )
    assert not (course.root / "x.ipynb").exists()


def test_written_in_one_step(course, monkeypatch):
    target = course.root / "x.ipynb"
    target.write_text("old", encoding="utf-8")

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError):
        build.write(target, "new")
    assert target.read_text(encoding="utf-8") == "old" and [path.name for path in course.root.glob("*x*")] == ["x.ipynb"]


def test_stub_comes_from_the_exercise(course, monkeypatch):
    from segcourse import exercises

    class Stub:
        @staticmethod
        def stub(language):
            return {"en": "def press(x):\n    # your line here\n    ...\n", "ko": "def press(x):\n    # 여기에 한 줄\n    ...\n"}[language]

    monkeypatch.setattr(exercises, "get", {"fcn.press": Stub}.__getitem__, raising=False)
    course.append('# %% tags=["stub:fcn.press"]\n# the stub')
    assert build.make_notebook(course.read(), "ko").notebook.cells[-1].source == "def press(x):\n    # 여기에 한 줄\n    ..."
    course.replace("stub:fcn.press", "stub:fcn.pres")
    with pytest.raises(SourceError, match="no exercise 'fcn.pres'"):
        build.make_notebook(course.read(), "ko")


# --- the command line and two clones --------------------------------------------------------------------------------------


def test_command_line_draft_and_check(course, monkeypatch, capsys):
    monkeypatch.setattr(build, "course_root", lambda: course.root)
    assert build.main(["90", "--no-execute", "--language", "ko"]) == 0
    assert (course.root / "build" / "notebooks" / "ko" / "90_stamps.ipynb").exists() and not (course.root / "notebooks" / "ko").exists()
    assert build.main(["--check"]) == 1
    assert "notebooks/ko/90_stamps.ipynb: not built yet" in capsys.readouterr().out
    assert build.main(["07"]) == 2
    course.replace("커널은 하나", "커널은 7개")
    assert build.main(["90"]) == 1
    assert f"90_stamps.py:{course.line('# # 도장')}: " in capsys.readouterr().err


BUILD = "import sys; from pathlib import Path; from segcourse.authoring import build; build.build_all(root=Path(sys.argv[1]))"


@pytest.mark.slow
def test_two_builds_in_two_places_are_identical(tmp_path, make_course):
    """Other folder, other home, other hash seed, other locale, other terminal width: the same bytes."""
    found = []
    for name, different in (
        ("one", {"PYTHONHASHSEED": "1", "COLUMNS": "80", "LANG": "C"}),
        ("another place", {"PYTHONHASHSEED": "2", "COLUMNS": "200", "TZ": "Asia/Seoul"}),
    ):
        course = make_course(tmp_path / name)
        course.append('# %%\nprint({"one", "two", "three", "four"}, hash("stamp"))')
        home = tmp_path / f"home of {name}"
        home.mkdir()
        subprocess.run(
            [sys.executable, "-c", BUILD, str(course.root)],
            check=True,
            capture_output=True,
            env={**os.environ, **different, "HOME": str(home), "PYTHONPATH": str(Path(build.__file__).parents[2])},
        )
        found.append({path.relative_to(course.root): path.read_bytes() for path in course.root.glob("notebooks/??/*.ipynb")})
    assert len(found[0]) == 2 and found[0] == found[1]
    assert json.loads(next(iter(found[0].values())))["nbformat"] == 4
