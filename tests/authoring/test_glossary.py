"""The glossary: complete, held in every Korean text, and true about where a term is first used."""

import re
from pathlib import Path

import pytest

from segcourse import glossary
from segcourse.authoring import check, korean, localise
from segcourse.authoring.source import read_chapter
from segcourse.language import reading

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
ENTRY = '[[term]]\nen = "stride"\nko = "스트라이드"\nby = "S"\nchapter = "01"\ngloss = false\nnote_en = "a step"\nnote_ko = "한 걸음"\n'


def test_every_term_is_complete_in_its_language():
    assert len(glossary.terms()) > 100
    for term in glossary.terms():
        # An English name in the Korean column, or the other way round, is a slip, but for what Korean researchers write in English.
        assert re.search("[가-힣]", term.ko) and not re.search("[가-힣]", term.en), term
        assert re.search("[가-힣]", term.note_ko) and len(term.note_en.split()) > 1, term
        assert 0 <= int(term.chapter) <= 8
        assert not (term.wrong and any(term.wrong.search(name) for name in (term.ko, *term.also))), f"{term.en}: its own name is forbidden"


def test_no_term_forbids_another_ones_name():
    for term in glossary.terms():
        for other in glossary.terms():
            assert not (term.wrong and term.wrong.search(other.ko)), f"{term.en} forbids {other.ko}"


def test_the_words_that_were_decided():
    """Of the design's table, those that are most often got wrong."""
    decided = {"transposed convolution": "전치 합성곱", "receptive field": "수용 영역", "regularization": "규제", "unary potential": "단항 포텐셜", "stream": "스트림",
               "bilateral kernel": "bilateral 커널", "void": "무시 레이블", "deconvolution": "디컨볼루션", "conditional random field": "조건부 랜덤 필드", "recall": "재현율"}
    assert {en: glossary.find(en).ko for en in decided} == decided
    assert glossary.find("수용 영역") is glossary.find(" Receptive Field ") and glossary.find("양선형 보간").en == "bilinear interpolation"


def test_an_unknown_word_suggests_the_nearest():
    with pytest.raises(KeyError, match="try 'receptive field'"):
        glossary.find("receptiv field")
    with reading("ko"), pytest.raises(KeyError, match="수용 영역"):
        glossary.find("수용 영력")


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('note_ko = "한 걸음"\n', "", "stride is not complete"),
        ('ko = "스트라이드"', 'ko = " "', "stride has no ko"),
        ('by = "S"', 'by = "X"', "by is not T or S"),
        ('chapter = "01"', 'chapter = "1"', "not two digits"),
        ("gloss", "glos", "stride is not complete"),
    ],
)
def test_a_blank_is_refused(old, new, said):
    assert glossary.read(ENTRY)[0].ko == "스트라이드"
    with pytest.raises(ValueError, match=said):
        glossary.read(ENTRY.replace(old, new))


def test_a_term_or_a_name_stands_once():
    with pytest.raises(ValueError, match="twice"):
        glossary.read(ENTRY + ENTRY)
    with pytest.raises(ValueError, match="one meaning"):
        glossary.read(ENTRY + ENTRY.replace('"stride"', '"step"'))


# --- Korean texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, right",
    [
        ("디콘볼루션", "디컨볼루션"), ("컨볼루션", "합성곱"), ("양방향 커널", "bilateral 커널"), ("정규화 항", "규제"), ("단항 항", "단항 포텐셜"), ("잔차 흐름", "스트림"), ("스위칭 변수", "스위치 변수"),
        ("리셉티브 필드", "수용 영역"), ("라벨", "레이블"), ("역합성곱", "전치 합성곱"), ("특성 맵", "특징 맵"), ("재현률", "재현율"), ("스킵 커넥션", "스킵 연결"), ("시맨틱 세그멘테이션", "의미론적 분할"),
    ],
)
def test_another_name_is_refused(wrong, right):
    (fault,) = korean.words(f"첫 줄이에요.\n여기에는 {wrong}이 있어요.")
    assert fault[0] == 1 and f"“{wrong}”" in fault[1] and right in fault[1]
    assert fault in korean.faults(f"첫 줄이에요.\n여기에는 {wrong}이 있어요.")


