"""Every rule that makes a chapter unfit to be built: the sample is fit, and each single fault is found at its line."""

import pytest

from segcourse.authoring import check, korean
from segcourse.authoring.source import SourceError


def test_sample_is_fit(course):
    assert course.problems() == []


# (what stands in the sample, what is written instead, the line the problem is at, what is said)
FAULTS = {
    "twin missing": (
        '# %% [markdown] lang="ko"\n# ## 자국 두 개가 겹치면 어떻게 될까요?\n#\n# `stride=2`이면 합은 $a + b$예요.\n',
        "",
        "## What happens",
        "no Korean twin",
    ),
    "heading level": ("# ## 자국", "# ### 자국", "# ### 자국", "heading levels"),
    "formula": ("합은 $a + b$", "합은 $a - b$", "## 자국", "formulas"),
    "inline code": ("`stride=2`이면", "`stride=3`이면", "## 자국", "inline code"),
    "number": ("칸은 세 개, 커널", "칸은 4개, 커널", "# # 도장", "numbers: only in English 3; only in Korean 4"),
    "number word": ("칸은 세 개, 커널", "칸은 여러 개, 커널", "# # 도장", "numbers: only in English 3"),
    "link": ("[수학](https://example.org/stamps)", "[수학](https://example.org/other)", "# # 도장", "links"),
    "link dropped": ("[수학](https://example.org/stamps)도", "수학도", "# # 도장", "links"),
    "picture": ("합은 $a + b$예요.", "합은 $a + b$예요. ![자국](a.png)", "## 자국", "pictures"),
    "picture untold": ("# With `stride=2`", "# ![](a.png)\n# With `stride=2`", "![](a.png)", "no text for those who cannot see"),
    "html picture untold": ("# With `stride=2`", '# <img src="a.png">\n# With `stride=2`', "<img", "no alt="),
    "broken link": ("# With `stride=2`", "# [next](02_none.ipynb)\n# With `stride=2`", "02_none", "leads nowhere"),
    "Korean in English": ("# With `stride=2` the", "# 도장 With `stride=2` the", "## What happens", "Korean in the English text"),
    "English in Korean": (
        "`stride=2`이면 합은 $a + b$예요.\n",
        "With `stride=2` the sum really is the one that follows, $a + b$.\n",
        "really",
        "translate it",
    ),
    "translated phrase": ("`stride=2`이면 합은", "`stride=2`를 통해 합은", "통해", "glue"),
    "title twice": ("# ## 자국 두 개가", "# # 자국 두 개가", "# # 자국", "only the title"),
    "no title": ("# # Stamps", "# ## Stamps", "# ---", "begin with the chapter's title"),
    "unknown tag": (
        '# %% tags=["nbval-check-output"]\nmax',
        '# %% tags=["nbval-check-ouput"]\nmax',
        "check-ouput",
        "no tag 'nbval-check-ouput'",
    ),
    "few checked": ('# %% tags=["nbval-check-output"]\nmax', "# %%\nmax", "# ---", "7 cells are checked"),
    "no parameters": ('tags=["parameters"]', "", "# ---", "this chapter has 0"),
    "T missing": ('ko=f"자국: {prints}"', "", "print(T(en", "missing: ko"),
    "T untranslated": ('ko=f"자국: {prints}"', 'ko=f"the prints: {prints}"', "print(T(en", "no Korean in it"),
    "T numbers": ('ko=f"자국: {prints}"', 'ko=f"자국 4개: {prints}"', "print(T(en", "only in Korean 4"),
    "T translated phrase": ('ko=f"자국: {prints}"', 'ko=f"당신의 자국: {prints}"', "print(T(en", "당신"),
    "comment": ("from fractions", "# the whole fraction\nfrom fractions", "# the whole", "would stay English"),
    "label": ("sum(prints)", 'draw(prints, title="the sum of prints")', "title=", "a Korean reader would see"),
    "printed": ("sum(prints)", 'print("the sum of", prints)', '"the sum of"', "a Korean reader would see"),
    "long cell": ("sum(prints)", "x = 1\n" * 26, "x = 1", "26 lines of code"),
    "lost picture": ("sum(prints)", "figures.grid(prints)\nx = 1", "figures.grid", "Write display(figures.grid(...))"),
    "absolute path": ("sum(prints)", 'open("/home/kim/x.txt")', "/home/kim", "one machine"),
    "windows path": ("sum(prints)", r'open(r"C:\Users\kim\x.txt")', "C:", "one machine"),
    "stub not empty": (
        '# %% tags=["nbval-check-output"]\nsum',
        '# %% tags=["nbval-check-output", "stub:fcn.x"]\nsum',
        "sum(prints)",
        "leave this cell empty",
    ),
    "unknown claim": (
        '# %% tags=["nbval-check-output"]\nsum',
        '# %% tags=["nbval-check-output", "claim-90.1"]\nsum',
        "claim-90.1",
        "has no claim 90.1",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found_at_its_line(course, fault):
    old, new, place, said = FAULTS[fault]
    course.replace(old, new)
    fitting = [problem for problem in course.problems() if said in problem.message]
    assert fitting, "\n".join(map(str, course.problems())) or "nothing was found"
    assert course.line(place) in [problem.line for problem in fitting]
    assert str(fitting[0]).startswith(f"notebooks/source/90_stamps.py:{fitting[0].line}: ")
    assert not fitting[0].warning


ALIKE = {
    "digits for words": ("칸은 세 개, 커널은 하나", "칸은 3개, 커널은 1개"),
    "order of code": ("`stride=2`이면 합은 $a + b$예요.", "합은 $a + b$예요. 단 `stride=2`일 때예요."),
    "words in a formula": ("합은 $a + b$", "합은 $a +  b$"),
}


@pytest.mark.parametrize("change", ALIKE)
def test_what_may_differ(course, change):
    course.replace(*ALIKE[change])
    assert course.problems() == []


def test_links_to_the_other_language_may_differ(course):
    course.replace("overlapping prints.", "overlapping prints. See [stamps](../en/90_stamps.ipynb#what).")
    course.replace("겹치는 자국은 둘이에요.", "겹치는 자국은 둘이에요. [도장](../ko/90_stamps.ipynb#무엇)도 보세요.")
    assert course.problems() == []


@pytest.mark.parametrize(
    "en, ko, differ",
    [
        ("10,000 numbers, 1/8 of 0.5", "0.5의 1/8, 숫자 10000개", ""),
        ("4 million weights", "가중치 400만 개", ""),
        ("a quarter is left", "4분의 1만 남아요", ""),
        ("12 cells", "칸 열두 개", ""),
        ("96x128 pixels", "96x192 픽셀", "only in English 128; only in Korean 192"),
        ("7.5 %", "75 %", "only in English 7.5; only in Korean 75"),
    ],
)
def test_numbers(en, ko, differ):
    assert check._unmatched_numbers(en, ko) == differ


def test_two_screens_without_a_heading(course):
    course.append('# %% [markdown] lang="en"\n' + "# A line.\n#\n" * 45 + '\n# %% [markdown] lang="ko"\n' + "# 한 줄이에요.\n#\n" * 45)
    assert [problem.line for problem in course.problems()] == [course.line("## What happens")]
    assert "two screens" in course.problems()[0].message


def test_silent_cells_in_a_row_are_a_warning(course):
    course.append("\n\n".join(["# %%\nx = 1"] * 4))
    problems = course.problems()
    assert [problem.warning for problem in problems] == [True]
    assert problems[0].line == course.line("x = 1")


CLAIM = '# %% tags=["claim-90.1"]\n{}\n'


@pytest.mark.parametrize(
    "code, said",
    [
        ("double = [2 * x for x in prints]\nassert sum(double) == 2 * sum(prints)", ""),
        ("assert sum(prints) == 18\nprint(1)", "end the cell in an assert"),
        ("x = 1\nassert True", "must test a value that this cell computes"),
        ("x = 1\nassert prints == 3", "must test a value that this cell computes"),
    ],
)
def test_claim_must_be_decided(course, monkeypatch, code, said):
    monkeypatch.setattr(check, "claims", lambda: {"90": {"90.1": {"verdict": "holds"}}})
    course.append(CLAIM.format(code))
    found = [problem.message for problem in course.problems()]
    assert (said in found[0]) if said else not found


def test_claim_must_have_a_cell(course, monkeypatch):
    monkeypatch.setattr(check, "claims", lambda: {"90": {"90.1": {"verdict": "holds"}}})
    assert ["no cell decides claim 90.1" in problem.message for problem in course.problems()] == [True]


def test_lecture_note_claims_of_chapter_01_are_all_there():
    """The list of ids is the design's; none may be dropped."""
    assert set(check.claims()["01"]) == {
        "1.1",
        "1.2",
        "1.2a",
        "1.2b",
        "1.3",
        "1.4",
        "1.5",
        "1.6",
        "1.7",
        "1.8",
        "1.9",
        "1.10",
        "1.11",
        "1.12",
    }


# --- Korean ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "당신의 답을 고르세요",
        "값이 정해되어집니다",
        "도장에 의해 찍혀요",
        "키우는 것이 가능해요",
        "이것은 합이에요",
        "합이에요. 우리는 더해요",
        "3개의 채널을 가져요",
        "커널을 통해 봐요",
        "도장에 대해서 알아봐요",
        "이런 성질을 **등변성(equivariance)**이라고 해요",
        "다음과 같아요:",
        "**이렇게요**:",
        "합입니다.",
        "무엇일까요? 그렇습니까",
    ],
)
def test_translated_korean_is_heard(text):
    assert korean.faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "채널이 3개예요.",
        "도장을 두 번 찍어 볼게요.",
        "그러니까 합이에요.",
        "> 노트에는 평균입니다 하고 적혀 있어요",
        "이것도 합이에요.",
        "비율은 1:2예요.",
        "아니다 싶으면 다시 골라요.",
        "통해요.",
        "“합이다”라고 답했어요.",
        "이런 성질을 **등변성**(equivariance)이라고 해요.",
    ],
)
def test_natural_korean_is_left_alone(text):
    assert korean.faults(text) == []


