"""Axe finds no serious or critical fault in a lab, in light and dark, in both languages, in any state that 'try this' sets up."""

import pytest

from segcourse import labs
from segcourse.language import reading

from .accessible import faults, violations


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", labs.names())
def test_axe_finds_no_serious_fault(open_reader, name, language, dark):
    with reading(language):
        reader = open_reader(getattr(labs, name)(), dark=dark)
    assert reader.root.get_attribute("data-theme") == ("dark" if dark else "light")
    assert faults(reader.page) == []
    for n in range(reader.tries()):
        reader.start(trying=n)
        assert faults(reader.page) == []


def test_axe_would_find_one(open_reader):
    reader = open_reader(labs.transposed_conv())
    reader.root.evaluate("(root) => { root.querySelector('.sc-hint').style.color = '#dddddd'; root.querySelector('.sc-slider label').remove(); }")
    assert {found[1] for found in violations(reader.page)} >= {"color-contrast", "label"}