@pytest.mark.parametrize("text", ["'컨볼루션'이라고도 해요.", "“컨볼루션”은 소리예요.", "*컨볼루션*이라는 말", "`컨볼루션` 열쇠", "컨볼루션이라고도 해요.", "> 컨볼루션을 하라", "논문은 디컨볼루션이라고 불러요.", "배치 정규화를 해요.", "다른 영상이에요."])
def test_a_word_may_be_spoken_of(text):
    assert korean.words(text) == []


def test_bold_is_not_quoting():
    assert korean.words("**컨볼루션**이라고 해요.")


def test_package_claims_and_readme_use_the_courses_words():
    wrong = check.package(ROOT)
    assert not wrong, "\n" + "\n".join(map(str, wrong))


def test_a_wrong_word_in_the_package_is_found_with_its_line(tmp_path):
    (tmp_path / "segcourse" / "exercises").mkdir(parents=True)
    (tmp_path / "segcourse" / "labs.py").write_text('x = 1\nsay(en="label", ko="라벨")\nsay(en="labels", ko=f"라벨 {x}개")\n', encoding="utf-8")
    (tmp_path / "segcourse" / "exercises" / "claims.toml").write_text('[a]\nen = "label"\nko = "라벨을 본다."\n', encoding="utf-8")
    (tmp_path / "README.md").write_text('Korean readers say "라벨".\n\n라벨이에요.\n', encoding="utf-8")
    assert [(problem.path, problem.line) for problem in check.package(tmp_path)] == [
        ("README.md", 3), ("segcourse/exercises/claims.toml", 3), ("segcourse/labs.py", 2), ("segcourse/labs.py", 3)]


# --- first uses ------------------------------------------------------------------------------------------------------------


def first(*texts):
    return {term.en: (number, line, glossed) for term, number, line, glossed in korean.first_uses(list(texts))}


def test_the_first_use_is_found_in_running_text():
    found = first("# 수용 영역\n칸이 있어요.", "이걸 **수용 영역**(receptive field)이라고 해요.\n유효 수용 영역도 있어요. 완전\n연결층이에요.")
    assert found["receptive field"] == (1, 0, True)                          # not the heading
    assert found["effective receptive field"] == (1, 1, False)
    assert found["fully connected layer"] == (1, 1, False)                   # over a line's end
    assert "convolution" not in first("전치 합성곱(transposed convolution)만 써요.") and "solution" not in first("같은 일을 되풀이해요.")


CHAPTER = '\n# %% [markdown] lang="en"\n# ## More\n# {en}\n\n# %% [markdown] lang="ko"\n# ## 더\n# {ko}\n'


def test_a_first_use_needs_its_english_in_the_chapter_that_brings_the_term(course, monkeypatch):
    entry = ENTRY.replace('"01"', '"90"').replace("gloss = false", "gloss = true")
    monkeypatch.setattr(glossary, "terms", lambda: glossary.read(entry))
    course.append(CHAPTER.format(en="A stride.", ko="스트라이드예요."))
    (problem,) = course.problems()
    assert "스트라이드(stride)" in problem.message and problem.line == course.line("스트라이드예요.")
    course.replace("스트라이드예요.", "스트라이드(stride)예요. 스트라이드가 2예요.")
    course.replace("A stride.", "A stride. It is 2.")
    assert course.problems() == []


def test_a_term_used_before_its_chapter_is_told(course, monkeypatch):
    monkeypatch.setattr(glossary, "terms", lambda: glossary.read(ENTRY.replace('"01"', '"91"')))
    course.append(CHAPTER.format(en="A stride.", ko="스트라이드예요."))
    (problem,) = course.problems()
    assert 'write chapter = "90"' in problem.message and problem.line == course.line("스트라이드예요.")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_chapter_uses_the_terms_that_the_glossary_says_it_brings(source):
    chapter = read_chapter(source, ROOT)
    seen = "\n".join([cell.text for cell in chapter.cells if cell.language == "ko"]
                     + [text.ko for cell in chapter.code if not cell.tagged("stub:") for text in localise.texts(cell.text)])
    absent = [term.en for term in glossary.terms() if term.chapter == chapter.number and not term.pattern.search(seen)]
    assert not absent, f"chapter {chapter.number} does not use {', '.join(absent)}: correct their chapter in segcourse/glossary.toml"
