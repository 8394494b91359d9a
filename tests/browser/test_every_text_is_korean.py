"""A lab opened in Korean shows no English, whatever its controls are moved to: texts, labels, alternative texts, and what the canvas writes."""

import pytest

from segcourse import labs
from segcourse.language import reading

from .korean import english_in
from .reader import walk


@pytest.mark.slow
@pytest.mark.parametrize("name", labs.names())
def test_no_english_in_any_state(open_reader, name):
    texts = set()

    def read(seen):
        assert seen["missing"] == []
        texts.update(seen["texts"])

    with reading("ko"):
        lab = getattr(labs, name)()
        texts.add(lab.picture().alt)
        reader = open_reader(lab)
    read(reader.see())
    walk(reader, name, lambda before, after, control, way: read(after), ways=("mouse",))
    assert any("가" <= letter <= "힣" for text in texts for letter in text)
    assert english_in(texts) == []


def test_english_would_be_heard():
    assert english_in(["도장 stamps 3개", "IoU는 3", "AᵀAx", "k = 3, s = 2", "VGG 앞부분"]) == [("stamps", "도장 stamps 3개")]
