"""T(...), LANGUAGE and paired comments: what each reader sees, and that nothing else changes."""

import pytest

from segcourse.authoring import localise

PLAIN = """x = {"a": 1}   # keep  this
def f(y):   # (N, C, H, W)
    return f"{y!r:>10}" "도장"
"""

CASES = [
    ('title = T(en="a sum", ko="합이에요")', 'title = "a sum"', 'title = "합이에요"'),
    (
        "draw('도장 도장', T(en='two', ko='둘'), T(ko='셋', en='three'))  ;  y = 1",
        "draw('도장 도장', 'two', 'three')  ;  y = 1",
        "draw('도장 도장', '둘', '셋')  ;  y = 1",
    ),
    ('print(T(en=f"{n:,} cells",\n        ko=f"칸 {n:,}개"), n)', 'print(f"{n:,} cells", n)', 'print(f"칸 {n:,}개", n)'),
    ('t = T(en="one "\n      "two",\n      ko="하나 "\n      "둘")', 't = "one two"', 't = "하나 둘"'),
    ('t = T(en="{} is "\n      f"{x}",\n      ko="값은 {} "\n      f"{x}")', 't = f"{{}} is {x}"', 't = f"값은 {{}} {x}"'),
    ("t = T(en='one '\n      \"two\", ko='a')", "t = 'one ' \"two\"", "t = 'a'"),
    ('t = T(en=["a b", "c d"], ko=["가", "나"])', 't = ["a b", "c d"]', 't = ["가", "나"]'),
    ("use_language(LANGUAGE)", 'use_language("en")', 'use_language("ko")'),
    ("# en: first\n# en: second\n# ko: 처음\nx = 1", "# first\n# second\nx = 1", "# 처음\nx = 1"),
    (
        "def f():\n    # en: stamp\n    # ko: 도장\n    return 1",
        "def f():\n    # stamp\n    return 1",
        "def f():\n    # 도장\n    return 1",
    ),
    ("x = 1  # en: one | ko: 하나\ny = 2", "x = 1  # one\ny = 2", "x = 1  # 하나\ny = 2"),
    ('x = "# en: not a comment | ko: 주석 아님"', 'x = "# en: not a comment | ko: 주석 아님"', 'x = "# en: not a comment | ko: 주석 아님"'),
    ("T_shirt = 1\nmy.T(en=1)", "T_shirt = 1\nmy.T(en=1)", "T_shirt = 1\nmy.T(en=1)"),
]


@pytest.mark.parametrize("code, en, ko", CASES)
def test_each_reader_sees_one_language(code, en, ko):
    assert (localise.resolve(code, "en"), localise.resolve(code, "ko")) == (en, ko)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_other_code_stays_character_by_character(language):
    assert localise.resolve(PLAIN, language) == PLAIN.rstrip("\n")


def test_long_text_of_several_parts_keeps_its_lines_and_its_value():
    code = 'text = T(en="' + "a" * 70 + ' "\n         f"{3}' + "b" * 70 + '", ko=f"{3}가")'
    resolved = localise.resolve(code, "en")
    assert max(map(len, resolved.splitlines())) < 100
    names = {}
    exec(resolved, names)
    assert names["text"] == "a" * 70 + " 3" + "b" * 70


REFUSED = [
    ('x = 1\ny = T(en="a")', 2, "missing: ko"),
    ('T("a", "b")', 1, "missing: en, ko"),
    ('T(en="a", ko="b", de="c")', 1, "nothing else"),
    ('T(en=name, ko="b")', 1, "plain string"),
    ("""f"{T(en='a', ko='b')}" """, 1, "out of the f-string"),
    ('f"{LANGUAGE}"', 1, "out of the f-string"),
    ('T(en=f"{a}", ko=f"{b}")', 1, "different values"),
    ("x = 1\n# en: alone\ny = 2", 2, "both languages"),
    ("# ko: 혼자\n# en: wrong order", 1, "both languages"),
    ('T(en="a",  # why\n  ko="b")', 1, "above the T"),
    ("x = = 1", 1, "not plain Python"),
    ("%matplotlib inline", 1, "not plain Python"),
]


@pytest.mark.parametrize("code, line, said", REFUSED)
def test_refuses_with_the_line(code, line, said):
    with pytest.raises(localise.CodeError, match=said) as refused:
        localise.resolve(code, "en")
    assert refused.value.line == line


def test_texts_of_both_languages_are_found_for_the_checks():
    code = 'x = T(en=f"a {n} b", ko=f"가 {n} 나")\ny = T(en=["c"], ko=["다"])\n# en: d\n# ko: 라\nz = 0  # en: e | ko: 마'
    assert [(text.line, text.en, text.ko) for text in localise.texts(code)] == [
        (1, "a {} b", "가 {} 나"),
        (2, "c", "다"),
        (3, "d", "라"),
        (5, "e", "마"),
    ]


def test_lists_must_be_of_one_length():
    with pytest.raises(localise.CodeError, match="2 texts in English and 1 in Korean"):
        localise.texts('T(en=["a", "b"], ko=["가"])')