def test_a_label_may_end_in_a_colon_a_sentence_may_not():
    assert korean.faults("가중치 수:", label=True) == []
    assert korean.faults("이렇게 돼요:", label=True)


def test_the_line_of_a_korean_fault(course):
    course.replace("# 테스트에서 쓰는 장이에요.", "# 첫 줄이에요.\n# 당신이 쓰는 장이에요.")
    assert [problem.line for problem in course.problems() if "당신" in problem.message] == [course.line("당신이")]


# --- what a chapter needs ---------------------------------------------------------------------------------------------------


def another(course, name, needs):
    """A second chapter, of which only the head is read."""
    number, _, short = name.partition("_")
    head = f'# ---\n# chapter: "{number}"\n# name: {short}\n# minutes: {{reading: 5, running: 0.1}}\n# needs: {needs}\n# ---\n'
    (course.source.parent / f"{name}.py").write_text(head, encoding="utf-8")


def test_needs_of_a_chapter_that_is_there(course):
    another(course, "80_ink", "[]")
    course.replace("# needs: []", '# needs: ["80"]')
    assert course.read().needs == ("80",) and course.problems() == []


def test_needs_of_an_unknown_chapter(course):
    course.replace("# needs: []", '# needs: ["07"]')
    (problem,) = course.problems()
    assert problem.line == course.line("needs:") and not problem.warning
    assert "no chapter '07'" in problem.message and "there are 90" in problem.message


