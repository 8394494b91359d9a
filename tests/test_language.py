import pytest

from segcourse import language


@pytest.mark.parametrize(("word", "pair", "expected"), [
    ("FCN", "은/는", "FCN은"), ("VGG16", "은/는", "VGG16은"), ("CRF", "은/는", "CRF는"), ("IoU", "은/는", "IoU는"),
    ("ReLU", "을/를", "ReLU를"), ("r", "은/는", "r은"), ("N", "은/는", "N은"), ("L", "은/는", "L은"), ("k", "은/는", "k는"),
    ("8s", "은/는", "8s는"), (32, "으로/로", "32로"), (8, "으로/로", "8로"), (3, "으로/로", "3으로"), (10, "이/가", "10이"),
    ("커널", "으로/로", "커널로"), ("합", "이에요/예요", "합이에요"), ("도로", "이에요/예요", "도로예요"),
])
def test_particles_follow_the_korean_reading(word, pair, expected):
    assert language.josa(word, pair) == expected


def test_the_language_can_be_set_for_a_block_and_comes_back():
    before = language.current()
    with language.reading("ko"):
        assert language.say(en="sum", ko="합") == "합"
        with language.reading("en"):
            assert language.say(en="sum", ko="합") == "sum"
        assert language.current() == "ko"
    assert language.current() == before


def test_an_unknown_language_is_refused_by_name():
    with pytest.raises(ValueError, match="'fr'"):
        language.use_language("fr")


def test_the_environment_decides_where_nothing_was_said(monkeypatch):
    monkeypatch.setitem(language._process, "language", None)
    monkeypatch.setenv("SEGCOURSE_LANG", "ko")
    assert language.current() == "ko"
    monkeypatch.setenv("SEGCOURSE_LANG", "klingon")
    assert language.current() == "en"
