"""The lecture notes' claims: their verdicts, the answer sheet, and what the deciding cell says to the reader's choice."""

import re

import pytest

from segcourse.exercises import claims
from segcourse.language import reading

# How each claim turned out when the notes were gone through line by line against the papers (the course's design, claim by claim). What decides
# a claim is its chapter's cell, but the word in front of the reader stands in claims.toml, and no cell reads it.
HOLDS = "0.1 0.2 0.3 1.1 1.2 1.2a 1.4 1.7 2.1 2.4 2.7a 3.1 3.2 3.4 3.5 3.6 3.7"
LOOSE = "1.2b 1.3 1.5 1.8 1.10 1.11 1.12 2.1b 2.3 2.5 2.6 2.9 3.2a 3.3 3.5b 3.8"
FAILS = "1.6 1.9 2.2 2.7 2.8 3.4a"
DECIDED = {name: verdict for verdict, names in (("holds", HOLDS), ("loose", LOOSE), ("fails", FAILS)) for name in names.split()}


@pytest.fixture(autouse=True)
def no_answers(monkeypatch):
    monkeypatch.setattr(claims, "_answers", {})


def test_every_verdict_is_the_one_that_was_found():
    written = {name: claim["verdict"] for chapter in claims._chapters().values() for name, claim in chapter.items()}
    assert written == {name: DECIDED.get(name, "add it to this test's list, with its verdict") for name in written}


def test_every_claim_stands_in_both_languages_under_its_chapter():
    for chapter, found in claims._chapters().items():
        for name, claim in found.items():
            assert int(name.partition(".")[0]) == int(chapter), name
            assert claim["en"].endswith(".") and claim["ko"].endswith(".") and re.search("[가-힣]", claim["ko"]) and not re.search("[가-힣]", claim["en"])


@pytest.mark.parametrize("language, word, praise", [("en", "Verdict: fails.", "Well judged"), ("ko", "결론은 “틀려요”", "잘 봤어요")])
def test_the_deciding_cell_answers_what_was_chosen(language, word, praise, capsys):
    with reading(language):
        claims.decide("1.9")
        assert word in capsys.readouterr().out
        claims._answers["1.9"] = "holds"
        claims.decide("1.9")
        told = capsys.readouterr().out
        assert word in told and claims.verdict_name("holds") in told and praise not in told
        claims._answers["1.9"] = "fails"
        claims.decide("1.9")
        assert praise in capsys.readouterr().out


def test_a_button_is_the_answer():
    rows = claims.sheet("01", "1.9", "1.6").widget().children
    assert len(rows) == 2
    buttons = rows[0].children[1]
    assert [value for _, value in buttons.options] == ["", "holds", "loose", "fails"] and buttons.value == ""
    buttons.value = "loose"
    assert claims._answers == {"1.9": "loose"}
    assert claims.sheet("01", "1.9").widget().children[0].children[1].value == "loose"


def test_without_a_widget_the_sheet_is_a_table():
    with reading("ko"):
        sheet = claims.sheet("01")
        assert "맞아요 · 반만 맞아요 · 틀려요" in sheet._repr_html_() and len(repr(sheet).splitlines()) == len(claims.claims("01"))
    bundle, _ = claims.sheet("01", "1.9")._repr_mimebundle_()
    assert "averaged" in bundle["text/plain"] and "application/vnd.jupyter.widget-view+json" in bundle


def test_unknown_claims_and_chapters_are_named():
    for call, said in ((lambda: claims.decide("1.99"), "no claim '1.99'"), (lambda: claims.sheet("01", "9.1"), "no claim '9.1'"), (lambda: claims.claims("77"), "'77' has no claims")):
        with pytest.raises(KeyError, match=said):
            call()