def test_needs_of_a_planned_chapter_warn(course):
    course.replace("# needs: []", '# needs: ["07"]')
    (course.source.parent / "plan.toml").write_text('["07"]\nen = "Ink"\nko = "잉크"\nneeds = []\n', encoding="utf-8")
    (problem,) = course.problems()
    assert problem.warning and "planned" in problem.message


def test_a_written_chapter_leaves_the_plan(course):
    (course.source.parent / "plan.toml").write_text('["90"]\nen = "Stamps"\nko = "도장"\nneeds = []\n', encoding="utf-8")
    (problem,) = course.problems()
    assert problem.warning and "take it out of notebooks/source/plan.toml" in problem.message


@pytest.mark.parametrize("circle", [["90"], ["90", "80"], ["90", "80", "81"]])
def test_needs_in_a_circle(course, circle):
    names = {"80": "80_ink", "81": "81_paper"}
    for number, need in zip(circle, [*circle[1:], circle[0]], strict=True):
        if number == "90":
            course.replace("# needs: []", f'# needs: ["{need}"]')
        else:
            another(course, names[number], f'["{need}"]')
    (problem,) = course.problems()
    assert problem.line == course.line("needs:") and " -> ".join([*circle, "90"]) in problem.message


# --- the source's form ----------------------------------------------------------------------------------------------------


def test_every_cell_knows_its_line(course):
    lines = course.text.splitlines()
    for cell in course.read().cells:
        first = cell.text.splitlines()[0]
        assert lines[cell.line - 1].removeprefix("# " if cell.kind == "markdown" else "") == first


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("# minutes: {reading: 5, running: 0.1}", "# minutes: long", "begin the file with a header"),
        ("# name: stamps", "# name: prints", "begin the file with a header"),
        ("# needs: []\n", "", "needs: the chapters to read before"),
        ("# needs: []", "# needs: [07]", "in quotes"),
        ("# needs: []", '# needs: "07"', "in quotes"),
        ('# %% [markdown] lang="en"\n# # Stamps', "# %% [markdown]\n# # Stamps", "which language"),
        ('# %% tags=["setup"]', '# %% lang="en" tags=["setup"]', "code stands once"),
        ('# %% tags=["setup"]', "# %% [raw]", "has no place"),
        ('# %% tags=["setup"]', '# %% tags=["setup"] collapsed=true', "not collapsed"),
    ],
)
def test_source_of_another_form_is_refused(course, old, new, said):
    course.replace(old, new)
    with pytest.raises(SourceError, match=said):
        course.read()
